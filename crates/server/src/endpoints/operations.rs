//! What operators and their programs ask: alive, ready, how much.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::app::App;

/// Whether the process answers at all.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HealthReply {
    /// `ok`.
    status: &'static str,
    version: &'static str,
}

/// Whether requests should be sent here.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ReadyReply {
    /// `ready` or `not ready`.
    status: &'static str,
    /// What stands in the way.
    problems: Vec<String>,
}

pub(crate) async fn health() -> Json<HealthReply> {
    Json(HealthReply { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let problems = app.health.problems(&app);
    let (code, status) = if problems.is_empty() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    (code, Json(ReadyReply { status, problems })).into_response()
}

pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let metrics = &app.metrics;
    metrics.waiting_pixels.set(app.pixels.inside() as i64);
    metrics.body_bytes.set(app.bodies.inside() as i64);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], metrics.text()).into_response()
}
