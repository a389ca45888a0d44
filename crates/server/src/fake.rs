//! A model whose arithmetic tests decide, and a server around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use model::{Embeddings, ModelError, Scoring};
use pixels::{PixelsError, RgbImage};
use serde_json::Value;
use tokens::Encoding;
use weights::Tower;

use crate::app::App;
use crate::backend::{Backend, PictureSize};
use crate::fetch::FetchPolicy;
use crate::loaded::{Description, LoadedModel};
use crate::metrics::Metrics;
use crate::settings::{Admission, Auth, CacheSizes, Limits, Loading, ModelSpec, Rates, Settings};

/// A text on which the engine panics.
pub(crate) const PANIC: &str = "panic";

/// A text on which the engine panics so that its thread ends.
pub(crate) const DEATH: &str = "death";

/// Texts become their lengths; pictures are all the same.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    /// From now on the numbers are others.
    pub(crate) drifts: AtomicBool,
}

/// What panics once more when it is dropped, which nobody catches.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

impl Fake {
    fn row(&self, number: u32) -> [f32; 2] {
        let drift = if self.drifts.load(Ordering::Relaxed) { 0.25 } else { 0.0 };
        let angle = number as f32 / 100.0 + drift;
        [angle.cos(), angle.sin()]
    }
}

fn ids(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

impl Backend for Fake {
    fn prepare(&self, bytes: &[u8]) -> Result<RgbImage, PixelsError> {
        assert!(!bytes.ends_with(PANIC.as_bytes()), "the decoder panics");
        RgbImage::from_raw(1, 1, vec![0; 3])
    }

    fn tokenize(&self, text: &str) -> Result<Encoding, ModelError> {
        Ok(Encoding { ids: ids(text), tokens: text.len(), truncated: false })
    }

    fn embed_images(&self, pictures: &[&RgbImage]) -> Result<Embeddings, ModelError> {
        let rows = pictures.iter().flat_map(|_| self.row(0));
        Ok(Embeddings::from_unit_rows(2, rows.collect()))
    }

    fn embed_texts(&self, texts: &[&Encoding]) -> Result<Embeddings, ModelError> {
        assert!(texts.iter().all(|text| text.ids != ids(PANIC)), "the engine panics");
        if texts.iter().any(|text| text.ids == ids(DEATH)) {
            std::panic::panic_any(Bomb);
        }
        let rows = texts.iter().flat_map(|text| self.row(text.tokens as u32));
        Ok(Embeddings::from_unit_rows(2, rows.collect()))
    }

    fn scoring(&self) -> Result<Scoring, ModelError> {
        Ok(Scoring::new(1.0, 0.0))
    }

    fn dimension(&self, _tower: Tower) -> Option<usize> {
        Some(2)
    }

    fn load(&self, _tower: Tower) -> Result<(), ModelError> {
        Ok(())
    }

    fn picture_size(&self) -> PictureSize {
        PictureSize { width: 1, height: 1 }
    }
}

/// The fake as a loaded model.
pub(crate) fn loaded(fake: &Arc<Fake>) -> LoadedModel {
    let description = Description {
        id: "fake".to_owned(),
        fingerprint: "fp_0".to_owned(),
        precision: "f32".to_owned(),
        bytes: 0,
    };
    LoadedModel::start(description, Arc::clone(fake) as Arc<dyn Backend>, &Metrics::new()).unwrap()
}

/// A server of the fake, without a network.
pub(crate) struct FakeServer {
    pub(crate) app: Arc<App>,
    service: TowerToHyperService<Router>,
}

/// A status and a JSON body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

impl FakeServer {
    pub(crate) fn new(fake: &Arc<Fake>) -> Self {
        let options = model::Options {
            isa: kernels::Isa::SCALAR,
            threads: 1,
            precision: model::Precision::F32,
            canonicalization: tokens::Canonicalization::default(),
            limits: pixels::Limits::default(),
            packed_cache: None,
        };
        let folder = "/nonexistent".into();
        let id = "fake".to_owned();
        let mut settings = Settings {
            body_timeout: Duration::from_secs(20),
            addresses: Vec::new(),
            models: vec![ModelSpec {
                id,
                aliases: Vec::new(),
                description: String::new(),
                folder,
                options,
            }],
            loading: Loading::AtFirstUse,
            idle_timeout: None,
            model_memory: None,
            auth: Auth::Open,
            archive: None,
            tls: None,
            cors_origins: Vec::new(),
            fetch: FetchPolicy::default(),
            limits: Limits::default(),
            admission: Admission::default(),
            caches: CacheSizes::default(),
            request_timeout: Duration::from_mins(1),
            shutdown_timeout: Duration::from_secs(1),
            rates: Rates::default(),
            batch_lines: 0,
            moderation: Vec::new(),
        };
        let app = App::new(&mut settings, None, None, 2);
        app.registry.entries()[0].put(loaded(fake));
        let router = crate::router::router(&app, &[], settings.request_timeout);
        Self { app, service: TowerToHyperService::new(router) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(http::Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(http::Request::post(path).body(Body::from(body.to_string())).unwrap()).await
    }

    async fn ask(&self, request: http::Request<Body>) -> Answer {
        let answer = self.service.call(request).await.unwrap();
        let status = answer.status().as_u16();
        assert!(answer.headers().contains_key("x-request-id"));
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        Answer { status, json: serde_json::from_slice(&body).unwrap() }
    }
}
