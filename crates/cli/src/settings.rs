//! What the model options mean: flag, then environment variable, then configuration file, then
//! default.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::thread::available_parallelism;

use kernels::Isa;
use model::{Options, Precision};
use tokens::Canonicalization;

use crate::arguments::{ComputeOptions, OutputOptions};
use crate::console::Verbosity;
use crate::environment::Environment;
use crate::exit::UsageError;
use crate::given::{given, read_or};
use crate::keys;
use crate::named_model::NamedModel;

/// More threads than any machine has a use for.
const MOST_THREADS: usize = 1024;

/// The name of the model to open, which may be a path that is no UTF-8; `None` when nobody named one.
pub(crate) fn model_name<'a>(
    typed: Option<&'a OsString>,
    environment: &'a Environment,
) -> Option<&'a OsStr> {
    let named = typed.or_else(|| Some(&environment.setting(&keys::MODEL)?.value));
    if let Some(name) = named {
        return Some(name);
    }
    // The name that the server gives it does not count here.
    let first = environment.configuration.values(&keys::MODEL)?.first()?;
    Some(NamedModel::split(first.given().text).source)
}

/// The folder of packed towers. An empty flag overrules the variable and the file.
pub(crate) fn packed_cache(typed: Option<&OsString>, environment: &Environment) -> Option<PathBuf> {
    let given = given(&keys::PACKED_CACHE, typed, environment)?;
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
    let precision = given(&keys::PRECISION, options.precision.as_ref(), environment);
    let isa = given(&keys::ISA, options.isa.as_ref(), environment);
    let canonicalization =
        given(&keys::CANONICALIZATION, options.canonicalization.as_ref(), environment);
    Ok(Options {
        isa: isa.map_or_else(|| Ok(Isa::detect()), |given| given.read(read_isa))?,
        threads: threads(options, environment)?,
        precision: read_or(Precision::F32, precision, str::parse)?,
        canonicalization: read_or(Canonicalization::Hf, canonicalization, read_canonicalization)?,
        limits: pixels::Limits::default(),
        packed_cache: None,
    })
}

/// How much is said on standard error. Any value of the variable asks for quiet but those that mean no.
pub(crate) fn verbosity(options: &OutputOptions, environment: &Environment) -> Verbosity {
    let asks =
        |text: &OsStr| !["0", "false", "no", "off"].iter().any(|no| text.eq_ignore_ascii_case(no));
    let given = given(&keys::QUIET, None::<&OsStr>, environment);
    if options.quiet || given.is_some_and(|given| asks(given.text)) {
        Verbosity::Quiet
    } else {
        Verbosity::Normal
    }
}

/// How many threads to compute on.
///
/// # Errors
/// When the value is not a number, or zero, or absurd.
fn threads(options: &ComputeOptions, environment: &Environment) -> Result<usize, UsageError> {
    let all_cores = || available_parallelism().map_or(1, |count| count.get().min(MOST_THREADS));
    given(&keys::THREADS, options.threads.as_ref(), environment)
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
