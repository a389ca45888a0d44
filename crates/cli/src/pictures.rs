//! Pictures through the vision tower, in order, each with an embedding or a reason why not.

use std::borrow::Cow;

use model::Siglip;

use crate::console::Console;
use crate::inputs::{Inputs, Source};
use crate::pipeline::{Decoded, PictureError};

/// One picture of a command.
pub(crate) struct Picture<'a> {
    /// Its place among the pictures.
    pub(crate) index: usize,
    /// Where it came from.
    pub(crate) path: String,
    /// Its embedding of length 1, or why there is none.
    pub(crate) embedding: Result<&'a [f32], &'a PictureError>,
}

/// What became of the pictures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Pictures that have an embedding.
    pub(crate) embedded: usize,
    /// Pictures that have none.
    pub(crate) failed: usize,
}

/// Names the folders that give no pictures, and says how many there are.
pub(crate) fn report_problems(inputs: &Inputs, console: &Console) -> usize {
    for problem in &inputs.problems {
        console.failed(&problem.place, &problem.message);
    }
    inputs.problems.len()
}

/// Embeds all pictures; `each` gets them in their order. A picture that fails is named on standard error here.
///
/// # Errors
/// Those of the model and of `each`; never because of a picture.
pub(crate) fn embed_each(
    model: &Siglip,
    sources: &[Source],
    decoded: &mut Decoded,
    console: &mut Console,
    mut each: impl FnMut(&mut Console, &Picture<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let mut remaining = sources.iter().enumerate();
    console.begin("pictures", sources.len());
    loop {
        let batch = decoded.next_batch();
        if batch.is_empty() {
            break;
        }
        let images = batch.iter().flatten().collect::<Vec<_>>();
        let embeddings = model.embed_images(&images)?;
        let mut rows = embeddings.rows();
        for (prepared, (index, source)) in batch.iter().zip(&mut remaining) {
            let path = source.to_string();
            let embedding = prepared.as_ref().and_then(|_| {
                let row = rows.next().expect("every prepared picture has a row");
                judge(row)
            });
            match embedding {
                Ok(_) => tally.embedded += 1,
                Err(error) => {
                    tally.failed += 1;
                    console.failed(&path, &error.message);
                }
            }
            let picture = Picture { index, path, embedding };
            each(console, &picture)?;
        }
        console.flush()?;
        console.advance_to((tally.embedded + tally.failed) as u64);
    }
    console.end();
    Ok(tally)
}

/// The model's own numbers are broken.
pub(crate) static NOT_FINITE: PictureError = PictureError {
    message: Cow::Borrowed("the model's embedding of it is not finite"),
    code: "embedding_not_finite",
};

/// An embedding, when it is one.
pub(crate) fn judge(row: &[f32]) -> Result<&[f32], &'static PictureError> {
    if row.iter().all(|value| value.is_finite()) { Ok(row) } else { Err(&NOT_FINITE) }
}
