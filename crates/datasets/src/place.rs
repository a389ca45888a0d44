//! Where the bytes of a picture or a label are, and how they are read.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::DatasetError;

/// The most bytes that a picture may have: enough for every photo, and little enough that a file which lies about its
/// length does not fill the memory.
const MOST_PICTURE_BYTES: u64 = 256 << 20;

/// The most bytes that a label may have: a caption, a class, a small JSON object.
pub(crate) const MOST_LABEL_BYTES: u64 = 4 << 20;

/// A member of a tar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Which tar.
    pub(crate) shard: u32,
    /// Of the member's first byte.
    pub(crate) offset: u64,
    /// In bytes.
    pub(crate) length: u64,
}

/// Where a picture is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    File(PathBuf),
    Member(Span),
}

/// Reads a member of `shard`, whose name only errors need.
///
/// The tar is opened anew each time: a data set may have more shards than a process may have open files, and opening
/// costs some microseconds beside a picture's milliseconds.
pub(crate) fn read_member(
    shard: &Path,
    span: Span,
    name: &str,
    limit: u64,
) -> Result<Vec<u8>, DatasetError> {
    if span.length > limit {
        let problem = format!("it has {} bytes; the limit is {limit}", span.length);
        return Err(DatasetError::of_member(shard, name, problem));
    }
    let mut file = fs_err::File::open(shard)?;
    file.seek(SeekFrom::Start(span.offset))?;
    let mut bytes = vec![0; span.length as usize];
    file.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            DatasetError::of_member(shard, name, "the tar ends before its last byte")
        }
        _ => error.into(),
    })?;
    Ok(bytes)
}

/// Reads the picture at `place` of the sample `key`.
pub(crate) fn read_picture(
    place: &Place,
    shards: &[PathBuf],
    key: &str,
) -> Result<Vec<u8>, DatasetError> {
    match place {
        Place::Member(span) => {
            read_member(&shards[span.shard as usize], *span, key, MOST_PICTURE_BYTES)
        }
        Place::File(path) => read_file(path, MOST_PICTURE_BYTES),
    }
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, DatasetError> {
    let mut bytes = Vec::new();
    let read = fs_err::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if read as u64 > limit {
        return Err(DatasetError::of_file(path, format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Bytes as text without a byte-order mark.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String, &'static str> {
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// A small text file.
pub(crate) fn read_text(path: &Path) -> Result<String, DatasetError> {
    const MOST_BYTES: u64 = 64 << 20;
    text(read_file(path, MOST_BYTES)?).map_err(|problem| DatasetError::of_file(path, problem))
}
