use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::{ASSETS, Asset, CONTENT_SECURITY_POLICY, routes};

/// What the pages may name on this server beside themselves.
const ELSEWHERE_ON_THE_SERVER: [&str; 1] = ["/openapi.json"];

fn pages() -> impl Iterator<Item = Asset> {
    ASSETS.into_iter().filter(|asset| asset.content_type.starts_with("text/html"))
}

/// The values of an attribute in a page, in order.
fn attribute<'a>(page: &'a Asset, name: &str) -> Vec<&'a str> {
    let begin = format!(" {name}=\"");
    page.body.split(begin.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn every_file_is_served_with_its_type_and_the_policy() {
    let service = TowerToHyperService::new(routes::<()>().with_state(()));
    for asset in ASSETS {
        let request = Request::get(asset.path).body(Empty::<bytes::Bytes>::new()).unwrap();
        let reply = service.call(request).await.unwrap();
        assert_eq!(reply.status(), StatusCode::OK, "{}", asset.path);
        assert_eq!(reply.headers()[header::CONTENT_TYPE], asset.content_type);
        assert_eq!(reply.headers()[header::CONTENT_SECURITY_POLICY], CONTENT_SECURITY_POLICY);
        assert_eq!(reply.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(reply.headers()[header::CACHE_CONTROL], "no-cache");
        assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), asset.body.as_bytes());
    }
}

#[test]
fn a_browser_that_has_the_file_gets_304_and_no_other_does() {
    let own = ASSETS[0].etag();
    let among_others = format!("\"other\", W/{}", own.to_str().unwrap());
    for (sent, status) in [
        (own.clone(), StatusCode::NOT_MODIFIED),
        (HeaderValue::try_from(among_others).unwrap(), StatusCode::NOT_MODIFIED),
        (HeaderValue::from_static("*"), StatusCode::NOT_MODIFIED),
        (ASSETS[1].etag(), StatusCode::OK),
    ] {
        let mut request = HeaderMap::new();
        request.insert(header::IF_NONE_MATCH, sent.clone());
        let answer = ASSETS[0].answer(&request);
        assert_eq!(answer.status(), status, "{sent:?}");
        assert_eq!(answer.headers()[header::ETAG], own);
    }
}

#[test]
fn the_pages_have_nothing_inline_that_their_policy_forbids() {
    for page in pages() {
        for forbidden in
            ["<style", " style=", "<script>", " onclick=", " onload=", " onsubmit=", "javascript:"]
        {
            assert!(!page.body.contains(forbidden), "{} has {forbidden}", page.path);
        }
    }
}

#[test]
fn whatever_the_pages_load_or_link_is_on_this_server() {
    let known = |address: &str| {
        address.starts_with('#')
            || ELSEWHERE_ON_THE_SERVER.contains(&address)
            || ASSETS.iter().any(|asset| asset.path == address)
    };
    for page in pages() {
        for address in attribute(&page, "href").into_iter().chain(attribute(&page, "src")) {
            assert!(known(address), "{} names {address}", page.path);
        }
    }
    for script in
        ASSETS.into_iter().filter(|asset| asset.content_type.starts_with("text/javascript"))
    {
        for file in script.body.split("\"./").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(known(&format!("/assets/{file}")), "{} imports {file}", script.path);
        }
    }
    let style = ASSETS.into_iter().find(|asset| asset.path == "/assets/style.css").unwrap();
    assert!(!style.body.contains("url(") && !style.body.contains("@import"));
}

#[test]
fn every_link_within_a_page_has_its_place() {
    for page in pages() {
        let places = attribute(&page, "id");
        for address in
            attribute(&page, "href").into_iter().filter_map(|address| address.strip_prefix('#'))
        {
            assert!(places.contains(&address), "{} has no #{address}", page.path);
        }
    }
}

#[test]
fn no_script_writes_markup() {
    for script in
        ASSETS.into_iter().filter(|asset| asset.content_type.starts_with("text/javascript"))
    {
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "localStorage",
        ] {
            assert!(!script.body.contains(forbidden), "{} has {forbidden}", script.path);
        }
    }
}

#[test]
fn all_files_together_stay_small() {
    let bytes: usize = ASSETS.iter().map(|asset| asset.body.len()).sum();
    assert!(bytes < 80 * 1024, "the pages have {bytes} bytes; the limit is 80 KiB");
}
