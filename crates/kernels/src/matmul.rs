//! Products with a packed right matrix: `out = epilogue(a x weights^T)`.
//!
//! Weights are packed once (see `tile`), each panel as wide as the instruction set's register
//! block. A product is cut into tasks of up to 256 rows times a group of panels that stays in the
//! second-level cache; a task walks its rows in register blocks, and for each takes all panels of
//! the group. The depth is never cut, so each sum has one order and never leaves its register.

use crate::dispatch::dispatch;
use crate::pool::Pool;
use crate::shared::SharedMut;
use crate::tile::{Left, Panel, Sink, rows_times_panel};
use crate::vector::{self, Vector};
use crate::{Buffer, Isa};

/// Rows of one task.
const TASK_ROWS: usize = 256;
/// Bytes of packed weights that one task keeps coming back to.
const TASK_BYTES: usize = 440 << 10;

/// How many columns a panel has: the `NV` registers that [`matmul`] dispatches with.
fn panel_lanes(isa: Isa) -> usize {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        crate::isa::Kind::Avx512 => 3 * vector::Avx512::LANES,
        #[cfg(target_arch = "x86_64")]
        crate::isa::Kind::Avx2 => 2 * vector::Avx2::LANES,
        crate::isa::Kind::Scalar => 2 * vector::Plain::LANES,
    }
}

/// A weight matrix of N outputs x K inputs, packed for one instruction set.
pub struct PackedMatrix {
    panels: Buffer,
    isa: Isa,
    outputs: usize,
    inputs: usize,
}

impl PackedMatrix {
    /// Packs `outputs` rows of `inputs` weights each (the layout of a linear layer's weight).
    ///
    /// `read_row` writes the weights of an output into its slice of `inputs` elements; it is
    /// called once per output, from any worker.
    ///
    /// # Panics
    ///
    /// When the size overflows, and with `read_row`.
    pub fn pack(
        isa: Isa,
        pool: &Pool,
        outputs: usize,
        inputs: usize,
        read_row: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) -> Self {
        let lanes = panel_lanes(isa);
        let panel = lanes
            .checked_mul(inputs)
            .expect("a panel's size fits in usize");
        let count = outputs.div_ceil(lanes);
        let mut panels = Buffer::zeroed(count.checked_mul(panel).expect("the size fits in usize"));
        let mut rows = Buffer::zeroed(inputs * pool.threads());
        let (shared_panels, shared_rows) = (SharedMut::new(&mut panels), SharedMut::new(&mut rows));
        pool.run(count, &|task| {
            // SAFETY: each task has its own panel, and each worker its own row.
            let (panel, row) = unsafe {
                (
                    shared_panels.part(task.index * panel, panel),
                    shared_rows.part(task.worker * inputs, inputs),
                )
            };
            let first = task.index * lanes;
            for lane in 0..lanes.min(outputs - first) {
                read_row(first + lane, row);
                for (to, &weight) in panel[lane..].iter_mut().step_by(lanes).zip(&*row) {
                    *to = weight;
                }
            }
        });
        Self {
            panels,
            isa,
            outputs,
            inputs,
        }
    }

    /// N, the columns of the product.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// K, the depth of the product.
    pub fn inputs(&self) -> usize {
        self.inputs
    }
}

/// What happens to a sum before it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epilogue {
    /// `out = sum + bias`
    Bias,
    /// `out = gelu(sum + bias)`, the tanh form.
    BiasGelu,
    /// `out = out + (sum + bias)`: a residual connection, or positions already in place.
    BiasAdd,
}

struct Arguments<'a> {
    left: Left<'a>,
    first_row: usize,
    last_row: usize,
    panels: &'a [f32],
    first_column: usize,
    output: Output<'a>,
}

struct Output<'a> {
    out: SharedMut<'a>,
    bias: &'a [f32],
    epilogue: Epilogue,
}

impl<V: Vector> Sink<V> for Output<'_> {
    #[inline(always)]
    unsafe fn put(&self, row: usize, column: usize, count: usize, sums: V) {
        let to = self.out.at(row * self.bias.len() + column);
        // SAFETY: the position lies within the product, so `count` elements are there in `bias`
        // and in `out`; no other task has these columns of these rows.
        unsafe {
            let sums = sums.add(V::load_first(self.bias.as_ptr().add(column), count));
            let value = match self.epilogue {
                Epilogue::Bias => sums,
                Epilogue::BiasGelu => vector::gelu(sums),
                Epilogue::BiasAdd => V::load_first(to, count).add(sums),
            };
            value.store_first(to, count);
        }
    }
}

/// # Safety
///
/// As for [`Vector`]; `MR` is at most 8, `NV` is that of [`panel_lanes`], the rows lie within `left` and the
/// output, and `panels` are whole panels of `left.depth`.
#[inline(always)]
unsafe fn task<V: Vector, const MR: usize, const NV: usize>(arguments: &Arguments<'_>) {
    let Arguments {
        left,
        first_row,
        last_row,
        panels,
        first_column,
        output,
    } = arguments;
    let lanes = NV * V::LANES;
    let outputs = output.bias.len();
    for row in (*first_row..*last_row).step_by(MR) {
        let rows = MR.min(last_row - row);
        for (i, panel) in panels.chunks_exact(lanes * left.depth).enumerate() {
            let column = first_column + i * lanes;
            let columns = lanes.min(outputs - column);
            let panel = Panel {
                values: panel,
                column,
                columns,
            };
            // SAFETY: the caller's promise.
            unsafe { rows_times_panel::<V, _, NV>(*left, row, rows, panel, output) }
        }
    }
}

/// `out[M x N] = epilogue(a[M x K] x weights^T)`, all row-major without gaps.
///
/// # Panics
///
/// When a slice's length does not fit the weights.
pub(crate) fn matmul(
    pool: &Pool,
    a: &[f32],
    weights: &PackedMatrix,
    bias: &[f32],
    epilogue: Epilogue,
    out: &mut [f32],
) {
    let PackedMatrix {
        panels,
        isa,
        outputs,
        inputs,
    } = weights;
    let (outputs, depth) = (*outputs, *inputs);
    let rows = a.len().checked_div(depth).unwrap_or(0);
    assert_eq!(a.len(), rows * depth, "the left matrix has whole rows");
    assert_eq!(bias.len(), outputs, "one bias per output");
    assert_eq!(out.len(), rows * outputs, "the output is rows x outputs");

    let lanes = panel_lanes(*isa);
    let panel = lanes * depth;
    let count = outputs.div_ceil(lanes);
    // At least two groups per worker, so that a slow core can leave work to the others.
    let fitting = (TASK_BYTES / (panel * size_of::<f32>()).max(1)).max(1);
    let group = fitting.min(count.div_ceil(2 * pool.threads())).max(1);
    let row_blocks = rows.div_ceil(TASK_ROWS);
    let left = Left {
        values: a,
        stride: depth,
        depth,
    };
    let out = SharedMut::new(out);

    pool.run(row_blocks * count.div_ceil(group), &|work| {
        // Neighbouring tasks share their panels.
        let first_panel = work.index / row_blocks * group;
        let first_row = work.index % row_blocks * TASK_ROWS;
        let last_panel = (first_panel + group).min(count);
        let arguments = Arguments {
            left,
            first_row,
            last_row: (first_row + TASK_ROWS).min(rows),
            panels: &panels[first_panel * panel..last_panel * panel],
            first_column: first_panel * lanes,
            output: Output {
                out,
                bias,
                epilogue,
            },
        };
        let arguments = &arguments;
        dispatch!(
            isa, task(arguments: &Arguments<'_>),
            avx512 [vector::Avx512, 8, 3], avx2 [vector::Avx2, 6, 2], plain [vector::Plain, 4, 2]
        );
    });
}
