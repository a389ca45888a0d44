//! The one door through which errors leave: OpenAI's envelope, all four keys always.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, StatusCode};
use pixels::ErrorKind;
use serde::Serialize;
use store::StoredAnswer;

use crate::line::TooLong;

/// Tells OpenAI's clients whether a retry can help.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Why a request, or one of its inputs, has no answer.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) object: ErrorObject,
    /// Whole seconds.
    pub(crate) retry_after: Option<u32>,
    /// What is sent in its place: it is no error but the early end of a call.
    instead: Option<Arc<Instead>>,
}

/// An answer that needs no work: one that was given before, or a price.
#[derive(Debug)]
pub(crate) struct Instead {
    status: StatusCode,
    content_type: String,
    body: Vec<u8>,
}

impl Instead {
    /// A JSON text.
    pub(crate) fn json(body: String) -> Self {
        let content_type = "application/json".to_owned();
        Self { status: StatusCode::OK, content_type, body: body.into_bytes() }
    }

    /// An answer that was kept.
    pub(crate) fn again(answer: StoredAnswer) -> Self {
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
        Self { status, content_type: answer.headers, body: answer.body }
    }
}

/// The inside of the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ErrorObject {
    /// In one line, for people.
    pub message: Cow<'static, str>,
    /// The class of the error.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The field of the request that is at fault.
    #[schema(required)]
    pub param: Option<String>,
    /// The same as the message, for programs.
    #[schema(required)]
    pub code: Option<&'static str>,
}

/// The envelope of every error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorReply {
    /// What went wrong.
    pub error: ErrorObject,
}

impl ApiError {
    fn new(
        status: StatusCode,
        kind: &'static str,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let object = ErrorObject { message: message.into(), kind, param: None, code: Some(code) };
        Self { status, object, retry_after: None, instead: None }
    }

    /// Ends a call with an answer that needs no work.
    pub(crate) fn instead(answer: Instead) -> Self {
        let mut early = Self::new(answer.status, "none", "none", "");
        early.instead = Some(Arc::new(answer));
        early
    }

    /// 400.
    pub(crate) fn invalid(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", code, message)
    }

    /// 401: no key.
    pub(crate) fn missing_key() -> Self {
        let message = "no API key; send the header `Authorization: Bearer KEY`";
        Self::unauthorised("missing_api_key", message)
    }

    /// 401: a key that opens nothing, for whatever reason.
    pub(crate) fn unknown_key() -> Self {
        Self::unauthorised("invalid_api_key", "the API key is not known")
    }

    /// 429: a minute's requests or images are used up; so many seconds bring enough of them back.
    pub(crate) fn used_up(limit: u32, things: &str, seconds: f64) -> Self {
        let message = format!("the key's limit of {limit} {things} a minute is used up");
        Self::busy("rate_limit_exceeded", message, seconds.ceil() as u32)
    }

    fn unauthorised(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authentication_error", code, message)
    }

    /// 402: repeating it cannot help.
    pub(crate) fn unpaid(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYMENT_REQUIRED, "billing_error", code, message)
    }

    /// 403.
    pub(crate) fn forbidden(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "permission_error", code, message)
    }

    /// 409: the same is being worked on.
    pub(crate) fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, "invalid_request_error", code, message).after(1)
    }

    /// 404.
    pub(crate) fn not_found(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", code, message)
    }

    /// 405.
    pub(crate) fn method() -> Self {
        let message = "this path does not take this method; the allow header names those it takes";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request_error",
            "method_not_allowed",
            message,
        )
    }

    /// 408: the client was too slow.
    pub(crate) fn slow_body() -> Self {
        let message = "the body did not arrive in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", "request_timeout", message)
    }

    /// 413.
    pub(crate) fn too_large(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", code, message)
    }

    /// 415.
    pub(crate) fn unsupported(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request_error", code, message)
    }

    /// 422.
    pub(crate) fn undecodable(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request_error", code, message)
    }

    /// 429.
    pub(crate) fn busy(
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
        retry_after: u32,
    ) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", code, message);
        error.after(retry_after)
    }

    /// 429: the engine would begin only after `wait`.
    pub(crate) fn too_long(TooLong { wait, bound }: TooLong) -> Self {
        let message = format!(
            "the engine would begin in {:.0} seconds; the limit is {:.0}; try again",
            wait.as_secs_f64(),
            bound.as_secs_f64()
        );
        let excess = wait.saturating_sub(bound).as_secs_f64().ceil();
        Self::busy("queue_full", message, excess as u32)
    }

    /// 500: our fault.
    pub(crate) fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "internal_error", message)
    }

    /// 503.
    pub(crate) fn unavailable(
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
        retry_after: u32,
    ) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", code, message);
        error.after(retry_after)
    }

    /// For the metrics and the log.
    pub(crate) fn code(&self) -> &'static str {
        self.object.code.unwrap_or("unknown")
    }

    /// The same about a field.
    pub(crate) fn at(mut self, param: impl Into<String>) -> Self {
        self.object.param = Some(param.into());
        self
    }

    fn after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds.clamp(1, 120));
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(instead) = self.instead {
            let Instead { status, content_type, body } = &*instead;
            let kind = [(http::header::CONTENT_TYPE, content_type.clone())];
            return (*status, kind, body.clone()).into_response();
        }
        let code = ErrorCode(self.code());
        let mut response = (self.status, Json(ErrorReply { error: self.object })).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        // A client that repeats what cannot succeed only makes a busy server busier.
        if matches!(self.status, StatusCode::INTERNAL_SERVER_ERROR | StatusCode::PAYMENT_REQUIRED) {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(http::header::WWW_AUTHENTICATE, scheme);
        }
        response.extensions_mut().insert(code);
        response
    }
}

/// What a picture's error is called, in the API and on the command line.
pub fn image_error_code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::TooLarge => "image_too_large",
        ErrorKind::Unsupported => "image_unsupported",
        _ => "image_undecodable",
    }
}

/// Left in a response for the metrics and the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorCode(pub(crate) &'static str);
