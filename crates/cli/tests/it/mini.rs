//! The model that is part of the program, on the pictures that come with it.

use std::path::{Path, PathBuf};

use crate::program::Run;

/// Pictures of `examples/`, and what they show.
const PICTURES: [&str; 8] =
    ["cat", "dog", "pizza", "rocket", "guitar", "umbrella", "red_heart", "sunflower"];

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

#[test]
fn most_examples_are_what_they_are_in_several_languages() {
    let pictures = PICTURES.map(|name| examples().join(format!("{name}.png")));
    for labels in [
        "cat, dog, pizza, rocket, guitar, umbrella, red heart, sunflower",
        "Katze, Hund, Pizza, Rakete, Gitarre, Regenschirm, rotes Herz, Sonnenblume",
        "猫, 犬, ピザ, ロケット, ギター, 傘, 赤いハート, ひまわり",
    ] {
        let run = Run::new(["classify", "--json", "--labels", labels]);
        let run = pictures.iter().fold(run, Run::argument);
        let reply = run.finish();
        assert_eq!(reply.code, 0, "{}", reply.stderr);
        assert!(reply.stderr.contains("not photographs"), "{}", reply.stderr);
        let reply = reply.json();
        assert_eq!(reply["model"], "mini");
        let answers = reply["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["predictions"][0]["label"].as_str().unwrap().to_owned());
        let right = answers.zip(labels.split(", ")).filter(|(answer, label)| answer == label);
        let right = right.count();
        // By chance one would be.
        assert!(right >= 6, "{right} of {} with {labels}", PICTURES.len());
    }
}
