//! What every request goes through before and after its endpoint.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue};
use store::Admission;

use crate::accounts::Accounts;
use crate::app::App;
use crate::auth::{Caller, shown_key};
use crate::bill::{self, Bill, Payer, SharedBill};
use crate::error::{ApiError, ErrorCode};
use crate::rate;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const PROCESSING: HeaderName = HeaderName::from_static("openai-processing-ms");

/// The id of a request, for whoever writes something down about it.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// A request that the server makes of itself, with the bill that its work goes on. Nobody can send one.
#[derive(Clone)]
pub(crate) struct InProcess(pub(crate) SharedBill);

/// The longest time from a request's head to its answer's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeout(pub(crate) Duration);

/// Gives a request its id, and tells the log and the metrics what became of it.
pub(crate) async fn account(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    // One from within has its id already.
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let id = id.unwrap_or_else(|| format!("req_{}", uuid::Uuid::now_v7().simple()));
    let method = request.method().clone();
    // Never the path itself, which is a caller's text.
    let path = request.extensions().get::<MatchedPath>().map_or("unknown", |path| known(path));
    let in_flight = InFlight::new(&app);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    drop(in_flight);
    let took = began.elapsed();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(PROCESSING, HeaderValue::from(took.as_millis() as u64));
    let status = response.status().as_u16();
    app.metrics.request(path, status, took);
    let milliseconds = took.as_secs_f64() * 1000.0;
    if let Some(ErrorCode(code)) = response.extensions().get::<ErrorCode>() {
        app.metrics.error(code);
        tracing::info!(request_id = id, %method, path, status, code, milliseconds, "answered");
    } else {
        tracing::info!(request_id = id, %method, path, status, milliseconds, "answered");
    }
    response
}

/// Contains the panics of a request and ends it in time.
pub(crate) async fn contain(
    State((app, Timeout(timeout))): State<(Arc<App>, Timeout)>,
    request: Request,
    next: Next,
) -> Response {
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(timeout, answered).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            app.metrics.panics.inc();
            let message =
                "the server failed on this request; this is a bug of polysight, please report it";
            ApiError::internal(message).into_response()
        }
        Err(_) => {
            let seconds = timeout.as_secs();
            let message = format!("the answer took longer than the limit of {seconds} seconds");
            ApiError::unavailable("timeout", message, 1).into_response()
        }
    }
}

/// Matched paths are the router's own, of which there are few; they are kept for the life of the process.
fn known(path: &MatchedPath) -> &'static str {
    let mut all = crate::router::PATHS.iter().chain(crate::router::ACCOUNT_PATHS);
    all.find(|known| **known == path.as_str()).copied().unwrap_or("other")
}

/// Counts a request until it is dropped, also when its client hangs up.
struct InFlight<'a>(&'a App);

impl<'a> InFlight<'a> {
    fn new(app: &'a App) -> Self {
        app.metrics.in_flight.inc();
        Self(app)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.metrics.in_flight.dec();
    }
}

/// Lets everybody through who wants an account, as often as a server can bear it.
pub(crate) async fn anybody(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Err(error) = app.strangers.request(Caller::Anyone) {
        return error.into_response();
    }
    request.extensions_mut().insert(SharedBill::default());
    request.extensions_mut().insert(Caller::Anyone);
    next.run(request).await
}

/// Lets known callers through and tells them what is left of their minute.
pub(crate) async fn authenticate(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(InProcess(bill)) = request.extensions().get().cloned() {
        request.extensions_mut().insert(bill);
        request.extensions_mut().insert(Caller::Anyone);
        return next.run(request).await;
    }
    if let Some(accounts) = &app.accounts {
        return metered(&app, accounts, request, next).await;
    }
    request.extensions_mut().insert(SharedBill::default());
    let caller = match app.keys.authenticate(request.headers()) {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let mut response = match app.rates.request(caller) {
        Ok(()) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    app.rates.write(caller, response.headers_mut());
    response
}

/// The same where accounts pay.
async fn metered(
    app: &Arc<App>,
    accounts: &Accounts,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(text) = shown_key(request.headers()) else {
        return ApiError::missing_key().into_response();
    };
    let shown = match accounts.show(text).await {
        Ok(Some(shown)) => shown,
        Ok(None) => return ApiError::unknown_key().into_response(),
        Err(error) => return bill::unavailable(&error).into_response(),
    };
    let standing = shown.standing;
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let payer =
        Payer::new(shown.key, shown.balance, request_id.unwrap_or_default(), request.headers());
    let bill = match payer {
        Ok(payer) => SharedBill::new(Bill::of(payer)),
        Err(error) => return error.into_response(),
    };
    let response = if shown.admission == Admission::Admitted {
        request.extensions_mut().insert(SharedBill::clone(&bill));
        request.extensions_mut().insert(Caller::Anyone);
        next.run(request).await
    } else {
        let limit = standing.requests_limit;
        let seconds = (1.0 - standing.requests_left).max(0.0) * 60.0 / f64::from(limit.max(1));
        ApiError::used_up(limit, "requests", seconds).into_response()
    };
    let mut response = bill.close(app, response).await;
    rate::write_standing(&standing, bill.images(), response.headers_mut());
    response
}
