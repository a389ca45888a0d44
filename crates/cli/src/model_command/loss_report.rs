//! How the cost of a precision is said: as JSON, and in a line for each check.

use model::{Precision, ScoreAgreement, Summary};
use serde::Serialize;

use crate::model_command::verdict::Check;
use crate::table::grouped;

/// The cosines of embeddings with those of f32.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cosines {
    count: usize,
    least_cosine: f64,
    mean_cosine: f64,
}

impl From<Summary> for Cosines {
    fn from(Summary { count, least, mean }: Summary) -> Self {
        Self { count, least_cosine: least, mean_cosine: mean }
    }
}

/// A rank statistic, one number for each thing that orders others.
#[derive(Clone, Copy, Debug, Serialize)]
struct Taus {
    count: usize,
    least: f64,
    mean: f64,
}

impl From<Summary> for Taus {
    fn from(Summary { count, least, mean }: Summary) -> Self {
        Self { count, least, mean }
    }
}

#[derive(Clone, Debug, Serialize)]
struct Ranks {
    statistic: &'static str,
    /// For each picture, of the order of the texts.
    texts_of_a_picture: Option<Taus>,
    /// For each text, of the order of the pictures.
    pictures_of_a_text: Option<Taus>,
}

/// Pictures with another best text.
#[derive(Clone, Debug, Serialize)]
struct BestTexts {
    pictures: usize,
    changed: usize,
    /// By how much the logit of the text that was best in f32 led there over the one that became the best.
    largest_lead: Option<f64>,
    mean_lead: Option<f64>,
}

/// What became of the scores of all pairs of a picture and a text.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Scores {
    pairs: usize,
    rank: Ranks,
    best_text: BestTexts,
    probabilities_across_half: usize,
    largest_probability_change: f64,
    largest_logit_change: f64,
}

/// What a precision costs; f32 is the measure.
#[derive(Debug, Serialize)]
pub(crate) struct Loss {
    pub(crate) precision: String,
    pub(crate) reference: String,
    pub(crate) built_in_texts: bool,
    pub(crate) texts: Option<Cosines>,
    pub(crate) pictures: Option<Cosines>,
    /// Nothing without both, or without scores.
    pub(crate) scores: Option<Scores>,
}

impl Loss {
    pub(crate) fn new(precision: Precision) -> Self {
        Self {
            precision: precision.to_string(),
            reference: Precision::F32.to_string(),
            built_in_texts: false,
            texts: None,
            pictures: None,
            scores: None,
        }
    }

    pub(crate) fn text_detail(&self) -> String {
        let things = if self.built_in_texts { "built-in texts" } else { "texts" };
        self.detail(self.texts, things)
    }

    pub(crate) fn picture_detail(&self) -> String {
        self.detail(self.pictures, "pictures")
    }

    fn detail(&self, cosines: Option<Cosines>, things: &str) -> String {
        let Some(Cosines { count, least_cosine, mean_cosine }) = cosines else {
            return String::new();
        };
        let (precision, reference, count) = (&self.precision, &self.reference, grouped(count));
        format!(
            "{precision} against {reference}, {count} {things}: cosine at least {least_cosine:.6}, on average \
             {mean_cosine:.6}"
        )
    }
}

impl Scores {
    pub(crate) fn new(agreement: &ScoreAgreement, pictures: usize) -> Self {
        let leads = &agreement.lost_leads;
        Self {
            pairs: agreement.pairs,
            rank: Ranks {
                statistic: "kendall_tau_b",
                texts_of_a_picture: agreement.texts_of_a_picture.map(Taus::from),
                pictures_of_a_text: agreement.pictures_of_a_text.map(Taus::from),
            },
            best_text: BestTexts {
                pictures,
                changed: leads.len(),
                largest_lead: leads.iter().copied().reduce(f64::max),
                mean_lead: Summary::of(leads.iter().copied()).map(|leads| leads.mean),
            },
            probabilities_across_half: agreement.across_half,
            largest_probability_change: agreement.largest_probability_change,
            largest_logit_change: agreement.largest_logit_change,
        }
    }

    /// One for the orders and one for what they decide.
    pub(crate) fn checks(scores: Result<&Self, &String>) -> [Check; 2] {
        let names = ["rank agreement", "label flips"];
        match scores {
            Ok(scores) => {
                [Check::ok(names[0], scores.rank.line()), Check::ok(names[1], scores.flips())]
            }
            Err(reason) => names.map(|name| Check::skipped(name, reason.as_str())),
        }
    }

    fn flips(&self) -> String {
        let BestTexts { pictures, changed, largest_lead, .. } = self.best_text;
        let lead = largest_lead.map(|lead| format!(" (f32 leads up to {lead:.4})"));
        format!(
            "{} of {} pictures have another best text{}; {} of {} probabilities cross 0.5; changes up to {:.4} of a \
             probability, {:.4} of a logit",
            grouped(changed),
            grouped(pictures),
            lead.unwrap_or_default(),
            grouped(self.probabilities_across_half),
            grouped(self.pairs),
            self.largest_probability_change,
            self.largest_logit_change,
        )
    }
}

impl Ranks {
    fn line(&self) -> String {
        let part = |taus: Option<Taus>, things: &str, of: &str| match taus {
            Some(Taus { least, mean, .. }) => {
                format!("{things} of a {of} at least {least:.4}, on average {mean:.4}")
            }
            None => format!("{things} of a {of} not ordered"),
        };
        format!(
            "Kendall's tau-b: {}; {}",
            part(self.texts_of_a_picture, "texts", "picture"),
            part(self.pictures_of_a_text, "pictures", "text"),
        )
    }
}
