//! Zeroed, aligned memory for weights and activations.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A cache line, and one AVX-512 register.
const LINE: usize = 64;
/// From this size on, memory is aligned to a huge page, so that the system can back it by some.
const HUGE_PAGE: usize = 2 << 20;

/// A fixed number of f32, zeroed, aligned to a cache line (large ones to a huge page).
///
/// Fresh zero pages are not touched until they are written, so a buffer costs resident memory
/// only where it is used.
pub struct Buffer {
    start: NonNull<f32>,
    length: usize,
}

impl Buffer {
    /// `length` zeros.
    ///
    /// # Panics
    ///
    /// When the size in bytes overflows; aborts when the system has no memory.
    pub fn zeroed(length: usize) -> Self {
        let layout = Self::layout(length);
        if layout.size() == 0 {
            return Self {
                start: NonNull::dangling(),
                length,
            };
        }
        // SAFETY: the layout has a size above zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) });
        let Some(start) = start.map(NonNull::cast::<f32>) else {
            handle_alloc_error(layout)
        };
        Self { start, length }
    }

    fn layout(length: usize) -> Layout {
        let bytes = length
            .checked_mul(size_of::<f32>())
            .expect("a buffer's bytes fit in usize");
        let align = if bytes >= HUGE_PAGE { HUGE_PAGE } else { LINE };
        Layout::from_size_align(bytes, align).expect("a buffer's bytes fit in isize")
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let layout = Self::layout(self.length);
        if layout.size() > 0 {
            // SAFETY: `start` came from `alloc_zeroed` with this very layout, and is freed once.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) }
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `start` is aligned and valid for `length` initialised (zeroed) f32; for length 0
        // it is dangling, which an empty slice allows.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

// SAFETY: the buffer owns its memory; shared access is read-only, like a boxed slice's.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}
