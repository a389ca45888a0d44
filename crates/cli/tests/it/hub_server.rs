//! A server of one model, as far as a pull needs one. What goes wrong on a network is tested with the hub itself.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub(crate) const COMMIT: &str = "fedcba9876543210fedcba9876543210fedcba98";

/// Serves the files of a folder as `org/tiny` until the test ends; gives the endpoint.
pub(crate) fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&stream.unwrap(), &folder);
        }
    });
    endpoint
}

/// One request, one answer, and the connection is closed.
fn answer(mut stream: &TcpStream, folder: &Path) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let _headers = lines.take_while(|line| !line.is_empty()).count();
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let file = path.strip_prefix(&format!("/org/tiny/resolve/{COMMIT}/"));
    let (status, body) = match file {
        Some(file) => match fs_err::read(folder.join(file)) {
            Ok(bytes) => ("200 OK", bytes),
            Err(_) => ("404 Not Found", Vec::new()),
        },
        None if path == "/api/models/org/tiny/revision/main" => ("200 OK", listing(folder)),
        None => ("404 Not Found", Vec::new()),
    };
    let mut etag = String::new();
    for byte in Sha256::digest(&body) {
        write!(etag, "{byte:02x}").unwrap();
    }
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\netag: \"{etag}\"\r\ncontent-length: {length}\r\n\
         x-repo-commit: {COMMIT}\r\nconnection: close\r\n\r\n"
    );
    // A client that has what it wants may leave.
    let _left = stream.write_all(head.as_bytes());
    if method != "HEAD" {
        let _left = stream.write_all(&body);
    }
}

fn listing(folder: &Path) -> Vec<u8> {
    let entries = fs_err::read_dir(folder).unwrap();
    let files = entries.map(|entry| PathBuf::from(entry.unwrap().file_name()));
    let files = files.map(|file| serde_json::json!({ "rfilename": file }));
    let listing = serde_json::json!({ "sha": COMMIT, "siblings": files.collect::<Vec<_>>() });
    listing.to_string().into_bytes()
}
