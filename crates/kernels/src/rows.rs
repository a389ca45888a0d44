//! Activations as a product reads them.

use crate::Buffer;

/// The number format of a product's inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// 32-bit floats.
    F32,
    /// The upper halves of 32-bit floats; sums in f32.
    Bf16,
    /// 8-bit integers: activations unsigned with a scale and a zero point per row, weights signed
    /// with a scale per output; sums in 32 bits.
    Int8,
}

impl Format {
    /// How many numbers a 4-byte unit holds.
    pub fn numbers_per_unit(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16 => 2,
            Self::Int8 => 4,
        }
    }
}

/// Rows of numbers in a [`Format`], each row padded with zeros to whole 4-byte units.
pub struct Rows {
    pub(crate) format: Format,
    pub(crate) width: usize,
    pub(crate) units: Buffer<u32>,
    /// Int8 only: the size of one step, per row.
    pub(crate) scales: Buffer,
    /// Int8 only: the integer that stands for 0, per row.
    pub(crate) zeros: Buffer,
}

impl Rows {
    /// Room for `rows` rows of `width` numbers, all zero.
    ///
    /// # Panics
    ///
    /// When the size overflows.
    pub fn new(format: Format, rows: usize, width: usize) -> Self {
        let units = width.div_ceil(format.numbers_per_unit());
        let count = rows.checked_mul(units).expect("the size fits in usize");
        let per_row = if format == Format::Int8 { rows } else { 0 };
        Self {
            format,
            width,
            units: Buffer::zeroed(count),
            scales: Buffer::zeroed(per_row),
            zeros: Buffer::zeroed(per_row),
        }
    }

    /// The number format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Units from one row to the next.
    pub(crate) fn stride(&self) -> usize {
        self.width.div_ceil(self.format.numbers_per_unit())
    }

    /// All numbers of rows in f32, row after row.
    ///
    /// # Panics
    ///
    /// When the format is another.
    pub fn numbers(&mut self) -> &mut [f32] {
        assert_eq!(self.format, Format::F32, "only f32 rows are numbers as they stand");
        // SAFETY: f32 has the size and alignment of u32, and both take any bits.
        unsafe { std::slice::from_raw_parts_mut(self.units.as_mut_ptr().cast(), self.units.len()) }
    }

    /// Row `to` becomes row `from` of other rows, in f32 or bf16.
    ///
    /// # Panics
    ///
    /// When a row is missing, or format or width differ or are int8.
    pub fn copy_row(&mut self, to: usize, other: &Self, from: usize) {
        assert_eq!((self.format, self.width), (other.format, other.width), "rows are alike");
        assert_ne!(self.format, Format::Int8, "rows of int8 have scales of their own");
        let stride = self.stride();
        let row = &other.units[from * stride..(from + 1) * stride];
        self.units[to * stride..(to + 1) * stride].copy_from_slice(row);
    }

    /// Row `to` becomes what row `from` is, in f32 or bf16.
    ///
    /// # Panics
    ///
    /// When a row is missing, or the format is int8.
    pub fn move_row(&mut self, to: usize, from: usize) {
        assert_ne!(self.format, Format::Int8, "rows of int8 have scales of their own");
        let stride = self.stride();
        assert!((to + 1) * stride <= self.units.len(), "there is a row `to`");
        self.units.copy_within(from * stride..(from + 1) * stride, to * stride);
    }

    /// Row `index` as f32.
    ///
    /// # Panics
    ///
    /// When there is no such row.
    pub fn read(&self, index: usize, out: &mut [f32]) {
        let stride = self.stride();
        let units = &self.units[index * stride..(index + 1) * stride];
        for (i, out) in out.iter_mut().enumerate().take(self.width) {
            *out = match self.format {
                Format::F32 => f32::from_bits(units[i]),
                Format::Bf16 => f32::from_bits(units[i / 2] >> (i % 2 * 16) << 16),
                Format::Int8 => {
                    let level = units[i / 4].to_le_bytes()[i % 4];
                    (f32::from(level) - self.zeros[index]) * self.scales[index]
                }
            };
        }
    }
}
