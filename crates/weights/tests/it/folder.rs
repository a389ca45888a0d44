//! Tiny model folders for the tests, written with the `safetensors` crate.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A stored tensor: number type, dimensions, little-endian data.
#[derive(Debug, Clone)]
pub struct Stored {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub data: Vec<u8>,
}

impl Stored {
    /// Consecutive multiples of 0.25 from -1 on, so that every number type holds them exactly.
    pub fn ramp(shape: &[usize]) -> Self {
        let count: usize = shape.iter().product();
        let data = (0..count).flat_map(|index| ramp_value(index).to_le_bytes()).collect();
        Self { dtype: Dtype::F32, shape: shape.to_vec(), data }
    }
}

/// Element `index` of [`Stored::ramp`].
pub fn ramp_value(index: usize) -> f32 {
    (index % 64) as f32 * 0.25 - 1.0
}

/// A model folder before it is written.
#[derive(Debug, Clone)]
pub struct Folder {
    pub config: Value,
    pub tensors: BTreeMap<String, Stored>,
}

/// Both towers with one block each: 4 patches of 2x2 pixels, 5 token rows, 3 positions, width 4.
pub fn tiny() -> Folder {
    let mut tensors = BTreeMap::new();
    let mut add = |name: &str, shape: &[usize]| {
        tensors.insert(name.to_owned(), Stored::ramp(shape));
    };
    for tower in ["vision_model", "text_model"] {
        let block = format!("{tower}.encoder.layers.0");
        for norm in ["layer_norm1", "layer_norm2"] {
            add(&format!("{block}.{norm}.weight"), &[4]);
            add(&format!("{block}.{norm}.bias"), &[4]);
        }
        for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            add(&format!("{block}.self_attn.{projection}.weight"), &[4, 4]);
            add(&format!("{block}.self_attn.{projection}.bias"), &[4]);
        }
        add(&format!("{block}.mlp.fc1.weight"), &[8, 4]);
        add(&format!("{block}.mlp.fc1.bias"), &[8]);
        add(&format!("{block}.mlp.fc2.weight"), &[4, 8]);
        add(&format!("{block}.mlp.fc2.bias"), &[4]);
    }
    add("text_model.embeddings.token_embedding.weight", &[5, 4]);
    add("text_model.embeddings.position_embedding.weight", &[3, 4]);
    add("text_model.final_layer_norm.weight", &[4]);
    add("text_model.final_layer_norm.bias", &[4]);
    add("text_model.head.weight", &[4, 4]);
    add("text_model.head.bias", &[4]);
    add("vision_model.embeddings.patch_embedding.weight", &[4, 3, 2, 2]);
    add("vision_model.embeddings.patch_embedding.bias", &[4]);
    add("vision_model.embeddings.position_embedding.weight", &[4, 4]);
    add("vision_model.post_layernorm.weight", &[4]);
    add("vision_model.post_layernorm.bias", &[4]);
    add("vision_model.head.probe", &[1, 1, 4]);
    add("vision_model.head.attention.in_proj_weight", &[12, 4]);
    add("vision_model.head.attention.in_proj_bias", &[12]);
    add("vision_model.head.attention.out_proj.weight", &[4, 4]);
    add("vision_model.head.attention.out_proj.bias", &[4]);
    add("vision_model.head.layernorm.weight", &[4]);
    add("vision_model.head.layernorm.bias", &[4]);
    add("vision_model.head.mlp.fc1.weight", &[8, 4]);
    add("vision_model.head.mlp.fc1.bias", &[8]);
    add("vision_model.head.mlp.fc2.weight", &[4, 8]);
    add("vision_model.head.mlp.fc2.bias", &[4]);
    add("logit_scale", &[1]);
    add("logit_bias", &[1]);
    let tower = json!({"hidden_size": 4, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2});
    let mut config = json!({"model_type": "siglip", "text_config": tower, "vision_config": tower});
    config["text_config"]["vocab_size"] = json!(5);
    config["text_config"]["max_position_embeddings"] = json!(3);
    config["vision_config"]["image_size"] = json!(4);
    config["vision_config"]["patch_size"] = json!(2);
    Folder { config, tensors }
}

impl Folder {
    /// Writes `config.json` and one `model.safetensors`.
    pub fn write(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.write_config(folder.path());
        write_weights(&folder.path().join("model.safetensors"), &self.tensors);
        folder
    }

    /// Writes `config.json`.
    pub fn write_config(&self, folder: &Path) {
        fs_err::write(folder.join("config.json"), self.config.to_string()).unwrap();
    }

    /// Keeps only one tower, with or without the prefix in the names.
    pub fn only(mut self, prefix: &str, kept: Prefix) -> Self {
        self.tensors = self
            .tensors
            .into_iter()
            .filter_map(|(name, stored)| {
                let bare = name.strip_prefix(prefix)?.to_owned();
                Some((if kept == Prefix::Kept { name } else { bare }, stored))
            })
            .collect();
        self
    }
}

#[derive(PartialEq, Eq, Clone, Copy)]
pub enum Prefix {
    Kept,
    Removed,
}

/// Writes a weight file.
pub fn write_weights(path: &Path, tensors: &BTreeMap<String, Stored>) {
    fs_err::write(path, weights_bytes(tensors)).unwrap();
}

/// The bytes of a weight file.
pub fn weights_bytes(tensors: &BTreeMap<String, Stored>) -> Vec<u8> {
    let views = tensors.iter().map(|(name, stored)| {
        let view = TensorView::new(stored.dtype, stored.shape.clone(), &stored.data).unwrap();
        (name, view)
    });
    safetensors::serialize(views, None).unwrap()
}

/// A header and zeros for data, by hand: what the writer above would refuse to write.
pub fn raw_weights(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}
