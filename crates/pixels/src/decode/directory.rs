//! The first directory of a TIFF structure, as far as one tag goes.
//!
//! EXIF blocks are TIFF structures, so the orientation of every format is found here. It is no
//! TIFF decoder: only short and long values that stand in the entry itself are read.

/// The first directory of classic (32-bit) TIFF.
pub(super) struct Directory<'bytes> {
    bytes: &'bytes [u8],
    big_endian: bool,
    start: usize,
    entries: usize,
}

impl<'bytes> Directory<'bytes> {
    /// `None` when the bytes do not begin as classic TIFF or the directory is outside.
    pub(super) fn first(bytes: &'bytes [u8]) -> Option<Self> {
        let big_endian = match bytes.first_chunk::<4>()? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        let mut directory = Self { bytes, big_endian, start: 0, entries: 0 };
        directory.start = usize::try_from(directory.long(4)?).ok()?;
        directory.entries = usize::from(directory.short(directory.start)?);
        Some(directory)
    }

    /// The value of the first entry with this tag.
    pub(super) fn value(&self, tag: u16) -> Option<u32> {
        const SHORT: u16 = 3;
        const LONG: u16 = 4;
        let at = self.value_position(tag)?;
        match self.short(at - 6)? {
            SHORT => self.short(at).map(u32::from),
            LONG => self.long(at),
            _ => None,
        }
    }

    /// Where the value of the first entry with this tag stands in the bytes.
    pub(super) fn value_position(&self, tag: u16) -> Option<usize> {
        (0..self.entries)
            .map_while(|entry| self.start.checked_add(2 + entry * 12))
            .map_while(|at| Some((at, self.short(at)?)))
            .find(|(_, found)| *found == tag)
            .map(|(at, _)| at + 8)
    }

    /// The tag of the first entry that claims more bytes than the file has.
    pub(super) fn first_lie(&self) -> Option<u16> {
        (0..self.entries)
            .map_while(|entry| self.start.checked_add(2 + entry * 12))
            .map_while(|at| {
                let size: u64 = match self.short(at + 2)? {
                    3 | 8 => 2,
                    4 | 9 | 11 | 13 => 4,
                    5 | 10 | 12 | 16..=18 => 8,
                    _ => 1,
                };
                let claimed = size * u64::from(self.long(at + 4)?);
                Some((self.short(at)?, claimed))
            })
            .find(|(_, claimed)| *claimed > self.bytes.len() as u64)
            .map(|(tag, _)| tag)
    }

    /// `value` as two bytes in the order of this file.
    pub(super) fn short_bytes(&self, value: u16) -> [u8; 2] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}
