//! Pillow's resize, to the bit.
//!
//! Pillow resizes 8-bit pictures in two passes, one per axis, with 22-bit fixed-point weights and
//! 8-bit samples between the passes; the order of the passes therefore shows in the result. The
//! weights are in [`weights`], the passes beside each other in [`scalar`], [`avx2`] and
//! [`avx512`]: all give the same bytes.
//!
//! It does not crop (Pillow's `box`) nor reduce first (Pillow's `reducing_gap`): the reference
//! does neither.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod four_rows;
mod scalar;
mod weights;

use crate::isa::Isa;
use crate::rgb_image::{RgbImage, rgb_length};
use weights::Axis;

/// Most scratch memory that a resizer keeps for the next picture, in bytes.
const SCRATCH_KEPT: usize = 8 << 20;

/// The interpolation filter, widened by the scale when shrinking (antialiased).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// Pillow's `BILINEAR`: a triangle of support 1.
    Bilinear,
    /// Pillow's `BICUBIC`: Keys' cubic with a = -0.5, support 2.
    Bicubic,
}

/// Which axis is resized first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PassOrder {
    /// As Pillow 13 and later: vertical first if and only if
    /// `h_in - h_out > max(0, 2 * (w_in - w_out))`, in signed arithmetic.
    #[default]
    Pillow13,
    /// As Pillow before 13.
    HorizontalFirst,
    /// The other one.
    VerticalFirst,
}

/// Resizes pictures one after another, keeping the filter weights of the last shapes and the
/// memory between the passes.
#[derive(Debug)]
pub struct Resizer {
    isa: Isa,
    horizontal: Option<Axis>,
    vertical: Option<Axis>,
    between: Vec<u8>,
}

impl Resizer {
    /// A resizer on one instruction set; all give the same bytes.
    ///
    /// # Panics
    /// When the machine does not have it ([`Isa::is_available`]).
    pub fn new(isa: Isa) -> Self {
        assert!(isa.is_available(), "this machine does not have the instruction set {isa}");
        Self { isa, horizontal: None, vertical: None, between: Vec::new() }
    }

    /// `image` squashed to `width` x `height`, equal to Pillow's `Image.resize` for mode RGB.
    ///
    /// # Panics
    /// When a side is zero or the result does not fit the address space.
    pub fn resize(
        &mut self,
        image: &RgbImage,
        width: u32,
        height: u32,
        filter: Filter,
        order: PassOrder,
    ) -> RgbImage {
        assert!(width > 0 && height > 0, "a picture of {width}x{height} pixels cannot be made");
        let length = rgb_length(width, height).expect("the result fits the address space");
        let (from_width, from_height) = (image.width(), image.height());
        let data = match (from_width == width, from_height == height) {
            (true, true) => image.data().to_vec(),
            (false, true) => {
                let axis = prepared(&mut self.horizontal, self.isa, from_width, width, filter);
                let mut out = vec![0; length];
                horizontal_pass(self.isa, axis, image.data(), &mut out);
                out
            }
            (true, false) => {
                let axis = prepared(&mut self.vertical, self.isa, from_height, height, filter);
                let mut out = vec![0; length];
                vertical_pass(self.isa, axis, image.data(), &mut out);
                out
            }
            (false, false) => {
                let across = prepared(&mut self.horizontal, self.isa, from_width, width, filter);
                let down = prepared(&mut self.vertical, self.isa, from_height, height, filter);
                let vertical_first = order.is_vertical_first(image, width, height);
                let between_length = if vertical_first {
                    rgb_length(from_width, height)
                } else {
                    rgb_length(width, from_height)
                };
                let between_length = between_length.expect("one pass fits the address space");
                self.between.resize(between_length, 0);
                let mut out = vec![0; length];
                if vertical_first {
                    vertical_pass(self.isa, down, image.data(), &mut self.between);
                    horizontal_pass(self.isa, across, &self.between, &mut out);
                } else {
                    horizontal_pass(self.isa, across, image.data(), &mut self.between);
                    vertical_pass(self.isa, down, &self.between, &mut out);
                }
                if self.between.len() > SCRATCH_KEPT {
                    self.between = Vec::new();
                }
                out
            }
        };
        RgbImage::from_raw(width, height, data).expect("the passes keep the shape")
    }
}

impl PassOrder {
    fn is_vertical_first(self, image: &RgbImage, width: u32, height: u32) -> bool {
        match self {
            Self::HorizontalFirst => false,
            Self::VerticalFirst => true,
            Self::Pillow13 => {
                let rows_lost = i64::from(image.height()) - i64::from(height);
                let columns_lost = i64::from(image.width()) - i64::from(width);
                rows_lost > 0 && rows_lost > 2 * columns_lost
            }
        }
    }
}

/// The weights for this axis, computed unless the last picture had the same shape.
fn prepared(slot: &mut Option<Axis>, isa: Isa, input: u32, output: u32, filter: Filter) -> &Axis {
    let fits = |axis: &Axis| {
        axis.input == input as usize && axis.output == output as usize && axis.filter == filter
    };
    match slot {
        Some(axis) if fits(axis) => {}
        _ => *slot = Some(Axis::new(input as usize, output as usize, filter, isa)),
    }
    slot.as_ref().expect("the axis was filled in above")
}

/// `source` `[rows, axis.input, 3]` to `out` `[rows, axis.output, 3]`.
fn horizontal_pass(isa: Isa, axis: &Axis, source: &[u8], out: &mut [u8]) {
    match isa {
        Isa::Scalar => scalar::horizontal(axis, source, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Resizer::new` has made sure that the machine has AVX2.
        Isa::Avx2 => unsafe { avx2::horizontal(axis, source, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Resizer::new` has made sure that the machine has AVX-512 F, BW and VNNI.
        Isa::Avx512 => unsafe { avx512::horizontal(axis, source, out) },
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => unreachable!("Resizer::new rejects it on this machine"),
    }
}

/// `source` `[axis.input, row]` to `out` `[axis.output, row]`, whatever a row is.
fn vertical_pass(isa: Isa, axis: &Axis, source: &[u8], out: &mut [u8]) {
    match isa {
        Isa::Scalar => scalar::vertical(axis, source, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Resizer::new` has made sure that the machine has AVX2.
        Isa::Avx2 => unsafe { avx2::vertical(axis, source, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Resizer::new` has made sure that the machine has AVX-512 F, BW and VNNI.
        Isa::Avx512 => unsafe { avx512::vertical(axis, source, out) },
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => unreachable!("Resizer::new rejects it on this machine"),
    }
}
