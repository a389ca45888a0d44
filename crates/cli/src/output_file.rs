//! Files that commands write.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use tempfile::{Builder, NamedTempFile};

use crate::inputs::describe;

/// A file that appears under its name when it is complete, and not before.
pub(crate) struct OutputFile {
    target: Target,
}

enum Target {
    /// Renamed at the end.
    New { file: BufWriter<NamedTempFile>, path: PathBuf },
    /// A device or a pipe, which must not be replaced.
    Existing { file: BufWriter<fs_err::File> },
}

impl OutputFile {
    /// Begins a file beside the place where it will stand.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let target = match fs_err::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                bail!("{}: a folder; a file was expected", path.display())
            }
            Ok(metadata) if !metadata.is_file() => Target::Existing {
                file: BufWriter::new(fs_err::OpenOptions::new().write(true).open(path)?),
            },
            // A link stays, what it points to is replaced.
            Ok(_) => new_file(fs_err::canonicalize(path)?)?,
            Err(_) => new_file(path.to_owned())?,
        };
        Ok(Self { target })
    }

    /// Adds to the file.
    ///
    /// # Errors
    /// When the disk is full, among others.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match &mut self.target {
            Target::New { file, path } => {
                file.write_all(bytes).with_context(|| format!("{}: cannot write", path.display()))
            }
            Target::Existing { file } => Ok(file.write_all(bytes)?),
        }
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// When what is left cannot be written, or the place cannot be taken.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self.target {
            Target::New { file, path } => {
                let failed = || format!("{}: cannot write", path.display());
                let file = file
                    .into_inner()
                    .map_err(std::io::IntoInnerError::into_error)
                    .with_context(failed)?;
                file.as_file().sync_all().with_context(failed)?;
                file.persist(&path).map_err(|error| error.error).with_context(failed)?;
                Ok(())
            }
            Target::Existing { mut file } => Ok(file.flush()?),
        }
    }
}

fn new_file(path: PathBuf) -> anyhow::Result<Target> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = Builder::new();
    builder.prefix(".polysight-").suffix(".partial");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file: what the umask leaves.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder).map_err(|error| {
        // The name of the temporary file says nothing to the user.
        let problem = describe(&error);
        anyhow!("{}: cannot write: {problem}", path.display())
    })?;
    Ok(Target::New { file: BufWriter::new(file), path })
}
