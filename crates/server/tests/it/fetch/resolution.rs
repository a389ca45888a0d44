//! Names that lead inside, or change where they lead.

use std::sync::Arc;

use server::fetch::FetchErrorKind;

use super::{HOST, URL, fetch, kind};
use crate::web::{FIRST, Reply, SECOND, Site, Web, picture};

/// Every address at which an inner server would answer.
const INNER: [&str; 7] = [
    "127.0.0.1",
    "10.1.2.3",
    "192.168.0.10",
    "169.254.169.254",
    "::1",
    "fd00:ec2::254",
    "100.64.0.1",
];

async fn with_inner_sites(mut web: Web) -> (Web, Site) {
    let inner = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
    for address in INNER {
        web = web.site(address, 80, &inner);
    }
    (web, inner)
}

#[tokio::test]
async fn a_name_with_an_inner_address_is_refused() {
    for address in INNER {
        let (web, _) = with_inner_sites(Web::default().name(HOST, &[address])).await;
        let web = Arc::new(web);
        assert_eq!(kind(&fetch(&web, URL).await), FetchErrorKind::Refused, "{address}");
        assert!(web.dialled().is_empty());
    }
}

#[tokio::test]
async fn a_name_is_resolved_once_and_the_connection_goes_to_the_address_that_was_checked() {
    let site = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
    let web =
        Web::default().changing_name(HOST, &[&[FIRST], &["127.0.0.1"]]).site(FIRST, 80, &site);
    let (web, inner) = with_inner_sites(web).await;
    let web = Arc::new(web);
    assert!(fetch(&web, URL).await.is_ok());
    assert_eq!(web.lookups(), [HOST]);
    assert_eq!(web.dialled(), [format!("{FIRST}:80")]);
    // The second answer is checked like the first.
    assert_eq!(kind(&fetch(&web, URL).await), FetchErrorKind::Refused);
    assert_eq!(web.dialled().len(), 1);
    assert!(inner.requests().is_empty());
}

#[tokio::test]
async fn a_name_that_changes_before_a_redirect_to_itself_is_checked_again() {
    let site = Site::serving(vec![Reply::redirect("/again")]).await;
    let web =
        Web::default().changing_name(HOST, &[&[FIRST], &["127.0.0.1"]]).site(FIRST, 80, &site);
    let (web, inner) = with_inner_sites(web).await;
    let web = Arc::new(web);
    assert_eq!(kind(&fetch(&web, URL).await), FetchErrorKind::Refused);
    assert_eq!(web.dialled(), [format!("{FIRST}:80")]);
    assert!(inner.requests().is_empty());
}

#[tokio::test]
async fn of_public_and_inner_addresses_only_the_public_ones_are_used() {
    let site = Site::serving(vec![Reply::with("200 OK", "", &picture())]).await;
    let answer = ["127.0.0.1", FIRST, "10.1.2.3", SECOND, "::1", "192.168.0.10"];
    // The first public one is dead, so that everything that is left gets its turn.
    let (web, inner) =
        with_inner_sites(Web::default().name(HOST, &answer).site(SECOND, 80, &site)).await;
    let web = Arc::new(web);
    assert!(fetch(&web, URL).await.is_ok());
    assert_eq!(web.dialled(), [format!("{FIRST}:80"), format!("{SECOND}:80")]);
    assert!(inner.requests().is_empty());
}

#[tokio::test]
async fn when_no_public_address_answers_the_inner_ones_are_not_tried() {
    let (web, inner) = with_inner_sites(Web::default().name(HOST, &[FIRST, "127.0.0.1"])).await;
    let web = Arc::new(web);
    assert_eq!(kind(&fetch(&web, URL).await), FetchErrorKind::Failed);
    assert_eq!(web.dialled(), [format!("{FIRST}:80")]);
    assert!(inner.requests().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_inside_and_one_that_does_not_exist_read_alike() {
    let web =
        Arc::new(Web::default().name(HOST, &["10.1.2.3", "fd00::1"]).name("empty.example", &[]));
    for host in [HOST, "empty.example", "nowhere.example"] {
        let error = fetch(&web, &format!("http://{host}/")).await.unwrap_err();
        assert_eq!(error.to_string(), format!("the host {host} has no public address"));
        // Nor does the log of a caller who prints everything.
        assert_eq!(format!("{error:?}"), format!("NoPublicAddress {{ host: {host:?} }}"));
    }
}

#[tokio::test]
async fn a_host_with_many_addresses_is_not_tried_for_ever() {
    let addresses: Vec<String> = (1..=200).map(|last| format!("93.184.216.{last}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let web = Arc::new(Web::default().name(HOST, &addresses));
    assert_eq!(kind(&fetch(&web, URL).await), FetchErrorKind::Failed);
    assert_eq!(web.dialled().len(), 4);
}
