//! The picture between the decoder, the resize and the patches.

use crate::error::PixelsError;

/// An 8-bit RGB picture: `height` rows of `width` pixels of 3 interleaved bytes, no padding,
/// both sides at least 1.
#[derive(Clone, PartialEq, Eq)]
pub struct RgbImage {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl RgbImage {
    /// Wraps `data` of shape `[height, width, 3]`.
    ///
    /// # Errors
    /// [`PixelsError::WrongLength`] when a side is zero or `data` is not `width * height * 3` long.
    pub fn from_raw(width: u32, height: u32, data: Vec<u8>) -> Result<Self, PixelsError> {
        if width == 0 || height == 0 || Some(data.len()) != rgb_length(width, height) {
            return Err(PixelsError::WrongLength { width, height, length: data.len() });
        }
        Ok(Self { width, height, data })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The samples, `[height, width, 3]`.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Gives the samples away, `[height, width, 3]`.
    pub fn into_raw(self) -> Vec<u8> {
        self.data
    }
}

impl std::fmt::Debug for RgbImage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RgbImage({}x{})", self.width, self.height)
    }
}

/// Bytes of a `width` x `height` RGB picture, or `None` when they do not fit the address space.
pub(crate) fn rgb_length(width: u32, height: u32) -> Option<usize> {
    usize::try_from(width).ok()?.checked_mul(usize::try_from(height).ok()?)?.checked_mul(3)
}
