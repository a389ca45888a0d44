//! Ids and revisions that are none.

use hub::{Hub, Silent};

use crate::scene::Scene;

#[test]
fn hostile_ids_are_refused_before_anything_is_touched() {
    let scene = Scene::new();
    for id in [
        "",
        "/",
        "org/",
        "/name",
        "a/b/c",
        "..",
        "../name",
        "org/..",
        "org/na..me",
        "org\\name",
        "org/na me",
        ".hidden/name",
        "org/name.",
        "-org/name",
        "org/a--b",
        "org/n%2e",
        "C:/x",
        "org/naïve",
        "org/name?x",
        "org/a\0b",
    ] {
        let error = scene.hub().pull(id, "main", &mut Silent).unwrap_err().to_string();
        assert!(error.contains("is not a model id"), "{id:?}: {error}");
        assert!(scene.hub().find(id, "main").is_err(), "{id:?}");
    }
    let long = "x".repeat(97);
    assert!(scene.hub().find(&long, "main").is_err());
    assert!(scene.hub().find(&long[..96], "main").is_ok());
    assert!(scene.server.seen().is_empty());
    assert_eq!(crate::scene::names(scene.cache.path()), [""; 0]);
}

#[test]
fn hostile_revisions_are_refused() {
    let scene = Scene::new();
    for revision in [
        "",
        "..",
        "../main",
        "refs/../..",
        "a//b",
        "/main",
        "main/",
        ".git",
        "a b",
        "a?b",
        "a\\b",
        "a#b",
    ] {
        let error = scene.hub().pull("org/name", revision, &mut Silent).unwrap_err().to_string();
        assert!(error.contains("is not a revision"), "{revision:?}: {error}");
    }
    for revision in ["main", "v1.0+build", "refs/pr/3", "0123abc"] {
        assert_eq!(scene.hub().find("org/name", revision).unwrap(), None);
    }
}

#[test]
fn an_endpoint_that_is_none_is_refused_at_once() {
    let scene = Scene::new();
    for endpoint in ["", "huggingface.co", "ftp://huggingface.co", "http://", "https:///x"] {
        let mut options = scene.options();
        options.endpoint = endpoint.to_owned();
        let error = Hub::new(options).unwrap_err().to_string();
        assert!(error.contains("is not an address of a server"), "{endpoint}: {error}");
    }
    let mut options = scene.options();
    options.proxy = Some("no proxy://".to_owned());
    assert!(Hub::new(options).is_err());
}
