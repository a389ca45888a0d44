//! Random numbers that are a function of a seed and an index, the same on every machine.
//!
//! `SplitMix64` (Steele, Lea and Flood, 2014) is written out here, because training data must not change with the version
//! of a library.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

/// The finaliser of `SplitMix64`: every bit of the input moves every bit of the output.
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// One number from two, for keys and seeds.
pub(crate) fn combine(first: u64, second: u64) -> u64 {
    mix(mix(first.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ second)
}

impl Random {
    /// The stream of example `index` under `seed`.
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        Self(combine(seed, index))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 * (1.0 / 16_777_216.0)
    }

    /// A number in `[low, high)`.
    pub(crate) fn within(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// A number in `[-limit, limit)`, more often near zero.
    pub(crate) fn near_zero(&mut self, limit: f32) -> f32 {
        (self.unit() + self.unit() - 1.0) * limit
    }

    /// A whole number below `end`.
    ///
    /// # Panics
    /// When `end` is zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        assert!(end > 0, "nothing is below zero");
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    /// Whether something of probability `share` happens.
    pub(crate) fn chance(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    /// One of `items`.
    pub(crate) fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// The place of one of `weights`, each as often as its weight says; their sum must be above zero.
    pub(crate) fn weighted(&mut self, weights: &[f32]) -> usize {
        let mut rest = self.unit() * weights.iter().sum::<f32>();
        for (place, weight) in weights.iter().enumerate() {
            rest -= weight;
            if rest < 0.0 {
                return place;
            }
        }
        weights.iter().rposition(|weight| *weight > 0.0).expect("some weight is above zero")
    }
}

/// Sine and cosine of an angle in radians between -2 pi and 2 pi, from additions and products alone: the system's differ
/// in the last bit from one machine to another. Exact to about 1e-6.
pub(crate) fn sine_cosine(angle: f32) -> SineCosine {
    SineCosine {
        sine: sine(f64::from(angle)),
        cosine: sine(f64::from(angle) + 0.5 * std::f64::consts::PI),
    }
}

/// See [`sine_cosine`].
#[derive(Clone, Copy)]
pub(crate) struct SineCosine {
    pub(crate) sine: f32,
    pub(crate) cosine: f32,
}

fn sine(angle: f64) -> f32 {
    use std::f64::consts::PI;
    let mut x = angle - (angle / (2.0 * PI)).floor() * 2.0 * PI;
    if x > PI {
        x -= 2.0 * PI;
    }
    if x > 0.5 * PI {
        x = PI - x;
    } else if x < -0.5 * PI {
        x = -PI - x;
    }
    let square = x * x;
    let mut term = x;
    let mut sum = x;
    for step in 1..8 {
        let k = f64::from(2 * step);
        term *= -square / (k * (k + 1.0));
        sum += term;
    }
    sum as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64_and_depends_on_seed_and_index() {
        // The first outputs of the published generator for the state 1234567.
        let mut random = Random(1_234_567);
        assert_eq!(random.bits(), 6_457_827_717_110_365_317);
        assert_eq!(random.bits(), 3_203_168_211_198_807_973);
        assert_ne!(Random::new(1, 2).bits(), Random::new(2, 1).bits());
    }

    #[test]
    fn ranges_are_kept_and_weights_are_followed() {
        let mut random = Random::new(0, 0);
        let mut seen = [0; 3];
        for _ in 0..10_000 {
            assert!((0.0..1.0).contains(&random.unit()));
            assert!(random.below(7) < 7);
            seen[random.weighted(&[1.0, 0.0, 3.0])] += 1;
        }
        assert_eq!(seen[1], 0);
        assert!((2_300..2_700).contains(&seen[0]), "{seen:?}");
    }

    #[test]
    fn sine_and_cosine_agree_with_the_system() {
        for step in -600..600_i16 {
            let angle = f32::from(step) * 0.01;
            let ours = sine_cosine(angle);
            assert!((ours.sine - angle.sin()).abs() < 2e-6, "{angle}");
            assert!((ours.cosine - angle.cos()).abs() < 2e-6, "{angle}");
        }
    }
}
