//! Readers that leave, and disks that are full.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::tiny::{PICTURES, Tiny, picture};

#[test]
fn a_reader_that_leaves_is_no_error() {
    let tiny = Tiny::new();
    // Far more results than a pipe holds.
    let run = tiny.run(["embed", "--json"]);
    let many = PICTURES.repeat(60);
    let run = many.iter().fold(run, |run, name| run.argument(picture(name)));
    let mut command = run.command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"object\":\"list\""));
    drop(reader);
    let finished = child.wait_with_output().unwrap();
    assert_eq!(finished.status.code(), Some(0));
    assert_eq!(String::from_utf8(finished.stderr).unwrap(), "");
}

#[test]
fn nobody_who_listens_to_errors_is_no_error_either() {
    let tiny = Tiny::new();
    let run = tiny.run(["embed", "--json", "/nonexistent/a.png"]);
    let mut command = run.argument(picture("rgb_61x37.png")).command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let finished = child.wait_with_output().unwrap();
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stdout.ends_with(b"}\n"), "the results are whole");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let tiny = Tiny::new();
    let full = fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = tiny.run(["embed", "--json", "--text", "a"]).command();
    command.stdout(Stdio::from(full.into_parts().0)).stderr(Stdio::piped());
    let finished = command.output().unwrap();
    assert_eq!(finished.status.code(), Some(1));
    let stderr = String::from_utf8(finished.stderr).unwrap();
    assert!(stderr.starts_with("polysight: cannot write the results"), "{stderr}");
}
