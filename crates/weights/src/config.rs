//! `config.json` with every default filled in, and the limits that keep a hostile one from being believed.
//!
//! Field names and defaults are those of `configuration_siglip.py` (transformers 5.23). The file holds only what
//! differs from the defaults.

use serde_json::Value;

use crate::WeightsError;
use crate::fields::{Section, parse_object};

/// The configuration of both towers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// `siglip` (both towers), `siglip_text_model` or `siglip_vision_model` (one tower; the section of the other
    /// holds the defaults and says nothing).
    pub model_type: String,
    /// The text tower.
    pub text: TextConfig,
    /// The vision tower.
    pub vision: VisionConfig,
}

/// The shape of the text tower.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TextConfig {
    /// Rows of the token table.
    pub vocab_size: usize,
    /// Width of the tower.
    pub hidden_size: usize,
    /// Width between the two layers of an MLP.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Positions, and at the same time the number of ids that every text is padded to.
    pub max_position_embeddings: usize,
    /// The epsilon of every `LayerNorm` of the tower.
    pub layer_norm_eps: f32,
    /// Width of the text embedding (the output of `head`).
    pub projection_size: usize,
    /// The id that fills a text up: 1, or 0 with the tokenizer of Gemma.
    pub pad_token_id: u32,
}

/// The shape of the vision tower.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VisionConfig {
    /// Width and height of the picture in pixels.
    pub image_size: usize,
    /// Width and height of a patch in pixels; at most `image_size`.
    pub patch_size: usize,
    /// Colour channels: always 3.
    pub num_channels: usize,
    /// Width of the tower, and of the image embedding.
    pub hidden_size: usize,
    /// Width between the two layers of an MLP.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// The epsilon of every `LayerNorm` of the tower.
    pub layer_norm_eps: f32,
    /// Whether the tower ends in the attention-pooling (MAP) head.
    pub vision_use_head: bool,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            vocab_size: 32_000,
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            max_position_embeddings: 64,
            layer_norm_eps: 1e-6,
            projection_size: 768,
            pad_token_id: 1,
        }
    }
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            image_size: 224,
            patch_size: 16,
            num_channels: 3,
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            layer_norm_eps: 1e-6,
            vision_use_head: true,
        }
    }
}

// The largest sizes that are believed: several times those of any published SigLIP, and small enough that every
// product that a tower computes (width x MLP, patches x width, ...) stays far below 2^63.
const MOST_WIDTH: usize = 1 << 16;
const MOST_LAYERS: usize = 1 << 10;
const MOST_VOCABULARY: usize = 1 << 24;
const MOST_POSITIONS: usize = 1 << 16;
const MOST_IMAGE_SIZE: usize = 1 << 14;
const MOST_EPSILON: f64 = 1.0;

impl Config {
    /// Reads `config.json`, fills in the defaults and checks every size.
    ///
    /// Absent and `null` fields take their defaults, unknown fields are ignored.
    ///
    /// # Errors
    /// Names the field that has an unknown model type, an impossible size (zero, absurdly large, heads that do not
    /// divide the width, a patch larger than the picture, embeddings of different widths), another activation than
    /// `gelu_pytorch_tanh`, or the wrong JSON type.
    pub fn from_json(json: &[u8]) -> Result<Self, WeightsError> {
        let object = parse_object(json)?;
        let top = Section::top(&object);
        let model_type = top.text("model_type")?.unwrap_or("siglip");
        let (text, vision) = match model_type {
            "siglip" => {
                (read_text(top.inner("text_config")?)?, read_vision(top.inner("vision_config")?)?)
            }
            "siglip_text_model" => (read_text(Some(top))?, VisionConfig::default()),
            "siglip_vision_model" => (TextConfig::default(), read_vision(Some(top))?),
            kind if kind.starts_with("siglip2") => {
                return Err(WeightsError::NotSupported {
                    kind: "siglip2 NaFlex (model_type starts with siglip2)".to_owned(),
                });
            }
            _ => {
                let value = Value::from(model_type);
                let allowed = "siglip, siglip_text_model or siglip_vision_model";
                return Err(top.wrong("model_type", &value, allowed));
            }
        };
        if model_type == "siglip" && text.projection_size != vision.hidden_size {
            return Err(WeightsError::Field {
                field: "text_config.projection_size".to_owned(),
                problem: format!(
                    "is {}, but `vision_config.hidden_size` is {}: the embeddings of a text and a picture could not \
                     be compared",
                    text.projection_size, vision.hidden_size
                ),
            });
        }
        Ok(Self { model_type: model_type.to_owned(), text, vision })
    }
}

fn read_text(section: Option<Section<'_>>) -> Result<TextConfig, WeightsError> {
    let default = TextConfig::default();
    let Some(section) = section else {
        return Ok(default);
    };
    check_kind(&section, "siglip_text_model")?;
    let hidden_size = section.whole("hidden_size", default.hidden_size, 1, MOST_WIDTH)?;
    let vocab_size = section.whole("vocab_size", default.vocab_size, 1, MOST_VOCABULARY)?;
    let pad_token_id =
        section.whole("pad_token_id", default.pad_token_id as usize, 0, MOST_VOCABULARY)?;
    if pad_token_id >= vocab_size {
        let problem = format!("is {pad_token_id}; it must be below `vocab_size` {vocab_size}");
        return Err(section.problem("pad_token_id", problem));
    }
    Ok(TextConfig {
        vocab_size,
        hidden_size,
        intermediate_size: section.whole(
            "intermediate_size",
            default.intermediate_size,
            1,
            MOST_WIDTH,
        )?,
        num_hidden_layers: section.whole(
            "num_hidden_layers",
            default.num_hidden_layers,
            1,
            MOST_LAYERS,
        )?,
        num_attention_heads: read_heads(&section, default.num_attention_heads, hidden_size)?,
        max_position_embeddings: section.whole(
            "max_position_embeddings",
            default.max_position_embeddings,
            1,
            MOST_POSITIONS,
        )?,
        layer_norm_eps: read_epsilon(&section)?,
        projection_size: section.whole("projection_size", hidden_size, 1, MOST_WIDTH)?,
        pad_token_id: pad_token_id as u32,
    })
}

fn read_vision(section: Option<Section<'_>>) -> Result<VisionConfig, WeightsError> {
    let default = VisionConfig::default();
    let Some(section) = section else {
        return Ok(default);
    };
    check_kind(&section, "siglip_vision_model")?;
    let hidden_size = section.whole("hidden_size", default.hidden_size, 1, MOST_WIDTH)?;
    let image_size = section.side("image_size", default.image_size, MOST_IMAGE_SIZE)?;
    let patch_size = section.side("patch_size", default.patch_size, MOST_IMAGE_SIZE)?;
    if patch_size > image_size {
        let problem =
            format!("is {patch_size}; it must be at most `image_size`, which is {image_size}");
        return Err(section.problem("patch_size", problem));
    }
    Ok(VisionConfig {
        image_size,
        patch_size,
        num_channels: section.whole("num_channels", default.num_channels, 3, 3)?,
        hidden_size,
        intermediate_size: section.whole(
            "intermediate_size",
            default.intermediate_size,
            1,
            MOST_WIDTH,
        )?,
        num_hidden_layers: section.whole(
            "num_hidden_layers",
            default.num_hidden_layers,
            1,
            MOST_LAYERS,
        )?,
        num_attention_heads: read_heads(&section, default.num_attention_heads, hidden_size)?,
        layer_norm_eps: read_epsilon(&section)?,
        vision_use_head: section.flag("vision_use_head", default.vision_use_head)?,
    })
}

/// Checks the model type of a section, which may be absent, and the activation, of which there is only one.
fn check_kind(section: &Section<'_>, model_type: &str) -> Result<(), WeightsError> {
    let fixed = [("model_type", model_type), ("hidden_act", "gelu_pytorch_tanh")];
    for (field, only) in fixed {
        if let Some(found) = section.text(field)?
            && found != only
        {
            return Err(section.wrong(field, &Value::from(found), only));
        }
    }
    Ok(())
}

fn read_heads(
    section: &Section<'_>,
    default: usize,
    hidden_size: usize,
) -> Result<usize, WeightsError> {
    let heads = section.whole("num_attention_heads", default, 1, MOST_WIDTH)?;
    if !hidden_size.is_multiple_of(heads) {
        let problem = format!("is {heads}; it must divide `hidden_size`, which is {hidden_size}");
        return Err(section.problem("num_attention_heads", problem));
    }
    Ok(heads)
}

fn read_epsilon(section: &Section<'_>) -> Result<f32, WeightsError> {
    let epsilon = section.positive("layer_norm_eps", 1e-6, MOST_EPSILON)? as f32;
    if epsilon == 0.0 {
        let problem = "is too small: as a 32-bit float it is 0".to_owned();
        return Err(section.problem("layer_norm_eps", problem));
    }
    Ok(epsilon)
}
