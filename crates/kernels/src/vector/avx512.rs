//! AVX-512: 16 lanes, with and without the BF16 extension.

use std::marker::PhantomData;

#[allow(clippy::wildcard_imports, reason = "four dozen intrinsics")]
use std::arch::x86_64::*;

use super::{GUESS, Vector};

/// 16 lanes of AVX-512 (F, VL, BW and DQ), and the way they take with bf16.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<W>(pub(crate) __m512, PhantomData<W>);

/// Without the BF16 extension.
pub(crate) type Avx512TakenApart = Avx512<TakenApart>;
/// With the BF16 extension.
pub(crate) type Avx512WithBf16 = Avx512<Bf16Extension>;

/// What AVX-512 does with bf16: it depends on the processor's extensions.
///
/// # Safety
///
/// All functions may be called only where the processor has AVX-512 F, VL, BW and DQ, and the
/// extension that the implementation is named after.
pub(crate) trait Bf16Way: Copy {
    /// The bf16 nearest to each lane, ties to even.
    unsafe fn narrow(lanes: __m512) -> __m256i;
    /// `sums + left x right`, two bf16 in each lane.
    unsafe fn step(sums: __m512, left: __m512i, right: __m512i) -> __m512;
}

/// bf16 without an extension: integer arithmetic and products of f32.
#[derive(Clone, Copy)]
pub(crate) struct TakenApart;

/// bf16 with the BF16 extension, which flushes denormals to zero.
#[derive(Clone, Copy)]
pub(crate) struct Bf16Extension;

impl Bf16Way for TakenApart {
    #[inline(always)]
    unsafe fn narrow(lanes: __m512) -> __m256i {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let bits = _mm512_castps_si512(lanes);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
            _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded))
        }
    }
    #[inline(always)]
    unsafe fn step(sums: __m512, left: __m512i, right: __m512i) -> __m512 {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let low = |units| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(units));
            let high = |units| {
                let mask = _mm512_set1_epi32(0xFFFF_0000_u32.cast_signed());
                _mm512_castsi512_ps(_mm512_and_si512(units, mask))
            };
            let sums = _mm512_fmadd_ps(low(left), low(right), sums);
            _mm512_fmadd_ps(high(left), high(right), sums)
        }
    }
}

impl Bf16Way for Bf16Extension {
    #[inline(always)]
    unsafe fn narrow(lanes: __m512) -> __m256i {
        // SAFETY: the caller promises the instruction set; both types are 32 bytes of bits.
        unsafe { std::mem::transmute(_mm512_cvtneps_pbh(lanes)) }
    }
    #[inline(always)]
    unsafe fn step(sums: __m512, left: __m512i, right: __m512i) -> __m512 {
        // SAFETY: the caller promises the instruction set; both types are 64 bytes of bits.
        unsafe {
            let left: __m512bh = std::mem::transmute(left);
            let right: __m512bh = std::mem::transmute(right);
            _mm512_dpbf16_ps(sums, left, right)
        }
    }
}

impl<W: Bf16Way> Avx512<W> {
    #[inline(always)]
    pub(crate) fn new(lanes: __m512) -> Self {
        Self(lanes, PhantomData)
    }
    #[inline(always)]
    fn mask(count: usize) -> __mmask16 {
        debug_assert!(count <= 16);
        ((1_u32 << count) - 1) as __mmask16
    }
}

impl<W: Bf16Way> Vector for Avx512<W> {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller promises the instruction set.
        Self::new(unsafe { _mm512_set1_ps(value) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises the set and 16 readable lanes.
        Self::new(unsafe { _mm512_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller promises the set and `count` readable lanes; the mask reads no other.
        Self::new(unsafe { _mm512_maskz_loadu_ps(Self::mask(count), from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises the set and 16 writable lanes.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        // SAFETY: the caller promises the set and `count` writable lanes; the mask writes no other.
        unsafe { _mm512_mask_storeu_ps(to, Self::mask(count), self.0) }
    }
    #[inline(always)]
    unsafe fn first(self, count: usize) -> Self {
        // SAFETY: the caller promises the instruction set.
        Self::new(unsafe { _mm512_maskz_mov_ps(Self::mask(count), self.0) })
    }
    operation!(add(self, other) _mm512_add_ps(self.0, other.0));
    operation!(sub(self, other) _mm512_sub_ps(self.0, other.0));
    operation!(mul(self, other) _mm512_mul_ps(self.0, other.0));
    operation!(div(self, other) _mm512_div_ps(self.0, other.0));
    operation!(mul_add(self, factor, addend) _mm512_fmadd_ps(self.0, factor.0, addend.0));
    operation!(negated_mul_add(self, factor, addend) _mm512_fnmadd_ps(self.0, factor.0, addend.0));
    operation!(max(self, other) _mm512_max_ps(self.0, other.0));
    operation!(min(self, other) _mm512_min_ps(self.0, other.0));
    operation!(round(self) _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0));
    operation!(scale(self, exponent) _mm512_scalef_ps(self.0, exponent.0));
    operation!(reciprocal_guess(self) {
        let bits = _mm512_castps_si512(self.0);
        _mm512_castsi512_ps(_mm512_sub_epi32(_mm512_set1_epi32(GUESS.cast_signed()), bits))
    });

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm512_reduce_max_ps(self.0) }
    }
    #[inline(always)]
    unsafe fn smallest(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm512_reduce_min_ps(self.0) }
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the caller promises the set and 16 readable lanes.
        unsafe {
            let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            Self::new(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves)))
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        // SAFETY: the caller promises the set and 16 writable lanes.
        unsafe { _mm256_storeu_si256(to.cast(), W::narrow(self.0)) }
    }
    #[inline(always)]
    unsafe fn store_u8(self, to: *mut u8) {
        // SAFETY: the caller promises the set and 16 writable bytes.
        unsafe {
            let bytes = _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(self.0));
            _mm_storeu_si128(to.cast(), bytes);
        }
    }
    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        // SAFETY: nothing is read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }
    #[inline(always)]
    unsafe fn look_up(codes: *const u8, tables: *const u8, bytes: usize, sums: *mut u16) {
        // SAFETY: the sets of this lane width have AVX2; the rest is the caller's promise.
        unsafe { super::Avx2::look_up(codes, tables, bytes, sums) }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const u32, from_stride: usize, to: *mut u32, to_stride: usize) {
        // SAFETY: the caller promises the set and both blocks.
        unsafe {
            let row = |i: usize| _mm512_loadu_ps(from.add(i * from_stride).cast());
            // Four rows of four-by-four blocks: quarter q is columns 4q to 4q + 3.
            let fours = |first: usize| {
                let (a, b, c, d) = (row(first), row(first + 1), row(first + 2), row(first + 3));
                let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
                let (ab_high, cd_high) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
                [
                    _mm512_shuffle_ps::<0x44>(ab, cd),
                    _mm512_shuffle_ps::<0xEE>(ab, cd),
                    _mm512_shuffle_ps::<0x44>(ab_high, cd_high),
                    _mm512_shuffle_ps::<0xEE>(ab_high, cd_high),
                ]
            };
            let (a, b, c, d) = (fours(0), fours(4), fours(8), fours(12));
            for i in 0..4 {
                // Quarters 0 and 1 (low) or 2 and 3 (high) of the rows 0 to 7 and 8 to 15.
                let ab_low = _mm512_shuffle_f32x4::<0x44>(a[i], b[i]);
                let cd_low = _mm512_shuffle_f32x4::<0x44>(c[i], d[i]);
                let ab_high = _mm512_shuffle_f32x4::<0xEE>(a[i], b[i]);
                let cd_high = _mm512_shuffle_f32x4::<0xEE>(c[i], d[i]);
                let columns = [
                    _mm512_shuffle_f32x4::<0x88>(ab_low, cd_low),
                    _mm512_shuffle_f32x4::<0xDD>(ab_low, cd_low),
                    _mm512_shuffle_f32x4::<0x88>(ab_high, cd_high),
                    _mm512_shuffle_f32x4::<0xDD>(ab_high, cd_high),
                ];
                for (quarter, column) in columns.into_iter().enumerate() {
                    _mm512_storeu_ps(to.add((i + 4 * quarter) * to_stride).cast(), column);
                }
            }
        }
    }
}
