//! Which models are served, and under which names.

use std::collections::HashSet;
use std::ffi::OsString;

use crate::exit::UsageError;
use crate::given::Given;
use crate::named_model::NamedModel;

/// A model to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServedModel {
    /// Its name for clients; `None`: its own.
    pub(crate) name: Option<String>,
    /// A folder or an id, as `model_source::find` takes it.
    pub(crate) source: OsString,
}

/// Another name of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alias {
    pub(crate) alias: String,
    /// The name of a served model; whether it exists shows when the models' own names are known.
    pub(crate) model: String,
}

/// Reads the models, the default one first.
///
/// # Errors
/// When a name comes twice or a model is empty.
pub(super) fn read_models(given: &[Given<'_>]) -> Result<Vec<ServedModel>, UsageError> {
    let mut names = HashSet::new();
    let mut models = Vec::new();
    for given in given {
        let NamedModel { name, source } = NamedModel::split(given.text);
        if source.is_empty() {
            return Err(given.wrong("no model is named"));
        }
        if let Some(name) = name
            && !names.insert(name)
        {
            return Err(given.wrong(format!("the name {name:?} is given to two models")));
        }
        models.push(ServedModel { name: name.map(str::to_owned), source: source.to_owned() });
    }
    Ok(models)
}

/// Reads the aliases.
///
/// # Errors
/// When one is not `ALIAS=MODEL` or comes twice.
pub(super) fn read_aliases(given: &[Given<'_>]) -> Result<Vec<Alias>, UsageError> {
    let mut seen = HashSet::new();
    let mut aliases = Vec::new();
    for given in given {
        let alias = given.read(read_alias)?;
        if !seen.insert(alias.alias.clone()) {
            return Err(given.wrong(format!("the alias {:?} is given twice", alias.alias)));
        }
        aliases.push(alias);
    }
    Ok(aliases)
}

fn read_alias(text: &str) -> Result<Alias, String> {
    match text.split_once('=') {
        Some((alias, model)) if !alias.trim().is_empty() && !model.trim().is_empty() => {
            Ok(Alias { alias: alias.trim().to_owned(), model: model.trim().to_owned() })
        }
        _ => Err(format!("{text:?} is not ALIAS=MODEL")),
    }
}
