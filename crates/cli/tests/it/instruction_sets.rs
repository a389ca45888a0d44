//! `POLYSIGHT_ISA` forces the instruction set of everything that computes.

use serde_json::Value;

use crate::golden::{Matrix, assert_same_logit};
use crate::program::Finished;
use crate::tiny::{PICTURES, Tiny, picture};

const ALL: [&str; 7] = ["scalar", "avx2", "avx2vnni", "avx512f", "avx512vnni", "avx512", "neon"];

fn score(set: &str) -> Finished {
    let tiny = Tiny::new();
    let run = tiny.run(["score", "--json", "--text", "a photo of a cat"]);
    let run = PICTURES.iter().fold(run, |run, name| run.argument(picture(name)));
    run.variable("POLYSIGHT_ISA", set).finish()
}

#[test]
fn every_instruction_set_of_the_machine_gives_the_logits_of_transformers() {
    let golden = Matrix::read("f64.logits_per_image");
    for set in ALL {
        let run = score(set);
        if run.code == 2 {
            // What the machine lacks is said clearly, and the plain one is never lacking.
            run.usage_error("POLYSIGHT_ISA");
            assert!(run.stderr.contains(set) && run.stderr.contains("scalar"), "{}", run.stderr);
            assert_ne!(set, "scalar");
            continue;
        }
        let logits = run.quiet_success().json()["logit"].clone();
        for (image, row) in logits.as_array().unwrap().iter().enumerate() {
            let logit = row[0].as_f64().unwrap();
            assert_same_logit(logit, golden.row(image)[0]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_sets_of_this_machine_are_accepted() {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512f = avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    let avx512vnni = avx512f && is_x86_feature_detected!("avx512vnni");
    let here = [
        true,
        avx2,
        avx2 && is_x86_feature_detected!("avxvnni"),
        avx512f,
        avx512vnni,
        avx512vnni && is_x86_feature_detected!("avx512bf16"),
        false,
    ];
    for (set, here) in ALL.into_iter().zip(here) {
        let code = if here { 0 } else { 2 };
        assert_eq!(score(set).code, code, "{set}");
    }
}

#[test]
fn an_unknown_instruction_set_is_a_usage_error() {
    score("sse9").usage_error("POLYSIGHT_ISA: unknown instruction set \"sse9\"");
}

#[test]
fn auto_is_the_default_and_the_flag_wins_over_the_variable() {
    let tiny = Tiny::new();
    let numbers = |flag: &str, variable: &str| -> Value {
        let run = tiny.run(["score", "--json", "--text", "a", "--isa", flag]);
        let run = run.argument(picture("rgb_61x37.png")).variable("POLYSIGHT_ISA", variable);
        run.finish().quiet_success().json()
    };
    assert_eq!(numbers("auto", "scalar"), numbers("auto", "unknown"));
    assert_eq!(numbers("scalar", "auto"), numbers("scalar", "scalar"));
}
