//! Vector stores over the real program.

mod api;
mod crash;
mod money;
mod more;
mod place;
mod search;

use serde_json::{Value, json};

use crate::files::shelf;
use crate::serve::client::{Answer, Request};
use crate::serve::eventually;
use crate::serve::server::Server;

/// Pictures of the goldens that are unlike.
pub(crate) const PICTURES: [&str; 3] = ["rgb_61x37.png", "tall_7x90.png", "grey_30x53.png"];

/// The address of a Qdrant, if there is one.
fn qdrant() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let url = std::env::var("POLYSIGHT_TEST_QDRANT").ok();
    if url.is_none() {
        eprintln!("skipped: POLYSIGHT_TEST_QDRANT names no server");
    }
    url
}

/// Uploads a picture of the goldens.
fn upload(server: &Server, name: &str) -> String {
    let bytes = fs_err::read(crate::tiny::picture(name)).unwrap();
    put(server, name, &bytes)
}

/// Uploads bytes.
fn put(server: &Server, name: &str, bytes: &[u8]) -> String {
    let file = shelf::put(server, "assistants", name, bytes).with_status(200).json();
    shelf::id(&file).to_owned()
}

/// Makes a store.
fn make(server: &Server, body: &Value) -> Value {
    server.post("/v1/vector_stores", body).with_status(200).json()
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

fn delete(server: &Server, path: &str) -> Answer {
    server.ask(&Request::new("DELETE", path).header("connection", "close"))
}

/// A store once nothing of it waits.
fn at_rest(server: &Server, store: &str) -> Value {
    let mut found = Value::Null;
    eventually("the store is at rest", || {
        found = server.get(&format!("/v1/vector_stores/{store}")).with_status(200).json();
        found["file_counts"]["in_progress"] == 0
    });
    found
}

/// A store with the pictures, and their files' ids.
fn with_pictures(server: &Server) -> (String, Vec<String>) {
    let files = PICTURES.map(|name| upload(server, name)).to_vec();
    let store = make(server, &json!({ "name": "pictures", "file_ids": files }));
    let store = id(&store).to_owned();
    assert_eq!(at_rest(server, &store)["file_counts"]["completed"], 3);
    (store, files)
}

/// The results of a search.
fn search(server: &Server, store: &str, body: &Value) -> Value {
    server.post(&format!("/v1/vector_stores/{store}/search"), body).with_status(200).json()
}

/// The ids of the files that were found.
fn found(reply: &Value) -> Vec<&str> {
    let data = reply["data"].as_array().unwrap();
    data.iter().map(|found| found["file_id"].as_str().unwrap()).collect()
}
