//! `polysight bench`: how fast this machine embeds, and how close to its limit that is.

mod measure;
mod peak;

use std::time::Instant;

use kernels::Compute;
use model::{Precision, operations, product_format};
use serde::Serialize;
use weights::Tower;

use crate::arguments::{BenchArguments, BenchKind};
use crate::bench::peak::Peak;
use crate::console::Console;
use crate::environment::Environment;
use crate::exit::Outcome;
use crate::inputs::Source;
use crate::model_source::{self, OpenModel, note_packed_cache_problems};
use crate::reply::json;
use crate::table;

/// A picture of 1000x750 pixels with a photo's kind of detail (`parity/bench_photo.py`).
const PHOTO: &[u8] = include_bytes!("../../assets/photo.jpg");

/// One measurement.
#[derive(Debug, Serialize)]
struct Row {
    kind: BenchKind,
    precision: String,
    batch: usize,
    threads: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pictures_per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    texts_per_second: Option<f64>,
    /// 10^9 operations per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    gflops: Option<f64>,
    /// Of the measured peak of the precision.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_of_peak: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    isa: &'static str,
    /// 10^9 operations per second.
    peak: Peak,
    rows: Vec<Row>,
    /// From opening the folder to the end of the first embedding of each kind.
    load_seconds: Vec<LoadTime>,
    /// The largest resident size so far, where the system tells.
    peak_memory_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct LoadTime {
    kind: BenchKind,
    seconds: f64,
}

/// Runs the command.
///
/// # Errors
/// When the command line makes no sense, the model is not usable, or the report cannot be written.
pub(crate) fn run(
    arguments: &BenchArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let opened = Instant::now();
    let OpenModel { id, siglip, options, .. } =
        model_source::open(&arguments.model, environment, &console)?;
    let kinds = if arguments.kinds.is_empty() { BenchKind::ALL } else { &arguments.kinds };
    let kinds = kinds
        .iter()
        .copied()
        .filter(|kind| kind.tower().is_none_or(|tower| siglip.checkpoint().has(tower)));
    let kinds = kinds.collect::<Vec<_>>();
    let mut load_seconds = Vec::new();
    for &kind in &kinds {
        let start = if load_seconds.is_empty() { opened } else { Instant::now() };
        let rate = match kind {
            BenchKind::Picture => first_picture(&siglip),
            BenchKind::Text => first_text(&siglip),
            BenchKind::Decode | BenchKind::Pipeline => continue,
        };
        rate?;
        load_seconds.push(LoadTime { kind, seconds: start.elapsed().as_secs_f64() });
    }
    note_packed_cache_problems(&siglip, &console);
    let peak_memory_bytes = largest_resident_size();

    let photo = tempfile::Builder::new().prefix("polysight-").suffix(".jpg").tempfile()?;
    fs_err::write(photo.path(), PHOTO)?;
    let photo = Source::File(photo.path().to_owned());
    let peak = Peak::measure(&Compute::new(options.isa, options.threads));
    let precision = siglip.precision();
    let plan = kinds.iter().flat_map(|&kind| {
        let batches =
            if arguments.batches.is_empty() { kind.batches() } else { &arguments.batches };
        batches.iter().map(move |batch| (kind, batch.get()))
    });
    let plan = plan.collect::<Vec<_>>();
    console.begin("measurements", plan.len());
    let mut rows = Vec::new();
    for (done, (kind, batch)) in plan.into_iter().enumerate() {
        let rate = match kind {
            BenchKind::Picture => measure::pictures(&siglip, batch)?,
            BenchKind::Text => measure::texts(&siglip, batch)?,
            BenchKind::Decode => {
                measure::decode(siglip.preprocessor(), &photo, batch, options.threads)?
            }
            BenchKind::Pipeline => measure::pipeline(&siglip, &photo, batch, options.threads)?,
        };
        let work = kind.tower().map(|tower| operations(siglip.checkpoint().config(), tower));
        let gflops = work.map(|work| rate * work as f64 / 1e9);
        let of_texts = kind == BenchKind::Text;
        rows.push(Row {
            kind,
            precision: precision.to_string(),
            batch,
            threads: options.threads,
            pictures_per_second: (!of_texts).then_some(rate),
            texts_per_second: of_texts.then_some(rate),
            gflops,
            share_of_peak: gflops.map(|gflops| gflops / peak.of(product_format(precision))),
        });
        console.advance_to(done as u64 + 1);
    }
    console.end();
    let isa = options.isa.name();
    let report = Report { model: id, isa, peak, rows, load_seconds, peak_memory_bytes };
    if arguments.output.json {
        console.print(json(&report))?;
        console.print("\n")?;
    } else {
        console.print(describe(&report, precision, &console))?;
    }
    console.flush()?;
    Ok(Outcome::Complete)
}

fn first_picture(siglip: &model::Siglip) -> anyhow::Result<()> {
    let size = siglip.checkpoint().config().vision.image_size;
    let grey = vec![127; 3 * size * size];
    let picture = pixels::RgbImage::from_raw(size as u32, size as u32, grey)?;
    siglip.embed_images(&[&picture])?;
    Ok(())
}

fn first_text(siglip: &model::Siglip) -> anyhow::Result<()> {
    let length = siglip.checkpoint().config().text.max_position_embeddings;
    let text = tokens::Encoding { ids: vec![1; length], tokens: length, truncated: false };
    siglip.embed_texts(&[text])?;
    Ok(())
}

/// The report for people.
fn describe(report: &Report, precision: Precision, console: &Console) -> String {
    let heading =
        ["kind", "batch", "per second", "ms each", "GFLOP/s", "of peak"].map(str::to_owned);
    let lines = report.rows.iter().map(|row| {
        let rate = row.pictures_per_second.or(row.texts_per_second).unwrap_or_default();
        let optional = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
        vec![
            row.kind.to_string(),
            row.batch.to_string(),
            format!("{rate:.2}"),
            format!("{:.3}", 1e3 / rate),
            optional(row.gflops.map(|gflops| format!("{gflops:.0}"))),
            optional(row.share_of_peak.map(|share| format!("{:.0} %", 100.0 * share))),
        ]
    });
    let threads = report.rows.first().map_or(1, |row| row.threads);
    let Peak { f32, bf16, int8 } = report.peak;
    let mut text = format!(
        "{} in {precision} on {}, {threads} threads\npeak in registers: f32 {f32:.0}, bf16 {bf16:.0}, int8 {int8:.0} GFLOP/s\n",
        report.model, report.isa
    );
    for load in &report.load_seconds {
        let line = format!("load and first {}: {:.3} s\n", load.kind, load.seconds);
        text.push_str(&line);
    }
    let memory = report.peak_memory_bytes.map(table::bytes);
    let memory = memory.unwrap_or_else(|| "unknown".to_owned());
    text += "largest resident size after loading: ";
    text += &memory;
    text.push('\n');
    text + &table::columns(&heading, &lines.collect::<Vec<_>>(), console.colour())
}

/// `VmHWM` of this process, in bytes.
fn largest_resident_size() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    Some(kibibytes * 1024)
}

impl BenchKind {
    /// All kinds, in the order of the report.
    const ALL: &[Self] = &[Self::Picture, Self::Text, Self::Decode, Self::Pipeline];

    /// The tower whose work is counted.
    fn tower(self) -> Option<Tower> {
        match self {
            Self::Picture | Self::Pipeline => Some(Tower::Vision),
            Self::Text => Some(Tower::Text),
            Self::Decode => None,
        }
    }

    /// What is measured when nobody says.
    fn batches(self) -> &'static [std::num::NonZeroUsize] {
        const fn of(batch: usize) -> std::num::NonZeroUsize {
            std::num::NonZeroUsize::new(batch).expect("a batch is not empty")
        }
        const PICTURES: &[std::num::NonZeroUsize] = &[of(1), of(8), of(32)];
        const TEXTS: &[std::num::NonZeroUsize] = &[of(1), of(8), of(64)];
        const FILES: &[std::num::NonZeroUsize] = &[of(32)];
        match self {
            Self::Picture => PICTURES,
            Self::Text => TEXTS,
            Self::Decode | Self::Pipeline => FILES,
        }
    }
}
