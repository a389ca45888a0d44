//! The stack of transformer blocks that both towers have.
//!
//! A block is pre-norm: `x += attention(norm1(x))`, then `x += mlp(norm2(x))`. No mask: SigLIP
//! attends to every token, pads included. The residual stream is f32 in every precision.

use kernels::{
    AttentionShape, Buffer, Compute, Format, Heads, LayerNorm, Output, PackedLinear, QueryKeyValue,
    Rows,
};

use crate::ModelError;
use crate::formats::Formats;
use crate::linear::{Loader, NormAndLinears};
use crate::pad_rows::PadRows;
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
    pub(crate) formats: Formats,
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
    /// The stream normalised, or the heads' mixed values, as the blocks' products read them.
    pub(crate) normal: Rows,
    /// Queries, keys and values side by side.
    pub(crate) qkv: Rows,
    /// The heads' mixed values as attention leaves them, where that is another format.
    mixed: Option<Rows>,
    pub(crate) mlp: MlpArena,
    /// Where attention works.
    pub(crate) scratch: Buffer<u32>,
}

/// The inside of an MLP.
pub(crate) struct MlpArena {
    /// After GELU.
    hidden: Rows,
    /// The same as the second product reads it, where that is another format.
    requantised: Option<Rows>,
}

impl MlpArena {
    pub(crate) fn new(format: Format, rows: usize, hidden: usize) -> Self {
        let stored = if format == Format::Int8 { Format::Bf16 } else { format };
        let requantised = (stored != format).then(|| Rows::new(format, rows, hidden));
        Self { hidden: Rows::new(stored, rows, hidden), requantised }
    }
}

impl Arena {
    pub(crate) fn new(compute: &Compute, shape: &EncoderShape) -> Self {
        let rows = shape.sequences_together() * shape.tokens;
        let Formats { blocks, attention, .. } = shape.formats;
        Self {
            stream: Buffer::zeroed(rows * shape.width),
            normal: Rows::new(blocks, rows, shape.width),
            qkv: Rows::new(attention, rows, 3 * shape.width),
            mixed: (attention != blocks).then(|| Rows::new(attention, rows, shape.width)),
            mlp: MlpArena::new(blocks, rows, shape.hidden),
            scratch: Buffer::zeroed(compute.attention_scratch(shape.attention(1))),
        }
    }
}

/// The blocks of a tower.
pub(crate) struct Encoder {
    pub(crate) shape: EncoderShape,
    pub(crate) blocks: Vec<Block>,
}

/// One block.
pub(crate) struct Block {
    norm: LayerNorm,
    /// Q, K and V as one product, 3 W outputs.
    qkv: PackedLinear,
    tail: BlockTail,
}

impl Block {
    /// Normalises rows of the stream and gives their queries, keys and values.
    pub(crate) fn project(
        &self,
        compute: &Compute,
        stream: &[f32],
        normal: &mut Rows,
        qkv: &mut Rows,
    ) {
        compute.layer_norm(&self.norm, stream, normal);
        let rows = stream.len() / self.norm.weight.len();
        compute.matmul(normal, rows, &self.qkv, Output::Rows(qkv));
    }
}

/// What the first block reads its queries, keys and values from.
pub(crate) enum FirstBlock<'a> {
    /// The stream, as every block does.
    Stream,
    /// The stream for all tokens but pads, whose rows are known.
    Pads(&'a mut PadRows, &'a [u32]),
}

/// A block from the heads' mixed values on.
pub(crate) struct BlockTail {
    out: PackedLinear,
    norm: LayerNorm,
    mlp: Mlp,
}

/// What a block's tail works on.
pub(crate) struct TailArena<'a> {
    /// The heads' mixed values, where their format is not that of `normal`.
    pub(crate) mixed: Option<&'a mut Rows>,
    /// The mixed values otherwise.
    pub(crate) normal: &'a mut Rows,
    pub(crate) mlp: &'a mut MlpArena,
}

impl BlockTail {
    pub(crate) fn load(
        loader: &Loader<'_>,
        index: usize,
        shape: &EncoderShape,
    ) -> Result<Self, ModelError> {
        let format = shape.formats.blocks;
        let name = |part: &str| block_tensor(index, part);
        let fc1 = name("mlp.fc1");
        let groups: [&[&str]; 1] = [&[&fc1]];
        let NormAndLinears { norm, linears: [fc1] } =
            loader.norm_and_linears(&name("layer_norm2"), shape.epsilon, groups, format)?;
        let out = loader.linear(&name("self_attn.out_proj"), format)?;
        let mlp = Mlp { fc1, fc2: loader.linear(&name("mlp.fc2"), format)? };
        Ok(Self { out, norm, mlp })
    }

    /// `stream += out(mixed)`, then `stream += mlp(norm(stream))`.
    pub(crate) fn add(&self, compute: &Compute, arena: TailArena<'_>, stream: &mut [f32]) {
        let TailArena { mixed, normal, mlp } = arena;
        let rows = stream.len() / self.out.outputs();
        if let Some(mixed) = mixed {
            compute.convert(mixed, rows, normal);
        }
        compute.matmul(normal, rows, &self.out, Output::Add(stream));
        compute.layer_norm(&self.norm, stream, normal);
        self.mlp.add(compute, normal, mlp, stream);
    }
}

/// The name of a block's tensor.
pub(crate) fn block_tensor(index: usize, part: &str) -> String {
    format!("encoder.layers.{index}.{part}")
}

/// Two linear layers with GELU between them.
pub(crate) struct Mlp {
    fc1: PackedLinear,
    fc2: PackedLinear,
}

impl Mlp {
    pub(crate) fn load(
        loader: &Loader<'_>,
        name: &str,
        format: Format,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            fc1: loader.linear(&format!("{name}.fc1"), format)?,
            fc2: loader.linear(&format!("{name}.fc2"), format)?,
        })
    }

    /// `out += mlp(input)` for the rows of `out`.
    pub(crate) fn add(
        &self,
        compute: &Compute,
        input: &Rows,
        arena: &mut MlpArena,
        out: &mut [f32],
    ) {
        let rows = out.len() / self.fc2.outputs();
        compute.matmul(input, rows, &self.fc1, Output::Gelu(&mut arena.hidden));
        let hidden = match &mut arena.requantised {
            Some(requantised) => {
                compute.convert(&arena.hidden, rows, requantised);
                requantised
            }
            None => &arena.hidden,
        };
        compute.matmul(hidden, rows, &self.fc2, Output::Add(out));
    }
}

impl Encoder {
    /// The first `layers` blocks.
    pub(crate) fn load(
        loader: &Loader<'_>,
        shape: EncoderShape,
        layers: usize,
    ) -> Result<Self, ModelError> {
        let block = |index: usize| {
            let name = |part: &str| block_tensor(index, part);
            let [q, k, v] = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"].map(name);
            let groups: [&[&str]; 1] = [&[&q, &k, &v]];
            let format = shape.formats.blocks;
            let NormAndLinears { norm, linears: [qkv] } =
                loader.norm_and_linears(&name("layer_norm1"), shape.epsilon, groups, format)?;
            Ok(Block { norm, qkv, tail: BlockTail::load(loader, index, &shape)? })
        };
        let blocks = (0..layers).map(block).collect::<Result<Vec<_>, ModelError>>()?;
        Ok(Self { shape, blocks })
    }

    /// Runs the first `batch` sequences of the arena's stream through all blocks, in place.
    pub(crate) fn forward(
        &self,
        compute: &Compute,
        arena: &mut Arena,
        batch: usize,
        mut first: FirstBlock<'_>,
        observer: &mut dyn Observer,
    ) {
        let EncoderShape { tokens, width, .. } = self.shape;
        let rows = batch * tokens;
        observer.see(Stage::Embeddings, &arena.stream[..rows * width]);
        for (index, block) in self.blocks.iter().enumerate() {
            if let (0, FirstBlock::Pads(pads, ids)) = (index, &mut first) {
                pads.project(compute, block, arena, ids);
            } else {
                let stream = &arena.stream[..rows * width];
                block.project(compute, stream, &mut arena.normal, &mut arena.qkv);
            }
            let Arena { stream, normal, qkv, mixed, mlp, scratch } = arena;
            let stream = &mut stream[..rows * width];
            let part = |i: usize| Heads {
                rows: &*qkv,
                first_column: i * width,
                rows_per_sequence: tokens,
            };
            let inputs = QueryKeyValue { queries: part(0), keys: part(1), values: part(2) };
            let attended = mixed.as_mut().unwrap_or(normal);
            compute.attention(self.shape.attention(batch), inputs, attended, scratch);
            block.tail.add(compute, TailArena { mixed: mixed.as_mut(), normal, mlp }, stream);
            observer.see(Stage::Layer(index), stream);
        }
    }
}
