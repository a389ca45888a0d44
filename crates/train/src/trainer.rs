//! A step of training, behind one trait, so that a GPU framework can take the CPU's place.

use std::rc::Rc;

use kernels::{Compute, LogitLine, Scratch};
use pixels::RgbImage;
use weights::{Config, Preprocessing};

use crate::layers::{Arithmetic, Workshop};
use crate::loss::{self, Embeddings, LossGradient, Pairs, Place};
use crate::optimiser::{Learning, Optimiser, length};
use crate::parameters::Parameters;
use crate::peers::{Alone, Peers};
use crate::text::{TextActivations, TextGradients, TextTower};
use crate::vision::{VisionActivations, VisionGradients, VisionTower};

/// Token rows that are computed together: activations of a layer stay in the second-level cache.
const ROWS_TOGETHER: usize = 2048;

/// The pictures of a batch.
#[derive(Clone, Debug)]
pub enum PictureInput {
    /// For the vision tower, of its size.
    Pictures(Vec<RgbImage>),
    /// Embeddings of length 1 that were computed before: the tower is locked.
    Embeddings(Vec<f32>),
    /// Rows of the table of concepts, as an earlier stage left it.
    Concepts(Vec<u32>),
}

/// The texts of a batch.
#[derive(Clone, Debug)]
pub enum TextInput {
    /// For the text tower, `[N][T]`.
    Ids(Vec<u32>),
    /// Rows of the table of concepts, one free vector for each.
    Concepts(Vec<u32>),
}

/// What a step learns from.
#[derive(Clone, Debug)]
pub struct Batch {
    /// B pictures.
    pub pictures: PictureInput,
    /// N texts.
    pub texts: TextInput,
    /// The picture of each text, counted from the first of the whole batch.
    pub owners: Vec<u32>,
    /// What each picture shows.
    pub image_keys: Vec<u64>,
    /// What each text says.
    pub text_keys: Vec<u64>,
    /// Where these pictures and texts are in the batch of all processes.
    pub place: Place,
}

/// Which loss is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LossKind {
    /// Each pair by itself.
    Sigmoid,
    /// Each picture among all texts, each text among all pictures.
    Softmax,
}

/// How a step is made.
#[derive(Clone, Copy, Debug)]
pub struct StepSettings {
    /// The learning rate.
    pub rate: f32,
    /// The loss.
    pub loss: LossKind,
    /// The longest gradient; a longer one is shortened to it.
    pub clip: f32,
}

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StepReport {
    /// Before the step.
    pub loss: f64,
    /// What cosines are multiplied by, `exp(logit_scale)`.
    pub t: f32,
    /// The bias.
    pub b: f32,
    /// The length of all gradients as one vector, before clipping.
    pub gradient_l2: f64,
    /// The length of all parameters as one vector.
    pub parameter_l2: f64,
    /// The length of the step.
    pub update_l2: f64,
}

/// What learns.
pub trait Trainer {
    /// The loss of a batch; gradients are left in the parameters. Both are those of all processes together.
    fn gradients(&mut self, batch: &Batch, loss: LossKind) -> f64;
    /// One step.
    fn step(&mut self, batch: &Batch, settings: &StepSettings) -> StepReport;
    /// Embeddings of length 1 of pictures of the tower's size, `[B][D]`.
    fn embed_pictures(&mut self, pictures: &[RgbImage]) -> Vec<f32>;
    /// Embeddings of length 1 of texts, `[N][T]` ids, `[N][D]`.
    fn embed_texts(&mut self, ids: &[u32]) -> Vec<f32>;
    /// The parameters.
    fn parameters(&self) -> &Parameters;
    /// The optimiser's state.
    fn optimiser(&self) -> &Optimiser;
    /// Takes the values of parameters and optimiser from elsewhere.
    fn restore(&mut self, values: &[f32], optimiser: Optimiser);
}

/// What is kept of a batch between its forward and its backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// All activations.
    All,
    /// Embeddings only: each part of the batch is computed again for its gradients (`GradCache`, arXiv 2101.06983), so
    /// that memory does not grow with the batch.
    Embeddings,
}

/// The towers on the CPU.
pub struct CpuTrainer {
    compute: Compute,
    peers: Rc<dyn Peers>,
    keep: Keep,
    parameters: Parameters,
    optimiser: Optimiser,
    vision: VisionTower,
    text: TextTower,
    pictures: Parts<VisionActivations, VisionGradients>,
    texts: Parts<TextActivations, TextGradients>,
    scratch: Scratch,
    attention_scratch: Vec<u32>,
}

/// The memory of a tower's passes.
struct Parts<A, G> {
    /// Sequences of a part.
    together: usize,
    kept: Vec<A>,
    gradients: Option<G>,
}

impl<A, G> Parts<A, G> {
    fn new(tokens: usize) -> Self {
        Self { together: (ROWS_TOGETHER / tokens).max(1), kept: Vec::new(), gradients: None }
    }

    /// The place of part `index`, made when it is missing.
    fn at(&mut self, index: usize, keep: Keep, make: impl Fn() -> A) -> &mut A {
        let index = if keep == Keep::All { index } else { 0 };
        while self.kept.len() <= index {
            self.kept.push(make());
        }
        &mut self.kept[index]
    }
}

/// How a model is computed.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Of products.
    pub arithmetic: Arithmetic,
    /// Between the passes.
    pub keep: Keep,
}

impl CpuTrainer {
    /// Towers of a configuration with the values of `parameters`, which begin with those of
    /// [`Parameters::of`](Parameters::of) and may have more.
    pub fn new(
        compute: Compute,
        config: &Config,
        preprocessing: &Preprocessing,
        settings: Settings,
        parameters: Parameters,
        optimiser: Optimiser,
    ) -> Self {
        let Settings { arithmetic, keep } = settings;
        let vision =
            VisionTower::new(&compute, &parameters, &config.vision, preprocessing, arithmetic);
        let text = TextTower::new(&compute, &parameters, &config.text, arithmetic);
        let mut trainer = Self {
            peers: Rc::new(Alone),
            keep,
            pictures: Parts::new(vision.extents.tokens),
            texts: Parts::new(text.extents.tokens),
            compute,
            parameters,
            optimiser,
            vision,
            text,
            scratch: Scratch::default(),
            attention_scratch: Vec::new(),
        };
        trainer.refresh();
        trainer
    }

    /// With other processes, each of which has a part of every batch.
    #[must_use]
    pub fn with_peers(self, peers: Rc<dyn Peers>) -> Self {
        Self { peers, ..self }
    }

    /// What is kept of a batch from now on.
    pub fn set_keep(&mut self, keep: Keep) {
        self.keep = keep;
    }

    fn refresh(&mut self) {
        self.vision.refresh(&self.compute, &self.parameters.values);
        self.text.refresh(&self.compute, &self.parameters.values);
    }

    /// The embeddings of part `index` of pictures, not normalised.
    fn forward_pictures(&mut self, index: usize, pictures: &[RgbImage], out: &mut [f32]) {
        let Self { compute, vision, scratch, attention_scratch, .. } = self;
        let together = self.pictures.together;
        let kept = self.pictures.at(index, self.keep, || vision.activations(together));
        let workshop = &mut Workshop { compute, scratch, attention_scratch };
        vision.forward(workshop, pictures, kept, out);
    }

    /// The embeddings of part `index` of texts, not normalised.
    fn forward_texts(&mut self, index: usize, ids: &[u32], out: &mut [f32]) {
        let Self { compute, text, scratch, attention_scratch, .. } = self;
        let together = self.texts.together;
        let kept = self.texts.at(index, self.keep, || text.activations(together));
        let workshop = &mut Workshop { compute, scratch, attention_scratch };
        text.forward(workshop, &self.parameters.values, ids, kept, out);
    }

    fn all_pictures(&mut self, pictures: &[RgbImage]) -> Vec<f32> {
        let (together, width) = (self.pictures.together, self.vision.extents.width);
        let mut out = vec![0.0; pictures.len() * width];
        let parts = pictures.chunks(together).zip(out.chunks_mut(together * width));
        for (index, (pictures, out)) in parts.enumerate() {
            self.forward_pictures(index, pictures, out);
        }
        out
    }

    fn all_texts(&mut self, ids: &[u32]) -> Vec<f32> {
        let (together, dimension) = (self.texts.together, self.text.dimension);
        let tokens = self.text.extents.tokens;
        let mut out = vec![0.0; ids.len() / tokens * dimension];
        let parts = ids.chunks(together * tokens).zip(out.chunks_mut(together * dimension));
        for (index, (ids, out)) in parts.enumerate() {
            self.forward_texts(index, ids, out);
        }
        out
    }

    fn backward_pictures(&mut self, pictures: &[RgbImage], gradients: &[f32]) {
        let (together, width) = (self.pictures.together, self.vision.extents.width);
        let parts = pictures.chunks(together).zip(gradients.chunks(together * width));
        let mut again = vec![0.0; together * width];
        for (index, (pictures, given)) in parts.enumerate() {
            if self.keep == Keep::Embeddings {
                self.forward_pictures(index, pictures, &mut again[..given.len()]);
            }
            let Self { compute, vision, scratch, attention_scratch, .. } = self;
            let workshop = &mut Workshop { compute, scratch, attention_scratch };
            let index = if self.keep == Keep::All { index } else { 0 };
            let Parts { kept, gradients, .. } = &mut self.pictures;
            let work = gradients.get_or_insert_with(|| vision.gradients(together));
            let of_parameters = &mut self.parameters.gradients;
            vision.backward(workshop, &kept[index], given, work, of_parameters);
        }
    }

    fn backward_texts(&mut self, ids: &[u32], gradients: &[f32]) {
        let (together, dimension) = (self.texts.together, self.text.dimension);
        let tokens = self.text.extents.tokens;
        let parts = ids.chunks(together * tokens).zip(gradients.chunks(together * dimension));
        let mut again = vec![0.0; together * dimension];
        for (index, (ids, given)) in parts.enumerate() {
            if self.keep == Keep::Embeddings {
                self.forward_texts(index, ids, &mut again[..given.len()]);
            }
            let Self { compute, text, scratch, attention_scratch, .. } = self;
            let workshop = &mut Workshop { compute, scratch, attention_scratch };
            let index = if self.keep == Keep::All { index } else { 0 };
            let Parts { kept, gradients, .. } = &mut self.texts;
            let work = gradients.get_or_insert_with(|| text.gradients(together));
            let of_parameters = &mut self.parameters.gradients;
            text.backward(workshop, &kept[index], given, work, of_parameters);
        }
    }

    /// Rows of the table of concepts.
    fn concepts(&self, rows: &[u32]) -> Normalised {
        let dimension = self.vision.extents.width;
        let table = &self.parameters.values[self.parameters.range(CONCEPTS)];
        let row = |&row: &u32| &table[row as usize * dimension..][..dimension];
        Normalised::new(rows.iter().flat_map(row).copied().collect(), dimension)
    }

    /// Whether any tensor of a tower learns.
    fn learns(&self, tower: &str) -> bool {
        let mut all = self.parameters.list().iter().zip(self.optimiser.learning());
        all.any(|(parameter, learning)| {
            parameter.name.starts_with(tower) && *learning != Learning::Frozen
        })
    }

    fn line(&self) -> LogitLine {
        let value = |name| self.parameters.values[self.parameters.range(name).start];
        LogitLine { scale: value("logit_scale").exp(), bias: value("logit_bias") }
    }
}

/// Before the names of the towers' tensors.
const VISION: &str = "vision_model.";
const TEXT: &str = "text_model.";

impl Trainer for CpuTrainer {
    fn gradients(&mut self, batch: &Batch, loss: LossKind) -> f64 {
        self.parameters.clear_gradients();
        let dimension = self.vision.extents.width;
        let images = match &batch.pictures {
            PictureInput::Pictures(pictures) => {
                Normalised::new(self.all_pictures(pictures), dimension)
            }
            PictureInput::Embeddings(rows) => Normalised::new(rows.clone(), dimension),
            PictureInput::Concepts(rows) => self.concepts(rows),
        };
        let texts = match &batch.texts {
            TextInput::Ids(ids) => Normalised::new(self.all_texts(ids), dimension),
            TextInput::Concepts(rows) => self.concepts(rows),
        };
        let embeddings = Embeddings { dimension, images: &images.rows, texts: &texts.rows };
        let pairs = Pairs {
            owners: &batch.owners,
            image_keys: &batch.image_keys,
            text_keys: &batch.text_keys,
        };
        let line = self.line();
        let LossGradient { loss, images: of_images, texts: of_texts, scale, bias } = match loss {
            LossKind::Sigmoid => {
                loss::ring(&self.compute, &*self.peers, embeddings, pairs, batch.place, line)
            }
            LossKind::Softmax => loss::softmax(&self.compute, embeddings, pairs, line.scale),
        };
        // t = exp(t'), so the slope in t' is t times that in t.
        let at = self.parameters.range("logit_scale").start;
        self.parameters.gradients[at] += (scale * f64::from(line.scale)) as f32;
        let at = self.parameters.range("logit_bias").start;
        self.parameters.gradients[at] += bias as f32;
        if let PictureInput::Pictures(pictures) = &batch.pictures
            && self.learns(VISION)
        {
            self.backward_pictures(pictures, &images.backward(&of_images));
        }
        let of_texts = texts.backward(&of_texts);
        match &batch.texts {
            TextInput::Ids(ids) => {
                if self.learns(TEXT) {
                    self.backward_texts(ids, &of_texts);
                }
            }
            TextInput::Concepts(rows) => {
                let at = self.parameters.range(CONCEPTS);
                let table = &mut self.parameters.gradients[at];
                for (&row, given) in rows.iter().zip(of_texts.chunks_exact(dimension)) {
                    let to = &mut table[row as usize * dimension..][..dimension];
                    to.iter_mut().zip(given).for_each(|(sum, part)| *sum += part);
                }
            }
        }
        self.peers.sum(&mut self.parameters.gradients);
        self.peers.total(loss)
    }

    fn step(&mut self, batch: &Batch, settings: &StepSettings) -> StepReport {
        let LogitLine { scale, bias } = self.line();
        let loss = self.gradients(batch, settings.loss);
        let gradient_l2 = length(&self.parameters.gradients);
        let factor = (f64::from(settings.clip) / gradient_l2.max(1e-30)).min(1.0) as f32;
        let Self { compute, parameters, optimiser, .. } = self;
        let update_l2 = optimiser.update(compute, parameters, settings.rate, factor);
        let parameter_l2 = length(&self.parameters.values);
        // A frozen tower computes with what it has.
        if self.learns(VISION) {
            self.vision.refresh(&self.compute, &self.parameters.values);
        }
        if self.learns(TEXT) {
            self.text.refresh(&self.compute, &self.parameters.values);
        }
        StepReport { loss, t: scale, b: bias, gradient_l2, parameter_l2, update_l2 }
    }

    fn embed_pictures(&mut self, pictures: &[RgbImage]) -> Vec<f32> {
        let keep = std::mem::replace(&mut self.keep, Keep::Embeddings);
        let out = self.all_pictures(pictures);
        self.keep = keep;
        Normalised::new(out, self.vision.extents.width).rows
    }

    fn embed_texts(&mut self, ids: &[u32]) -> Vec<f32> {
        let keep = std::mem::replace(&mut self.keep, Keep::Embeddings);
        let out = self.all_texts(ids);
        self.keep = keep;
        Normalised::new(out, self.text.dimension).rows
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn optimiser(&self) -> &Optimiser {
        &self.optimiser
    }

    fn restore(&mut self, values: &[f32], optimiser: Optimiser) {
        self.parameters.values.copy_from_slice(values);
        self.optimiser = optimiser;
        self.refresh();
    }
}

/// The parameter that holds one free vector for each concept, when there is one.
pub const CONCEPTS: &str = "concepts";

/// Rows of length 1, and what they were divided by.
struct Normalised {
    dimension: usize,
    rows: Vec<f32>,
    inverse: Vec<f32>,
}

impl Normalised {
    fn new(mut rows: Vec<f32>, dimension: usize) -> Self {
        let scale = |row: &mut [f32]| {
            let inverse = 1.0 / length(row).max(1e-12) as f32;
            for x in row.iter_mut() {
                *x *= inverse;
            }
            inverse
        };
        let inverse = rows.chunks_exact_mut(dimension).map(scale).collect();
        Self { dimension, rows, inverse }
    }

    /// From the slopes in the rows of length 1 to those in the rows as they were.
    fn backward(&self, given: &[f32]) -> Vec<f32> {
        let rows = self.rows.chunks_exact(self.dimension).zip(given.chunks_exact(self.dimension));
        let row = |((row, given), inverse): ((&[f32], &[f32]), &f32)| {
            let along = row.iter().zip(given).map(|(x, g)| x * g).sum::<f32>();
            let (row, given, inverse) = (row.to_vec(), given.to_vec(), *inverse);
            row.into_iter().zip(given).map(move |(x, g)| (g - x * along) * inverse)
        };
        rows.zip(&self.inverse).flat_map(row).collect()
    }
}
