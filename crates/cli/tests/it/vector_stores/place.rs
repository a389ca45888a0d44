//! Where the vectors of stores are.

use serde_json::json;

use super::{PICTURES, delete, found, search, with_pictures};
use crate::files::shelf::Shelf;
use crate::program::Run;

#[test]
fn a_store_stays_where_it_was_begun() {
    let Some(url) = super::qdrant() else { return };
    let shelf = Shelf::new();
    let there = ["--qdrant", &url];
    let folders = || {
        let folders = fs_err::read_dir(shelf.folder.path().join("indexes"));
        folders.map(Iterator::count).unwrap_or_default()
    };
    let query = json!({ "query": "a" });
    let server = shelf.serve(&there);
    let (remote, _) = with_pictures(&server);
    assert_eq!(folders(), 0, "the vectors are elsewhere");
    let expected = search(&server, &remote, &query);
    assert_eq!(found(&expected).len(), PICTURES.len());
    drop(server);
    // Without the Qdrant a new store is in files, and the old one says what is missing.
    let server = shelf.serve(&[]);
    let (local, _) = with_pictures(&server);
    assert_eq!(folders(), 1);
    let path = format!("/v1/vector_stores/{remote}/search");
    let answer = server.post(&path, &query).with_status(503);
    assert_eq!(answer.code(), "index_unavailable");
    drop(server);
    // With it again both answer, and go.
    let server = shelf.serve(&there);
    let again = search(&server, &remote, &query);
    assert_eq!(again["data"], expected["data"]);
    assert_eq!(found(&search(&server, &local, &query)).len(), PICTURES.len());
    for store in [&remote, &local] {
        delete(&server, &format!("/v1/vector_stores/{store}")).with_status(200);
    }
    crate::serve::eventually("the files go too", || folders() == 0);
}

#[test]
fn a_qdrant_that_does_not_answer_is_in_the_log_and_files_wait() {
    let shelf = Shelf::new();
    // Nobody listens there.
    let server = shelf.serve(&["--qdrant", "http://127.0.0.1:9"]);
    crate::serve::eventually("the log names it", || {
        let log = server.log();
        log.contains("http://127.0.0.1:9") && log.contains("WARN")
    });
    let file = super::upload(&server, PICTURES[0]);
    let store = super::make(&server, &json!({ "file_ids": [file] }));
    let path = format!("/v1/vector_stores/{}", super::id(&store));
    let answer = server.post(&format!("{path}/search"), &json!({ "query": "a" })).with_status(503);
    assert_eq!(answer.code(), "index_unavailable");
    let waiting = server.get(&path).with_status(200).json();
    assert_eq!(waiting["file_counts"]["in_progress"], 1);
}

#[test]
fn an_address_that_is_none_is_refused_before_the_server_starts() {
    for url in ["localhost:6333", "http://user:secret@localhost:6333"] {
        let ended = Run::new(["serve", "--qdrant", url]).finish();
        ended.usage_error("--qdrant: ");
        assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    }
}
