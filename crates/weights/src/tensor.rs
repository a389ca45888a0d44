//! A tensor of a mapped file: its bytes, and its numbers as 32-bit floats.

use std::fmt;

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::mapping::MappedFile;

/// The number types that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of a single-precision number.
    Bf16,
}

impl Dtype {
    /// The size of one number in bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        })
    }
}

/// A view of one tensor. Nothing is read until its numbers are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Tensor<'a> {
    pub(crate) name: &'a str,
    pub(crate) dtype: Dtype,
    pub(crate) shape: &'a [usize],
    pub(crate) file: &'a MappedFile,
    /// Bytes of the file; within it, and as many as dtype and shape need (the header check says so).
    pub(crate) begin: usize,
    pub(crate) end: usize,
}

impl<'a> Tensor<'a> {
    /// The full name in the file, with the prefix of the tower if the file has it.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The type of the numbers in the file.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The dimensions, outermost first; the data is row-major.
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        (self.end - self.begin) / self.dtype.bytes()
    }

    /// The numbers as they stand in the file: little-endian, of [`dtype`](Self::dtype), at any alignment.
    pub fn bytes(&self) -> &'a [u8] {
        &self.file.bytes()[self.begin..self.end]
    }

    /// Reads `out.len()` elements from element `offset` on, converted to 32-bit floats (exactly: every F16 and BF16
    /// number is one). Touches only the pages of those elements; a system that keeps files in huge pages counts up to
    /// 2 MiB of the page cache for each.
    ///
    /// # Panics
    /// If the range is not within the tensor.
    pub fn read_f32(&self, offset: usize, out: &mut [f32]) {
        let last = offset.checked_add(out.len()).filter(|last| *last <= self.elements());
        let Some(last) = last else {
            panic!(
                "elements {offset} and {} more are not within tensor {} of {} elements",
                out.len(),
                self.name,
                self.elements()
            );
        };
        let width = self.dtype.bytes();
        let bytes = &self.bytes()[offset * width..last * width];
        match self.dtype {
            Dtype::F32 => {
                for (value, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
            Dtype::Bf16 => {
                for (value, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
                }
            }
            Dtype::F16 => read_f16(bytes, out),
        }
    }

    /// All elements as 32-bit floats.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.elements()];
        self.read_f32(0, &mut values);
        values
    }

    /// Tells the system that the tensor was consumed, so that its pages no longer count as this process's memory.
    /// Reading it again is correct, and slower.
    pub fn release(&self) {
        self.file.release(self.begin, self.end);
    }

    /// [`release`](Self::release) for `count` elements from element `offset` on; whatever lies outside the tensor is
    /// left alone.
    pub fn release_range(&self, offset: usize, count: usize) {
        let width = self.dtype.bytes();
        let place =
            |element: usize| self.begin.saturating_add(element.saturating_mul(width)).min(self.end);
        self.file.release(place(offset), place(offset.saturating_add(count)));
    }
}

/// Converts through an aligned block, so that the conversion of the processor can be used on unaligned bytes.
fn read_f16(bytes: &[u8], out: &mut [f32]) {
    const BLOCK: usize = 256;
    let mut block = [f16::ZERO; BLOCK];
    for (bytes, values) in bytes.chunks(2 * BLOCK).zip(out.chunks_mut(BLOCK)) {
        let block = &mut block[..values.len()];
        for (half, bytes) in block.iter_mut().zip(bytes.as_chunks().0) {
            *half = f16::from_le_bytes(*bytes);
        }
        block.convert_to_f32_slice(values);
    }
}
