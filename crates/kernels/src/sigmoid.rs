//! The sigmoid loss of a tile of pairs, and its gradients.

use crate::Isa;
use crate::dispatch::dispatch;
use crate::emit::each_register;
use crate::math;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::vector::Vector;

/// How cosines become logits: `scale * cosine + bias`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogitLine {
    /// What a cosine is multiplied by.
    pub scale: f32,
    /// What is added.
    pub bias: f32,
}

/// Sums over a row of a tile, as if none of its pairs matched.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowSums {
    /// Of `log(1 + exp(logit))`.
    pub loss: f32,
    /// Of the probabilities `1 / (1 + exp(-logit))`: the loss's slope in the bias.
    pub probability: f32,
    /// Of probability times cosine: the loss's slope in the scale.
    pub product: f32,
}

struct Arguments<'a> {
    line: LogitLine,
    row: &'a mut [f32],
    sums: &'a mut RowSums,
}

/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn row<V: Vector>(arguments: &mut Arguments<'_>) {
    let Arguments { line, row, sums } = arguments;
    let (start, width) = (row.as_mut_ptr(), row.len());
    // SAFETY: the caller's promise; each access takes `count` numbers from `column`.
    unsafe {
        let (scale, bias) = (V::splat(line.scale), V::splat(line.bias));
        let (mut loss, mut probability, mut product) =
            (V::splat(0.0), V::splat(0.0), V::splat(0.0));
        each_register!(V, width, |column, count| {
            let cosine = V::load_first(start.add(column), count);
            let found = math::sigmoid(cosine.mul_add(scale, bias));
            found.probability.store_first(start.add(column), count);
            // The lanes beyond the row must add nothing.
            loss = loss.add(found.softplus.first(count));
            let inside = found.probability.first(count);
            probability = probability.add(inside);
            product = inside.mul_add(cosine, product);
        });
        **sums =
            RowSums { loss: loss.sum(), probability: probability.sum(), product: product.sum() };
    }
}

/// Turns rows of cosines into probabilities, and sums up each row.
///
/// # Panics
///
/// When `tile` is not as many rows as there are sums.
pub(crate) fn sigmoid_tile(
    isa: Isa,
    pool: &Pool,
    line: LogitLine,
    tile: &mut [f32],
    sums: &mut [RowSums],
) {
    let rows = sums.len();
    if rows == 0 {
        return;
    }
    let width = tile.len() / rows;
    assert_eq!(tile.len(), rows * width, "the tile has a row for each sum");
    let (tile, sums) = (SharedMut::new(tile), SharedMut::new(sums));
    pool.run(rows, &|task| {
        // SAFETY: each task has its own row.
        let (row_of_tile, sums) =
            unsafe { (tile.part(task.index * width, width), &mut sums.part(task.index, 1)[0]) };
        let arguments = &mut Arguments { line, row: row_of_tile, sums };
        dispatch!(isa, row(arguments: &mut Arguments<'_>));
    });
}
