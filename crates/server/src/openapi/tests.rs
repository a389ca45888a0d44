use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::json;

use super::*;
use crate::router::{ACCOUNT_PATHS, PATHS, router};
use crate::settings::{Admission, ApiKey, Auth, CacheSizes, Loading, ModelSpec, Rates, Settings};

const MODEL: &str = "org/tiny";

fn options() -> model::Options {
    model::Options {
        isa: kernels::Isa::detect(),
        threads: 2,
        precision: model::Precision::F32,
        canonicalization: tokens::Canonicalization::Hf,
        limits: pixels::Limits::default(),
        packed_cache: None,
    }
}

fn settings() -> Settings {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/goldens/tiny-end-to-end");
    Settings {
        addresses: Vec::new(),
        models: vec![ModelSpec {
            id: MODEL.to_owned(),
            aliases: vec!["small".to_owned()],
            description: String::new(),
            folder,
            options: options(),
        }],
        loading: Loading::AtFirstUse,
        idle_timeout: None,
        model_memory: None,
        auth: Auth::Keys(vec![ApiKey::new("key")]),
        archive: None,
        tls: None,
        cors_origins: Vec::new(),
        fetch: crate::fetch::FetchPolicy::default(),
        limits: Limits::default(),
        admission: Admission::default(),
        caches: CacheSizes::default(),
        request_timeout: Duration::from_mins(1),
        body_timeout: Duration::from_secs(20),
        shutdown_timeout: Duration::ZERO,
        rates: Rates::default(),
        batch_lines: 0,
        moderation: Vec::new(),
    }
}

/// The server without its sockets.
struct Served(TowerToHyperService<axum::Router>);

impl Served {
    fn new() -> Self {
        let mut settings = settings();
        let app = App::new(&mut settings, None, None, 2);
        let router = router(&app, &[], settings.request_timeout);
        Self(TowerToHyperService::new(router))
    }

    async fn answer(&self, method: &str, path: &str, body: Option<&Value>) -> Response<Body> {
        let body = body.map_or_else(String::new, Value::to_string);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", "Bearer key")
            .header("content-type", "application/json")
            .header("prefer", "wait=60")
            .body(Body::from(body));
        self.0.call(request.unwrap()).await.unwrap()
    }
}

/// The path with an id in it: a model's may have a slash.
fn with_id(path: &str) -> String {
    let id = if path.contains("models") { "org/tiny" } else { "file-1" };
    path.replace("{id}", id).replace("{file_id}", "file-1").replace("{batch_id}", "vsfb_1")
}

/// The paths that the router's source writes.
fn routed(source: &str) -> BTreeSet<String> {
    // A long route begins a line of its own.
    let paths = source.split(".route(").skip(1).map(|rest| rest.split('"').nth(1).unwrap());
    paths.map(|path| path.replace("{*id}", "{id}")).collect()
}

async fn json_of(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

async fn served_document(served: &Served) -> Value {
    json_of(served.answer("GET", "/openapi.json", None).await).await
}

/// A path of the document and its method.
struct Operation<'a> {
    path: &'a str,
    method: String,
    what: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, what)| Operation {
            path,
            method: method.to_uppercase(),
            what,
        })
    });
    operations.collect()
}

#[tokio::test]
async fn every_route_is_in_the_document_and_every_path_of_the_document_is_a_route() {
    let served = Served::new();
    let document = served_document(&served).await;
    let documented = operations(&document);
    let documented =
        documented.iter().map(|operation| operation.path.to_owned()).collect::<BTreeSet<_>>();
    let known = PATHS.iter().map(|path| path.replace("{*id}", "{id}")).collect::<BTreeSet<_>>();
    assert_eq!(documented, known);
    // The names that the router itself writes.
    let source = include_str!("../router.rs").split("fn account_routes").next().unwrap();
    let routed = routed(source);
    assert_eq!(documented, routed);
}

#[tokio::test]
async fn every_path_takes_the_methods_of_the_document_and_no_others() {
    let served = Served::new();
    let document = served_document(&served).await;
    let mut methods = BTreeMap::<&str, Vec<String>>::new();
    for Operation { path, method, .. } in operations(&document) {
        methods.entry(path).or_default().push(method);
    }
    for (path, known) in methods {
        let path = with_id(path);
        for other in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let status = served.answer(other, &path, Some(&json!({}))).await.status().as_u16();
            let is_known = known.iter().any(|method| method == other);
            assert_eq!(status == 405, !is_known, "{other} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn every_example_is_answered_as_the_document_says() {
    let served = Served::new();
    let document = served_document(&served).await;
    let mut seen = 0;
    for Operation { path, method, what } in operations(&document) {
        // Those that need a database; the tests of the program have one.
        let kept = ["/v1/files", "/v1/label_sets", "/v1/vector_stores", "/v1/batches"];
        if kept.iter().any(|kept| path.starts_with(kept)) {
            continue;
        }
        let documented = what["responses"].as_object().unwrap();
        let path = with_id(path);
        let examples = &what["requestBody"]["content"]["application/json"]["examples"];
        let bodies = examples.as_object().into_iter().flatten();
        let bodies = bodies.map(|(name, example)| (name.as_str(), Some(&example["value"])));
        let bodies = bodies.collect::<Vec<_>>();
        let bodies = if bodies.is_empty() { vec![("none", None)] } else { bodies };
        for (name, body) in bodies {
            let response = served.answer(&method, &path, body).await;
            assert_eq!(response.status(), 200, "{path} {name}: {}", json_of(response).await);
            let kind = response.headers()["content-type"].to_str().unwrap();
            let content = documented["200"]["content"].as_object().unwrap();
            assert!(content.contains_key(kind), "{path} {name}: {kind}");
            let headers = documented["200"]["headers"].as_object().unwrap().keys();
            for name in headers {
                let header = &document["components"]["headers"][name];
                let required = header["required"] == json!(true);
                assert!(!required || response.headers().contains_key(name), "{path}: {name}");
            }
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    fn follow(value: &Value, document: &Value, count: &mut usize) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                    *count += 1;
                }
                for value in map.values() {
                    follow(value, document, count);
                }
            }
            Value::Array(values) => {
                for value in values {
                    follow(value, document, count);
                }
            }
            _ => {}
        }
    }
    let document = served_document(&Served::new()).await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut count = 0;
    follow(&document, &document, &mut count);
    assert!(count > 100, "{count}");
}

#[tokio::test]
async fn a_key_is_wanted_exactly_where_the_document_says_so() {
    let served = Served::new();
    let document = served_document(&served).await;
    for Operation { path, method, what } in operations(&document) {
        let request = Request::builder().method(&*method).uri(with_id(path));
        let answer = served.0.call(request.body(Body::empty()).unwrap()).await.unwrap();
        let wanted = !what["security"].as_array().unwrap().is_empty();
        assert_eq!(answer.status() == 401, wanted, "{path}: {}", answer.status());
        assert_eq!(what["responses"].get("401").is_some(), wanted, "{path}");
    }
}

#[test]
fn a_server_with_accounts_has_their_paths_and_no_other_server_has() {
    let facts = |access| Facts {
        limits: Limits::default(),
        models: vec!["mini".to_owned()],
        dimensions: Some(32),
        access,
    };
    let document = describe(&facts(Access::Accounts));
    let documented = operations(&document).into_iter().map(|operation| operation.path.to_owned());
    let documented = documented.collect::<BTreeSet<_>>();
    let known = PATHS.iter().chain(ACCOUNT_PATHS).map(|path| path.replace("{*id}", "{id}"));
    assert_eq!(documented, known.collect());
    let source = include_str!("../router.rs");
    let routed = routed(source);
    assert_eq!(documented, routed);
    let key = &document["paths"]["/v1/keys/{id}"];
    assert!(["get", "patch", "delete"].iter().all(|method| key.get(method).is_some()), "{key}");
    assert_eq!(document["paths"]["/v1/accounts"]["post"]["security"], json!([]));
    let without = describe(&facts(Access::Keys));
    let parameters = |document: &Value| {
        let named = document["paths"]["/v1/score"]["post"]["parameters"].as_array().unwrap();
        named.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let cost = "/paths/~1v1~1score/post/responses/200/headers/x-cost-usd";
    assert_eq!(parameters(&document), ["Prefer", "X-Tier", "Idempotency-Key"]);
    assert!(document.pointer(cost).is_some());
    assert_eq!(parameters(&without), ["Prefer"]);
    assert!(without.pointer(cost).is_none());
    assert!(ACCOUNT_PATHS.iter().all(|path| without["paths"].get(path).is_none()));
}

#[test]
fn an_open_server_wants_no_key_and_its_limits_are_the_documents() {
    let facts = Facts {
        limits: Limits { labels: 7, ..Limits::default() },
        models: vec!["mini".to_owned()],
        dimensions: Some(32),
        access: Access::Open,
    };
    let document = describe(&facts);
    assert_eq!(document["paths"]["/v1/score"]["post"]["security"], json!([]));
    let classify = &document["components"]["schemas"]["ClassifyRequest"]["anyOf"][0];
    assert_eq!(classify["properties"]["labels"]["maxItems"], 7);
}
