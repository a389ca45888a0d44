//! A JSON object in each line.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::DatasetError;

/// The longest line: Crossmodal-3600 has 36 languages in one.
const MOST_LINE_BYTES: u64 = 16 << 20;

/// An object and where it stands.
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) object: Map<String, Value>,
}

/// Reads the objects of a file, one at a time; empty lines do not count.
pub(crate) fn objects(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Line, DatasetError>>, DatasetError> {
    Ok(Objects {
        path: path.to_owned(),
        reader: BufReader::new(fs_err::File::open(path)?),
        number: 0,
    })
}

struct Objects {
    path: PathBuf,
    reader: BufReader<fs_err::File>,
    number: u64,
}

impl Objects {
    fn read(&mut self) -> Result<Option<Line>, DatasetError> {
        loop {
            let mut bytes = Vec::new();
            let mut limited = self.reader.by_ref().take(MOST_LINE_BYTES + 1);
            if limited.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let fault = |problem: String| DatasetError::of_line(&self.path, self.number, problem);
            if bytes.len() as u64 > MOST_LINE_BYTES {
                return Err(fault(format!("it has more than {MOST_LINE_BYTES} bytes")));
            }
            let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii();
            if text.is_empty() {
                continue;
            }
            let object = serde_json::from_slice(text)
                .map_err(|error| fault(format!("no JSON object: {error}")))?;
            return Ok(Some(Line { number: self.number, object }));
        }
    }
}

impl Iterator for Objects {
    type Item = Result<Line, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
