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
use super::{Access, Facts, security};
use crate::bill::LONGEST_IDEMPOTENCY_KEY;

/// A heading of the documentation.
pub(super) struct Tag {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
}

const VECTORS: &str = "Vectors";
const CLASSES: &str = "Classes";
const RANKING: &str = "Ranking";
const MODELS: &str = "Models";
const LABEL_SETS: &str = "Label sets";
const FILES: &str = "Files";
const VECTOR_STORES: &str = "Vector stores";
const BATCHES: &str = "Batches";
const ACCOUNTS: &str = "Accounts";
const OPERATIONS: &str = "Operations";

pub(super) const TAGS: &[Tag] = &[
    Tag { name: VECTORS, description: "Texts and images as vectors of length 1." },
    Tag { name: CLASSES, description: "Images against candidate labels." },
    Tag { name: RANKING, description: "How well texts and images belong together." },
    Tag { name: MODELS, description: "What is served." },
    Tag { name: LABEL_SETS, description: "Labels that are kept, in versions that never change." },
    Tag {
        name: FILES,
        description: "What was uploaded, and can be named by its id where a picture can.",
    },
    Tag { name: VECTOR_STORES, description: "Files whose vectors are kept and searched." },
    Tag { name: BATCHES, description: "Many requests in one file, answered when there is time." },
    Tag { name: ACCOUNTS, description: "Keys, credit and usage, on a server with accounts." },
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
    /// A key and a JSON body of this schema; nothing is computed.
    Change { method: Method, schema: &'static str, examples: fn(&str) -> Vec<Example> },
    /// A key and no body.
    Act,
    /// A key.
    Delete,
    /// A key and a form of this schema.
    Upload { schema: &'static str },
    /// A JSON body of this schema and no key.
    Stranger { schema: &'static str },
}

/// How something is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Post,
    Patch,
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

/// What a change may be instead.
const CHANGING: &[u16] = &[400, 401, 403, 404, 408, 413, 415, 429, 500, 503];

/// What a sign-up may be instead.
const STRANGE: &[u16] = &[400, 403, 408, 413, 415, 429, 500, 503];

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
        row("/v1/label_sets", "label_sets", LABEL_SETS, Kind::Guarded, Json("LabelSetsReply"), "The caller's label sets in their newest versions; `limit`, `order` and `after` behind a `?`"),
        row("/v1/label_sets", "create_label_set", LABEL_SETS, post("LabelSetRequest", examples::label_set), Json("LabelSetReply"), "A new label set, or the next version of one"),
        row("/v1/label_sets/{id}", "label_set", LABEL_SETS, Kind::Guarded, Json("LabelSetReply"), "A version: `ls_x` is the newest, `ls_x@3` the third, `ls_x@production` the one of this name"),
        row("/v1/label_sets/{id}", "change_label_set", LABEL_SETS, Kind::Change { method: Method::Post, schema: "LabelSetChange", examples: examples::label_set_change }, Json("LabelSetReply"), "Moves the names of versions"),
        row("/v1/label_sets/{id}", "delete_label_set", LABEL_SETS, Kind::Delete, Json("DeletedLabelSetReply"), "Deletes a label set with all its versions"),
        row("/v1/label_sets/{id}/versions", "label_set_versions", LABEL_SETS, Kind::Guarded, Json("LabelSetsReply"), "All versions, the newest first"),
        row("/v1/label_sets/{id}/doctor", "label_set_doctor", LABEL_SETS, Kind::Guarded, Json("Diagnosis"), "What is probably wrong with a version; `model` and `cosine` behind a `?`"),
        row("/v1/files", "files", FILES, Kind::Guarded, Json("FilesReply"), "The caller's files; `purpose`, `limit`, `order` and `after` behind a `?`"),
        row("/v1/files", "create_file", FILES, Kind::Upload { schema: "FileRequest" }, Json("FileObject"), "Uploads a file"),
        row("/v1/files/{id}", "file", FILES, Kind::Guarded, Json("FileObject"), "One of the caller's files"),
        row("/v1/files/{id}", "delete_file", FILES, Kind::Delete, Json("FileDeleted"), "Deletes a file"),
        row("/v1/files/{id}/content", "file_content", FILES, Kind::Guarded, Body::Bytes, "The bytes of a file"),
        row("/v1/vector_stores", "vector_stores", VECTOR_STORES, Kind::Guarded, Json("VectorStoresReply"), "The caller's vector stores; `limit`, `order`, `after` and `before` behind a `?`"),
        row("/v1/vector_stores", "create_vector_store", VECTOR_STORES, post("VectorStoreRequest", examples::vector_store), Json("VectorStoreReply"), "A new vector store, bound to a model"),
        row("/v1/vector_stores/{id}", "vector_store", VECTOR_STORES, Kind::Guarded, Json("VectorStoreReply"), "One of the caller's vector stores"),
        row("/v1/vector_stores/{id}", "change_vector_store", VECTOR_STORES, Kind::Change { method: Method::Post, schema: "VectorStoreChange", examples: examples::vector_store_change }, Json("VectorStoreReply"), "Changes its name, metadata or end"),
        row("/v1/vector_stores/{id}", "delete_vector_store", VECTOR_STORES, Kind::Delete, Json("DeletedVectorStoreReply"), "Deletes a vector store; its files stay"),
        row("/v1/vector_stores/{id}/search", "search_vector_store", VECTOR_STORES, post("VectorStoreSearch", examples::vector_store_search), Json("SearchReply"), "The files that fit a text or a picture best"),
        row("/v1/vector_stores/{id}/classify", "classify_vector_store", VECTOR_STORES, post("VectorStoreClassify", examples::vector_store_classify), Json("ClassifiedReply"), "New labels, or a label set, over the pictures of a store; free"),
        row("/v1/vector_stores/{id}/duplicates", "vector_store_duplicates", VECTOR_STORES, post("VectorStoreDuplicates", examples::vector_store_duplicates), Json("DuplicatesReply"), "Pictures of a store that are nearly the same; free"),
        row("/v1/vector_stores/{id}/reindex", "reindex_vector_store", VECTOR_STORES, post("VectorStoreReindex", |_| Vec::new()), Json("VectorStoreReply"), "Moves a store to another model while the one before answers"),
        row("/v1/vector_stores/{id}/files", "vector_store_files", VECTOR_STORES, Kind::Guarded, Json("StoreFilesReply"), "The files of a store; `filter` by status, `limit`, `order`, `after` and `before` behind a `?`"),
        row("/v1/vector_stores/{id}/files", "add_vector_store_file", VECTOR_STORES, post("VectorStoreFileRequest", |_| Vec::new()), Json("StoreFileReply"), "Adds a file, which is embedded in the background"),
        row("/v1/vector_stores/{id}/files/{file_id}", "vector_store_file", VECTOR_STORES, Kind::Guarded, Json("StoreFileReply"), "How far a file is"),
        row("/v1/vector_stores/{id}/files/{file_id}", "change_vector_store_file", VECTOR_STORES, Kind::Change { method: Method::Post, schema: "VectorStoreFileChange", examples: |_| Vec::new() }, Json("StoreFileReply"), "Gives a file other attributes"),
        row("/v1/vector_stores/{id}/files/{file_id}", "delete_vector_store_file", VECTOR_STORES, Kind::Delete, Json("DeletedStoreFileReply"), "Takes a file out of a store; the file stays"),
        row("/v1/vector_stores/{id}/files/{file_id}/content", "vector_store_file_content", VECTOR_STORES, Kind::Guarded, Json("StoreFileContentReply"), "What of a text file the model reads"),
        row("/v1/vector_stores/{id}/file_batches", "create_vector_store_batch", VECTOR_STORES, post("VectorStoreBatchRequest", |_| Vec::new()), Json("FileBatchReply"), "Adds files together"),
        row("/v1/vector_stores/{id}/file_batches/{batch_id}", "vector_store_batch", VECTOR_STORES, Kind::Guarded, Json("FileBatchReply"), "How far files are that were added together"),
        row("/v1/vector_stores/{id}/file_batches/{batch_id}/cancel", "cancel_vector_store_batch", VECTOR_STORES, Kind::Act, Json("FileBatchReply"), "Takes back those that wait"),
        row("/v1/vector_stores/{id}/file_batches/{batch_id}/files", "vector_store_batch_files", VECTOR_STORES, Kind::Guarded, Json("StoreFilesReply"), "The files of a batch"),
        row("/v1/batches", "batches", BATCHES, Kind::Guarded, Json("BatchesReply"), "The caller's batches, the newest first; `limit` and `after` behind a `?`"),
        row("/v1/batches", "create_batch", BATCHES, Kind::Change { method: Method::Post, schema: "BatchRequest", examples: |_| Vec::new() }, Json("BatchObject"), "A new batch of an uploaded file"),
        row("/v1/batches/{id}", "batch", BATCHES, Kind::Guarded, Json("BatchObject"), "One of the caller's batches"),
        row("/v1/batches/{id}/cancel", "cancel_batch", BATCHES, Kind::Act, Json("BatchObject"), "Tells a batch to stop; what was answered is kept"),
        row("/health", "health", OPERATIONS, Kind::Open, Json("HealthReply"), "Whether the process answers"),
        row("/ready", "ready", OPERATIONS, Kind::Open, Json("ReadyReply"), "Whether requests should be sent here; 503 while they should not"),
        row("/metrics", "metrics", OPERATIONS, Kind::Open, Text("application/openmetrics-text; version=1.0.0; charset=utf-8"), "Counters for Prometheus"),
        row("/openapi.json", "openapi", OPERATIONS, Kind::Open, JsonObject, "This document"),
    ]
}

/// What there is beside them on a server with accounts.
#[rustfmt::skip]
pub(super) fn of_accounts() -> Vec<Endpoint> {
    use Body::Json;
    let change = |method, schema| Kind::Change { method, schema, examples: |_| Vec::new() };
    vec![
        row("/v1/key", "key", ACCOUNTS, Kind::Guarded, Json("KeyReply"), "The key that asks"),
        row("/v1/credits", "credits", ACCOUNTS, Kind::Guarded, Json("CreditsReply"), "What the account has"),
        row("/v1/usage", "usage", ACCOUNTS, Kind::Guarded, Json("UsageReply"), "What was used, by day, key and model; `from`, `to` and `format=csv` behind a `?`"),
        row("/v1/keys", "keys", ACCOUNTS, Kind::Guarded, Json("KeysReply"), "The account's keys"),
        row("/v1/keys", "create_key", ACCOUNTS, change(Method::Post, "KeyRequest"), Json("KeyReply"), "A new key, shown once"),
        row("/v1/keys/{id}", "one_key", ACCOUNTS, Kind::Guarded, Json("KeyReply"), "One of the account's keys"),
        row("/v1/keys/{id}", "change_key", ACCOUNTS, change(Method::Patch, "KeyChange"), Json("KeyReply"), "Changes a key; `null` takes a limit off"),
        row("/v1/keys/{id}", "delete_key", ACCOUNTS, Kind::Delete, Json("DeletedReply"), "Ends a key for good"),
        row("/v1/accounts", "sign_up", ACCOUNTS, Kind::Stranger { schema: "SignUpRequest" }, Json("SentReply"), "Sends a link to an e-mail address, where the operator allows it"),
        row("/v1/accounts/confirm", "confirm", ACCOUNTS, Kind::Stranger { schema: "ConfirmRequest" }, Json("OpenedReply"), "Turns a link into a key"),
    ]
}

impl Endpoint {
    /// The status of a good answer.
    fn status(&self) -> &'static str {
        match self.id {
            "create_key" => "201",
            "sign_up" => "202",
            _ => "200",
        }
    }

    pub(super) fn item(&self, facts: &Facts) -> PathItem {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.tag)
            .summary(Some(self.summary));
        if self.path == "/v1/keys/{id}" {
            operation = operation.parameter(id_of("The id of one of the account's keys."));
        } else if self.tag == LABEL_SETS && self.path.contains("{id}") {
            operation = operation.parameter(id_of("The id of one of the caller's label sets."));
        } else if self.path.starts_with("/v1/files/{id}") {
            operation = operation.parameter(id_of("The id of one of the caller's files."));
        } else if self.tag == VECTOR_STORES {
            for (name, what) in [
                ("id", "The id of one of the caller's vector stores."),
                ("file_id", "The id of a file of the store."),
                ("batch_id", "The id of a batch of the store."),
            ] {
                if self.path.contains(&format!("{{{name}}}")) {
                    operation = operation.parameter(named_id(name, what));
                }
            }
        } else if self.path.starts_with("/v1/batches/{id}") {
            operation = operation.parameter(id_of("The id of one of the caller's batches."));
        } else if self.path.ends_with("{id}") {
            operation = operation.parameter(model_id(facts));
        }
        let (method, headers, errors): (_, _, &[u16]) = match self.kind {
            Kind::Open => (HttpMethod::Get, Headers::Common, &[500]),
            Kind::Guarded if matches!(self.tag, FILES | LABEL_SETS | VECTOR_STORES | BATCHES) => {
                (HttpMethod::Get, Headers::Rated, &[400, 401, 403, 404, 429, 500, 503])
            }
            Kind::Upload { schema } => {
                let content =
                    ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
                let body = RequestBodyBuilder::new().required(Some(Required::True));
                let body = body.content("multipart/form-data", content).build();
                operation = operation.request_body(Some(body));
                (HttpMethod::Post, Headers::Rated, CHANGING)
            }
            Kind::Guarded if self.path.ends_with("{id}") => {
                (HttpMethod::Get, Headers::Rated, &[401, 404, 429, 500])
            }
            Kind::Guarded if self.tag == ACCOUNTS => {
                (HttpMethod::Get, Headers::Rated, &[400, 401, 403, 404, 429, 500, 503])
            }
            Kind::Guarded => (HttpMethod::Get, Headers::Rated, &[401, 429, 500]),
            Kind::Act => (HttpMethod::Post, Headers::Rated, &[400, 401, 403, 404, 429, 500, 503]),
            Kind::Delete => (HttpMethod::Delete, Headers::Rated, &[401, 403, 404, 429, 500, 503]),
            Kind::Change { method, schema, examples } => {
                operation = operation.request_body(Some(body_with(schema, examples(""))));
                let method = match method {
                    Method::Post => HttpMethod::Post,
                    Method::Patch => HttpMethod::Patch,
                };
                (method, Headers::Rated, CHANGING)
            }
            Kind::Stranger { schema } => {
                operation = operation.request_body(Some(body(schema)));
                (HttpMethod::Post, Headers::Common, STRANGE)
            }
            Kind::Post { schema, examples } => {
                let model = facts.models.first().map_or("mini", String::as_str);
                let body = body_with(schema, examples(model));
                operation = operation.request_body(Some(body)).parameter(prefer());
                if facts.access == Access::Accounts {
                    operation = operation.parameter(tier()).parameter(idempotency_key());
                    (HttpMethod::Post, Headers::Paid, COMPUTING)
                } else {
                    (HttpMethod::Post, Headers::Computed, COMPUTING)
                }
            }
        };
        operation = operation.response(self.status(), replies::good(self.reply, headers));
        // What a call is answered that cannot be paid.
        let unpaid: &[u16] = if headers == Headers::Paid { &[402, 403, 409] } else { &[] };
        // Without accounts whoever may call may do everything.
        let is_met = |status: &&u16| **status != 403 || facts.access == Access::Accounts;
        for &status in errors.iter().chain(unpaid).filter(is_met) {
            // A path that is cut short, and a body that never ends, are answered before or beside the limiter.
            let headers = match (status, headers) {
                (400 | 408 | 413 | 415 | 422 | 429, rated) if rated != Headers::Common => {
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
            Kind::Open | Kind::Stranger { .. } => Vec::new(),
            Kind::Guarded
            | Kind::Post { .. }
            | Kind::Change { .. }
            | Kind::Upload { .. }
            | Kind::Act
            | Kind::Delete => security(facts.access),
        };
        PathItem::new(method, operation.securities(Some(keys)))
    }
}

/// A required body of a schema.
fn body(schema: &'static str) -> utoipa::openapi::request_body::RequestBody {
    body_with(schema, Vec::new())
}

/// The same with examples.
fn body_with(
    schema: &'static str,
    examples: Vec<Example>,
) -> utoipa::openapi::request_body::RequestBody {
    let examples = examples.into_iter().map(|Example { name, summary, body }| {
        (name, ExampleBuilder::new().summary(summary).value(Some(body)).build())
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .examples_from_iter(examples)
        .build();
    let body = RequestBodyBuilder::new().required(Some(Required::True));
    body.content("application/json", content).build()
}

/// An id in the path.
fn id_of(what: &'static str) -> utoipa::openapi::path::Parameter {
    named_id("id", what)
}

/// An id in the path, by its name there.
fn named_id(name: &'static str, what: &'static str) -> utoipa::openapi::path::Parameter {
    let schema = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(what))
        .schema(Some(schema.build()))
        .build()
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
    header("Prefer", description, schema)
}

/// What a call costs, and how long it waits.
fn tier() -> utoipa::openapi::path::Parameter {
    let description = "`batch` is half the price, and waits behind calls of the `standard` tier.";
    let schema = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    header("X-Tier", description, schema.enum_values(Some(["standard", "batch"])))
}

/// A name for a call that may be sent twice.
fn idempotency_key() -> utoipa::openapi::path::Parameter {
    let description =
        "The same call with the same name gets the same answer within a day, and is charged once.";
    let schema = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    let schema = schema.max_length(Some(LONGEST_IDEMPOTENCY_KEY)).pattern(Some("^[!-~]*$"));
    header("Idempotency-Key", description, schema)
}

fn header(
    name: &str,
    description: &str,
    schema: ObjectBuilder,
) -> utoipa::openapi::path::Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema.build()))
        .build()
}
