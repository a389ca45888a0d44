//! From an [`Isa`](crate::Isa) to a copy of a kernel compiled for it.

/// Calls `kernel::<...>(arguments)` in the copy for `isa`: one function per instruction set, which
/// enables it for everything that is inlined into it. The brackets hold each set's generics.
macro_rules! dispatch {
    (
        $isa:expr, $kernel:ident($arguments:ident: $type:ty),
        avx512 [$($avx512:tt)*], avx2 [$($avx2:tt)*], plain [$($plain:tt)*]
    ) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx512bf16,avx512vnni,avx2,fma")]
        fn avx512($arguments: $type) {
            // SAFETY: the features are enabled; the rest is the kernel's contract, kept by the
            // caller of the macro.
            unsafe { $kernel::<$($avx512)*>($arguments) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2($arguments: $type) {
            // SAFETY: as above.
            unsafe { $kernel::<$($avx2)*>($arguments) }
        }
        match $isa.0 {
            // SAFETY: an `Isa` is a proof that the processor has the set.
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Kind::Avx512 => unsafe { avx512($arguments) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Kind::Avx2 => unsafe { avx2($arguments) },
            // SAFETY: plain Rust needs no instruction set.
            $crate::isa::Kind::Scalar => unsafe { $kernel::<$($plain)*>($arguments) },
        }
    }};
}

pub(crate) use dispatch;
