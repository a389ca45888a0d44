//! What others left in the cache: found, listed, or passed over.

use std::path::Path;

use hub::Silent;

use crate::scene::Scene;
use crate::server::{COMMIT, ID};

/// Writes a snapshot of plain files.
fn lay_out(cache: &Path, folder: &str, commit: &str, files: &[(&str, &str)]) {
    let snapshot = cache.join(folder).join("snapshots").join(commit);
    fs_err::create_dir_all(&snapshot).unwrap();
    for (name, contents) in files {
        fs_err::write(snapshot.join(name), contents).unwrap();
    }
}

fn set_ref(cache: &Path, folder: &str, revision: &str, commit: &str) {
    let path = cache.join(folder).join("refs").join(revision);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, commit).unwrap();
}

const SIGLIP: (&str, &str) = ("config.json", r#"{"model_type":"siglip"}"#);
const WEIGHTS: (&str, &str) = ("model.safetensors", "0123456789");

#[test]
fn snapshots_without_config_or_weights_are_not_found() {
    let scene = Scene::new();
    let cache = scene.cache.path();
    let folder = "models--org--tiny-siglip";
    set_ref(cache, folder, "main", COMMIT);
    assert_eq!(scene.hub().find(ID, "main").unwrap(), None);
    lay_out(cache, folder, COMMIT, &[SIGLIP]);
    assert_eq!(scene.hub().find(ID, "main").unwrap(), None);
    // A link that leads nowhere is no file.
    #[cfg(unix)]
    {
        let link = scene.snapshot().join("model.safetensors");
        fs_err::os::unix::fs::symlink("../../blobs/lost", &link).unwrap();
        assert_eq!(scene.hub().find(ID, "main").unwrap(), None);
        fs_err::remove_file(link).unwrap();
    }
    lay_out(cache, folder, COMMIT, &[WEIGHTS]);
    assert_eq!(scene.hub().find(ID, "main").unwrap(), Some(scene.snapshot()));
    assert_eq!(scene.hub().find(ID, "other").unwrap(), None);
}

#[test]
fn a_ref_that_leads_out_of_the_cache_is_not_followed() {
    let scene = Scene::new();
    let cache = scene.cache.path();
    lay_out(cache, "models--org--tiny-siglip", COMMIT, &[SIGLIP, WEIGHTS]);
    let up = format!("../snapshots/{COMMIT}");
    for hostile in ["", "..", &up, "/", "a b", "\0"] {
        set_ref(cache, "models--org--tiny-siglip", "main", hostile);
        assert_eq!(scene.hub().find(ID, "main").unwrap(), None, "{hostile:?}");
    }
    // White space around a commit is not hostile.
    set_ref(cache, "models--org--tiny-siglip", "main", &format!("{COMMIT}\n"));
    assert!(scene.hub().find(ID, "main").unwrap().is_some());
}

#[test]
fn the_list_has_complete_siglip_models_with_their_sizes() {
    let scene = Scene::new();
    let cache = scene.cache.path();
    let index = ("model.safetensors.index.json", r#"{"weight_map":{"a":"shard.safetensors"}}"#);
    let config2 = ("config.json", r#"{"model_type":"siglip2"}"#);
    let bert = ("config.json", r#"{"model_type":"bert"}"#);
    let broken = ("config.json", "{");
    lay_out(cache, "models--b--two", "c2", &[config2, index, ("shard.safetensors", "123")]);
    lay_out(cache, "models--a--one", "c1", &[SIGLIP, WEIGHTS]);
    lay_out(cache, "models--a--one", "c0", &[SIGLIP]);
    lay_out(cache, "models--a--bert", "c1", &[bert, WEIGHTS]);
    lay_out(cache, "models--a--broken", "c1", &[broken, WEIGHTS]);
    lay_out(cache, "models--plain", "c1", &[SIGLIP, WEIGHTS]);
    lay_out(cache, "datasets--a--b", "c1", &[SIGLIP, WEIGHTS]);
    lay_out(cache, "models--", "c1", &[SIGLIP, WEIGHTS]);
    set_ref(cache, "models--a--one", "main", "c1");
    set_ref(cache, "models--a--one", "refs/pr/1", "c1");
    set_ref(cache, "models--a--one", "old", "c0");
    fs_err::write(cache.join("version.txt"), "1").unwrap();

    let list = scene.hub().list().unwrap();
    let ids: Vec<_> = list.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["a/one", "b/two", "plain"]);
    assert_eq!(list[0].bytes, 10 + SIGLIP.1.len() as u64);
    assert_eq!(list[0].commit, "c1");
    assert_eq!(list[0].revisions, ["main", "refs/pr/1"]);
    assert_eq!(list[0].folder, cache.join("models--a--one/snapshots/c1"));
    assert_eq!(list[1].model_type, "siglip2");
    assert!(list[1].revisions.is_empty());
}

#[test]
fn a_pulled_model_is_listed_once_and_a_missing_cache_is_empty() {
    let scene = Scene::new();
    scene.hub().pull(ID, "main", &mut Silent).unwrap();
    let list = scene.hub().list().unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].id.as_str(), list[0].folder.clone()), (ID, scene.snapshot()));
    assert!(list[0].bytes > 1_000_003);

    let mut options = scene.options();
    options.cache = scene.cache.path().join("not/there");
    assert!(hub::Hub::new(options).unwrap().list().unwrap().is_empty());
}
