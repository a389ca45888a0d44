//! The two-cats photo of model cards (COCO val2017 39769), whose rights do not let it be committed:
//! these tests run when the folder `shared/fixtures` lies beside the checkout.

use std::path::{Path, PathBuf};

use pixels::{Limits, Preprocessor, decode, write_patches};

fn fixture(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/images");
    let path = folder.join(name);
    path.exists().then_some(path)
}

#[test]
fn the_two_cats_photo_gives_the_reference_pixels() {
    let (Some(photo), Some(resized)) =
        (fixture("000000039769.png"), fixture("000000039769_pillow_bicubic_256.png"))
    else {
        return;
    };
    let photo = fs_err::read(photo).unwrap();
    let pixels = Preprocessor::new(256, 256).prepare(&photo).unwrap();
    assert_eq!(pixels, decode(&fs_err::read(resized).unwrap(), &Limits::default()).unwrap());

    // One patch of the whole picture: [3, 256, 256].
    let mut values = vec![0.0; 3 * 256 * 256];
    write_patches(&pixels, 256, 0, [0.5; 3], [0.5; 3], &mut values);
    let count = values.len() as f64;
    let mean = values.iter().copied().map(f64::from).sum::<f64>() / count;
    let variance =
        values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
    assert!((mean - 0.037_207_965_7).abs() < 1e-9, "mean {mean}");
    assert!((variance.sqrt() - 0.545_907_694_7).abs() < 1e-9, "std {}", variance.sqrt());
    let first =
        [0.105_882_41, 0.160_784_36, 0.192_156_91, 0.184_313_77, 0.207_843_18, 0.200_000_05];
    for (value, expected) in values.iter().zip(first) {
        assert!((value - expected).abs() < 1e-8, "{value} against {expected}");
    }
}

#[test]
fn other_real_pictures_are_read() {
    for (name, size) in [("CLIP.png", (2162, 762)), ("bike.jpg", (800, 556))] {
        let Some(path) = fixture(name) else { continue };
        let image = decode(&fs_err::read(path).unwrap(), &Limits::default()).unwrap();
        assert_eq!((image.width(), image.height()), size, "{name}");
    }
}
