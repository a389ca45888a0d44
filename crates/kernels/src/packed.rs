//! Weights, packed once for the products to come.

use crate::pool::Pool;
use crate::rows::Format;
use crate::shared::SharedMut;
use crate::vector::bf16;
use crate::{Buffer, Isa};

/// The version of what [`PackedLinear::bytes`] gives for the same weights, format and instruction set.
///
/// Packed weights are kept on disk, so whoever changes a byte of them adds one: the order or the padding of panels, the
/// rounding, the unit of a format, the parts themselves. The test `packed.rs` has the hashes of each version and fails
/// without it.
pub const PACKED_VERSION: u32 = 1;

/// How many columns a panel has: the registers of [`matmul`](crate::matmul)'s blocks.
pub(crate) fn panel_lanes(isa: Isa) -> usize {
    isa.block().columns
}

/// The weights and biases of a linear layer of N outputs and K inputs, packed for one instruction
/// set and one number format.
pub struct PackedLinear {
    pub(crate) isa: Isa,
    pub(crate) format: Format,
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    /// `[panels][depth][lanes]`; see `tile`.
    pub(crate) units: Buffer<u32>,
    /// Per output, padded to whole panels.
    pub(crate) bias: Buffer,
    /// Int8 only: the size of one step, per output, padded to whole panels.
    pub(crate) scales: Buffer,
    /// Int8 only: the sum of the output's integers, padded to whole panels.
    pub(crate) sums: Buffer,
}

/// One panel while it is packed.
struct Target<'a> {
    units: &'a mut [u32],
    lanes: usize,
    scales: &'a mut [f32],
    sums: &'a mut [f32],
}

impl PackedLinear {
    /// Packs `outputs` rows of `inputs` weights each (the layout of a linear layer's weight).
    ///
    /// `read_row` writes the weights of an output into its slice of `inputs` elements; it is
    /// called once per output, from any worker. `bias` has one number per output.
    ///
    /// # Panics
    ///
    /// When the size overflows, `bias` has another length, and with `read_row`.
    pub(crate) fn pack(
        isa: Isa,
        pool: &Pool,
        format: Format,
        inputs: usize,
        bias: &[f32],
        read_row: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) -> Self {
        let outputs = bias.len();
        let mut packed = Self::zeroed(isa, format, outputs, inputs);
        packed.bias[..outputs].copy_from_slice(bias);
        let Self { units, scales, sums, .. } = &mut packed;
        let lanes = panel_lanes(isa);
        let count = outputs.div_ceil(lanes);
        let panel = units.len().checked_div(count).unwrap_or(0);
        let mut rows = Buffer::<f32>::zeroed(inputs * pool.threads());
        let shared_units = SharedMut::new(units);
        let part = if scales.is_empty() { 0 } else { lanes };
        let (shared_scales, shared_sums) = (SharedMut::new(scales), SharedMut::new(sums));
        let shared_rows = SharedMut::new(&mut rows);
        pool.run(count, &|task| {
            // SAFETY: each task has its own panel, and each worker its own row.
            let (mut target, row) = unsafe {
                let target = Target {
                    units: shared_units.part(task.index * panel, panel),
                    lanes,
                    scales: shared_scales.part(task.index * part, part),
                    sums: shared_sums.part(task.index * part, part),
                };
                (target, shared_rows.part(task.worker * inputs, inputs))
            };
            let first = task.index * lanes;
            for lane in 0..lanes.min(outputs - first) {
                read_row(first + lane, row);
                target.fill(format, lane, row);
            }
        });
        packed
    }

    /// A layer of zeros, whose [`bytes_mut`](Self::bytes_mut) are to be written.
    ///
    /// # Panics
    ///
    /// When the size overflows.
    pub(crate) fn zeroed(isa: Isa, format: Format, outputs: usize, inputs: usize) -> Self {
        let lanes = panel_lanes(isa);
        let depth = inputs.div_ceil(format.numbers_per_unit());
        let panel = lanes.checked_mul(depth).expect("a panel's size fits in usize");
        let count = outputs.div_ceil(lanes);
        let per_output = if format == Format::Int8 { count * lanes } else { 0 };
        Self {
            isa,
            format,
            outputs,
            inputs,
            units: Buffer::zeroed(count.checked_mul(panel).expect("the size fits in usize")),
            bias: Buffer::zeroed(count * lanes),
            scales: Buffer::zeroed(per_output),
            sums: Buffer::zeroed(per_output),
        }
    }

    /// All that was packed, part by part, in this machine's byte order; parts that the format lacks are empty. See
    /// [`PACKED_VERSION`].
    pub fn bytes(&self) -> [&[u8]; 4] {
        [self.units.bytes(), self.bias.bytes(), self.scales.bytes(), self.sums.bytes()]
    }

    /// The same parts, to be written with the [`bytes`](Self::bytes) of a layer of the same shape, format and
    /// instruction set. Other bytes give other numbers and nothing worse.
    pub fn bytes_mut(&mut self) -> [&mut [u8]; 4] {
        let Self { units, bias, scales, sums, .. } = self;
        [units.bytes_mut(), bias.bytes_mut(), scales.bytes_mut(), sums.bytes_mut()]
    }

    /// N, the columns of the product.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// K, the numbers of an input row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number format of weights and inputs.
    pub fn format(&self) -> Format {
        self.format
    }
}

impl Target<'_> {
    /// Writes the weights of one output to its lane.
    fn fill(&mut self, format: Format, lane: usize, row: &[f32]) {
        let column = self.units[lane..].iter_mut().step_by(self.lanes);
        match format {
            Format::F32 => column.zip(row).for_each(|(unit, weight)| *unit = weight.to_bits()),
            Format::Bf16 => {
                for (unit, pair) in column.zip(row.chunks(2)) {
                    let high = pair.get(1).map_or(0, |&weight| bf16(weight));
                    *unit = u32::from(bf16(pair[0])) | u32::from(high) << 16;
                }
            }
            Format::Int8 => {
                let largest = row.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
                let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
                let mut sum = 0_i32;
                for (unit, four) in column.zip(row.chunks(4)) {
                    let mut bytes = [0_u8; 4];
                    for (byte, weight) in bytes.iter_mut().zip(four) {
                        let level = nearest_level(weight * inverse);
                        sum += i32::from(level);
                        *byte = level.cast_unsigned();
                    }
                    *unit = u32::from_le_bytes(bytes);
                }
                self.scales[lane] = largest / 127.0;
                self.sums[lane] = sum as f32;
            }
        }
    }
}

/// The integer nearest to a number within -127..=127, ties to even.
///
/// Adding 1.5 * 2^23 leaves the integer in the low bits of the sum; without SSE 4.1 rounding is a
/// library call.
fn nearest_level(value: f32) -> i8 {
    (value + 12_582_912.0).to_bits() as i8
}
