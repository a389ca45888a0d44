//! What a reduced precision costs a checkpoint: the same pictures and texts in it and in f32.
//!
//! The precisions follow each other, so that the weights of one are in memory at a time. It measures and does not
//! judge: only an embedding that is none fails it.

use std::path::Path;

use model::{Logits, Options, Precision, ScoreAgreement, Scoring, Siglip, closeness};
use tokens::Encoding;
use weights::Tower;

use crate::console::Console;
use crate::inputs::{Inputs, Source};
use crate::model_command::loss_report::{Cosines, Loss, Scores};
use crate::model_command::loss_request::{Request, TextOrigin};
use crate::model_command::verdict::Check;
use crate::pictures::{NOT_FINITE, embed_each, judge, report_problems};
use crate::pipeline::decode_ahead;
use crate::texts;

/// What came of it.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) checks: Vec<Check>,
    /// Nothing when there was nothing to compare.
    pub(crate) loss: Option<Loss>,
    /// Pictures and folders that could not be read; they were named on standard error.
    pub(crate) unusable_inputs: usize,
}

const TEXTS: &str = "text loss";
const PICTURES: &str = "picture loss";

/// Compares the precision of `model`, which `options` opened from `folder`, with f32.
///
/// # Errors
/// When the folder cannot be opened again, or nobody reads the results any more.
pub(crate) fn measure(
    model: Siglip,
    folder: &Path,
    request: &Request,
    options: &Options,
    console: &mut Console,
) -> anyhow::Result<Measured> {
    let precision = model.precision();
    if precision == Precision::F32 {
        let reason = "the precision is f32, which the others are compared with: --precision int8";
        let checks = vec![Check::skipped("precision loss", reason)];
        return Ok(Measured { checks, ..Measured::default() });
    }
    let inputs = Inputs::find(&request.images);
    let problems = report_problems(&inputs, console);
    let encodings = encode(&model, request, console);
    let has_pictures = model.checkpoint().has(Tower::Vision);
    let scoring = model.scoring().map_err(|error| error.to_string());
    let work = Work {
        texts: request.texts.clone(),
        encodings: encodings.as_ref().cloned().unwrap_or_default(),
        sources: if has_pictures { inputs.sources } else { Vec::new() },
    };
    let found = work.embed(&model, options.threads, console)?;
    drop(model);
    let exact = Siglip::open(folder, &Options { precision: Precision::F32, ..options.clone() })?;
    let expected = work.kept(&found).embed(&exact, options.threads, console)?;
    drop(exact);
    let texts = Pair::new(expected.texts, found.texts);
    let pictures = Pair::new(expected.pictures, found.pictures);

    let scores = scoring.and_then(|scoring| compare(&texts, &pictures, scoring));
    let loss = Loss {
        built_in_texts: request.origin == TextOrigin::BuiltIn,
        texts: texts.cosines(),
        pictures: pictures.cosines(),
        scores: scores.as_ref().ok().cloned(),
        ..Loss::new(precision)
    };
    let of_texts = match encodings {
        Ok(_) => texts.check(TEXTS, &loss.text_detail()),
        Err(check) => check,
    };
    let of_pictures = if !has_pictures {
        Check::skipped(PICTURES, "there is no vision tower")
    } else if request.images.is_empty() {
        let reason = "pictures are needed: give files, folders or patterns";
        Check::skipped(PICTURES, reason)
    } else {
        pictures.check(PICTURES, &loss.picture_detail())
    };
    let mut checks = vec![of_texts, of_pictures];
    checks.extend(Scores::checks(scores.as_ref()));
    let unusable_inputs = problems + pictures.unreadable();
    Ok(Measured { checks, loss: Some(loss), unusable_inputs })
}

/// The token ids of all texts, or the check that says why there are none.
fn encode(model: &Siglip, request: &Request, console: &Console) -> Result<Vec<Encoding>, Check> {
    if !model.checkpoint().has(Tower::Text) {
        return Err(Check::skipped(TEXTS, "there is no text tower"));
    }
    texts::encode(model, &request.texts, console)
        .map_err(|error| Check::failed(TEXTS, error.to_string()))
}

fn compare(texts: &Pair, pictures: &Pair, scoring: Scoring) -> Result<Scores, String> {
    if texts.is_empty() || pictures.is_empty() {
        return Err("there are no pairs of a picture and a text".to_owned());
    }
    let logits =
        |pictures: &Embedded, texts: &Embedded| Logits::of(&pictures.rows, &texts.rows, scoring);
    let expected = logits(&pictures.expected, &texts.expected);
    let (Some(expected), Some(found)) = (expected, logits(&pictures.found, &texts.found)) else {
        return Err("a logit is not finite".to_owned());
    };
    let agreement = ScoreAgreement::between(&expected, &found);
    Ok(Scores::new(&agreement, pictures.expected.rows.len()))
}

/// What goes through the towers.
struct Work {
    texts: Vec<String>,
    /// Of the texts; empty when they cannot be encoded.
    encodings: Vec<Encoding>,
    sources: Vec<Source>,
}

/// What came out in one precision.
struct Run {
    texts: Embedded,
    pictures: Embedded,
}

impl Work {
    fn embed(&self, model: &Siglip, threads: usize, console: &mut Console) -> anyhow::Result<Run> {
        Ok(Run {
            texts: embed_texts(model, &self.texts, &self.encodings, console)?,
            pictures: embed_pictures(model, &self.sources, threads, console)?,
        })
    }

    /// What is left of it after a run: nothing is named on standard error twice.
    fn kept(&self, run: &Run) -> Self {
        Self {
            texts: run.texts.kept(&self.texts),
            encodings: run.texts.kept(&self.encodings),
            sources: run.pictures.kept(&self.sources),
        }
    }
}

/// The inputs that have an embedding in one precision.
#[derive(Default)]
struct Embedded {
    /// Their places among the inputs, ascending.
    places: Vec<usize>,
    /// Their embeddings, of length 1.
    rows: Vec<Vec<f32>>,
    unreadable: usize,
    not_finite: usize,
}

impl Embedded {
    fn add(&mut self, place: usize, row: &[f32]) {
        self.places.push(place);
        self.rows.push(row.to_vec());
    }

    /// Of the inputs, those that have an embedding.
    fn kept<T: Clone>(&self, inputs: &[T]) -> Vec<T> {
        self.places.iter().map(|&place| inputs[place].clone()).collect()
    }
}

/// The same inputs in two precisions.
struct Pair {
    expected: Embedded,
    found: Embedded,
}

impl Pair {
    /// Keeps the inputs that both have. `expected` was made of what `found` kept.
    fn new(expected: Embedded, mut found: Embedded) -> Self {
        found.places = expected.kept(&found.places);
        found.rows = expected.kept(&found.rows);
        Self { expected, found }
    }

    fn is_empty(&self) -> bool {
        self.expected.rows.is_empty()
    }

    fn unreadable(&self) -> usize {
        self.expected.unreadable + self.found.unreadable
    }

    fn cosines(&self) -> Option<Cosines> {
        closeness(&self.expected.rows, &self.found.rows).map(Cosines::from)
    }

    fn check(&self, name: &'static str, detail: &str) -> Check {
        match self.expected.not_finite + self.found.not_finite {
            0 if self.is_empty() => Check::skipped(name, "none could be read"),
            0 => Check::ok(name, detail),
            broken => Check::failed(name, format!("without a finite embedding: {broken}")),
        }
    }
}

fn embed_texts(
    model: &Siglip,
    names: &[String],
    encodings: &[Encoding],
    console: &mut Console,
) -> anyhow::Result<Embedded> {
    let mut embedded = Embedded::default();
    if encodings.is_empty() {
        return Ok(embedded);
    }
    let texts = texts::embed_encoded(model, names, encodings, console)?;
    for (place, row) in texts.rows().enumerate() {
        match judge(row) {
            Ok(row) => embedded.add(place, row),
            Err(_) => embedded.not_finite += 1,
        }
    }
    Ok(embedded)
}

fn embed_pictures(
    model: &Siglip,
    sources: &[Source],
    threads: usize,
    console: &mut Console,
) -> anyhow::Result<Embedded> {
    let mut embedded = Embedded::default();
    if sources.is_empty() {
        return Ok(embedded);
    }
    decode_ahead(sources, model.preprocessor(), threads, |decoded| {
        embed_each(model, sources, decoded, console, |_, picture| {
            match picture.embedding {
                Ok(row) => embedded.add(picture.index, row),
                Err(error) if *error == NOT_FINITE => embedded.not_finite += 1,
                Err(_) => embedded.unreadable += 1,
            }
            Ok(())
        })
    })?;
    Ok(embedded)
}
