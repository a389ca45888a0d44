//! Which number format each part of a tower computes in.

use kernels::Format;

use crate::Precision;

/// The formats of one tower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Formats {
    /// Of the blocks' products.
    pub(crate) blocks: Format,
    /// Of everything else that multiplies: patches, attention, pooling, the last projection. They
    /// are 2 % of the work and lose most in 8 bits.
    pub(crate) ends: Format,
    /// Of attention: `ends`, or f32 where a head is not whole units of it.
    pub(crate) attention: Format,
}

/// The number format of the blocks' products in a precision (`Auto` counts as f32).
pub fn product_format(precision: Precision) -> Format {
    Formats::new(precision, 2).blocks
}

impl Formats {
    pub(crate) fn new(precision: Precision, head_size: usize) -> Self {
        let (blocks, ends) = match precision {
            Precision::Auto | Precision::F32 => (Format::F32, Format::F32),
            Precision::Bf16 => (Format::Bf16, Format::Bf16),
            Precision::Int8 => (Format::Int8, Format::Bf16),
        };
        let whole = head_size.is_multiple_of(ends.numbers_per_unit());
        Self { blocks, ends, attention: if whole { ends } else { Format::F32 } }
    }
}
