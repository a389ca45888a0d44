//! Zeroed, aligned memory for weights and activations.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A cache line, and one AVX-512 register.
const LINE: usize = 64;
/// From this size on, memory is aligned to a huge page, so that the system can back it by some.
const HUGE_PAGE: usize = 2 << 20;

/// A number for which all bits zero is zero, and which may be read from any bits.
///
/// # Safety
///
/// Every pattern of bits is a value, and dropping does nothing.
pub unsafe trait Number: Copy + Send + Sync + 'static {}
// SAFETY: plain numbers.
unsafe impl Number for f32 {}
// SAFETY: plain numbers.
unsafe impl Number for u32 {}

/// A fixed number of numbers, zeroed, aligned to a cache line (large ones to a huge page).
///
/// Fresh zero pages are not touched until they are written, so a buffer costs resident memory
/// only where it is used.
pub struct Buffer<T: Number = f32> {
    start: NonNull<T>,
    length: usize,
}

impl<T: Number> Buffer<T> {
    /// `length` zeros.
    ///
    /// # Panics
    ///
    /// When the size in bytes overflows; aborts when the system has no memory.
    pub fn zeroed(length: usize) -> Self {
        let layout = Self::layout(length);
        if layout.size() == 0 {
            return Self { start: NonNull::dangling(), length };
        }
        // SAFETY: the layout has a size above zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) });
        let Some(start) = start.map(NonNull::cast::<T>) else { handle_alloc_error(layout) };
        Self { start, length }
    }

    fn layout(length: usize) -> Layout {
        let bytes = length.checked_mul(size_of::<T>()).expect("a buffer's bytes fit in usize");
        let align = if bytes >= HUGE_PAGE { HUGE_PAGE } else { LINE };
        Layout::from_size_align(bytes, align).expect("a buffer's bytes fit in isize")
    }
}

impl<T: Number> Drop for Buffer<T> {
    fn drop(&mut self) {
        let layout = Self::layout(self.length);
        if layout.size() > 0 {
            // SAFETY: `start` came from `alloc_zeroed` with this very layout, and is freed once.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) }
        }
    }
}

impl<T: Number> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `start` is aligned and valid for `length` initialised (zeroed) numbers; for length 0
        // it is dangling, which an empty slice allows.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T: Number> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

// SAFETY: the buffer owns its memory; shared access is read-only, like a boxed slice's.
unsafe impl<T: Number> Send for Buffer<T> {}
// SAFETY: as above.
unsafe impl<T: Number> Sync for Buffer<T> {}
