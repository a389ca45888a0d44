//! One call: who makes it, what it sent, and what its reply carries beside the answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::admission::Ticket;
use crate::app::App;
use crate::auth::Caller;
use crate::bill::{Order, SharedBill};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::layers::RequestId;
use crate::loaded::LoadedModel;
use crate::metrics::Stage;
use crate::work::Times;

/// Larger bodies are parsed beside the runtime.
const SMALL_BODY: usize = 64 << 10;

/// The longest that `Prefer: wait=N` waits, in seconds.
const MOST_PATIENCE: u64 = 110;

/// Names of fields that were not understood.
const IGNORED: HeaderName = HeaderName::from_static("x-ignored-params");
const WARNING: HeaderName = HeaderName::from_static("warning");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// An authenticated POST with a JSON object.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Caller,
    pub(crate) bill: SharedBill,
    pub(crate) request_id: String,
    pub(crate) fields: Fields,
    patience: Duration,
    /// The body's place in the budget, until the call ends.
    _body: Ticket,
}

impl FromRequest<Arc<App>> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let caller = *parts.extensions.get::<Caller>().expect("the router authenticates first");
        let bill = parts.extensions.get::<SharedBill>().expect("and makes a bill");
        let bill = SharedBill::clone(bill);
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let request_id = request_id.unwrap_or_default();
        require_json(&parts.headers)?;
        let began = Instant::now();
        let (body, ticket) = read(app, &parts.headers, body).await?;
        app.metrics.stage(Stage::Read, began.elapsed());
        if body.len() > SMALL_BODY && mentions_images(&body) {
            turn_away_early(app)?;
        }
        let path = bill.wants_digest().then(|| parts.uri.path().to_owned());
        let small = body.len() <= SMALL_BODY;
        let read = move || {
            let digest = path.map(|path| digest(&path, &body)).unwrap_or_default();
            Ok::<_, ApiError>((Fields::parse(&body)?, digest))
        };
        let (mut fields, digest) = if small {
            read()?
        } else {
            let read = tokio::task::spawn_blocking(read).await;
            read.map_err(|_| ApiError::internal("the parser failed"))??
        };
        let dry_run = fields.flag("dry_run")?.unwrap_or(false);
        bill.order(Order { dry_run, digest });
        let patience = patience(&parts.headers);
        Ok(Self { app: Arc::clone(app), caller, bill, request_id, fields, patience, _body: ticket })
    }
}

impl Call {
    /// The model that the request names.
    ///
    /// # Errors
    /// 404 for an unknown name, 503 for a model that is not ready in time.
    pub(crate) async fn model(&mut self) -> Result<Arc<LoadedModel>, ApiError> {
        let name = self.fields.text("model")?;
        self.model_named(name.as_deref()).await
    }

    /// How long the caller waits for a model that is being loaded.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The model of a name; the first one without.
    ///
    /// # Errors
    /// 404 for an unknown name, 503 for a model that is not ready in time.
    pub(crate) async fn model_named(
        &self,
        name: Option<&str>,
    ) -> Result<Arc<LoadedModel>, ApiError> {
        self.app.registry.get(name, self.patience).await
    }
}

/// What makes two questions the same.
fn digest(path: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(path.as_bytes());
    hash.update([0]);
    hash.update(body);
    hash.finalize().into()
}

/// A body of another declared kind is not guessed at; one without a kind is.
fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or("").split(';').next().unwrap_or("").trim();
    let kind = kind.to_ascii_lowercase();
    // curl -d without a header sends a form's name around JSON.
    let accepted =
        ["application/json", "text/json", "application/x-www-form-urlencoded", "text/plain"];
    if accepted.contains(&kind.as_str()) || kind.ends_with("+json") {
        return Ok(());
    }
    let message = format!("the content-type is {kind:?}; send application/json");
    Err(ApiError::unsupported("unsupported_content_type", message))
}

async fn read(
    app: &Arc<App>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, Ticket), ApiError> {
    let limit = app.limits.body;
    let too_large = || {
        let message = format!("the body is larger than the limit of {limit} bytes");
        ApiError::too_large("body_too_large", message)
    };
    let declared = headers.get(http::header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let busy = || {
        let message = "the server holds as many bytes of requests as it may; try again";
        ApiError::busy("server_busy", message, 1)
    };
    // What is only announced takes no place: whoever announces much and sends little would keep others out.
    let mut ticket = app.bodies.enter(0).ok_or_else(busy)?;
    let mut parts = body.into_data_stream();
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(declared.unwrap_or(0) as usize).map_err(|_| busy())?;
    loop {
        let next = tokio::time::timeout(app.body_timeout, parts.next()).await;
        let Some(part) = next.map_err(|_| ApiError::slow_body())? else { break };
        let part = part.map_err(|_| {
            ApiError::invalid("incomplete_body", "the body ended before it was complete")
        })?;
        if bytes.len() as u64 + part.len() as u64 > limit {
            return Err(too_large());
        }
        ticket.arrive(part.len() as u64).ok_or_else(busy)?;
        bytes.extend_from_slice(&part);
    }
    Ok((bytes.into(), ticket))
}

/// Whether a body that is not parsed yet has pictures, as far as its beginning tells.
fn mentions_images(body: &[u8]) -> bool {
    body[..body.len().min(4096)].windows(5).any(|word| word == b"image")
}

/// Turns pictures away while every model has too many, before their body is parsed and decoded: clients that try again at
/// once would otherwise take the processor from those that are being answered.
fn turn_away_early(app: &App) -> Result<(), ApiError> {
    app.registry.judge_picture(app.longest_wait).map_err(ApiError::too_long)
}

/// `Prefer: wait=N`, RFC 7240.
pub(crate) fn patience(headers: &HeaderMap) -> Duration {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let preferences = values.flat_map(|value| value.split([',', ';']));
    let seconds = preferences.filter_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let seconds = value.trim().trim_matches('"').parse::<u64>().ok()?;
        name.trim().eq_ignore_ascii_case("wait").then_some(seconds)
    });
    Duration::from_secs(seconds.max().unwrap_or(0).min(MOST_PATIENCE))
}

/// An answer and the headers that belong to it.
pub(crate) struct Reply {
    response: Response,
}

impl Reply {
    pub(crate) fn new(answer: &impl Serialize) -> Self {
        Self { response: Json(answer).into_response() }
    }

    /// An answer that is not 200.
    pub(crate) fn with_status(status: StatusCode, answer: &impl Serialize) -> Self {
        Self { response: (status, Json(answer)).into_response() }
    }

    pub(crate) fn from_response(response: Response) -> Self {
        Self { response }
    }

    /// Names the fields that were left over.
    pub(crate) fn ignoring(mut self, fields: Fields) -> Self {
        let mut names = fields.left_over();
        names.sort_unstable();
        // A client may have sent any name at all; a header takes few characters and must stay short.
        let clean =
            |name: &String| name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        let names = names.into_iter().filter(clean).take(50).collect::<Vec<_>>().join(", ");
        if let Ok(value) = HeaderValue::try_from(names)
            && !value.is_empty()
        {
            self.response.headers_mut().insert(IGNORED, value);
        }
        self
    }

    /// Adds warnings, RFC 7234 code 299.
    pub(crate) fn warning<'a>(mut self, warnings: impl IntoIterator<Item = &'a str>) -> Self {
        for warning in warnings {
            if let Ok(value) = HeaderValue::try_from(format!("299 polysight \"{warning}\"")) {
                self.response.headers_mut().append(WARNING, value);
            }
        }
        self
    }

    /// Says where the time went.
    pub(crate) fn timed(mut self, times: Times) -> Self {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        let value = format!(
            "decode;dur={:.2}, queue;dur={:.2}, engine;dur={:.2}",
            milliseconds(times.decode),
            milliseconds(times.queue),
            milliseconds(times.engine),
        );
        if let Ok(value) = HeaderValue::try_from(value) {
            self.response.headers_mut().insert(SERVER_TIMING, value);
        }
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        self.response
    }
}

/// What every endpoint gives back.
pub(crate) type Answer = Result<Reply, ApiError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_read_from_any_preference_and_bounded() {
        let patience = |value: &'static str| {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static("prefer"),
                HeaderValue::from_static(value),
            )]);
            patience(&headers).as_secs()
        };
        assert_eq!(patience("wait=10"), 10);
        assert_eq!(patience("respond-async, wait=\"3\""), 3);
        assert_eq!(patience("wait=100000"), MOST_PATIENCE);
        assert_eq!(patience("wait"), 0);
        assert_eq!(patience("wait=soon"), 0);
    }

    #[test]
    fn json_is_taken_under_the_names_that_curl_and_browsers_give_it() {
        let check = |value: &'static str| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
            require_json(&headers).map_err(|error| error.status.as_u16())
        };
        assert_eq!(check("application/json; charset=utf-8"), Ok(()));
        assert_eq!(check("application/x-www-form-urlencoded"), Ok(()));
        assert_eq!(check("application/merge-patch+json"), Ok(()));
        assert_eq!(check("multipart/form-data; boundary=x"), Err(415));
        assert_eq!(require_json(&HeaderMap::new()).map_err(|error| error.status.as_u16()), Ok(()));
    }

    #[test]
    fn names_that_do_not_fit_a_header_do_not_break_the_reply() {
        let body = serde_json::json!({"ok": 1, "a b": 2, "\n": 3, "ü": 4, "x,y": 5});
        let fields = Fields::parse(body.to_string().as_bytes()).unwrap();
        let response = Reply::new(&1).ignoring(fields).into_response();
        assert_eq!(response.headers()[IGNORED], "ok");
    }
}
