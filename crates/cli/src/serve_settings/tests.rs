use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use model::Precision;

use super::{
    Address, Alias, Authentication, CorsOrigins, FetchReach, Loading, LogFormat, LogLevel,
    ServeSettings, ServedModel, Tls,
};
use crate::arguments::serve::ServeArguments;
use crate::configuration::Configuration;
use crate::configuration::tests::active_example;
use crate::environment::Environment;
use crate::keys;

#[derive(Debug, Parser)]
struct Alone {
    #[command(flatten)]
    serve: ServeArguments,
}

/// What is given: flags, variables and a file.
#[derive(Clone, Copy, Default)]
struct Sources<'a> {
    flags: &'a [&'a str],
    variables: &'a [(&'a str, &'a str)],
    file: &'a str,
}

impl Sources<'_> {
    fn resolve(self) -> Result<ServeSettings, String> {
        let arguments = ["serve"].into_iter().chain(self.flags.iter().copied());
        let arguments = Alone::try_parse_from(arguments).map_err(|error| error.to_string())?;
        let mut environment = Environment::from_lookup(|name| {
            let found = self.variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        });
        environment.configuration =
            Configuration::parse(Path::new("p.toml"), self.file).map_err(|e| e.to_string())?;
        let look_up = |address: &Address| match address.host.as_str() {
            "home.example" => {
                Ok(vec!["127.0.0.1:80".parse().unwrap(), "[::1]:80".parse().unwrap()])
            }
            "mixed.example" => {
                Ok(vec!["127.0.0.1:80".parse().unwrap(), "9.9.9.9:80".parse().unwrap()])
            }
            "empty.example" => Ok(vec![]),
            host => match host.parse() {
                Ok(ip) => Ok(vec![SocketAddr::new(ip, address.port)]),
                Err(_) => Err(std::io::Error::other("nobody knows it")),
            },
        };
        ServeSettings::resolve(&arguments.serve, &environment, look_up)
            .map_err(|error| error.to_string())
    }
}

fn from_flags(flags: &[&str]) -> Result<ServeSettings, String> {
    Sources { flags, ..Sources::default() }.resolve()
}

fn from_file(file: &str) -> Result<ServeSettings, String> {
    Sources { file, ..Sources::default() }.resolve()
}

fn refused(settings: Result<ServeSettings, String>, part: &str) {
    let error = settings.expect_err("it is refused");
    assert!(error.contains(part), "{part:?} is not in {error:?}");
}

/// The number of keys; `None` when everybody may ask.
fn keys_of(settings: &ServeSettings) -> Option<usize> {
    match &settings.authentication {
        Authentication::Keys(keys) => Some(keys.len()),
        Authentication::Accounts(_) => panic!("nobody asked for accounts"),
        Authentication::Open => None,
    }
}

#[test]
fn every_key_has_its_flag_and_the_help_names_its_variable() {
    let command = Alone::command();
    for key in keys::ALL.iter().filter(|key| key.name != "quiet") {
        let flag = key.flag.trim_start_matches('-');
        let argument = command.get_arguments().find(|argument| argument.get_long() == Some(flag));
        let argument = argument.unwrap_or_else(|| panic!("serve has no {}", key.flag));
        let help = argument.get_help().expect("it has help").to_string();
        let end = help.split_once(key.variable).unwrap_or_else(|| panic!("{}: {help}", key.flag)).1;
        assert!(end.starts_with([']', ',']), "{}: {help}", key.flag);
    }
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = from_flags(&[]).unwrap();
    assert_eq!(settings.addresses, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!((settings.models, settings.aliases), (vec![], vec![]));
    assert_eq!(settings.loading, Loading::AtStart);
    assert_eq!((settings.idle_timeout, settings.model_memory), (None, None));
    assert_eq!(settings.options.limits, pixels::Limits::default());
    assert_eq!(settings.options.precision, Precision::F32);
    assert_eq!(settings.authentication, Authentication::Open);
    assert_eq!(settings.tls, None);
    assert_eq!(settings.cors_origins, CorsOrigins::Any);
    assert_eq!(settings.fetching.reach, FetchReach::Public);
    assert_eq!(settings.fetching.hosts, None);
    let limits = settings.limits;
    assert_eq!((limits.body, limits.image, limits.pixels), (64 << 20, 20 << 20, 64_000_000));
    assert_eq!((limits.inputs, limits.labels), (2048, 10_000));
    assert_eq!((limits.queue_pixels, limits.queue_bytes), (256_000_000, 1 << 30));
    assert_eq!(limits.connections, 1024);
    assert_eq!((limits.label_cache, limits.image_cache), (64 << 20, 64 << 20));
    assert_eq!(settings.times.request, Duration::from_mins(2));
    assert_eq!(settings.times.shutdown, Duration::from_secs(30));
    assert_eq!(settings.rates.requests_per_minute, 1_000_000);
    assert_eq!(settings.rates.images_per_minute, 1_000_000);
    assert_eq!((settings.log.format, settings.log.level), (LogFormat::Text, LogLevel::Info));
    assert_eq!(settings.moderation, []);
}

#[test]
fn the_flag_wins_over_the_variable_and_that_over_the_file() {
    let file = "threads = 4\n[serve]\nmax-inputs = 4\nlazy = true\napi-key = [\"a\", \"b\"]";
    let variables = &[
        ("POLYSIGHT_MAX_INPUTS", "3"),
        ("POLYSIGHT_LAZY", "0"),
        ("POLYSIGHT_API_KEY", "a, b,c"),
        ("POLYSIGHT_THREADS", "3"),
    ];
    let flags = &["--max-inputs", "2", "--lazy", "--api-key", "-x", "--threads", "2"];
    let summary = |sources: Sources<'_>| {
        let settings = sources.resolve().unwrap();
        let keys = keys_of(&settings).unwrap();
        (settings.limits.inputs, settings.options.threads, (settings.loading, keys))
    };
    assert_eq!(summary(Sources { file, ..Sources::default() }), (4, 4, (Loading::AtFirstUse, 2)));
    let both = Sources { variables, file, ..Sources::default() };
    assert_eq!(summary(both), (3, 3, (Loading::AtStart, 3)));
    assert_eq!(summary(Sources { flags, ..both }), (2, 2, (Loading::AtFirstUse, 1)));
    let off = Sources { flags: &["--lazy=off"], file, ..Sources::default() };
    assert_eq!(summary(off), (4, 4, (Loading::AtStart, 2)));
}

#[test]
fn an_error_names_the_place_of_the_value() {
    refused(from_flags(&["--max-body", "big"]), "--max-body: \"big\" is not a size");
    let variables = &[("POLYSIGHT_MAX_BODY", "big")];
    let sources = Sources { variables, ..Sources::default() };
    refused(sources.resolve(), "POLYSIGHT_MAX_BODY: \"big\" is not a size");
    refused(
        from_file("[serve]\nmax-body = \"big\""),
        "p.toml:2 serve.max-body: \"big\" is not a size",
    );
}

#[test]
fn values_that_make_no_sense_are_refused() {
    for (flag, value) in [
        ("--addr", "8080"),
        ("--idle-timeout", "0"),
        ("--idle-timeout", "soon"),
        ("--model-memory", "0"),
        ("--auth", "password"),
        ("--cors-origin", "app.example"),
        ("--fetch-urls", "maybe"),
        ("--fetch-host", "http://a"),
        ("--max-body", "0"),
        ("--max-pixels", "0"),
        ("--queue-pixels", "-1"),
        ("--max-connections", "0"),
        ("--label-cache", "1.5MiB"),
        ("--request-timeout", "0"),
        ("--requests-per-minute", "0"),
        ("--log-format", "xml"),
        ("--log-level", "loud"),
        ("--alias", "a"),
        ("--alias", "=b"),
        ("--model", "a="),
        ("--threads", "0"),
        ("--api-key", ""),
    ] {
        refused(from_flags(&[&format!("{flag}={value}")]), flag);
    }
    from_flags(&["--label-cache", "0", "--shutdown-timeout", "0"]).unwrap();
    let off = ["--idle-timeout", "never", "--model-memory", "none"];
    assert_eq!(from_flags(&off).unwrap().idle_timeout, None);
}

#[test]
fn what_can_never_be_admitted_is_not_allowed() {
    let message = "--max-pixels is 300000000, which is more than --queue-pixels, 256000000";
    refused(from_flags(&["--max-pixels", "300000000"]), message);
    refused(from_flags(&["--queue-bytes", "1MiB"]), "--max-body is 67108864, which is more than");
}

#[test]
fn models_keep_their_order_and_their_names() {
    let flags = ["--model", "photos=models/a", "--model", "org/b", "--alias", "x=photos"];
    let settings = from_flags(&flags).unwrap();
    let model = |name: Option<&str>, source: &str| ServedModel {
        name: name.map(str::to_owned),
        source: source.into(),
    };
    assert_eq!(settings.models, [model(Some("photos"), "models/a"), model(None, "org/b")]);
    let alias = Alias { alias: "x".to_owned(), model: "photos".to_owned() };
    assert_eq!(settings.aliases, [alias]);
    let file = "model = [\"photos=./a,b\", \"org/b\"]\n[serve.aliases]\nx = \"photos\"";
    let from_file = from_file(file).unwrap();
    assert_eq!(from_file.models, [model(Some("photos"), "./a,b"), model(None, "org/b")]);
    assert_eq!(from_file.aliases, settings.aliases);
    let variables = &[("POLYSIGHT_MODEL", "photos=a,b"), ("POLYSIGHT_ALIAS", "x=photos,y=photos")];
    let from_variables = Sources { variables, ..Sources::default() }.resolve().unwrap();
    assert_eq!(from_variables.models, [model(Some("photos"), "a,b")]);
    assert_eq!(from_variables.aliases.len(), 2);
    refused(from_flags(&["--model", "a=b", "--model", "a=c"]), "\"a\" is given to two models");
    refused(from_flags(&["--alias", "a=b", "--alias", "a=c"]), "\"a\" is given twice");
}

#[test]
fn others_reach_the_server_only_with_keys_or_on_purpose() {
    for open in ["0.0.0.0:1", "[::]:1", "192.168.0.1:1", "mixed.example:80"] {
        let refusal = "no keys; give some with --api-key or --api-key-file";
        refused(from_flags(&["--addr", open]), refusal);
        assert_eq!(keys_of(&from_flags(&["--addr", open, "--auth", "none"]).unwrap()), None);
        assert_eq!(keys_of(&from_flags(&["--addr", open, "--api-key", "k"]).unwrap()), Some(1));
    }
    for own in ["127.0.0.2:1", "[::1]:1", "home.example:80"] {
        assert_eq!(keys_of(&from_flags(&["--addr", own]).unwrap()), None);
    }
    refused(from_flags(&["--auth", "keys"]), "--auth: there are no keys");
    refused(
        from_flags(&["--addr", "nowhere.example:1"]),
        "--addr: cannot look up \"nowhere.example\"",
    );
    refused(from_flags(&["--addr", "empty.example:1"]), "it has no address");
    refused(from_file("[serve]\naddr = \"0.0.0.0:1\""), "p.toml:2 serve.addr: other machines");
}

#[test]
fn keys_come_from_a_list_and_a_file_each_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let name = file.path().to_str().unwrap();
    fs_err::write(file.path(), "# ours\n\nalpha\nbeta\n").unwrap();
    let both = from_flags(&["--api-key", "alpha", "--api-key", "c", "--api-key-file", name]);
    assert_eq!(keys_of(&both.unwrap()), Some(3));
    fs_err::write(file.path(), "# none\n").unwrap();
    refused(from_flags(&["--api-key-file", name]), "--api-key-file: the file has no keys");
    refused(from_flags(&["--api-key-file", "/nonexistent"]), "/nonexistent");
}

#[test]
fn nobody_sees_a_key_by_accident() {
    let flags = ["serve", "--api-key", "sk-12345"];
    assert!(!format!("{:?}", Alone::try_parse_from(flags).unwrap()).contains("12345"));
    let settings = from_flags(&flags[1..]).unwrap();
    assert!(!format!("{settings:?}").contains("12345"));
    let variables = &[("POLYSIGHT_API_KEY", "sk 12345")];
    for wrong in [
        from_flags(&["--api-key", "sk 12345"]),
        from_file("[serve]\napi-key = \"sk 12345\""),
        Sources { variables, ..Sources::default() }.resolve(),
    ] {
        assert!(!wrong.expect_err("a key has no space").contains("12345"));
    }
}

#[test]
fn tls_needs_both_files() {
    let both = from_file("[serve]\ntls-cert = \"c.pem\"\ntls-key = \"k.pem\"").unwrap();
    assert_eq!(both.tls, Some(Tls { certificates: "c.pem".into(), key: "k.pem".into() }));
    refused(from_flags(&["--tls-cert", "c.pem"]), "--tls-cert: a certificate needs its key");
    refused(from_flags(&["--tls-key", "k.pem"]), "--tls-key: a key needs its certificate");
    let file = "[serve]\ntls-cert = \"c.pem\"\ntls-key = \"k.pem\"";
    let flags = &["--tls-cert", "", "--tls-key", ""];
    assert_eq!(Sources { flags, file, ..Sources::default() }.resolve().unwrap().tls, None);
}

#[test]
fn fetching_is_public_unless_it_is_off_or_dangerous() {
    let reach = |flags: &[&str]| from_flags(flags).unwrap().fetching.reach;
    assert_eq!(reach(&["--fetch-private"]), FetchReach::Anywhere);
    assert_eq!(reach(&["--fetch-urls", "off", "--fetch-private"]), FetchReach::Nowhere);
    let hosts = from_file("[serve]\nfetch-host = [\"A.example\", \"b\"]").unwrap().fetching.hosts;
    assert_eq!(hosts, Some(vec!["a.example".to_owned(), "b".to_owned()]));
    let origins = from_flags(&["--cors-origin", "https://A", "--cors-origin", "http://b:1"]);
    let expected = ["https://a", "http://b:1"].map(str::to_owned);
    assert_eq!(origins.unwrap().cors_origins, CorsOrigins::Only(expected.to_vec()));
}

#[test]
fn the_limits_of_pictures_reach_the_decoder() {
    let settings = from_flags(&["--max-image", "1MB", "--max-pixels", "5000"]).unwrap();
    assert_eq!(settings.options.limits.bytes, 1_000_000);
    assert_eq!(settings.options.limits.pixels, 5000);
}

#[test]
fn the_whole_example_makes_sense() {
    let keys = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(keys.path(), "one-more\n").unwrap();
    let text = active_example().replace("keys.txt", keys.path().to_str().unwrap());
    let settings = from_file(&text).unwrap();
    assert_eq!(keys_of(&settings), Some(2));
    assert_eq!((settings.models.len(), settings.aliases.len()), (2, 1));
    assert_eq!(settings.idle_timeout, Some(Duration::from_mins(30)));
    assert_eq!(settings.model_memory, Some(8 << 30));
    assert_eq!(settings.moderation[0].prompts.len(), 2);
}
