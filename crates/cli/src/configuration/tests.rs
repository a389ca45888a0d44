use std::path::Path;

use crate::configuration::{Configuration, ModerationCategory};
use crate::keys::{self, ALL, Key, MODERATION, Table};

fn parse(text: &str) -> Configuration {
    Configuration::parse(Path::new("polysight.toml"), text).expect("the file is right")
}

fn error(text: &str) -> String {
    let parsed = Configuration::parse(Path::new("conf/polysight.toml"), text);
    parsed.err().expect("the file is wrong").to_string()
}

/// Places and values.
fn values(configuration: &Configuration, key: &'static Key) -> Vec<String> {
    let values = configuration.values(key).unwrap_or_default();
    let show = |given: crate::given::Given<'_>| {
        format!("{} = {}", given.place, given.text.to_str().unwrap())
    };
    values.iter().map(|placed| show(placed.given())).collect()
}

/// The committed example.
fn example() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../polysight.example.toml");
    fs_err::read_to_string(file).unwrap()
}

/// The committed example with the # taken away from every line with a key.
pub(crate) fn active_example() -> String {
    let activate = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|first: char| first.is_ascii_lowercase()) => rest.to_owned(),
        _ => line.to_owned(),
    };
    example().lines().map(activate).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_changes_nothing_until_it_is_edited() {
    let configuration = parse(&example());
    for key in ALL {
        assert_eq!(values(&configuration, key), [""; 0], "{}", key.name);
    }
    assert_eq!(configuration.moderation, []);
}

#[test]
fn the_example_knows_every_key_and_no_other() {
    let configuration = parse(&active_example());
    for key in ALL {
        assert!(!values(&configuration, key).is_empty(), "the example has no {}", key.name);
    }
    assert_eq!(configuration.moderation.len(), 1);
}

#[test]
fn every_value_remembers_its_place() {
    let text = "# comment\nthreads = 2\nmodel = [\n  \"org/a\",\n  \"org/b\",\n]\n[serve]\naddr = \"[::1]:1\"\n";
    let configuration = parse(text);
    assert_eq!(values(&configuration, &keys::THREADS), ["polysight.toml:2 threads = 2"]);
    assert_eq!(values(&configuration, &keys::ADDR), ["polysight.toml:8 serve.addr = [::1]:1"]);
    let models = ["polysight.toml:4 model = =org/a", "polysight.toml:5 model = =org/b"];
    assert_eq!(values(&configuration, &keys::MODEL), models);
}

#[test]
fn numbers_and_switches_become_what_a_flag_would_say() {
    let configuration = parse("\u{feff}quiet = false\nserve.max-pixels = 0x10\nserve.lazy = true");
    assert_eq!(values(&configuration, &keys::QUIET), ["polysight.toml:1 quiet = off"]);
    let pixels = ["polysight.toml:2 serve.max-pixels = 16"];
    assert_eq!(values(&configuration, &keys::MAX_PIXELS), pixels);
    assert_eq!(values(&configuration, &keys::LAZY), ["polysight.toml:3 serve.lazy = on"]);
}

#[test]
fn relative_paths_begin_beside_the_file() {
    let text =
        "packed-cache = \"packed\"\n[serve]\ntls-key = \"/etc/key.pem\"\napi-key-file = \"\"";
    let file = Path::new("conf/polysight.toml");
    let configuration = Configuration::parse(file, text).ok().unwrap();
    let text = |key| configuration.values(key).unwrap()[0].given().text.to_owned();
    assert_eq!(text(&keys::PACKED_CACHE), Path::new("conf").join("packed"));
    assert_eq!(text(&keys::TLS_KEY), "/etc/key.pem");
    assert_eq!(text(&keys::API_KEY_FILE), "", "an empty path stays none");
}

#[test]
fn aliases_keep_the_order_of_the_file() {
    let configuration = parse("[serve.aliases]\nz = \"one\"\na = \"org/two\"");
    let expected =
        ["polysight.toml:2 serve.aliases = z=one", "polysight.toml:3 serve.aliases = a=org/two"];
    assert_eq!(values(&configuration, &keys::ALIASES), expected);
}

#[test]
fn categories_have_prompts_and_a_threshold() {
    let text = "[serve.moderation]\nz = { prompts = [\"a gun\"], threshold = 0.25 }\n\
                [serve.moderation.a]\nprompts = [\"x\", \"y\"]";
    let category = |name: &str, prompts: &[&str], threshold| ModerationCategory {
        name: name.to_owned(),
        prompts: prompts.iter().map(|&prompt| prompt.to_owned()).collect(),
        threshold,
    };
    let expected = [category("z", &["a gun"], 0.25), category("a", &["x", "y"], 0.5)];
    assert_eq!(parse(text).moderation, expected);
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_known_key() {
    for (text, message) in [
        ("\nthread = 2", "2: unknown key \"thread\"; the nearest known key is \"threads\""),
        ("[server]\n", "1: unknown key \"server\"; the nearest known key is \"serve\""),
        (
            "[serve]\n\nmax_body = 1",
            "3: unknown key \"serve.max_body\"; the nearest known key is \"serve.max-body\"",
        ),
        ("addr = \"x\"", "1: the key \"addr\" stands in the table [serve]"),
        ("[serve]\nthreads = 2", "2: the key \"threads\" stands above the first table"),
        (
            "[serve.moderation]\na = { prompt = [\"x\"] }",
            "2: unknown key \"prompt\"; the nearest known key is \"prompts\"",
        ),
    ] {
        assert_eq!(error(text), format!("conf/polysight.toml:{message}"));
    }
}

#[test]
fn a_value_of_the_wrong_form_names_its_line() {
    for (text, message) in [
        ("threads = true", "1: threads takes a text or a whole number, not true or false"),
        ("threads = 1.5", "1: threads takes a text or a whole number, not a fraction"),
        ("packed-cache = 3", "1: packed-cache takes a path, not a whole number"),
        ("quiet = \"maybe\"", "1: quiet takes true or false, not another text"),
        ("model = [[]]", "1: model takes a text or a list of texts, not a list in a list"),
        ("model = \"\"", "1 model: the name of a model is empty"),
        ("serve = 1", "1: serve is a table"),
        ("[serve]\nmoderation = []", "2: serve.moderation is a table of categories"),
        ("[serve]\naliases = \"a=b\"", "2: serve.aliases takes a table of texts, not a text"),
        ("[serve.aliases]\n\"a=b\" = \"c\"", "2: an alias has no = in it"),
        ("[serve.moderation]\na = 1", "2: serve.moderation.a: a category is a table like"),
        ("[serve.moderation]\na = {}", "2: serve.moderation.a: a category needs prompts"),
        (
            "[serve.moderation.a]\nprompts = [\"x\", \" \"]",
            "2: serve.moderation.a: prompts are a list of texts",
        ),
        (
            "[serve.moderation.a]\nprompts = [\"x\"]\nthreshold = 1.5",
            "3: serve.moderation.a: a threshold is a number from 0 to 1",
        ),
    ] {
        let error = error(text);
        assert!(error.starts_with(&format!("conf/polysight.toml:{message}")), "{error}");
    }
}

#[test]
fn what_is_not_toml_names_its_line_and_shows_no_secret() {
    for text in [
        "threads = 1\n[serve]\napi-key = \"top-secret",
        "threads = 1\n[serve]\napi-key = top-secret",
        "threads = 1\n[serve]\napi-key = [\"top-secret\", 5]",
        "threads = 1\n[serve]\napi-key = { top-secret = 1 }",
    ] {
        let error = error(text);
        assert!(error.starts_with("conf/polysight.toml:3: "), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn every_table_has_names_to_be_near_to() {
    for table in [Table::Top, Table::Serve] {
        assert!(table.names().count() > 5);
    }
    assert!(Table::Serve.names().any(|name| name == MODERATION));
}
