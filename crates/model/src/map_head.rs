//! The vision tower's pooling: multi-head attention with one learned query (MAP).
//!
//! `probe` attends to all patches; no residual goes around that attention. Then
//! `x + mlp(norm(x))` is the image embedding; there is no projection behind it.
//!
//! With a single query, nothing has to be projected per patch. A head's scores are
//! `x (W_k^T q)`, so its key projection folds into the query when the model is loaded (the key's
//! bias adds the same to every score, which a softmax does not see). Its values are averaged with
//! weights that add up to 1, so the average of the patches is projected instead of every patch.
//! The result is the same; 1.3 % of a picture's work is gone.

use kernels::{Compute, Format, LayerNorm, Output, PackedLinear, PoolingShape, Rows};
use weights::Tensor;

use crate::ModelError;
use crate::encoder::{EncoderShape, Mlp, MlpArena};
use crate::linear::Loader;
use crate::packed_cache::LinearShape;
use crate::stage::{Observer, Stage};

/// The head, with its query and keys already folded.
pub(crate) struct MapHead {
    shape: EncoderShape,
    /// W inputs, a score per head.
    scores: PackedLinear,
    value: PackedLinear,
    out: PackedLinear,
    norm: LayerNorm,
    mlp: Mlp,
    arena: HeadArena,
}

/// The head's activations.
struct HeadArena {
    /// `[B T][H]`.
    scores: Vec<f32>,
    /// The patches' mean for each head, `[B H][W]`.
    means: Rows,
    /// The same as the value projection reads it, where that is another format.
    converted: Option<Rows>,
    /// Each head's mean through all heads' value projections, `[B H][W]`.
    values: Vec<f32>,
    /// Each head's own part of them, one row per picture.
    mixed: Rows,
    /// What the next product reads, one row per picture.
    normal: Rows,
    mlp: MlpArena,
}

impl MapHead {
    pub(crate) fn load(loader: &Loader<'_>, shape: EncoderShape) -> Result<Self, ModelError> {
        let width = shape.width;
        let ends = shape.formats.ends;
        let scores = LinearShape { outputs: shape.heads, inputs: width, format: ends };
        let scores = loader.part(scores, || {
            let keys_by_head = folded_keys(loader, &shape)?;
            let no_bias = vec![0.0; shape.heads];
            Ok(loader.compute.pack(ends, width, &no_bias, &|head, out| {
                out.copy_from_slice(&keys_by_head[head * width..(head + 1) * width]);
            }))
        })?;
        let together = shape.sequences_together();
        let means = together * shape.heads;
        Ok(Self {
            shape,
            scores,
            value: loader.rows_of("head.attention.in_proj", 2 * width..3 * width, ends)?,
            out: loader.linear("head.attention.out_proj", ends)?,
            norm: loader.norm("head.layernorm", shape.epsilon)?,
            mlp: Mlp::load(loader, "head.mlp", ends)?,
            arena: HeadArena {
                scores: vec![0.0; together * shape.tokens * shape.heads],
                means: Rows::new(Format::F32, means, width),
                converted: (ends != Format::F32).then(|| Rows::new(ends, means, width)),
                values: vec![0.0; means * width],
                mixed: Rows::new(Format::F32, together, width),
                normal: Rows::new(ends, together, width),
                mlp: MlpArena::new(ends, together, shape.hidden),
            },
        })
    }

    /// Pools the patches of each picture, rows in the format of the ends, into `out`, `[B][W]`.
    pub(crate) fn forward(
        &mut self,
        compute: &Compute,
        patches: &Rows,
        out: &mut [f32],
        observer: &mut dyn Observer,
    ) {
        let EncoderShape { tokens, width, heads, .. } = self.shape;
        let batch = out.len() / width;
        let head_size = width / heads;
        let HeadArena { scores, means, converted, values, mixed, normal, mlp } = &mut self.arena;
        let scores = &mut scores[..batch * tokens * heads];
        let values = &mut values[..batch * heads * width];
        compute.matmul(patches, batch * tokens, &self.scores, Output::Store(scores));
        let scale = 1.0 / (head_size as f32).sqrt();
        let shape = PoolingShape { batch, tokens, heads, scale };
        compute.pool_rows(shape, patches, scores, &mut means.numbers()[..batch * heads * width]);
        let means = match converted {
            Some(converted) => {
                compute.convert(means, batch * heads, converted);
                converted
            }
            None => means,
        };
        compute.matmul(means, batch * heads, &self.value, Output::Store(values));
        let rows = mixed.numbers().chunks_exact_mut(width);
        for (row, values) in rows.zip(values.chunks_exact(heads * width)) {
            for (head, part) in row.chunks_exact_mut(head_size).enumerate() {
                part.copy_from_slice(&values[head * (width + head_size)..][..head_size]);
            }
        }
        compute.convert(mixed, batch, normal);
        compute.matmul(normal, batch, &self.out, Output::Store(out));
        observer.see(Stage::HeadAttention, out);
        compute.layer_norm(&self.norm, out, normal);
        self.mlp.add(compute, normal, mlp, out);
    }
}

/// `W_k^T q` for each head, `[H][W]`, with the query `q = W_q probe + b_q`.
fn folded_keys(loader: &Loader<'_>, shape: &EncoderShape) -> Result<Vec<f32>, ModelError> {
    let EncoderShape { width, heads, .. } = *shape;
    let probe = loader.read("head.probe")?;
    let bias = loader.read("head.attention.in_proj_bias")?;
    let weights: Tensor<'_> =
        loader.checkpoint.tensor(loader.tower, "head.attention.in_proj_weight")?;
    let mut row = vec![0.0; width];
    let mut folded = vec![0.0_f64; heads * width];
    let biases = bias[..width].chunks_exact(width / heads);
    for (head, (folded, biases)) in folded.chunks_exact_mut(width).zip(biases).enumerate() {
        for (place, &bias) in biases.iter().enumerate() {
            let output = head * (width / heads) + place;
            weights.read_f32(output * width, &mut row);
            let products = row.iter().zip(&probe).map(|(&w, &x)| f64::from(w) * f64::from(x));
            let query = products.sum::<f64>() + f64::from(bias);
            weights.read_f32((width + output) * width, &mut row);
            for (sum, &weight) in folded.iter_mut().zip(&row) {
                *sum += f64::from(weight) * query;
            }
        }
    }
    weights.release();
    Ok(folded.iter().map(|&number| number as f32).collect())
}
