//! What is made, changed, listed and taken away.

use serde_json::{Value, json};

use super::{PICTURES, at_rest, delete, found, id, make, put, search, upload, with_pictures};
use crate::files::shelf::Shelf;
use crate::serve::client::Request;
use crate::serve::eventually;

#[test]
fn a_store_is_made_changed_listed_and_deleted() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let body = json!({
        "name": "Holiday", "metadata": { "year": "2026" }, "typo": 1,
        "expires_after": { "anchor": "last_active_at", "days": 7 },
    });
    let made = server.post("/v1/vector_stores", &body).with_status(200);
    assert_eq!(made.header("x-ignored-params"), Some("typo"));
    let made = made.json();
    assert_eq!(
        (&made["object"], &made["status"], &made["model"], &made["metadata"]),
        (&json!("vector_store"), &json!("completed"), &json!("tiny"), &json!({ "year": "2026" }))
    );
    let active = made["last_active_at"].as_i64().unwrap();
    assert_eq!(made["expires_at"], active + 7 * 86_400);
    let path = format!("/v1/vector_stores/{}", id(&made));
    assert_eq!(server.get(&path).with_status(200).json(), made);
    let changed = server.post(&path, &json!({ "name": "Holidays", "expires_after": null }));
    let changed = changed.with_status(200).json();
    assert_eq!((&changed["name"], changed.get("expires_at")), (&json!("Holidays"), None));
    assert_eq!(changed["metadata"], made["metadata"], "what is not named stays");
    let others = ["a", "b", "c"].map(|name| make(&server, &json!({ "name": name })));
    let page = |query: &str| {
        let page = server.get(&format!("/v1/vector_stores?{query}")).with_status(200).json();
        let names = page["data"].as_array().unwrap().iter().map(|store| store["name"].clone());
        (names.collect::<Vec<_>>(), page["has_more"].clone())
    };
    assert_eq!(page("limit=2"), (vec![json!("c"), json!("b")], json!(true)));
    assert_eq!(
        page(&format!("after={}", id(&others[1]))),
        (vec![json!("a"), json!("Holidays")], json!(false))
    );
    assert_eq!(page("order=asc&limit=1").0, ["Holidays"]);
    // What stands right before it, in the order of the list.
    assert_eq!(
        page(&format!("before={}&limit=1", id(&others[0]))),
        (vec![json!("b")], json!(true))
    );
    let gone = delete(&server, &path).with_status(200).json();
    assert_eq!(gone, json!({ "id": id(&made), "object": "vector_store.deleted", "deleted": true }));
    assert_eq!(server.get(&path).with_status(404).code(), "vector_store_not_found");
    assert_eq!(delete(&server, &path).with_status(404).code(), "vector_store_not_found");
}

#[test]
fn what_makes_no_sense_is_refused_and_named() {
    let server = Shelf::new().serve(&[]);
    for (body, param) in [
        (json!({ "name": 3 }), "name"),
        (json!({ "name": "x".repeat(257) }), "name"),
        (json!({ "metadata": { "a": 1 } }), "metadata.a"),
        (json!({ "expires_after": { "anchor": "created_at", "days": 1 } }), "expires_after.anchor"),
        (json!({ "expires_after": { "anchor": "last_active_at" } }), "expires_after.days"),
        (
            json!({ "expires_after": { "anchor": "last_active_at", "days": 366 } }),
            "expires_after.days",
        ),
        (json!({ "file_ids": vec!["file-0"; 2001] }), "file_ids"),
        (json!({ "chunking_strategy": { "type": "best" } }), "chunking_strategy.type"),
    ] {
        let answer = server.post("/v1/vector_stores", &body).with_status(400).json();
        assert_eq!(answer["error"]["param"], param, "{body}");
    }
    let answer = server.post("/v1/vector_stores", &json!({ "file_ids": ["file-0"] }));
    assert_eq!(answer.with_status(404).code(), "file_not_found");
    let answer = server.post("/v1/vector_stores", &json!({ "model": "huge" })).with_status(404);
    assert_eq!(answer.code(), "model_not_found");
    assert_eq!(server.get("/v1/vector_stores").json()["data"], json!([]), "nothing was made");
    let store = make(&server, &json!({}));
    let post = |path: &str, body: &Value| {
        server.post(&format!("/v1/vector_stores/{}/{path}", id(&store)), body)
    };
    for (path, body, param) in [
        ("files", json!({}), "file_id"),
        ("files", json!({ "file_id": "x", "attributes": { "a": [] } }), "attributes.a"),
        ("search", json!({}), "query"),
        ("search", json!({ "query": "a", "max_num_results": 51 }), "max_num_results"),
        ("search", json!({ "query": "a", "filters": { "type": "like" } }), "filters.type"),
        (
            "search",
            json!({ "query": "a", "ranking_options": { "score_threshold": 2 } }),
            "ranking_options.score_threshold",
        ),
        ("search", json!({ "query": "a", "page": "x" }), "page"),
        ("file_batches", json!({}), "file_ids"),
        ("file_batches", json!({ "file_ids": [] }), "file_ids"),
        ("file_batches", json!({ "file_ids": ["a"], "files": [] }), "files"),
        ("file_batches", json!({ "files": [{ "attributes": {} }] }), "files[0].file_id"),
    ] {
        let answer = post(path, &body).with_status(400).json();
        assert_eq!(answer["error"]["param"], param, "{path} {body}");
    }
    assert_eq!(
        post("files", &json!({ "file_id": "file-0" })).with_status(404).code(),
        "file_not_found"
    );
    let absent = server.get(&format!("/v1/vector_stores/{}/files/file-0", id(&store)));
    assert_eq!(absent.with_status(404).code(), "vector_store_file_not_found");
    let absent = server.get(&format!("/v1/vector_stores/{}/file_batches/x", id(&store)));
    assert_eq!(absent.with_status(404).code(), "file_batch_not_found");
    for query in ["limit=0", "limit=101", "order=up", "filter=some", "after=file-0"] {
        let answer = server.get(&format!("/v1/vector_stores/{}/files?{query}", id(&store)));
        assert!(matches!(answer.status, 400 | 404), "{query}");
    }
}

#[test]
fn files_are_embedded_in_the_background_and_say_how_far_they_are() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let store = make(&server, &json!({}));
    let store = id(&store).to_owned();
    let path = format!("/v1/vector_stores/{store}/files");
    let picture = upload(&server, PICTURES[0]);
    let added = server.post(&path, &json!({ "file_id": picture, "attributes": { "n": 1 } }));
    let added = added.with_status(200).json();
    assert_eq!(
        (&added["object"], &added["id"], &added["vector_store_id"], &added["attributes"]),
        (&json!("vector_store.file"), &json!(picture), &json!(store), &json!({ "n": 1 }))
    );
    let long = "a cat on a mat and ".repeat(500);
    let text = put(&server, "cat.txt", long.as_bytes());
    let bad =
        put(&server, "bad.png", &fs_err::read(crate::tiny::picture(PICTURES[0])).unwrap()[..60]);
    let alien = put(&server, "a.bin", b"\0\x01\x02\xff");
    for file in [&text, &bad, &alien] {
        server.post(&path, &json!({ "file_id": file })).with_status(200);
    }
    let rested = at_rest(&server, &store);
    assert_eq!(
        rested["file_counts"],
        json!({ "in_progress": 0, "completed": 2, "failed": 2, "cancelled": 0, "total": 4 })
    );
    assert_eq!(rested["usage_bytes"], 2 * 32 * 4);
    let one = |file: &str| server.get(&format!("{path}/{file}")).with_status(200).json();
    assert_eq!(
        (&one(&picture)["status"], &one(&picture)["kind"]),
        (&json!("completed"), &json!("image"))
    );
    assert_eq!(one(&picture)["last_error"], Value::Null);
    assert_eq!(one(&bad)["last_error"]["code"], "invalid_file");
    assert_eq!(one(&alien)["last_error"]["code"], "unsupported_file");
    let content = server.get(&format!("{path}/{text}/content")).with_status(200).json();
    let read = content["data"][0]["text"].as_str().unwrap();
    assert!(
        long.starts_with(read) && read.len() < long.len(),
        "as much as the model reads: {read}"
    );
    let listed = |query: &str| {
        let page = server.get(&format!("{path}?{query}")).with_status(200).json();
        page["data"].as_array().unwrap().iter().map(|file| id(file).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("order=asc"), [picture.clone(), text.clone(), bad.clone(), alien.clone()]);
    assert_eq!(listed("filter=failed"), [alien.clone(), bad.clone()]);
    assert_eq!(listed(&format!("after={bad}")), [text.clone(), picture.clone()]);
    assert_eq!(listed(&format!("before={bad}&limit=1")), [alien.as_str()]);
    // Taken out, it is found no more; deleted, it is out of every store.
    let gone = delete(&server, &format!("{path}/{picture}")).with_status(200).json();
    assert_eq!(
        gone,
        json!({ "id": picture, "object": "vector_store.file.deleted", "deleted": true })
    );
    server.get(&format!("/v1/files/{picture}")).with_status(200);
    assert_eq!(found(&search(&server, &store, &json!({ "query": "a" }))), [text.as_str()]);
    delete(&server, &format!("/v1/files/{text}")).with_status(200);
    assert!(found(&search(&server, &store, &json!({ "query": "a" }))).is_empty());
    server.get(&format!("{path}/{text}")).with_status(404);
    // What was taken out comes back.
    server.post(&path, &json!({ "file_id": picture })).with_status(200);
    assert_eq!(at_rest(&server, &store)["file_counts"]["completed"], 1);
    assert_eq!(found(&search(&server, &store, &json!({ "query": "a" }))), [picture.as_str()]);
    let folder = shelf.folder.path().join("indexes");
    assert!(folder.join(&store).exists());
    delete(&server, &format!("/v1/vector_stores/{store}")).with_status(200);
    eventually("its index is gone", || !folder.join(&store).exists());
}

#[test]
fn files_are_added_together_and_taken_back() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let store = make(&server, &json!({}));
    let path = format!("/v1/vector_stores/{}/file_batches", id(&store));
    let files = PICTURES.map(|name| upload(&server, name));
    let batch = json!({ "file_ids": files, "attributes": { "from": "a batch" } });
    let batch = server.post(&path, &batch).with_status(200).json();
    assert_eq!(
        (&batch["object"], &batch["file_counts"]["total"]),
        (&json!("vector_store.files_batch"), &json!(3))
    );
    let one = format!("{path}/{}", id(&batch));
    eventually("it is done", || server.get(&one).with_status(200).json()["status"] == "completed");
    let listed = server.get(&format!("{one}/files?limit=2&order=asc")).with_status(200).json();
    assert_eq!((id(&listed["data"][1]), &listed["has_more"]), (files[1].as_str(), &json!(true)));
    assert_eq!(listed["data"][0]["attributes"], json!({ "from": "a batch" }));
    // Those that are there already get other attributes and are not embedded again.
    let own = json!({ "files": [{ "file_id": files[0], "attributes": { "own": true } }, { "file_id": files[1] }] });
    let again = server.post(&path, &own).with_status(200).json();
    assert_eq!(again["status"], "completed");
    let filter = json!({ "type": "eq", "key": "own", "value": true });
    eventually("the index knows it", || {
        let reply = search(&server, id(&store), &json!({ "query": "a", "filters": filter }));
        found(&reply) == [files[0].as_str()]
    });
    // Nothing waits, so nothing is taken back.
    let cancelled =
        server.ask(&Request::new("POST", &format!("{one}/cancel"))).with_status(200).json();
    assert_eq!(
        (&cancelled["status"], &cancelled["file_counts"]["completed"]),
        (&json!("completed"), &json!(3))
    );
    // Of many that wait some are.
    let many = (0..40).map(|number| {
        let mut bytes = fs_err::read(crate::tiny::picture(PICTURES[0])).unwrap();
        bytes.push(number);
        put(&server, "a.png", &bytes)
    });
    let many = json!({ "file_ids": many.collect::<Vec<_>>() });
    let batch = server.post(&path, &many).with_status(200).json();
    let one = format!("{path}/{}", id(&batch));
    let cancelled =
        server.ask(&Request::new("POST", &format!("{one}/cancel"))).with_status(200).json();
    let counts = &cancelled["file_counts"];
    assert_eq!(counts["in_progress"], 0);
    let number = |name: &str| counts[name].as_i64().unwrap();
    assert_eq!(number("completed") + number("cancelled"), 40);
    assert_eq!(number("cancelled") > 0, cancelled["status"] == "cancelled");
    let rested = at_rest(&server, id(&store));
    assert_eq!(rested["file_counts"]["completed"], 3 + number("completed"));
    with_pictures(&server);
}

#[test]
fn a_file_that_waits_when_the_server_ends_is_embedded_by_the_next() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let store = make(&server, &json!({}));
    let files = (0..60).map(|number| {
        let mut bytes = fs_err::read(crate::tiny::picture(PICTURES[0])).unwrap();
        bytes.push(number);
        put(&server, "a.png", &bytes)
    });
    let files = json!({ "file_ids": files.collect::<Vec<_>>() });
    server.post(&format!("/v1/vector_stores/{}/file_batches", id(&store)), &files).with_status(200);
    drop(server);
    let server = shelf.serve(&[]);
    assert_eq!(at_rest(&server, id(&store))["file_counts"]["completed"], 60);
    let reply = search(&server, id(&store), &json!({ "query": "a", "max_num_results": 50 }));
    assert_eq!((found(&reply).len(), &reply["has_more"]), (50, &json!(true)));
    let next = json!({ "query": "a", "max_num_results": 50, "page": reply["next_page"] });
    let rest = search(&server, id(&store), &next);
    assert_eq!((found(&rest).len(), &rest["next_page"]), (10, &Value::Null));
    assert!(found(&rest).iter().all(|file| !found(&reply).contains(file)));
}
