//! NEON without extensions: bf16 taken apart into f32, 8-bit integers into 16-bit products.

#[allow(clippy::wildcard_imports, reason = "a dozen and a half intrinsics")]
use std::arch::aarch64::*;

use super::Units;
use crate::vector::Neon;

impl Units for Neon {
    type Register = uint32x4_t;

    #[inline(always)]
    unsafe fn load(from: *const u32) -> uint32x4_t {
        // SAFETY: the caller promises the set and 4 readable units.
        unsafe { vld1q_u32(from) }
    }
    #[inline(always)]
    unsafe fn broadcast(unit: u32) -> uint32x4_t {
        // SAFETY: the caller promises the instruction set.
        unsafe { vdupq_n_u32(unit) }
    }
    #[inline(always)]
    unsafe fn bf16_step(sums: Self, left: uint32x4_t, right: uint32x4_t) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let low = |units| vreinterpretq_f32_u32(vshlq_n_u32::<16>(units));
            let high = |units| vreinterpretq_f32_u32(vandq_u32(units, vdupq_n_u32(0xFFFF_0000)));
            let sums = vfmaq_f32(sums.0, low(left), low(right));
            Self(vfmaq_f32(sums, high(left), high(right)))
        }
    }
    #[inline(always)]
    unsafe fn int8_step(sums: uint32x4_t, left: uint32x4_t, right: uint32x4_t) -> uint32x4_t {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            // Even bytes and odd bytes as 16-bit numbers: a product is at least 255 x -128 and at
            // most 255 x 127, which fit; two neighbours are added into 32 bits.
            let left = vreinterpretq_u16_u32(left);
            let right = vreinterpretq_s16_u32(right);
            let even = vreinterpretq_s16_u16(vandq_u16(left, vdupq_n_u16(0xFF)));
            let odd = vreinterpretq_s16_u16(vshrq_n_u16::<8>(left));
            let even_right = vshrq_n_s16::<8>(vshlq_n_s16::<8>(right));
            let odd_right = vshrq_n_s16::<8>(right);
            let sums = vpadalq_s16(vreinterpretq_s32_u32(sums), vmulq_s16(even, even_right));
            vreinterpretq_u32_s32(vpadalq_s16(sums, vmulq_s16(odd, odd_right)))
        }
    }
    #[inline(always)]
    unsafe fn from_sums(sums: uint32x4_t) -> Self {
        // SAFETY: the caller promises the instruction set.
        Self(unsafe { vcvtq_f32_s32(vreinterpretq_s32_u32(sums)) })
    }
}
