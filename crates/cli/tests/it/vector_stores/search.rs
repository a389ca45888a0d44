//! What is found, and what its numbers mean.

use serde_json::{Value, json};

use super::{PICTURES, at_rest, found, id, make, put, search, upload, with_pictures};
use crate::files::shelf::Shelf;
use crate::serve::server::Server;

/// The probability that the classifier gives a picture for a sentence, as the text of a search.
fn scored(server: &Server, query: &str, picture: &str) -> f64 {
    let uri = format!(
        "data:image/png;base64,{}",
        crate::serve::base64(&fs_err::read(crate::tiny::picture(picture)).unwrap())
    );
    let body = json!({ "queries": query, "documents": [{ "image": uri }] });
    server.post("/v1/score", &body).with_status(200).json()["data"][0]["score"].as_f64().unwrap()
}

fn close(a: &Value, b: f64) -> bool {
    (a.as_f64().unwrap() - b).abs() < 1e-3
}

#[test]
fn a_sentence_finds_pictures_by_their_probability() {
    let server = Shelf::new().serve(&[]);
    let (store, files) = with_pictures(&server);
    let reply = search(&server, &store, &json!({ "query": "a red square" }));
    assert_eq!(
        (&reply["object"], &reply["search_query"], &reply["has_more"], &reply["next_page"]),
        (
            &json!("vector_store.search_results.page"),
            &json!(["a red square"]),
            &json!(false),
            &Value::Null
        )
    );
    assert_eq!(found(&reply).len(), 3);
    let scores =
        reply["data"].as_array().unwrap().iter().map(|found| found["score"].as_f64().unwrap());
    let scores = scores.collect::<Vec<_>>();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    for hit in reply["data"].as_array().unwrap() {
        let place = files.iter().position(|file| hit["file_id"] == *file).unwrap();
        assert!(close(&hit["score"], scored(&server, "a red square", PICTURES[place])), "{hit}");
        assert_eq!((&hit["filename"], &hit["kind"]), (&json!(PICTURES[place]), &json!("image")));
        let bytes = server.get(hit["url"].as_str().unwrap()).with_status(200).body;
        assert_eq!(bytes, fs_err::read(crate::tiny::picture(PICTURES[place])).unwrap());
    }
    // The best of several sentences counts.
    let both = search(&server, &store, &json!({ "query": ["a red square", "a dog"] }));
    for hit in both["data"].as_array().unwrap() {
        let place = files.iter().position(|file| hit["file_id"] == *file).unwrap();
        let of = |query| scored(&server, query, PICTURES[place]);
        assert!(close(&hit["score"], of("a red square").max(of("a dog"))), "{hit}");
    }
    // Half way between the best and the second, only the best is left.
    let threshold = f64::midpoint(scores[0], scores[1]);
    let best = json!({ "query": "a red square", "ranking_options": { "score_threshold": threshold, "ranker": "auto" } });
    assert_eq!(found(&search(&server, &store, &best)), found(&reply)[..1]);
    let cutoff = threshold / scores[0];
    let best = json!({ "query": "a red square", "cutoff": cutoff });
    assert_eq!(found(&search(&server, &store, &best)), found(&reply)[..1]);
}

#[test]
fn a_picture_finds_itself_and_a_mixture_what_is_like_it() {
    let server = Shelf::new().serve(&[]);
    let (store, files) = with_pictures(&server);
    for (name, file) in PICTURES.iter().zip(&files) {
        let bytes = fs_err::read(crate::tiny::picture(name)).unwrap();
        let uri = format!("data:image/png;base64,{}", crate::serve::base64(&bytes));
        for query in [json!(file), json!(uri), json!([{ "image": file, "weight": 2 }])] {
            let reply = search(&server, &store, &json!({ "query": query, "max_num_results": 1 }));
            assert_eq!(found(&reply), [file.as_str()]);
            assert!(
                close(&reply["data"][0]["score"], 1.0) && close(&reply["data"][0]["cosine"], 1.0)
            );
        }
    }
    // Less of what it is itself, something else comes first.
    let minus = json!([{ "image": files[1] }, { "image": files[0], "weight": 0.1 }, { "image": files[1], "weight": -1 }]);
    let reply = search(&server, &store, &json!({ "query": minus }));
    assert_eq!(found(&reply)[0], files[0]);
    let nothing = json!({ "query": [{ "text": "a" }, { "text": "a", "weight": -1 }] });
    let answer = server.post(&format!("/v1/vector_stores/{store}/search"), &nothing);
    assert_eq!(answer.with_status(400).code(), "empty_query");
    let absent = json!({ "query": format!("file-{}", "0".repeat(32)) });
    let answer = server.post(&format!("/v1/vector_stores/{store}/search"), &absent);
    assert_eq!(answer.with_status(404).code(), "file_not_found");
}

#[test]
fn filters_ask_for_attributes_as_they_are_now() {
    let server = Shelf::new().serve(&[]);
    let files = PICTURES.map(|name| upload(&server, name));
    let store = make(&server, &json!({}));
    let store = id(&store).to_owned();
    for (number, file) in files.iter().enumerate() {
        let body = json!({ "file_id": file, "attributes": { "n": number, "odd": number % 2 == 1, "name": PICTURES[number] } });
        server.post(&format!("/v1/vector_stores/{store}/files"), &body).with_status(200);
    }
    at_rest(&server, &store);
    let ask = |filters: Value| {
        let reply = search(&server, &store, &json!({ "query": "a", "filters": filters }));
        let mut ids = found(&reply).into_iter().map(str::to_owned).collect::<Vec<_>>();
        ids.sort_by_key(|id| files.iter().position(|file| file == id));
        ids
    };
    let compare =
        |kind: &str, key: &str, value: Value| json!({ "type": kind, "key": key, "value": value });
    assert_eq!(ask(compare("eq", "n", json!(1))), files[1..2]);
    assert_eq!(ask(compare("ne", "n", json!(1))), [files[0].clone(), files[2].clone()]);
    assert_eq!(ask(compare("gte", "n", json!(1.0))), files[1..]);
    assert_eq!(ask(compare("lt", "n", json!(1))), files[..1]);
    assert_eq!(ask(compare("eq", "odd", json!(true))), files[1..2]);
    assert_eq!(
        ask(compare("in", "name", json!([PICTURES[0], PICTURES[2]]))),
        [files[0].clone(), files[2].clone()]
    );
    let both = [compare("gt", "n", json!(0)), compare("nin", "name", json!([PICTURES[1]]))];
    assert_eq!(ask(json!({ "type": "and", "filters": both })), files[2..]);
    let either = [compare("eq", "n", json!(0)), compare("eq", "n", json!(2))];
    assert_eq!(
        ask(json!({ "type": "or", "filters": either })),
        [files[0].clone(), files[2].clone()]
    );
    let change = format!("/v1/vector_stores/{store}/files/{}", files[1]);
    let changed =
        server.post(&change, &json!({ "attributes": { "n": 7 } })).with_status(200).json();
    assert_eq!(changed["attributes"], json!({ "n": 7 }));
    assert_eq!(ask(compare("gt", "n", json!(5))), files[1..2]);
    assert!(ask(compare("eq", "odd", json!(true))).is_empty());
    server.post(&change, &json!({ "attributes": null })).with_status(200);
    assert!(ask(compare("gt", "n", json!(5))).is_empty());
    server.post(&change, &json!({})).with_status(400);
}

#[test]
fn texts_are_found_beside_pictures_and_each_kind_alone() {
    let server = Shelf::new().serve(&[]);
    let (store, files) = with_pictures(&server);
    let text = put(&server, "note.md", "a red square".as_bytes());
    server
        .post(&format!("/v1/vector_stores/{store}/files"), &json!({ "file_id": text }))
        .with_status(200);
    assert_eq!(at_rest(&server, &store)["file_counts"]["completed"], 4);
    let reply = search(&server, &store, &json!({ "query": "a red square" }));
    assert_eq!(found(&reply).len(), 4);
    let note = reply["data"].as_array().unwrap().iter().find(|hit| hit["file_id"] == text).unwrap();
    assert!(close(&note["score"], 1.0), "the same text: {note}");
    assert_eq!(note["content"], json!([{ "type": "text", "text": "a red square" }]));
    let texts = search(&server, &store, &json!({ "query": "a red square", "kind": "text" }));
    assert_eq!(found(&texts), [text.as_str()]);
    let pictures = search(&server, &store, &json!({ "query": "a red square", "kind": "image" }));
    assert_eq!(found(&pictures).len(), files.len());
}

#[test]
fn another_model_is_refused_and_the_examples_of_the_document_are_answered() {
    let shelf = Shelf::new();
    let server = shelf.serve(&["--alias", "other=tiny"]);
    let (store, _) = with_pictures(&server);
    // An alias is the same model.
    search(&server, &store, &json!({ "query": "a", "model": "other" }));
    let document = server.get("/openapi.json").with_status(200).json();
    for (path, place) in [
        ("/v1/vector_stores".to_owned(), "/v1/vector_stores"),
        (format!("/v1/vector_stores/{store}"), "/v1/vector_stores/{id}"),
        (format!("/v1/vector_stores/{store}/search"), "/v1/vector_stores/{id}/search"),
    ] {
        let body = &document["paths"][place]["post"]["requestBody"]["content"]["application/json"];
        let examples = body["examples"].as_object().unwrap();
        assert!(!examples.is_empty());
        for (name, example) in examples {
            let answer = server.post(&path, &example["value"]);
            assert_eq!(answer.status, 200, "{place} {name}: {}", answer.text());
        }
    }
    drop(server);
    // The same name, other numbers.
    let server = shelf.serve(&["--precision", "int8"]);
    let path = format!("/v1/vector_stores/{store}/search");
    let answer = server.post(&path, &json!({ "query": "a" })).with_status(400);
    assert_eq!(answer.code(), "vector_store_of_other_model");
    let file = upload(&server, "palette_47x45.png");
    let path = format!("/v1/vector_stores/{store}/files");
    server.post(&path, &json!({ "file_id": file })).with_status(200);
    at_rest(&server, &store);
    let file = server.get(&format!("{path}/{file}")).with_status(200).json();
    assert_eq!(
        (&file["status"], &file["last_error"]["code"]),
        (&json!("failed"), &json!("server_error"))
    );
    assert!(file["last_error"]["message"].as_str().unwrap().contains("reindex"), "{file}");
}
