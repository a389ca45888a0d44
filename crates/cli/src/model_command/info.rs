//! `polysight model info`: what a model folder holds.

use model::{Options, Siglip};
use serde::Serialize;
use weights::{Checkpoint, Resample, Tower};

use crate::arguments::{ComputeOptions, ModelInfoArguments};
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::Outcome;
use crate::model_command::family;
use crate::model_source::{self, Found};
use crate::reply::json;
use crate::settings;
use crate::table::{self, grouped};

#[derive(Debug, Serialize)]
struct Info {
    object: &'static str,
    id: String,
    folder: String,
    model_type: String,
    /// The published checkpoint of the same shape.
    shape_of: Option<String>,
    system_fingerprint: String,
    parameters: Parameters,
    dtypes: Vec<String>,
    files: Vec<File>,
    tokenizer: Option<&'static str>,
    vision: Option<Vision>,
    text: Option<Text>,
    preprocessing: Preprocessing,
    /// `exp(logit_scale)`.
    logit_factor: Option<f32>,
    logit_bias: Option<f32>,
}

#[derive(Debug, Serialize)]
struct Parameters {
    total: usize,
    vision: usize,
    text: usize,
}

#[derive(Debug, Serialize)]
struct File {
    name: String,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Vision {
    image_size: usize,
    patch_size: usize,
    patches: usize,
    width: usize,
    layers: usize,
    heads: usize,
    mlp: usize,
    pooling_head: bool,
    dimension: usize,
}

#[derive(Debug, Serialize)]
struct Text {
    vocabulary: usize,
    positions: usize,
    width: usize,
    layers: usize,
    heads: usize,
    mlp: usize,
    pad_token_id: u32,
    linear_head: bool,
    dimension: usize,
}

#[derive(Debug, Serialize)]
struct Preprocessing {
    width: usize,
    height: usize,
    resample: &'static str,
    mean: [f32; 3],
    std: [f32; 3],
}

pub(crate) fn run(
    arguments: &ModelInfoArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let options = settings::options(&ComputeOptions::default(), environment)?;
    let found = model_source::find(arguments.name.model.as_ref(), environment)?;
    let info = gather(found, &options)?;
    if arguments.output.json {
        console.print(format!("{}\n", json(&info)))?;
    } else {
        console.print(described(&info))?;
    }
    console.flush()?;
    Ok(Outcome::Complete)
}

fn gather(found: Found, options: &Options) -> anyhow::Result<Info> {
    let Found { id, folder, .. } = found;
    let model = Siglip::open(&folder, options)?;
    let checkpoint = model.checkpoint();
    let tensors = checkpoint.tensors();
    let mut dtypes = tensors.iter().map(|tensor| tensor.dtype().to_string()).collect::<Vec<_>>();
    dtypes.sort_unstable();
    dtypes.dedup();
    let preprocessing = checkpoint.preprocessing();
    Ok(Info {
        object: "model",
        folder: folder.display().to_string(),
        id,
        model_type: checkpoint.config().model_type.clone(),
        shape_of: family::member(checkpoint),
        system_fingerprint: model.fingerprint()?,
        parameters: parameters(checkpoint),
        dtypes,
        files: files(checkpoint)?,
        tokenizer: ["spiece.model", "tokenizer.json"]
            .into_iter()
            .find(|name| folder.join(name).is_file()),
        vision: vision(&model),
        text: text(&model),
        preprocessing: Preprocessing {
            width: preprocessing.width,
            height: preprocessing.height,
            resample: match preprocessing.resample {
                Resample::Bilinear => "bilinear",
                Resample::Bicubic => "bicubic",
            },
            mean: preprocessing.mean,
            std: preprocessing.std,
        },
        logit_factor: checkpoint.logit_scale().map(f32::exp),
        logit_bias: checkpoint.logit_bias(),
    })
}

/// Elements of the tensors, sorted by tower. In a checkpoint of one tower the names may lack its prefix.
fn parameters(checkpoint: &Checkpoint) -> Parameters {
    let only = |tower: Tower| {
        let others = Tower::ALL.into_iter().filter(|other| *other != tower);
        others.into_iter().all(|other| !checkpoint.has(other))
    };
    let mut parameters = Parameters { total: 0, vision: 0, text: 0 };
    for tensor in checkpoint.tensors() {
        let elements = tensor.elements();
        let scalar = matches!(tensor.name(), "logit_scale" | "logit_bias");
        let is_of =
            |tower: Tower| tensor.name().starts_with(tower.prefix()) || (only(tower) && !scalar);
        parameters.total += elements;
        if is_of(Tower::Vision) {
            parameters.vision += elements;
        } else if is_of(Tower::Text) {
            parameters.text += elements;
        }
    }
    parameters
}

/// The files of the folder, by name.
fn files(checkpoint: &Checkpoint) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(checkpoint.folder())? {
        let entry = entry?;
        // A link of the cache counts as the file that it leads to.
        let Ok(metadata) = fs_err::metadata(entry.path()) else {
            continue;
        };
        if metadata.is_file() {
            files.push(File {
                name: entry.file_name().to_string_lossy().into_owned(),
                bytes: metadata.len(),
            });
        }
    }
    files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn vision(model: &Siglip) -> Option<Vision> {
    let config = &model.checkpoint().config().vision;
    Some(Vision {
        image_size: config.image_size,
        patch_size: config.patch_size,
        patches: (config.image_size / config.patch_size).pow(2),
        width: config.hidden_size,
        layers: config.num_hidden_layers,
        heads: config.num_attention_heads,
        mlp: config.intermediate_size,
        pooling_head: config.vision_use_head,
        dimension: model.engine().dimension(Tower::Vision)?,
    })
}

fn text(model: &Siglip) -> Option<Text> {
    let config = &model.checkpoint().config().text;
    Some(Text {
        vocabulary: config.vocab_size,
        positions: config.max_position_embeddings,
        width: config.hidden_size,
        layers: config.num_hidden_layers,
        heads: config.num_attention_heads,
        mlp: config.intermediate_size,
        pad_token_id: config.pad_token_id,
        linear_head: model.checkpoint().has_text_head(),
        dimension: model.engine().dimension(Tower::Text)?,
    })
}

fn described(info: &Info) -> String {
    let tower = |width: usize, layers, heads: usize, mlp| {
        let head = width / heads;
        format!("{width} wide, {layers} layers, {heads} heads of {head}, MLP {mlp}")
    };
    let vision = info.vision.as_ref().map_or_else(none, |vision| {
        let Vision { image_size: image, patch_size: patch, patches, .. } = vision;
        let shape = tower(vision.width, vision.layers, vision.heads, vision.mlp);
        format!("{shape}; {image}x{image} pixels in {patches} patches of {patch}x{patch}")
    });
    let text = info.text.as_ref().map_or_else(none, |text| {
        let shape = tower(text.width, text.layers, text.heads, text.mlp);
        let rows = grouped(text.vocabulary);
        let head = if text.linear_head { "" } else { ", no head" };
        format!(
            "{shape}; {} positions, {rows} tokens, pad {}{head}",
            text.positions, text.pad_token_id
        )
    });
    let Parameters { total, vision: of_vision, text: of_text } = info.parameters;
    let parameters =
        format!("{} (vision {}, text {})", grouped(total), grouped(of_vision), grouped(of_text));
    let Preprocessing { width, height, resample, mean, std } = &info.preprocessing;
    let score = match (info.logit_factor, info.logit_bias) {
        (Some(factor), Some(bias)) => format!("logit = {factor:.4} x cosine + ({bias:.4})"),
        _ => none(),
    };
    let lines = [
        ("model", info.id.clone()),
        ("folder", info.folder.clone()),
        ("type", info.model_type.clone()),
        ("shape of", info.shape_of.clone().unwrap_or_else(|| "no published checkpoint".to_owned())),
        ("parameters", parameters),
        ("numbers", info.dtypes.join(", ")),
        ("vision", vision),
        ("text", text),
        ("score", score),
        ("pictures", format!("{resample} to {width}x{height}, mean {mean:?}, std {std:?}")),
        ("tokenizer", info.tokenizer.map_or_else(none, str::to_owned)),
        ("fingerprint", info.system_fingerprint.clone()),
    ];
    let mut text = table::facts(&lines);
    for (index, file) in info.files.iter().enumerate() {
        let name = if index == 0 { "files" } else { "" };
        text.push_str(&table::facts(&[(
            name,
            format!("{}  {}", file.name, table::bytes(file.bytes)),
        )]));
    }
    text
}

fn none() -> String {
    "none".to_owned()
}
