//! A pull when all goes well, and what it does not do again.

use std::sync::atomic::{AtomicUsize, Ordering};

use hub::{Event, Network, Progress, Silent};

use crate::scene::{Recorded, Scene, WEIGHTS, names};
use crate::server::{COMMIT, ID, etag};

#[test]
fn a_pull_lays_out_the_cache_as_huggingface_hub_does() {
    let scene = Scene::new();
    let mut events = Recorded::default();
    let folder = scene.hub().pull(ID, "main", &mut events).unwrap();
    assert_eq!(folder, scene.snapshot());
    assert_eq!(
        names(&folder),
        [
            "config.json",
            WEIGHTS,
            "preprocessor_config.json",
            "spiece.model",
            "tokenizer_config.json"
        ]
    );
    assert_eq!(names(&scene.folder()), ["blobs", "refs", "snapshots"]);
    assert_eq!(fs_err::read(scene.folder().join("refs/main")).unwrap(), COMMIT.as_bytes());
    for file in names(&folder) {
        let contents = fs_err::read(folder.join(&file)).unwrap();
        let expected = format!("../../blobs/{}", etag(&file, &contents));
        #[cfg(unix)]
        assert_eq!(fs_err::read_link(folder.join(&file)).unwrap().to_str(), Some(&*expected));
        assert!(scene.snapshot().join(&expected).is_file());
        assert_eq!(events.count("Finished", &file), 1);
    }
    scene.assert_complete();
    assert!(
        events
            .0
            .contains(&format!("Started {{ file: {WEIGHTS:?}, done: 0, total: Some(1000003) }}"))
    );
    assert!(events.0.contains(&format!(
        "Advanced {{ file: {WEIGHTS:?}, done: 1000003, total: Some(1000003) }}"
    )));
}

#[test]
fn a_second_pull_downloads_nothing() {
    let scene = Scene::new();
    scene.pull().unwrap();
    let before = scene.server.seen().len();
    let mut events = Recorded::default();
    scene.hub().pull(ID, "main", &mut events).unwrap();
    assert_eq!(events.count("Present", WEIGHTS), 1);
    // Only the list of files was asked for.
    assert_eq!(scene.server.seen().len(), before + 1);
}

#[test]
fn a_blob_that_is_there_is_linked_and_not_downloaded() {
    let scene = Scene::new();
    scene.leave_part(b"");
    fs_err::write(scene.blob(""), &scene.weights).unwrap();
    fs_err::remove_file(scene.blob(".incomplete")).unwrap();
    scene.pull().unwrap();
    assert!(scene.server.seen_for("GET", WEIGHTS).is_empty());
    scene.assert_complete();
}

#[test]
fn a_blob_of_the_wrong_length_is_replaced() {
    let scene = Scene::new();
    scene.leave_part(b"");
    fs_err::write(scene.blob(""), b"cut off by something else").unwrap();
    scene.pull().unwrap();
    scene.assert_complete();
}

#[test]
fn shards_are_pulled_by_their_index() {
    let scene = Scene::new();
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let server = crate::server::Server::start(&[
        ("config.json", b"{}"),
        (
            "model.safetensors.index.json",
            br#"{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#,
        ),
        (shards[0], b"one"),
        (shards[1], b"two"),
        ("model-00003-of-00002.safetensors", b"not in the index"),
    ]);
    let mut options = scene.options();
    options.endpoint.clone_from(&server.address);
    let hub = hub::Hub::new(options).unwrap();
    let folder = hub.pull(ID, "main", &mut Silent).unwrap();
    assert_eq!(
        names(&folder),
        ["config.json", shards[0], shards[1], "model.safetensors.index.json"]
            .map(str::to_owned)
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
    assert_eq!(hub.find(ID, "main").unwrap(), Some(folder.clone()));

    // Without one of the shards, the snapshot no longer counts.
    fs_err::remove_file(folder.join(shards[1])).unwrap();
    assert_eq!(hub.find(ID, "main").unwrap(), None);
}

#[test]
fn an_index_that_points_outside_is_refused() {
    let scene = Scene::new();
    let index = br#"{"weight_map":{"a":"../../../../escaped.safetensors"}}"#;
    let server = crate::server::Server::start(&[
        ("config.json", b"{}"),
        ("model.safetensors.index.json", index),
        ("../../../../escaped.safetensors", b"x"),
    ]);
    let mut options = scene.options();
    options.endpoint.clone_from(&server.address);
    let hub = hub::Hub::new(options).unwrap();
    let error = hub.pull(ID, "main", &mut Silent).unwrap_err().to_string();
    assert!(error.contains("readable index"), "{error}");
    assert!(server.seen().iter().all(|seen| !seen.path.contains("escaped")));
}

#[test]
fn other_revisions_get_refs_of_their_own() {
    let scene = Scene::new();
    scene.hub().pull(ID, "refs/pr/1", &mut Silent).unwrap();
    assert_eq!(scene.hub().find(ID, "refs/pr/1").unwrap(), Some(scene.snapshot()));
    assert_eq!(scene.hub().find(ID, COMMIT).unwrap(), Some(scene.snapshot()));
    assert_eq!(scene.hub().find(ID, "main").unwrap(), None);
    assert!(scene.folder().join("refs/refs/pr/1").is_file());
}

#[test]
fn offline_finds_and_does_not_ask() {
    let scene = Scene::new();
    let mut options = scene.options();
    options.network = Network::Offline;
    let offline = hub::Hub::new(options).unwrap();
    let error = offline.pull(ID, "main", &mut Silent).unwrap_err().to_string();
    assert_eq!(
        error,
        "model org/tiny-siglip at revision main is not complete in the cache, and the network is off \
         (HF_HUB_OFFLINE)"
    );
    assert!(scene.server.seen().is_empty());
    scene.pull().unwrap();
    let before = scene.server.seen().len();
    assert_eq!(offline.pull(ID, "main", &mut Silent).unwrap(), scene.snapshot());
    assert_eq!(scene.server.seen().len(), before);
}

#[test]
fn a_model_without_what_is_needed_is_refused_by_name() {
    let scene = Scene::new();
    for (files, expected) in [
        (
            &[("config.json", &b"{}"[..]), ("pytorch_model.bin", b"x")][..],
            "model org/tiny-siglip has no model.safetensors at revision main",
        ),
        (&[(WEIGHTS, b"x")], "model org/tiny-siglip has no config.json at revision main"),
    ] {
        let server = crate::server::Server::start(files);
        let mut options = scene.options();
        options.endpoint = server.address.clone() + "/";
        let hub = hub::Hub::new(options).unwrap();
        let error = hub.pull(ID, "main", &mut Silent).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn two_pulls_at_once_download_once() {
    let scene = Scene::new();
    let waiting = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| scene.hub().pull(ID, "main", &mut CountWaiting(&waiting)).unwrap());
        }
    });
    scene.assert_complete();
    assert_eq!(scene.server.seen_for("GET", WEIGHTS).len(), 1);
}

#[test]
fn a_pull_waits_for_whoever_holds_the_lock() {
    let scene = Scene::new();
    let locks = scene.cache.path().join(".locks/models--org--tiny-siglip");
    fs_err::create_dir_all(&locks).unwrap();
    let path = locks.join(etag(WEIGHTS, &scene.weights) + ".lock");
    let held = fs_err::File::create(path).unwrap();
    held.lock().unwrap();
    let waiting = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let pull = scope.spawn(|| scene.hub().pull(ID, "main", &mut CountWaiting(&waiting)));
        while waiting.load(Ordering::SeqCst) == 0 {
            assert!(!pull.is_finished(), "the pull did not wait");
            std::thread::yield_now();
        }
        assert!(scene.server.seen_for("GET", WEIGHTS).is_empty());
        // The holder finishes the file, and only then lets go.
        fs_err::write(scene.blob(""), &scene.weights).unwrap();
        drop(held);
        pull.join().unwrap().unwrap();
    });
    assert!(scene.server.seen_for("GET", WEIGHTS).is_empty());
    scene.assert_complete();
}

struct CountWaiting<'a>(&'a AtomicUsize);

impl Progress for CountWaiting<'_> {
    fn report(&mut self, event: Event<'_>) {
        if matches!(event, Event::Waiting { .. }) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}
