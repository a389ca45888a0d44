//! The marker segments of a JPEG, read before any decoding.
//!
//! It answers three questions the codec does not: what decoding will cost (before it allocates),
//! whether the file is whole (the codec fills what is missing with grey), and where the EXIF block
//! is. It does not look into the entropy-coded data beyond finding its end.

use super::format::Format;
use crate::error::PixelsError;

/// What the segments up to the first end-of-image marker say.
#[derive(Debug, Default)]
pub(super) struct Structure<'bytes> {
    pub width: u32,
    pub height: u32,
    pub components: u8,
    pub coding: Coding,
    /// Number of scans; a baseline picture with one scan needs no memory for coefficients.
    pub scans: usize,
    /// Bytes of entropy-coded data in all scans.
    pub coded_bytes: usize,
    /// Blocks of 8x8 samples in all components, without the filling at the edges.
    pub blocks: u64,
    /// Bytes that belong to no segment stand between segments; harmless, but not clean.
    pub has_stray_bytes: bool,
    /// The first EXIF block, from `Exif\0\0` on.
    pub exif: Option<&'bytes [u8]>,
}

/// How the coefficients are spread over the scans.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    #[default]
    Sequential,
    Progressive,
}

// The marker codes of ITU T.81, table B.1.
const TEM: u8 = 0x01;
const SOF0: u8 = 0xc0;
const SOF15: u8 = 0xcf;
const DHT: u8 = 0xc4;
const JPG: u8 = 0xc8;
const DAC: u8 = 0xcc;
const RST0: u8 = 0xd0;
const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP1: u8 = 0xe1;

impl<'bytes> Structure<'bytes> {
    /// Reads the segments of `bytes`, which start with a start-of-image marker.
    ///
    /// # Errors
    /// When the file ends before its end-of-image marker, holds no or more than one frame header,
    /// or is coded in a way that is not read.
    pub(super) fn read(bytes: &'bytes [u8]) -> Result<Self, PixelsError> {
        let mut structure = Self::default();
        let mut reader = Segments { bytes, position: 2, has_stray_bytes: false };
        loop {
            match reader.marker()? {
                EOI => break,
                SOI | TEM | RST0..=0xd7 => {}
                SOS => {
                    reader.content()?;
                    structure.coded_bytes += reader.skip_entropy_coded();
                    structure.scans += 1;
                }
                marker @ SOF0..=SOF15 if ![DHT, JPG, DAC].contains(&marker) => {
                    let content = reader.content()?;
                    structure.read_frame_header(marker, content)?;
                }
                APP1 => {
                    let content = reader.content()?;
                    if structure.exif.is_none() && content.starts_with(b"Exif\0\0") {
                        structure.exif = Some(content);
                    }
                }
                _ => {
                    reader.content()?;
                }
            }
        }
        if structure.components == 0 || structure.scans == 0 {
            return Err(undecodable("there is no picture in it"));
        }
        structure.has_stray_bytes = reader.has_stray_bytes;
        Ok(structure)
    }

    fn read_frame_header(&mut self, marker: u8, content: &[u8]) -> Result<(), PixelsError> {
        self.coding = match marker {
            0xc0 | 0xc1 => Coding::Sequential,
            0xc2 => Coding::Progressive,
            0xc3 => return Err(unsupported("lossless coding")),
            0xc9..=SOF15 => return Err(unsupported("arithmetic coding")),
            _ => return Err(unsupported("hierarchical coding")),
        };
        let [precision, high, low, wide, narrow, components, ..] = *content else {
            return Err(undecodable("its frame header is too short"));
        };
        if self.components != 0 {
            return Err(undecodable("it has more than one frame header"));
        }
        if precision != 8 {
            return Err(unsupported(format!("{precision}-bit samples")));
        }
        if ![1, 3, 4].contains(&components) {
            return Err(unsupported(format!("{components} colour components")));
        }
        self.height = u32::from(u16::from_be_bytes([high, low]));
        self.width = u32::from(u16::from_be_bytes([wide, narrow]));
        self.components = components;
        let factors = content.get(6..).unwrap_or_default().as_chunks::<3>().0;
        let factors = factors.get(..usize::from(components));
        let factors = factors.ok_or_else(|| undecodable("its frame header is too short"))?;
        let across = factors.iter().map(|[_, factors, _]| u64::from(factors >> 4));
        let down = factors.iter().map(|[_, factors, _]| u64::from(factors & 15));
        let widest = across.clone().max().unwrap_or(0).max(1);
        let highest = down.clone().max().unwrap_or(0).max(1);
        let blocks = |side: u32, factor: u64, most: u64| {
            (u64::from(side) * factor).div_ceil(most).div_ceil(8)
        };
        self.blocks = across
            .zip(down)
            .map(|(across, down)| {
                blocks(self.width, across, widest) * blocks(self.height, down, highest)
            })
            .sum();
        Ok(())
    }

    /// A block costs at least the shortest code for its first coefficient and, in sequential
    /// coding, another for its end: a header that promises more blocks than the data can hold is
    /// refused before any memory is taken for them.
    ///
    /// # Errors
    /// [`PixelsError::Undecodable`] with both numbers.
    pub(super) fn check_coded_length(&self) -> Result<(), PixelsError> {
        let least_bits = match self.coding {
            Coding::Sequential => 2 * self.blocks,
            Coding::Progressive => self.blocks,
        };
        if least_bits.div_ceil(8) > self.coded_bytes as u64 {
            return Err(undecodable(format!(
                "{} bytes of coded data cannot hold {}x{} pixels",
                self.coded_bytes, self.width, self.height
            )));
        }
        Ok(())
    }
}

/// A walk over the markers.
struct Segments<'bytes> {
    bytes: &'bytes [u8],
    position: usize,
    has_stray_bytes: bool,
}

impl<'bytes> Segments<'bytes> {
    /// The code of the next marker.
    fn marker(&mut self) -> Result<u8, PixelsError> {
        loop {
            let rest = self.bytes.get(self.position..).unwrap_or_default();
            let stray = rest.iter().position(|&byte| byte == 0xff).ok_or_else(cut_short)?;
            let fill = rest[stray..].iter().position(|&byte| byte != 0xff).ok_or_else(cut_short)?;
            let code = rest[stray + fill];
            self.position += stray + fill + 1;
            self.has_stray_bytes |= stray > 0 || code == 0;
            if code != 0 {
                return Ok(code);
            }
        }
    }

    /// The content of the segment whose marker was just read.
    fn content(&mut self) -> Result<&'bytes [u8], PixelsError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let length = usize::from(u16::from_be_bytes(*rest.first_chunk().ok_or_else(cut_short)?));
        if length < 2 {
            return Err(undecodable(format!("a segment claims a length of {length} bytes")));
        }
        self.position += length;
        rest.get(2..length).ok_or_else(cut_short)
    }

    /// Goes to the marker that ends the entropy-coded data, or to the end of the file; gives the
    /// length of the data.
    fn skip_entropy_coded(&mut self) -> usize {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let end = rest
            .windows(2)
            .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | RST0..=0xd7 | 0xff));
        let length = end.unwrap_or(rest.len());
        self.position += length;
        length
    }
}

fn cut_short() -> PixelsError {
    undecodable("the file is cut short")
}

fn unsupported(what: impl AsRef<str>) -> PixelsError {
    PixelsError::unsupported(Format::Jpeg, what.as_ref())
}

fn undecodable(reason: impl AsRef<str>) -> PixelsError {
    PixelsError::undecodable(Format::Jpeg, reason.as_ref())
}
