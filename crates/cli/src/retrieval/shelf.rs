//! Where stores are, and which index of a store counts.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use index::{Access, Embedded, Space};
use kernels::Isa;
use serde::{Deserialize, Serialize};

use crate::accounts::data_folder;
use crate::arguments::retrieval::StoreOptions;
use crate::environment::Environment;
use crate::exit::UsageError;
use crate::model_source::OpenModel;
use crate::output_file::OutputFile;

/// A store's folder.
#[derive(Debug)]
pub(crate) struct Shelf {
    name: String,
    folder: PathBuf,
}

/// The model that a store was made with, so that a search can open it again.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Current {
    /// The index's folder.
    fingerprint: String,
    /// What `--model` has to be: `mini`, an id, or a folder.
    pub(crate) model: String,
    pub(crate) precision: String,
}

impl Shelf {
    /// The store that the options name; it need not be there.
    ///
    /// # Errors
    /// When the name is none, or there is no data folder.
    pub(crate) fn find(options: &StoreOptions, environment: &Environment) -> anyhow::Result<Self> {
        let name = options.store.clone();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.bytes().all(fits) {
            let message = "a store's name has 1 to 64 letters, digits, `.`, `_` and `-`, and does not begin with `.`";
            return Err(UsageError::new(message).into());
        }
        let Some(data) = data_folder(options.data_folder.as_ref(), environment) else {
            let message = "no place for the data folder: name one with --data-folder";
            return Err(UsageError::new(message).into());
        };
        let folder = std::path::absolute(data.join("stores").join(&name))?;
        Ok(Self { name, folder })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn current_path(&self) -> PathBuf {
        self.folder.join("current.json")
    }

    /// The model that answers; none while nothing was indexed.
    ///
    /// # Errors
    /// When the file that says so cannot be read.
    pub(crate) fn current(&self) -> anyhow::Result<Option<Current>> {
        let path = self.current_path();
        if !path.exists() {
            return Ok(None);
        }
        let text = fs_err::read(&path)?;
        let current = serde_json::from_slice(&text);
        current.map(Some).with_context(|| path.display().to_string())
    }

    /// Lets a model's index answer from now on, and removes that of the model before.
    ///
    /// # Errors
    /// When the store cannot be written to.
    pub(crate) fn set_current(&self, current: &Current) -> anyhow::Result<()> {
        let before = self.current()?;
        if before.as_ref() == Some(current) {
            return Ok(());
        }
        let mut file = OutputFile::create(&self.current_path())?;
        file.write(&serde_json::to_vec_pretty(current)?)?;
        file.finish()?;
        if let Some(before) = before.filter(|before| before.fingerprint != current.fingerprint) {
            fs_err::remove_dir_all(self.index_path(&before))?;
        }
        Ok(())
    }

    fn index_path(&self, current: &Current) -> PathBuf {
        self.folder.join(&current.fingerprint)
    }

    /// The index of a model, for writing; it is made where there is none.
    ///
    /// # Errors
    /// When another process writes to it, or its files cannot be read.
    pub(crate) fn write(&self, current: &Current, space: &Space) -> anyhow::Result<Embedded> {
        Ok(Embedded::create(&self.index_path(current), space, Isa::detect())?)
    }

    /// The index that answers, and its model.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn read(&self) -> anyhow::Result<(Current, Embedded)> {
        let Some(current) = self.current()? else {
            let Self { name, folder } = self;
            bail!(
                "there is no store {name:?} ({}); `polysight index FOLDER --store {name}` makes one",
                folder.display()
            );
        };
        let index = Embedded::open(&self.index_path(&current), Access::Read, Isa::detect())?;
        Ok((current, index))
    }

    /// Refuses another model than the one that the store was made with.
    ///
    /// # Errors
    /// When it is another, with what to do about it.
    pub(crate) fn require(&self, given: &Current) -> anyhow::Result<()> {
        match self.current()? {
            Some(stored) if stored.fingerprint != given.fingerprint => {
                let name =
                    |of: &Current| format!("{} in {} ({})", of.model, of.precision, of.fingerprint);
                bail!(
                    "the store {:?} has vectors of {}; these would be of {}; two models do not mix. \
                     Name the first with --model and --precision, take another --store, or let `polysight index --reindex` \
                     move the store to the second",
                    self.name,
                    name(&stored),
                    name(given)
                )
            }
            _ => Ok(()),
        }
    }
}

/// What an open model is to a store, and the space of its vectors.
///
/// # Errors
/// When the model lacks a tower, or its files cannot be read.
pub(crate) fn described(model: &OpenModel) -> anyhow::Result<(Current, Space)> {
    let siglip = &model.siglip;
    let fingerprint = siglip.fingerprint()?;
    let dimensions = siglip
        .engine()
        .dimension(weights::Tower::Vision)
        .context("the model has no vision tower")?;
    let space = Space { model: model.id.clone(), fingerprint: fingerprint.clone(), dimensions };
    let given = Path::new(&model.given);
    let name = if given.is_dir() {
        fs_err::canonicalize(given)?.to_string_lossy().into_owned()
    } else {
        model.id.clone()
    };
    let current = Current { fingerprint, model: name, precision: siglip.precision().to_string() };
    Ok((current, space))
}
