//! URLs that hide where they lead.

use std::net::Ipv4Addr;
use std::sync::Arc;

use proptest::prelude::*;
use server::fetch::{FetchError, FetchErrorKind};

use super::{fetch, kind};
use crate::web::{FIRST, Reply, Site, Web, picture};

/// A web on which the loopback would answer, if anybody asked.
async fn open_inside() -> Arc<Web> {
    let site = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
    let mut web = Web::default();
    for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254"] {
        web = web.site(address, 80, &site).site(address, 443, &site);
    }
    Arc::new(web.name("localhost", &["127.0.0.1", "::1"]))
}

#[tokio::test]
async fn an_inner_address_is_refused_in_every_notation() {
    let web = open_inside().await;
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "127.1.",
        "2130706433",
        "2130706433.",
        "0x7f000001",
        "0X7F000001",
        "0x7f.1",
        "0x7f.0x0.0x0.0x1",
        "0177.0.0.1",
        "0177.0.0.01",
        "017700000001",
        "00000177.1",
        "0",
        "0.0.0.0",
        "0x",
        "%31%32%37.0.0.1",
        "127%2e0%2e0%2e1",
        "%30x7f000001",
        "127。0。0。1",
        "１２７.０.０.１",
        "①②⑦.⓪.⓪.①",
        "１２７｡0｡0｡１",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[ff02::1]",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[::ffff:a9fe:a9fe]",
        "100.100.100.200",
        "168.63.129.16",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "ⓛocalhost",
        "%6cocalhost",
    ] {
        for scheme in ["http", "https"] {
            let result = fetch(&web, &format!("{scheme}://{host}/")).await;
            let error = result.expect_err(host);
            assert!(matches!(error, FetchError::NoPublicAddress { .. }), "{host}: {error}");
        }
    }
    assert!(web.dialled().is_empty());
}

#[tokio::test]
async fn a_host_that_is_no_host_is_refused() {
    let web = open_inside().await;
    for url in [
        "",
        "cat.png",
        "//127.0.0.1/",
        "http://",
        "http:///",
        "http://./",
        "http://localhost../",
        "http://.localhost/",
        "http://127.0.0.256/",
        "http://127.0.0.0x100000000/",
        "http://1.2.3.4.5/",
        "http://4294967296/",
        "http://[::1/",
        "http://[::1%25eth0]/",
        "http://[fe80::1%25lo]/",
        "http://[127.0.0.1]/",
        "http://a b/",
        "http://local%00host/",
        "http://127.0.0.1%0d%0aevil/",
        "http://127.0.0.1:99999/",
    ] {
        assert_eq!(kind(&fetch(&web, url).await), FetchErrorKind::Refused, "{url:?}");
    }
    assert!(web.dialled().is_empty() && web.lookups().is_empty());
}

#[tokio::test]
async fn what_browsers_take_for_the_loopback_is_refused_as_the_loopback() {
    let web = open_inside().await;
    for url in [
        r"http:\\127.0.0.1\",
        r"http:\/127.0.0.1",
        "http:127.0.0.1",
        "http:/127.0.0.1",
        "http:////127.0.0.1",
        "  http://127.0.0.1/",
        "ht\ntp://127.\t0.0.1/",
        "http://127.0.0.1\n/",
        r"http://127.0.0.1\@images.example/",
        "http://127.0.0.1#@images.example/",
        "http://127.0.0.1?@images.example/",
        "http://127.0.0.1:80/",
        "http://127.0.0.1:443/",
        "http://127.0.0.1:/",
    ] {
        let error = fetch(&web, url).await.expect_err(url);
        assert!(matches!(error, FetchError::NoPublicAddress { .. }), "{url:?}: {error}");
    }
    assert!(web.dialled().is_empty());
}

#[tokio::test]
async fn credentials_are_refused_whatever_they_look_like() {
    let web = open_inside().await;
    for url in [
        "http://images.example@127.0.0.1/",
        "http://images.example:80@127.0.0.1/",
        "http://images.example%2f@127.0.0.1/",
        "http://:secret@images.example/",
        "http://user:@images.example/",
        "http://a@b@images.example/",
        "https://user:password@images.example/",
    ] {
        let error = fetch(&web, url).await.expect_err(url);
        assert!(matches!(error, FetchError::Credentials), "{url}: {error}");
    }
    assert!(web.dialled().is_empty() && web.lookups().is_empty());
}

#[tokio::test]
async fn other_schemes_are_refused() {
    let web = open_inside().await;
    for url in [
        "file:///etc/passwd",
        "ftp://images.example/",
        "gopher://127.0.0.1/_x",
        "data:image/png;base64,iVBORw0KGgo=",
        "javascript:alert(1)",
        "ws://images.example/",
        "unix:/run/docker.sock",
        "blob:http://images.example/1",
        "view-source:http://127.0.0.1/",
    ] {
        let error = fetch(&web, url).await.expect_err(url);
        assert!(matches!(error, FetchError::Scheme { .. }), "{url}: {error}");
    }
    assert!(web.lookups().is_empty());
}

#[tokio::test]
async fn only_the_ports_of_the_web_are_fetched_from() {
    let site = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
    let web = Arc::new(
        [22, 25, 6379, 8080]
            .iter()
            .fold(Web::default().name("images.example", &[FIRST]), |web, port| {
                web.site(FIRST, *port, &site)
            }),
    );
    for port in [0, 1, 22, 25, 79, 81, 442, 444, 6379, 8080, 65535] {
        let error = fetch(&web, &format!("http://images.example:{port}/")).await.unwrap_err();
        assert!(matches!(error, FetchError::Port { port: named } if named == port), "{error}");
    }
    assert!(web.lookups().is_empty());
}

#[tokio::test]
async fn a_url_and_a_name_may_only_be_so_long() {
    let web = open_inside().await;
    let long = format!("http://images.example/{}", "a".repeat(9000));
    assert!(matches!(fetch(&web, &long).await, Err(FetchError::TooLong { .. })));
    // Each of these letters becomes nine bytes.
    let grown = format!("http://images.example/{}", "€".repeat(2000));
    assert!(matches!(fetch(&web, &grown).await, Err(FetchError::TooLong { .. })));
    let name = format!("http://{}example/", "a.".repeat(300));
    assert_eq!(kind(&fetch(&web, &name).await), FetchErrorKind::Refused);
    assert!(web.lookups().is_empty());
}

fn inner() -> impl Strategy<Value = Ipv4Addr> {
    let prefix =
        prop::sample::select(vec![[10_u8, 0], [127, 0], [192, 168], [169, 254], [172, 20]]);
    (prefix, any::<[u8; 2]>()).prop_map(|([a, b], [c, d])| Ipv4Addr::new(a, b, c, d))
}

fn percent_encoded(text: &str) -> String {
    let letters: Vec<String> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    letters.concat()
}

fn notations(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let low = u16::from_be_bytes([c, d]);
    let bits = address.to_bits();
    vec![
        format!("{bits}"),
        format!("0x{bits:x}"),
        format!("0{bits:o}"),
        format!("{a}.{}", bits & 0xff_ffff),
        format!("{a}.{b}.{low}"),
        format!("0x{a:x}.0{b:o}.{c}.0x{d:02X}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}."),
        percent_encoded(&address.to_string()),
        format!("[::ffff:{address}]"),
        format!("[::{address}]"),
        format!("[64:ff9b::{address}]"),
        format!("[64:ff9b:1:ffff::{address}]"),
        format!("[2002:{:x}:{low:x}::1]", u16::from_be_bytes([a, b])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_notation_of_any_inner_address_is_dialled(address in inner()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let web = Arc::new(Web::default());
        for host in notations(address) {
            let error = runtime.block_on(fetch(&web, &format!("http://{host}/"))).unwrap_err();
            prop_assert!(matches!(error, FetchError::NoPublicAddress { .. }), "{host}: {error}");
        }
        prop_assert!(web.dialled().is_empty() && web.lookups().is_empty());
    }
}
