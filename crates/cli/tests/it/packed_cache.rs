//! `--packed-cache`: the same results, sooner.

use crate::tiny::{Tiny, picture};

#[test]
fn results_are_the_same_without_with_a_new_and_with_a_full_folder() {
    let tiny = Tiny::new();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("made/when/needed");
    let run = || {
        tiny.run(["embed", "--json", "--text", "a", "--precision", "bf16"])
            .argument(picture("rgb_61x37.png"))
    };
    let expected = run().finish().quiet_success().stdout;
    let flag = || run().argument("--packed-cache").argument(&folder).finish().quiet_success();
    assert_eq!(flag().stdout, expected);
    assert_eq!(fs_err::read_dir(&folder).unwrap().count(), 2);
    assert_eq!(flag().stdout, expected);
    let variable = run().variable("POLYSIGHT_PACKED_CACHE", &folder);
    assert_eq!(variable.finish().quiet_success().stdout, expected);
    assert_eq!(fs_err::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn an_empty_flag_overrules_the_variable() {
    let tiny = Tiny::new();
    let place = tempfile::tempdir().unwrap();
    let run = tiny.run(["embed", "--json", "--text", "a", "--packed-cache", ""]);
    run.variable("POLYSIGHT_PACKED_CACHE", place.path()).finish().quiet_success();
    assert_eq!(fs_err::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_cannot_be_used_is_a_warning_of_every_command_and_no_failure() {
    let tiny = Tiny::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let photo = picture("rgb_61x37.png");
    let photo = photo.to_str().unwrap();
    for command in [
        &["embed", "--json", "--text", "a"][..],
        &["classify", "--labels", "a,b", photo],
        &["score", "--text", "a", photo],
    ] {
        let run = |quiet: &[&str]| {
            let mut run = tiny.run(["--packed-cache"; 0]);
            for argument in command.iter().chain(quiet) {
                run = run.argument(argument);
            }
            run.variable("POLYSIGHT_PACKED_CACHE", file.path()).finish()
        };
        let loud = run(&[]);
        assert_eq!(loud.code, 0, "{}", loud.stderr);
        assert!(loud.stderr.contains("packed weights cannot be kept"), "{}", loud.stderr);
        let quiet = run(&["--quiet"]).quiet_success();
        assert_eq!(quiet.stdout, loud.stdout);
    }
}
