//! Every picture of a data set through the embedder, with what is said about it.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use datasets::{Caption, Dataset, DatasetError};
use model::Embeddings;

use crate::plan::{Watcher, Work};
use crate::report::{DataSet, Failure};
use crate::{Embedder, EvalError};

/// Pictures that are embedded together, at most.
const PICTURES_TOGETHER: usize = 16;

/// Bytes of pictures that are embedded together, unless one alone has more.
const BYTES_TOGETHER: usize = 16 << 20;

/// Texts that are embedded together.
const TEXTS_TOGETHER: usize = 64;

/// Failures that a report names.
const MOST_FAILURES: usize = 20;

/// Everything about a data set that the metrics need.
pub(crate) struct Gathered {
    /// Rows of the pictures that have an embedding.
    pub(crate) embeddings: Embeddings,
    /// All pictures in order.
    pub(crate) pictures: Vec<Picture>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) failed: usize,
}

/// A picture without its pixels.
pub(crate) struct Picture {
    /// Its row, unless it failed.
    pub(crate) row: Option<usize>,
    pub(crate) captions: Vec<Caption>,
    pub(crate) classes: Vec<usize>,
}

impl Gathered {
    pub(crate) fn describe(&self, dataset: &Dataset) -> DataSet {
        DataSet {
            name: dataset.name().to_owned(),
            pictures: self.pictures.len(),
            left_out: dataset.left_out(),
            failed: self.failed,
            failures: self.failures.clone(),
        }
    }
}

/// A sample as it was read.
struct Read {
    index: usize,
    picture: Result<Vec<u8>, String>,
    captions: Vec<Caption>,
    classes: Vec<usize>,
}

/// Embeds all pictures, while a thread reads ahead.
pub(crate) fn gather(
    dataset: &Dataset,
    embedder: &dyn Embedder,
    watcher: &mut dyn Watcher,
) -> Result<Gathered, EvalError> {
    watcher.begin(Work::Pictures, dataset.len());
    let mut gathering = Gathering::default();
    thread::scope(|scope| {
        let (parts, arriving) = sync_channel(2);
        scope.spawn(move || read_ahead(dataset, &parts));
        // Dropping the channel after an error ends the reader.
        for part in arriving {
            gathering.add(dataset, embedder, part?, watcher)?;
            watcher.advance(gathering.pictures.len());
        }
        Ok::<_, EvalError>(())
    })?;
    watcher.end();
    gathering.finish(dataset)
}

fn read_ahead(dataset: &Dataset, parts: &SyncSender<Result<Vec<Read>, DatasetError>>) {
    let mut part = Vec::new();
    let mut bytes = 0;
    for index in 0..dataset.len() {
        let read = match read(dataset, index) {
            Ok(read) => read,
            Err(error) => {
                let _nobody_waits = parts.send(Err(error));
                return;
            }
        };
        bytes += read.picture.as_ref().map_or(0, Vec::len);
        part.push(read);
        if part.len() == PICTURES_TOGETHER || bytes >= BYTES_TOGETHER {
            bytes = 0;
            if parts.send(Ok(std::mem::take(&mut part))).is_err() {
                return;
            }
        }
    }
    let _nobody_waits = parts.send(Ok(part));
}

/// A picture that cannot be read counts as wrong; labels that cannot be read are an error of the data set.
fn read(dataset: &Dataset, index: usize) -> Result<Read, DatasetError> {
    Ok(Read {
        index,
        picture: dataset.picture(index).map_err(|error| error.to_string()),
        captions: dataset.captions(index)?,
        classes: dataset.classes(index)?,
    })
}

#[derive(Default)]
struct Gathering {
    dimension: usize,
    values: Vec<f32>,
    pictures: Vec<Picture>,
    failures: Vec<Failure>,
    failed: usize,
}

impl Gathering {
    fn add(
        &mut self,
        dataset: &Dataset,
        embedder: &dyn Embedder,
        part: Vec<Read>,
        watcher: &mut dyn Watcher,
    ) -> Result<(), EvalError> {
        let (mut bytes, mut rest) = (Vec::new(), Vec::new());
        for read in part {
            let failure = match read.picture {
                Ok(picture) => {
                    bytes.push(picture);
                    None
                }
                Err(problem) => Some(problem),
            };
            let picture = Picture { row: None, captions: read.captions, classes: read.classes };
            rest.push(Waiting { index: read.index, failure, picture });
        }
        let embedded =
            if bytes.is_empty() { Vec::new() } else { embedder.embed_pictures(&bytes)? };
        let mut embedded = embedded.into_iter();
        for mut waiting in rest {
            let embedding = match waiting.failure.take() {
                Some(problem) => Err(problem),
                None => embedded.next().unwrap_or_else(|| Err("no embedding came back".to_owned())),
            };
            match embedding.and_then(|embedding| self.judge(embedding)) {
                Ok(embedding) => {
                    self.dimension = embedding.len();
                    waiting.picture.row = Some(self.values.len() / self.dimension);
                    self.values.extend(embedding);
                }
                Err(problem) => self.fail(dataset.key(waiting.index)?, problem, watcher),
            }
            self.pictures.push(waiting.picture);
        }
        Ok(())
    }

    /// An embedding, when it is one of the same length as the others.
    fn judge(&self, embedding: Vec<f32>) -> Result<Vec<f32>, String> {
        let length = embedding.len();
        if length == 0 || (self.dimension > 0 && length != self.dimension) {
            return Err(format!("its embedding has {length} numbers, others {}", self.dimension));
        }
        if embedding.iter().any(|number| !number.is_finite()) {
            return Err("its embedding is not finite".to_owned());
        }
        Ok(embedding)
    }

    fn fail(&mut self, key: &str, problem: String, watcher: &mut dyn Watcher) {
        watcher.failed(key, &problem);
        self.failed += 1;
        if self.failures.len() < MOST_FAILURES {
            self.failures.push(Failure { key: key.to_owned(), problem });
        }
    }

    fn finish(self, dataset: &Dataset) -> Result<Gathered, EvalError> {
        if self.values.is_empty() {
            let first = self.failures.into_iter().next();
            let first =
                first.map_or_else(String::new, |first| format!("{}: {}", first.key, first.problem));
            return Err(EvalError::NoPictures { count: dataset.len(), first });
        }
        Ok(Gathered {
            embeddings: Embeddings::normalise(self.dimension, self.values),
            pictures: self.pictures,
            failures: self.failures,
            failed: self.failed,
        })
    }
}

/// A picture that waits for its embedding.
struct Waiting {
    index: usize,
    failure: Option<String>,
    picture: Picture,
}

/// Embeds texts, a row of length 1 each.
pub(crate) fn embed_texts(
    embedder: &dyn Embedder,
    texts: &[String],
    dimension: usize,
    work: Work,
    watcher: &mut dyn Watcher,
) -> Result<Embeddings, EvalError> {
    watcher.begin(work, texts.len());
    let mut values = Vec::with_capacity(texts.len() * dimension);
    for (part, together) in texts.chunks(TEXTS_TOGETHER).enumerate() {
        let embeddings = embedder.embed_texts(together)?;
        if embeddings.dimension() != dimension {
            return Err(EvalError::Dimensions {
                pictures: dimension,
                texts: embeddings.dimension(),
            });
        }
        let is_broken = |row: &[f32]| row.iter().any(|number| !number.is_finite());
        let mut rows = together.iter().zip(embeddings.rows());
        if let Some((text, _)) = rows.find(|(_, row)| is_broken(row)) {
            return Err(EvalError::NotFinite { text: text.clone() });
        }
        values.extend_from_slice(embeddings.values());
        watcher.advance(part * TEXTS_TOGETHER + together.len());
    }
    watcher.end();
    Ok(Embeddings::normalise(dimension, values))
}
