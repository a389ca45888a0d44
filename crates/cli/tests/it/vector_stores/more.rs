//! Labels over stored pictures, doubles, and another model.

use serde_json::{Value, json};

use super::{PICTURES, at_rest, id, make, put, search, with_pictures};
use crate::files::shelf::Shelf;
use crate::program::Run;
use crate::serve::eventually;
use crate::serve::server::Server;
use crate::tiny::Tiny;

#[test]
fn labels_are_held_against_stored_pictures_as_against_new_ones() {
    let server = Shelf::new().serve(&[]);
    let (store, files) = with_pictures(&server);
    let text = put(&server, "note.txt", b"a note");
    server
        .post(&format!("/v1/vector_stores/{store}/files"), &json!({ "file_id": text }))
        .with_status(200);
    at_rest(&server, &store);
    let path = format!("/v1/vector_stores/{store}/classify");
    let labels = json!(["cat", "dog", { "name": "red", "prompts": ["something red"] }]);
    let set = server
        .post("/v1/label_sets", &json!({ "name": "x", "labels": labels }))
        .with_status(200)
        .json();
    for body in
        [json!({ "labels": labels, "top_k": 3 }), json!({ "label_set": id(&set), "top_k": 3 })]
    {
        let stored = server.post(&path, &body).with_status(200).json();
        let data = stored["data"].as_array().unwrap();
        assert_eq!(data.len(), 3, "texts are left out: {stored}");
        let mut fresh = body.clone();
        fresh["input"] = files.iter().map(|file| json!({ "image": file })).collect();
        let fresh = server.post("/v1/classify", &fresh).with_status(200).json();
        assert_eq!(
            (&stored["score_mode"], &stored["label_set"]),
            (&fresh["score_mode"], &fresh["label_set"])
        );
        for (place, one) in data.iter().enumerate() {
            assert_eq!(one["file_id"], files[place], "in the order in which they were added");
            let wanted = fresh["data"][place]["predictions"].as_array().unwrap();
            for prediction in one["predictions"].as_array().unwrap() {
                let wanted =
                    wanted.iter().find(|wanted| wanted["label"] == prediction["label"]).unwrap();
                let off =
                    prediction["cosine"].as_f64().unwrap() - wanted["cosine"].as_f64().unwrap();
                assert!(off.abs() < 2e-3, "half precision: {prediction} {wanted}");
            }
        }
    }
    // In pages, and of some alone.
    let mut seen = Vec::new();
    let mut page = Value::Null;
    loop {
        let body = json!({ "labels": ["cat"], "limit": 1, "page": page });
        let reply = server.post(&path, &body).with_status(200).json();
        seen.extend(reply["data"].as_array().unwrap().iter().map(|one| one["file_id"].clone()));
        page = reply["next_page"].clone();
        assert_eq!(page.is_null(), reply["has_more"] == false);
        if page.is_null() {
            break;
        }
    }
    assert_eq!(json!(seen), json!(files));
    let change = format!("/v1/vector_stores/{store}/files/{}", files[1]);
    server.post(&change, &json!({ "attributes": { "n": 1 } })).with_status(200);
    let filter = json!({ "type": "eq", "key": "n", "value": 1 });
    let some = server
        .post(&path, &json!({ "labels": ["cat"], "filters": filter }))
        .with_status(200)
        .json();
    assert_eq!(
        (some["data"].as_array().unwrap().len(), &some["data"][0]["file_id"]),
        (1, &json!(files[1]))
    );
    server.post(&path, &json!({})).with_status(400);
    server.post(&path, &json!({ "labels": ["a"], "label_set": id(&set) })).with_status(400);
}

#[test]
fn doubles_are_found_in_groups() {
    let server = Shelf::new().serve(&[]);
    let (store, files) = with_pictures(&server);
    let path = format!("/v1/vector_stores/{store}/duplicates");
    let none = server.post(&path, &json!({ "threshold": 0.9999 })).with_status(200).json();
    assert_eq!((&none["pictures"], &none["groups"]), (&json!(3), &json!([])));
    // The same pixels in other bytes.
    let mut bytes = fs_err::read(crate::tiny::picture(PICTURES[1])).unwrap();
    bytes.push(0);
    let double = put(&server, "copy.png", &bytes);
    server
        .post(&format!("/v1/vector_stores/{store}/files"), &json!({ "file_id": double }))
        .with_status(200);
    at_rest(&server, &store);
    let some = server.post(&path, &json!({ "threshold": 0.9999 })).with_status(200).json();
    assert_eq!(
        (&some["object"], &some["pictures"], &some["has_more"]),
        (&json!("vector_store.duplicates"), &json!(4), &json!(false))
    );
    let groups = some["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "{some}");
    assert_eq!(
        (&groups[0][0]["file_id"], &groups[0][1]["file_id"]),
        (&json!(files[1]), &json!(double))
    );
    assert!(groups[0][1]["cosine"].as_f64().unwrap() > 0.9999);
    server.post(&path, &json!({ "threshold": 2 })).with_status(400);
}

/// A server of models.
pub(super) fn of_two(shelf: &Shelf, models: [(&str, &Tiny); 2], arguments: &[&str]) -> Server {
    let models = models.map(|(name, tiny)| format!("{name}={}", tiny.path().display()));
    let run = Run::new(["serve", "--model", &models[0], "--model", &models[1]]);
    let run = run.variable("POLYSIGHT_DATA_FOLDER", shelf.folder.path());
    Server::start(arguments.iter().fold(run, Run::argument))
}

#[test]
fn a_store_answers_all_the_while_that_it_moves_to_another_model() {
    let shelf = Shelf::new();
    let (one, two) = (Tiny::new(), Tiny::otherwise_prepared());
    let server = of_two(&shelf, [("one", &one), ("two", &two)], &[]);
    let copies = (0..40).map(|number| {
        let mut bytes = fs_err::read(crate::tiny::picture(PICTURES[number % 3])).unwrap();
        bytes.push(number as u8);
        put(&server, "a.png", &bytes)
    });
    let files = copies.collect::<Vec<_>>();
    let store = make(&server, &json!({ "file_ids": files[..39] }));
    let store = id(&store).to_owned();
    at_rest(&server, &store);
    let path = format!("/v1/vector_stores/{store}");
    let answer = server.post(&format!("{path}/search"), &json!({ "query": "a", "model": "two" }));
    assert_eq!(answer.with_status(400).code(), "vector_store_of_other_model");
    let begun =
        server.post(&format!("{path}/reindex"), &json!({ "model": "two" })).with_status(200).json();
    assert_eq!((&begun["model"], &begun["reindex"]["model"]), (&json!("one"), &json!("two")));
    server.post(&format!("{path}/files"), &json!({ "file_id": files[39] })).with_status(200);
    let query = json!({ "query": "a", "max_num_results": 50 });
    let mut models = Vec::new();
    eventually("it has moved and has the file that came meanwhile", || {
        let reply = search(&server, &store, &query);
        let count = reply["data"].as_array().unwrap().len();
        assert!(count >= 39, "{count}");
        models.push(reply["model"] == "two");
        reply["model"] == "two" && count == 40
    });
    assert!(models.is_sorted(), "never back: {models:?}");
    assert_eq!(at_rest(&server, &store)["file_counts"]["completed"], 40);
    for file in [&files[0], &files[39]] {
        let itself = search(&server, &store, &json!({ "query": file, "max_num_results": 1 }));
        assert!(itself["data"][0]["cosine"].as_f64().unwrap() > 0.999, "{itself}");
    }
}

#[test]
fn a_store_whose_model_is_not_what_it_was_moves_to_what_is_served() {
    let (shelf, tiny) = (Shelf::new(), Tiny::new());
    let server = of_two(&shelf, [("one", &tiny), ("two", &tiny)], &[]);
    let (store, files) = with_pictures(&server);
    let path = format!("/v1/vector_stores/{store}/reindex");
    assert_eq!(server.post(&path, &json!({})).with_status(400).code(), "missing_field");
    assert_eq!(
        server.post(&path, &json!({ "model": "three" })).with_status(404).code(),
        "model_not_found"
    );
    // Two names of the same numbers.
    let same = server.post(&path, &json!({ "model": "two" })).with_status(400);
    assert_eq!(same.code(), "vector_store_of_this_model");
    let before = server.get(&format!("/v1/vector_stores/{store}")).json();
    drop(server);
    let models = [("one", &tiny), ("coarse", &tiny)];
    let server = of_two(&shelf, models, &["--precision", "int8"]);
    let query = json!({ "query": files[0], "max_num_results": 3 });
    let refused =
        server.post(&format!("/v1/vector_stores/{store}/search"), &query).with_status(400);
    assert_eq!(refused.code(), "vector_store_of_other_model");
    let moving = server.post(&path, &json!({ "model": "coarse" })).with_status(200).json();
    assert_eq!(moving["reindex"]["status"], "in_progress");
    let mut after = Value::Null;
    eventually("the store has moved", || {
        after = server.get(&format!("/v1/vector_stores/{store}")).with_status(200).json();
        after.get("reindex").is_none()
    });
    assert_eq!(
        (&after["model"], &after["file_counts"]["completed"]),
        (&json!("coarse"), &json!(3))
    );
    assert_ne!(after["system_fingerprint"], before["system_fingerprint"]);
    let reply = search(&server, &store, &query);
    assert_eq!(reply["data"][0]["file_id"], files[0]);
    assert_eq!(reply["data"].as_array().unwrap().len(), 3);
    let place = shelf.folder.path().join("indexes").join(&store);
    eventually("the index of the model before is gone", || !place.join("1").exists());
    assert!(place.join("2").exists());
    let other = make(&server, &json!({ "model": "coarse" }));
    assert_eq!(other["model"], "coarse");
}
