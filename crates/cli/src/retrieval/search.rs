//! `polysight search`: the pictures of a store that match a sentence, a picture, or both.

use std::ffi::OsString;

use anyhow::bail;
use index::{Attributes, Query, VectorIndex};
use model::{Siglip, sigmoid};
use serde::Serialize;

use crate::arguments::ModelOptions;
use crate::arguments::retrieval::SearchArguments;
use crate::console::{Console, printable};
use crate::environment::Environment;
use crate::exit::Outcome;
use crate::inputs::Source;
use crate::model_source::{self, OpenModel};
use crate::pictures::judge;
use crate::pipeline::prepare;
use crate::reply::json;
use crate::retrieval::gallery::{Gallery, Group, Tile};
use crate::retrieval::remote_search;
use crate::retrieval::shelf::{Current, Shelf, described};
use crate::settings;
use crate::texts;

/// What `--minus` counts, beside 1 for what is wanted.
pub(super) const MINUS: f32 = -0.5;

/// A page of `/v1/vector_stores/{id}/search`, with paths.
#[derive(Serialize)]
struct Reply<'a> {
    object: &'static str,
    search_query: Vec<String>,
    model: &'a str,
    store: &'a str,
    data: &'a [Found],
    has_more: bool,
    next_page: Option<String>,
}

/// What a search found.
pub(super) struct Results {
    /// The best first.
    pub(super) found: Vec<Found>,
    /// The model's name.
    pub(super) model: String,
    /// How many there are to be found.
    pub(super) total: u64,
}

/// A picture that fits.
#[derive(Serialize)]
pub(super) struct Found {
    pub(super) path: String,
    pub(super) filename: String,
    pub(super) score: f32,
    pub(super) cosine: f32,
    pub(super) attributes: Attributes,
    /// Of a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_id: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When the command line makes no sense, there is no such store, or the question cannot be embedded.
pub(crate) fn run(
    arguments: &SearchArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let results = match &arguments.server {
        Some(server) => remote_search::search(server, arguments, environment)?,
        None => search(arguments, environment, &mut console)?,
    };
    show(&results, arguments, &mut console)?;
    console.flush()?;
    Ok(Outcome::Complete)
}

/// Searches a store of this machine.
fn search(
    arguments: &SearchArguments,
    environment: &Environment,
    console: &mut Console,
) -> anyhow::Result<Results> {
    let shelf = Shelf::find(&arguments.store, environment)?;
    let (stored, index) = shelf.read()?;
    let model = open(&arguments.model, &stored, environment, console)?;
    let (current, space) = described(&model)?;
    shelf.require(&current)?;
    index.space().require(&space)?;
    let query = embed_question(arguments, &model.siglip, console)?;
    let hits = index.search(&Query::nearest(&query, arguments.top.get()))?;
    let score: Box<dyn Fn(f32) -> f32> =
        if arguments.images.is_empty() && arguments.minus.is_empty() {
            let scoring = model.siglip.scoring()?;
            Box::new(move |cosine| sigmoid(scoring.logit(cosine)))
        } else {
            Box::new(|cosine| f32::midpoint(1.0, cosine))
        };
    let found = hits.into_iter().map(|hit| Found {
        filename: hit.id.rsplit(std::path::MAIN_SEPARATOR).next().unwrap_or("").to_owned(),
        path: hit.id,
        score: score(hit.product),
        cosine: hit.product,
        attributes: hit.attributes,
        file_id: None,
    });
    Ok(Results { found: found.collect(), model: model.id, total: index.count()? })
}

/// Prints what was found, or makes a page of it.
fn show(
    results: &Results,
    arguments: &SearchArguments,
    console: &mut Console,
) -> anyhow::Result<()> {
    let Results { found, model, total } = results;
    let question = question(arguments);
    if arguments.page.is_wanted() {
        let tiles = found.iter().map(|found| Tile::new(&found.path, percent(found.score)));
        let groups = vec![Group { title: None, tiles: tiles.collect() }];
        let note = format!("{} of {total} pictures, {model}", found.len());
        let gallery = Gallery { title: question.join(", "), note, groups };
        let written = gallery.present(&arguments.page, console)?;
        if !arguments.output.json {
            console.print(format!("{}\n", written.display()))?;
        }
    } else if !arguments.output.json {
        for Found { path, score, .. } in found {
            console.print(format!("{:>8}  {}\n", percent(*score), printable(path)))?;
        }
    }
    if arguments.output.json {
        let (object, has_more) = ("vector_store.search_results.page", false);
        let (model, store) = (model.as_str(), arguments.store.store.as_str());
        let (search_query, data, next_page) = (question, found.as_slice(), None);
        let reply = Reply { object, search_query, model, store, data, has_more, next_page };
        console.print(format!("{}\n", json(&reply)))?;
    }
    Ok(())
}

/// Four significant places: probabilities of good answers may be small.
fn percent(score: f32) -> String {
    let percent = 100.0 * score;
    if percent >= 0.1 { format!("{percent:.1} %") } else { format!("{percent:.0e} %") }
}

/// The model that the user names, else the one that the store was made with.
fn open(
    options: &ModelOptions,
    stored: &Current,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<OpenModel> {
    if settings::model_name(options.model.as_ref(), environment).is_some() {
        return model_source::open(options, environment, console);
    }
    let named = |text: &str| Some(OsString::from(text));
    let mut options = options.clone();
    options.model = named(&stored.model);
    if options.compute.precision.is_none() {
        options.compute.precision = named(&stored.precision);
    }
    model_source::open(&options, environment, console)
}

/// What is asked, as a person reads it.
fn question(arguments: &SearchArguments) -> Vec<String> {
    let images = arguments.images.iter().map(|image| format!("like {}", image.display()));
    let minus = arguments.minus.iter().map(|text| format!("not {text}"));
    arguments.sentence.clone().into_iter().chain(images).chain(minus).collect()
}

/// The sum of what is wanted less what is not, of length 1.
fn embed_question(
    arguments: &SearchArguments,
    siglip: &Siglip,
    console: &mut Console,
) -> anyhow::Result<Vec<f32>> {
    let wanted = arguments.sentence.iter();
    let sentences = wanted.chain(&arguments.minus).cloned().collect::<Vec<_>>();
    let embedded = texts::embed(siglip, &sentences, console)?;
    let weights =
        arguments.sentence.iter().map(|_| 1.0).chain(arguments.minus.iter().map(|_| MINUS));
    let mut sum = Vec::<f32>::new();
    for (row, weight) in embedded.rows().zip(weights) {
        add(&mut sum, row, weight);
    }
    for image in &arguments.images {
        let name = image.display();
        let source = Source::File(image.into());
        let picture = match prepare(&source, siglip.preprocessor()) {
            Ok(picture) => picture,
            Err(error) => bail!("{name}: {}", error.message),
        };
        let embeddings = siglip.embed_images(&[&picture])?;
        match judge(embeddings.row(0)) {
            Ok(row) => add(&mut sum, row, 1.0),
            Err(error) => bail!("{name}: {}", error.message),
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
    if !(length > 1e-6 && length.is_finite()) {
        bail!("what is wanted and what is not cancel each other out");
    }
    Ok(sum.into_iter().map(|x| x / length).collect())
}

fn add(sum: &mut Vec<f32>, row: &[f32], weight: f32) {
    sum.resize(row.len(), 0.0);
    sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * x);
}
