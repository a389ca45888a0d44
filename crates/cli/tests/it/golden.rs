//! What transformers gives for the tiny checkpoint, and how far the program may be from it.

use safetensors::{Dtype, SafeTensors};

use crate::tiny::goldens;

/// A golden matrix in f64.
pub(crate) struct Matrix {
    pub(crate) columns: usize,
    pub(crate) values: Vec<f64>,
}

impl Matrix {
    pub(crate) fn read(name: &str) -> Self {
        let bytes = fs_err::read(goldens().join("goldens.safetensors")).expect("goldens");
        let tensors = SafeTensors::deserialize(&bytes).expect("the goldens are safetensors");
        let tensor = tensors.tensor(name).expect("the golden is there");
        assert_eq!(tensor.dtype(), Dtype::F64);
        let values = tensor.data().as_chunks().0.iter().map(|&b| f64::from_le_bytes(b));
        Self { columns: *tensor.shape().last().expect("a matrix"), values: values.collect() }
    }

    pub(crate) fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }
}

/// 1 - cosine in f64, without cancellation.
pub(crate) fn angle(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let found = found.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
    let (a, b) = (length(&found), length(expected));
    let pairs = found.iter().zip(expected);
    pairs.map(|(x, y)| (x / a - y / b).powi(2)).sum::<f64>() / 2.0
}

/// The project's bound on embeddings.
pub(crate) fn assert_same_direction(found: &[f32], expected: &[f64]) {
    let angle = angle(found, expected);
    assert!(angle <= 1e-9, "1 - cosine is {angle:e}");
}

/// The project's bound on logits.
pub(crate) fn assert_same_logit(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 5e-5, "logit {found}, expected {expected}");
}
