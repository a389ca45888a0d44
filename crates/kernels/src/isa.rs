//! Which instruction set the kernels use.

use std::fmt;
use std::str::FromStr;

#[cfg(target_arch = "aarch64")]
use std::arch::is_aarch64_feature_detected as is_detected;
#[cfg(target_arch = "x86_64")]
use std::arch::is_x86_feature_detected as is_detected;

use crate::sets::every_set;
use crate::vector::Vector;
use crate::{Format, KernelError};

/// An instruction set that this machine has.
///
/// A value is a proof: the only ways to get one ask the processor first, so code compiled for the
/// set may be called wherever a value is at hand.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa(pub(crate) Kind);

/// `Kind` and what the table says about each.
macro_rules! kinds {
    (
        {}
        $({
            $kind:ident $name:literal, if $condition:meta, features [$($feature:tt)*],
            native [$($native:ident)*],
            $vector:ident, $int8:ident, products [$rows:literal, $registers:literal], $($rest:tt)*
        })*
    ) => {
        /// The sets that have kernels on this architecture, from the slowest to the fastest.
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Kind {
            $(#[cfg($condition)] $kind,)*
        }

        impl Kind {
            const ALL: &[Self] = &[$(#[cfg($condition)] Self::$kind,)*];

            fn is_present(self) -> bool {
                match self {
                    $(#[cfg($condition)] Self::$kind => true $(&& is_detected!($feature))*,)*
                }
            }

            fn name(self) -> &'static str {
                match self {
                    $(#[cfg($condition)] Self::$kind => $name,)*
                }
            }

            fn native(self) -> &'static [Format] {
                match self {
                    $(#[cfg($condition)] Self::$kind => &[$(Format::$native),*],)*
                }
            }

            /// f32 in a register.
            fn lanes(self) -> usize {
                match self {
                    $(#[cfg($condition)] Self::$kind => crate::vector::$vector::LANES,)*
                }
            }

            /// The register block of products.
            fn block(self) -> Block {
                match self {
                    $(
                        #[cfg($condition)]
                        Self::$kind => Block { rows: $rows, columns: $registers * self.lanes() },
                    )*
                }
            }
        }
    };
}

every_set!([kinds] {});

/// The extents of a register block.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
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
        self.0.native().contains(&format)
    }

    /// The name by which users choose it: `scalar`; on x86-64 `avx2`, `avx2vnni`, `avx512f`,
    /// `avx512vnni` or `avx512`; on aarch64 `neon`.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The names of all sets of this architecture, whether the machine has them or not, slowest
    /// first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Kind::ALL.iter().map(|kind| kind.name())
    }

    /// The register block of products.
    pub(crate) fn block(self) -> Block {
        self.0.block()
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
        let kind = Kind::ALL.iter().copied().find(|kind| kind.name() == name).ok_or_else(|| {
            KernelError::UnknownIsa {
                name: name.to_owned(),
                known: Self::names().collect::<Vec<_>>().join(", "),
            }
        })?;
        if kind.is_present() {
            return Ok(Self(kind));
        }
        let available = Self::available().iter().map(|isa| isa.name()).collect::<Vec<_>>();
        Err(KernelError::MissingIsa { wanted: kind.name(), available: available.join(", ") })
    }
}
