//! The resize against Pillow, and every instruction set against the scalar path.

use pixels::{Filter, Isa, PassOrder, Resizer, RgbImage};
use proptest::prelude::*;

use crate::goldens::{cases, noise, number, sha256, text};

#[test]
fn every_shared_vector_is_reproduced_in_both_orders_on_every_instruction_set() {
    for case in cases("resize_vectors.json") {
        let (width, height) = (number(&case["src_w"]), number(&case["src_h"]));
        let side = number(&case["dst"]);
        let image = RgbImage::from_raw(width, height, formula(width, height)).unwrap();
        for isa in Isa::available() {
            let mut resizer = Resizer::new(isa);
            for (order, expected) in [
                (PassOrder::HorizontalFirst, "pillow_lt13_hfirst"),
                (PassOrder::Pillow13, "pillow_ge13"),
            ] {
                let resized = resizer.resize(&image, side, side, Filter::Bicubic, order);
                let what = format!("{width}x{height} to {side}, {order:?}, {isa}");
                assert_eq!(sha256(resized.data()), text(&case[expected]), "{what}");
            }
        }
    }
}

#[test]
fn odd_sizes_equal_pillow_in_three_orders_on_every_instruction_set() {
    for isa in Isa::available() {
        let mut resizer = Resizer::new(isa);
        for case in cases("resize.json") {
            let [width, height] = [0, 1].map(|side| number(&case["from"][side]));
            let [to_width, to_height] = [0, 1].map(|side| number(&case["to"][side]));
            let filter = match text(&case["filter"]) {
                "bilinear" => Filter::Bilinear,
                "bicubic" => Filter::Bicubic,
                other => panic!("unknown filter {other}"),
            };
            let image = RgbImage::from_raw(width, height, noise(width, height, 3)).unwrap();
            for (order, expected) in [
                (PassOrder::Pillow13, "pillow13"),
                (PassOrder::HorizontalFirst, "horizontal_first"),
                (PassOrder::VerticalFirst, "vertical_first"),
            ] {
                let resized = resizer.resize(&image, to_width, to_height, filter, order);
                let what = format!(
                    "{width}x{height} to {to_width}x{to_height}, {filter:?}, {order:?}, {isa}"
                );
                assert_eq!((resized.width(), resized.height()), (to_width, to_height), "{what}");
                assert_eq!(sha256(resized.data()), text(&case[expected]), "{what}");
            }
        }
    }
}

#[test]
fn the_order_of_the_passes_shows_somewhere_in_the_goldens() {
    assert!(
        cases("resize.json").iter().any(|case| case["horizontal_first"] != case["vertical_first"]
            && case["pillow13"] == case["vertical_first"])
    );
}

#[test]
fn the_same_size_is_a_copy() {
    let image = RgbImage::from_raw(31, 9, noise(31, 9, 3)).unwrap();
    for isa in Isa::available() {
        let resized =
            Resizer::new(isa).resize(&image, 31, 9, Filter::Bicubic, PassOrder::default());
        assert_eq!(resized, image);
    }
}

#[test]
fn a_very_long_window_does_not_overflow() {
    // White stays white however many weights are summed.
    for (width, height) in [(65_535, 3), (3, 65_535)] {
        let white = vec![255; width as usize * height as usize * 3];
        let image = RgbImage::from_raw(width, height, white).unwrap();
        for isa in Isa::available() {
            for filter in [Filter::Bilinear, Filter::Bicubic] {
                let resized = Resizer::new(isa).resize(&image, 2, 2, filter, PassOrder::default());
                assert!(resized.data().iter().all(|&sample| sample >= 254), "{isa} {filter:?}");
                let scalar = Resizer::new(Isa::Scalar);
                assert_eq!(resized, { scalar }.resize(&image, 2, 2, filter, PassOrder::default()));
            }
        }
    }
}

#[test]
#[should_panic(expected = "cannot be made")]
fn a_side_of_zero_is_a_mistake_of_the_caller() {
    let image = RgbImage::from_raw(1, 1, vec![0; 3]).unwrap();
    Resizer::new(Isa::Scalar).resize(&image, 0, 1, Filter::Bicubic, PassOrder::default());
}

#[test]
fn the_names_of_instruction_sets_are_read_back() {
    for isa in Isa::available() {
        assert_eq!(isa.to_string().parse(), Ok(isa));
    }
    assert_eq!(
        "sse9".parse::<Isa>().unwrap_err().to_string(),
        "unknown instruction set \"sse9\": scalar, avx2 or avx512"
    );
    assert_eq!(Isa::available().last(), Some(Isa::detect()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_instruction_set_gives_the_bytes_of_the_scalar_path(
        (width, height) in (1_u32..90, 1_u32..90),
        (to_width, to_height) in (1_u32..120, 1_u32..120),
        bicubic: bool,
        vertical_first: bool,
        extremes: bool,
        seed: u64,
    ) {
        let samples = (0..width * height * 3)
            .map(|index| {
                let mixed = (u64::from(index) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
                // Black and white only: where the sums overshoot most.
                if extremes { if mixed & 1 == 0 { 0 } else { 255 } } else { mixed as u8 }
            })
            .collect();
        let image = RgbImage::from_raw(width, height, samples).unwrap();
        let filter = if bicubic { Filter::Bicubic } else { Filter::Bilinear };
        let order =
            if vertical_first { PassOrder::VerticalFirst } else { PassOrder::HorizontalFirst };
        let expected = Resizer::new(Isa::Scalar).resize(&image, to_width, to_height, filter, order);
        for isa in Isa::available() {
            let mut resizer = Resizer::new(isa);
            let once = resizer.resize(&image, to_width, to_height, filter, order);
            prop_assert_eq!(once.data(), expected.data(), "{}", isa);
            // Again with the weights and the scratch memory kept.
            let again = resizer.resize(&image, to_width, to_height, filter, order);
            prop_assert_eq!(again.data(), expected.data(), "{} again", isa);
        }
    }
}

/// The synthetic picture that `resize_vectors.json` describes in its note.
fn formula(width: u32, height: u32) -> Vec<u8> {
    let mut samples = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for c in 0..3 {
                samples.push(((7 * x + 13 * y + 29 * c + (x * y) % 251) % 256) as u8);
            }
        }
    }
    samples
}
