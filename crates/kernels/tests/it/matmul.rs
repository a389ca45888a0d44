use kernels::{Compute, Format, Output, Rows, naive};
use proptest::prelude::*;

use crate::{check, every_isa, largest_error, numbers, read, relative_error, rows};

#[derive(Clone, Copy, Debug)]
struct Shape {
    rows: usize,
    outputs: usize,
    depth: usize,
}

/// What a product is stored as.
#[derive(Clone, Copy, Debug)]
enum Way {
    Store,
    Add,
    Rows(Format),
    Gelu(Format),
}

const WAYS: [Way; 6] = [
    Way::Store,
    Way::Add,
    Way::Rows(Format::F32),
    Way::Rows(Format::Bf16),
    Way::Gelu(Format::F32),
    Way::Gelu(Format::Bf16),
];

/// One product, and what it should be.
struct Outcome {
    found: Vec<f32>,
    expected: Vec<f64>,
}

/// The naive product takes the very numbers that the format holds, so that only the arithmetic of
/// the kernel is judged; weights in int8 are compared with the original ones.
fn product(compute: &Compute, format: Format, shape: Shape, way: Way) -> Outcome {
    let Shape { rows: count, outputs, depth } = shape;
    let input = rows(compute, format, depth, &numbers(count * depth, 1));
    let mut weights = numbers(outputs * depth, 2);
    if format == Format::Bf16 {
        weights = read(&rows(compute, format, depth, &weights), outputs);
    }
    let bias = numbers(outputs, 3);
    let linear = compute.pack(format, depth, &bias, &|row, out| {
        out.copy_from_slice(&weights[row * depth..(row + 1) * depth]);
    });
    assert_eq!((linear.outputs(), linear.inputs(), linear.format()), (outputs, depth, format));
    let mut expected = naive::matmul(&read(&input, count), &weights, &bias);
    let before = numbers(count * outputs, 4);
    let mut found = before.clone();
    match way {
        Way::Store => compute.matmul(&input, count, &linear, Output::Store(&mut found)),
        Way::Add => {
            compute.matmul(&input, count, &linear, Output::Add(&mut found));
            expected.iter_mut().zip(before).for_each(|(e, before)| *e += f64::from(before));
        }
        Way::Rows(format) => {
            let mut out = Rows::new(format, count, outputs);
            compute.matmul(&input, count, &linear, Output::Rows(&mut out));
            found = read(&out, count);
        }
        Way::Gelu(format) => {
            let mut out = Rows::new(format, count, outputs);
            compute.matmul(&input, count, &linear, Output::Gelu(&mut out));
            found = read(&out, count);
            for e in &mut expected {
                *e = naive::gelu(*e);
            }
        }
    }
    Outcome { found, expected }
}

/// How far a stored number may be off for its own rounding.
fn rounding(way: Way) -> f64 {
    match way {
        Way::Rows(Format::Bf16) | Way::Gelu(Format::Bf16) => 1.0 / 256.0,
        _ => 0.0,
    }
}

#[test]
fn a_product_of_any_shape_in_f32_and_bf16_equals_the_naive_one_stored_in_any_way() {
    let computes = every_isa();
    let shapes = (1_usize..40, 1_usize..150, 1_usize..90, 0_usize..WAYS.len());
    check(150, &shapes, |(rows, outputs, depth, way)| {
        let (shape, way) = (Shape { rows, outputs, depth }, WAYS[way]);
        for compute in &computes {
            for format in [Format::F32, Format::Bf16] {
                let Outcome { found, expected } = product(compute, format, shape, way);
                let error = largest_error(&found, &expected);
                // Measured beyond the rounding: at most 2.2e-6.
                let allowed = 4e-6 + rounding(way);
                prop_assert!(error <= allowed, "{} {format:?} is off by {error}", compute.isa());
            }
        }
        Ok(())
    });
}

#[test]
fn a_product_in_int8_is_off_by_the_rounding_of_its_weights_only() {
    let computes = every_isa();
    let shapes = (1_usize..40, 1_usize..150, 16_usize..300, 0_usize..3);
    check(60, &shapes, |(rows, outputs, depth, way)| {
        let (shape, way) = (Shape { rows, outputs, depth }, WAYS[way]);
        for compute in &computes {
            let Outcome { found, expected } = product(compute, Format::Int8, shape, way);
            // A step of 1/127 gives each weight an error of up to 1/254, at random.
            let sum = (depth as f64 / 3.0).sqrt() / 254.0;
            let error = largest_error(&found, &expected);
            prop_assert!(error <= 4.0 * sum, "{} is off by {error}, {sum}", compute.isa());
        }
        Ok(())
    });
}

#[test]
fn int8_gives_the_same_bytes_on_every_instruction_set_up_to_the_last_rounding() {
    let shape = Shape { rows: 37, outputs: 100, depth: 769 };
    let all = every_isa();
    let first = product(&all[0], Format::Int8, shape, Way::Store).found;
    for compute in &all[1..] {
        let found = product(compute, Format::Int8, shape, Way::Store).found;
        let expected = first.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let error = largest_error(&found, &expected);
        assert!(error <= 2e-6, "{} is off by {error}", compute.isa());
    }
}

#[test]
fn a_product_larger_than_a_task_equals_the_naive_one() {
    for compute in every_isa() {
        for (rows, outputs, depth) in [(300, 100, 768), (65, 200, 1025), (257, 48, 3072)] {
            let shape = Shape { rows, outputs, depth };
            for (format, allowed) in
                [(Format::F32, 2e-6), (Format::Bf16, 2e-6), (Format::Int8, 8e-3)]
            {
                let Outcome { found, expected } = product(&compute, format, shape, Way::Store);
                let error = relative_error(&found, &expected);
                assert!(error <= allowed, "{} {format:?} is off by {error}", compute.isa());
            }
        }
    }
}

#[test]
fn gelu_is_right_to_2e_7_of_one_plus_its_value_everywhere() {
    // A product with the 1 x 1 matrix [1] shows the epilogue alone.
    let inputs = (-60_000..60_000).map(|i| i as f32 / 2_000.0).collect::<Vec<_>>();
    let expected = inputs.iter().map(|&x| naive::gelu(f64::from(x))).collect::<Vec<_>>();
    for compute in every_isa() {
        let one = compute.pack(Format::F32, 1, &[0.0], &|_, out| out.fill(1.0));
        let mut out = Rows::new(Format::F32, inputs.len(), 1);
        let input = rows(&compute, Format::F32, 1, &inputs);
        compute.matmul(&input, inputs.len(), &one, Output::Gelu(&mut out));
        let error = largest_error(out.numbers(), &expected);
        assert!(error <= 2e-7, "{} is off by {error}", compute.isa());
    }
}

#[test]
fn conversion_to_bf16_rounds_to_nearest_and_to_int8_within_half_a_step() {
    for compute in every_isa() {
        for width in [1, 2, 3, 15, 16, 17, 33, 100] {
            let values = numbers(7 * width, 5);
            let found = read(&rows(&compute, Format::Bf16, width, &values), 7);
            for (found, value) in found.iter().zip(&values) {
                assert!((found - value).abs() <= value.abs() / 256.0);
                assert_eq!(found.to_bits() & 0xFFFF, 0);
            }
            let found = read(&rows(&compute, Format::Int8, width, &values), 7);
            for (found, values) in found.chunks(width).zip(values.chunks(width)) {
                let low = values.iter().copied().fold(0.0_f32, f32::min);
                let high = values.iter().copied().fold(0.0_f32, f32::max);
                for (found, value) in found.iter().zip(values) {
                    // Half a step for the value, half a step for the zero point.
                    assert!((found - value).abs() <= (high - low) / 255.0 * 1.01);
                }
            }
        }
    }
}

#[test]
fn every_set_rounds_to_the_same_bits_of_bf16() {
    // All exponents, with mantissas on both sides of a tie and on it.
    let mantissas = [0, 0x7FFF, 0x8000, 0x8001, 0x1_7FFF, 0x1_8000, 0x1_8001, 0x7F_8000];
    let bits = (1_u32..255).flat_map(|e| mantissas.map(|m| e << 23 | m));
    let values = bits.flat_map(|bits| [bits, bits | 1 << 31]).map(f32::from_bits);
    let values = values.collect::<Vec<_>>();
    let nearest = |value: f32| {
        let bits = value.to_bits();
        (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000
    };
    for compute in every_isa() {
        let found = read(&rows(&compute, Format::Bf16, values.len(), &values), 1);
        for (found, &value) in found.iter().zip(&values) {
            assert_eq!(found.to_bits(), nearest(value), "{value:e} on {}", compute.isa());
        }
    }
}

#[test]
fn no_rows_give_no_product() {
    for compute in every_isa() {
        let linear = compute.pack(Format::F32, 2, &[0.0; 3], &|_, out| out.fill(1.0));
        let input = Rows::new(Format::F32, 0, 2);
        compute.matmul(&input, 0, &linear, Output::Store(&mut []));
    }
}
