//! Zeroed, aligned memory for weights and activations.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use memmap2::MmapMut;

/// A cache line, and one AVX-512 register.
const LINE: usize = 64;
/// From this size on, memory comes as pages of its own, which the system zeroes when they are first
/// touched, and which it may make huge.
const OWN_PAGES: usize = 1 << 20;

/// A number for which all bits zero is zero, and which may be read from any bits.
///
/// # Safety
///
/// Every pattern of bits is a value, no bit is padding, and dropping does nothing.
pub unsafe trait Number: Copy + Send + Sync + 'static {}
// SAFETY: plain numbers.
unsafe impl Number for f32 {}
// SAFETY: plain numbers.
unsafe impl Number for u32 {}

/// A fixed number of numbers, zeroed, aligned to a cache line.
///
/// Large ones are not resident before they are written, and ask for huge pages.
pub struct Buffer<T: Number = f32> {
    start: NonNull<T>,
    length: usize,
    memory: Memory,
}

/// Where a buffer's memory is from.
enum Memory {
    /// The allocator.
    Heap(Layout),
    /// The system; unmapped when dropped.
    Pages { _pages: MmapMut },
}

impl<T: Number> Buffer<T> {
    /// `length` zeros.
    ///
    /// # Panics
    ///
    /// When the size in bytes overflows; aborts when the system has no memory.
    pub fn zeroed(length: usize) -> Self {
        let bytes = length.checked_mul(size_of::<T>()).expect("a buffer's bytes fit in usize");
        let layout = Layout::from_size_align(bytes, LINE).expect("a buffer's bytes fit in isize");
        if bytes >= OWN_PAGES {
            if let Ok(mut pages) = MmapMut::map_anon(bytes) {
                // Where it is refused, pages are of the ordinary size.
                #[cfg(target_os = "linux")]
                let _ = pages.advise(memmap2::Advice::HugePage);
                let start = NonNull::from(&mut *pages).cast::<T>();
                return Self { start, length, memory: Memory::Pages { _pages: pages } };
            }
            handle_alloc_error(layout);
        }
        if bytes == 0 {
            return Self { start: NonNull::dangling(), length, memory: Memory::Heap(layout) };
        }
        // SAFETY: the layout has a size above zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) });
        let Some(start) = start.map(NonNull::cast::<T>) else { handle_alloc_error(layout) };
        Self { start, length, memory: Memory::Heap(layout) }
    }

    /// The numbers as they lie in memory, in this machine's byte order.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the numbers are initialised and without padding (see `Number`), and any byte is a `u8`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), size_of_val(&**self)) }
    }

    /// The numbers as they lie in memory, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let bytes = size_of_val(&**self);
        // SAFETY: as in `bytes`; whatever is written, any bits are a number, and `&mut self` makes the access
        // exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), bytes) }
    }
}

impl<T: Number> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Memory::Heap(layout) = self.memory
            && layout.size() > 0
        {
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
