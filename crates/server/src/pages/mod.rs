//! The pages for people: a playground and the documentation, compiled into the binary.
//!
//! They load nothing from elsewhere and have no inline script or style, so that one strict content policy covers them all.
//! The playground is a client like any other: it knows only `/v1/models` and `/v1/classify`.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{self, HeaderMap, HeaderValue};
use http::{HeaderName, StatusCode};

#[cfg(test)]
mod tests;

/// What the pages may do: load from and talk to this server alone, show pictures from memory, be in no frame.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Every file of the pages.
pub(crate) const ASSETS: [Asset; 12] = [
    Asset::new("/", HTML, include_str!("playground.html")),
    Asset::new("/docs", HTML, include_str!("docs.html")),
    Asset::new("/confirm", HTML, include_str!("confirm.html")),
    Asset::new("/llms.txt", "text/plain; charset=utf-8", include_str!("llms.txt")),
    Asset::new("/favicon.svg", "image/svg+xml", include_str!("favicon.svg")),
    Asset::new("/assets/style.css", "text/css; charset=utf-8", include_str!("style.css")),
    Asset::new("/assets/confirm.js", SCRIPT, include_str!("confirm.js")),
    Asset::new("/assets/page.js", SCRIPT, include_str!("page.js")),
    Asset::new("/assets/picture.js", SCRIPT, include_str!("picture.js")),
    Asset::new("/assets/playground.js", SCRIPT, include_str!("playground.js")),
    Asset::new("/assets/server.js", SCRIPT, include_str!("server.js")),
    Asset::new("/assets/snippets.js", SCRIPT, include_str!("snippets.js")),
];

/// A file that is served as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    /// Where it is served.
    pub path: &'static str,
    /// Its media type, with the charset.
    pub content_type: &'static str,
    /// Its contents.
    pub body: &'static str,
    version: u64,
}

impl Asset {
    const fn new(path: &'static str, content_type: &'static str, body: &'static str) -> Self {
        Self { path, content_type, body, version: fnv1a(body.as_bytes()) }
    }

    /// A strong entity tag: it changes with the contents, which is all that a browser's cache asks of it.
    fn etag(&self) -> HeaderValue {
        let quoted = format!("\"{:016x}\"", self.version);
        HeaderValue::try_from(quoted).expect("a tag is quoted hexadecimal digits")
    }

    /// The file, or 304 without it if `request` names its tag in `If-None-Match`.
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let etag = self.etag();
        let known = request
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes());
        let mut answer = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.body.into_response()
        };
        let headers = answer.headers_mut();
        let fixed: [(HeaderName, &'static str); 5] = [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::ETAG, etag);
        answer
    }
}

/// The routes of all files, for GET and HEAD; to be merged into the server's router.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS.into_iter().fold(Router::new(), |router, asset| {
        router
            .route(asset.path, get(move |request: HeaderMap| async move { asset.answer(&request) }))
    })
}

/// The 64-bit FNV-1a hash, at compile time.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}
