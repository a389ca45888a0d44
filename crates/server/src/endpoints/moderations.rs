//! `POST /v1/moderations`: pictures against a policy of categories with prompts and thresholds.
//!
//! The reply always has OpenAI's 13 categories, because its typed clients require them, and the operator's own. Texts
//! are not judged: a score between two texts says how alike they are, not whether one is violent. A label set that the
//! request names adds its labels as categories, in place of others of the same name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use model::{GroupMode, GroupedScore, Label};
use serde::Serialize;
use serde_json::Value;

use super::times;
use crate::archive::Owner;
use crate::call::{Answer, Call, Reply};
use crate::fields::missing;
use crate::input::{Content, Inputs, Part};
use crate::label_sets::{self, LabelSet};
use crate::labels::{self, Candidates};
use crate::settings::ModerationCategory;
use crate::work;

/// From which probability a built-in category is flagged. It is not calibrated on data: SigLIP gives right captions 0.2
/// to 0.3.
const THRESHOLD: f32 = 0.2;

const WARNING: &str = "texts are not moderated here, only images are; their scores are 0";

/// A verdict for each input.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ModerationsReply {
    id: String,
    model: String,
    system_fingerprint: String,
    results: Vec<Verdict>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Verdict {
    /// Whether any category is.
    flagged: bool,
    /// Whether the score reaches the category's threshold.
    categories: BTreeMap<String, bool>,
    /// The largest sigmoid probability of the category's prompts.
    category_scores: BTreeMap<String, f32>,
    /// `["image"]` where a picture was judged.
    category_applied_input_types: BTreeMap<String, Vec<&'static str>>,
}

/// The built-in policy: OpenAI's categories; those that it judges in pictures have prompts.
static BUILT_IN: LazyLock<Vec<ModerationCategory>> = LazyLock::new(|| {
    let category = |name: &str, prompts: &[&str]| ModerationCategory {
        name: name.to_owned(),
        prompts: prompts.iter().map(|&prompt| prompt.to_owned()).collect(),
        threshold: THRESHOLD,
    };
    vec![
        category("harassment", &[]),
        category("harassment/threatening", &[]),
        category("hate", &[]),
        category("hate/threatening", &[]),
        category("illicit", &[]),
        category("illicit/violent", &[]),
        category("self-harm", &["a photo of self-harm", "a photo of cuts on a person's arm"]),
        category("self-harm/instructions", &["instructions for self-harm"]),
        category("self-harm/intent", &["a person about to harm themselves"]),
        category("sexual", &["a pornographic photo", "a photo of naked people having sex"]),
        category("sexual/minors", &[]),
        category("violence", &["a photo of people fighting", "a photo of a violent attack"]),
        category("violence/graphic", &["a photo of blood and gore", "a photo of a mutilated body"]),
    ]
});

pub(crate) async fn moderations(mut call: Call) -> Answer {
    let Some(input) = call.fields.take("input") else {
        return Err(missing("input", "a text, an image part, or a list of them"));
    };
    // A list of parts is one input of several parts; a list of texts is several inputs.
    let one = matches!(&input, Value::Array(parts) if parts.iter().any(Value::is_object));
    let inputs = Inputs::of(input, "input", call.app.limits.inputs)?;
    let named = label_sets::named(&mut call.fields, &[])?;
    call.fields.pass_over(&["user"]);
    let set = match named {
        Some(named) => {
            let owner = Owner::of(&call.bill)?;
            Some(label_sets::find(&call.app, &owner, &named, "label_set").await?)
        }
        None => None,
    };
    let count = if one { 1 } else { inputs.parts.last().map_or(0, |last| last.item + 1) };
    let is_image = |part: &Part| !matches!(part.content, Ok(Content::Text(_)));
    let (images, texts) = inputs.parts.into_iter().partition::<Vec<_>, _>(is_image);
    let mut policy = policy(&call.app.moderation);
    if let Some(set) = &set {
        policy.retain(|category| set.find(&category.name).is_none());
    }
    let model = call.model().await?;
    let verdicts = (0..count).map(|_| Verdict::of_nothing(&policy, set.as_deref()));
    let mut verdicts = verdicts.collect::<Vec<_>>();
    let owners = images.iter().map(|part| if one { 0 } else { part.item }).collect::<Vec<_>>();
    let rows = work::embed_all(&call, &model, images).await?;
    if !rows.is_empty() {
        let sentences = policy.iter().flat_map(|category| &category.prompts);
        let labels =
            sentences.map(|prompt| Label { name: String::new(), prompts: vec![prompt.clone()] });
        let candidates = Candidates::new(labels.collect(), None, "input", usize::MAX)?;
        let vectors = labels::vectors(&call.app, &model, &candidates).await?;
        for (&owner, row) in owners.iter().zip(&rows) {
            let scores = vectors.rows.score(&row.row);
            let mut probabilities = scores.iter().map(|score| score.score.probability);
            for category in &policy {
                let prompts = probabilities.by_ref().take(category.prompts.len());
                if let Some(score) = prompts.reduce(f32::max) {
                    verdicts[owner].judge(&category.name, score, score >= category.threshold);
                }
            }
        }
    }
    if let Some(set) = set.as_ref().filter(|_| !rows.is_empty()) {
        let vectors = label_sets::vectors(&call.app, &model, set).await?;
        for (&owner, row) in owners.iter().zip(&rows) {
            for score in vectors.score(set, &row.row, None) {
                let name = &set.groups[score.group].labels[score.label].name;
                verdicts[owner].judge(name, score.score.probability, flags(set, &score));
            }
        }
    }
    let reply = ModerationsReply {
        id: format!("modr-{}", uuid::Uuid::now_v7().simple()),
        model: model.description.id.clone(),
        system_fingerprint: model.description.fingerprint.clone(),
        results: verdicts,
    };
    let warning = (!texts.is_empty()).then_some(WARNING);
    Ok(Reply::new(&reply).ignoring(call.fields).warning(warning).timed(times(&rows)))
}

/// The built-in categories, replaced by the operator's of the same name, then the operator's others.
fn policy(own: &[ModerationCategory]) -> Vec<ModerationCategory> {
    let named = |name: &str| own.iter().find(|category| category.name == name);
    let built_in = BUILT_IN.iter();
    let mut policy = built_in
        .map(|category| named(&category.name).unwrap_or(category).clone())
        .collect::<Vec<_>>();
    let is_new = |category: &&ModerationCategory| {
        BUILT_IN.iter().all(|built_in| built_in.name != category.name)
    };
    policy.extend(own.iter().filter(is_new).cloned());
    policy
}

/// Whether a label flags a picture. In an exclusive group a label without a threshold is what pictures may well be: it wins
/// over the others and flags nothing.
fn flags(set: &LabelSet, score: &GroupedScore) -> bool {
    let group = &set.groups[score.group];
    let is_wanted = group.mode == GroupMode::Multi || group.labels[score.label].threshold.is_some();
    score.selected && is_wanted
}

impl Verdict {
    fn of_nothing(policy: &[ModerationCategory], set: Option<&LabelSet>) -> Self {
        let labels = || set.into_iter().flat_map(|set| &set.groups).flat_map(|group| &group.labels);
        let names = || {
            let own = labels().map(|label| label.name.clone());
            policy.iter().map(|category| category.name.clone()).chain(own)
        };
        Self {
            flagged: false,
            categories: names().map(|name| (name, false)).collect(),
            category_scores: names().map(|name| (name, 0.0)).collect(),
            category_applied_input_types: names().map(|name| (name, Vec::new())).collect(),
        }
    }

    /// Adds what one picture gave; the largest score counts.
    fn judge(&mut self, category: &str, score: f32, flagged: bool) {
        self.flagged |= flagged;
        if let Some(known) = self.categories.get_mut(category) {
            *known |= flagged;
        }
        if let Some(known) = self.category_scores.get_mut(category) {
            *known = known.max(score);
        }
        if let Some(types) = self.category_applied_input_types.get_mut(category) {
            *types = vec!["image"];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_categories_replace_and_extend_the_built_in_ones() {
        let own = |name: &str| ModerationCategory {
            name: name.to_owned(),
            prompts: vec!["x".to_owned()],
            threshold: 0.9,
        };
        let policy = policy(&[own("hate"), own("logo")]);
        assert_eq!(policy.len(), 14);
        assert_eq!(policy[2], own("hate"));
        assert_eq!(policy[13], own("logo"));
    }

    #[test]
    fn the_largest_score_of_several_pictures_counts() {
        let policy = policy(&[]);
        let mut verdict = Verdict::of_nothing(&policy, None);
        verdict.judge("violence", 0.3, true);
        verdict.judge("violence", 0.1, false);
        assert!(verdict.flagged && verdict.categories["violence"]);
        assert_eq!(verdict.category_scores["violence"], 0.3);
        assert_eq!(verdict.category_applied_input_types["violence"], ["image"]);
        assert!(verdict.category_applied_input_types["hate"].is_empty());
    }
}
