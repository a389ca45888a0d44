//! Numbers on slices: packed matrix products, attention, layer normalisation, GELU.
//!
//! Everything that costs time in a transformer lives here, for every instruction set that the
//! machine may have, chosen at run time. Each fast kernel has a plain twin of the same meaning in
//! [`naive`], and a property test joins the two on every [`Isa`] the machine offers.
//!
//! What this crate does not know: what a model is. It sees shapes and slices. Shape letters are
//! the same everywhere: B batch, T tokens, W width, H heads, D head size; M x K times K x N for a
//! product.
//!
//! # Same bytes every time
//!
//! Every output element is the result of one fixed sequence of operations that depends only on
//! its own row, its own column and the instruction set: sums over K run from the first element to
//! the last, row reductions lane by lane and then across lanes. Neither the number of rows, nor
//! the position of a row in a batch, nor the number of threads takes part, so the same input gives
//! the same bytes whatever travels beside it.
//!
//! # Gradients
//!
//! Beside each forward kernel stands what training needs: `norm::backward`, `attention::backward`, the slope of GELU, and
//! for products `outer`, the gradient of weights (that of inputs is a product again). [`NormGradient`] and
//! [`WeightGradient`] are added to, so that a batch may come in parts.
//!
//! # How to read it
//!
//! `math` has exponential and GELU. `vector` names the few operations on f32 that an instruction set must offer, `arithmetic` the one
//! step of a product in each number format; `tile` holds the register block that all products are
//! made of. `matmul`, `attention`, `norm` and `convert` are written once over those; `sets` is the
//! table of instruction sets, and `dispatch` turns an [`Isa`] into a compiled copy. To follow one
//! product: `packed` lays out the weights, `matmul` cuts the work, `tile` multiplies, and the sinks
//! of `matmul` finish the sums.

#![expect(
    clippy::inline_always,
    reason = "a kernel must be inlined into the function that enables its instruction set"
)]
#![allow(clippy::needless_range_loop, reason = "i and j name a place of a register block")]

mod arithmetic;
mod attention;
mod buffer;
mod compute;
mod convert;
mod dispatch;
mod emit;
mod error;
mod gelu;
mod isa;
mod math;
mod matmul;
pub mod naive;
mod norm;
mod outer;
mod packed;
mod packing;
mod peak;
mod pool;
mod pooling;
mod rows;
mod search;
mod sets;
mod shared;
mod sigmoid;
mod signs;
mod tile;
mod vector;

pub use attention::{AttentionGradient, AttentionShape, Heads, QueryKeyValue};
pub use buffer::{Buffer, Number};
pub use compute::Compute;
pub use error::KernelError;
pub use isa::Isa;
pub use matmul::Output;
pub use norm::{LayerNorm, NormGradient};
pub use outer::{Scratch, WeightGradient};
pub use packed::{PACKED_VERSION, PackedLinear};
pub use pool::Pool;
pub use pooling::PoolingShape;
pub use rows::{Format, Rows};
pub use search::{dot_rows, look_up};
pub use sigmoid::{LogitLine, RowSums};
pub use signs::SignedQuery;
