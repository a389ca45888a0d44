//! Servers that send the fetch somewhere else.

use std::sync::Arc;

use server::fetch::{FetchErrorKind, FetchPolicy};

use super::{HOST, URL, answered, fetch, fetch_with, kind, one_host};
use crate::web::{FIRST, Reply, SECOND, Site, Web, picture};

#[tokio::test]
async fn redirects_between_public_hosts_are_followed_for_every_status_that_is_one() {
    for status in [301, 302, 303, 307, 308] {
        let fields = "location: //other.example/there?x=1#y\r\n";
        let first = Site::serving(vec![Reply::with(&format!("{status} Go"), fields, b"")]).await;
        let second = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
        let web = Web::default().name(HOST, &[FIRST]).name("other.example", &[SECOND]);
        let web = Arc::new(web.site(FIRST, 80, &first).site(SECOND, 80, &second));
        assert_eq!(fetch(&web, URL).await.unwrap(), picture());
        assert!(second.requests()[0].starts_with("GET /there?x=1 HTTP/1.1\r\n"));
        assert!(second.requests()[0].contains("host: other.example\r\n"));
    }
}

#[tokio::test]
async fn a_redirect_is_followed_from_plain_to_secure() {
    let plain = Site::serving(vec![Reply::redirect("https://images.example/cat.png")]).await;
    let secure = Site::secure(HOST, vec![Reply::with("200 OK", "", &picture())]).await;
    let web = Web::default().name(HOST, &[FIRST]).trust(secure.roots);
    let web = Arc::new(web.site(FIRST, 80, &plain).site(FIRST, 443, &secure.site));
    assert!(fetch(&web, URL).await.is_ok());
}

#[tokio::test]
async fn a_redirect_to_what_would_be_refused_is_refused() {
    let inner = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
    for location in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://[::ffff:169.254.169.254]/latest/meta-data/",
        "//127.0.0.1/",
        r"\\127.0.0.1\",
        "https://169.254.169.254/",
        "http://inside.example/",
        "http://images.example:8080/",
        "http://images.example:22/",
        "http://user@images.example/",
        "//images.example@127.0.0.1/",
        "file:///etc/passwd",
        "ftp://images.example/cat.png",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "data:image/png;base64,iVBORw0KGgo=",
        "http://",
    ] {
        let site = Site::serving(vec![Reply::redirect(location)]).await;
        let mut web = Web::default().name(HOST, &[FIRST]).name("inside.example", &["10.1.2.3"]);
        for address in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::ffff:169.254.169.254"] {
            web = web.site(address, 80, &inner).site(address, 443, &inner);
        }
        let web = web.site(FIRST, 8080, &inner).site(FIRST, 22, &inner).site(FIRST, 80, &site);
        let web = Arc::new(web);
        let result = fetch(&web, URL).await;
        assert_eq!(kind(&result), FetchErrorKind::Refused, "{location}");
        assert_eq!(web.dialled(), [format!("{FIRST}:80")], "{location}");
    }
    assert!(inner.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_out_of_the_list_of_allowed_hosts_is_refused() {
    let site = Site::serving(vec![Reply::redirect("http://other.example/")]).await;
    let web = Web::default().name(HOST, &[FIRST]).name("other.example", &[FIRST]);
    let web = Arc::new(web.site(FIRST, 80, &site));
    let allowed_hosts = vec![HOST.parse().unwrap()];
    let policy = FetchPolicy { allowed_hosts, ..FetchPolicy::default() };
    assert_eq!(kind(&fetch_with(&web, policy, URL).await), FetchErrorKind::Refused);
    assert_eq!(site.requests().len(), 1);
}

#[tokio::test]
async fn five_redirects_are_followed_and_a_sixth_is_not() {
    let go = || Reply::redirect("/on");
    let end = Reply::with("200 OK", "", &picture());
    let web = one_host(vec![go(), go(), go(), go(), go(), end.clone()]).await;
    assert!(fetch(&web, URL).await.is_ok());
    let web = one_host(vec![go(), go(), go(), go(), go(), go(), end]).await;
    assert_eq!(kind(&fetch(&web, URL).await), FetchErrorKind::Failed);
    assert_eq!(web.dialled().len(), 6);
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let first = Site::serving(vec![Reply::redirect("http://other.example/")]).await;
    let second = Site::serving(vec![Reply::redirect("http://images.example/")]).await;
    let web = Web::default().name(HOST, &[FIRST]).name("other.example", &[SECOND]);
    let web = Arc::new(web.site(FIRST, 80, &first).site(SECOND, 80, &second));
    assert_eq!(kind(&fetch(&web, URL).await), FetchErrorKind::Failed);
    assert_eq!(web.dialled().len(), 6);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_a_broken_answer() {
    for head in [
        "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nlocation: \u{ff}\r\n\r\n",
    ] {
        // The second is one byte that is no text.
        let bytes: Vec<u8> = head.chars().map(|letter| letter as u8).collect();
        assert_eq!(kind(&answered(Reply::Bytes(bytes)).await), FetchErrorKind::Failed);
    }
}

#[tokio::test]
async fn other_statuses_are_no_picture_even_with_one_inside() {
    for status in ["201 Created", "206 Partial", "300 Choose", "304 Same", "404 Gone", "500 Oh"] {
        let result = answered(Reply::with(status, "location: /x\r\n", &picture())).await;
        assert_eq!(kind(&result), FetchErrorKind::Failed, "{status}");
    }
}
