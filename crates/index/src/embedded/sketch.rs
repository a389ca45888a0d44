//! One bit a number: the signs of rows that are turned, once the first chunk's mean is taken away.

use crate::embedded::rotation::Rotation;

/// Bits of a row that every search reads.
const SCANNED_BITS: usize = 128;

/// Rows of a block of scanned codes.
pub(crate) const BLOCK: usize = 32;

/// How rows become sketches, the same for all of one generation.
#[derive(Debug)]
pub(crate) struct Sketcher {
    rotation: Rotation,
    /// What is taken away: the mean of the first chunk. Products with a query all change by the same.
    centre: Vec<f32>,
}

/// The sketches of some blocks of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sketches {
    /// The first bits, as [`kernels::look_up`] takes them.
    pub(crate) scanned: Vec<u8>,
    /// All bits, row after row.
    pub(crate) whole: Vec<u8>,
}

impl Sketcher {
    pub(crate) fn new(centre: Vec<f32>) -> Self {
        Self { rotation: Rotation::new(centre.len()), centre }
    }

    /// The mean of rows.
    pub(crate) fn centre_of(rows: &[f32], dimensions: usize) -> Vec<f32> {
        let count = rows.len() / dimensions;
        let mut sums = vec![0.0_f64; dimensions];
        for row in rows.chunks_exact(dimensions) {
            sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += f64::from(*number));
        }
        sums.into_iter().map(|sum| (sum / count.max(1) as f64) as f32).collect()
    }

    /// Bytes of a row that every search reads.
    pub(crate) fn scanned_bytes(&self) -> usize {
        self.whole_bytes().min(SCANNED_BITS / 8)
    }

    /// Bytes of a row.
    pub(crate) fn whole_bytes(&self) -> usize {
        self.rotation.turned / 8
    }

    /// A query in the rows' turned space.
    pub(crate) fn turn(&self, query: &[f32]) -> Vec<f32> {
        self.rotation.turn(query)
    }

    /// Of rows, whose number is a multiple of [`BLOCK`].
    pub(crate) fn sketch(&self, rows: &[f32]) -> Sketches {
        let (dimensions, bytes) = (self.centre.len(), self.whole_bytes());
        let count = rows.len() / dimensions;
        assert_eq!(count % BLOCK, 0, "rows come in blocks");
        let mut whole = Vec::with_capacity(count * bytes);
        let mut centred = vec![0.0; dimensions];
        for row in rows.chunks_exact(dimensions) {
            let difference = row.iter().zip(&self.centre).map(|(number, centre)| number - centre);
            centred.iter_mut().zip(difference).for_each(|(to, from)| *to = from);
            let turned = self.rotation.turn(&centred);
            whole.extend(turned.chunks_exact(8).map(signs));
        }
        Sketches { scanned: self.interleave(&whole), whole }
    }

    /// Blocks of the first bytes of each row.
    fn interleave(&self, whole: &[u8]) -> Vec<u8> {
        let (bytes, scanned) = (self.whole_bytes(), self.scanned_bytes());
        let mut blocks = Vec::with_capacity(whole.len() / bytes * scanned);
        for block in whole.chunks_exact(BLOCK * bytes) {
            for byte in 0..scanned {
                blocks.extend(block.chunks_exact(bytes).map(|row| row[byte]));
            }
        }
        blocks
    }

    /// Sketches whose whole codes are known.
    pub(crate) fn complete(&self, whole: Vec<u8>) -> Sketches {
        Sketches { scanned: self.interleave(&whole), whole }
    }
}

/// A bit for each number, the first in the lowest place: 1 for what is not negative.
fn signs(numbers: &[f32]) -> u8 {
    numbers.iter().rev().fold(0, |byte, number| byte << 1 | u8::from(*number >= 0.0))
}
