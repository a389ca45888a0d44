use std::path::{Path, PathBuf};

use kernels::{Compute, Isa};
use pixels::RgbImage;
use safetensors::SafeTensors;
use train::Arithmetic;
use train::loss::Place;
use train::optimiser::{Learning, Optimiser, Rule};
use train::parameters::Parameters;
use train::trainer::{
    Batch, CpuTrainer, Keep, LossKind, PictureInput, Settings, TextInput, Trainer,
};
use weights::Checkpoint;

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) struct Golden {
    bytes: Vec<u8>,
}

impl Golden {
    pub(crate) fn open() -> Self {
        let path = folder("tests/goldens/gradients.safetensors");
        Self { bytes: fs_err::read(path).expect("the golden is committed") }
    }

    fn numbers<const N: usize>(&self, name: &str) -> Vec<[u8; N]> {
        let tensors = SafeTensors::deserialize(&self.bytes).expect("the golden can be read");
        let tensor = tensors.tensor(name).expect("the golden has the tensor");
        tensor.data().as_chunks::<N>().0.to_vec()
    }

    fn wholes(&self, name: &str) -> Vec<u64> {
        self.numbers(name).into_iter().map(u64::from_le_bytes).collect()
    }

    fn f32(&self, name: &str) -> Vec<f32> {
        self.numbers(name).into_iter().map(f32::from_le_bytes).collect()
    }

    pub(crate) fn batch(&self) -> Batch {
        let pixels = self.numbers::<1>("pictures").into_iter().flatten().collect::<Vec<_>>();
        let pictures = pixels.chunks_exact(32 * 32 * 3);
        let pictures = pictures
            .map(|pixels| RgbImage::from_raw(32, 32, pixels.to_vec()).expect("32 x 32 pixels"));
        let owners = self.wholes("owners");
        Batch {
            pictures: PictureInput::Pictures(pictures.collect()),
            texts: TextInput::Ids(self.wholes("ids").into_iter().map(|id| id as u32).collect()),
            place: Place { first_image: 0, texts_of_batch: owners.len() },
            owners: owners.into_iter().map(|owner| owner as u32).collect(),
            image_keys: self.wholes("image_keys"),
            text_keys: self.wholes("text_keys"),
        }
    }
}

pub(crate) fn trainer(isa: Isa, threads: usize, settings: Settings) -> CpuTrainer {
    let checkpoint = Checkpoint::open(&folder("../model/tests/goldens/tiny-base"))
        .expect("the checkpoint is committed");
    let mut parameters = Parameters::of(checkpoint.config());
    assert_eq!(parameters.load(&checkpoint).expect("it can be read"), Vec::<String>::new());
    let learning = vec![Learning::Free { rate: 1.0, decay: 0.0 }; parameters.list().len()];
    let optimiser = Optimiser::new(Rule::default(), &parameters, learning);
    let compute = Compute::new(isa, threads);
    let (config, preprocessing) = (checkpoint.config(), checkpoint.preprocessing());
    CpuTrainer::new(compute, config, preprocessing, settings, parameters, optimiser)
}

/// The relative error of each tensor's gradient, by its name, and that of the loss.
fn errors(trainer: &mut CpuTrainer, golden: &Golden) -> Vec<(String, f64)> {
    let loss = trainer.gradients(&golden.batch(), LossKind::Sigmoid);
    let expected: [u8; 8] = golden.numbers("loss")[0];
    let expected = f64::from_le_bytes(expected);
    let mut errors = vec![("loss".to_owned(), (loss - expected).abs() / expected)];
    let all = trainer.parameters();
    let whole = all.gradients.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    for parameter in all.list() {
        let expected = golden.f32(&format!("gradient.{}", parameter.name));
        let found = &all.gradients[parameter.range.clone()];
        let difference = found.iter().zip(&expected).map(|(f, e)| f64::from(f - e).powi(2));
        let length = expected.iter().map(|e| f64::from(*e).powi(2)).sum::<f64>().sqrt();
        // Softmax does not see what all keys have in common: the gradient of their bias is 0 but for rounding.
        let measure = if parameter.name.ends_with("k_proj.bias") { whole } else { length };
        errors.push((parameter.name.clone(), difference.sum::<f64>().sqrt() / measure));
    }
    errors
}

#[test]
fn gradients_of_every_parameter_are_pytorchs() {
    let golden = Golden::open();
    for isa in Isa::available() {
        for keep in [Keep::All, Keep::Embeddings] {
            let settings = Settings { arithmetic: Arithmetic::F32, keep };
            let mut errors = errors(&mut trainer(isa, 2, settings), &golden);
            errors.sort_by(|a, b| b.1.total_cmp(&a.1));
            println!("{isa} f32: {:?}", &errors[..3]);
            assert!(errors[0].1 <= 1e-4, "{isa}: {} is off by {}", errors[0].0, errors[0].1);
        }
    }
}

#[test]
fn gradients_in_bf16_are_near_those_in_f32() {
    let golden = Golden::open();
    let settings = Settings { arithmetic: Arithmetic::Bf16, keep: Keep::All };
    for isa in Isa::available() {
        let mut errors = errors(&mut trainer(isa, 2, settings), &golden);
        errors.sort_by(|a, b| b.1.total_cmp(&a.1));
        println!("{isa} bf16: {:?}", &errors[..3]);
        assert!(errors[0].1 <= 0.1, "{isa}: {} is off by {}", errors[0].0, errors[0].1);
    }
}

#[test]
fn gradients_have_the_same_bytes_for_any_number_of_threads() {
    let golden = Golden::open();
    let run = |threads| {
        let settings = Settings { arithmetic: Arithmetic::Bf16, keep: Keep::All };
        let mut trainer = trainer(Isa::detect(), threads, settings);
        trainer.gradients(&golden.batch(), LossKind::Sigmoid);
        trainer.parameters().gradients.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
    };
    let one = run(1);
    assert!([2, 3].into_iter().all(|threads| run(threads) == one));
}
