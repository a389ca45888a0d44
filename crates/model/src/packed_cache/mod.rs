//! Packed towers kept on disk, so that the next start reads them instead of packing the checkpoint again.
//!
//! A file holds one tower of one model folder, for one precision and one instruction set: `layout` says how. It is used
//! only when its [`Key`](key::Key) is the checkpoint's, which covers everything that the packed bytes depend on. Its parts
//! are read into the buffers that packing would have filled, by all threads, each part with a checksum. Mapping them
//! would be a little faster to open, and slower at every product: see docs/NUMERICS.md.
//!
//! A file that is missing, of another key, or broken is replaced by what an ordinary load packs; a folder that cannot be
//! written costs a warning. Nothing here makes a load fail.

mod error;
mod key;
mod layout;
mod parts;
mod reader;
mod writer;

use std::path::Path;
use std::sync::Arc;

use kernels::Compute;
use weights::{Checkpoint, Tower};

pub use error::PackedCacheError;
pub(crate) use parts::{LinearShape, Parts};

use self::reader::Reader;
use self::writer::Writer;
use crate::linear::Loader;
use crate::{ModelError, Precision};

/// The tower to load, and how.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) compute: &'a Compute,
    pub(crate) checkpoint: &'a Arc<Checkpoint>,
    pub(crate) tower: Tower,
    pub(crate) precision: Precision,
}

impl<'a> Request<'a> {
    fn loader(self, parts: Parts) -> Loader<'a> {
        let Self { compute, checkpoint, tower, .. } = self;
        Loader { compute, checkpoint, tower, parts }
    }

    /// Loads the tower from the checkpoint alone.
    pub(crate) fn load<T>(
        self,
        build: impl Fn(&Loader<'_>) -> Result<T, ModelError>,
    ) -> Result<T, ModelError> {
        build(&self.loader(Parts::from_checkpoint()))
    }

    /// Loads the tower from its file in `folder` if that holds it, else from the checkpoint, and then keeps it there.
    /// What goes wrong with the file is handed to `warn`.
    pub(crate) fn load_through<T>(
        self,
        folder: &Path,
        build: impl Fn(&Loader<'_>) -> Result<T, ModelError>,
        warn: &mut dyn FnMut(PackedCacheError),
    ) -> Result<T, ModelError> {
        let key = match key::of(self) {
            Ok(key) => key,
            Err(problem) => {
                warn(problem.into());
                return self.load(build);
            }
        };
        let path = folder.join(key::file_name(self));
        match Reader::open(&path, &key) {
            Ok(Some(reader)) => {
                let loader = self.loader(Parts::from_file(reader));
                let finish = |tower| Ok(loader.parts.finish().map(|()| tower)?);
                match build(&loader).and_then(finish) {
                    Err(ModelError::PackedCache(problem)) => warn(problem),
                    result => return result,
                }
            }
            Ok(None) => {}
            Err(problem) => warn(problem),
        }
        let loader = match Writer::create(&path, &key) {
            Ok(writer) => self.loader(Parts::recorded_by(writer)),
            Err(problem) => {
                warn(problem);
                return self.load(build);
            }
        };
        let tower = build(&loader)?;
        // A checkpoint that was written to while it was read has other bytes than its key says.
        let still_same = key::of(self).is_ok_and(|now| now == key);
        let kept = if still_same {
            loader.parts.finish()
        } else {
            Err(PackedCacheError::Changed { path })
        };
        if let Err(problem) = kept {
            warn(problem);
        }
        Ok(tower)
    }
}
