//! Checks of a tower that need no reference: what must hold for any SigLIP.

use model::{Embeddings, ModelError, Siglip, cosine};
use pixels::RgbImage;

/// How far from 1 the length of an embedding may be.
const LENGTH_TOLERANCE: f64 = 1e-5;

/// Closer embeddings of different inputs mean a tower that does not look.
const MOST_COSINE: f32 = 1.0 - 1e-6;

/// Embeds three drawn pictures, together and one by one.
pub(crate) fn vision(model: &Siglip) -> Result<String, String> {
    let pictures = [noise(97, 61), slope(40, 120), blocks(256, 256)];
    let pictures = pictures.map(|picture| model.preprocessor().resize(&picture));
    let references = pictures.iter().collect::<Vec<_>>();
    judge(&references, |pictures| model.embed_images(pictures))
}

/// Embeds three texts, together and one by one.
pub(crate) fn text(model: &Siglip) -> Result<String, String> {
    let texts = ["a photo of a cat", "zwei Häuser am See", ""];
    let encodings = texts.iter().map(|text| model.tokenize(text)).collect::<Result<Vec<_>, _>>();
    let encodings = encodings.map_err(|error| error.to_string())?;
    judge(&encodings, |texts| model.embed_texts(texts))
}

/// Finite, of length 1, the same bytes alone and in company, different for different inputs.
fn judge<T>(
    inputs: &[T],
    embed: impl Fn(&[T]) -> Result<Embeddings, ModelError>,
) -> Result<String, String> {
    let together = embed(inputs).map_err(|error| error.to_string())?;
    if !together.values().iter().all(|value| value.is_finite()) {
        return Err("an embedding is not finite".to_owned());
    }
    for (index, row) in together.rows().enumerate() {
        let squares = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        if (squares.sqrt() - 1.0).abs() > LENGTH_TOLERANCE {
            return Err(format!("embedding {index} has length {:.6}", squares.sqrt()));
        }
        let input = std::slice::from_ref(&inputs[index]);
        let alone = embed(input).map_err(|error| error.to_string())?;
        let bits = |row: &[f32]| row.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        if bits(alone.values()) != bits(row) {
            return Err(format!("input {index} has another embedding when it is alone"));
        }
    }
    let mut largest = -1.0_f32;
    for first in 0..together.len() {
        for second in 0..first {
            largest = largest.max(cosine(together.row(first), together.row(second)));
        }
    }
    if largest > MOST_COSINE {
        return Err(format!("two different inputs have the same embedding (cosine {largest})"));
    }
    let count = together.len();
    Ok(format!(
        "{count} embeddings of length 1, the same alone and together, cosines up to {largest:.4}"
    ))
}

/// A picture whose sample at a place is a function of row, column and channel.
fn drawn(width: u32, height: u32, mut sample: impl FnMut(u32, u32, u32) -> u8) -> RgbImage {
    let mut data = Vec::with_capacity(width as usize * height as usize * 3);
    for row in 0..height {
        for column in 0..width {
            data.extend((0..3).map(|channel| sample(row, column, channel)));
        }
    }
    RgbImage::from_raw(width, height, data).expect("there are three samples for each pixel")
}

fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 39_769_u32;
    drawn(width, height, |_, _, _| {
        // Numerical Recipes' generator; its upper bits are good enough for a picture.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
}

fn slope(width: u32, height: u32) -> RgbImage {
    drawn(width, height, |row, column, channel| match channel {
        0 => (row * 255 / height) as u8,
        1 => (column * 255 / width) as u8,
        _ => 64,
    })
}

fn blocks(width: u32, height: u32) -> RgbImage {
    drawn(
        width,
        height,
        |row, column, channel| {
            if (row / 32 + column / 32 + channel) % 2 == 0 { 230 } else { 20 }
        },
    )
}
