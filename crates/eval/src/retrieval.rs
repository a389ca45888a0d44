//! Retrieval: captions find their picture, pictures find one of their captions, each language on its own.

use std::collections::BTreeSet;

use datasets::Dataset;
use model::Embeddings;

use crate::calibration::Calibrator;
use crate::gather::{Gathered, embed_texts};
use crate::plan::{Plan, Watcher, Work};
use crate::rank::rank_of_best;
use crate::report::{LanguageRetrieval, Recall, Retrieval};
use crate::similarity::Similarities;
use crate::{Embedder, EvalError};

/// Measures every language that has a caption.
pub(crate) fn measure(
    dataset: &Dataset,
    gathered: &Gathered,
    embedder: &dyn Embedder,
    plan: &Plan,
    watcher: &mut dyn Watcher,
) -> Result<Retrieval, EvalError> {
    let captions = gathered.pictures.iter().flat_map(|picture| &picture.captions);
    let languages = captions.map(|caption| caption.language.clone()).collect::<BTreeSet<_>>();
    let mut measured = Vec::new();
    for language in languages {
        measured.push(one(language, gathered, embedder, plan, watcher)?);
    }
    if measured.is_empty() {
        return Err(EvalError::NothingChosen(dataset.name().to_owned()));
    }
    let mean = |recall: fn(&LanguageRetrieval) -> Recall| Recall::mean(measured.iter().map(recall));
    Ok(Retrieval {
        captions: match dataset.caption_choice() {
            datasets::CaptionChoice::All => "all".to_owned(),
            datasets::CaptionChoice::First => "first".to_owned(),
        },
        mean_text_to_image: mean(|language| language.text_to_image),
        mean_image_to_text: mean(|language| language.image_to_text),
        languages: measured,
    })
}

/// One language: its captions, and the pictures that have one.
fn one(
    language: Option<String>,
    gathered: &Gathered,
    embedder: &dyn Embedder,
    plan: &Plan,
    watcher: &mut dyn Watcher,
) -> Result<LanguageRetrieval, EvalError> {
    let mut texts = Vec::new();
    let dimension = gathered.embeddings.dimension();
    // Of the pictures that have an embedding: their rows here, and the captions that are theirs.
    let (mut rows, mut captions_of) = (Vec::new(), Vec::new());
    // Of every caption: the place of its picture here, unless that has no embedding.
    let mut picture_of = Vec::new();
    let mut pictures = 0;
    for picture in &gathered.pictures {
        let first = texts.len();
        let said = picture.captions.iter().filter(|caption| caption.language == language);
        texts.extend(said.map(|caption| caption.text.clone()));
        if texts.len() == first {
            continue;
        }
        pictures += 1;
        let place = picture.row.map(|row| {
            rows.extend_from_slice(gathered.embeddings.row(row));
            captions_of.push((first..texts.len()).collect::<Vec<_>>());
            captions_of.len() - 1
        });
        picture_of.resize(texts.len(), place);
    }
    let images = Embeddings::from_unit_rows(dimension, rows);
    let texts = embed_texts(embedder, &texts, dimension, Work::Captions, watcher)?;

    let mut image_to_text = Hits::default();
    let mut calibrator = embedder.scoring().map(Calibrator::new);
    Similarities::new(&plan.compute, &texts).for_each(&images, |picture, cosines| {
        let own = &captions_of[picture];
        image_to_text.add(rank_of_best(cosines, own).map(|ranked| ranked.rank));
        if let Some(calibrator) = &mut calibrator {
            calibrator.add(cosines, own);
        }
    });
    let mut text_to_image = Hits::default();
    Similarities::new(&plan.compute, &images).for_each(&texts, |text, cosines| {
        let own = picture_of[text];
        let ranked = own.and_then(|picture| rank_of_best(cosines, &[picture]));
        text_to_image.add(ranked.map(|ranked| ranked.rank));
    });
    Ok(LanguageRetrieval {
        language,
        pictures,
        captions: texts.len(),
        text_to_image: text_to_image.of(texts.len()),
        image_to_text: image_to_text.of(pictures),
        calibration: calibrator.map(|calibrator| calibrator.finish(&plan.precisions)),
    })
}

/// Queries that found what is theirs.
#[derive(Default)]
struct Hits {
    first: usize,
    of_five: usize,
    of_ten: usize,
}

impl Hits {
    /// A query whose best answer has this place; `None` is a miss.
    fn add(&mut self, rank: Option<usize>) {
        let within = |k: usize| usize::from(rank.is_some_and(|rank| rank < k));
        self.first += within(1);
        self.of_five += within(5);
        self.of_ten += within(10);
    }

    /// Of so many queries, those among them that could not be asked.
    fn of(&self, queries: usize) -> Recall {
        let share = |hits: usize| hits as f64 / queries.max(1) as f64;
        Recall { at_1: share(self.first), at_5: share(self.of_five), at_10: share(self.of_ten) }
    }
}

impl Recall {
    fn mean(recalls: impl ExactSizeIterator<Item = Self>) -> Self {
        let count = recalls.len().max(1) as f64;
        recalls.fold(Self::default(), |sum, recall| Self {
            at_1: sum.at_1 + recall.at_1 / count,
            at_5: sum.at_5 + recall.at_5 / count,
            at_10: sum.at_10 + recall.at_10 / count,
        })
    }
}
