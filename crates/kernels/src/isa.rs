//! Which instruction set the kernels use.

use std::fmt;
use std::str::FromStr;

use crate::{Format, KernelError};

/// An instruction set that this machine has.
///
/// A value is a proof: the only ways to get one ask the processor first, so code compiled for the
/// set may be called wherever a value is at hand.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa(pub(crate) Kind);

/// The sets that have kernels, from the slowest to the fastest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Plain Rust: every machine.
    Scalar,
    /// AVX2 with FMA: 8 lanes, 16 registers.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 with BF16 and VNNI (Zen 4, Sapphire Rapids and later): 16 lanes, 32 registers.
    /// Older AVX-512 processors use AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kind {
    const ALL: &[Self] = &[
        Self::Scalar,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
    ];

    fn is_present(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_present()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bf16")
                    && is_x86_feature_detected!("avx512vnni")
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
        }
    }
}

impl Isa {
    /// Plain Rust, which every machine has.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// The fastest set of this machine.
    pub fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Self::SCALAR)
    }

    /// All sets of this machine, slowest first. Never empty.
    pub fn available() -> Vec<Self> {
        Kind::ALL.iter().copied().filter(|kind| kind.is_present()).map(Self).collect()
    }

    /// Whether one instruction multiplies this format; otherwise it is taken apart first.
    pub fn has_native(self, format: Format) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => true,
            _ => format == Format::F32,
        }
    }

    /// The name by which users choose it: `scalar`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Isa {
    type Err = KernelError;

    /// # Errors
    ///
    /// When the name is unknown, or this machine lacks the set.
    fn from_str(name: &str) -> Result<Self, KernelError> {
        let kind = Kind::ALL
            .iter()
            .copied()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| KernelError::UnknownIsa(name.to_owned()))?;
        if kind.is_present() {
            return Ok(Self(kind));
        }
        let available = Self::available().iter().map(|isa| isa.name()).collect::<Vec<_>>();
        Err(KernelError::MissingIsa { wanted: kind.name(), available: available.join(", ") })
    }
}
