//! What one picture may cost.
//!
//! Every limit is checked against the header, before the memory that depends on it is taken. The
//! limit on frames is not a number: exactly one frame (the first) is ever decoded, so an animation
//! costs what its first frame costs.

use crate::decode::format::Format;
use crate::error::PixelsError;

/// Limits for decoding one picture. [`Limits::default`] suits an untrusted upload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most bytes of the encoded picture; 20 MiB by default.
    pub bytes: u64,
    /// Most pixels, width times height; 64 megapixels (64,000,000) by default.
    pub pixels: u64,
    /// Longest side in pixels; 65,535 by default. A resize keeps filter coefficients for every
    /// pixel of a side, so one long thin picture must not cost more than a large square one.
    pub side: u32,
    /// Most memory that decoding may take at its largest moment, in bytes; 512 MiB by default.
    /// It is an estimate from the header (pixels times the bytes each needs in the decoder), which
    /// does not count the encoded bytes themselves nor small fixed tables.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 20 << 20, pixels: 64_000_000, side: 65_535, memory: 512 << 20 }
    }
}

/// The shape that a header promises, and what decoding it will cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Promise {
    pub format: Format,
    pub width: u32,
    pub height: u32,
    /// Bytes per pixel at the largest moment of decoding, output included.
    pub bytes_per_pixel: u64,
}

impl Limits {
    /// The same limits with another value for [`Limits::bytes`].
    #[must_use]
    pub fn with_bytes(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }

    /// The same limits with another value for [`Limits::pixels`].
    #[must_use]
    pub fn with_pixels(self, pixels: u64) -> Self {
        Self { pixels, ..self }
    }

    /// The same limits with another value for [`Limits::side`].
    #[must_use]
    pub fn with_side(self, side: u32) -> Self {
        Self { side, ..self }
    }

    /// The same limits with another value for [`Limits::memory`].
    #[must_use]
    pub fn with_memory(self, memory: u64) -> Self {
        Self { memory, ..self }
    }

    pub(crate) fn admit_bytes(&self, bytes: usize) -> Result<(), PixelsError> {
        let bytes = bytes as u64;
        if bytes == 0 {
            return Err(PixelsError::Empty);
        }
        if bytes > self.bytes {
            return Err(PixelsError::TooManyBytes { bytes, limit: self.bytes });
        }
        Ok(())
    }

    /// Called by every decoder between reading the header and the first large allocation.
    pub(crate) fn admit(&self, promise: Promise) -> Result<(), PixelsError> {
        let Promise { format, width, height, bytes_per_pixel } = promise;
        if width == 0 || height == 0 {
            return Err(PixelsError::Undecodable {
                format,
                reason: format!("the header says {width}x{height} pixels"),
            });
        }
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.pixels {
            return Err(PixelsError::TooManyPixels { width, height, limit: self.pixels });
        }
        if width.max(height) > self.side {
            return Err(PixelsError::SideTooLong { width, height, limit: self.side });
        }
        let needed = pixels.saturating_mul(bytes_per_pixel);
        // On a 32-bit machine a buffer cannot be longer than isize::MAX, whatever the limit says.
        if needed > self.memory || usize::try_from(needed).is_err() {
            let limit = self.memory;
            return Err(PixelsError::TooMuchMemory { format, width, height, needed, limit });
        }
        Ok(())
    }
}
