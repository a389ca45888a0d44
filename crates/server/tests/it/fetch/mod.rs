//! One test for each way around the fence.

mod answers;
mod ordinary;
mod redirects;
mod resolution;
mod urls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use server::fetch::{FetchError, FetchErrorKind, FetchPolicy, Fetcher};

use crate::web::{FIRST, Reply, Site, Web};

pub const HOST: &str = "images.example";
pub const URL: &str = "http://images.example/cat.png";

/// What would be a fetch within a test's own policy.
pub async fn fetch_with(
    web: &Arc<Web>,
    policy: FetchPolicy,
    url: &str,
) -> Result<Bytes, FetchError> {
    Fetcher::on(Arc::clone(web) as Arc<_>, policy).fetch(url).await
}

pub async fn fetch(web: &Arc<Web>, url: &str) -> Result<Bytes, FetchError> {
    fetch_with(web, FetchPolicy::default(), url).await
}

/// One server, [`HOST`], at a public address.
pub async fn one_host(replies: Vec<Reply>) -> Arc<Web> {
    let site = Site::serving(replies).await;
    Arc::new(Web::default().name(HOST, &[FIRST]).site(FIRST, 80, &site))
}

/// What [`URL`] gives when its server replies so.
pub async fn answered(reply: Reply) -> Result<Bytes, FetchError> {
    fetch(&one_host(vec![reply]).await, URL).await
}

pub fn kind(result: &Result<Bytes, FetchError>) -> FetchErrorKind {
    result.as_ref().expect_err("nothing may be fetched here").kind()
}

/// Long enough for a local connection, short enough to wait for.
pub fn hurried() -> FetchPolicy {
    FetchPolicy { deadline: Duration::from_millis(500), ..FetchPolicy::default() }
}
