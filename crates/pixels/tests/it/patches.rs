//! Normalised patches against transformers and against a plain loop.

use pixels::{RgbImage, patch_count, write_patches};

use crate::goldens::{cases, noise, sha256};

fn floats(value: &serde_json::Value) -> [f32; 3] {
    // transformers holds mean and std as f32 when it uses them.
    [0, 1, 2].map(|channel| value[channel].as_f64().unwrap() as f32)
}

#[test]
fn every_level_is_normalised_to_the_bit_as_transformers_does() {
    let levels: Vec<u8> = (0..=255).flat_map(|level| [level; 3]).collect();
    let image = RgbImage::from_raw(256, 1, levels).unwrap();
    for case in cases("patches.json") {
        let mut patches = vec![0.0; 256 * 3];
        write_patches(&image, 1, 0, floats(&case["mean"]), floats(&case["std"]), &mut patches);
        // [256, 3] to [3, 256].
        let planes: Vec<u8> = (0..3)
            .flat_map(|channel| patches.iter().skip(channel).step_by(3))
            .flat_map(|value| value.to_le_bytes())
            .collect();
        assert_eq!(sha256(&planes), case["sha256"].as_str().unwrap());
    }
}

#[test]
fn a_patch_is_ordered_by_channel_then_row_then_column() {
    let (width, height, patch_size) = (12, 8, 4);
    let image = RgbImage::from_raw(width, height, noise(width, height, 3)).unwrap();
    let mut patches = vec![f32::NAN; 6 * 3 * 16];
    write_patches(&image, patch_size, 0, [0.5; 3], [0.5; 3], &mut patches);
    for (index, &value) in patches.iter().enumerate() {
        let (patch, inside) = (index / 48, index % 48);
        let (channel, y, x) = (inside / 16, inside / 4 % 4, inside % 4);
        let (row, column) = (patch / 3 * 4 + y, patch % 3 * 4 + x);
        let sample = image.data()[(row * width as usize + column) * 3 + channel];
        let expected = ((f64::from(sample) * (1.0 / 255.0)) as f32 - 0.5) / 0.5;
        assert_eq!(value.to_bits(), expected.to_bits(), "patch value {index}");
    }
}

#[test]
fn pixels_outside_the_last_whole_patch_are_dropped() {
    // 384 = 27 * 14 + 6, as in so400m patch14-384.
    let image = RgbImage::from_raw(384, 384, noise(384, 384, 3)).unwrap();
    assert_eq!(patch_count(&image, 14), 27 * 27);
    let mut patches = vec![f32::NAN; 27 * 27 * 3 * 14 * 14];
    write_patches(&image, 14, 0, [0.5; 3], [0.5; 3], &mut patches);
    assert!(patches.iter().all(|value| value.is_finite()));
    let last = &image.data()[((27 * 14 - 1) * 384 + 27 * 14 - 1) * 3 + 2];
    let expected = ((f64::from(*last) * (1.0 / 255.0)) as f32 - 0.5) / 0.5;
    assert_eq!(patches.last().unwrap().to_bits(), expected.to_bits());
}

#[test]
fn a_picture_smaller_than_a_patch_has_none() {
    let image = RgbImage::from_raw(15, 40, noise(15, 40, 3)).unwrap();
    assert_eq!(patch_count(&image, 16), 0);
    write_patches(&image, 16, 0, [0.5; 3], [0.5; 3], &mut []);
}

#[test]
#[should_panic(expected = "the output must hold")]
fn an_output_of_another_length_is_a_mistake_of_the_caller() {
    let image = RgbImage::from_raw(16, 16, noise(16, 16, 3)).unwrap();
    write_patches(&image, 16, 0, [0.5; 3], [0.5; 3], &mut [0.0; 767]);
}
