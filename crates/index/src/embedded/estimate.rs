//! Products with a query, estimated from sketches; and how far off the estimates are, measured on a sample.

use kernels::{Isa, SignedQuery, look_up};

use crate::embedded::sketch::Sketcher;

/// How many standard deviations an estimate may be below what it should be for its row to be looked at. One in 160 is further off
/// (of a normal distribution), and most of those are better than they need to be.
const CAUTION: f64 = 2.5;

/// A query as the sketches need it.
pub(crate) struct Tables {
    /// For [`kernels::look_up`].
    scanned: Vec<u8>,
    whole: SignedQuery,
}

impl Tables {
    pub(crate) fn new(sketcher: &Sketcher, query: &[f32]) -> Self {
        let turned = sketcher.turn(query);
        let scanned = &turned[..8 * sketcher.scanned_bytes()];
        Self { scanned: scanned_tables(scanned), whole: SignedQuery::new(&turned) }
    }

    /// A number for each row that rises with its product.
    pub(crate) fn scan(&self, isa: Isa, codes: &[u8], sums: &mut [u16]) {
        look_up(isa, &self.scanned, codes, sums);
    }

    /// The same from all bits of some rows.
    pub(crate) fn whole(&self, isa: Isa, codes: &[u8], rows: &[u32], sums: &mut [i32]) {
        self.whole.sums(isa, codes, rows, sums);
    }
}

/// What a pattern of signs makes of as many numbers.
fn signed(numbers: &[f32], pattern: usize) -> f32 {
    let sign = |place: usize| if pattern >> place & 1 == 1 { 1.0 } else { -1.0 };
    numbers.iter().enumerate().map(|(place, number)| sign(place) * number).sum()
}

/// Entries of 0 to 127, with one step for all.
fn scanned_tables(turned: &[f32]) -> Vec<u8> {
    let reach = |four: &[f32]| four.iter().map(|number| number.abs()).sum::<f32>();
    let widest = turned.chunks_exact(4).map(reach).fold(0.0, f32::max);
    let scale = if widest > 0.0 { 127.0 / (2.0 * widest) } else { 0.0 };
    let mut tables = Vec::with_capacity(turned.len() * 4);
    for four in turned.chunks_exact(4) {
        let reach = reach(four);
        let entry =
            |pattern| ((signed(four, pattern) + reach) * scale).round().clamp(0.0, 127.0) as u8;
        tables.extend((0..16).map(entry));
    }
    tables
}

/// How an estimate depends on the product: a line, and how far estimates scatter around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    slope: f64,
    offset: f64,
    deviation: f64,
}

impl Line {
    /// The line of least squares through a sample; none where estimates say nothing of the products.
    pub(crate) fn through(products: &[f32], estimates: &[f32]) -> Option<Self> {
        let count = products.len() as f64;
        let mean = |numbers: &[f32]| numbers.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
        let (product, estimate) = (mean(products), mean(estimates));
        let pairs = || {
            let pairs = products.iter().zip(estimates);
            pairs.map(move |(x, y)| (f64::from(*x) - product, f64::from(*y) - estimate))
        };
        let spread = pairs().map(|(x, _)| x * x).sum::<f64>();
        let slope = pairs().map(|(x, y)| x * y).sum::<f64>() / spread;
        let rest = pairs().map(|(x, y)| (y - slope * x).powi(2)).sum::<f64>();
        let line =
            Self { slope, offset: estimate - slope * product, deviation: (rest / count).sqrt() };
        (line.slope > 0.0 && line.slope.is_finite()).then_some(line)
    }

    /// The least estimate of a row that may have such a product.
    pub(crate) fn least(&self, product: f32) -> f32 {
        (self.slope * f64::from(product) + self.offset - CAUTION * self.deviation) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_its_scatter_measured() {
        let products = [0.0, 0.1, 0.2, 0.3];
        let line = Line::through(&products, &[1.0, 3.0, 3.0, 5.0]).unwrap();
        // By hand: slope 12, offset 1.2, deviation sqrt(0.2).
        let least = 12.0 * 0.5 + 1.2 - CAUTION * 0.2_f64.sqrt();
        assert!((f64::from(line.least(0.5)) - least).abs() < 1e-4);
        assert!(Line::through(&products, &[1.0; 4]).is_none());
        assert!(Line::through(&[0.5; 4], &[1.0, 2.0, 3.0, 4.0]).is_none());
    }
}
