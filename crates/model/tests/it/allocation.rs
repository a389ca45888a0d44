//! A forward pass allocates nothing: its activations were laid out when the tower was loaded.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use kernels::Isa;
use model::{Engine, Precision};
use weights::Tower;

use crate::goldens::Goldens;

/// The system's allocator, counting the allocations of each thread.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[test]
fn a_forward_pass_allocates_nothing_in_any_precision() {
    for name in ["tiny-base", "tiny-so400m", "tiny-i18n"] {
        let goldens = Goldens::tiny(name);
        let (pictures, ids) = (goldens.pictures(), goldens.ids());
        let pictures = pictures.iter().collect::<Vec<_>>();
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            // One thread: whatever the workers would do, the calling thread does.
            let engine = goldens.engine_in(precision, Isa::detect(), 1);
            let dimension = engine.dimension(Tower::Vision).expect("there is a vision tower");
            let mut images = vec![0.0; pictures.len() * dimension];
            let mut texts = vec![0.0; goldens.shape("text.input_ids")[0] * dimension];
            engine.load(Tower::Vision).expect("the vision tower loads");
            engine.load(Tower::Text).expect("the text tower loads");
            let before = ALLOCATIONS.get();
            engine.embed_images(&pictures, &mut images, &mut ()).expect("pictures are embedded");
            engine.embed_texts(&ids, &mut texts, &mut ()).expect("texts are embedded");
            assert_eq!(ALLOCATIONS.get() - before, 0, "{name} in {precision}");
            drop(std::hint::black_box(vec![0_u8; 100]));
            assert_eq!(ALLOCATIONS.get() - before, 1, "the counter counts");
        }
    }
}
