use kernels::{Compute, Epilogue, naive};
use proptest::prelude::*;

use crate::{check, every_isa, largest_error, numbers};

const EPILOGUES: [Epilogue; 3] = [Epilogue::Bias, Epilogue::BiasGelu, Epilogue::BiasAdd];

/// The largest error of one product against the naive twin.
fn error_of(
    compute: &Compute,
    rows: usize,
    outputs: usize,
    depth: usize,
    epilogue: Epilogue,
) -> f32 {
    let a = numbers(rows * depth, 1);
    let weights = numbers(outputs * depth, 2);
    let bias = numbers(outputs, 3);
    let mut expected = numbers(rows * outputs, 4);
    let mut found = expected.clone();
    naive::matmul(&a, &weights, &bias, epilogue, &mut expected);
    let packed = compute.pack(outputs, depth, &|row, out| {
        out.copy_from_slice(&weights[row * depth..(row + 1) * depth]);
    });
    assert_eq!((packed.outputs(), packed.inputs()), (outputs, depth));
    compute.matmul(&a, &packed, &bias, epilogue, &mut found);
    largest_error(&found, &expected)
}

#[test]
fn a_product_of_any_shape_equals_the_naive_one() {
    let computes = every_isa();
    let shapes = (1_usize..40, 1_usize..150, 1_usize..90, 0_usize..3);
    check(150, &shapes, |(rows, outputs, depth, epilogue)| {
        for compute in &computes {
            let error = error_of(compute, rows, outputs, depth, EPILOGUES[epilogue]);
            // Measured over these cases: at most 2.2e-6.
            prop_assert!(error <= 4e-6, "{} is off by {error}", compute.isa());
        }
        Ok(())
    });
}

#[test]
fn a_product_larger_than_a_task_equals_the_naive_one() {
    for compute in every_isa() {
        for (rows, outputs, depth) in [(300, 100, 768), (65, 200, 1025), (257, 48, 3072)] {
            let error = error_of(&compute, rows, outputs, depth, Epilogue::Bias);
            // Measured: at most 4.4e-5, from 3,072 terms added one after another in f32.
            assert!(error <= 8e-5, "{} is off by {error}", compute.isa());
        }
    }
}

#[test]
fn gelu_is_right_to_2e_7_of_one_plus_its_value_everywhere() {
    // A product with the 1 x 1 matrix [1] shows the epilogue alone.
    let inputs = (-60_000..60_000)
        .map(|i| i as f32 / 2_000.0)
        .collect::<Vec<_>>();
    let expected = inputs
        .iter()
        .map(|&x| naive::gelu(f64::from(x)) as f32)
        .collect::<Vec<_>>();
    for compute in every_isa() {
        let one = compute.pack(1, 1, &|_, out| out.fill(1.0));
        let mut found = vec![0.0; inputs.len()];
        compute.matmul(&inputs, &one, &[0.0], Epilogue::BiasGelu, &mut found);
        let error = largest_error(&found, &expected);
        assert!(error <= 2e-7, "{} is off by {error}", compute.isa());
    }
}

#[test]
fn an_empty_left_matrix_gives_an_empty_product() {
    for compute in every_isa() {
        let packed = compute.pack(3, 2, &|_, out| out.fill(1.0));
        compute.matmul(&[], &packed, &[0.0; 3], Epilogue::Bias, &mut []);
    }
}
