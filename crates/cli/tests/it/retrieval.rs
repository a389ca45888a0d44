//! `polysight index`, `search` and `dedupe` over folders of pictures.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Finished, Run};
use crate::tiny::{PICTURES, Tiny, crates, picture};

/// A folder of pictures, and a data folder.
struct World {
    folder: TempDir,
}

impl World {
    /// The pictures of the program's examples.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("pictures")).unwrap();
        let examples = crates().parent().unwrap().join("examples");
        for entry in fs_err::read_dir(examples).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "png") {
                fs_err::copy(&path, folder.path().join("pictures").join(path.file_name().unwrap()))
                    .unwrap();
            }
        }
        Self { folder }
    }

    fn pictures(&self) -> PathBuf {
        fs_err::canonicalize(self.folder.path()).unwrap().join("pictures")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, command: &str) -> Run {
        Run::new([command, "--quiet", "--data-folder"]).argument(self.data())
    }

    /// Indexes the pictures, and gives the report.
    fn index(&self) -> Value {
        let run = self.run("index").argument("--json").argument(self.pictures());
        run.finish().quiet_success().json()
    }

    fn search(&self, sentence: &str) -> Vec<String> {
        let run = self.run("search").argument("--json").argument(sentence);
        names(&run.finish().quiet_success())
    }
}

/// The files of a search, the best first.
fn names(finished: &Finished) -> Vec<String> {
    let page = finished.json();
    assert_eq!(page["object"], "vector_store.search_results.page");
    let data = page["data"].as_array().unwrap();
    let scores = data.iter().map(|found| found["score"].as_f64().unwrap()).collect::<Vec<_>>();
    assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]), "{scores:?}");
    data.iter().map(|found| found["filename"].as_str().unwrap().to_owned()).collect()
}

fn counts(report: &Value) -> [u64; 5] {
    ["added", "changed", "removed", "unchanged", "failed"]
        .map(|name| report[name].as_u64().unwrap())
}

#[test]
fn a_sentence_finds_its_picture_in_several_languages() {
    let world = World::new();
    let report = world.index();
    let all = report["total"].as_u64().unwrap();
    assert_eq!(counts(&report), [all, 0, 0, 0, 0]);
    for sentence in ["a red circle", "ein roter Kreis", "赤い円"] {
        assert_eq!(world.search(sentence)[0], "red_circle.png", "{sentence}");
    }
    let run = world.run("search").argument("a red circle").argument("--top").argument("2");
    let run = run.finish().quiet_success();
    assert_eq!(run.text().lines().count(), 2);
    assert!(run.text().lines().next().unwrap().ends_with("red_circle.png"), "{}", run.text());
}

#[test]
fn only_what_changed_is_embedded_again_and_what_vanished_is_gone() {
    let world = World::new();
    let all = counts(&world.index())[0];
    assert_eq!(counts(&world.index()), [0, 0, 0, all, 0]);
    let red = world.pictures().join("red_circle.png");
    fs_err::rename(&red, world.pictures().join("moved.png")).unwrap();
    assert_eq!(counts(&world.index()), [1, 0, 1, all - 1, 0]);
    assert_eq!(world.search("a red circle")[0], "moved.png");
    fs_err::copy(picture("rgb_61x37.png"), world.pictures().join("moved.png")).unwrap();
    fs_err::write(world.pictures().join("broken.jpg"), b"no picture").unwrap();
    let run = world.run("index").argument("--json").argument(world.pictures()).finish();
    assert_eq!((run.code, counts(&run.json())), (1, [0, 1, 0, all - 1, 1]));
    assert!(run.stderr.contains("broken.jpg"));
    assert_eq!(world.search("a red circle").len(), all as usize);
}

#[test]
fn a_folder_goes_to_a_server_and_only_what_changed_is_sent_again() {
    let (world, shelf) = (World::new(), crate::files::shelf::Shelf::new());
    let server = shelf.serve(&[]);
    let index = || {
        let run = Run::new(["index", "--quiet", "--json", "--store", "holidays", "--server"]);
        run.argument(format!("http://{}/v1", server.address)).argument(world.pictures()).finish()
    };
    let report = index().quiet_success().json();
    let all = report["total"].as_u64().unwrap();
    assert_eq!(counts(&report), [all, 0, 0, 0, 0]);
    assert_eq!(report["model"], "tiny");
    assert_eq!(counts(&index().quiet_success().json()), [0, 0, 0, all, 0]);
    fs_err::remove_file(world.pictures().join("dog.png")).unwrap();
    fs_err::copy(picture("rgb_61x37.png"), world.pictures().join("cat.png")).unwrap();
    fs_err::write(world.pictures().join("broken.jpg"), b"no picture").unwrap();
    let run = index();
    assert_eq!((run.code, counts(&run.json())), (1, [0, 1, 1, all - 2, 1]), "{}", run.stderr);
    assert!(run.stderr.contains("broken.jpg"), "{}", run.stderr);
    let run = index();
    assert_eq!((run.code, counts(&run.json())), (1, [0, 0, 0, all - 1, 1]), "it is tried again");
    let files = server.get("/v1/files?limit=10000").with_status(200).json();
    assert_eq!(files["data"].as_array().unwrap().len() as u64, all - 1, "nothing is left over");
    let stores = server.get("/v1/vector_stores").with_status(200).json();
    assert_eq!(stores["data"].as_array().unwrap().len(), 1);
    assert_eq!(stores["data"][0]["name"], "holidays");
    assert_eq!(report["store"], "holidays");
}

#[test]
fn a_store_of_a_server_answers_as_the_local_one_does() {
    let (world, shelf) = (World::new(), crate::files::shelf::Shelf::new());
    let server = shelf.serve(&[]);
    let address = format!("http://{}/v1", server.address);
    let run = Run::new(["index", "--quiet", "--server", &address]).argument(world.pictures());
    run.finish().quiet_success();
    let red = world.pictures().join("red_circle.png");
    let local = world.run("index").argument("--model").argument(shelf.tiny.path());
    local.argument(world.pictures()).finish().quiet_success();
    let questions: [&[&str]; 3] = [
        &["a red circle", "--top", "3"],
        &["a red circle", "--minus", "a dog", "--top", "100"],
        &["--image", red.to_str().unwrap()],
    ];
    for question in questions {
        let ask = |run: Run| {
            let run = run.argument("--json");
            let run = question.iter().fold(run, Run::argument);
            let page = run.finish().quiet_success().json();
            let found = page["data"].as_array().unwrap().iter().map(|found| {
                let cosine = (found["cosine"].as_f64().unwrap() * 1e4).round();
                (found["path"].as_str().unwrap().to_owned(), cosine)
            });
            let found = found.collect::<Vec<_>>();
            (found, page["search_query"].clone())
        };
        let remote = ask(Run::new(["search", "--quiet", "--server", &address]));
        assert_eq!(remote, ask(world.run("search")), "{question:?}");
        assert!(!remote.0.is_empty());
    }
    let none = Run::new(["search", "x", "--store", "none", "--server", &address]).finish();
    assert_eq!(none.code, 1);
    assert!(none.stderr.contains("no vector store is named \"none\""), "{}", none.stderr);
    let root = address.trim_end_matches("/v1");
    let lost = Run::new(["search", "x", "--server", root]).finish();
    assert!(lost.stderr.contains("usually ends with /v1"), "{}", lost.stderr);
}

#[test]
fn a_picture_finds_itself_and_less_of_something_changes_the_order() {
    let world = World::new();
    world.index();
    let red = world.pictures().join("red_circle.png");
    let run = world.run("search").argument("--json").argument("--image").argument(&red);
    let page = run.finish().quiet_success().json();
    assert_eq!(page["data"][0]["filename"], "red_circle.png");
    assert!((page["data"][0]["score"].as_f64().unwrap() - 1.0).abs() < 1e-5);
    let run = world.run("search").argument("--json").argument("--image").argument(&red);
    let run = run.argument("--minus").argument("a red circle").finish().quiet_success();
    let less = run.json()["data"][0]["score"].as_f64().unwrap();
    assert!(less < 0.999, "{less}");
    let none = world.run("search").argument("--image").argument("/nonexistent.png").finish();
    assert_eq!(none.code, 1);
    assert!(none.stderr.contains("/nonexistent.png"), "{}", none.stderr);
}

#[test]
fn the_gallery_is_one_page_that_needs_nothing_else() {
    let world = World::new();
    let odd = "<b>&\"quoted\" 100%.png";
    fs_err::copy(picture("rgb_61x37.png"), world.pictures().join(odd)).unwrap();
    world.index();
    let page = world.folder.path().join("gallery.html");
    let run =
        world.run("search").argument("<script>alert(1)</script>").argument("--top").argument("100");
    let run = run.argument("--html").argument(&page).finish().quiet_success();
    assert_eq!(run.text().trim_end(), page.to_str().unwrap());
    let html = fs_err::read_to_string(page).unwrap();
    assert!(!html.contains("<script>alert") && html.contains("&lt;script&gt;alert"));
    assert!(html.contains("&lt;b&gt;&amp;&quot;quoted&quot; 100%.png"));
    assert!(html.contains("%3Cb%3E%26%22quoted%22%20100%25.png"));
    let pictures = html.matches("src=\"data:image/jpeg;base64,/9j/").count();
    assert_eq!(pictures, fs_err::read_dir(world.pictures()).unwrap().count());
    // Nothing is fetched from anywhere.
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("<link"));
}

#[test]
fn copies_of_a_picture_are_one_group() {
    let world = World::new();
    let red = world.pictures().join("red_circle.png");
    fs_err::create_dir(world.pictures().join("below")).unwrap();
    let mut bytes = fs_err::read(&red).unwrap();
    // A longer file with the same picture.
    bytes.extend_from_slice(&[0; 100]);
    fs_err::write(world.pictures().join("below/again.png"), &bytes).unwrap();
    let run = world.run("dedupe").argument("--json").argument("--threshold").argument("0.999");
    let doubles = run.argument(world.pictures()).finish().quiet_success().json();
    let groups = doubles["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "{doubles}");
    let paths = groups[0].as_array().unwrap().iter().map(|double| double["path"].as_str().unwrap());
    let wanted = ["below/again.png", "red_circle.png"].map(|name| world.pictures().join(name));
    assert_eq!(paths.collect::<Vec<_>>(), wanted.map(|path| path.to_str().unwrap().to_owned()));
    let run = world.run("dedupe").argument(world.pictures()).finish().quiet_success();
    assert!(run.text().ends_with("like an earlier one\n"), "{}", run.text());
    assert!(red.exists());
}

#[test]
fn a_store_belongs_to_one_model_until_it_is_moved_to_another() {
    let world = World::new();
    let all = counts(&world.index())[0];
    let tiny = Tiny::new();
    let index = || world.run("index").argument("--json").argument("--model").argument(tiny.path());
    let refused = index().argument(world.pictures()).finish();
    assert_eq!(refused.code, 1);
    for part in ["mini", "two models do not mix", "--reindex", tiny.path().to_str().unwrap()] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    let search =
        world.run("search").argument("--model").argument(tiny.path()).argument("a").finish();
    assert!(
        search.code == 1 && search.stderr.contains("two models do not mix"),
        "{}",
        search.stderr
    );
    // The folders are those of the store.
    let elsewhere = tempfile::tempdir().unwrap();
    fs_err::copy(picture(PICTURES[0]), elsewhere.path().join("a.png")).unwrap();
    let run = index().argument("--reindex").argument(elsewhere.path()).finish().quiet_success();
    let reports = run.text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let added = reports.map(|report| counts(&report)[0]).collect::<Vec<_>>();
    assert_eq!(added, [1, all]);
    // Without a name it is the store's model.
    let page = world.run("search").argument("--json").argument("a").finish().quiet_success().json();
    assert_eq!(page["data"].as_array().unwrap().len(), 16.min(all as usize + 1));
    let stores = fs_err::read_dir(world.data().join("stores/pictures")).unwrap();
    let indexes = stores.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert_eq!(indexes, 1, "the old model's vectors are gone");
}

#[test]
fn careless_use_is_answered_in_words() {
    let world = World::new();
    let none = world.run("search").argument("a").finish();
    assert!(none.code == 1 && none.stderr.contains("polysight index FOLDER"), "{}", none.stderr);
    world.run("search").finish().usage_error("SENTENCE");
    world
        .run("index")
        .argument("--store")
        .argument("../x")
        .argument(".")
        .finish()
        .usage_error("a store's name");
    let missing = world.run("index").argument("/nonexistent").finish();
    assert!(missing.code == 1 && missing.stderr.contains("/nonexistent"), "{}", missing.stderr);
    let file = world.run("index").argument(world.pictures().join("red_circle.png")).finish();
    assert!(file.code == 1 && file.stderr.contains("not a folder"), "{}", file.stderr);
    world
        .run("dedupe")
        .argument("--threshold")
        .argument("2")
        .argument(".")
        .finish()
        .usage_error("from 0 to 1");
    // A folder that cannot be reached takes nothing out of the store.
    let all = counts(&world.index())[0];
    fs_err::rename(world.pictures(), world.folder.path().join("away")).unwrap();
    assert_eq!(world.run("index").argument(world.pictures()).finish().code, 1);
    assert_eq!(world.search("a").len() as u64, all);
}

#[test]
fn a_watcher_sees_what_is_new_until_it_is_ended() {
    let world = World::new();
    let red = world.pictures().join("red_circle.png");
    let away = world.folder.path().join("away.png");
    fs_err::rename(&red, &away).unwrap();
    let run = world.run("index").argument("--watch").argument(world.pictures());
    let mut watcher = run.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let sees = |wanted: bool| {
        let began = Instant::now();
        loop {
            let run = world.run("search").argument("--json").argument("a red circle").finish();
            if run.code == 0 && names(&run).contains(&"red_circle.png".to_owned()) == wanted {
                return;
            }
            assert!(began.elapsed() < Duration::from_mins(2), "{}", run.stderr);
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    sees(false);
    fs_err::rename(&away, &red).unwrap();
    sees(true);
    // Who writes is alone.
    let second = world.run("index").argument(world.pictures()).finish();
    assert!(second.stderr.contains("another process writes"), "{}", second.stderr);
    watcher.kill().unwrap();
    watcher.wait().unwrap();
    assert_eq!(counts(&world.index())[0], 0);
}

/// Kills `index` at moments that differ, and looks whether what it had acknowledged is there and the next goes on.
fn killed(times: u32) {
    let world = World::new();
    fs_err::remove_dir_all(world.pictures()).unwrap();
    fs_err::create_dir(world.pictures()).unwrap();
    let names = |count: u32| (0..count).map(|number| format!("{number:04}.png"));
    let per_round = 40;
    let mut before = 0;
    for round in 0..times {
        for name in names(per_round * (round + 1)).skip((per_round * round) as usize) {
            fs_err::copy(picture("rgb_61x37.png"), world.pictures().join(name)).unwrap();
        }
        let run = world.run("index").argument(world.pictures());
        let mut child = run.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // From before it opens the model to after it has ended.
        std::thread::sleep(Duration::from_millis(u64::from(round * 37 % 400)));
        let _ended_already = child.kill();
        child.wait().unwrap();
        let data = world.data().join("stores/pictures");
        if !data.join("current.json").exists() {
            continue;
        }
        let run = world
            .run("search")
            .argument("--json")
            .argument("--top")
            .argument("100000")
            .argument("a");
        let found = names_of(&run.finish().quiet_success());
        assert!(found.len() >= before, "nothing that was there is lost");
        let files = names(per_round * (round + 1)).collect::<Vec<_>>();
        assert!(found.iter().all(|name| files.contains(name)), "nothing is there that was not");
        before = found.len();
    }
    let total = u64::from(per_round * times);
    let report = world.index();
    assert_eq!((report["total"].as_u64(), counts(&report)[4]), (Some(total), 0));
    assert_eq!(counts(&world.index()), [0, 0, 0, total, 0]);
}

fn names_of(finished: &Finished) -> Vec<String> {
    let mut names = names(finished);
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "nothing is there twice");
    names
}

#[test]
fn an_index_that_is_killed_goes_on() {
    killed(12);
}

#[test]
#[ignore = "minutes"]
fn an_index_that_is_killed_two_hundred_times_goes_on() {
    killed(200);
}

#[test]
fn help_has_examples() {
    for command in ["index", "search", "dedupe"] {
        let help = Run::new([command, "--help"]).finish().quiet_success();
        assert!(help.text().contains(&format!("polysight {command} ")), "{command}");
    }
}
