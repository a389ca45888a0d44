//! Qdrant's HTTP interface.

use std::fmt;
use std::time::Duration;

use index::IndexError;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
pub(super) use ureq::http::Method;
use ureq::http::Request;
use ureq::{Agent, Body};
use url::Url;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer may take: comparing millions of rows one by one takes its time.
const ANSWER: Duration = Duration::from_mins(2);

/// The longest answer: 1,000 points with all that they may have.
const LONGEST: u64 = 512 << 20;

/// Speaks to one Qdrant.
pub(super) struct Client {
    agent: Agent,
    /// Without a slash at the end.
    url: String,
    api_key: Option<String>,
}

impl fmt::Debug for Client {
    /// Without the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Client({})", self.url)
    }
}

/// What Qdrant says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct About {
    pub(super) version: String,
}

#[derive(Deserialize)]
struct Answer<T> {
    result: T,
}

impl Client {
    /// # Errors
    /// When the address is none, or holds a user, a password or a question.
    pub(super) fn new(url: &str, api_key: Option<String>) -> Result<Self, IndexError> {
        let is_plain = Url::parse(url).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if !is_plain {
            // What was given may hold a secret.
            return Err(IndexError::Address(
                "the address of a Qdrant is http://HOST:6333 or https://HOST:6333; its key is given by itself",
            ));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // It is one of the operator's own machines.
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(ANSWER))
            .build();
        Ok(Self { agent: config.into(), url: url.trim_end_matches('/').to_owned(), api_key })
    }

    /// What is at the other end.
    ///
    /// # Errors
    /// When it is no Qdrant.
    pub(super) fn about(&self) -> Result<About, IndexError> {
        let bytes = self.run(Method::GET, "", None)?;
        let bytes = bytes.ok_or_else(|| self.failed("no Qdrant answers there"))?;
        serde_json::from_slice(&bytes).map_err(|error| self.failed(error))
    }

    /// Asks; nothing when the thing is not there.
    ///
    /// # Errors
    /// When Qdrant does not answer, or refuses.
    pub(super) fn ask_for<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&str>,
    ) -> Result<Option<T>, IndexError> {
        let Some(bytes) = self.run(method, path, body)? else { return Ok(None) };
        let answer = serde_json::from_slice::<Answer<T>>(&bytes);
        answer.map(|answer| Some(answer.result)).map_err(|error| self.failed(error))
    }

    /// Tells; a thing that is to be removed may be gone already.
    ///
    /// # Errors
    /// When Qdrant does not answer, or refuses.
    pub(super) fn tell(
        &self,
        method: Method,
        path: &str,
        body: Option<&str>,
    ) -> Result<(), IndexError> {
        let may_be_gone = method == Method::DELETE;
        let done = self.ask_for::<IgnoredAny>(method, path, body)?;
        if done.is_none() && !may_be_gone {
            return Err(self.failed(format!("{path} is not there")));
        }
        Ok(())
    }

    /// The body of an answer; nothing for 404.
    fn run(
        &self,
        method: Method,
        path: &str,
        body: Option<&str>,
    ) -> Result<Option<Vec<u8>>, IndexError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(key) = &self.api_key {
            request = request.header("api-key", key);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let wrong = |error| self.failed(error);
        let answer = if let Some(body) = body {
            self.agent.run(request.body(body).map_err(wrong)?)
        } else {
            self.agent.run(request.body(()).map_err(wrong)?)
        };
        let answer = answer.map_err(|error| self.failed(error))?;
        let status = answer.status().as_u16();
        if status == 404 {
            return Ok(None);
        }
        let bytes = read(answer.into_body()).map_err(|error| self.failed(error))?;
        if (200..300).contains(&status) {
            return Ok(Some(bytes));
        }
        let said = serde_json::from_slice::<Value>(&bytes).ok();
        let said = said.as_ref().and_then(|said| said["status"]["error"].as_str());
        let said = said.map_or_else(|| String::from_utf8_lossy(&bytes), Into::into);
        let said = said.chars().take(300).collect::<String>();
        Err(self.failed(format!("HTTP {status}: {said}")))
    }

    fn failed(&self, why: impl fmt::Display) -> IndexError {
        IndexError::Backend(format!("the Qdrant at {}: {why}", self.url))
    }
}

fn read(mut body: Body) -> Result<Vec<u8>, ureq::Error> {
    body.with_config().limit(LONGEST).read_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_http_and_holds_no_secret() {
        for url in ["http://localhost:6333", "https://qdrant.example/", "http://[::1]:6333/behind"]
        {
            assert!(Client::new(url, None).is_ok(), "{url}");
        }
        for url in ["", "localhost:6333", "ftp://host", "http://", "http://user:secret@host/"] {
            let error = Client::new(url, None).unwrap_err().to_string();
            assert!(error.contains("http://HOST:6333") && !error.contains("secret"), "{url}");
        }
        let client = Client::new("http://host/", Some("secret".to_owned())).unwrap();
        assert_eq!(format!("{client:?}"), "Client(http://host)");
    }
}
