//! A data set on disk, and an embedder whose vectors are written in the pictures and texts themselves.

use datasets::{Dataset, Options};
use eval::{Embedder, EmbedderError, Identity, PictureEmbedding, Plan, Report, evaluate};
use kernels::{Compute, Isa};
use model::{Embeddings, Scoring};
use tempfile::TempDir;

/// A picture or a text that says `.. 0.5 -1 ..` between brackets has this vector; another picture cannot be embedded.
pub(crate) struct Fake {
    pub(crate) scoring: Option<Scoring>,
}

/// The numbers between the last brackets, of length 1.
fn vector(text: &str) -> Option<Vec<f32>> {
    let inner = text.rsplit_once('[')?.1.split_once(']')?.0;
    let numbers = inner.split_whitespace().map(|number| number.parse().ok());
    let numbers = numbers.collect::<Option<Vec<f32>>>()?;
    Some(Embeddings::normalise(numbers.len(), numbers).row(0).to_vec())
}

impl Embedder for Fake {
    fn identity(&self) -> Result<Identity, EmbedderError> {
        Ok(Identity {
            name: "fake".to_owned(),
            fingerprint: None,
            computed_by: "reading".to_owned(),
        })
    }

    fn scoring(&self) -> Option<Scoring> {
        self.scoring
    }

    fn embed_pictures(&self, pictures: &[Vec<u8>]) -> Result<Vec<PictureEmbedding>, EmbedderError> {
        let embed = |bytes: &Vec<u8>| {
            vector(&String::from_utf8_lossy(bytes)).ok_or_else(|| "no picture".to_owned())
        };
        Ok(pictures.iter().map(embed).collect())
    }

    fn embed_texts(&self, texts: &[String]) -> Result<Embeddings, EmbedderError> {
        let rows = texts.iter().map(|text| vector(text).ok_or("no vector"));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(Embeddings::from_unit_rows(rows[0].len(), rows.concat()))
    }
}

/// Files in a temporary folder.
pub(crate) fn folder(files: &[(String, String)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    folder
}

pub(crate) fn open(folder: &TempDir) -> Dataset {
    Dataset::open(folder.path(), &Options::default()).unwrap()
}

pub(crate) fn plan() -> Plan {
    Plan::new(Compute::new(Isa::detect(), 2))
}

pub(crate) fn measure(dataset: &Dataset, scoring: Option<Scoring>, plan: &Plan) -> Report {
    evaluate(dataset, &Fake { scoring }, plan, &mut ()).unwrap()
}

/// Numbers as the embedder reads them.
pub(crate) fn written(row: &[f32]) -> String {
    let numbers = row.iter().map(|number| format!("{number:e}")).collect::<Vec<_>>();
    format!("[{}]", numbers.join(" "))
}
