//! One mutable slice that several workers write, each its own part.

use std::marker::PhantomData;

/// A `&mut [T]` that may cross to other threads, for tasks that write disjoint parts.
pub(crate) struct SharedMut<'a, T = f32> {
    start: *mut T,
    length: usize,
    borrow: PhantomData<&'a mut [T]>,
}

impl<'a, T> SharedMut<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), length: slice.len(), borrow: PhantomData }
    }

    /// The address of element `offset`; reading and writing through it is the caller's proof.
    pub(crate) fn at(&self, offset: usize) -> *mut T {
        assert!(offset <= self.length, "an offset lies within its slice");
        self.start.wrapping_add(offset)
    }

    /// The part of `length` elements from `offset`.
    ///
    /// # Safety
    ///
    /// No two live parts overlap, on any thread.
    pub(crate) unsafe fn part(&self, offset: usize, length: usize) -> &'a mut [T] {
        assert!(
            offset.checked_add(length).is_some_and(|end| end <= self.length),
            "a part lies within its slice"
        );
        // SAFETY: in bounds by the assertion; exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(offset), length) }
    }
}

impl<T> Clone for SharedMut<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SharedMut<'_, T> {}

// SAFETY: it is a `&mut [T]` whose parts are handed out disjointly (the promise of `part`).
unsafe impl<T: Send> Send for SharedMut<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedMut<'_, T> {}
