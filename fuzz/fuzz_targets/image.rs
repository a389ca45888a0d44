//! Any bytes: decode within small limits, resize, cut into patches. Nothing may panic, run away or
//! take more memory than allowed (`-malloc_limit_mb` watches that).

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pixels::{Limits, Preprocessor, decode, patch_count, write_patches};

static PREPROCESSOR: LazyLock<Preprocessor> = LazyLock::new(|| {
    let limits = Limits::default().with_bytes(1 << 20).with_pixels(1 << 20).with_memory(16 << 20);
    Preprocessor::new(32, 24).with_limits(limits)
});

fuzz_target!(|bytes: &[u8]| {
    let decoded = decode(bytes, PREPROCESSOR.limits());
    let prepared = PREPROCESSOR.prepare(bytes);
    assert_eq!(decoded.is_ok(), prepared.is_ok(), "decoding is not deterministic");
    if let Ok(image) = prepared {
        let mut patches = vec![f32::NAN; patch_count(&image, 7) * 3 * 7 * 7];
        write_patches(&image, 7, 0, [0.5; 3], [0.5; 3], &mut patches);
        assert!(patches.iter().all(|value| (-1.0..=1.0).contains(value)));
    }
});
