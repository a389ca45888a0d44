//! Label sets over the real program.

mod doctor;
mod money;
mod uses;
mod versions;

use serde_json::{Value, json};

use crate::serve::client::{Answer, Request};
use crate::serve::server::Server;

/// A picture of the goldens as a data URI.
fn uri(name: &str) -> String {
    let bytes = fs_err::read(crate::tiny::picture(name)).unwrap();
    format!("data:image/png;base64,{}", crate::serve::base64(&bytes))
}

/// Makes a set, or the next version of one.
fn make(server: &Server, body: &Value) -> Value {
    server.post("/v1/label_sets", body).with_status(200).json()
}

fn id(set: &Value) -> &str {
    set["id"].as_str().unwrap()
}

fn delete(server: &Server, path: &str) -> Answer {
    server.ask(&Request::new("DELETE", path).header("connection", "close"))
}

/// What a set says of a picture.
fn classify(server: &Server, label_set: &str, picture: &str) -> Value {
    let body = json!({ "input": [uri(picture)], "label_set": label_set });
    server.post("/v1/classify", &body).with_status(200).json()
}

/// The prediction of a label.
fn of<'a>(reply: &'a Value, label: &str) -> &'a Value {
    let predictions = reply["data"][0]["predictions"].as_array().unwrap();
    predictions.iter().find(|prediction| prediction["label"] == label).unwrap()
}
