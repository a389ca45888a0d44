//! Every URL of the server, on one page.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::app::App;
use crate::endpoints::{
    chat, classify, embeddings, huggingface, models, moderations, operations, rerank, score,
};
use crate::error::ApiError;
use crate::layers::{self, PROCESSING, REQUEST_ID, Timeout};
use crate::{openapi, pages, rate};

/// Every path, for metrics and the log.
pub(crate) const PATHS: &[&str] = &[
    "/v1/embeddings",
    "/v1/classify",
    "/v1/chat/completions",
    "/v1/moderations",
    "/v1/rerank",
    "/v2/rerank",
    "/rerank",
    "/v1/score",
    "/models/{*id}",
    "/v1/models",
    "/v1/models/{*id}",
    "/health",
    "/ready",
    "/metrics",
    "/openapi.json",
];

/// The service of all connections. Files, batches, vector stores and accounts will stand beside the others.
pub(crate) fn router(app: &Arc<App>, origins: &[String], timeout: Duration) -> Router {
    let guarded = Router::new()
        .route("/v1/embeddings", post(embeddings::embeddings))
        .route("/v1/classify", post(classify::classify))
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/moderations", post(moderations::moderations))
        .route("/v1/rerank", post(rerank::rerank))
        .route("/v2/rerank", post(rerank::rerank))
        .route("/rerank", post(rerank::rerank))
        .route("/v1/score", post(score::score))
        .route("/models/{*id}", post(huggingface::classify))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .route_layer(from_fn_with_state(Arc::clone(app), layers::authenticate));
    let open = Router::new()
        .route("/health", get(operations::health))
        .route("/ready", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .route("/openapi.json", get(openapi::document));
    let contain = from_fn_with_state((Arc::clone(app), Timeout(timeout)), layers::contain);
    guarded
        .merge(open)
        // The pages for people; pages/mod.rs has the table of their paths.
        .merge(pages::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(async || ApiError::method())
        .layer(DefaultBodyLimit::disable())
        .layer(contain)
        .layer(map_response(secured))
        .layer(cors(origins))
        .layer(from_fn_with_state(Arc::clone(app), layers::account))
        .with_state(Arc::clone(app))
}

/// The service of connections beyond the limit: one answer, and the end.
pub(crate) fn full(app: &Arc<App>, origins: &[String]) -> Router {
    Router::new()
        .fallback(async || {
            let message = "the server has as many connections as it may; try again";
            let error = ApiError::busy("too_many_connections", message, 1);
            ([(http::header::CONNECTION, "close")], error).into_response()
        })
        .layer(map_response(secured))
        .layer(cors(origins))
        .layer(from_fn_with_state(Arc::clone(app), layers::account))
}

async fn unknown() -> Response {
    let message = "there is nothing at this path; /docs lists what there is";
    ApiError::not_found("path_not_found", message).into_response()
}

/// A reply is what its content-type says.
async fn secured(mut response: Response) -> Response {
    let name = HeaderName::from_static("x-content-type-options");
    response.headers_mut().insert(name, HeaderValue::from_static("nosniff"));
    response
}

/// Which pages of other origins may call. Keys travel in a header, never in a cookie.
fn cors(origins: &[String]) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        // A star would not cover `authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed().collect::<Vec<_>>())
        .max_age(Duration::from_hours(1));
    if origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(Any);
    }
    let origins = origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok());
    layer.allow_origin(origins.collect::<Vec<_>>())
}

fn exposed() -> impl Iterator<Item = HeaderName> {
    let own = [
        REQUEST_ID,
        PROCESSING,
        HeaderName::from_static("x-ignored-params"),
        HeaderName::from_static("x-should-retry"),
        HeaderName::from_static("server-timing"),
        http::header::WARNING,
        http::header::RETRY_AFTER,
    ];
    own.into_iter().chain(rate::header_names())
}
