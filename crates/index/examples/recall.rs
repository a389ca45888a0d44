//! Measures the embedded index on drawn vectors: recall against the exact answer, times, disk and memory.
//!
//! Run `cargo run --release -p index --example recall -- FOLDER [--rows N] [--dimensions D] [--isotropic] [--queries N] [--write BASE]
//! [--json]`. With `--write` it writes BASE.f32 and BASE.queries.f32 for other programs; `--json` prints one object at the end.
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use index::{Attributes, Comparison, Effort, Embedded, Entry, Filter, Query, Space, VectorIndex};
use kernels::Isa;
use serde_json::{Value, json};

/// Directions in which clusters and their members differ.
const LATENT: usize = 64;

/// Rows of a cluster, on the mean.
const CLUSTER: usize = 100;

struct Options {
    folder: PathBuf,
    rows: usize,
    dimensions: usize,
    isotropic: bool,
    queries: usize,
    write: Option<PathBuf>,
    json: bool,
}

fn options() -> Options {
    let mut options = Options {
        folder: PathBuf::new(),
        rows: 100_000,
        dimensions: 768,
        isotropic: false,
        queries: 200,
        write: None,
        json: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("a value follows the option");
        let number = |text: String| text.parse::<usize>().expect("a number");
        match argument.as_str() {
            "--rows" => options.rows = number(value()),
            "--dimensions" => options.dimensions = number(value()),
            "--queries" => options.queries = number(value()),
            "--json" => options.json = true,
            "--isotropic" => options.isotropic = true,
            "--write" => options.write = Some(value().into()),
            folder => options.folder = folder.into(),
        }
    }
    assert!(!options.folder.as_os_str().is_empty(), "name a folder for the index");
    options
}

/// Normal numbers from a seed (splitmix64 and the sum of uniform numbers, which is normal enough here).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let bits = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ bits >> 31
    }

    /// Four 16-bit parts, whose variance is 1/3.
    fn normal(&mut self) -> f32 {
        let bits = self.next();
        let sum = (0..4).map(|part| (bits >> (16 * part) & 0xFFFF) as f32 / 65536.0).sum::<f32>();
        (sum - 2.0) * 3.0_f32.sqrt()
    }
}

/// The same vectors for the same options: clusters of [`CLUSTER`] in [`LATENT`] directions, and noise of 0.3 beside a latent
/// deviation of 1 between and 0.5 within clusters; or no structure at all.
struct Generator {
    directions: Vec<f32>,
    centres: Vec<f32>,
    dimensions: usize,
    isotropic: bool,
}

impl Generator {
    fn new(options: &Options) -> Self {
        let mut numbers = Numbers(1);
        let mut many = |count| (0..count).map(|_| numbers.normal()).collect::<Vec<_>>();
        let clusters = (options.rows / CLUSTER).max(1);
        Self {
            directions: many(LATENT * options.dimensions),
            centres: many(LATENT * clusters),
            dimensions: options.dimensions,
            isotropic: options.isotropic,
        }
    }

    fn draw(&self, numbers: &mut Numbers) -> Vec<f32> {
        let noise = if self.isotropic { 1.0 } else { 0.3 };
        let mut row = (0..self.dimensions).map(|_| noise * numbers.normal()).collect::<Vec<_>>();
        if !self.isotropic {
            let clusters = (self.centres.len() / LATENT) as u64;
            let centre = (numbers.next() % clusters) as usize * LATENT;
            let scale = 1.0 / (LATENT as f32).sqrt();
            for latent in 0..LATENT {
                let factor = (self.centres[centre + latent] + 0.5 * numbers.normal()) * scale;
                let direction = &self.directions[latent * self.dimensions..][..self.dimensions];
                row.iter_mut().zip(direction).for_each(|(x, d)| *x += factor * d);
            }
        }
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.into_iter().map(|x| x / length).collect()
    }
}

/// A percentile in milliseconds.
fn percentile(times: &mut [Duration], share: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1000.0
}

/// Seconds of the writes.
fn build(options: &Options, generator: &Generator) -> f64 {
    let space = Space {
        model: "drawn".to_owned(),
        fingerprint: "fp_drawn".to_owned(),
        dimensions: options.dimensions,
    };
    let index = Embedded::create(&options.folder, &space, Isa::detect()).expect("an index");
    let known = index.count().expect("a count") as usize;
    if known >= options.rows && options.write.is_none() {
        return 0.0;
    }
    let mut numbers = Numbers(2);
    let mut file = options.write.as_ref().map(|base| writer(base, "f32"));
    let mut took = Duration::ZERO;
    for first in (0..options.rows).step_by(1024) {
        let rows = (first..(first + 1024).min(options.rows))
            .map(|row| (row, generator.draw(&mut numbers)));
        let rows = rows.collect::<Vec<_>>();
        if let Some(file) = &mut file {
            rows.iter()
                .flat_map(|(_, row)| row)
                .for_each(|x| file.write_all(&x.to_le_bytes()).expect("room"));
        }
        if first < known {
            continue;
        }
        let attributes = |row: usize| {
            let share = |of: usize| ((row * 7919) % of) as f64;
            Attributes::from([
                ("hundred".to_owned(), share(100).into()),
                ("ten thousand".to_owned(), share(10_000).into()),
            ])
        };
        let named = rows
            .into_iter()
            .map(|(row, vector)| (format!("row-{row:08}"), vector, attributes(row)));
        let named = named.collect::<Vec<_>>();
        let entries = named.iter().map(|(id, vector, attributes)| Entry { id, vector, attributes });
        let began = Instant::now();
        index.put(&entries.collect::<Vec<_>>()).expect("rows");
        took += began.elapsed();
    }
    took.as_secs_f64()
}

fn writer(base: &Path, ending: &str) -> std::io::BufWriter<fs_err::File> {
    std::io::BufWriter::new(fs_err::File::create(base.with_extension(ending)).expect("a file"))
}

fn measure(name: &str, index: &Embedded, queries: &[Vec<f32>], filter: Option<&Filter>) -> Value {
    let search = |vector: &[f32], effort| {
        let began = Instant::now();
        let query = Query { vector, count: 10, filter, effort };
        let hits = index.search(&query).expect("hits");
        (hits.into_iter().map(|hit| hit.id).collect::<HashSet<_>>(), began.elapsed())
    };
    let (mut exact_times, mut fast_times, mut found, mut all) = (Vec::new(), Vec::new(), 0, 0);
    for query in queries {
        let (exact, time) = search(query, Effort::Exact);
        exact_times.push(time);
        all += exact.len();
        // The exact search has read every row, which leaves nothing of the sketches in the processor's caches; once to be fair.
        let _warm = search(query, Effort::Fast);
        let (fast, time) = search(query, Effort::Fast);
        fast_times.push(time);
        found += fast.intersection(&exact).count();
    }
    json!({
        "name": name, "recall": found as f64 / all.max(1) as f64,
        "median_ms": percentile(&mut fast_times, 50), "p99_ms": percentile(&mut fast_times, 99),
        "exact_median_ms": percentile(&mut exact_times, 50),
    })
}

/// Bytes in memory that are not mapped files; Linux only.
fn memory() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// The same for people.
fn print(report: &Value) {
    let number = |of: &Value, name: &str| of[name].as_f64().unwrap_or_default();
    println!("{}", report["vectors"].as_str().unwrap_or_default());
    println!(
        "built in {:.1} s (in writes of 1,024 that wait for the disk), opened in {:.2} s; {:.0} MB on the disk, {:.0} MB in \
         memory beside mapped files",
        number(report, "build_s"),
        number(report, "open_s"),
        number(report, "disk") / 1e6,
        number(report, "memory") / 1e6
    );
    for search in report["searches"].as_array().into_iter().flatten() {
        println!(
            "{}: recall@10 {:.4}, median {:.2} ms, 99th percentile {:.2} ms; exact: median {:.2} ms",
            search["name"].as_str().unwrap_or_default(),
            number(search, "recall"),
            number(search, "median_ms"),
            number(search, "p99_ms"),
            number(search, "exact_median_ms")
        );
    }
}

fn main() {
    let options = options();
    let generator = Generator::new(&options);
    let shape = if options.isotropic { "isotropic" } else { "clustered" };
    let vectors = format!("{} x {} {shape}, {}", options.rows, options.dimensions, Isa::detect());
    let build_s = build(&options, &generator);
    let began = Instant::now();
    let index =
        Embedded::open(&options.folder, index::Access::Read, Isa::detect()).expect("an index");
    let open_s = began.elapsed().as_secs_f64();
    let mut numbers = Numbers(3);
    let queries = (0..options.queries).map(|_| generator.draw(&mut numbers)).collect::<Vec<_>>();
    if let Some(base) = &options.write {
        let mut file = writer(base, "queries.f32");
        queries.iter().flatten().for_each(|x| file.write_all(&x.to_le_bytes()).expect("room"));
    }
    let mut searches = vec![measure("all", &index, &queries, None)];
    for (name, key, most) in
        [("10 %", "hundred", 10.0), ("1 %", "hundred", 1.0), ("0.01 %", "ten thousand", 1.0)]
    {
        let filter =
            Filter::Attribute { key: key.to_owned(), comparison: Comparison::Below(most.into()) };
        let name = format!("a filter that keeps {name}");
        searches.push(measure(&name, &index, &queries, Some(&filter)));
    }
    let report = json!({
        "name": "polysight", "vectors": vectors, "build_s": build_s, "open_s": open_s,
        "disk": index.bytes().expect("a size"), "memory": memory(), "searches": searches,
    });
    if options.json {
        println!("{report}");
    } else {
        print(&report);
    }
}
