//! Reading what `parity/goldens.py` wrote, and judging against it.

use std::path::{Path, PathBuf};

use kernels::Isa;
use model::{CpuEngine, Options, Precision, Siglip};
use pixels::RgbImage;
use safetensors::{Dtype, SafeTensors};
use weights::Checkpoint;

/// A checkpoint folder with its goldens.
pub(crate) struct Goldens {
    pub(crate) folder: PathBuf,
    bytes: Vec<u8>,
}

impl Goldens {
    pub(crate) fn open(folder: &Path) -> Self {
        let bytes =
            fs_err::read(folder.join("goldens.safetensors")).expect("the goldens are there");
        Self { folder: folder.to_owned(), bytes }
    }

    /// One of the folders of `tests/goldens`.
    pub(crate) fn tiny(name: &str) -> Self {
        Self::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name))
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("the goldens are safetensors")
    }

    pub(crate) fn shape(&self, name: &str) -> Vec<usize> {
        self.tensors().tensor(name).expect("a golden tensor").shape().to_vec()
    }

    /// A tensor of f32 or f64.
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        let tensors = self.tensors();
        let tensor = tensors.tensor(name).unwrap_or_else(|_| panic!("no golden {name}"));
        let data = tensor.data();
        match tensor.dtype() {
            Dtype::F32 => {
                data.as_chunks().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect()
            }
            Dtype::F64 => data.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
            other => panic!("{name} is {other:?}"),
        }
    }

    /// The ids of all texts.
    pub(crate) fn ids(&self) -> Vec<u32> {
        let tensors = self.tensors();
        let tensor = tensors.tensor("text.input_ids").expect("the goldens have ids");
        let chunks = tensor.data().as_chunks().0.iter();
        chunks.map(|&b| u32::try_from(i64::from_le_bytes(b)).expect("an id is small")).collect()
    }

    /// The pictures, already of the tower's size.
    pub(crate) fn pictures(&self) -> Vec<RgbImage> {
        let tensors = self.tensors();
        let tensor = tensors.tensor("vision.input_u8").expect("the goldens have pictures");
        let [_, height, width, 3] = *tensor.shape() else { panic!("pictures are B x H x W x 3") };
        let picture = |data: &[u8]| {
            RgbImage::from_raw(width as u32, height as u32, data.to_vec()).expect("a whole picture")
        };
        tensor.data().chunks_exact(height * width * 3).map(picture).collect()
    }

    pub(crate) fn engine(&self, isa: Isa, threads: usize) -> CpuEngine {
        self.engine_in(Precision::F32, isa, threads)
    }

    pub(crate) fn engine_in(&self, precision: Precision, isa: Isa, threads: usize) -> CpuEngine {
        let checkpoint = Checkpoint::open(&self.folder).expect("the checkpoint opens");
        CpuEngine::new(checkpoint.into(), isa, threads, precision)
    }
}

/// Options that most tests use.
pub(crate) fn options(isa: Isa) -> Options {
    Options {
        isa,
        threads: 2,
        precision: Precision::F32,
        canonicalization: tokens::Canonicalization::Hf,
        limits: pixels::Limits::default(),
        packed_cache: None,
    }
}

pub(crate) fn open(folder: &Path) -> Siglip {
    Siglip::open(folder, &options(Isa::detect())).expect("the model opens")
}

/// The largest 1 - cosine over pairs of rows, in f64, each pair normalised anew.
pub(crate) fn largest_angle(found: &[f32], expected: &[f64], dimension: usize) -> f64 {
    assert_eq!(found.len(), expected.len());
    assert!(!found.is_empty(), "there is something to compare");
    let rows = found.chunks_exact(dimension).zip(expected.chunks_exact(dimension));
    rows.map(|(found, expected)| {
        let found = found.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
        let (a, b) = (length(&found), length(expected));
        // 1 - cos = |a/|a| - b/|b||^2 / 2, which does not cancel.
        let squares = found.iter().zip(expected).map(|(x, y)| (x / a - y / b).powi(2));
        let angle = squares.sum::<f64>() / 2.0;
        assert!(angle.is_finite(), "an embedding is not finite");
        angle
    })
    .fold(0.0, f64::max)
}

/// |found - expected| / |expected|, as Euclidean lengths over all elements.
pub(crate) fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let difference = found.iter().zip(expected).map(|(&f, e)| (f64::from(f) - e).powi(2));
    let length = expected.iter().map(|e| e * e).sum::<f64>();
    (difference.sum::<f64>() / length).sqrt()
}
