//! Flags, variables and defaults.

use crate::program::Run;
use crate::tiny::{Tiny, picture};

fn embed(tiny: &Tiny) -> Run {
    tiny.run(["embed", "--json", "--text", "a"])
}

#[test]
fn no_model_is_a_usage_error_that_says_what_to_do() {
    for run in [
        Run::new(["embed", "--json", "--text", "a"]),
        Run::new(["embed", "--json", "--text", "a", "--model", "mini"]),
        Run::new(["embed", "--json", "--text", "a"]).variable("POLYSIGHT_MODEL", "mini"),
        Run::new(["embed", "--json", "--text", "a"]).variable("POLYSIGHT_MODEL", ""),
    ] {
        let run = run.finish();
        run.usage_error("the default model `mini` comes with a later release");
        run.usage_error("--model FOLDER");
    }
}

#[test]
fn a_model_that_is_nowhere_names_the_command_that_downloads_it() {
    let run = Run::new([
        "embed",
        "--text",
        "a",
        "--model",
        "google/siglip-base-patch16-224",
    ]);
    let run = run.finish();
    assert_eq!(run.code, 1);
    let command = "`polysight model pull google/siglip-base-patch16-224`";
    assert!(run.stderr.contains(command), "{}", run.stderr);
    let run = Run::new(["embed", "--text", "a", "--model", "/nonexistent/model"]).finish();
    assert_eq!(run.code, 1);
    assert_eq!(
        run.stderr,
        "polysight: /nonexistent/model: no such folder\n"
    );
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
    run.variable("POLYSIGHT_MODEL", "/nonexistent")
        .finish()
        .quiet_success();
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
        embed(&tiny)
            .argument(flag)
            .argument(value)
            .finish()
            .usage_error(flag);
        embed(&tiny)
            .variable(variable, value)
            .finish()
            .usage_error(variable);
    }
}

#[test]
fn every_precision_is_known_and_those_that_are_not_built_yet_say_so() {
    let tiny = Tiny::new();
    for precision in ["f32", "auto"] {
        embed(&tiny)
            .argument("--precision")
            .argument(precision)
            .finish()
            .quiet_success();
    }
    for precision in ["bf16", "int8"] {
        let run = embed(&tiny)
            .argument("--precision")
            .argument(precision)
            .finish();
        if run.code != 0 {
            run.usage_error(&format!("precision {precision} is not available"));
        }
    }
}

#[test]
fn canonicalization_changes_what_the_tower_sees() {
    let tiny = Tiny::new();
    let numbers = |name: &str| {
        let run = tiny.run(["embed", "--json", "--text", "Hello, world!"]);
        let run = run
            .argument("--canonicalization")
            .argument(name)
            .finish()
            .quiet_success();
        run.json()["data"][0]["embedding"].clone()
    };
    assert_ne!(numbers("hf"), numbers("bigvision"));
}
