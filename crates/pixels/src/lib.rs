//! Bytes of a picture to RGB, to a resize that equals Pillow's to the bit, to normalised patches.
//!
//! Why it exists: a SigLIP embedding is only as exact as its pixels. Another resize filter, a
//! forgotten orientation tag or a dropped alpha channel costs more accuracy than any rounding in
//! the towers, so this crate reproduces the reference pixels (transformers 5.23
//! `SiglipImageProcessorPil` on Pillow 13) and nothing else.
//!
//! The way of a picture:
//!
//! 1. [`decode`]: bytes of unknown origin to an [`RgbImage`], inside [`Limits`] that are checked
//!    from the header, before memory is taken. The format is told from the content, never from a
//!    name.
//! 2. [`Resizer`]: Pillow's bicubic or bilinear resize, in Pillow's fixed-point arithmetic, on
//!    the instruction set the caller names ([`Isa`]).
//! 3. [`write_patches`]: `f32` patches in the row order of the patch convolution's weight.
//!
//! [`Preprocessor`] does steps 1 and 2 for many threads at once.
//!
//! What it does not do: no crop, no colour management (ICC profiles are ignored, as the reference
//! ignores them), no animation beyond the first frame, no files, no network, no models.

mod decode;
mod error;
mod isa;
mod limits;
mod patches;
mod preprocess;
mod resize;
mod rgb_image;

pub use decode::format::Format;
pub use decode::{Dimensions, decode, dimensions};
pub use error::{ErrorKind, PixelsError};
pub use isa::{Isa, UnknownIsa};
pub use limits::Limits;
pub use patches::{patch_count, write_patches};
pub use preprocess::Preprocessor;
pub use resize::{Filter, PassOrder, Resizer};
pub use rgb_image::RgbImage;
