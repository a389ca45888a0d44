//! The EXIF orientation tag: finding it in an EXIF block, and turning the picture upright.
//!
//! Source: EXIF 2.3 tag 0x0112, with the eight meanings as Pillow's `exif_transpose` carries them
//! out. Orientation hidden in XMP is not looked for.

use super::directory::Directory;
use crate::rgb_image::RgbImage;

/// The tag's number in the first directory.
const TAG: u16 = 0x0112;

/// Where the first row and the first column of the stored picture belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Orientation {
    /// 1, also when the tag is missing or has no meaning.
    #[default]
    Upright,
    /// 2
    FlippedLeftRight,
    /// 3
    Rotated180,
    /// 4
    FlippedTopBottom,
    /// 5: mirrored at the diagonal from top left to bottom right.
    Transposed,
    /// 6: to be turned a quarter clockwise.
    QuarterClockwise,
    /// 7: mirrored at the diagonal from top right to bottom left.
    Transversed,
    /// 8: to be turned a quarter counterclockwise.
    QuarterCounterclockwise,
}

impl Orientation {
    /// From the value of the tag.
    fn from_tag(value: u32) -> Self {
        match value {
            2 => Self::FlippedLeftRight,
            3 => Self::Rotated180,
            4 => Self::FlippedTopBottom,
            5 => Self::Transposed,
            6 => Self::QuarterClockwise,
            7 => Self::Transversed,
            8 => Self::QuarterCounterclockwise,
            _ => Self::Upright,
        }
    }

    /// From an EXIF block, with or without the `Exif\0\0` in front, or from a whole TIFF file;
    /// upright when it is damaged.
    pub(super) fn from_exif(block: &[u8]) -> Self {
        let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
        Directory::first(block)
            .and_then(|directory| directory.value(TAG))
            .map_or(Self::Upright, Self::from_tag)
    }

    /// Whether turning upright exchanges the sides (and needs a second buffer).
    fn exchanges_sides(self) -> bool {
        matches!(
            self,
            Self::Transposed
                | Self::QuarterClockwise
                | Self::Transversed
                | Self::QuarterCounterclockwise
        )
    }

    /// The picture as it is meant to be seen.
    pub(super) fn apply(self, image: RgbImage) -> RgbImage {
        if self == Self::Upright {
            return image;
        }
        let (width, height) = (image.width() as usize, image.height() as usize);
        let pixels = image.data().as_chunks::<3>().0;
        let (new_width, new_height) =
            if self.exchanges_sides() { (height, width) } else { (width, height) };
        let mut data = Vec::with_capacity(pixels.len() * 3);
        for y in 0..new_height {
            for x in 0..new_width {
                let (right, down) = (new_width - 1 - x, new_height - 1 - y);
                let (column, row) = match self {
                    Self::Upright => (x, y),
                    Self::FlippedLeftRight => (right, y),
                    Self::Rotated180 => (right, down),
                    Self::FlippedTopBottom => (x, down),
                    Self::Transposed => (y, x),
                    Self::QuarterClockwise => (y, right),
                    Self::Transversed => (down, right),
                    Self::QuarterCounterclockwise => (down, x),
                };
                data.extend_from_slice(&pixels[row * width + column]);
            }
        }
        RgbImage::from_raw(new_width as u32, new_height as u32, data)
            .expect("every pixel of the picture is written once")
    }
}
