//! `polysight score`: how well texts describe pictures.

use model::{Score, Scoring};
use serde::Serialize;

use crate::arguments::ScoreArguments;
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::Outcome;
use crate::inputs::Inputs;
use crate::model_source::{self, OpenModel, note_packed_cache_problems};
use crate::pictures::{embed_each, report_problems};
use crate::pipeline::decode_ahead;
use crate::reply::json;
use crate::table;
use crate::texts::{self, Texts};

/// Images x texts; a row of nulls where an image failed.
#[derive(Debug, Default, Serialize)]
struct Matrices<'a> {
    model: &'a str,
    images: Vec<String>,
    texts: &'a [String],
    cosine: Vec<Vec<Option<f32>>>,
    logit: Vec<Vec<Option<f32>>>,
    probability: Vec<Vec<Option<f32>>>,
}

impl Matrices<'_> {
    fn add(&mut self, path: &str, scores: &[Option<Score>]) {
        let row = |number: fn(&Score) -> f32| {
            let numbers = scores.iter().map(|score| score.as_ref().map(number));
            numbers.collect::<Vec<_>>()
        };
        self.images.push(path.to_owned());
        self.cosine.push(row(|score| score.cosine));
        self.logit.push(row(|score| score.logit));
        self.probability.push(row(|score| score.probability));
    }
}

/// Runs the command.
///
/// # Errors
/// When the command line makes no sense, the model is not usable, or the results cannot be written.
pub(crate) fn run(
    arguments: &ScoreArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let OpenModel { id, siglip, options, .. } =
        model_source::open(&arguments.model, environment, &console)?;
    let scoring = siglip.scoring()?;
    let inputs = Inputs::find(&arguments.images.images);
    let problems = report_problems(&inputs, &console);
    let mut matrices = Matrices { model: &id, texts: &arguments.texts, ..Matrices::default() };
    let (sources, preprocessor) = (&inputs.sources, siglip.preprocessor());
    let failed = decode_ahead(sources, preprocessor, options.threads, |decoded| {
        let texts = texts::embed(&siglip, &arguments.texts, &mut console)?;
        let tally = embed_each(&siglip, sources, decoded, &mut console, |console, picture| {
            let scores = scores(picture.embedding.ok(), &texts, scoring);
            if arguments.output.json {
                matrices.add(&picture.path, &scores);
                return Ok(());
            }
            let texts = arguments.texts.iter().zip(scores);
            let scored = texts.filter_map(|(text, score)| Some((text.as_str(), score?)));
            let scored = scored.collect::<Vec<_>>();
            if scored.is_empty() {
                return Ok(());
            }
            let table = table::scores(&picture.path, &scored, console.colour());
            console.print(table)
        })?;
        anyhow::Ok(texts.failed + tally.failed)
    })?;
    if arguments.output.json {
        console.print(format!("{}\n", json(&matrices)))?;
    }
    console.flush()?;
    note_packed_cache_problems(&siglip, &console);
    Ok(Outcome::from_failures(problems + failed))
}

/// A row: nothing in it where the image or a text has no finite embedding.
fn scores(image: Option<&[f32]>, texts: &Texts, scoring: Scoring) -> Vec<Option<Score>> {
    let score = |text: &[f32]| {
        let score = scoring.score(image?, text);
        score.logit.is_finite().then_some(score)
    };
    texts.rows().map(score).collect()
}
