//! `polysight model`.

use std::path::Path;

use serde_json::Value;

use crate::hub_server;
use crate::program::{Finished, Run};
use crate::tiny::{Tiny, picture};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A cache as `huggingface_hub` lays it out, with the tiny model in it.
fn cache() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let model = home.path().join("hub/models--org--tiny");
    let snapshot = model.join("snapshots").join(COMMIT);
    fs_err::create_dir_all(&snapshot).unwrap();
    fs_err::create_dir_all(model.join("refs")).unwrap();
    fs_err::write(model.join("refs/main"), COMMIT).unwrap();
    let tiny = Tiny::new();
    for entry in fs_err::read_dir(tiny.path()).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), snapshot.join(entry.file_name())).unwrap();
    }
    home
}

fn check(folder: &Path) -> Finished {
    Run::new(["model", "check", "--json"]).argument(folder).finish()
}

/// The checks that ended so.
fn with_verdict<'a>(report: &'a Value, verdict: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().unwrap().iter();
    let checks = checks.filter(|check| check["verdict"] == verdict);
    checks.map(|check| check["name"].as_str().unwrap()).collect()
}

#[test]
fn info_describes_both_towers() {
    let tiny = Tiny::new();
    let run = Run::new(["model", "info", "--json"]).argument(tiny.path());
    let info = run.finish().quiet_success().json();
    assert_eq!(info["model_type"], "siglip");
    assert_eq!(info["shape_of"], Value::Null);
    assert_eq!(info["dtypes"], serde_json::json!(["BF16"]));
    assert_eq!(info["tokenizer"], "spiece.model");
    assert_eq!(info["text"]["vocabulary"], 8000);
    assert_eq!(info["vision"]["patches"], 16);
    assert_eq!(info["preprocessing"]["resample"], "bicubic");
    let parameters = &info["parameters"];
    let number = |name: &str| parameters[name].as_u64().unwrap();
    assert_eq!(number("total"), number("vision") + number("text") + 2);
    let files = info["files"].as_array().unwrap();
    assert!(files.iter().any(|file| file["name"] == "model.safetensors"));
    let run = Run::new(["model", "info"]).argument(tiny.path()).finish().quiet_success();
    assert!(run.text().contains("16 patches of 8x8"), "{}", run.text());
    assert!(run.text().contains("295,906"));
}

#[test]
fn a_model_without_faults_passes_every_check() {
    let tiny = Tiny::new();
    let run = check(tiny.path()).quiet_success();
    let report = run.json();
    assert_eq!(report["verdict"], "ok");
    let expected =
        ["structure", "finite weights", "tokenizer", "text tower", "vision tower", "scores"];
    assert_eq!(with_verdict(&report, "ok"), expected);
    assert_eq!(with_verdict(&report, "skipped"), ["golden scores"]);
    let run = Run::new(["model", "check"]).argument(tiny.path()).finish().quiet_success();
    assert_eq!(run.text().lines().count(), 7);
    assert!(run.text().starts_with("ok       structure"));
}

#[test]
fn a_number_that_is_none_is_found_wherever_it_is() {
    for (tensor, number) in [
        ("text_model.embeddings.token_embedding.weight", [0xc0, 0x7f]),
        ("vision_model.encoder.layers.0.mlp.fc2.bias", [0x80, 0xff]),
    ] {
        let tiny = Tiny::new();
        tiny.overwrite(tensor, number);
        let run = check(tiny.path());
        assert_eq!(run.code, 1);
        let report = run.json();
        assert_eq!(report["verdict"], "failed");
        assert!(with_verdict(&report, "failed").contains(&"finite weights"));
        let detail = report["checks"][1]["detail"].as_str().unwrap();
        assert_eq!(detail, format!("{tensor} holds NaN or infinity"));
    }
}

#[test]
fn a_broken_vision_tower_fails_its_check_and_its_pictures() {
    let tiny = Tiny::new();
    tiny.overwrite("vision_model.post_layernorm.bias", [0xc0, 0x7f]);
    let run = check(tiny.path());
    assert_eq!(with_verdict(&run.json(), "failed"), ["finite weights", "vision tower"]);
    let run = tiny.run(["classify", "--json", "--labels", "a,b"]);
    let run = run.argument(picture("rgb_61x37.png")).finish();
    assert_eq!(run.code, 1);
    assert_eq!(run.json()["data"][0]["error"]["code"], "embedding_not_finite");
    assert!(run.stderr.contains("not finite"));
}

#[test]
fn a_broken_text_tower_stops_a_classification() {
    let tiny = Tiny::new();
    tiny.overwrite("text_model.final_layer_norm.bias", [0xc0, 0x7f]);
    let run = tiny.run(["classify", "--json", "--labels", "a,b"]);
    let run = run.argument(picture("rgb_61x37.png")).finish();
    assert_eq!(run.code, 1);
    assert!(run.stdout.is_empty() && run.stderr.contains("is damaged"), "{}", run.stderr);
    let run = tiny.run(["score", "--json", "--text", "a"]);
    let run = run.argument(picture("rgb_61x37.png")).finish();
    assert_eq!((run.code, &run.json()["logit"][0][0]), (1, &Value::Null));
}

#[test]
fn a_model_of_the_wrong_structure_fails_with_the_tensor_named() {
    let tiny = Tiny::new();
    let config = tiny.path().join("config.json");
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(&config, text.replace("\"vocab_size\": 8000", "\"vocab_size\": 8001")).unwrap();
    let run = check(tiny.path());
    assert_eq!(run.code, 1);
    let report = run.json();
    assert_eq!(with_verdict(&report, "failed"), ["structure"]);
    let detail = report["checks"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("token_embedding.weight") && detail.contains("8001"), "{detail}");
}

#[test]
fn a_model_without_a_tokenizer_fails_where_it_is_needed() {
    let tiny = Tiny::new();
    fs_err::remove_file(tiny.path().join("spiece.model")).unwrap();
    let report = check(tiny.path()).json();
    assert_eq!(with_verdict(&report, "failed"), ["tokenizer", "text tower"]);
}

#[test]
fn a_model_of_the_cache_is_found_by_its_id() {
    let home = cache();
    let run = Run::new(["embed", "--json", "--text", "a", "--model", "org/tiny"]);
    let run = run.variable("HF_HOME", home.path()).finish().quiet_success();
    assert_eq!(run.json()["model"], "org/tiny");
    let run = Run::new(["model", "info", "--json", "org/tiny"]);
    let run = run.variable("HF_HUB_CACHE", home.path().join("hub")).finish();
    assert_eq!(run.quiet_success().json()["id"], "org/tiny");
}

#[test]
fn list_names_the_models_of_the_cache() {
    let home = cache();
    let run = Run::new(["model", "list", "--json"]).variable("HF_HOME", home.path());
    let list = run.finish().quiet_success().json();
    assert_eq!(list["data"][0]["id"], "org/tiny");
    assert_eq!(list["data"][0]["commit"], COMMIT);
    assert_eq!(list["data"][0]["revisions"], serde_json::json!(["main"]));
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let run = Run::new(["model", "list"]).variable("HF_HOME", home.path());
    assert!(run.finish().quiet_success().text().contains("org/tiny"));
    let run = Run::new(["model", "list"]).finish();
    assert_eq!((run.code, run.stdout.len()), (0, 0));
    assert!(run.stderr.contains("polysight model pull"));
}

#[test]
fn pull_prints_the_folder_of_a_model_that_is_there() {
    let home = cache();
    let run = Run::new(["model", "pull", "org/tiny"]).variable("HF_HOME", home.path());
    let run = run.variable("HF_HUB_OFFLINE", "1").finish().quiet_success();
    let folder = home.path().join("hub/models--org--tiny/snapshots").join(COMMIT);
    assert_eq!(run.text(), format!("{}\n", folder.display()));
}

#[test]
fn a_model_that_was_pulled_is_found_by_its_id_and_not_pulled_again() {
    let tiny = Tiny::new();
    let home = tempfile::tempdir().unwrap();
    let endpoint = hub_server::serve(tiny.path());
    let run = || {
        let run = Run::new(["model", "pull", "org/tiny", "--json"]);
        let run = run.variable("HF_HOME", home.path());
        run.variable("HF_ENDPOINT", &endpoint).finish()
    };
    let first = run();
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stderr.contains("polysight: model.safetensors: downloaded\n"));
    let pulled = first.json();
    assert_eq!((&pulled["id"], &pulled["revision"]), (&"org/tiny".into(), &"main".into()));
    let folder = pulled["folder"].as_str().unwrap();
    assert!(folder.ends_with(hub_server::COMMIT), "{folder}");
    let again = run().quiet_success().json();
    assert_eq!(again, pulled);
    let run = Run::new(["model", "check", "org/tiny"]).variable("HF_HOME", home.path());
    run.finish().quiet_success();
}

#[test]
fn pull_names_a_model_that_the_server_does_not_have() {
    let tiny = Tiny::new();
    let home = tempfile::tempdir().unwrap();
    let run = Run::new(["model", "pull", "org/other"]).variable("HF_HOME", home.path());
    let run = run.variable("HF_ENDPOINT", hub_server::serve(tiny.path())).finish();
    assert_eq!((run.code, run.stdout.len()), (1, 0));
    assert!(run.stderr.contains("org/other"), "{}", run.stderr);
}

#[test]
fn pull_without_network_says_so() {
    let home = tempfile::tempdir().unwrap();
    let run = Run::new(["model", "pull", "org/absent"]).variable("HF_HOME", home.path());
    let run = run.variable("HF_HUB_OFFLINE", "1").finish();
    assert_eq!((run.code, run.stdout.len()), (1, 0));
    assert!(run.stderr.contains("HF_HUB_OFFLINE"), "{}", run.stderr);
}

#[test]
fn an_access_token_is_never_printed() {
    let home = tempfile::tempdir().unwrap();
    let run = Run::new(["model", "pull", "org/absent"]).variable("HF_HOME", home.path());
    let run = run.variable("HF_HUB_OFFLINE", "1").variable("HF_TOKEN", "hf_se cret").finish();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("HF_TOKEN") && !run.stderr.contains("cret"), "{}", run.stderr);
}
