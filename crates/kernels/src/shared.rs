//! One mutable slice that several workers write, each its own part.

use std::marker::PhantomData;

/// A `&mut [f32]` that may cross to other threads, for tasks that write disjoint parts.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<'a> {
    start: *mut f32,
    length: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

impl<'a> SharedMut<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            length: slice.len(),
            borrow: PhantomData,
        }
    }

    /// The address of element `offset`; reading and writing through it is the caller's proof.
    pub(crate) fn at(&self, offset: usize) -> *mut f32 {
        assert!(offset <= self.length, "an offset lies within its slice");
        self.start.wrapping_add(offset)
    }

    /// The part of `length` elements from `offset`.
    ///
    /// # Safety
    ///
    /// No two live parts overlap, on any thread.
    pub(crate) unsafe fn part(&self, offset: usize, length: usize) -> &'a mut [f32] {
        assert!(
            offset
                .checked_add(length)
                .is_some_and(|end| end <= self.length),
            "a part lies within its slice"
        );
        // SAFETY: in bounds by the assertion; exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(offset), length) }
    }
}

// SAFETY: it is a `&mut [f32]` whose parts are handed out disjointly (the promise of `part`).
unsafe impl Send for SharedMut<'_> {}
// SAFETY: as above.
unsafe impl Sync for SharedMut<'_> {}
