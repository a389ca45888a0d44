//! Decoding and resizing as one step for many threads.

use std::sync::{Mutex, PoisonError};

use crate::decode::decode;
use crate::error::PixelsError;
use crate::isa::Isa;
use crate::limits::Limits;
use crate::resize::{Filter, PassOrder, Resizer};
use crate::rgb_image::RgbImage;

/// Bytes of any picture to an RGB picture of the model's size, squashed (the aspect ratio is not
/// kept, nothing is cropped).
///
/// It is shared by reference between threads; each call borrows a [`Resizer`] of its own, and the
/// resizers keep their scratch memory for the next call.
#[derive(Debug)]
pub struct Preprocessor {
    width: u32,
    height: u32,
    filter: Filter,
    order: PassOrder,
    isa: Isa,
    limits: Limits,
    idle: Mutex<Vec<Resizer>>,
}

impl Preprocessor {
    /// A preprocessor to `width` x `height` pixels with Pillow 13's bicubic resize, the fastest
    /// instruction set of the machine and the default limits.
    ///
    /// # Panics
    /// When a side is zero.
    pub fn new(width: u32, height: u32) -> Self {
        assert!(width > 0 && height > 0, "a picture of {width}x{height} pixels cannot be made");
        Self {
            width,
            height,
            filter: Filter::Bicubic,
            order: PassOrder::default(),
            isa: Isa::detect(),
            limits: Limits::default(),
            idle: Mutex::default(),
        }
    }

    /// The same with another filter.
    #[must_use]
    pub fn with_filter(self, filter: Filter) -> Self {
        Self { filter, ..self }
    }

    /// The same with another order of the two passes.
    #[must_use]
    pub fn with_order(self, order: PassOrder) -> Self {
        Self { order, ..self }
    }

    /// The same on another instruction set.
    ///
    /// # Panics
    /// When the machine does not have it.
    #[must_use]
    pub fn with_isa(self, isa: Isa) -> Self {
        assert!(isa.is_available(), "this machine does not have the instruction set {isa}");
        Self { isa, idle: Mutex::default(), ..self }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Width of the result.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height of the result.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The limits that decoding keeps.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Decodes `bytes` and resizes the picture to [`width`](Self::width) x
    /// [`height`](Self::height).
    ///
    /// # Errors
    /// Every error of [`decode`].
    pub fn prepare(&self, bytes: &[u8]) -> Result<RgbImage, PixelsError> {
        Ok(self.resize(&decode(bytes, &self.limits)?))
    }

    /// The resize alone, for a picture that is decoded already.
    pub fn resize(&self, image: &RgbImage) -> RgbImage {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut resizer = idle.unwrap_or_else(|| Resizer::new(self.isa));
        let resized = resizer.resize(image, self.width, self.height, self.filter, self.order);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(resizer);
        resized
    }
}
