//! What comes back: schemas of the types that are serialised, headers, and errors.

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::classification::ClassifyReply;
use crate::endpoints::account::keys::{DeletedReply, KeyReply, KeysReply};
use crate::endpoints::account::sign_up::{OpenedReply, SentReply};
use crate::endpoints::account::usage::{CreditsReply, UsageReply};
use crate::endpoints::batches::{BatchObject, BatchesReply};
use crate::endpoints::chat::ChatReply;
use crate::endpoints::embeddings::EmbeddingsReply;
use crate::endpoints::files::{FileDeleted, FileObject, FilesReply};
use crate::endpoints::huggingface::LabelAndScore;
use crate::endpoints::label_sets::{DeletedLabelSetReply, LabelSetReply, LabelSetsReply};
use crate::endpoints::models::{ModelReply, ModelsReply};
use crate::endpoints::moderations::ModerationsReply;
use crate::endpoints::operations::{HealthReply, ReadyReply};
use crate::endpoints::rerank::RerankReply;
use crate::endpoints::score::ScoreReply;
use crate::endpoints::vector_stores::{
    ClassifiedReply, DeletedStoreFileReply, DeletedVectorStoreReply, DuplicatesReply,
    FileBatchReply, SearchReply, StoreFileContentReply, StoreFileReply, StoreFilesReply,
    VectorStoreReply, VectorStoresReply,
};
use crate::error::ErrorReply;
use crate::label_sets::Diagnosis;

/// The schemas of all replies and of what they hold.
pub(super) fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = Vec::new();
    add::<ClassifyReply>(&mut schemas);
    add::<ChatReply>(&mut schemas);
    add::<EmbeddingsReply>(&mut schemas);
    add::<LabelAndScore>(&mut schemas);
    add::<ModelReply>(&mut schemas);
    add::<ModelsReply>(&mut schemas);
    add::<ModerationsReply>(&mut schemas);
    add::<HealthReply>(&mut schemas);
    add::<ReadyReply>(&mut schemas);
    add::<RerankReply>(&mut schemas);
    add::<ScoreReply>(&mut schemas);
    add::<ErrorReply>(&mut schemas);
    add::<LabelSetReply>(&mut schemas);
    add::<LabelSetsReply>(&mut schemas);
    add::<DeletedLabelSetReply>(&mut schemas);
    add::<Diagnosis>(&mut schemas);
    add::<KeyReply>(&mut schemas);
    add::<KeysReply>(&mut schemas);
    add::<DeletedReply>(&mut schemas);
    add::<CreditsReply>(&mut schemas);
    add::<UsageReply>(&mut schemas);
    add::<SentReply>(&mut schemas);
    add::<OpenedReply>(&mut schemas);
    add::<FileObject>(&mut schemas);
    add::<FilesReply>(&mut schemas);
    add::<FileDeleted>(&mut schemas);
    add::<VectorStoreReply>(&mut schemas);
    add::<VectorStoresReply>(&mut schemas);
    add::<DeletedVectorStoreReply>(&mut schemas);
    add::<SearchReply>(&mut schemas);
    add::<ClassifiedReply>(&mut schemas);
    add::<DuplicatesReply>(&mut schemas);
    add::<StoreFileReply>(&mut schemas);
    add::<StoreFilesReply>(&mut schemas);
    add::<DeletedStoreFileReply>(&mut schemas);
    add::<StoreFileContentReply>(&mut schemas);
    add::<FileBatchReply>(&mut schemas);
    add::<BatchObject>(&mut schemas);
    add::<BatchesReply>(&mut schemas);
    schemas
}

fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// What a good answer is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// One JSON object of a schema.
    Json(&'static str),
    /// A JSON list of a schema.
    JsonList(&'static str),
    /// JSON, or a stream of events when the request says so.
    JsonOrEvents(&'static str),
    /// Any JSON object.
    JsonObject,
    /// A text of a type of its own.
    Text(&'static str),
    /// Whatever was uploaded.
    Bytes,
}

/// Which headers an answer has: each has those of the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Headers {
    /// Those of every reply.
    Common,
    /// And what is left of the caller's minute.
    Rated,
    /// And what a computed answer says about itself.
    Computed,
    /// And what it cost.
    Paid,
}

const COMMON: [&str; 2] = ["x-request-id", "openai-processing-ms"];
const RATED: [&str; 6] = [
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-limit-images",
    "x-ratelimit-remaining-images",
    "x-ratelimit-reset-images",
];
const COMPUTED: [&str; 3] = ["x-ignored-params", "warning", "server-timing"];
const PAID: [&str; 2] = ["x-cost-usd", "x-balance-usd"];

/// A good answer.
pub(super) fn good(body: Body, headers: Headers) -> Response {
    let text = || ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    let object = || ObjectBuilder::new().schema_type(SchemaType::new(Type::Object));
    let of = |name| ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build();
    let response = ResponseBuilder::new().description("The answer.");
    let response = match body {
        Body::Json(name) => response.content("application/json", of(name)),
        Body::JsonList(name) => {
            let list = utoipa::openapi::schema::ArrayBuilder::new()
                .items(RefOr::Ref(Ref::from_schema_name(name)));
            let content = ContentBuilder::new().schema(Some(list.build())).build();
            response.content("application/json", content)
        }
        Body::JsonOrEvents(name) => {
            let description = "With `stream: true` a stream of such events: chunks of a chat completion as JSON (role, content, finish, the usage when asked for), and at last `[DONE]`.";
            let event = object().property("data", text()).required("data");
            let event = event.description(Some(description)).build();
            let events = ContentBuilder::new().schema(Some(event)).build();
            response.content("application/json", of(name)).content("text/event-stream", events)
        }
        Body::JsonObject => {
            let content = ContentBuilder::new().schema(Some(object().build())).build();
            response.content("application/json", content)
        }
        Body::Bytes => {
            let content = ContentBuilder::new().schema(Some(text().build())).build();
            response.content("*/*", content)
        }
        Body::Text(kind) => {
            let content = ContentBuilder::new().schema(Some(text().build())).build();
            response.content(kind, content)
        }
    };
    with_headers(response, headers).build()
}

/// The error of a status.
pub(super) fn error(status: u16, headers: Headers) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("ErrorReply")))
        .example(Some(example(status)))
        .build();
    let response =
        ResponseBuilder::new().description(meaning(status)).content("application/json", content);
    let mut response = with_headers(response, headers);
    let own: &[&str] = match status {
        401 => &["www-authenticate"],
        409 | 429 | 503 => &["retry-after"],
        402 | 500 => &["x-should-retry"],
        _ => &[],
    };
    for name in own {
        response = response.header_ref(*name, header_reference(name));
    }
    response.build()
}

fn with_headers(mut response: ResponseBuilder, headers: Headers) -> ResponseBuilder {
    let all: [(Headers, &[&str]); 4] = [
        (Headers::Common, &COMMON),
        (Headers::Rated, &RATED),
        (Headers::Computed, &COMPUTED),
        (Headers::Paid, &PAID),
    ];
    for name in all.iter().filter(|(since, _)| headers >= *since).flat_map(|(_, names)| *names) {
        response = response.header_ref(*name, header_reference(name));
    }
    response
}

fn header_reference(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// All headers. Those that every such answer has are required.
pub(super) fn headers() -> Value {
    let header =
        |description: &str, schema: Value| json!({ "description": description, "schema": schema });
    let always = |description: &str, schema: Value| json!({ "description": description, "required": true, "schema": schema });
    let count = || json!({ "type": "integer", "minimum": 0 });
    let dollars = || json!({ "type": "string", "pattern": r"^-?\d+\.\d{2,6}$" });
    let span = || json!({ "type": "string", "pattern": r"^\d+\.\d{3}s$" });
    json!({
        "x-request-id": always("Name it when you report a problem.", json!({ "type": "string", "pattern": "^req_[0-9a-f]{32}$" })),
        "openai-processing-ms": always("Milliseconds from the request's head to the answer.", count()),
        "x-ratelimit-limit-requests": always("Requests that the key has in a minute.", count()),
        "x-ratelimit-remaining-requests": always("Requests that are left.", count()),
        "x-ratelimit-reset-requests": always("The time until all of them are there again.", span()),
        "x-ratelimit-limit-images": always("Pictures that the key has in a minute.", count()),
        "x-ratelimit-remaining-images": always("Pictures that are left.", count()),
        "x-ratelimit-reset-images": always("The time until all of them are there again.", span()),
        "x-ignored-params": header("Fields of the request that were not understood.", json!({ "type": "string" })),
        "warning": header("What the answer does not do as one might expect, RFC 7234 code 299.", json!({ "type": "string" })),
        "server-timing": header("Milliseconds of decoding, waiting and computing.", json!({ "type": "string" })),
        "x-cost-usd": always("What the call cost, in dollars.", dollars()),
        "x-balance-usd": header("What the account has left, in dollars.", dollars()),
        "retry-after": always("Seconds after which another try may succeed.", json!({ "type": "integer", "minimum": 1, "maximum": 120 })),
        "x-should-retry": header("`false` when another try cannot succeed.", json!({ "enum": ["true", "false"] })),
        "www-authenticate": always("How to show a key.", json!({ "const": "Bearer" })),
    })
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is malformed; `param` names the field.",
        402 => "The credit, or what the key may spend, is short.",
        403 => "The key may not do this.",
        409 => "A call with this `Idempotency-Key` is being worked on.",
        401 => "No key, or one that is not known.",
        404 => "The model, or something that the request refers to, is not known.",
        408 => "The body stopped coming.",
        413 => "The body or an image is too large.",
        415 => {
            "An input is no image of a format that is read, or the body is declared as something else than JSON."
        }
        422 => "An image cannot be decoded, or could not be downloaded.",
        429 => "The key's minute is used up, or too much is waiting already.",
        500 => "A fault of the server.",
        503 => {
            "The model is being loaded, or the answer took too long. `Prefer: wait=N` waits for the model."
        }
        _ => "An error.",
    }
}

/// An envelope as it may come.
fn example(status: u16) -> Value {
    let (kind, param, code, message) = match status {
        400 => (
            "invalid_request_error",
            Some("input"),
            "missing_field",
            "input is missing; give a text, an image, or a list of them",
        ),
        401 => ("authentication_error", None, "invalid_api_key", "the API key is not known"),
        402 => (
            "billing_error",
            None,
            "insufficient_credit",
            "the call needs $0.000094, and the account has $0.00 left",
        ),
        403 => (
            "permission_error",
            Some("model"),
            "model_not_allowed",
            "the key may not use the model large",
        ),
        409 => (
            "invalid_request_error",
            None,
            "idempotency_key_in_use",
            "a call with this Idempotency-Key is being worked on",
        ),
        404 => (
            "invalid_request_error",
            Some("model"),
            "model_not_found",
            "the model \"large\" is not served here; there are: mini",
        ),
        408 => {
            ("invalid_request_error", None, "request_timeout", "the body did not arrive in time")
        }
        413 => (
            "invalid_request_error",
            None,
            "body_too_large",
            "the body is larger than the limit of 67108864 bytes",
        ),
        415 => (
            "invalid_request_error",
            Some("input[0].image"),
            "image_unsupported",
            "not an image of a known format",
        ),
        422 => (
            "invalid_request_error",
            Some("input[0].image"),
            "image_undecodable",
            "the image ends too early",
        ),
        429 => (
            "rate_limit_error",
            None,
            "queue_full",
            "too many images are waiting already; try again",
        ),
        500 => (
            "server_error",
            None,
            "internal_error",
            "the server failed on this request; this is a bug of polysight, please report it",
        ),
        _ => (
            "server_error",
            None,
            "model_loading",
            "the model mini is being loaded; try again, or send Prefer: wait=N",
        ),
    };
    json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
}
