//! The bytes of a file of packed weights.
//!
//! A header of 128 bytes, the parts, each from the next multiple of 64 on, and a table with 16 bytes for each part.
//! Numbers are little-endian, those of the parts in the machine's order (which is part of the key).
//!
//! | header, from byte | |
//! |---|---|
//! | 0 | `polysight-packed` |
//! | 16 | the version of this layout, u32 |
//! | 20 | how many parts, u32 |
//! | 24 | the key, 32 bytes |
//! | 56 | where the table begins, u64; it ends with the file |
//! | 64 | the table's CRC-32 |
//! | 68 | the CRC-32 of bytes 0 to 68 |
//!
//! An entry of the table is a part's length in bytes, u64, its CRC-32, and four zeros. Reading is total: any bytes give
//! a valid table or a reason.

use super::key::Key;

const MAGIC: &[u8; 16] = b"polysight-packed";
const LAYOUT_VERSION: u32 = 1;

/// Where the first part begins.
pub(super) const HEADER_BYTES: usize = 128;
pub(super) const ENTRY_BYTES: usize = 16;
/// A cache line.
const ALIGNMENT: u64 = 64;

/// The beginning of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) key: Key,
    pub(super) parts: u32,
    pub(super) table_start: u64,
    pub(super) table_checksum: u32,
}

/// An entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) length: u64,
    pub(super) checksum: u32,
}

/// A part with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) begin: u64,
    pub(super) part: Part,
}

/// Where the part after one that ends at `end` begins; `None` beyond all files.
pub(super) fn next_start(end: u64) -> Option<u64> {
    end.checked_next_multiple_of(ALIGNMENT)
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(LAYOUT_VERSION.to_le_bytes());
        bytes.extend(self.parts.to_le_bytes());
        bytes.extend(self.key);
        bytes.extend(self.table_start.to_le_bytes());
        bytes.extend(self.table_checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes.resize(HEADER_BYTES, 0);
        bytes.try_into().expect("the header has its length")
    }

    /// `None` for a file of another version of the layout.
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Option<Self>, &'static str> {
        let Some((MAGIC, rest)) = bytes.split_first_chunk() else {
            return Err("it does not begin as one of polysight's");
        };
        let mut rest = rest;
        if u32::from_le_bytes(take(&mut rest)) != LAYOUT_VERSION {
            return Ok(None);
        }
        let parts = u32::from_le_bytes(take(&mut rest));
        let key = take(&mut rest);
        let table_start = u64::from_le_bytes(take(&mut rest));
        let table_checksum = u32::from_le_bytes(take(&mut rest));
        let covered = &bytes[..HEADER_BYTES - rest.len()];
        if crc32fast::hash(covered) != u32::from_le_bytes(take(&mut rest)) {
            return Err("the checksum of its header is wrong");
        }
        Ok(Some(Self { key, parts, table_start, table_checksum }))
    }

    /// The length of the table that makes a file of `file_length` bytes end where it should.
    pub(super) fn table_bytes(&self, file_length: u64) -> Result<usize, &'static str> {
        let bytes = u64::from(self.parts) * ENTRY_BYTES as u64;
        if self.table_start.checked_add(bytes) != Some(file_length) {
            return Err("it is shorter or longer than its header says");
        }
        usize::try_from(bytes).map_err(|_| "its table does not fit in memory")
    }

    /// The parts in their places, from the table's bytes.
    pub(super) fn places(&self, table: &[u8]) -> Result<Vec<Placed>, &'static str> {
        if crc32fast::hash(table) != self.table_checksum {
            return Err("the checksum of its table is wrong");
        }
        let mut end = HEADER_BYTES as u64;
        let mut places = Vec::with_capacity(table.len() / ENTRY_BYTES);
        for entry in table.as_chunks::<ENTRY_BYTES>().0 {
            let part = Part::from_bytes(entry);
            let begin = next_start(end).ok_or("its parts are too long")?;
            end = begin.checked_add(part.length).ok_or("its parts are too long")?;
            places.push(Placed { begin, part });
        }
        if next_start(end) == Some(self.table_start) {
            Ok(places)
        } else {
            Err("its parts do not end where its table begins")
        }
    }
}

impl Part {
    pub(super) fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.checksum.to_le_bytes());
        bytes
    }

    fn from_bytes(mut bytes: &[u8]) -> Self {
        let length = u64::from_le_bytes(take(&mut bytes));
        Self { length, checksum: u32::from_le_bytes(take(&mut bytes)) }
    }
}

/// The first bytes of `rest`, which loses them.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (first, others) = rest.split_first_chunk().expect("the fields fit in their bytes");
    *rest = others;
    *first
}
