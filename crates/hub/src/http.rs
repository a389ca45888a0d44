//! Requests to the hub: redirects, the access token, and what a status means.
//!
//! Redirects are followed by hand, because the token must stay with the endpoint and because the hub says in the
//! redirect itself, not at its target, what a file is.

use std::io::Read;

use ureq::http::{Method, Request, Response, Uri};
use ureq::{Agent, Body, Proxy};

use crate::options::HubOptions;
use crate::{HubError, Token};

const MOST_REDIRECTS: usize = 8;
const USER_AGENT: &str = concat!("polysight/", env!("CARGO_PKG_VERSION"));

/// Speaks to one hub.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    /// Without a slash at the end.
    endpoint: String,
    origin: String,
    token: Option<Token>,
}

/// What the hub says about a file before it is downloaded.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Of the file, or of the large file that a link in the repository stands for; without quotes.
    pub(crate) etag: Option<String>,
    /// In bytes.
    pub(crate) length: Option<u64>,
}

/// An answer with a body.
pub(crate) struct Answer {
    /// The address that answered in the end, without what follows a question mark (it may hold a signature).
    pub(crate) url: String,
    pub(crate) response: Response<Body>,
}

impl Client {
    pub(crate) fn new(options: &HubOptions) -> Result<Self, HubError> {
        let endpoint = options.endpoint.trim_end_matches('/').to_owned();
        let Some(origin) = origin(&endpoint) else {
            return Err(HubError::Address {
                address: endpoint,
                problem: "it must begin with https:// or http:// and name a host".to_owned(),
            });
        };
        let proxy = match &options.proxy {
            None => None,
            Some(address) => Some(Proxy::new(address).map_err(|error| HubError::Address {
                address: address.clone(),
                problem: error.to_string(),
            })?),
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(proxy)
            .user_agent(USER_AGENT)
            .timeout_resolve(Some(options.connect_timeout))
            .timeout_connect(Some(options.connect_timeout))
            .timeout_per_read(Some(options.stall_timeout))
            .timeout_per_write(Some(options.stall_timeout))
            .build();
        Ok(Self { agent: config.into(), endpoint, origin, token: options.token.clone() })
    }

    /// The server's address, without a slash at the end.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Asks for a body, from byte `from` on. The status is 200, 206 or 416; `what` names the thing in errors.
    pub(crate) fn get(&self, url: &str, from: u64, what: &str) -> Result<Answer, HubError> {
        let mut url = url.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(Method::GET, &url, from)?;
            if let Some(target) = redirect_target(&url, &response)? {
                url = target;
                continue;
            }
            self.check_status(&url, response.status().as_u16(), what)?;
            return Ok(Answer { url: without_query(&url), response });
        }
        Err(too_many_redirects(&url))
    }

    /// Asks what a file is. The first answer that has a header wins: the hub describes a large file in the redirect
    /// to its storage, which may describe itself differently.
    pub(crate) fn head(&self, url: &str, what: &str) -> Result<Facts, HubError> {
        let mut url = url.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(Method::HEAD, &url, 0)?;
            let header = |name| header(&response, name);
            if let Some(etag) = header("x-linked-etag") {
                return Ok(Facts {
                    etag: Some(plain_etag(etag)),
                    length: header("x-linked-size").and_then(|length| length.parse().ok()),
                });
            }
            if let Some(target) = redirect_target(&url, &response)? {
                url = target;
                continue;
            }
            self.check_status(&url, response.status().as_u16(), what)?;
            return Ok(Facts {
                etag: header("etag").map(plain_etag),
                length: header("content-length").and_then(|length| length.parse().ok()),
            });
        }
        Err(too_many_redirects(&url))
    }

    fn send(&self, method: Method, url: &str, from: u64) -> Result<Response<Body>, HubError> {
        // Compression would make lengths and ranges mean something else.
        let mut request =
            Request::builder().method(method).uri(url).header("accept-encoding", "identity");
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        if let Some(token) = &self.token
            && origin(url).as_ref() == Some(&self.origin)
        {
            request = request.header("authorization", token.header());
        }
        let request = request.body(()).map_err(|error| HubError::Answer {
            url: without_query(url),
            problem: error.to_string(),
        })?;
        self.agent.run(request).map_err(|error| failure(url, &error))
    }

    fn check_status(&self, url: &str, status: u16, what: &str) -> Result<(), HubError> {
        let at_endpoint = origin(url).as_ref() == Some(&self.origin);
        match status {
            200 | 206 | 416 => Ok(()),
            401 | 403 if at_endpoint => Err(HubError::Denied {
                what: what.to_owned(),
                endpoint: self.endpoint.clone(),
                status,
            }),
            // The signature of the storage's address may have run out; the next attempt gets a new one.
            401 | 403 => Err(HubError::Network {
                url: without_query(url),
                problem: format!("HTTP {status}"),
            }),
            404 => {
                Err(HubError::NotFound { what: what.to_owned(), endpoint: self.endpoint.clone() })
            }
            _ => Err(HubError::Status { url: without_query(url), status }),
        }
    }
}

impl Answer {
    /// A header's value, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.response, name)
    }

    /// The whole body.
    ///
    /// # Errors
    /// If it breaks off or has more than `limit` bytes.
    pub(crate) fn read(self, limit: u64) -> Result<Vec<u8>, HubError> {
        let mut bytes = Vec::new();
        let body = self.response.into_body().into_reader();
        body.take(limit + 1).read_to_end(&mut bytes).map_err(|error| HubError::Network {
            url: self.url.clone(),
            problem: error.to_string(),
        })?;
        if bytes.len() as u64 > limit {
            return Err(HubError::Answer {
                url: self.url,
                problem: format!("the answer is longer than {limit} bytes"),
            });
        }
        Ok(bytes)
    }
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// An etag without its quotes and without the mark of a weak one.
fn plain_etag(etag: &str) -> String {
    let etag = etag.trim();
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"').to_owned()
}

fn failure(url: &str, error: &ureq::Error) -> HubError {
    let problem = error.to_string();
    let url = without_query(url);
    match error {
        ureq::Error::Io(_)
        | ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Protocol(_)
        | ureq::Error::BodyStalled => HubError::Network { url, problem },
        _ => HubError::Answer { url, problem },
    }
}

/// Where a redirect leads; `None` when the answer is none. One from https to http is refused.
fn redirect_target(url: &str, response: &Response<Body>) -> Result<Option<String>, HubError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let wrong =
        |problem: &str| HubError::Answer { url: without_query(url), problem: problem.to_owned() };
    let location = header(response, "location").ok_or_else(|| wrong("a redirect to nowhere"))?;
    let target = join(url, location).ok_or_else(|| wrong("a redirect to no address"))?;
    if url.starts_with("https:") && !target.starts_with("https:") {
        return Err(wrong("a redirect from https to http is not followed"));
    }
    Ok(Some(target))
}

fn too_many_redirects(url: &str) -> HubError {
    HubError::Answer {
        url: without_query(url),
        problem: format!("more than {MOST_REDIRECTS} redirects"),
    }
}

/// Scheme, host and port of an address; `None` for anything but http and https.
fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let host = uri.host()?.to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(default_port);
    (!host.is_empty()).then(|| format!("{scheme}://{host}:{port}"))
}

/// The address that `location` means when it stands in an answer from `url`.
fn join(url: &str, location: &str) -> Option<String> {
    let origin = origin(url)?;
    let target = if location.contains("://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{}:{location}", url.split(':').next()?)
    } else if location.starts_with('/') {
        format!("{origin}{location}")
    } else {
        let path = without_query(url);
        let folder = path.rfind('/').map(|end| &path[..end])?;
        format!("{folder}/{location}")
    };
    self::origin(&target).map(|_| target)
}

fn without_query(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or(url).to_owned()
}
