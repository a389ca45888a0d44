use kernels::{Format, LayerNorm, Rows, naive};
use proptest::prelude::*;

use crate::{check, every_isa, largest_error, numbers, read};

fn norm(width: usize) -> LayerNorm {
    LayerNorm { weight: numbers(width, 1), bias: numbers(width, 2), epsilon: 1e-6 }
}

#[test]
fn layer_norm_of_any_width_equals_the_naive_one() {
    let computes = every_isa();
    check(100, &(1_usize..100, 1_usize..200, -50.0_f32..50.0), |(rows, width, shift)| {
        let norm = norm(width);
        let input = numbers(rows * width, 3).iter().map(|x| x + shift).collect::<Vec<_>>();
        let expected = naive::layer_norm(&norm, &input);
        for compute in &computes {
            let mut found = Rows::new(Format::F32, rows, width);
            compute.layer_norm(&norm, &input, &mut found);
            let error = largest_error(found.numbers(), &expected);
            // A mean of up to 50 costs digits of a spread of 1 (and a width of 2 more): measured
            // at most 2.1e-4 there.
            prop_assert!(error <= 1e-3, "{} is off by {error}", compute.isa());
        }
        Ok(())
    });
}

#[test]
fn layer_norm_of_centred_rows_is_right_to_2e_6_and_to_the_rounding_of_its_format() {
    for compute in every_isa() {
        for width in [48, 64, 768, 1152, 1153] {
            let norm = norm(width);
            let input = numbers(65 * width, 3);
            let expected = naive::layer_norm(&norm, &input);
            for (format, allowed) in
                [(Format::F32, 2e-6), (Format::Bf16, 1.0 / 256.0), (Format::Int8, 0.012)]
            {
                let mut out = Rows::new(format, 65, width);
                compute.layer_norm(&norm, &input, &mut out);
                let error = largest_error(&read(&out, 65), &expected);
                assert!(error <= allowed, "{} {format:?} is off by {error}", compute.isa());
            }
        }
    }
}
