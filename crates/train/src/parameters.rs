//! All parameters of a model in one list of numbers, and their gradients in another of the same order.

use std::ops::Range;

use weights::{Checkpoint, Config, TextConfig, VisionConfig, WeightsError};

/// One tensor of a model.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// As in a checkpoint of Hugging Face.
    pub name: String,
    /// The tensor's extents, as in the checkpoint.
    pub shape: Vec<usize>,
    /// Its numbers in [`Parameters::values`].
    pub range: Range<usize>,
}

/// The tensors of a model, their values and gradients.
///
/// The order is that of the computation: weights that are multiplied together (queries, keys, values) lie side by side.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    list: Vec<Parameter>,
    /// All values.
    pub values: Vec<f32>,
    /// The loss's slope in each value, added up since the last [`clear_gradients`](Self::clear_gradients).
    pub gradients: Vec<f32>,
}

impl Parameters {
    /// The parameters of both towers, `logit_scale` and `logit_bias`, all zero.
    pub fn of(config: &Config) -> Self {
        let mut parameters = Self::default();
        parameters.vision(&config.vision);
        parameters.text(&config.text);
        parameters.add("logit_scale".to_owned(), &[1]);
        parameters.add("logit_bias".to_owned(), &[1]);
        parameters
    }

    /// Adds a tensor of zeros.
    pub fn add(&mut self, name: String, shape: &[usize]) {
        let (first, count) = (self.values.len(), shape.iter().product::<usize>());
        self.list.push(Parameter { name, shape: shape.to_vec(), range: first..first + count });
        self.values.resize(first + count, 0.0);
        self.gradients.resize(first + count, 0.0);
    }

    /// All tensors in order.
    pub fn list(&self) -> &[Parameter] {
        &self.list
    }

    /// The place of a tensor.
    ///
    /// # Panics
    /// When there is no such tensor: names come from the configuration, which made the list.
    pub fn range(&self, name: &str) -> Range<usize> {
        let found = self.list.iter().find(|parameter| parameter.name == name);
        found.unwrap_or_else(|| panic!("there is no parameter {name}")).range.clone()
    }

    /// The places of tensors that lie side by side, as one.
    ///
    /// # Panics
    /// When one is missing or they do not.
    pub fn joined(&self, names: &[String]) -> Range<usize> {
        let ranges = names.iter().map(|name| self.range(name)).collect::<Vec<_>>();
        assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start), "{names:?} are joined");
        ranges[0].start..ranges[ranges.len() - 1].end
    }

    /// Takes the values of every tensor that the checkpoint has; the names of those that it has not, whose values stay.
    ///
    /// # Errors
    /// When a tensor's numbers cannot be read.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<Vec<String>, WeightsError> {
        let mut missing = Vec::new();
        for parameter in &self.list {
            match checkpoint.tensor_named(&parameter.name) {
                Ok(tensor) if tensor.elements() == parameter.range.len() => {
                    tensor.read_f32(0, &mut self.values[parameter.range.clone()]);
                }
                Ok(_) | Err(WeightsError::NoTensor { .. }) => missing.push(parameter.name.clone()),
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// Sets all gradients to 0.
    pub fn clear_gradients(&mut self) {
        self.gradients.fill(0.0);
    }

    fn vision(&mut self, config: &VisionConfig) {
        let (width, patch) = (config.hidden_size, config.patch_size);
        let tokens = (config.image_size / patch).pow(2);
        let mut list = Names { prefix: "vision_model.", parameters: self };
        list.add("embeddings.patch_embedding.weight", &[width, config.num_channels, patch, patch]);
        list.add("embeddings.patch_embedding.bias", &[width]);
        list.add("embeddings.position_embedding.weight", &[tokens, width]);
        list.blocks(config.num_hidden_layers, width, config.intermediate_size);
        list.norm("post_layernorm", width);
        list.add("head.probe", &[1, 1, width]);
        list.add("head.attention.in_proj_weight", &[3 * width, width]);
        list.add("head.attention.in_proj_bias", &[3 * width]);
        list.linear("head.attention.out_proj", width, width);
        list.norm("head.layernorm", width);
        list.mlp("head.mlp", width, config.intermediate_size);
    }

    fn text(&mut self, config: &TextConfig) {
        let width = config.hidden_size;
        let mut list = Names { prefix: "text_model.", parameters: self };
        list.add("embeddings.token_embedding.weight", &[config.vocab_size, width]);
        list.add("embeddings.position_embedding.weight", &[config.max_position_embeddings, width]);
        list.blocks(config.num_hidden_layers, width, config.intermediate_size);
        list.norm("final_layer_norm", width);
        list.linear("head", config.projection_size, width);
    }
}

struct Names<'a> {
    prefix: &'static str,
    parameters: &'a mut Parameters,
}

impl Names<'_> {
    fn add(&mut self, name: &str, shape: &[usize]) {
        self.parameters.add(format!("{}{name}", self.prefix), shape);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(&format!("{name}.weight"), &[width]);
        self.add(&format!("{name}.bias"), &[width]);
    }

    fn linear(&mut self, name: &str, outputs: usize, inputs: usize) {
        self.add(&format!("{name}.weight"), &[outputs, inputs]);
        self.add(&format!("{name}.bias"), &[outputs]);
    }

    fn mlp(&mut self, name: &str, width: usize, hidden: usize) {
        self.linear(&format!("{name}.fc1"), hidden, width);
        self.linear(&format!("{name}.fc2"), width, hidden);
    }

    fn blocks(&mut self, layers: usize, width: usize, hidden: usize) {
        for index in 0..layers {
            let block = format!("encoder.layers.{index}");
            self.norm(&format!("{block}.layer_norm1"), width);
            for part in ["q_proj", "k_proj", "v_proj"] {
                self.add(&format!("{block}.self_attn.{part}.weight"), &[width, width]);
            }
            for part in ["q_proj", "k_proj", "v_proj"] {
                self.add(&format!("{block}.self_attn.{part}.bias"), &[width]);
            }
            self.linear(&format!("{block}.self_attn.out_proj"), width, width);
            self.norm(&format!("{block}.layer_norm2"), width);
            self.mlp(&format!("{block}.mlp"), width, hidden);
        }
    }
}
