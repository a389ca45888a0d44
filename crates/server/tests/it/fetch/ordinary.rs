//! What has to work, or the fence would be a wall; and the two settings.

use std::sync::Arc;

use server::fetch::{Access, Addresses, FetchErrorKind, FetchPolicy, Fetcher};

use super::{HOST, URL, answered, fetch, fetch_with, kind, one_host};
use crate::web::{FIRST, Reply, SECOND, SIXTH, Site, Web, picture};

#[tokio::test]
async fn a_picture_of_a_public_host_arrives_as_it_was_sent() {
    let site = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
    let web = Arc::new(Web::default().name(HOST, &[FIRST]).site(FIRST, 80, &site));
    let found = fetch(&web, "http://images.example/a%20b/cat.png?size=1&x=%2F#part").await;
    assert_eq!(found.unwrap(), picture());
    let requests = site.requests();
    let lines: Vec<&str> = requests[0].lines().collect();
    assert_eq!(lines[0], "GET /a%20b/cat.png?size=1&x=%2F HTTP/1.1");
    assert!(lines.contains(&"host: images.example"), "{lines:?}");
    assert!(lines.contains(&"accept-encoding: identity"), "{lines:?}");
    let agent = concat!("user-agent: polysight/", env!("CARGO_PKG_VERSION"));
    assert!(lines.contains(&agent), "{lines:?}");
}

#[tokio::test]
async fn a_chunked_picture_arrives_whole() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut body = Vec::new();
    for chunk in picture().chunks(7) {
        body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(answered(Reply::raw(head, &body)).await.unwrap(), picture());
}

#[tokio::test]
async fn a_public_address_may_stand_in_the_url() {
    let site = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
    let web = Arc::new(Web::default().site(FIRST, 80, &site).site(SIXTH, 80, &site));
    assert!(fetch(&web, &format!("http://{FIRST}/")).await.is_ok());
    assert!(fetch(&web, &format!("http://[{SIXTH}]/")).await.is_ok());
    assert_eq!(web.dialled(), [format!("{FIRST}:80"), format!("[{SIXTH}]:80")]);
    assert!(web.lookups().is_empty());
}

#[tokio::test]
async fn a_picture_comes_over_tls_from_the_host_that_the_certificate_names() {
    let secure = Site::secure(HOST, vec![Reply::with("200 OK", "", &picture())]).await;
    let web = Web::default().name(HOST, &[FIRST]).site(FIRST, 443, &secure.site);
    let web = Arc::new(web.trust(secure.roots));
    assert_eq!(fetch(&web, "https://images.example/cat.png").await.unwrap(), picture());
    // The final dot belongs to the name's spelling, not to the name.
    assert_eq!(fetch(&web, "https://images.example./cat.png").await.unwrap(), picture());
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let secure = Site::secure("other.example", vec![Reply::with("200 OK", "", &picture())]).await;
    let web = Web::default().name(HOST, &[FIRST]).site(FIRST, 443, &secure.site);
    let web = Arc::new(web.trust(secure.roots));
    assert_eq!(kind(&fetch(&web, "https://images.example/").await), FetchErrorKind::Failed);
    assert!(secure.site.requests().is_empty());
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let secure = Site::secure(HOST, vec![Reply::with("200 OK", "", &picture())]).await;
    let web = Web::default().name(HOST, &[FIRST]).site(FIRST, 443, &secure.site);
    assert_eq!(
        kind(&fetch(&Arc::new(web), "https://images.example/").await),
        FetchErrorKind::Failed
    );
    assert!(secure.site.requests().is_empty());
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_does_not_answer() {
    let site = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
    let web = Web::default().name(HOST, &[SIXTH, FIRST, SECOND]).site(SECOND, 80, &site);
    let web = Arc::new(web.silent(FIRST, 80));
    let policy = FetchPolicy {
        connect_deadline: std::time::Duration::from_millis(600),
        ..FetchPolicy::default()
    };
    assert!(fetch_with(&web, policy, URL).await.is_ok());
    assert_eq!(web.dialled().len(), 3);
}

#[tokio::test]
async fn nothing_is_looked_up_when_fetching_is_off() {
    let web = one_host(vec![Reply::with("200 OK", "", &picture())]).await;
    let policy = FetchPolicy { access: Access::Off, ..FetchPolicy::default() };
    assert_eq!(kind(&fetch_with(&web, policy, URL).await), FetchErrorKind::Off);
    assert!(web.lookups().is_empty() && web.dialled().is_empty());
}

#[tokio::test]
async fn only_allowed_hosts_are_fetched_from_when_there_is_a_list() {
    let site = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
    let mut web = Web::default().site(FIRST, 80, &site);
    for name in ["images.example", "a.cdn.example", "cdn.example", "evil.example"] {
        web = web.name(name, &[FIRST]);
    }
    let web = Arc::new(web);
    let policy = FetchPolicy {
        allowed_hosts: ["images.example", "*.cdn.example"]
            .map(|name| name.parse().unwrap())
            .to_vec(),
        ..FetchPolicy::default()
    };
    for url in ["http://images.example/", "http://IMAGES.example./", "http://a.cdn.example/"] {
        assert!(fetch_with(&web, policy.clone(), url).await.is_ok(), "{url}");
    }
    let looked_up = web.lookups().len();
    for url in [
        "http://cdn.example/",
        "http://evil.example/",
        "http://images.example.evil.example/",
        "http://evil.example#images.example",
        "http://evil.example?images.example",
        r"http://evil.example\images.example",
        "http://93.184.215.14/",
    ] {
        let result = fetch_with(&web, policy.clone(), url).await;
        assert_eq!(kind(&result), FetchErrorKind::Refused, "{url}");
    }
    assert_eq!(web.lookups().len(), looked_up);
}

#[tokio::test]
async fn the_addresses_of_an_allowed_host_are_checked_all_the_same() {
    let web = Arc::new(Web::default().name(HOST, &["10.0.0.1"]));
    let allowed_hosts = vec![HOST.parse().unwrap(), "127.0.0.1".parse().unwrap()];
    let policy = FetchPolicy { allowed_hosts, ..FetchPolicy::default() };
    for url in [URL, "http://127.0.0.1/"] {
        let result = fetch_with(&web, policy.clone(), url).await;
        assert_eq!(kind(&result), FetchErrorKind::Refused, "{url}");
    }
    assert!(web.dialled().is_empty());
}

#[tokio::test]
async fn the_real_loopback_is_reached_only_when_the_operator_says_so() {
    let site = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
    let port = site.local().port();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{port}/");
        let fenced = Fetcher::new(FetchPolicy::default()).fetch(&url).await;
        assert_eq!(kind(&fenced), FetchErrorKind::Refused);
        // The port is refused first: without it, the address is.
        let fenced = Fetcher::new(FetchPolicy::default()).fetch(&format!("http://{host}/")).await;
        assert!(fenced.unwrap_err().to_string().ends_with("has no public address"));
        assert!(site.requests().is_empty());
    }
    let policy = FetchPolicy { addresses: Addresses::Any, ..FetchPolicy::default() };
    let found = Fetcher::new(policy).fetch(&format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(found.unwrap(), picture());
    assert!(site.requests()[0].contains(&format!("host: 127.0.0.1:{port}\r\n")));
}
