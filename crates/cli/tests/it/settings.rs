//! Flags, variables and defaults.

use crate::program::Run;
use crate::tiny::{Tiny, picture};

fn embed(tiny: &Tiny) -> Run {
    tiny.run(["embed", "--json", "--text", "a"])
}

#[test]
fn without_a_model_it_is_the_programs_own() {
    let cache = tempfile::tempdir().unwrap();
    let run = |run: Run| run.variable("XDG_CACHE_HOME", cache.path().to_str().unwrap()).finish();
    let named = run(Run::new(["embed", "--json", "--text", "a", "--model", "mini"]));
    let named = named.quiet_success();
    let unnamed = run(Run::new(["embed", "--json", "--text", "a"]));
    assert!(unnamed.stderr.contains("mini: ") && unnamed.stderr.contains("not photographs"));
    assert_eq!(named.json()["model"], "mini");
    for other in [
        Run::new(["embed", "--json", "--text", "a"]),
        Run::new(["embed", "--json", "--text", "a"]).variable("POLYSIGHT_MODEL", "mini"),
        Run::new(["embed", "--json", "--text", "a"]).variable("POLYSIGHT_MODEL", ""),
    ] {
        let other = run(other);
        assert_eq!((other.code, &other.stdout), (0, &named.stdout));
    }
}

#[test]
fn a_model_that_is_nowhere_names_the_command_that_downloads_it() {
    let run = Run::new(["embed", "--text", "a", "--model", "google/siglip-base-patch16-224"]);
    let run = run.finish();
    assert_eq!(run.code, 1);
    let command = "`polysight model pull google/siglip-base-patch16-224`";
    assert!(run.stderr.contains(command), "{}", run.stderr);
    let run = Run::new(["embed", "--text", "a", "--model", "/nonexistent/model"]).finish();
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr, "polysight: /nonexistent/model: no such folder\n");
}

#[test]
fn a_folder_that_exists_wins_over_an_id() {
    let tiny = Tiny::new();
    let place = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(place.path().join("org")).unwrap();
    let folder = place.path().join("org/name");
    fs_err::create_dir_all(&folder).unwrap();
    for entry in fs_err::read_dir(tiny.path()).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let run = Run::new(["embed", "--json", "--text", "a", "--model", "org/name"]);
    let run = run.folder(place.path()).finish().quiet_success();
    assert_eq!(run.json()["model"], "name");
}

#[test]
fn a_file_is_no_model() {
    let run = Run::new(["embed", "--json", "--text", "a", "--model"]);
    let run = run.argument(picture("rgb_61x37.png")).finish();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("a model is a folder"), "{}", run.stderr);
}

#[test]
fn the_flag_names_the_model_before_the_variable() {
    let tiny = Tiny::new();
    let run = Run::new(["embed", "--json", "--text", "a", "--model"]).argument(tiny.path());
    run.variable("POLYSIGHT_MODEL", "/nonexistent").finish().quiet_success();
}

#[test]
fn values_that_make_no_sense_are_usage_errors_of_the_flag_and_of_its_variable() {
    let tiny = Tiny::new();
    for (flag, variable, value) in [
        ("--threads", "POLYSIGHT_THREADS", "0"),
        ("--threads", "POLYSIGHT_THREADS", "-1"),
        ("--threads", "POLYSIGHT_THREADS", "many"),
        ("--threads", "POLYSIGHT_THREADS", "99999999999999999999"),
        ("--precision", "POLYSIGHT_PRECISION", "f64"),
        ("--isa", "POLYSIGHT_ISA", "mmx"),
        ("--canonicalization", "POLYSIGHT_CANONICALIZATION", "none"),
    ] {
        embed(&tiny).argument(flag).argument(value).finish().usage_error(flag);
        embed(&tiny).variable(variable, value).finish().usage_error(variable);
    }
}

#[test]
fn every_precision_computes_and_auto_is_the_best_that_the_machine_has() {
    let tiny = Tiny::new();
    let embedding = |precision: &str| {
        let run =
            tiny.run(["embed", "--json", "--text", "a red bicycle", "--precision", precision]);
        let json = run.finish().quiet_success().json();
        let numbers = json["data"][0]["embedding"].as_array().expect("an embedding").clone();
        numbers.iter().map(|number| number.as_f64().expect("a number")).collect::<Vec<_>>()
    };
    let exact = embedding("f32");
    let cosine = |other: &[f64]| exact.iter().zip(other).map(|(a, b)| a * b).sum::<f64>();
    let (bf16, int8) = (embedding("bf16"), embedding("int8"));
    for reduced in [&bf16, &int8] {
        assert_ne!(reduced, &exact, "a reduced precision rounds");
        assert!(cosine(reduced) > 0.99, "{}", cosine(reduced));
    }
    let auto = embedding("auto");
    assert!(auto == exact || auto == bf16, "never int8 unasked");
    tiny.run(["embed", "--text", "x", "--precision", "f64"])
        .finish()
        .usage_error("unknown precision \"f64\"; one of f32, bf16, int8, auto was expected");
}

#[test]
fn canonicalization_changes_what_the_tower_sees() {
    let tiny = Tiny::new();
    let numbers = |name: &str| {
        let run = tiny.run(["embed", "--json", "--text", "Hello, world!"]);
        let run = run.argument("--canonicalization").argument(name).finish().quiet_success();
        run.json()["data"][0]["embedding"].clone()
    };
    assert_ne!(numbers("hf"), numbers("bigvision"));
}
