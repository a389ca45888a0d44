//! `polysight model check`: whether a model is whole and computes what it should.

use model::{Options, Siglip};
use serde::Serialize;
use weights::{Checkpoint, Tower};

use crate::arguments::ModelCheckArguments;
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::Outcome;
use crate::inputs::Source;
use crate::model_command::loss::{self, Measured};
use crate::model_command::loss_report::Loss;
use crate::model_command::loss_request::Request;
use crate::model_command::verdict::{Check, Verdict};
use crate::model_command::{family, finite, golden, towers};
use crate::model_source::{self, Found};
use crate::pipeline::prepare;
use crate::reply::json;
use crate::{settings, table};

#[derive(Debug, Serialize)]
struct Report<'a> {
    object: &'static str,
    model: &'a str,
    verdict: Verdict,
    checks: &'a [Check],
    /// What a reduced precision costs, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    precision_loss: Option<&'a Loss>,
}

/// Runs the checks one after the other and says how each ended.
struct Run<'a> {
    console: &'a mut Console,
    format: Format,
    checks: Vec<Check>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Lines,
}

pub(crate) fn run(
    arguments: &ModelCheckArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let options = settings::options(&arguments.compute, environment)?;
    let request = Request::read(arguments)?;
    let Found { id, folder, .. } = model_source::find(arguments.name.model.as_ref(), environment)?;
    let mut run = Run {
        console: &mut console,
        format: if arguments.output.json { Format::Json } else { Format::Lines },
        checks: Vec::new(),
    };
    let mut loss = Measured::default();
    match Siglip::open(&folder, &options) {
        Ok(model) => {
            run.all(&model, arguments, &options)?;
            if let Some(request) = &request {
                loss = loss::measure(model, &folder, request, &options, run.console)?;
            }
        }
        Err(error) => run.put(Check::failed("structure", error.to_string()))?,
    }
    for check in loss.checks {
        run.put(check)?;
    }
    let Run { checks, .. } = run;
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Failed);
    let failed = failed.count();
    if arguments.output.json {
        let report = Report {
            object: "model.check",
            model: &id,
            verdict: if failed == 0 { Verdict::Ok } else { Verdict::Failed },
            checks: &checks,
            precision_loss: loss.loss.as_ref(),
        };
        console.print(format!("{}\n", json(&report)))?;
    }
    console.flush()?;
    Ok(Outcome::from_failures(failed + loss.unusable_inputs))
}

impl Run<'_> {
    fn all(
        &mut self,
        model: &Siglip,
        arguments: &ModelCheckArguments,
        options: &Options,
    ) -> anyhow::Result<()> {
        let checkpoint = model.checkpoint();
        self.add("structure", Ok(structure(checkpoint)))?;
        let broken = finite::tensors_with_other_numbers(checkpoint, options.threads);
        self.add("finite weights", finite_weights(&broken))?;
        if checkpoint.has(Tower::Text) {
            self.add("tokenizer", tokenizer(model))?;
            self.add("text tower", towers::text(model))?;
        } else {
            self.skip("tokenizer", "there is no text tower")?;
            self.skip("text tower", "there is none")?;
        }
        if checkpoint.has(Tower::Vision) {
            self.add("vision tower", towers::vision(model))?;
        } else {
            self.skip("vision tower", "there is none")?;
        }
        self.add_scores(model)?;
        self.add_golden(model, arguments)
    }

    fn add_scores(&mut self, model: &Siglip) -> anyhow::Result<()> {
        if !Tower::ALL.into_iter().all(|tower| model.checkpoint().has(tower)) {
            return self.skip("scores", "there is one tower only");
        }
        let scores = model.scoring().map_err(|error| error.to_string());
        let scores = scores.and_then(|scoring| {
            let text = format!("logit = {:.3} x cosine + {:.3}", scoring.factor, scoring.bias);
            if scoring.factor.is_finite() && scoring.factor > 0.0 && scoring.bias.is_finite() {
                Ok(text)
            } else {
                Err(text)
            }
        });
        self.add("scores", scores)
    }

    fn add_golden(
        &mut self,
        model: &Siglip,
        arguments: &ModelCheckArguments,
    ) -> anyhow::Result<()> {
        let name = "golden scores";
        let member = family::member(model.checkpoint());
        let Some(golden) = member.as_deref().and_then(golden::of) else {
            return self.skip(name, "none are known for a checkpoint of this shape");
        };
        let Some(path) = &arguments.golden_image else {
            return self.skip(
                name,
                "they need the photo 000000039769 of COCO val2017: --golden-image FILE",
            );
        };
        let compared = match prepare(&Source::File(path.clone()), model.preprocessor()) {
            Ok(photo) => golden.compare(model, &photo),
            Err(error) => Err(format!("{}: {}", path.display(), error.message)),
        };
        self.add(name, compared)
    }

    fn skip(&mut self, name: &'static str, reason: &str) -> anyhow::Result<()> {
        self.put(Check::skipped(name, reason))
    }

    fn add(&mut self, name: &'static str, outcome: Result<String, String>) -> anyhow::Result<()> {
        self.put(match outcome {
            Ok(detail) => Check::ok(name, detail),
            Err(detail) => Check::failed(name, detail),
        })
    }

    fn put(&mut self, check: Check) -> anyhow::Result<()> {
        if self.format == Format::Lines {
            let Check { name, verdict, detail } = &check;
            self.console.print(format!("{:<7}  {name:<14}  {detail}\n", verdict.name()))?;
            self.console.flush()?;
        }
        self.checks.push(check);
        Ok(())
    }
}

fn structure(checkpoint: &Checkpoint) -> String {
    let tensors = checkpoint.tensors();
    let parameters = tensors.iter().map(weights::Tensor::elements).sum::<usize>();
    format!("{} tensors, {} parameters", tensors.len(), table::grouped(parameters))
}

fn finite_weights(broken: &[String]) -> Result<String, String> {
    match broken {
        [] => Ok("no NaN, no infinity".to_owned()),
        [first] => Err(format!("{first} holds NaN or infinity")),
        [first, rest @ ..] => {
            Err(format!("{first} and {} more tensors hold NaN or infinity", rest.len()))
        }
    }
}

/// Whether texts of all kinds become as many ids as the tower takes, all of them rows of its table.
fn tokenizer(model: &Siglip) -> Result<String, String> {
    let config = &model.checkpoint().config().text;
    let (length, rows) = (config.max_position_embeddings, config.vocab_size);
    let long = "the sea and the sky ".repeat(length);
    for text in ["", "a photo of a cat", "猫の写真", "🦀 \u{0} ﬁ", &long] {
        let encoding = model.tokenize(text).map_err(|error| error.to_string())?;
        if encoding.ids.len() != length {
            let found = encoding.ids.len();
            return Err(format!("{text:?} has {found} ids, expected {length}"));
        }
        if let Some(id) = encoding.ids.iter().find(|id| **id as usize >= rows) {
            return Err(format!("{text:?} has id {id} of a table of {rows} rows"));
        }
    }
    Ok(format!("{length} ids for each text, all below {rows}"))
}
