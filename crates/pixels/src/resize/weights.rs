//! The filter weights of one axis, as Pillow computes them.
//!
//! Source of the arithmetic: `precompute_coeffs` and `normalize_coeffs_8bpc` of Pillow's
//! `Resample.c`. The order of the floating-point operations is part of the result.

use super::Filter;
use crate::isa::Isa;

/// Fraction bits of a weight: 32 less 8 for the sample less 2 for the sign and the overshoot.
pub(super) const PRECISION_BITS: u32 = 22;
/// What is added before the fraction is cut off: one half.
pub(super) const ROUNDING: i32 = 1 << (PRECISION_BITS - 1);
/// Weights are stored in groups of this many, filled up with zeros.
pub(super) const GROUP: usize = 4;

/// Low bits that the AVX2 path splits off a weight.
pub(super) const LOW_BITS: u32 = 11;

/// Weights from `input` samples to `output` samples.
#[derive(Debug)]
pub(super) struct Axis {
    pub input: usize,
    pub output: usize,
    pub filter: Filter,
    /// For each output sample: which input samples it is made of.
    pub windows: Vec<Window>,
    /// Weights per output sample, a multiple of [`GROUP`].
    pub stride: usize,
    /// `[output, stride]`, fixed point with [`PRECISION_BITS`] bits.
    pub weights: Vec<i32>,
    /// The same weights cut into the digits that the vector instructions of one instruction set
    /// multiply; empty for the scalar path. See [`pair_digits`] and [`byte_digits`].
    pub digits: Vec<u32>,
}

/// Input samples `first .. first + count`; `count` is at least 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub first: usize,
    pub count: usize,
}

impl Axis {
    pub(super) fn new(input: usize, output: usize, filter: Filter, isa: Isa) -> Self {
        let scale = input as f64 / output as f64;
        let filter_scale = scale.max(1.0);
        let support = filter.support() * filter_scale;
        let shrink = 1.0 / filter_scale;
        let most = (support.ceil() as usize) * 2 + 1;
        let stride = most.min(input).next_multiple_of(GROUP);
        let mut windows = Vec::with_capacity(output);
        let mut weights = vec![0; output * stride];
        let mut exact = Vec::with_capacity(most);
        for (index, weights) in weights.chunks_exact_mut(stride).enumerate() {
            let center = (index as f64 + 0.5) * scale;
            // Truncation towards zero, as a C cast does it; both ends are clamped to the picture.
            let first = ((center - support + 0.5) as i64).max(0) as usize;
            let end = ((center + support + 0.5) as usize).min(input);
            exact.clear();
            exact.extend((first..end).map(|x| filter.weight((x as f64 - center + 0.5) * shrink)));
            let sum: f64 = exact.iter().fold(0.0, |sum, weight| sum + weight);
            for (weight, exact) in weights.iter_mut().zip(&exact) {
                *weight = fixed_point(if sum == 0.0 { *exact } else { exact / sum });
            }
            windows.push(Window { first, count: end - first });
        }
        let digits = match isa {
            Isa::Scalar => Vec::new(),
            Isa::Avx2 => weights.as_chunks().0.iter().flat_map(pair_digits).collect(),
            Isa::Avx512 => weights.as_chunks().0.iter().flat_map(byte_digits).collect(),
        };
        Self { input, output, filter, windows, stride, weights, digits }
    }

    /// The window and the weights of output sample `index`, without the filling zeros.
    pub(super) fn taps(&self, index: usize) -> Taps<'_> {
        let window = self.windows[index];
        let start = index * self.stride;
        Taps { first: window.first, weights: &self.weights[start..start + window.count] }
    }

    /// The digits of output sample `index`, `N` a group, only the groups that its window needs.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "only the vector paths multiply digits")
    )]
    pub(super) fn digits<const N: usize>(&self, index: usize) -> &[[u32; N]] {
        let groups = self.stride / GROUP;
        let start = index * groups * N;
        let used = self.windows[index].count.div_ceil(GROUP);
        self.digits[start..start + used * N].as_chunks().0
    }
}

/// One output sample: `weights[i]` belongs to input sample `first + i`.
pub(super) struct Taps<'axis> {
    pub first: usize,
    pub weights: &'axis [i32],
}

impl Filter {
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        /// The one free parameter of Keys' cubic.
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Self::Bilinear if x < 1.0 => 1.0 - x,
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            Self::Bilinear | Self::Bicubic => 0.0,
        }
    }
}

/// Rounds half away from zero, as Pillow does.
fn fixed_point(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION_BITS);
    if weight < 0.0 { (scaled - 0.5) as i32 } else { (scaled + 0.5) as i32 }
}

/// Four weights as `[low 0|1, high 0|1, low 2|3, high 2|3]`, two `i16` in a word, with
/// `weight = high * 2^LOW_BITS + low`: what a 16-bit multiply-add of AVX2 takes.
fn pair_digits(group: &[i32; GROUP]) -> [u32; 4] {
    let low = |weight: i32| weight & ((1 << LOW_BITS) - 1);
    let high = |weight: i32| weight >> LOW_BITS;
    let pack = |first: i32, second: i32| {
        let [first, second] = [first, second].map(|digit| {
            i16::try_from(digit).expect("a weight is below 2^26, so its digits have 16 bits")
        });
        u32::from(first as u16) | u32::from(second as u16) << 16
    };
    let [a, b, c, d] = *group;
    [pack(low(a), low(b)), pack(high(a), high(b)), pack(low(c), low(d)), pack(high(c), high(d))]
}

/// Four weights as three words of four signed bytes, `weight = d2 * 2^16 + d1 * 2^8 + d0`: what
/// the byte dot product of AVX-512 VNNI takes.
fn byte_digits(group: &[i32; GROUP]) -> [u32; 3] {
    let digits = group.map(|weight| {
        let d0 = weight as i8;
        let rest = (weight - i32::from(d0)) >> 8;
        let d1 = rest as i8;
        let rest = (rest - i32::from(d1)) >> 8;
        let d2 = i8::try_from(rest).expect("a weight is below 1.9, so its top digit has 8 bits");
        [d0, d1, d2]
    });
    std::array::from_fn(|place| u32::from_le_bytes(digits.map(|digit| digit[place] as u8)))
}
