//! Every path with what it takes and gives. A test holds this against the router.

use serde_json::Value;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{
    ContentBuilder, HttpMethod, ObjectBuilder, Ref, Required, Type, example::ExampleBuilder,
};

use super::examples::{self, Example};
use super::replies::{self, Body, Headers};
use super::{Facts, security};

/// A heading of the documentation.
pub(super) struct Tag {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
}

const VECTORS: &str = "Vectors";
const CLASSES: &str = "Classes";
const RANKING: &str = "Ranking";
const MODELS: &str = "Models";
const OPERATIONS: &str = "Operations";

pub(super) const TAGS: &[Tag] = &[
    Tag { name: VECTORS, description: "Texts and images as vectors of length 1." },
    Tag { name: CLASSES, description: "Images against candidate labels." },
    Tag { name: RANKING, description: "How well texts and images belong together." },
    Tag { name: MODELS, description: "What is served." },
    Tag { name: OPERATIONS, description: "For operators and their programs; no key is needed." },
];

/// What a path wants before it answers.
#[derive(Clone, Copy)]
enum Kind {
    /// Nothing.
    Open,
    /// A key.
    Guarded,
    /// A key and a JSON body of this schema.
    Post { schema: &'static str, examples: fn(&str) -> Vec<Example> },
}

/// A path of the router, as the document writes it.
pub(super) struct Endpoint {
    pub(super) path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    kind: Kind,
    reply: Body,
}

/// What a computed answer may be instead.
const COMPUTING: &[u16] = &[400, 401, 404, 408, 413, 415, 422, 429, 500, 503];

const fn post(schema: &'static str, examples: fn(&str) -> Vec<Example>) -> Kind {
    Kind::Post { schema, examples }
}

/// A method's line of the table.
const fn row(
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    kind: Kind,
    reply: Body,
    summary: &'static str,
) -> Endpoint {
    Endpoint { path, id, tag, summary, kind, reply }
}

#[rustfmt::skip]
pub(super) fn all() -> Vec<Endpoint> {
    use Body::{Json, JsonList, JsonObject, JsonOrEvents, Text};
    let rerank = post("RerankRequest", examples::rerank);
    vec![
        row("/v1/embeddings", "embeddings", VECTORS, post("EmbeddingsRequest", examples::embeddings), Json("EmbeddingsReply"), "Texts and images as vectors: OpenAI's, with images"),
        row("/v1/classify", "classify", CLASSES, post("ClassifyRequest", examples::classify), Json("ClassifyReply"), "Images or texts against candidate labels: Jina's"),
        row("/v1/chat/completions", "chat_completions", CLASSES, post("ChatRequest", examples::chat), JsonOrEvents("ChatReply"), "One image against the labels of a JSON schema: OpenAI's"),
        row("/v1/moderations", "moderations", CLASSES, post("ModerationsRequest", examples::moderations), Json("ModerationsReply"), "Images against a policy: OpenAI's"),
        row("/v1/rerank", "rerank", RANKING, rerank, Json("RerankReply"), "Documents by how well they answer a query: Jina's and Cohere's"),
        row("/v2/rerank", "rerank_v2", RANKING, rerank, Json("RerankReply"), "The same where Cohere's second version has it"),
        row("/rerank", "rerank_bare", RANKING, rerank, Json("RerankReply"), "The same where vLLM has it"),
        row("/v1/score", "score", RANKING, post("ScoreRequest", examples::score), Json("ScoreReply"), "How alike pairs are: vLLM's"),
        row("/models/{id}", "zero_shot_image_classification", CLASSES, post("HuggingFaceRequest", examples::huggingface), JsonList("LabelAndScore"), "Hugging Face's task zero-shot-image-classification"),
        row("/v1/models", "models", MODELS, Kind::Guarded, Json("ModelsReply"), "The served models"),
        row("/v1/models/{id}", "model", MODELS, Kind::Guarded, Json("ModelReply"), "A served model"),
        row("/health", "health", OPERATIONS, Kind::Open, Json("HealthReply"), "Whether the process answers"),
        row("/ready", "ready", OPERATIONS, Kind::Open, Json("ReadyReply"), "Whether requests should be sent here; 503 while they should not"),
        row("/metrics", "metrics", OPERATIONS, Kind::Open, Text("application/openmetrics-text; version=1.0.0; charset=utf-8"), "Counters for Prometheus"),
        row("/openapi.json", "openapi", OPERATIONS, Kind::Open, JsonObject, "This document"),
    ]
}

impl Endpoint {
    pub(super) fn item(&self, facts: &Facts) -> PathItem {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.tag)
            .summary(Some(self.summary));
        if self.path.ends_with("{id}") {
            operation = operation.parameter(model_id(facts));
        }
        let (method, headers, errors): (_, _, &[u16]) = match self.kind {
            Kind::Open => (HttpMethod::Get, Headers::Common, &[500]),
            Kind::Guarded if self.path.ends_with("{id}") => {
                (HttpMethod::Get, Headers::Rated, &[401, 404, 429, 500])
            }
            Kind::Guarded => (HttpMethod::Get, Headers::Rated, &[401, 429, 500]),
            Kind::Post { schema, examples } => {
                let model = facts.models.first().map_or("mini", String::as_str);
                let examples = examples(model).into_iter().map(|example| {
                    let Example { name, summary, body } = example;
                    (name, ExampleBuilder::new().summary(summary).value(Some(body)).build())
                });
                let content = ContentBuilder::new()
                    .schema(Some(Ref::from_schema_name(schema)))
                    .examples_from_iter(examples)
                    .build();
                let body = RequestBodyBuilder::new()
                    .required(Some(Required::True))
                    .content("application/json", content);
                operation = operation.request_body(Some(body.build())).parameter(prefer());
                (HttpMethod::Post, Headers::Computed, COMPUTING)
            }
        };
        operation = operation.response("200", replies::good(self.reply, headers));
        for &status in errors {
            // A path that is cut short, and a body that never ends, are answered before or beside the limiter.
            let headers = match (status, headers) {
                (400 | 408 | 413 | 415 | 422 | 429, Headers::Rated | Headers::Computed) => {
                    Headers::Rated
                }
                _ => Headers::Common,
            };
            operation = operation.response(status.to_string(), replies::error(status, headers));
        }
        if self.path == "/ready" {
            let body = replies::good(Body::Json("ReadyReply"), Headers::Common);
            operation = operation.response("503", body);
        }
        let keys = match self.kind {
            Kind::Open => Vec::new(),
            Kind::Guarded | Kind::Post { .. } => security(facts.access),
        };
        PathItem::new(method, operation.securities(Some(keys)))
    }
}

/// A model of the path. Ids may hold `/`, as it is or as `%2F`.
fn model_id(facts: &Facts) -> utoipa::openapi::path::Parameter {
    let names = facts.models.iter().cloned().map(Value::String);
    let schema = ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .enum_values(Some(names.collect::<Vec<_>>()));
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The id of a served model or an alias; a `/` in it may stand as it is."))
        .schema(Some(schema.build()))
        .build()
}

/// The header with which a client waits for a model.
fn prefer() -> utoipa::openapi::path::Parameter {
    let description = "`wait=N` waits at most N seconds for a model that is being loaded, 110 at most; other preferences are passed over.";
    let schema = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    ParameterBuilder::new()
        .name("Prefer")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema.build()))
        .build()
}
