//! Timing one kind of work.

use std::time::{Duration, Instant};

use model::Siglip;
use pixels::{Preprocessor, RgbImage};
use tokens::Encoding;

use crate::inputs::Source;
use crate::pipeline::decode_ahead;

/// A row is measured at least this long, after a run that does not count.
const TIME: Duration = Duration::from_millis(1500);
/// And at least this often.
const LEAST_RUNS: usize = 3;

/// The median time of `work`, in seconds.
fn median_seconds(mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    work()?;
    let mut times = Vec::new();
    let end = Instant::now() + TIME;
    while times.len() < LEAST_RUNS || Instant::now() < end {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Pictures per second through the vision tower, `batch` at a time.
pub(crate) fn pictures(model: &Siglip, batch: usize) -> anyhow::Result<f64> {
    let size = model.checkpoint().config().vision.image_size;
    let pictures = (0..batch).map(|seed| noise(size, seed)).collect::<Result<Vec<_>, _>>()?;
    let pictures = pictures.iter().collect::<Vec<_>>();
    let seconds = median_seconds(|| {
        model.embed_images(&pictures)?;
        Ok(())
    })?;
    Ok(batch as f64 / seconds)
}

/// A picture of the tower's size with something everywhere.
fn noise(size: usize, seed: usize) -> Result<RgbImage, pixels::PixelsError> {
    let sample = |i: usize| (((i + 1) * (seed + 2_654_435_761)) >> 7) as u8;
    RgbImage::from_raw(size as u32, size as u32, (0..3 * size * size).map(sample).collect())
}

/// Texts per second through the text tower, `batch` at a time: captions of 8 to 20 tokens, the rest
/// of their positions padding.
pub(crate) fn texts(model: &Siglip, batch: usize) -> anyhow::Result<f64> {
    let config = &model.checkpoint().config().text;
    let (length, rows) = (config.max_position_embeddings, config.vocab_size);
    let text = |seed: usize| {
        let tokens = (8 + seed * 5 % 13).min(length);
        let mut ids = vec![config.pad_token_id; length];
        for (i, id) in ids.iter_mut().enumerate().take(tokens - 1) {
            *id = ((i + 1) * (seed + 7919) % rows) as u32;
        }
        Encoding { ids, tokens, truncated: false }
    };
    let texts = (0..batch).map(text).collect::<Vec<_>>();
    let seconds = median_seconds(|| {
        model.embed_texts(&texts)?;
        Ok(())
    })?;
    Ok(batch as f64 / seconds)
}

/// Pictures per second decoded and resized, `batch` at a time on `threads` threads.
pub(crate) fn decode(
    preprocessor: &Preprocessor,
    photo: &Source,
    batch: usize,
    threads: usize,
) -> anyhow::Result<f64> {
    let sources = vec![photo.clone(); batch];
    let seconds =
        median_seconds(|| {
            decode_ahead(&sources, preprocessor, threads, |decoded| {
                while !decoded.next_batch().is_empty() {}
            });
            Ok(())
        })?;
    Ok(batch as f64 / seconds)
}

/// Pictures per second from files to embeddings: decoding on `threads` threads while the engine
/// computes, `batch` pictures in all.
pub(crate) fn pipeline(
    model: &Siglip,
    photo: &Source,
    batch: usize,
    threads: usize,
) -> anyhow::Result<f64> {
    let sources = vec![photo.clone(); batch];
    let seconds = median_seconds(|| {
        decode_ahead(&sources, model.preprocessor(), threads, |decoded| {
            loop {
                let batch = decoded.next_batch();
                let images = batch.iter().flatten().collect::<Vec<_>>();
                if images.is_empty() {
                    return Ok(());
                }
                model.embed_images(&images)?;
            }
        })
    })?;
    Ok(batch as f64 / seconds)
}
