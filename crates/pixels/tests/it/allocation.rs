//! Counts the memory that a thread of the test binary holds, to show what a hostile file costs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator with two counters a thread.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

fn take(bytes: usize) {
    // A thread that ends still frees memory after its counters are gone.
    let _ = HELD.try_with(|held| {
        held.set(held.get().wrapping_add(bytes));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

fn give_back(bytes: usize) {
    // Memory of another thread may be freed here, hence no underflow check.
    let _ = HELD.try_with(|held| held.set(held.get().saturating_sub(bytes)));
}

// SAFETY: every call goes to the system's allocator unchanged; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        give_back(layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may be held for a moment.
        take(size);
        give_back(layout.size());
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The result of `work` and the most bytes that this thread held during it beyond what it held
/// before.
pub struct Measured<T> {
    pub result: T,
    pub peak: usize,
}

pub fn measured<T>(work: impl FnOnce() -> T) -> Measured<T> {
    let before = HELD.get();
    PEAK.set(before);
    let result = work();
    Measured { result, peak: PEAK.get() - before }
}

#[test]
fn the_counter_sees_a_vector() {
    let Measured { result, peak } = measured(|| vec![1_u8; 1 << 20].len() + 1);
    assert_eq!(result, (1 << 20) + 1);
    assert!((1 << 20..(1 << 20) + 4096).contains(&peak), "{peak}");
}
