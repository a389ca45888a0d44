//! Rows to search.

use index::{Attributes, Space, Stored};

/// A stream of numbers from a fixed seed: normal, by the sum of twelve uniform ones.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0xA076_1D64_78BD_642F);
        (self.0 ^ self.0 >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn normal(&mut self) -> f32 {
        let uniform = (0..12).map(|_| (self.next() & 0xFFFF) as f32 / 65536.0).sum::<f32>();
        uniform - 6.0
    }
}

pub(crate) fn space(dimensions: usize) -> Space {
    Space { model: "test".to_owned(), fingerprint: "fp_test".to_owned(), dimensions }
}

/// Clusters of about 50 rows in a space of few directions, with noise in all.
pub(crate) fn clustered(count: usize, dimensions: usize, seed: u64) -> Vec<Vec<f32>> {
    const LATENT: usize = 16;
    let mut fixed = Numbers(7);
    let directions = (0..LATENT * dimensions).map(|_| fixed.normal()).collect::<Vec<_>>();
    let centres = (0..LATENT * 400).map(|_| fixed.normal()).collect::<Vec<_>>();
    let mut numbers = Numbers(seed);
    let row = |_| {
        let centre = numbers.below(400) * LATENT;
        let mut row = (0..dimensions).map(|_| 0.3 * numbers.normal()).collect::<Vec<_>>();
        for latent in 0..LATENT {
            let factor = centres[centre + latent] + 0.5 * numbers.normal();
            let direction = &directions[latent * dimensions..][..dimensions];
            row.iter_mut().zip(direction).for_each(|(x, d)| *x += factor * d / 4.0);
        }
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.into_iter().map(|x| x / length).collect()
    };
    (0..count).map(row).collect()
}

/// With ids and attributes.
pub(crate) fn stored(vectors: Vec<Vec<f32>>) -> Vec<Stored> {
    let row = |(at, vector): (usize, Vec<f32>)| {
        let attributes = Attributes::from([
            ("hundredth".to_owned(), ((at % 100) as f64).into()),
            ("at".to_owned(), (at as f64).into()),
        ]);
        Stored { id: format!("{at:06}"), vector, attributes }
    };
    vectors.into_iter().enumerate().map(row).collect()
}
