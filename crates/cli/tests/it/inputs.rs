//! Files, folders, patterns.

use std::path::Path;

use crate::program::{Finished, Run};
use crate::tiny::{Tiny, picture};

/// A folder of pictures and other things.
fn mixed_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs_err::create_dir_all(root.join("b/deep.png")).unwrap();
    fs_err::create_dir_all(root.join("empty")).unwrap();
    fs_err::create_dir_all(root.join(".hidden")).unwrap();
    for place in [
        "c.PNG",
        "a.png",
        "b/z.png",
        "b/deep.png/y.png",
        ".hidden/x.png",
        ".w.png",
        "b.notapicture",
        "[1].png",
    ] {
        fs_err::copy(picture("small_5x3.png"), root.join(place)).unwrap();
    }
    fs_err::write(root.join("notes.txt"), "no picture").unwrap();
    folder
}

fn paths(run: &Finished) -> Vec<String> {
    let reply = run.json();
    let data = reply["data"].as_array().unwrap();
    let path = |item: &serde_json::Value| item["path"].as_str().unwrap().to_owned();
    data.iter().map(path).collect()
}

fn embed(folder: &Path, arguments: &[&str]) -> Finished {
    let tiny = Tiny::new();
    let run = tiny.run(["embed", "--json"]).folder(folder);
    let run = arguments.iter().fold(run, Run::argument);
    run.finish()
}

#[test]
fn a_folder_is_searched_to_the_bottom_in_the_order_of_names() {
    let folder = mixed_folder();
    let run = embed(folder.path(), &["."]).quiet_success();
    let expected = ["./[1].png", "./a.png", "./b/deep.png/y.png", "./b/z.png", "./c.PNG"];
    assert_eq!(paths(&run), expected);
}

#[test]
fn a_pattern_is_expanded_when_the_shell_did_not() {
    let folder = mixed_folder();
    let run = embed(folder.path(), &["*.png", "?.PNG", "b/**/*.png"]).quiet_success();
    let expected = ["[1].png", "a.png", "c.PNG", "b/deep.png/y.png", "b/z.png"];
    assert_eq!(paths(&run), expected);
}

#[test]
fn a_path_that_exists_is_no_pattern() {
    let folder = mixed_folder();
    let run = embed(folder.path(), &["[1].png"]).quiet_success();
    assert_eq!(paths(&run), ["[1].png"]);
}

#[test]
fn a_pattern_that_fits_nothing_is_a_picture_that_is_not_there() {
    let folder = mixed_folder();
    let run = embed(folder.path(), &["a.png", "q*.png"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr, "polysight: q*.png: no such file or folder\n");
    assert_eq!(paths(&run), ["a.png", "q*.png"]);
}

#[test]
fn a_file_that_is_named_is_taken_whatever_its_name() {
    let folder = mixed_folder();
    let run = embed(folder.path(), &["b.notapicture", ".w.png"]).quiet_success();
    assert_eq!(paths(&run), ["b.notapicture", ".w.png"]);
    let run = embed(folder.path(), &["notes.txt"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.starts_with("polysight: notes.txt: not an image"), "{}", run.stderr);
}

#[test]
fn a_folder_without_pictures_is_named() {
    let folder = mixed_folder();
    let run = embed(folder.path(), &["empty", "a.png"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr, "polysight: empty: no pictures in this folder\n");
    assert_eq!(paths(&run), ["a.png"]);
}

#[cfg(unix)]
#[test]
fn links_to_pictures_are_followed_and_links_to_folders_are_not() {
    let folder = mixed_folder();
    let root = folder.path();
    std::os::unix::fs::symlink(root, root.join("b/loop")).unwrap();
    std::os::unix::fs::symlink(root, root.join("b/loop.png")).unwrap();
    std::os::unix::fs::symlink("../a.png", root.join("b/link.png")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("b/lost.png")).unwrap();
    let run = embed(root, &["b"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr, "polysight: b/lost.png: no such file or folder\n");
    assert_eq!(paths(&run), ["b/deep.png/y.png", "b/link.png", "b/lost.png", "b/z.png"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_read_is_named_and_the_others_are_searched() {
    use std::os::unix::fs::PermissionsExt;
    let folder = mixed_folder();
    let closed = folder.path().join("b");
    let set = |mode| fs_err::set_permissions(&closed, std::fs::Permissions::from_mode(mode));
    set(0o000).unwrap();
    // The superuser may read it all the same; then there is nothing to see here.
    let may_read = fs_err::read_dir(&closed).is_ok();
    let run = embed(folder.path(), &["."]);
    set(0o755).unwrap();
    if may_read {
        assert_eq!(run.code, 0);
        return;
    }
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr, "polysight: ./b: permission denied\n");
    assert_eq!(paths(&run), ["./[1].png", "./a.png", "./c.PNG"]);
}
