//! `polysight embed`: texts and pictures to rows of length 1.

use model::Siglip;
use serde::Serialize;
use server::ErrorObject;
use weights::Tower;

use crate::arguments::EmbedArguments;
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::{Outcome, UsageError};
use crate::inputs::Inputs;
use crate::model_source::{self, OpenModel, note_packed_cache_problems};
use crate::npy;
use crate::output_file::OutputFile;
use crate::pictures::{Picture, embed_each, judge, report_problems};
use crate::pipeline::{PictureError, decode_ahead};
use crate::reply::{error_object, json};
use crate::texts;

/// Runs the command.
///
/// # Errors
/// When the command line makes no sense, the model is not usable, or the results cannot be written.
pub(crate) fn run(
    arguments: &EmbedArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output_options);
    if arguments.texts.is_empty() && arguments.images.is_empty() {
        return Err(UsageError::new("nothing to embed; give --text TEXT or pictures").into());
    }
    let to_file = arguments.output.is_some();
    if !to_file && !arguments.output_options.json && console.results_on_terminal() {
        let message = "numbers are not for terminals; give --output FILE.npy, or --json";
        return Err(UsageError::new(message).into());
    }
    let OpenModel { id, siglip, options, .. } =
        model_source::open(&arguments.model, environment, &console)?;
    let inputs = Inputs::find(&arguments.images);
    let problems = report_problems(&inputs, &console);
    let shape = Shape {
        rows: arguments.texts.len() + inputs.sources.len(),
        columns: dimension(&siglip, arguments.texts.len(), inputs.sources.len())?,
    };
    let mut sink = Sink::open(arguments, shape, &id, &mut console)?;
    let (sources, preprocessor) = (&inputs.sources, siglip.preprocessor());
    let failed = decode_ahead(sources, preprocessor, options.threads, |decoded| {
        let texts = texts::embed(&siglip, &arguments.texts, &mut console)?;
        for (index, (text, row)) in arguments.texts.iter().zip(texts.rows()).enumerate() {
            sink.add(&mut console, index, &Origin::Text { text }, judge(row))?;
        }
        let tally = embed_each(&siglip, sources, decoded, &mut console, |console, picture| {
            let Picture { index, path, embedding } = picture;
            let index = arguments.texts.len() + index;
            sink.add(console, index, &Origin::Picture { path }, *embedding)
        })?;
        let usage = Usage {
            prompt_tokens: texts.tokens,
            total_tokens: texts.tokens,
            images: tally.embedded,
        };
        sink.close(&mut console, &usage)?;
        console.flush()?;
        anyhow::Ok(texts.failed + tally.failed)
    })?;
    note_packed_cache_problems(&siglip, &console);
    Ok(Outcome::from_failures(problems + failed))
}

/// Of the matrix.
#[derive(Clone, Copy, Debug)]
struct Shape {
    rows: usize,
    columns: usize,
}

/// D: the towers' that are needed, which must agree.
fn dimension(model: &Siglip, texts: usize, pictures: usize) -> anyhow::Result<usize> {
    let needed = [(Tower::Text, texts), (Tower::Vision, pictures)];
    let needed = needed.into_iter().filter(|(_, count)| *count > 0);
    let mut found = None;
    for (tower, _) in needed {
        let dimension = model
            .engine()
            .dimension(tower)
            .ok_or_else(|| model::ModelError::NoTower { model: model.name(), tower })?;
        match found {
            Some(text) if text != dimension => {
                return Err(model::ModelError::Dimensions { image: dimension, text }.into());
            }
            _ => found = Some(dimension),
        }
    }
    // No texts, and folders without pictures: a matrix without rows.
    let any = || {
        let mut towers = Tower::ALL.into_iter();
        towers.find_map(|tower| model.engine().dimension(tower))
    };
    Ok(found.or_else(any).unwrap_or(0))
}

/// What a row is the embedding of.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Origin<'a> {
    Text { text: &'a str },
    Picture { path: &'a str },
}

/// A row, as `/v1/embeddings` writes it.
#[derive(Debug, Serialize)]
#[serde(tag = "object", rename_all = "snake_case")]
enum Item<'a> {
    Embedding {
        index: usize,
        #[serde(flatten)]
        origin: &'a Origin<'a>,
        embedding: &'a [f32],
    },
    Error {
        index: usize,
        #[serde(flatten)]
        origin: &'a Origin<'a>,
        error: ErrorObject,
    },
}

#[derive(Debug, Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
    images: usize,
}

/// What `--json` prints beside a file.
#[derive(Debug, Serialize)]
struct Written<'a> {
    object: &'static str,
    model: &'a str,
    output: String,
    shape: [usize; 2],
    dtype: &'static str,
    usage: &'a Usage,
}

/// Where the rows go.
struct Sink<'a> {
    shape: Shape,
    model: &'a str,
    arguments: &'a EmbedArguments,
    form: Form,
}

enum Form {
    File(OutputFile),
    /// The same bytes to standard output.
    Stream,
    Json,
}

impl<'a> Sink<'a> {
    fn open(
        arguments: &'a EmbedArguments,
        shape: Shape,
        model: &'a str,
        console: &mut Console,
    ) -> anyhow::Result<Self> {
        let header = npy::header(shape.rows, shape.columns);
        let form = match &arguments.output {
            Some(path) => {
                let mut file = OutputFile::create(path)?;
                file.write(&header)?;
                Form::File(file)
            }
            None if arguments.output_options.json => {
                let model = json(&model);
                console.print(format!("{{\"object\":\"list\",\"model\":{model},\"data\":["))?;
                Form::Json
            }
            None => {
                console.print(header)?;
                Form::Stream
            }
        };
        Ok(Self { shape, model, arguments, form })
    }

    /// A row, or in its place numbers that are none.
    fn add(
        &mut self,
        console: &mut Console,
        index: usize,
        origin: &Origin<'_>,
        row: Result<&[f32], &PictureError>,
    ) -> anyhow::Result<()> {
        let bytes = || match row {
            Ok(row) => npy::row(row),
            Err(_) => npy::row(&vec![f32::NAN; self.shape.columns]),
        };
        match &mut self.form {
            Form::File(file) => file.write(&bytes()),
            Form::Stream => console.print(bytes()),
            Form::Json => {
                let item = match row {
                    Ok(embedding) => Item::Embedding { index, origin, embedding },
                    Err(error) => Item::Error { index, origin, error: error_object(error) },
                };
                let comma = if index == 0 { "" } else { "," };
                console.print(format!("{comma}\n{}", json(&item)))
            }
        }
    }

    fn close(self, console: &mut Console, usage: &Usage) -> anyhow::Result<()> {
        match self.form {
            Form::File(file) => {
                file.finish()?;
                if !self.arguments.output_options.json {
                    return Ok(());
                }
                let path = self.arguments.output.as_ref();
                let written = Written {
                    object: "embeddings.file",
                    model: self.model,
                    output: path.map_or_else(String::new, |path| path.display().to_string()),
                    shape: [self.shape.rows, self.shape.columns],
                    dtype: "float32",
                    usage,
                };
                console.print(format!("{}\n", json(&written)))
            }
            Form::Stream => Ok(()),
            Form::Json => console.print(format!("\n],\"usage\":{}}}\n", json(usage))),
        }
    }
}
