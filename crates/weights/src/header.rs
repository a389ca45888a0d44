//! The header of a safetensors file: which tensor lies where.
//!
//! The format is 8 bytes (the length of the header, little-endian), a JSON object (name -> dtype, shape, offsets) and
//! the data, which the tensors cover without gaps or overlaps. Parsing is total: any bytes give a header or an error,
//! never a panic, and never an allocation that the file's own length does not justify. The `safetensors` crate is not
//! used because its check of the total length can overflow, because it refuses a whole file for one tensor of a dtype
//! that it does not know, and because its errors do not say which tensor is wrong; it is the oracle of the tests.

use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::error::one_line;
use crate::{Dtype, WeightsError};

/// The largest header that is read. That of a 400-tensor checkpoint has about 50 KiB.
const HEADER_LIMIT: u64 = 32 << 20;
/// The length field before the header.
const LENGTH_BYTES: u64 = 8;
/// Longer than any name of a tensor, in bytes. Names stand in error messages.
const LONGEST_NAME: usize = 256;
/// More dimensions than any tensor has.
const MOST_DIMENSIONS: usize = 16;

/// A parsed and checked header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The tensors in the order of their data.
    tensors: Vec<TensorRecord>,
}

/// One tensor of a safetensors file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorRecord {
    /// The full name, with the prefix of the tower.
    pub name: String,
    /// The type of its numbers.
    pub dtype: StoredDtype,
    /// Its dimensions; empty for a scalar.
    pub shape: Vec<usize>,
    /// Where its data begins, in bytes from the start of the file.
    pub begin: usize,
    /// Where its data ends, in bytes from the start of the file; not before `begin`, not after the end of the file.
    pub end: usize,
}

/// A number type of the file: one that is read, or the name of another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoredDtype {
    /// A type that [`crate::Tensor`] can read.
    Readable(Dtype),
    /// Any other type, by its name in the file.
    Other(String),
}

impl StoredDtype {
    fn new(name: &str) -> Self {
        match name {
            "F32" => Self::Readable(Dtype::F32),
            "F16" => Self::Readable(Dtype::F16),
            "BF16" => Self::Readable(Dtype::Bf16),
            _ => Self::Other(one_line(name)),
        }
    }

    /// The size of a number in bits, or `None` for a type that is not known.
    fn bits(&self) -> Option<usize> {
        match self {
            Self::Readable(dtype) => Some(8 * dtype.bytes()),
            Self::Other(name) => match name.as_str() {
                "F4" => Some(4),
                "F6_E2M3" | "F6_E3M2" => Some(6),
                "BOOL" | "U8" | "I8" => Some(8),
                name if name.starts_with("F8_") => Some(8),
                "U16" | "I16" => Some(16),
                "U32" | "I32" => Some(32),
                "U64" | "I64" | "F64" | "C64" => Some(64),
                _ => None,
            },
        }
    }
}

impl fmt::Display for StoredDtype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readable(dtype) => dtype.fmt(formatter),
            Self::Other(name) => formatter.write_str(name),
        }
    }
}

impl Header {
    /// Reads the header from the start of a file that is `file_length` bytes long.
    ///
    /// # Errors
    /// [`WeightsError::Header`] for anything that is not a valid safetensors file of exactly that length: a header
    /// longer than the file or than 32 MiB, no JSON, a repeated name, a shape that does not match its data, gaps and
    /// overlaps, a file that is cut short or has bytes left over. I/O errors of the source are passed on.
    pub fn read(source: &mut impl Read, file_length: u64) -> Result<Self, WeightsError> {
        let Some(after_length) = file_length.checked_sub(LENGTH_BYTES) else {
            return Err(broken(format!("the file has {file_length} bytes, too few for a header")));
        };
        let mut length = [0; LENGTH_BYTES as usize];
        source.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > after_length {
            return Err(broken(format!(
                "the header claims {length} bytes, but the file has only {after_length} left"
            )));
        }
        if length > HEADER_LIMIT {
            return Err(broken(format!(
                "the header has {length} bytes; the limit is {HEADER_LIMIT}"
            )));
        }
        let mut json = vec![0; length as usize];
        source.read_exact(&mut json)?;
        let Entries(entries) =
            serde_json::from_slice(&json).map_err(|error| broken(format!("header: {error}")))?;
        let data_start = LENGTH_BYTES + length;
        Self::from_entries(entries, data_start, file_length)
    }

    /// The tensors in the order of their data.
    pub fn tensors(&self) -> &[TensorRecord] {
        &self.tensors
    }

    /// The tensors in the order of their data, each for the taking.
    pub(crate) fn into_tensors(self) -> Vec<TensorRecord> {
        self.tensors
    }

    fn from_entries(
        mut entries: Vec<(String, Entry)>,
        data_start: u64,
        file_length: u64,
    ) -> Result<Self, WeightsError> {
        entries.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(broken(format!("tensor `{}` stands in the header twice", pair[0].0)));
        }
        let odd = |name: &str| name.len() > LONGEST_NAME || name.contains(char::is_control);
        if let Some((name, _)) = entries.iter().find(|(name, _)| odd(name)) {
            return Err(broken(format!(
                "a tensor's name has {} bytes or control characters; the limit is {LONGEST_NAME}: {name}",
                name.len()
            )));
        }
        // Stable, so that empty tensors at one place stay in the order of their names.
        entries.sort_by_key(|(_, entry)| entry.data_offsets);
        let data_length = file_length - data_start;
        let mut covered = 0;
        let mut tensors = Vec::with_capacity(entries.len());
        for (name, entry) in entries {
            let [begin, end] = entry.data_offsets;
            if begin != covered || end < begin {
                return Err(broken(format!(
                    "tensor `{name}` lies at bytes {begin} to {end} of the data, where {covered} is next: gaps and \
                     overlaps are not allowed"
                )));
            }
            if end > data_length {
                return Err(broken(format!(
                    "tensor `{name}` ends at byte {end} of the data, which has only {data_length}: the file is cut \
                     short"
                )));
            }
            covered = end;
            let dtype = StoredDtype::new(&entry.dtype);
            check_size(&name, &dtype, &entry.shape, end - begin)?;
            // Both fit: they lie within the file, and `usize_offset` says so where a file is larger than memory.
            tensors.push(TensorRecord {
                begin: usize_offset(data_start + begin)?,
                end: usize_offset(data_start + end)?,
                name,
                dtype,
                shape: entry.shape,
            });
        }
        if covered != data_length {
            return Err(broken(format!(
                "the tensors cover {covered} bytes of data, but the file has {data_length}"
            )));
        }
        Ok(Self { tensors })
    }
}

/// Checks that shape and number type make up exactly the bytes of the tensor, without overflow.
fn check_size(
    name: &str,
    dtype: &StoredDtype,
    shape: &[usize],
    bytes: u64,
) -> Result<(), WeightsError> {
    if shape.len() > MOST_DIMENSIONS {
        return Err(broken(format!(
            "tensor `{name}` has {} dimensions; the limit is {MOST_DIMENSIONS}",
            shape.len()
        )));
    }
    let elements = shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size as u64));
    let bits = match (elements, dtype.bits()) {
        (Some(elements), Some(bits)) => elements.checked_mul(bits as u64),
        (Some(_), None) => return Ok(()),
        (None, _) => None,
    };
    if bits != bytes.checked_mul(8) || bits.is_none() {
        return Err(broken(format!(
            "tensor `{name}` of shape {shape:?} and dtype {dtype} does not fill the {bytes} bytes that it has"
        )));
    }
    Ok(())
}

fn usize_offset(offset: u64) -> Result<usize, WeightsError> {
    usize::try_from(offset)
        .map_err(|_| broken(format!("byte {offset} is beyond what this machine can map")))
}

fn broken(problem: impl AsRef<str>) -> WeightsError {
    WeightsError::Header { problem: one_line(problem.as_ref()) }
}

/// What the header says about one tensor.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// The whole header, names as they come; `__metadata__` is left out.
struct Entries(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let entry = map
                .next_value()
                .map_err(|error| A::Error::custom(format!("tensor `{name}`: {error}")))?;
            entries.push((name, entry));
        }
        Ok(Entries(entries))
    }
}
