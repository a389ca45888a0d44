//! A server with a data folder of its own, and forms.

use serde_json::Value;

use crate::program::Run;
use crate::serve::client::{Answer, Request};
use crate::serve::server::Server;
use crate::tiny::Tiny;

/// What stands between parts.
pub(crate) const BOUNDARY: &str = "0123456789abcdef";

pub(crate) struct Shelf {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) tiny: Tiny,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), tiny: Tiny::new() }
    }

    /// A server without accounts.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        let model = format!("tiny={}", self.tiny.path().display());
        let run = Run::new(["serve", "--model", &model]);
        let run = run.variable("POLYSIGHT_DATA_FOLDER", self.folder.path());
        Server::start(arguments.iter().fold(run, Run::argument))
    }

    /// Files in storage, half-written ones too.
    pub(crate) fn objects(&self) -> Vec<std::path::PathBuf> {
        let files = self.folder.path().join("files");
        let folders = fs_err::read_dir(files).unwrap().map(|entry| entry.unwrap().path());
        let objects = folders.flat_map(|folder| fs_err::read_dir(folder).unwrap());
        objects.map(|entry| entry.unwrap().path()).collect()
    }
}

/// A form of fields and a file.
pub(crate) fn form(fields: &[(&str, &str)], filename: &str, bytes: &[u8]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in fields {
        let part = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        form.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\
         content-type: text/html\r\n\r\n"
    );
    form.extend_from_slice(head.as_bytes());
    form.extend_from_slice(bytes);
    form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    form
}

pub(crate) fn upload(form: Vec<u8>) -> Request {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    Request::new("POST", "/v1/files").header("content-type", &kind).body(form)
}

/// Uploads a file for a purpose.
pub(crate) fn put(server: &Server, purpose: &str, filename: &str, bytes: &[u8]) -> Answer {
    server.ask(&upload(form(&[("purpose", purpose)], filename, bytes)))
}

pub(crate) fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}
