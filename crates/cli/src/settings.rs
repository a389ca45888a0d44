//! What the model options mean: flag, then environment variable, then default.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::path::PathBuf;
use std::thread::available_parallelism;

use kernels::Isa;
use model::{Options, Precision};
use tokens::Canonicalization;

use crate::arguments::ComputeOptions;
use crate::environment::{Environment, Variable};
use crate::exit::UsageError;

/// More threads than any machine has a use for.
const MOST_THREADS: usize = 1024;

/// A text that the user gave, and where.
struct Given<'a> {
    place: &'static str,
    text: &'a OsStr,
}

/// The flag wins over the variable.
fn given<'a>(
    flag: &'static str,
    value: Option<&'a OsString>,
    variable: Option<&'a Variable>,
) -> Option<Given<'a>> {
    match (value, variable) {
        (Some(text), _) => Some(Given { place: flag, text }),
        (None, Some(Variable { name, value })) => Some(Given { place: name, text: value }),
        (None, None) => None,
    }
}

impl Given<'_> {
    fn read<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, UsageError> {
        let Some(text) = self.text.to_str() else {
            let message = format!("{}: the value is not UTF-8", self.place);
            return Err(UsageError::new(message));
        };
        parse(text).map_err(|error| UsageError::new(format!("{}: {error}", self.place)))
    }
}

/// The name of the model to open, which may be a path that is no UTF-8; `None` when nobody named one.
pub(crate) fn model_name<'a>(
    typed: Option<&'a OsString>,
    environment: &'a Environment,
) -> Option<&'a OsStr> {
    given("--model", typed, environment.model.as_ref()).map(|given| given.text)
}

/// The folder of packed towers. An empty flag overrules the variable.
pub(crate) fn packed_cache(typed: Option<&OsString>, environment: &Environment) -> Option<PathBuf> {
    let given = given("--packed-cache", typed, environment.packed_cache.as_ref())?;
    (!given.text.is_empty()).then(|| given.text.into())
}

/// How to open the model. It keeps no packed towers.
///
/// # Errors
/// When a value is not one of those that the option takes, or asks for what this machine or this build lacks.
pub(crate) fn options(
    options: &ComputeOptions,
    environment: &Environment,
) -> Result<Options, UsageError> {
    let precision =
        given("--precision", options.precision.as_ref(), environment.precision.as_ref());
    let isa = given("--isa", options.isa.as_ref(), environment.isa.as_ref());
    let canonicalization = given(
        "--canonicalization",
        options.canonicalization.as_ref(),
        environment.canonicalization.as_ref(),
    );
    Ok(Options {
        isa: isa.map_or_else(|| Ok(Isa::detect()), |given| given.read(read_isa))?,
        threads: threads(options, environment)?,
        precision: precision.map_or(Ok(Precision::F32), |given| given.read(str::parse))?,
        canonicalization: canonicalization
            .map_or(Ok(Canonicalization::Hf), |given| given.read(read_canonicalization))?,
        limits: pixels::Limits::default(),
        packed_cache: None,
    })
}

/// How many threads to compute on.
///
/// # Errors
/// When the value is not a number, or zero, or absurd.
fn threads(options: &ComputeOptions, environment: &Environment) -> Result<usize, UsageError> {
    let all_cores = || available_parallelism().map_or(1, |count| count.get().min(MOST_THREADS));
    given("--threads", options.threads.as_ref(), environment.threads.as_ref())
        .map_or_else(|| Ok(all_cores()), |given| given.read(read_threads))
}

fn read_isa(text: &str) -> Result<Isa, kernels::KernelError> {
    if text == "auto" {
        return Ok(Isa::detect());
    }
    text.parse()
}

fn read_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=MOST_THREADS) => Ok(count),
        _ => Err(format!("{text:?} is not a number of threads; it takes 1 to {MOST_THREADS}")),
    }
}

fn read_canonicalization(text: &str) -> Result<Canonicalization, String> {
    match text {
        "hf" => Ok(Canonicalization::Hf),
        "bigvision" => Ok(Canonicalization::BigVision),
        _ => Err(format!("unknown canonicalization {text:?}; one of hf, bigvision was expected")),
    }
}
