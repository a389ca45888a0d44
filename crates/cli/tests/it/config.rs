//! `polysight.toml`.

use std::path::Path;

use tempfile::TempDir;

use crate::program::Run;
use crate::tiny::{Tiny, picture};

/// A folder with `polysight.toml`.
fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("polysight.toml"), text).unwrap();
    folder
}

/// A model line for a model somewhere else.
fn model(tiny: &Tiny) -> String {
    format!("model = '{}'\n", tiny.path().display())
}

fn classify() -> Run {
    Run::new(["classify", "--labels", "cat,dog", "--json"]).argument(picture("rgb_61x37.png"))
}

fn results(run: Run) -> String {
    run.finish().quiet_success().text().to_owned()
}

#[test]
fn the_file_of_the_working_folder_gives_what_the_flags_would() {
    let tiny = Tiny::new();
    let flags = |precision: &str| {
        let run = classify().argument("--model").argument(tiny.path());
        results(run.argument("--precision").argument(precision))
    };
    let (exact, rounded) = (flags("f32"), flags("bf16"));
    assert_ne!(exact, rounded, "the precision shows in the results");
    let place = folder(&format!("{}precision = \"bf16\"\nthreads = 1\n", model(&tiny)));
    assert_eq!(results(classify().folder(place.path())), rounded);
    let other = classify().folder(place.path()).argument("--precision").argument("f32");
    assert_eq!(results(other), exact, "a flag wins over the file");
    let other = classify().folder(place.path()).variable("POLYSIGHT_PRECISION", "f32");
    assert_eq!(results(other), exact, "a variable wins over the file");
}

#[test]
fn a_file_may_be_named_by_the_flag_on_either_side_of_the_command_and_by_the_variable() {
    let tiny = Tiny::new();
    let place = folder(&model(&tiny));
    let file = place.path().join("polysight.toml");
    let wrong = folder("nonsense = 1");
    let expected = results(classify().folder(place.path()));
    let after = classify().argument("--config").argument(&file).folder(wrong.path());
    assert_eq!(results(after), expected);
    let before = Run::new(["--config"]).argument(&file).argument("classify");
    let before = before.argument("--labels=cat,dog").argument("--json");
    assert_eq!(results(before.argument(picture("rgb_61x37.png"))), expected);
    let variable = classify().variable("POLYSIGHT_CONFIG", &file).folder(wrong.path());
    assert_eq!(results(variable), expected);
    let both = classify().variable("POLYSIGHT_CONFIG", "/nonexistent").argument("--config");
    assert_eq!(results(both.argument(&file)), expected, "the flag wins over the variable");
}

#[test]
fn a_named_file_must_exist_and_the_default_one_need_not() {
    let empty = tempfile::tempdir().unwrap();
    let run = classify().folder(empty.path()).argument("--config").argument("absent.toml");
    run.finish().usage_error("--config: failed to open file `absent.toml`");
    let run = classify().folder(empty.path()).variable("POLYSIGHT_CONFIG", "absent.toml");
    run.finish().usage_error("POLYSIGHT_CONFIG: failed to open file `absent.toml`");
    let tiny = Tiny::new();
    results(classify().folder(empty.path()).argument("--model").argument(tiny.path()));
}

#[test]
fn an_empty_flag_means_no_file() {
    let place = folder("nonsense = 1");
    let tiny = Tiny::new();
    let run = classify().folder(place.path()).variable("POLYSIGHT_CONFIG", "absent.toml");
    let run = run.argument("--config=").argument("--model").argument(tiny.path());
    results(run);
}

#[test]
fn mistakes_name_the_line_for_every_command() {
    for (text, message) in [
        (
            "# mine\nprecison = \"bf16\"\n",
            "polysight: polysight.toml:2: unknown key \"precison\"; the nearest known key is \"precision\"\n",
        ),
        ("threads = ", "polysight: polysight.toml:1: "),
        ("[serve]\n[serve]\n", "polysight: polysight.toml:2: "),
    ] {
        let place = folder(text);
        for run in [classify(), Run::new(["model", "list"]), Run::new(["embed", "--text", "a"])] {
            let run = run.folder(place.path()).finish();
            run.usage_error(message);
            assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        }
    }
    let tiny = Tiny::new();
    for (line, message) in [
        ("threads = 0", "polysight.toml:2 threads: \"0\" is not a number of threads"),
        ("precision = \"f64\"", "polysight.toml:2 precision: unknown precision \"f64\""),
        ("isa = \"mmx\"", "polysight.toml:2 isa: "),
        ("canonicalization = \"none\"", "polysight.toml:2 canonicalization: "),
    ] {
        let place = folder(&format!("{}{line}\n", model(&tiny)));
        classify().folder(place.path()).finish().usage_error(message);
    }
}

#[test]
fn relative_paths_begin_in_the_folder_of_the_file() {
    let tiny = Tiny::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let file = tiny.path().join("polysight.toml");
    let expected = results(classify().argument("--model").argument(tiny.path()));
    for model in ["\".\"", "[\"served=.\", \"./absent\"]"] {
        let text = format!("model = {model}\npacked-cache = \"packed\"\n");
        fs_err::write(&file, text).unwrap();
        let run = classify().folder(elsewhere.path()).argument("--config").argument(&file);
        assert_eq!(results(run), expected, "{model}");
    }
    assert!(tiny.path().join("packed").is_dir());
    assert_eq!(fs_err::read_dir(elsewhere.path()).unwrap().count(), 0);
    fs_err::write(&file, "model = \"./absent\"").unwrap();
    let run = classify().folder(elsewhere.path()).argument("--config").argument(&file).finish();
    assert_eq!(run.code, 1);
    let path = tiny.path().join("./absent");
    assert!(run.stderr.contains(path.to_str().unwrap()), "{}", run.stderr);
}

#[test]
fn quiet_comes_from_the_file_and_the_variable_can_take_it_back() {
    let tiny = Tiny::new();
    let place = folder(&format!("{}quiet = true\n", model(&tiny)));
    let label_twice = || {
        let run = Run::new(["classify", "--labels", "cat,cat,dog"]).folder(place.path());
        run.argument(picture("rgb_61x37.png"))
    };
    results(label_twice());
    let loud = label_twice().variable("POLYSIGHT_QUIET", "0").finish();
    assert!(loud.stderr.contains("given twice"), "{}", loud.stderr);
}

#[test]
fn the_committed_example_can_be_copied_as_it_is() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../polysight.example.toml");
    let tiny = Tiny::new();
    let run = || classify().argument("--model").argument(tiny.path());
    let expected = results(run());
    assert_eq!(results(run().argument("--config").argument(example)), expected);
}
