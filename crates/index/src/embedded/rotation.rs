//! Turning vectors at random, so that each number of the result knows a little of all of the vector's.
//!
//! Four rounds of random signs and Hadamard transforms over the largest power of two that fits, at the beginning and at the end in
//! turns: as good as a random orthogonal matrix here, at D log D instead of D^2. The signs come from a fixed seed, since what is
//! stored depends on them.

const ROUNDS: usize = 4;

/// An orthogonal map of D numbers to at least as many.
#[derive(Debug)]
pub(crate) struct Rotation {
    dimensions: usize,
    /// The length of a result.
    pub(crate) turned: usize,
    /// Of every round, 1 or -1.
    signs: Vec<f32>,
    block: usize,
}

impl Rotation {
    pub(crate) fn new(dimensions: usize) -> Self {
        // A byte of signs is whole, and so is a block of 32 of its rows.
        let turned = dimensions.next_multiple_of(8).max(8);
        let block = 1 << turned.ilog2();
        let mut state = 0x5DEE_CE66_D1CE_4E5B_u64;
        let mut sign = || {
            // splitmix64.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut bits = state;
            bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            if (bits ^ bits >> 31) & 1 == 0 { 1.0 } else { -1.0 }
        };
        let signs = (0..ROUNDS * turned).map(|_| sign()).collect();
        Self { dimensions, turned, signs, block }
    }

    /// The turned vector: as long as it was, filled up with zeros first.
    pub(crate) fn turn(&self, vector: &[f32]) -> Vec<f32> {
        assert_eq!(vector.len(), self.dimensions, "vectors of one space");
        let mut turned = vector.to_vec();
        turned.resize(self.turned, 0.0);
        let scale = 1.0 / (self.block as f32).sqrt();
        for (round, signs) in self.signs.chunks_exact(self.turned).enumerate() {
            turned.iter_mut().zip(signs).for_each(|(number, sign)| *number *= sign);
            let from = if round % 2 == 0 { 0 } else { self.turned - self.block };
            let part = &mut turned[from..from + self.block];
            hadamard(part);
            for number in part {
                *number *= scale;
            }
        }
        turned
    }
}

/// The Hadamard transform of a power of two.
fn hadamard(numbers: &mut [f32]) {
    let mut half = 1;
    while half < numbers.len() {
        for pair in numbers.chunks_exact_mut(2 * half) {
            let (left, right) = pair.split_at_mut(half);
            for (left, right) in left.iter_mut().zip(right) {
                (*left, *right) = (*left + *right, *left - *right);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_lengths_and_angles() {
        for dimensions in [1, 3, 8, 100, 128, 768, 1152] {
            let rotation = Rotation::new(dimensions);
            let number = |seed: usize| move |at: usize| ((at * 37 + seed * 11) % 29) as f32 - 14.0;
            let [one, two] =
                [1, 2].map(|seed| (0..dimensions).map(number(seed)).collect::<Vec<_>>());
            let product = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
            };
            let [turned_one, turned_two] = [&one, &two].map(|vector| rotation.turn(vector));
            let length = product(&one, &one);
            assert!((product(&turned_one, &turned_one) - length).abs() <= 1e-5 * (1.0 + length));
            let (found, wanted) = (product(&turned_one, &turned_two), product(&one, &two));
            assert!((found - wanted).abs() <= 1e-5 * (1.0 + length), "{found} {wanted}");
        }
    }

    #[test]
    fn one_number_reaches_all_of_the_result() {
        let rotation = Rotation::new(768);
        let mut vector = vec![0.0; 768];
        vector[5] = 1.0;
        let turned = rotation.turn(&vector);
        let largest = turned.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        // 1/sqrt(768) is 0.036.
        assert!(largest < 0.2, "{largest}");
        assert!(turned.iter().filter(|x| x.abs() > 1e-4).count() > 700);
    }
}
