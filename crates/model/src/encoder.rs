//! The stack of transformer blocks that both towers have.
//!
//! A block is pre-norm: `x += attention(norm1(x))`, then `x += mlp(norm2(x))`. No mask: SigLIP
//! attends to every token, pads included.

use kernels::{AttentionShape, Buffer, Compute, Epilogue, Heads, LayerNorm};
use weights::WeightsError;

use crate::linear::{Linear, Loader};
use crate::stage::{Observer, Stage};

/// Rows (tokens of all sequences) that are computed together: enough to use each weight often
/// while it is in cache, few enough that activations stay small.
const ROWS_TOGETHER: usize = 1024;

/// The extents of a tower's encoder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EncoderShape {
    /// T.
    pub(crate) tokens: usize,
    /// W.
    pub(crate) width: usize,
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) epsilon: f32,
}

impl EncoderShape {
    /// How many sequences are computed together.
    pub(crate) fn sequences_together(&self) -> usize {
        (ROWS_TOGETHER / self.tokens).max(1)
    }

    pub(crate) fn attention(&self, batch: usize) -> AttentionShape {
        AttentionShape {
            batch,
            query_tokens: self.tokens,
            key_tokens: self.tokens,
            heads: self.heads,
            head_size: self.width / self.heads,
        }
    }
}

/// The activations of one tower, for as many sequences as are computed together. Allocated once;
/// pages that are never used never become resident.
pub(crate) struct Arena {
    /// The residual stream, `[B T][W]`.
    pub(crate) stream: Buffer,
    /// The stream normalised, or the heads' mixed values, `[B T][W]`.
    pub(crate) normal: Buffer,
    /// Queries, keys and values side by side, `[B T][3 W]`.
    pub(crate) mixed: Buffer,
    /// Inside the MLP, `[B T][hidden]`; before the first block, the patches.
    pub(crate) hidden: Buffer,
    /// Where attention works.
    pub(crate) scratch: Buffer,
}

impl Arena {
    /// For an encoder of `shape` whose first input is `input` numbers a token.
    pub(crate) fn new(compute: &Compute, shape: &EncoderShape, input: usize) -> Self {
        let rows = shape.sequences_together() * shape.tokens;
        Self {
            stream: Buffer::zeroed(rows * shape.width),
            normal: Buffer::zeroed(rows * shape.width),
            mixed: Buffer::zeroed(rows * 3 * shape.width),
            hidden: Buffer::zeroed(rows * shape.hidden.max(input)),
            scratch: Buffer::zeroed(compute.attention_scratch(shape.attention(1))),
        }
    }
}

/// The blocks of a tower.
pub(crate) struct Encoder {
    pub(crate) shape: EncoderShape,
    blocks: Vec<Block>,
}

struct Block {
    norm1: LayerNorm,
    /// Q, K and V as one product, 3 W outputs.
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    mlp: Mlp,
}

/// Two linear layers with GELU between them.
pub(crate) struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Mlp {
    pub(crate) fn load(loader: &Loader<'_>, name: &str) -> Result<Self, WeightsError> {
        Ok(Self {
            fc1: loader.linear(&format!("{name}.fc1"))?,
            fc2: loader.linear(&format!("{name}.fc2"))?,
        })
    }

    /// `out += mlp(input)`, through `hidden`.
    pub(crate) fn add(
        &self,
        compute: &Compute,
        input: &[f32],
        hidden: &mut [f32],
        out: &mut [f32],
    ) {
        let rows = out.len() / self.fc2.outputs();
        let hidden = &mut hidden[..rows * self.fc1.outputs()];
        self.fc1.forward(compute, input, Epilogue::BiasGelu, hidden);
        self.fc2.forward(compute, hidden, Epilogue::BiasAdd, out);
    }
}

impl Encoder {
    pub(crate) fn load(loader: &Loader<'_>, shape: EncoderShape) -> Result<Self, WeightsError> {
        let block = |index: usize| {
            let name = |part: &str| format!("encoder.layers.{index}.{part}");
            let (q, k, v) = (
                name("self_attn.q_proj"),
                name("self_attn.k_proj"),
                name("self_attn.v_proj"),
            );
            Ok(Block {
                norm1: loader.norm(&name("layer_norm1"), shape.epsilon)?,
                qkv: loader.stacked(&[&q, &k, &v])?,
                out: loader.linear(&name("self_attn.out_proj"))?,
                norm2: loader.norm(&name("layer_norm2"), shape.epsilon)?,
                mlp: Mlp::load(loader, &name("mlp"))?,
            })
        };
        let blocks = (0..shape.layers)
            .map(block)
            .collect::<Result<Vec<_>, WeightsError>>()?;
        Ok(Self { shape, blocks })
    }

    /// Runs the first `batch` sequences of the arena's stream through all blocks, in place.
    pub(crate) fn forward(
        &self,
        compute: &Compute,
        arena: &mut Arena,
        batch: usize,
        observer: &mut dyn Observer,
    ) {
        let EncoderShape { tokens, width, .. } = self.shape;
        let rows = batch * tokens;
        let stream = &mut arena.stream[..rows * width];
        let normal = &mut arena.normal[..rows * width];
        let mixed = &mut arena.mixed[..rows * 3 * width];
        observer.see(Stage::Embeddings, stream);
        for (index, block) in self.blocks.iter().enumerate() {
            compute.layer_norm(&block.norm1, stream, normal);
            block.qkv.forward(compute, normal, Epilogue::Bias, mixed);
            let part = |i: usize| Heads {
                values: &mixed[i * width..],
                batch_stride: tokens * 3 * width,
                token_stride: 3 * width,
            };
            let shape = self.shape.attention(batch);
            compute.attention(shape, part(0), part(1), part(2), normal, &mut arena.scratch);
            block
                .out
                .forward(compute, normal, Epilogue::BiasAdd, stream);
            compute.layer_norm(&block.norm2, stream, normal);
            block.mlp.add(compute, normal, &mut arena.hidden, stream);
            observer.see(Stage::Layer(index), stream);
        }
    }
}
