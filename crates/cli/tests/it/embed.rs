//! `polysight embed`.

use std::path::Path;

use crate::golden::{Matrix, assert_same_direction};
use crate::program::Run;
use crate::tiny::{PICTURES, TEXTS, Tiny, picture};

/// A file as numpy reads it.
struct Npy {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Npy {
    fn parse(bytes: &[u8]) -> Self {
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "format version 1.0");
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + length) % 64, 0, "the numbers are aligned");
        let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
        assert!(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': ("));
        assert!(header.ends_with('\n'));
        let shape = header.split('(').nth(1).unwrap().split(')').next().unwrap();
        let shape = shape.split(", ").map(|side| side.parse().unwrap()).collect::<Vec<usize>>();
        let values = bytes[10 + length..].as_chunks().0.iter().map(|&b| f32::from_le_bytes(b));
        let values = values.collect::<Vec<_>>();
        assert_eq!(bytes.len(), 10 + length + 4 * shape[0] * shape[1]);
        Self { rows: shape[0], columns: shape[1], values }
    }

    fn read(path: &Path) -> Self {
        Self::parse(&fs_err::read(path).unwrap())
    }

    fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }
}

fn with_texts(run: Run) -> Run {
    TEXTS.iter().fold(run, |run, text| run.argument("--text").argument(text))
}

fn with_pictures(run: Run) -> Run {
    PICTURES.iter().fold(run, |run, name| run.argument(picture(name)))
}

#[test]
fn rows_are_those_of_transformers_texts_first_then_pictures() {
    let tiny = Tiny::new();
    let file = tiny.path().join("rows.npy");
    // Pictures before texts on the command line: the order of the rows does not depend on it.
    let run = with_texts(with_pictures(tiny.run(["embed"])));
    let run = run.argument("--output").argument(&file).finish().quiet_success();
    assert!(run.stdout.is_empty(), "the results went into the file");
    let rows = Npy::read(&file);
    assert_eq!((rows.rows, rows.columns), (TEXTS.len() + PICTURES.len(), 32));
    let texts = Matrix::read("f64.text_embeds_normalized");
    let images = Matrix::read("f64.image_embeds_normalized");
    for index in 0..TEXTS.len() {
        assert_same_direction(rows.row(index), texts.row(index));
    }
    for index in 0..PICTURES.len() {
        assert_same_direction(rows.row(TEXTS.len() + index), images.row(index));
    }
    for row in rows.values.chunks_exact(32) {
        let length = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        assert!((length - 1.0).abs() < 1e-6, "a row of length {length}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_in_any_order_on_any_number_of_threads() {
    let tiny = Tiny::new();
    let run = |threads: &str, reversed: bool| {
        let mut names = PICTURES.repeat(5);
        if reversed {
            names.reverse();
        }
        let run = tiny.run(["embed", "--threads", threads, "--text", "a", "--text", "b"]);
        let run = names.iter().fold(run, |run, name| run.argument(picture(name)));
        Npy::parse(&run.finish().quiet_success().stdout)
    };
    let (one, three) = (run("1", false), run("3", true));
    assert_eq!(one.rows, 37);
    assert_eq!(one.values[..64], three.values[..64]);
    for index in 0..35 {
        assert_eq!(one.row(2 + index), three.row(36 - index), "picture {index}");
    }
    for index in 0..28 {
        assert_eq!(one.row(2 + index), one.row(2 + index + 7), "picture {index}");
    }
}

#[test]
fn a_failed_input_is_a_row_of_nan_and_is_named() {
    let tiny = Tiny::new();
    let file = tiny.path().join("rows.npy");
    let run = tiny.run(["embed", "--text", "a", "/nonexistent/a.png", "--output"]);
    let run = run.argument(&file).argument(picture("exact_32x32.png")).finish();
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr, "polysight: /nonexistent/a.png: no such file or folder\n");
    let rows = Npy::read(&file);
    assert_eq!(rows.rows, 3);
    assert!(rows.row(1).iter().all(|value| value.is_nan()));
    let images = Matrix::read("f64.image_embeds_normalized");
    assert_same_direction(rows.row(2), images.row(6));
    assert!(rows.row(0).iter().all(|value| value.is_finite()));
}

#[test]
fn a_text_may_be_empty_or_begin_with_a_hyphen() {
    let tiny = Tiny::new();
    let run = tiny.run(["embed", "--text", "", "--text", "-x", "--text", "--json", "--text", "x"]);
    let rows = Npy::parse(&run.finish().quiet_success().stdout);
    assert_eq!(rows.rows, 4);
    let empty = Matrix::read("f64.text_embeds_normalized");
    assert_same_direction(rows.row(0), empty.row(4));
    // Punctuation does not count, so that -x is x: the value arrived whole.
    assert_eq!(rows.row(1), rows.row(3));
    assert_ne!(rows.row(2), rows.row(3));
}

#[test]
fn json_holds_the_same_numbers_to_the_bit() {
    let tiny = Tiny::new();
    let run = |json: &[&str]| {
        let run = tiny.run(["embed", "--text", "猫の写真", "/nonexistent/a.png"]);
        let run = run.argument(picture("tall_7x90.png"));
        json.iter().fold(run, Run::argument).finish()
    };
    let rows = Npy::parse(&run(&[]).stdout);
    let json = run(&["--json"]);
    assert_eq!(json.code, 1);
    let reply = json.json();
    assert_eq!(reply["object"], "list");
    assert_eq!(reply["usage"]["images"], 1);
    let data = reply["data"].as_array().unwrap();
    assert_eq!(data[0]["text"], "猫の写真");
    assert_eq!(data[1]["object"], "error");
    assert_eq!(data[1]["error"]["code"], "file_not_found");
    assert_eq!(data[1]["error"]["param"], serde_json::Value::Null);
    assert!(data[1].get("embedding").is_none());
    for index in [0, 2] {
        assert_eq!(data[index]["index"], index);
        let numbers = data[index]["embedding"].as_array().unwrap();
        let numbers = numbers.iter().map(|number| number.as_f64().unwrap() as f32);
        assert_eq!(numbers.collect::<Vec<_>>(), rows.row(index));
    }
}

#[test]
fn beside_a_file_json_says_what_was_written() {
    let tiny = Tiny::new();
    let file = tiny.path().join("rows.npy");
    let run = tiny.run(["embed", "--text", "a", "--json", "--output"]).argument(&file);
    let said = run.finish().quiet_success().json();
    assert_eq!(said["shape"], serde_json::json!([1, 32]));
    assert_eq!(said["output"], file.to_str().unwrap());
    assert_eq!(Npy::read(&file).rows, 1);
}

#[test]
fn a_run_that_stops_leaves_the_old_file_and_nothing_beside_it() {
    let tiny = Tiny::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.npy");
    fs_err::write(&file, "the old one").unwrap();
    fs_err::remove_file(tiny.path().join("spiece.model")).unwrap();
    let run = tiny.run(["embed", "--text", "a", "--output"]).argument(&file).finish();
    assert_eq!(run.code, 1);
    assert_eq!(fs_err::read_to_string(&file).unwrap(), "the old one");
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_before_anything_is_computed() {
    let tiny = Tiny::new();
    let run = tiny.run(["embed", "--text", "a", "--output", "/nonexistent/rows.npy"]).finish();
    assert_eq!(run.code, 1);
    let expected = "polysight: /nonexistent/rows.npy: cannot write: no such file or folder\n";
    assert_eq!(run.stderr, expected);
    let run = tiny.run(["embed", "--text", "a", "--output"]).argument(tiny.path()).finish();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("a folder"));
}

#[cfg(unix)]
#[test]
fn an_output_that_is_a_device_is_written_to_and_not_replaced() {
    let tiny = Tiny::new();
    let run = tiny.run(["embed", "--text", "a", "--output", "/dev/null"]);
    run.finish().quiet_success();
    assert!(!fs_err::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn nothing_to_embed_is_a_usage_error() {
    Tiny::new().run(["embed"]).finish().usage_error("nothing to embed");
}

#[test]
fn a_checkpoint_of_one_tower_embeds_what_it_can() {
    let tiny = Tiny::new();
    let config = tiny.path().join("config.json");
    let config_text = fs_err::read_to_string(&config).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&config_text).unwrap();
    let mut vision = json["vision_config"].take();
    vision["model_type"] = "siglip_vision_model".into();
    fs_err::write(&config, vision.to_string()).unwrap();
    let run = tiny.run(["embed"]).argument(picture("exact_32x32.png"));
    let rows = Npy::parse(&run.finish().quiet_success().stdout);
    assert_same_direction(rows.row(0), Matrix::read("f64.image_embeds_normalized").row(6));
    let run = tiny.run(["embed", "--text", "a"]).finish();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("has no text tower"), "{}", run.stderr);
}
