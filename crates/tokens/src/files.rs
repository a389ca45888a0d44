//! Reading the files of a model folder: absent is not an error, larger than any honest file is.

use crate::TokensError;
use std::io::Read;
use std::path::Path;

/// Largest vocabulary accepted, in bytes. Gemma's `tokenizer.json` has 34 MB, the largest known `spiece.model` 7 MB.
pub(crate) const LARGEST_VOCABULARY: usize = 1 << 28;
/// Largest configuration accepted, in bytes; Gemma's has 1.2 MB.
pub(crate) const LARGEST_CONFIG: usize = 1 << 25;

/// The content of a file, if it is there.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, TokensError> {
    let file = match fs_err::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(in_file(path, TokensError::TooLarge { limit }));
    }
    Ok(Some(bytes))
}

/// Puts the file's name in front of what is wrong with it.
pub(crate) fn in_file(path: &Path, source: TokensError) -> TokensError {
    TokensError::InFile { file: path.to_owned(), source: Box::new(source) }
}
