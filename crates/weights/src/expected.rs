//! The tensors that a configuration calls for: names without the tower's prefix, and shapes.
//!
//! Source: `modeling_siglip.py` of transformers 5.23 and the tensor names of the published checkpoints.

use crate::config::{Config, TextConfig, VisionConfig};

/// One of the two towers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tower {
    /// Pictures.
    Vision,
    /// Texts.
    Text,
}

impl Tower {
    /// Both towers.
    pub const ALL: [Self; 2] = [Self::Vision, Self::Text];

    /// What the names of the tower's tensors begin with in a checkpoint that holds both towers.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Vision => "vision_model.",
            Self::Text => "text_model.",
        }
    }

    /// The tower that it is not.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Vision => Self::Text,
            Self::Text => Self::Vision,
        }
    }

    /// A tensor that only this tower has: it tells which tower a checkpoint without prefixes holds.
    pub(crate) fn telltale(self) -> &'static str {
        match self {
            Self::Vision => "embeddings.patch_embedding.weight",
            Self::Text => "embeddings.token_embedding.weight",
        }
    }
}

/// A tensor that has to be there.
#[derive(Debug)]
pub(crate) struct Expected {
    /// The name without the prefix of the tower.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
}

/// Whether a text tower ends in a linear head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextHead {
    Linear,
    /// so400m-i18n: the pooled text is the embedding.
    Absent,
}

/// The tensors of a tower.
pub(crate) fn expected_tensors(config: &Config, tower: Tower, head: TextHead) -> Vec<Expected> {
    let mut list = List(Vec::new());
    match tower {
        Tower::Vision => list.vision(&config.vision),
        Tower::Text => list.text(&config.text, head),
    }
    list.0
}

struct List(Vec<Expected>);

impl List {
    fn vision(&mut self, vision: &VisionConfig) {
        let width = vision.hidden_size;
        let patch = vision.patch_size;
        let patches = (vision.image_size / patch).pow(2);
        let patch_shape = &[width, vision.num_channels, patch, patch];
        self.tensor("embeddings.patch_embedding.weight", patch_shape);
        self.tensor("embeddings.patch_embedding.bias", &[width]);
        self.tensor("embeddings.position_embedding.weight", &[patches, width]);
        self.blocks(vision.num_hidden_layers, width, vision.intermediate_size);
        self.norm("post_layernorm", width);
        if vision.vision_use_head {
            self.tensor("head.probe", &[1, 1, width]);
            self.tensor("head.attention.in_proj_weight", &[3 * width, width]);
            self.tensor("head.attention.in_proj_bias", &[3 * width]);
            self.linear("head.attention.out_proj", width, width);
            self.norm("head.layernorm", width);
            self.mlp("head.mlp", width, vision.intermediate_size);
        }
    }

    fn text(&mut self, text: &TextConfig, head: TextHead) {
        let width = text.hidden_size;
        let token_shape = &[text.vocab_size, width];
        self.tensor("embeddings.token_embedding.weight", token_shape);
        let position_shape = &[text.max_position_embeddings, width];
        self.tensor("embeddings.position_embedding.weight", position_shape);
        self.blocks(text.num_hidden_layers, width, text.intermediate_size);
        self.norm("final_layer_norm", width);
        if head == TextHead::Linear {
            self.linear("head", text.projection_size, width);
        }
    }

    fn blocks(&mut self, layers: usize, width: usize, intermediate: usize) {
        for layer in 0..layers {
            let block = format!("encoder.layers.{layer}");
            self.norm(&format!("{block}.layer_norm1"), width);
            for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                self.linear(&format!("{block}.self_attn.{projection}"), width, width);
            }
            self.norm(&format!("{block}.layer_norm2"), width);
            self.mlp(&format!("{block}.mlp"), width, intermediate);
        }
    }

    fn mlp(&mut self, name: &str, width: usize, intermediate: usize) {
        self.linear(&format!("{name}.fc1"), intermediate, width);
        self.linear(&format!("{name}.fc2"), width, intermediate);
    }

    fn linear(&mut self, name: &str, outputs: usize, inputs: usize) {
        self.tensor(&format!("{name}.weight"), &[outputs, inputs]);
        self.tensor(&format!("{name}.bias"), &[outputs]);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.tensor(&format!("{name}.weight"), &[width]);
        self.tensor(&format!("{name}.bias"), &[width]);
    }

    fn tensor(&mut self, name: &str, shape: &[usize]) {
        self.0.push(Expected { name: name.to_owned(), shape: shape.to_vec() });
    }
}
