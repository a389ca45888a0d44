//! candle's own SigLIP behind the protocol of `../worker.py`: orders on standard input, JSON lines on standard output.
//!
//!     candle-rival FOLDER picture|text
//!
//! The number of threads is rayon's: `RAYON_NUM_THREADS`.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Module, Tensor, safetensors};
use candle_nn::VarBuilder;
use candle_transformers::models::siglip::{Config, TextModel, VisionModel};
use serde_json::{Value, json};

/// A tower and its inputs.
struct Rival {
    tower: Box<dyn Module>,
    /// f32 [33, 3, S, S] or u32 [33, T].
    inputs: Tensor,
    batches: HashMap<usize, Tensor>,
    ready: f64,
}

impl Rival {
    fn load(folder: &Path, kind: &str) -> Result<Self> {
        let inputs = inputs(folder, kind)?;
        let start = Instant::now();
        let config: Config = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
        let files = [folder.join("model.safetensors")];
        // SAFETY: nobody writes the checkpoint while it is measured.
        let weights =
            unsafe { VarBuilder::from_mmaped_safetensors(&files, DType::F32, &Device::Cpu)? };
        let tower: Box<dyn Module> = if kind == "picture" {
            Box::new(VisionModel::new(&config.vision_config, true, weights.pp("vision_model"))?)
        } else {
            Box::new(TextModel::new(&config.text_config, weights.pp("text_model"))?)
        };
        let mut rival = Self { tower, inputs, batches: HashMap::new(), ready: 0.0 };
        rival.run(1)?;
        rival.ready = start.elapsed().as_secs_f64();
        Ok(rival)
    }

    /// Embeds the first `batch` inputs, repeated where there are fewer.
    fn run(&mut self, batch: usize) -> Result<Tensor> {
        if !self.batches.contains_key(&batch) {
            let rows = self.inputs.dim(0)?;
            let index = (0..batch).map(|row| (row % rows) as u32).collect::<Vec<_>>();
            let index = Tensor::from_vec(index, batch, &Device::Cpu)?;
            self.batches.insert(batch, self.inputs.index_select(&index, 0)?);
        }
        Ok(self.tower.forward(&self.batches[&batch])?)
    }

    fn obey(&mut self, order: &Value) -> Result<Value> {
        match order["order"].as_str() {
            Some("slice") => {
                let batch = order["batch"].as_u64().context("no batch")? as usize;
                let least = order["seconds"].as_f64().context("no seconds")?;
                for _ in 0..order["warm"].as_u64().unwrap_or(1) {
                    self.run(batch)?;
                }
                let mut times = Vec::new();
                while times.is_empty() || times.iter().sum::<f64>() < least {
                    let start = Instant::now();
                    self.run(batch)?;
                    times.push(start.elapsed().as_secs_f64());
                }
                times.sort_by(f64::total_cmp);
                Ok(json!({"seconds": times[times.len() / 2], "runs": times.len()}))
            }
            Some("embed") => {
                let rows = self.inputs.dim(0)?;
                let values = (0..rows)
                    .map(|row| {
                        let embeds = self.tower.forward(&self.inputs.narrow(0, row, 1)?)?;
                        Ok(embeds.flatten_all()?.to_vec1::<f32>()?)
                    })
                    .collect::<Result<Vec<_>>>()?
                    .concat();
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
                std::fs::write(order["path"].as_str().context("no path")?, bytes)?;
                Ok(json!({"rows": rows}))
            }
            _ => bail!("unknown order {order}"),
        }
    }
}

/// The goldens' inputs as candle takes them.
fn inputs(folder: &Path, kind: &str) -> Result<Tensor> {
    // SAFETY: nobody writes the goldens while they are measured.
    let goldens =
        unsafe { safetensors::MmapedSafetensors::new(folder.join("goldens.safetensors"))? };
    Ok(if kind == "picture" {
        let pictures = goldens.load("vision.input_u8", &Device::Cpu)?;
        let planes = pictures.permute((0, 3, 1, 2))?.contiguous()?.to_dtype(DType::F32)?;
        planes.affine(1.0 / 127.5, -1.0)?
    } else {
        goldens.load("text.input_ids", &Device::Cpu)?.to_dtype(DType::U32)?
    })
}

/// `VmHWM` of this process, in bytes.
fn peak_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kibibytes = line.trim().trim_end_matches("kB").trim().parse::<u64>()?;
    Ok(kibibytes * 1024)
}

fn main() -> Result<()> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [folder, kind] = arguments.as_slice() else { bail!("candle-rival FOLDER picture|text") };
    let mut out = std::io::stdout().lock();
    let mut rival = Rival::load(Path::new(folder), kind)?;
    writeln!(out, "{}", json!({"load_seconds": rival.ready, "peak_bytes": peak_bytes()?}))?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let reply = rival
            .obey(&serde_json::from_str(&line?)?)
            .unwrap_or_else(|error| json!({"error": error.to_string()}));
        writeln!(out, "{reply}")?;
        out.flush()?;
    }
    Ok(())
}
