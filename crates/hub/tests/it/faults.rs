//! Servers that drop, stall, lie and refuse.

use hub::{Hub, HubError, Silent};

use crate::scene::{Recorded, Scene, WEIGHTS};
use crate::server::{Fault, ID};

fn ranges(scene: &Scene) -> Vec<Option<String>> {
    scene
        .server
        .seen_for("GET", WEIGHTS)
        .into_iter()
        .map(|mut seen| seen.headers.remove("range"))
        .collect()
}

#[test]
fn dropped_connections_are_resumed_for_as_long_as_something_arrives() {
    let scene = Scene::new();
    // Seven drops are more than the three attempts, but each of them brought something.
    scene.server.plan("GET", WEIGHTS, Fault::DropAfter(100_000), 7);
    let mut events = Recorded::default();
    scene.hub().pull(ID, "main", &mut events).unwrap();
    scene.assert_complete();
    let ranges = ranges(&scene);
    assert_eq!(ranges.len(), 8);
    assert_eq!(ranges[0], None);
    assert_eq!(ranges[1].as_deref(), Some("bytes=100000-"));
    assert_eq!(ranges[7].as_deref(), Some("bytes=700000-"));
    assert_eq!(events.count("Retrying", WEIGHTS), 7);
}

#[test]
fn drops_that_bring_nothing_end_the_pull_and_leave_the_part() {
    let scene = Scene::new();
    scene.server.plan("GET", WEIGHTS, Fault::DropAfter(100_000), 1);
    scene.server.plan("GET", WEIGHTS, Fault::DropAfter(0), 99);
    let error = scene.pull().unwrap_err();
    assert!(matches!(error, HubError::Network { .. }), "{error}");
    assert_eq!(ranges(&scene).len(), 4);
    let part = fs_err::read(scene.blob(".incomplete")).unwrap();
    assert!(part == scene.weights[..100_000]);
    assert_eq!(scene.hub().find(ID, "main").unwrap(), None);
    assert!(!scene.folder().join("refs").exists());
}

#[test]
fn a_part_of_a_killed_process_is_continued() {
    let scene = Scene::new();
    scene.leave_part(&scene.weights[..654_321]);
    scene.pull().unwrap();
    assert_eq!(ranges(&scene), [Some("bytes=654321-".to_owned())]);
    scene.assert_complete();
}

#[test]
fn a_part_that_has_everything_only_gets_its_name() {
    let scene = Scene::new();
    scene.leave_part(&scene.weights);
    scene.pull().unwrap();
    assert!(ranges(&scene).is_empty());
    scene.assert_complete();
}

#[test]
fn a_part_that_is_too_long_is_begun_anew() {
    let scene = Scene::new();
    scene.leave_part(&[&scene.weights[..], b"more"].concat());
    scene.pull().unwrap();
    assert_eq!(ranges(&scene), [None]);
    scene.assert_complete();
}

#[test]
fn a_part_with_wrong_bytes_is_deleted_and_the_next_pull_succeeds() {
    let scene = Scene::new();
    scene.leave_part(b"something else");
    let error = scene.pull_error();
    assert!(error.starts_with("model.safetensors: the hash is "), "{error}");
    assert!(!scene.blob(".incomplete").exists() && !scene.blob("").exists());
    scene.pull().unwrap();
    scene.assert_complete();
}

#[test]
fn a_server_that_ignores_ranges_makes_the_download_start_over() {
    let scene = Scene::new();
    scene.leave_part(&scene.weights[..654_321]);
    scene.server.plan("GET", WEIGHTS, Fault::IgnoreRange, 1);
    scene.pull().unwrap();
    assert_eq!(ranges(&scene).len(), 1);
    scene.assert_complete();
}

#[test]
fn a_range_that_was_not_asked_for_is_not_appended() {
    let scene = Scene::new();
    scene.leave_part(&scene.weights[..654_321]);
    scene.server.plan("GET", WEIGHTS, Fault::OtherRange, 1);
    scene.pull().unwrap();
    assert_eq!(ranges(&scene).len(), 2);
    scene.assert_complete();
}

#[test]
fn a_stalled_server_counts_as_a_drop() {
    let scene = Scene::new();
    scene.server.plan("GET", WEIGHTS, Fault::StallAfter(400_000), 1);
    scene.pull().unwrap();
    assert_eq!(ranges(&scene).len(), 2);
    scene.assert_complete();

    // One that never says a word.
    let scene = Scene::new();
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = scene.options();
    options.endpoint = format!("http://{}", deaf.local_addr().unwrap());
    let hub = Hub::new(options).unwrap();
    let error = hub.pull(ID, "main", &mut Silent).unwrap_err();
    assert!(matches!(error, HubError::Network { .. }), "{error}");
}

#[test]
fn a_wrong_hash_deletes_the_download() {
    for file in [WEIGHTS, "config.json"] {
        let scene = Scene::new();
        scene.server.plan("GET", file, Fault::Corrupt, 1);
        let error = scene.pull().unwrap_err();
        assert!(matches!(error, HubError::Hash { .. }), "{error}");
        let message = error.to_string();
        assert!(message.starts_with(&format!("{file}: the hash is ")), "{message}");
        assert!(message.ends_with("the download was deleted"), "{message}");
        let blobs = crate::scene::names(&scene.folder().join("blobs"));
        assert!(blobs.iter().all(|blob| !blob.ends_with(".incomplete")), "{blobs:?}");
        assert_eq!(scene.hub().find(ID, "main").unwrap(), None);
        scene.pull().unwrap();
        scene.assert_complete();
    }
}

#[test]
fn a_wrong_length_is_an_error() {
    for (fault, found) in [
        (Fault::LongerBy(7), "1000010"),
        (Fault::LongerBy(-7), "999996"),
        (Fault::Endless, "2000006"),
    ] {
        let scene = Scene::new();
        scene.server.plan("GET", WEIGHTS, fault, 1);
        let error = scene.pull().unwrap_err();
        assert!(matches!(error, HubError::Length { .. }), "{fault:?}: {error}");
        let message = error.to_string();
        assert!(
            message.starts_with("model.safetensors: ")
                && message.ends_with("1000003 were announced"),
            "{message}"
        );
        if fault != Fault::Endless {
            assert!(message.contains(found), "{message}");
        }
        scene.pull().unwrap();
        scene.assert_complete();
    }
}

#[test]
fn a_body_that_ends_early_without_a_word_is_resumed() {
    let scene = Scene::new();
    scene.server.plan("GET", WEIGHTS, Fault::UnannouncedOnly(123_456), 2);
    scene.pull().unwrap();
    assert_eq!(ranges(&scene)[2].as_deref(), Some("bytes=246912-"));
    scene.assert_complete();
}

#[test]
fn a_file_that_shrank_behind_its_announcement_does_not_loop_for_ever() {
    let scene = Scene::new();
    // Announced longer than it is, and every resumption ends with 416: each restart must count as a failure.
    scene.server.plan("HEAD", WEIGHTS, Fault::LongerBy(5), 99);
    scene.server.plan("GET", WEIGHTS, Fault::UnannouncedOnly(usize::MAX), 999);
    let error = scene.pull().unwrap_err();
    assert!(matches!(error, HubError::Network { .. }), "{error}");
    assert!(ranges(&scene).len() < 12, "{} requests", ranges(&scene).len());
}

#[test]
fn refusals_say_what_to_do() {
    let scene = Scene::new();
    scene.server.require_token("hf_secret");
    let error = scene.pull_error();
    assert!(error.contains("refuses model org/tiny-siglip at revision main (HTTP 401)"), "{error}");
    assert!(error.contains("gated or private") && error.contains("HF_TOKEN"), "{error}");
    // No attempt is repeated that cannot succeed.
    assert_eq!(scene.server.seen().len(), 1);

    let mut options = scene.options();
    options.token = hub::Token::new("hf_secret\n", "HF_TOKEN").unwrap();
    Hub::new(options).unwrap().pull(ID, "main", &mut Silent).unwrap();
    scene.assert_complete();

    let scene = Scene::new();
    scene.server.plan("HEAD", WEIGHTS, Fault::Status(403), 1);
    let error = scene.pull_error();
    assert!(error.contains("refuses model.safetensors (HTTP 403)"), "{error}");
}

#[test]
fn what_is_not_there_is_named() {
    let scene = Scene::new();
    let hub = scene.hub();
    let missing =
        |id: &str, revision: &str| hub.pull(id, revision, &mut Silent).unwrap_err().to_string();
    let endpoint = &scene.server.address;
    assert_eq!(
        missing("org/other", "main"),
        format!("model org/other at revision main was not found on {endpoint}")
    );
    assert_eq!(
        missing(ID, "v9"),
        format!("model org/tiny-siglip at revision v9 was not found on {endpoint}")
    );
    scene.server.plan("HEAD", "config.json", Fault::Status(404), 1);
    assert_eq!(
        missing(ID, "main"),
        format!("preprocessor_config.json was not found on {endpoint}")
            .replace("preprocessor_", "")
    );
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let scene = Scene::new();
    for (method, path) in [("GET", "revision/main"), ("HEAD", WEIGHTS), ("GET", WEIGHTS)] {
        scene.server.plan(method, path, Fault::Status(503), 1);
        scene.server.plan(method, path, Fault::Status(429), 1);
    }
    let mut events = Recorded::default();
    scene.hub().pull(ID, "main", &mut events).unwrap();
    assert_eq!(events.count("Retrying", ID), 2);
    assert_eq!(events.count("Retrying", WEIGHTS), 4);
    scene.assert_complete();

    let scene = Scene::new();
    scene.server.plan("GET", "revision/main", Fault::Status(500), 99);
    assert!(scene.pull_error().ends_with("/revision/main: HTTP 500"));
    assert_eq!(scene.server.seen().len(), 3);
}

#[test]
fn a_reply_that_is_no_list_of_files_is_refused() {
    for (reply, expected) in [
        ("<html>\n<b>captive portal</b>", "not a list of files: "),
        (r#"{"siblings":[]}"#, "missing field `sha`"),
        (r#"{"sha":"../../up","siblings":[]}"#, "\"../../up\" is not a commit"),
        (r#"{"sha":"","siblings":[]}"#, "\"\" is not a commit"),
    ] {
        let scene = Scene::new();
        let list = "revision/main";
        scene.server.plan("GET", list, Fault::Reply(reply), 1);
        let error = scene.pull_error();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        assert_eq!(crate::scene::names(scene.cache.path()), [""; 0]);
    }
}

#[test]
fn nobody_there_is_an_error_with_the_address() {
    let scene = Scene::new();
    let mut options = scene.options();
    // A port that was just free.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    options.endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let endpoint = options.endpoint.clone();
    let error = Hub::new(options).unwrap().pull(ID, "main", &mut Silent).unwrap_err();
    assert!(error.to_string().starts_with(&endpoint), "{error}");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let scene = Scene::new();
    // A file where the cache's folder should be: the same as no permission, and it also stops root.
    fs_err::write(scene.folder(), b"").unwrap();
    let error = scene.pull().unwrap_err();
    assert!(matches!(error, HubError::Io(_)), "{error}");
    let path = scene.folder().display().to_string();
    assert!(error.to_string().contains(&path), "{error}");
}
