//! Redirects, and where the token goes.

use hub::{Hub, HubError, Silent, Token};

use crate::scene::{Scene, WEIGHTS};
use crate::server::{Fault, ID, Server};

fn with_token(scene: &Scene) -> Hub {
    let mut options = scene.options();
    options.token = Token::new("hf_secret", "HF_TOKEN").unwrap();
    Hub::new(options).unwrap()
}

#[test]
fn the_token_stays_with_the_endpoint() {
    let scene = Scene::new();
    let storage = Server::start(&[(WEIGHTS, &scene.weights), ("spiece.model", b"pieces")]);
    scene.server.store_weights_at(&storage.address);
    scene.server.require_token("hf_secret");
    storage.plan("GET", WEIGHTS, Fault::DropAfter(300_000), 1);
    with_token(&scene).pull(ID, "main", &mut Silent).unwrap();
    scene.assert_complete();

    let stored = storage.seen();
    assert_eq!(storage.seen_for("GET", WEIGHTS).len(), 2);
    assert_eq!(stored.len(), 3, "the storage is asked for contents only");
    for seen in stored {
        assert!(!seen.headers.contains_key("authorization"), "{seen:?}");
    }
    // The resumption went through the endpoint again, with the token, and carried the range to the storage.
    let ranges: Vec<_> =
        storage.seen().into_iter().filter_map(|seen| seen.headers.get("range").cloned()).collect();
    assert_eq!(ranges, ["bytes=300000-"]);
}

#[test]
fn redirects_within_the_endpoint_keep_the_token() {
    for location in ["/storage/{file}", "../../../../storage/{file}"] {
        let scene = Scene::new();
        if location.starts_with("..") {
            // Joined as it stands; the server resolves it no further, so that this one is not found.
            scene.server.redirect_files_to(location);
            assert!(matches!(scene.pull().unwrap_err(), HubError::NotFound { .. }));
            continue;
        }
        scene.server.redirect_files_to(location);
        scene.server.require_token("hf_secret");
        with_token(&scene).pull(ID, "main", &mut Silent).unwrap();
        scene.assert_complete();
    }
}

#[test]
fn redirects_that_lead_nowhere_are_errors() {
    for (location, expected) in [
        ("/{file}/resolve", "was not found"),
        ("ftp://127.0.0.1/{file}", "a redirect to no address"),
        ("http://", "a redirect to no address"),
    ] {
        let scene = Scene::new();
        scene.server.redirect_files_to(location);
        let error = scene.pull_error();
        assert!(error.contains(expected), "{location}: {error}");
    }
    let scene = Scene::new();
    let around = format!("/{ID}/resolve/{}/{{file}}", crate::server::COMMIT);
    scene.server.redirect_files_to(&around);
    assert!(scene.pull_error().ends_with("more than 8 redirects"));
}

#[test]
fn errors_do_not_show_the_signature_of_an_address() {
    let scene = Scene::new();
    let storage = Server::start(&[(WEIGHTS, &scene.weights), ("spiece.model", b"pieces")]);
    scene.server.store_weights_at(&storage.address);
    storage.plan("GET", WEIGHTS, Fault::Status(403), 99);
    let error = scene.pull_error();
    assert_eq!(error, format!("{}/storage/{WEIGHTS}: HTTP 403", storage.address));
    // Three attempts, each through the endpoint, which would sign anew.
    assert_eq!(scene.server.seen_for("GET", WEIGHTS).len(), 3);
}

#[test]
fn a_token_does_not_print_itself() {
    let token = Token::new(" hf_secret\n", "HF_TOKEN").unwrap().unwrap();
    assert_eq!(format!("{token:?}"), "Token(hidden)");
    assert_eq!(Token::new(" \n", "HF_TOKEN").unwrap(), None);
    let error = Token::new("hf\r\nHost: evil", "HF_TOKEN").unwrap_err().to_string();
    assert_eq!(error, "the access token in HF_TOKEN has characters that no token has");
}
