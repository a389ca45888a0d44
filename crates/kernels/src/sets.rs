//! The table of instruction sets: the one place that lists them.

/// `every_set!([name] input)` becomes `name! { input row row ... }`, the rows from the slowest set to
/// the fastest.
///
/// A row tells the set's variant of `Kind` and the name by which users choose it; where it exists
/// and the features that its kernels enable; the formats that one instruction multiplies; its
/// `Vector` and its `Arithmetic` of 8-bit integers; and the register blocks `[rows, registers]` of
/// products and of attention. Blocks have at most 8 rows; an attention's registers hold a divisor of
/// `packing::WIDEST` lanes.
macro_rules! every_set {
    ([$($name:tt)*] $input:tt) => {
        $($name)*! {
            $input
            // Plain Rust: every machine.
            { Scalar "scalar", if all(), features [], native [F32],
              Plain, Int8, products [4, 2], attention [4, 2] }
            // NEON, which every aarch64 has: 4 lanes, 32 registers. More sums than these spill in bf16
            // and int8, where a column takes two registers once it is taken apart; fewer than 16 would
            // not fill four pipes.
            { Neon "neon", if target_arch = "aarch64", features ["neon"], native [F32],
              Neon, Int8, products [6, 3], attention [8, 2] }
            // AVX2 with FMA (Haswell, Zen and later): 8 lanes, 16 registers.
            { Avx2 "avx2", if target_arch = "x86_64", features ["avx2" "fma" "popcnt"], native [F32],
              Avx2, Int8, products [6, 2], attention [6, 2] }
            // AVX2 with AVX-VNNI (Alder Lake and its successors without AVX-512).
            { Avx2Vnni "avx2vnni", if target_arch = "x86_64",
              features ["avx2" "fma" "popcnt" "avxvnni"], native [F32 Int8],
              Avx2, DotInt8, products [6, 2], attention [6, 2] }
            // AVX-512 without extensions for small numbers (Skylake-X): 16 lanes, 32 registers.
            { Avx512F "avx512f", if target_arch = "x86_64",
              features ["avx512f" "avx512vl" "avx512bw" "avx512dq" "avx2" "fma" "popcnt"], native [F32],
              Avx512TakenApart, Int8, products [8, 3], attention [6, 4] }
            // AVX-512 with VNNI (Cascade Lake, Ice Lake).
            { Avx512Vnni "avx512vnni", if target_arch = "x86_64",
              features ["avx512f" "avx512vl" "avx512bw" "avx512dq" "avx512vnni" "avx2" "fma" "popcnt"],
              native [F32 Int8],
              Avx512TakenApart, DotInt8, products [8, 3], attention [6, 4] }
            // AVX-512 with VNNI and BF16 (Zen 4, Sapphire Rapids and later).
            { Avx512 "avx512", if target_arch = "x86_64",
              features ["avx512f" "avx512vl" "avx512bw" "avx512dq" "avx512bf16" "avx512vnni"
                        "avx2" "fma" "popcnt"],
              native [F32 Bf16 Int8],
              Avx512WithBf16, DotInt8, products [8, 3], attention [6, 4] }
        }
    };
}

pub(crate) use every_set;
