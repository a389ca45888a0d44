//! The number format of the towers' products.

use std::fmt;
use std::str::FromStr;

use kernels::{Format, Isa};

use crate::ModelError;

/// What the user asks for; [`resolve`](Self::resolve) says what is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// bf16 where the processor has it, else f32; never int8.
    Auto,
    /// 32-bit floats throughout: exact on every machine.
    #[default]
    F32,
    /// Brain floats in the products, 32-bit sums.
    Bf16,
    /// 8-bit integers in the encoder's products.
    Int8,
}

impl Precision {
    const ALL: [Self; 4] = [Self::Auto, Self::F32, Self::Bf16, Self::Int8];

    /// What is computed in on `isa`: `Auto` becomes bf16 where the processor multiplies it in one
    /// instruction, else f32; the others stay.
    #[must_use]
    pub fn resolve(self, isa: Isa) -> Self {
        match self {
            Self::Auto if isa.has_native(Format::Bf16) => Self::Bf16,
            Self::Auto => Self::F32,
            chosen => chosen,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == name);
        found.ok_or_else(|| ModelError::UnknownPrecision(name.to_owned()))
    }
}
