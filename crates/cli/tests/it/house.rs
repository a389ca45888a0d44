//! The rules of ARCHITECTURE.md that a compiler does not know: which crate may import which, and what the lower floors
//! must not touch.

use std::path::{Path, PathBuf};

use toml::Table;

use crate::tiny::crates;

/// Every crate and its floor. A crate imports lower floors only.
const FLOORS: &[(&str, u8)] = &[
    ("kernels", 0),
    ("pixels", 0),
    ("tokens", 0),
    ("weights", 0),
    ("model", 1),
    ("datasets", 1),
    ("gpu", 1),
    ("ledger", 1),
    ("index", 1),
    ("scenes", 1),
    ("train", 2),
    ("eval", 2),
    ("store", 2),
    ("hub", 2),
    ("server", 3),
    ("polysight", 4),
];

/// Floors below this one compute and do nothing else.
const FIRST_FLOOR_WITH_SURROUNDINGS: u8 = 2;

/// Async runtimes, HTTP and SQL.
const SURROUNDINGS: &[&str] = &[
    "actix-web",
    "async-std",
    "attohttpc",
    "axum",
    "curl",
    "diesel",
    "futures",
    "futures-util",
    "h2",
    "hyper",
    "hyper-util",
    "isahc",
    "minreq",
    "mysql",
    "postgres",
    "reqwest",
    "rusqlite",
    "sea-orm",
    "smol",
    "sqlx",
    "tiny_http",
    "tokio",
    "tokio-util",
    "tonic",
    "tower",
    "tower-http",
    "ureq",
    "warp",
];

/// What computing code must not mention: the environment, the clock, global state.
const NOT_BELOW: &[&str] = &["std::env", "env::var", "SystemTime", "Instant", "static mut"];

/// The crates that may hold `unsafe` code, each block with its proof.
const MAY_BE_UNSAFE: &[&str] = &["kernels", "pixels", "weights", "gpu", "index"];

/// The one file that reads variables.
const ENVIRONMENT: &str = "cli/src/environment.rs";

const MOST_LINES: usize = 800;

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

/// The packages that a table of dependencies names, renamed ones by their true name.
fn packages(dependencies: &Table) -> impl Iterator<Item = &str> {
    dependencies.iter().map(|(name, value)| {
        let package = value.get("package").and_then(toml::Value::as_str);
        package.unwrap_or(name)
    })
}

/// All tables of dependencies of a manifest: for use, for tests, for building, for one target.
fn dependency_tables(manifest: &Table) -> Vec<&Table> {
    let mut places = vec![manifest];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        places.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = places.iter().flat_map(|place| kinds.map(|kind| place.get(kind)));
    tables.flatten().filter_map(toml::Value::as_table).collect()
}

/// What is wrong with a manifest.
fn manifest_faults(text: &str) -> Vec<String> {
    let manifest: Table = text.parse().expect("a manifest is TOML");
    let name = manifest["package"]["name"].as_str().expect("a package has a name");
    let Some(own) = floor(name) else {
        return vec![format!("{name} has no floor: add it to FLOORS and to ARCHITECTURE.md")];
    };
    let mut faults = Vec::new();
    for package in dependency_tables(&manifest).into_iter().flat_map(packages) {
        if floor(package).is_some_and(|other| other >= own) {
            faults.push(format!("{name} imports {package}, which is not below it"));
        }
        if own < FIRST_FLOOR_WITH_SURROUNDINGS && SURROUNDINGS.contains(&package) {
            faults.push(format!("{name} imports {package}: its floor has no async, HTTP or SQL"));
        }
    }
    faults
}

/// What is wrong with a source file below `crates/`, whose crate is `name`.
fn source_faults(name: &str, path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.lines().count() > MOST_LINES {
        faults.push(format!("{path} has more than {MOST_LINES} lines"));
    }
    if !path.contains("/src/") {
        return faults;
    }
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let code = text.lines().filter(code).collect::<Vec<_>>().join("\n");
    if floor(name).is_some_and(|floor| floor < FIRST_FLOOR_WITH_SURROUNDINGS) {
        for word in NOT_BELOW.iter().filter(|word| code.contains(*word)) {
            faults.push(format!("{path} mentions {word}"));
        }
    } else if code.contains("env::var") && path != ENVIRONMENT {
        faults.push(format!("{path} reads a variable; {ENVIRONMENT} does that"));
    }
    let is_root = path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs");
    if is_root && !MAY_BE_UNSAFE.contains(&name) && !code.contains("#![forbid(unsafe_code)]") {
        faults.push(format!("{path} lacks #![forbid(unsafe_code)]"));
    }
    faults
}

/// The Rust files below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(folder).expect("the folder is read") {
        let path = entry.expect("the folder is read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_crate_keeps_to_its_floor() {
    let mut seen = 0;
    let mut faults = Vec::new();
    for entry in fs_err::read_dir(crates()).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(manifest) = fs_err::read_to_string(folder.join("Cargo.toml")) else {
            continue;
        };
        seen += 1;
        faults.extend(manifest_faults(&manifest));
        let table: Table = manifest.parse().unwrap();
        let name = table["package"]["name"].as_str().unwrap().to_owned();
        for file in rust_files(&folder) {
            let path = file.strip_prefix(crates()).unwrap().to_str().unwrap().replace('\\', "/");
            faults.extend(source_faults(&name, &path, &fs_err::read_to_string(&file).unwrap()));
        }
    }
    assert!(seen >= 7, "the crates were found: {seen}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_import_against_the_floors_is_noticed_in_every_kind_of_dependency() {
    let manifest = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n{rest}");
    let faults = |name: &str, rest: &str| manifest_faults(&manifest(name, rest));
    for rest in [
        "[dependencies]\nmodel.workspace = true",
        "[dependencies]\npixels = { path = \"../pixels\" }",
        "[dev-dependencies]\nhub.workspace = true",
        "[build-dependencies]\npolysight = \"1\"",
        "[target.'cfg(unix)'.dependencies]\nserver = \"1\"",
        "[dependencies]\nother = { package = \"model\", path = \"../model\" }",
        "[dependencies]\ntokio = \"1\"",
        "[dependencies.rusqlite]\nversion = \"1\"",
        "[dependencies]\nclient = { package = \"ureq\", version = \"3\" }",
    ] {
        assert_eq!(faults("kernels", rest).len(), 1, "{rest}");
    }
    assert_eq!(faults("model", "[dependencies]\nkernels.workspace = true").len(), 0);
    assert_eq!(faults("hub", "[dependencies]\nureq.workspace = true\nmodel = \"1\"").len(), 0);
    assert_eq!(faults("hub", "[dependencies]\ntrain.workspace = true").len(), 1);
    assert_eq!(faults("kernels", "[dependencies]\nthiserror = \"2\"").len(), 0);
    assert_eq!(faults("basement", "").len(), 1, "a crate without a floor is a fault");
}

#[test]
fn forbidden_words_missing_attributes_and_long_files_are_noticed() {
    let faults = |name: &str, path: &str, text: &str| source_faults(name, path, text).len();
    assert_eq!(faults("tokens", "tokens/src/a.rs", "use std::env;"), 1);
    assert_eq!(faults("model", "model/src/a.rs", "let now = Instant::now();"), 1);
    assert_eq!(faults("weights", "weights/src/a.rs", "static mut COUNT: u8 = 0;"), 1);
    assert_eq!(faults("model", "model/src/a.rs", "// Instant answers"), 0);
    assert_eq!(faults("model", "model/tests/it/a.rs", "let now = Instant::now();"), 0);
    assert_eq!(faults("hub", "hub/src/a.rs", "std::env::var(\"HF_HOME\")"), 1);
    assert_eq!(faults("polysight", "cli/src/a.rs", "std::env::var_os(\"HF_HOME\")"), 1);
    assert_eq!(faults("polysight", ENVIRONMENT, "std::env::var_os(\"HF_HOME\")"), 0);
    assert_eq!(faults("hub", "hub/src/lib.rs", "//! #![forbid(unsafe_code)]"), 1);
    assert_eq!(faults("hub", "hub/src/lib.rs", "#![forbid(unsafe_code)]"), 0);
    assert_eq!(faults("kernels", "kernels/src/lib.rs", ""), 0);
    assert_eq!(faults("hub", "hub/tests/it/a.rs", &"\n".repeat(801)), 1);
    assert_eq!(faults("hub", "hub/tests/it/a.rs", &"\n".repeat(800)), 0);
}
