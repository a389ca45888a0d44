//! NEON of aarch64: 4 lanes.

#[allow(clippy::wildcard_imports, reason = "two dozen intrinsics")]
use std::arch::aarch64::*;

use super::{GUESS, Vector};

/// 4 lanes of NEON.
#[derive(Clone, Copy)]
pub(crate) struct Neon(pub(crate) float32x4_t);

/// Four set lanes, then four clear ones: a window over it masks the first `count` of 4.
const WINDOW: [u32; 8] = [u32::MAX, u32::MAX, u32::MAX, u32::MAX, 0, 0, 0, 0];

impl Neon {
    #[inline(always)]
    fn new(lanes: float32x4_t) -> Self {
        Self(lanes)
    }
}

impl Vector for Neon {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller promises the instruction set.
        Self(unsafe { vdupq_n_f32(value) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises the set and 4 readable lanes.
        Self(unsafe { vld1q_f32(from) })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        debug_assert!(count <= 4);
        // SAFETY: the caller promises the set and `count` readable lanes.
        unsafe {
            if count == 4 {
                return Self::load(from);
            }
            let mut lanes = [0.0; 4];
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            Self::load(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises the set and 4 writable lanes.
        unsafe { vst1q_f32(to, self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        debug_assert!(count <= 4);
        // SAFETY: the caller promises the set and `count` writable lanes.
        unsafe {
            if count == 4 {
                return self.store(to);
            }
            let mut lanes = [0.0; 4];
            self.store(lanes.as_mut_ptr());
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
        }
    }
    #[inline(always)]
    unsafe fn first(self, count: usize) -> Self {
        debug_assert!(count <= 4);
        // SAFETY: the caller promises the set; `count` is at most 4, so 4 integers from `4 - count`
        // lie within the window.
        unsafe {
            let mask = vld1q_u32(WINDOW.as_ptr().add(4 - count));
            Self(vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(self.0), mask)))
        }
    }
    operation!(add(self, other) vaddq_f32(self.0, other.0));
    operation!(sub(self, other) vsubq_f32(self.0, other.0));
    operation!(mul(self, other) vmulq_f32(self.0, other.0));
    operation!(div(self, other) vdivq_f32(self.0, other.0));
    operation!(mul_add(self, factor, addend) vfmaq_f32(addend.0, self.0, factor.0));
    operation!(negated_mul_add(self, factor, addend) vfmsq_f32(addend.0, self.0, factor.0));
    operation!(max(self, other) vmaxq_f32(self.0, other.0));
    operation!(min(self, other) vminq_f32(self.0, other.0));
    operation!(round(self) vrndnq_f32(self.0));
    operation!(scale(self, exponent) {
        let biased = vaddq_s32(vcvtq_s32_f32(exponent.0), vdupq_n_s32(127));
        vmulq_f32(self.0, vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased)))
    });
    operation!(reciprocal_guess(self) {
        vreinterpretq_f32_u32(vsubq_u32(vdupq_n_u32(GUESS), vreinterpretq_u32_f32(self.0)))
    });

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller promises the set. Neighbours are added first, then their sums.
        unsafe { vaddvq_f32(self.0) }
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe { vmaxvq_f32(self.0) }
    }
    #[inline(always)]
    unsafe fn smallest(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe { vminvq_f32(self.0) }
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the caller promises the set and 4 readable lanes.
        Self(unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(from))) })
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        // SAFETY: the caller promises the set and 4 writable lanes.
        unsafe {
            let bits = vreinterpretq_u32_f32(self.0);
            let odd = vandq_u32(vshrq_n_u32::<16>(bits), vdupq_n_u32(1));
            let rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7FFF)));
            vst1_u16(to, vshrn_n_u32::<16>(rounded));
        }
    }
    #[inline(always)]
    unsafe fn store_u8(self, to: *mut u8) {
        // SAFETY: the caller promises the set and 4 writable bytes.
        unsafe {
            let halves = vmovn_u32(vcvtq_u32_f32(self.0));
            let bytes = vreinterpret_u32_u8(vmovn_u16(vcombine_u16(halves, halves)));
            to.cast::<u32>().write_unaligned(vget_lane_u32::<0>(bytes));
        }
    }
    #[inline(always)]
    unsafe fn look_up(codes: *const u8, tables: *const u8, bytes: usize, sums: *mut u16) {
        // SAFETY: the caller promises the set, 32 codes and 32 entries a byte, and 32 sums.
        unsafe {
            for side in 0..2 {
                let (mut front, mut back) = (vdupq_n_u16(0), vdupq_n_u16(0));
                for b in 0..bytes {
                    let code = vld1q_u8(codes.add(32 * b + 16 * side));
                    let lower = vld1q_u8(tables.add(32 * b));
                    let upper = vld1q_u8(tables.add(32 * b + 16));
                    let low = vqtbl1q_u8(lower, vandq_u8(code, vdupq_n_u8(15)));
                    let found = vaddq_u8(low, vqtbl1q_u8(upper, vshrq_n_u8::<4>(code)));
                    front = vaddw_u8(front, vget_low_u8(found));
                    back = vaddw_high_u8(back, found);
                }
                vst1q_u16(sums.add(16 * side), front);
                vst1q_u16(sums.add(16 * side + 8), back);
            }
        }
    }
}
