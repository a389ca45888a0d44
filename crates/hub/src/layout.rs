//! The folder of one model in the cache: blobs, refs and snapshots.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::HubError;
use crate::identity::{ModelId, is_plain_name};

/// A ref holds a commit, which is 40 characters.
const LONGEST_REF: u64 = 256;

/// The folder of one model in the cache. It need not exist.
#[derive(Debug)]
pub(crate) struct ModelFolder {
    folder: PathBuf,
    locks: PathBuf,
}

impl ModelFolder {
    pub(crate) fn new(cache: &Path, id: &ModelId) -> Self {
        Self { folder: cache.join(id.folder()), locks: cache.join(".locks").join(id.folder()) }
    }

    /// Where the contents with an etag are, or will be.
    pub(crate) fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    /// Where a download is before it is complete.
    pub(crate) fn part(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(format!("{etag}.incomplete"))
    }

    /// The file whose lock is held while a blob is written; `huggingface_hub` takes the same one.
    pub(crate) fn lock(&self, etag: &str) -> PathBuf {
        self.locks.join(format!("{etag}.lock"))
    }

    /// The folder that holds all snapshots.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.folder.join("snapshots")
    }

    /// The snapshot of a commit.
    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.snapshots().join(commit)
    }

    /// The commit that a revision stood at when it was last pulled, or the revision itself when it is a commit.
    pub(crate) fn commit(&self, revision: &str) -> Result<Option<String>, HubError> {
        use std::io::Read;
        let path = self.reference(revision);
        match fs_err::File::open(&path) {
            Ok(file) => {
                let mut commit = String::new();
                file.take(LONGEST_REF).read_to_string(&mut commit)?;
                let commit = commit.trim();
                Ok(is_plain_name(commit).then(|| commit.to_owned()))
            }
            Err(error) if is_absent(&error) => {
                Ok(is_plain_name(revision).then(|| revision.to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes the commit that a revision stands at.
    pub(crate) fn write_commit(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        if revision == commit {
            return Ok(());
        }
        let path = self.reference(revision);
        create_parent(&path)?;
        // Beside the refs, so that a leftover is never taken for one.
        let temporary = self.folder.join(format!(".ref-{}", std::process::id()));
        let mut file = fs_err::File::create(&temporary)?;
        file.write_all(commit.as_bytes())?;
        file.sync_all()?;
        drop(file);
        fs_err::rename(&temporary, &path)?;
        Ok(())
    }

    /// Puts a blob into a snapshot under the name of its file: a relative symbolic link, as the cache has them.
    pub(crate) fn link(&self, commit: &str, file: &str, etag: &str) -> Result<(), HubError> {
        let path = self.snapshot(commit).join(file);
        let target = Path::new("..").join("..").join("blobs").join(etag);
        if fs_err::read_link(&path).is_ok_and(|found| found == target) {
            return Ok(());
        }
        create_parent(&path)?;
        // Made aside and moved: whatever stood there before is replaced at once.
        let temporary = self.folder.join(format!(".link-{}-{file}", std::process::id()));
        remove_if_there(&temporary)?;
        self.make_link(&target, etag, &temporary)?;
        fs_err::rename(&temporary, &path)?;
        Ok(())
    }

    #[cfg(unix)]
    #[expect(clippy::unused_self, reason = "the other systems need the folder")]
    fn make_link(&self, target: &Path, _etag: &str, at: &Path) -> Result<(), HubError> {
        Ok(fs_err::os::unix::fs::symlink(target, at)?)
    }

    /// Symbolic links need a privilege on Windows; a hard link does not, and takes no space either.
    #[cfg(not(unix))]
    fn make_link(&self, _target: &Path, etag: &str, at: &Path) -> Result<(), HubError> {
        Ok(fs_err::hard_link(self.blob(etag), at)?)
    }

    fn reference(&self, revision: &str) -> PathBuf {
        self.folder.join("refs").join(revision)
    }
}

/// Creates the folder that a file is in.
pub(crate) fn create_parent(path: &Path) -> Result<(), HubError> {
    let parent = path.parent().expect("every path of the cache has a folder above it");
    Ok(fs_err::create_dir_all(parent)?)
}

/// Removes a file, if there is one.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), HubError> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whether an error says that nothing is there, or that it is a folder and not a file.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory)
}
