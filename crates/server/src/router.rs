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
use crate::endpoints::account::{keys, sign_up, usage};
use crate::endpoints::{
    batches, chat, classify, embeddings, files, huggingface, label_sets, models, moderations,
    operations, rerank, score, vector_stores,
};
use crate::error::ApiError;
use crate::layers::{self, PROCESSING, REQUEST_ID, Timeout};
use crate::{bill, openapi, pages, rate};

/// The paths that accounts bring.
pub(crate) const ACCOUNT_PATHS: &[&str] = &[
    "/v1/key",
    "/v1/keys",
    "/v1/keys/{id}",
    "/v1/credits",
    "/v1/usage",
    "/v1/accounts",
    "/v1/accounts/confirm",
];

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
    "/v1/label_sets",
    "/v1/label_sets/{id}",
    "/v1/label_sets/{id}/versions",
    "/v1/label_sets/{id}/doctor",
    "/v1/models",
    "/v1/models/{*id}",
    "/v1/files",
    "/v1/files/{id}",
    "/v1/files/{id}/content",
    "/v1/vector_stores",
    "/v1/vector_stores/{id}",
    "/v1/vector_stores/{id}/search",
    "/v1/vector_stores/{id}/classify",
    "/v1/vector_stores/{id}/duplicates",
    "/v1/vector_stores/{id}/reindex",
    "/v1/vector_stores/{id}/files",
    "/v1/vector_stores/{id}/files/{file_id}",
    "/v1/vector_stores/{id}/files/{file_id}/content",
    "/v1/vector_stores/{id}/file_batches",
    "/v1/vector_stores/{id}/file_batches/{batch_id}",
    "/v1/vector_stores/{id}/file_batches/{batch_id}/cancel",
    "/v1/vector_stores/{id}/file_batches/{batch_id}/files",
    "/v1/batches",
    "/v1/batches/{id}",
    "/v1/batches/{id}/cancel",
    "/health",
    "/ready",
    "/metrics",
    "/openapi.json",
];

/// The longest time that a file may take to arrive.
const UPLOAD: Timeout = Timeout(Duration::from_hours(1));

/// The service of all connections.
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
        .route("/v1/label_sets", get(label_sets::list).post(label_sets::create))
        .route(
            "/v1/label_sets/{id}",
            get(label_sets::one).post(label_sets::update).delete(label_sets::delete),
        )
        .route("/v1/label_sets/{id}/versions", get(label_sets::versions))
        .route("/v1/label_sets/{id}/doctor", get(label_sets::doctor))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .route("/v1/files/{id}", get(files::one).delete(files::delete))
        .route("/v1/files/{id}/content", get(files::content))
        .route("/v1/vector_stores", get(vector_stores::list).post(vector_stores::create))
        .route(
            "/v1/vector_stores/{id}",
            get(vector_stores::one).post(vector_stores::update).delete(vector_stores::delete),
        )
        .route("/v1/vector_stores/{id}/search", post(vector_stores::search))
        .route("/v1/vector_stores/{id}/classify", post(vector_stores::classify_store))
        .route("/v1/vector_stores/{id}/duplicates", post(vector_stores::duplicates))
        .route("/v1/vector_stores/{id}/reindex", post(vector_stores::reindex))
        .route(
            "/v1/vector_stores/{id}/files",
            get(vector_stores::list_files).post(vector_stores::add_file),
        )
        .route(
            "/v1/vector_stores/{id}/files/{file_id}",
            get(vector_stores::file)
                .post(vector_stores::change_file)
                .delete(vector_stores::delete_file),
        )
        .route("/v1/vector_stores/{id}/files/{file_id}/content", get(vector_stores::file_content))
        .route("/v1/vector_stores/{id}/file_batches", post(vector_stores::create_batch))
        .route("/v1/vector_stores/{id}/file_batches/{batch_id}", get(vector_stores::batch))
        .route(
            "/v1/vector_stores/{id}/file_batches/{batch_id}/cancel",
            post(vector_stores::cancel_batch),
        )
        .route(
            "/v1/vector_stores/{id}/file_batches/{batch_id}/files",
            get(vector_stores::batch_files),
        )
        .route("/v1/batches", get(batches::list).post(batches::create))
        .route("/v1/batches/{id}", get(batches::one))
        .route("/v1/batches/{id}/cancel", post(batches::cancel))
        .route_layer(from_fn_with_state(Arc::clone(app), layers::authenticate));
    // A large file takes longer than any answer may.
    let uploads = Router::new()
        .route("/v1/files", get(files::list).post(files::create))
        .route_layer(from_fn_with_state(Arc::clone(app), layers::authenticate))
        .layer(from_fn_with_state((Arc::clone(app), UPLOAD), layers::contain));
    let open = Router::new()
        .route("/health", get(operations::health))
        .route("/ready", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .route("/openapi.json", get(openapi::document));
    let contain = from_fn_with_state((Arc::clone(app), Timeout(timeout)), layers::contain);
    let accounts = if app.accounts.is_some() { account_routes(app) } else { Router::new() };
    guarded
        .merge(open)
        .merge(accounts)
        // The pages for people; pages/mod.rs has the table of their paths.
        .merge(pages::routes())
        .layer(contain)
        .merge(uploads)
        .fallback(unknown)
        .method_not_allowed_fallback(async || ApiError::method())
        .layer(DefaultBodyLimit::disable())
        .layer(map_response(secured))
        .layer(cors(origins))
        .layer(from_fn_with_state(Arc::clone(app), layers::account))
        .with_state(Arc::clone(app))
}

/// What there is beside it when accounts pay.
fn account_routes(app: &Arc<App>) -> Router<Arc<App>> {
    let guarded = Router::new()
        .route("/v1/key", get(keys::own))
        .route("/v1/keys", get(keys::list).post(keys::create))
        .route("/v1/keys/{id}", get(keys::one).patch(keys::update).delete(keys::delete))
        .route("/v1/credits", get(usage::credits))
        .route("/v1/usage", get(usage::usage))
        .route_layer(from_fn_with_state(Arc::clone(app), layers::authenticate));
    let strangers = Router::new()
        .route("/v1/accounts", post(sign_up::ask))
        .route("/v1/accounts/confirm", post(sign_up::confirm))
        .route_layer(from_fn_with_state(Arc::clone(app), layers::anybody));
    guarded.merge(strangers)
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
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
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
    own.into_iter().chain(rate::header_names()).chain(bill::HEADERS)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use serde_json::{Value, json};

    use super::*;
    use crate::fake::{self, DEATH, Fake, FakeServer, PANIC};
    use crate::health;
    use crate::queue::Lane;

    fn input(inputs: &[&str]) -> Value {
        json!({ "input": inputs, "on_error": "item" })
    }

    /// A good picture with something behind its end, which tells the fake decoder what to do.
    fn picture(end: &str) -> Value {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/goldens/tiny-end-to-end");
        let mut bytes = fs_err::read(format!("{folder}/pictures/small_5x3.png")).unwrap();
        bytes.extend_from_slice(end.as_bytes());
        json!({ "image": base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes) })
    }

    async fn problems(server: &FakeServer) -> Value {
        let ready = server.get("/ready").await;
        let problems = ready.json["problems"].clone();
        assert_eq!(ready.status == 200, problems == json!([]), "{ready:?}");
        problems
    }

    #[tokio::test]
    async fn an_engine_that_panics_fails_the_item_that_caused_it_and_no_other() {
        let server = FakeServer::new(&Arc::default());
        let alone = server.post("/v1/embeddings", &input(&["one", "three"])).await;
        let both = input(&["one", PANIC, "three"]);
        let same = [server.post("/v1/embeddings", &both), server.post("/v1/embeddings", &both)];
        for answer in futures_util::future::join_all(same).await {
            assert_eq!(answer.status, 200);
            let data = &answer.json["data"];
            assert_eq!(data[1]["error"]["code"], "internal_error");
            assert_eq!(data[0]["embedding"], alone.json["data"][0]["embedding"]);
            assert_eq!(data[2]["embedding"], alone.json["data"][1]["embedding"]);
        }
        let failed = server.post("/v1/embeddings", &json!({ "input": PANIC })).await;
        assert_eq!(failed.status, 500);
        assert_eq!(failed.json["error"]["type"], "server_error");
        assert_eq!(server.post("/v1/embeddings", &input(&["one"])).await.status, 200);
        assert_eq!(problems(&server).await, json!([]));
    }

    #[tokio::test]
    async fn a_decoder_that_panics_fails_its_picture() {
        let server = FakeServer::new(&Arc::default());
        let inputs = json!({ "input": [picture("good"), picture(PANIC)], "on_error": "item" });
        let answer = server.post("/v1/embeddings", &inputs).await;
        assert_eq!(answer.json["data"][0]["object"], "embedding", "{answer:?}");
        assert_eq!(answer.json["data"][1]["error"]["code"], "internal_error");
    }

    #[tokio::test]
    async fn a_lone_picture_does_not_wait_for_the_places_of_large_requests() {
        let server = FakeServer::new(&Arc::default());
        let model = server.app.registry.get(None, Duration::ZERO).await.unwrap();
        let places = model.places(Lane::Bulk);
        let _all = places.acquire_many(places.available_permits() as u32).await.unwrap();
        let answer = server.post("/v1/embeddings", &json!({ "input": [picture("a")] })).await;
        assert_eq!(answer.status, 200);
        let pictures = ["b", "c", "d", "e", "f"].map(picture);
        let many = json!({ "input": pictures });
        let many = server.post("/v1/embeddings", &many);
        assert!(tokio::time::timeout(Duration::from_millis(50), many).await.is_err());
    }

    #[tokio::test]
    async fn a_model_in_use_is_not_idle() {
        let server = FakeServer::new(&Arc::default());
        let registry = &server.app.registry;
        let model = registry.get(None, Duration::ZERO).await.unwrap();
        registry.drop_idle(Duration::ZERO);
        assert!(registry.get(None, Duration::ZERO).await.is_ok());
        drop(model);
        registry.drop_idle(Duration::ZERO);
        assert!(registry.get(None, Duration::ZERO).await.is_err());
    }

    #[tokio::test]
    async fn a_server_whose_model_drifts_is_not_ready_until_it_is_well_again() {
        let fake = Arc::<Fake>::default();
        let server = FakeServer::new(&fake);
        health::check(&server.app).await;
        assert_eq!(problems(&server).await, json!([]));
        fake.drifts.store(true, Ordering::Relaxed);
        health::check(&server.app).await;
        let drifted = json!(["fake: the canary's embedding has drifted"]);
        assert_eq!(problems(&server).await, drifted);
        fake.drifts.store(false, Ordering::Relaxed);
        health::check(&server.app).await;
        assert_eq!(problems(&server).await, json!([]));
    }

    #[tokio::test]
    async fn a_server_whose_worker_died_is_not_ready_and_loads_the_model_anew() {
        let server = FakeServer::new(&Arc::default());
        let answer = server.post("/v1/embeddings", &json!({ "input": DEATH })).await;
        assert_eq!((answer.status, &answer.json["error"]["code"]), (503, &json!("model_closed")));
        while problems(&server).await == json!([]) {
            tokio::task::yield_now().await;
        }
        assert_eq!(problems(&server).await, json!(["fake: a worker is dead"]));
        // There is nothing to load it from.
        let answer = server.post("/v1/embeddings", &json!({ "input": "a" })).await;
        assert_eq!(answer.status, 503);
        while problems(&server).await != json!(["fake: cannot be loaded"]) {
            tokio::task::yield_now().await;
        }
        server.app.registry.entries()[0].put(fake::loaded(&Arc::default()));
        let answer = server.post("/v1/embeddings", &json!({ "input": "a" })).await;
        assert_eq!(answer.status, 200);
        assert_eq!(problems(&server).await, json!([]));
    }

    #[tokio::test]
    async fn a_stopping_server_is_not_ready_but_answers() {
        let server = FakeServer::new(&Arc::default());
        server.app.health.stop();
        assert_eq!(problems(&server).await, json!(["the server is stopping"]));
        assert_eq!(server.post("/v1/embeddings", &json!({ "input": "a" })).await.status, 200);
    }
}
