//! What `/v1/files` answers.

use serde_json::{Value, json};

use super::shelf::{Shelf, form, id, put, upload};
use crate::serve::client::Request;
use crate::serve::eventually;
use crate::tiny::picture;

#[test]
fn a_server_that_keeps_nothing_touches_no_folder_and_two_share_a_machine() {
    let shelf = Shelf::new();
    let (one, other) = (shelf.serve(&[]), shelf.serve(&[]));
    for server in [&one, &other] {
        server.post("/v1/embeddings", &json!({ "input": "a" })).with_status(200);
    }
    assert_eq!(fs_err::read_dir(shelf.folder.path()).unwrap().count(), 0);
    put(&one, "vision", "a.png", b"bytes").with_status(200);
    let refused = other.get("/v1/files").with_status(503);
    assert_eq!(refused.code(), "archive_unavailable");
    assert!(refused.text().contains("--data-folder"));
    drop(one);
    eventually("the next has the folder", || other.get("/v1/files").status == 200);
}

#[test]
fn a_file_is_uploaded_listed_read_and_deleted() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let made =
        put(&server, "user_data", "page.html", b"<script>alert(1)</script>").with_status(200);
    let file = made.json();
    assert_eq!(
        (&file["object"], &file["bytes"], &file["filename"], &file["purpose"], &file["status"]),
        (&json!("file"), &json!(25), &json!("page.html"), &json!("user_data"), &json!("processed"))
    );
    let path = format!("/v1/files/{}", id(&file));
    assert_eq!(server.get(&path).with_status(200).json(), file);
    let content = server.get(&format!("{path}/content")).with_status(200);
    assert_eq!(content.text(), "<script>alert(1)</script>");
    assert_eq!(content.header("content-type"), Some("application/octet-stream"));
    assert_eq!(content.header("x-content-type-options"), Some("nosniff"));
    assert!(content.header("content-disposition").unwrap().starts_with("attachment;"));
    let others = (0..4).map(|number| {
        put(&server, "batch", &format!("{number}.jsonl"), format!("{number}").as_bytes()).json()
    });
    let others = others.collect::<Vec<_>>();
    assert!(others[0]["expires_at"].as_i64().unwrap() > others[0]["created_at"].as_i64().unwrap());
    let list = |query: &str| server.get(&format!("/v1/files{query}")).with_status(200).json();
    let ids = |list: &Value| {
        let data = list["data"].as_array().unwrap().iter();
        data.map(|file| id(file).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&list("")).len(), 5);
    assert_eq!(ids(&list("?purpose=user_data")), [id(&file)]);
    let page = list("?order=asc&limit=2&purpose=batch");
    assert_eq!(ids(&page), [id(&others[0]), id(&others[1])]);
    assert_eq!((&page["has_more"], &page["last_id"]), (&json!(true), &others[1]["id"]));
    let page = list(&format!("?order=asc&limit=2&purpose=batch&after={}", id(&others[1])));
    assert_eq!((ids(&page).len(), &page["has_more"]), (2, &json!(false)));
    for bad in ["?limit=0", "?limit=10001", "?limit=x", "?order=up"] {
        assert_eq!(server.get(&format!("/v1/files{bad}")).with_status(400).code(), "invalid_value");
    }
    assert_eq!(server.get("/v1/files?after=file-0").with_status(404).code(), "file_not_found");
    let deleted = server.ask(&Request::new("DELETE", &path)).with_status(200).json();
    assert_eq!(deleted, json!({ "id": file["id"], "object": "file", "deleted": true }));
    for path in [path.clone(), format!("{path}/content")] {
        assert_eq!(server.get(&path).with_status(404).code(), "file_not_found");
    }
    server.ask(&Request::new("DELETE", &path)).with_status(404);
    eventually("its bytes are removed", || shelf.objects().len() == 4);
    eventually("the metrics say so", || server.metric("polysight_file_bytes") == 4.0);
    assert_eq!(server.metric("polysight_files"), 4.0);
}

#[test]
fn a_picture_that_was_uploaded_is_an_input_everywhere() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let bytes = fs_err::read(picture("rgb_61x37.png")).unwrap();
    let file = put(&server, "vision", "a.png", &bytes).with_status(200).json();
    let file = id(&file);
    let inline = json!({ "input": [{ "image": crate::serve::base64(&bytes) }] });
    let embed =
        |image: &str| server.post("/v1/embeddings", &json!({ "input": [{ "image": image }] }));
    let by_id = embed(file).with_status(200).json();
    let embedding = |answer: &Value| answer["data"][0]["embedding"].clone();
    let expected = server.post("/v1/embeddings", &inline).with_status(200).json();
    assert_eq!(embedding(&by_id), embedding(&expected));
    assert_eq!(by_id["usage"]["cached_images"], 0);
    assert_eq!(expected["usage"]["cached_images"], 1);
    assert_eq!(embed(file).json()["usage"]["cached_images"], 1);
    let image = json!({ "type": "image_url", "image_url": { "url": file } });
    let questions = [
        ("/v1/classify", json!({ "input": [{ "image": file }], "labels": ["a", "b"] })),
        (
            "/v1/chat/completions",
            json!({ "messages": [{ "role": "user", "content": [image] }], "guided_choice": ["a", "b"] }),
        ),
        ("/v1/moderations", json!({ "input": [image] })),
        ("/v1/rerank", json!({ "query": "a", "documents": [{ "image": file }] })),
        ("/v1/score", json!({ "queries": { "image": file }, "documents": ["a"] })),
        ("/models/tiny", json!({ "inputs": file, "parameters": { "candidate_labels": ["a"] } })),
    ];
    for (path, body) in questions {
        let answer = server.post(path, &body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    let text = put(&server, "vision", "a.txt", b"no picture").with_status(200).json();
    assert_eq!(embed(id(&text)).with_status(415).code(), "image_unsupported");
    let unknown = embed("file-0").with_status(404);
    assert_eq!(unknown.code(), "file_not_found");
    assert_eq!(unknown.json()["error"]["param"], "input[0].image");
    let mixed = json!({ "input": [{ "image": "file-0" }, { "image": file }], "on_error": "item" });
    let mixed = server.post("/v1/embeddings", &mixed).with_status(200).json();
    assert_eq!(mixed["data"][0]["error"]["code"], "file_not_found");
    assert_eq!(mixed["data"][1]["object"], "embedding");
}

#[test]
fn a_file_may_say_when_it_vanishes() {
    let shelf = Shelf::new();
    let server = shelf.serve(&[]);
    let ask = |anchor: &str, seconds: &str| {
        let fields = [
            ("purpose", "user_data"),
            ("expires_after[anchor]", anchor),
            ("expires_after[seconds]", seconds),
            ("unknown", "x"),
        ];
        server.ask(&upload(form(&fields, "a", b"x")))
    };
    let made = ask("created_at", "3600").with_status(200);
    assert_eq!(made.header("x-ignored-params"), Some("unknown"));
    let file = made.json();
    assert_eq!(file["expires_at"].as_i64().unwrap() - file["created_at"].as_i64().unwrap(), 3600);
    for (anchor, seconds) in [
        ("created_at", "3599"),
        ("created_at", "2592001"),
        ("created_at", "soon"),
        ("", "3600"),
        ("now", "3600"),
    ] {
        assert_eq!(
            ask(anchor, seconds).with_status(400).code(),
            "invalid_value",
            "{anchor} {seconds}"
        );
    }
}

#[test]
fn limits_are_kept_and_what_is_refused_leaves_nothing() {
    let shelf = Shelf::new();
    let server = shelf.serve(&["--max-file", "100kB", "--file-quota", "150kB"]);
    let put = |length: usize| put(&server, "user_data", "a", &vec![b'x'; length]);
    assert_eq!(put(100_001).with_status(413).code(), "file_too_large");
    assert_eq!(put(0).with_status(400).code(), "empty_file");
    put(100_000).with_status(200);
    let full = put(50_001).with_status(413);
    assert_eq!(full.code(), "file_quota_reached");
    assert!(full.text().contains("150000"), "{}", full.text());
    put(50_000).with_status(200);
    eventually("what was refused is removed", || shelf.objects().len() == 2);
    // A body that says that it is far too large is not read.
    let huge = upload(Vec::new()).bytes();
    let huge = String::from_utf8(huge)
        .unwrap()
        .replace("content-length: 0", "content-length: 99999999999");
    let mut connection = server.connect();
    connection.send(huge.as_bytes()).unwrap();
    assert_eq!(connection.read().unwrap().with_status(413).code(), "file_too_large");
}
