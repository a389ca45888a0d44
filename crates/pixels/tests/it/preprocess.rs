//! Decode and resize as one step, from many threads.

use pixels::{Filter, Isa, Limits, PassOrder, PixelsError, Preprocessor, Resizer, decode};

use crate::goldens::bytes;

#[test]
fn many_threads_share_a_preprocessor_and_get_the_same_bytes() {
    let file = bytes("conversions/rgb.png");
    let image = decode(&file, &Limits::default()).unwrap();
    let expected =
        Resizer::new(Isa::Scalar).resize(&image, 20, 9, Filter::Bilinear, PassOrder::VerticalFirst);
    for isa in Isa::available() {
        let preprocessor = Preprocessor::new(20, 9)
            .with_isa(isa)
            .with_filter(Filter::Bilinear)
            .with_order(PassOrder::VerticalFirst);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert_eq!(preprocessor.prepare(&file).unwrap(), expected);
                    }
                });
            }
        });
    }
}

#[test]
fn the_limits_of_a_preprocessor_are_kept() {
    let preprocessor = Preprocessor::new(8, 8).with_limits(Limits::default().with_pixels(100));
    let error = preprocessor.prepare(&bytes("conversions/rgb.png")).unwrap_err();
    assert!(matches!(error, PixelsError::TooManyPixels { width: 23, height: 17, limit: 100 }));
}

#[test]
fn the_default_is_bicubic_in_the_order_of_pillow_13() {
    let file = bytes("conversions/rgb.png");
    let image = decode(&file, &Limits::default()).unwrap();
    let expected =
        Resizer::new(Isa::detect()).resize(&image, 8, 8, Filter::Bicubic, PassOrder::Pillow13);
    assert_eq!(Preprocessor::new(8, 8).prepare(&file).unwrap(), expected);
}
