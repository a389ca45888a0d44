//! What is made, kept, named, listed and deleted.

use serde_json::{Value, json};

use super::{classify, delete, id, make, of, uri};
use crate::files::shelf::{Shelf, put};
use crate::serve::client::Request;

#[test]
fn a_set_has_versions_that_stay_and_names_that_move() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let first = make(&server, &json!({ "name": "Animals", "labels": ["cat", "dog"], "typo": 1 }));
    let set = id(&first);
    assert_eq!(
        (&first["object"], &first["version"], &first["label_count"]),
        (&json!("label_set"), &json!(1), &json!(2))
    );
    assert_eq!(first["templates"], json!(["This is a photo of {}."]));
    let next = json!({ "id": set, "labels": ["cat", "dog", "cow"], "aliases": ["production"] });
    let second = make(&server, &next);
    assert_eq!((&second["id"], &second["version"]), (&json!(set), &json!(2)));
    let get = |path: &str| server.get(&format!("/v1/label_sets/{path}"));
    let version = |reference: &str| get(reference).with_status(200).json()["version"].clone();
    assert_eq!(version(set), 2);
    assert_eq!(version(&format!("{set}@1")), 1);
    assert_eq!(version(&format!("{set}@production")), 2);
    let change = |body: &Value| server.post(&format!("/v1/label_sets/{set}"), body);
    let moved =
        change(&json!({ "aliases": { "production": 1, "old": 1 } })).with_status(200).json();
    assert_eq!(moved["aliases"], json!({ "old": 1, "production": 1 }));
    assert_eq!(version(&format!("{set}@production")), 1);
    change(&json!({ "aliases": { "old": null } })).with_status(200);
    assert_eq!(
        change(&json!({ "aliases": { "x": 3 } })).with_status(404).code(),
        "label_set_not_found"
    );
    for bad in [
        json!({}),
        json!({ "aliases": ["x"] }),
        json!({ "aliases": { "3": 1 } }),
        json!({ "aliases": { "X": 1 } }),
        json!({ "aliases": { "x": "1" } }),
        json!({ "aliases": { "x": 0 } }),
    ] {
        change(&bad).with_status(400);
    }
    let versions = get(&format!("{set}/versions")).with_status(200).json();
    let numbers =
        versions["data"].as_array().unwrap().iter().map(|version| version["version"].clone());
    assert_eq!(numbers.collect::<Vec<_>>(), [2, 1]);
    assert_eq!(versions["data"][0].get("groups"), None, "lists are without labels");
    // What is given back may be sent again.
    let mut again = get(set).with_status(200).json();
    again
        .as_object_mut()
        .unwrap()
        .retain(|name, _| ["name", "groups", "templates"].contains(&name.as_str()));
    let copy = make(&server, &again);
    assert_eq!(copy["groups"], second["groups"]);
    let list = server.get("/v1/label_sets?limit=1").with_status(200).json();
    assert_eq!((&list["first_id"], &list["has_more"]), (&copy["id"], &json!(true)));
    let rest = server.get(&format!("/v1/label_sets?after={}", id(&copy))).with_status(200).json();
    assert_eq!((&rest["data"][0]["id"], &rest["has_more"]), (&json!(set), &json!(false)));
    for bad in ["limit=0", "limit=101", "limit=x", "order=up"] {
        server.get(&format!("/v1/label_sets?{bad}")).with_status(400);
    }
    let gone = delete(&server, &format!("/v1/label_sets/{set}")).with_status(200).json();
    assert_eq!(gone, json!({ "id": set, "object": "label_set.deleted", "deleted": true }));
    assert_eq!(
        delete(&server, &format!("/v1/label_sets/{set}")).with_status(404).code(),
        "label_set_not_found"
    );
    // Also where its vectors are known.
    let body = json!({ "input": "a", "label_set": format!("{set}@1") });
    let answer = server.post("/v1/classify", &body).with_status(404);
    assert_eq!(answer.json()["error"]["param"], "label_set");
}

#[test]
fn what_is_no_label_set_is_refused_and_named() {
    let server = Shelf::new().serve(&["--max-labels", "3"]);
    let set = make(&server, &json!({ "name": "x", "labels": ["a"] }));
    for (body, code) in [
        (json!({ "labels": ["a"] }), "missing_field"),
        (json!({ "name": " ", "labels": ["a"] }), "invalid_value"),
        (json!({ "name": "x" }), "missing_field"),
        (json!({ "name": "x", "labels": ["a", "b", "c", "d"] }), "too_many_labels"),
        (json!({ "name": "x", "labels": ["a", "a"] }), "duplicate_name"),
        (json!({ "name": "x", "labels": [{ "name": "a", "prompt": "b" }] }), "unknown_field"),
        (json!({ "name": "x", "labels": ["a"], "aliases": ["3"] }), "invalid_value"),
        (json!({ "id": format!("{}@1", id(&set)), "labels": ["a"] }), "invalid_value"),
        (json!({ "name": "x", "labels": [{ "name": "a", "examples": ["!"] }] }), "invalid_image"),
        (
            json!({ "name": "x", "labels": [{ "name": "a", "examples": [{ "text": "b" }] }] }),
            "invalid_value",
        ),
    ] {
        let answer = server.post("/v1/label_sets", &body).with_status(400);
        assert_eq!(answer.code(), code, "{body}");
    }
    let example = |example: &str| {
        let body = json!({ "name": "x", "labels": [{ "name": "a", "examples": [example] }] });
        server.post("/v1/label_sets", &body)
    };
    assert_eq!(example("bm8gaW1hZ2U=").with_status(415).code(), "image_unsupported");
    assert_eq!(example("file-0").with_status(404).code(), "file_not_found");
    let answer = example(&format!("sha256:{}", "0".repeat(64))).with_status(404);
    assert_eq!(answer.json()["error"]["param"], "labels[0].examples[0]");
    let absent = json!({ "id": "ls_0", "labels": ["a"] });
    assert_eq!(
        server.post("/v1/label_sets", &absent).with_status(404).code(),
        "label_set_not_found"
    );
    let list = server.get("/v1/label_sets").with_status(200).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "nothing of it was kept");
}

#[test]
fn examples_stay_with_their_version_whatever_becomes_of_their_files() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let picture = fs_err::read(crate::tiny::picture("rgb_61x37.png")).unwrap();
    let file = put(&server, "vision", "a.png", &picture).with_status(200).json();
    let file = file["id"].as_str().unwrap();
    let plain = make(&server, &json!({ "name": "plain", "labels": ["cat", "dog"] }));
    let body = json!({ "name": "shown", "labels": ["cat", { "name": "dog", "examples": [file] }] });
    let shown = make(&server, &body);
    let hash = shown["groups"][0]["labels"][1]["examples"][0].as_str().unwrap().to_owned();
    assert!(hash.starts_with("sha256:") && hash.len() == 71, "{hash}");
    assert_eq!(shown["usage"]["images"], 1);
    delete(&server, &format!("/v1/files/{file}")).with_status(200);
    let seen = classify(&server, id(&shown), "rgb_61x37.png");
    let before = classify(&server, id(&plain), "rgb_61x37.png");
    let probability = |reply: &Value| of(reply, "dog")["probability"].as_f64().unwrap();
    // The example itself is as likely as not, if it was not likelier before.
    let expected = probability(&before).max(0.5);
    assert!((probability(&seen) - expected).abs() < 1e-3, "{before} {seen}");
    assert_eq!(
        of(&seen, "cat")["logit"],
        of(&before, "cat")["logit"],
        "the others are as they were"
    );
    // The next version may name what the set has already, and only this set may.
    let again =
        json!({ "id": id(&shown), "labels": [{ "name": "dog", "examples": [hash] }, "cow"] });
    let next = make(&server, &again);
    assert_eq!(next["usage"]["images"], 0);
    let elsewhere = json!({ "id": id(&plain), "labels": [{ "name": "dog", "examples": [hash] }] });
    assert_eq!(
        server.post("/v1/label_sets", &elsewhere).with_status(404).code(),
        "image_not_found"
    );
    let seen = seen["data"].clone();
    let reference = format!("{}@1", id(&shown));
    // Another server has no vectors yet.
    drop(server);
    let server = shelf.serve(&[]);
    assert_eq!(classify(&server, &reference, "rgb_61x37.png")["data"], seen);
}

#[test]
fn every_example_of_the_document_is_a_label_set() {
    let server = Shelf::new().serve(&[]);
    let document = server.get("/openapi.json").with_status(200).json();
    let examples = |path: &str| {
        let body = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"];
        let examples = body["examples"].as_object().unwrap().values();
        examples.map(|example| example["value"].clone()).collect::<Vec<_>>()
    };
    let sets =
        examples("/v1/label_sets").iter().map(|body| make(&server, body)).collect::<Vec<_>>();
    assert_eq!(sets.len(), 2);
    for change in examples("/v1/label_sets/{id}") {
        let path = format!("/v1/label_sets/{}", id(&sets[0]));
        server.post(&path, &change).with_status(200);
        // Every other method is refused.
        server.ask(&Request::new("PUT", &path)).with_status(405);
    }
    let grouped = sets.iter().find(|set| set["groups"].as_array().unwrap().len() > 1).unwrap();
    let seen = classify(&server, id(grouped), "rgb_61x37.png");
    assert_eq!(seen["score_mode"], "by_group");
    let body = json!({ "input": [uri("rgb_61x37.png")], "label_set": format!("{}@staging", id(&sets[0])) });
    server.post("/v1/classify", &body).with_status(404);
}
