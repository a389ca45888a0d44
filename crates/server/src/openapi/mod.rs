//! `GET /openapi.json`: what this server takes and gives, as `OpenAPI` 3.1.
//!
//! Replies are described by the types that are serialised. Requests are read field by field, so their schemas stand in
//! `requests`, as exact as JSON Schema can say it: whatever a schema allows is answered, whatever it forbids is 400.
//! The document speaks of this very server: its limits, its models, whether it wants a key.

mod endpoints;
mod examples;
mod replies;
mod requests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApiBuilder, PathsBuilder};
use weights::Tower;

use crate::app::App;
use crate::registry;
use crate::settings::Limits;

/// What the operator decided and the document repeats.
pub(crate) struct Facts {
    pub(crate) limits: Limits,
    /// Ids, then aliases.
    pub(crate) models: Vec<String>,
    /// Numbers of the longest embedding, while all models are loaded.
    pub(crate) dimensions: Option<usize>,
    pub(crate) access: Access,
}

/// Whether callers need a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Open,
    Keys,
    /// Keys of accounts, which have endpoints of their own.
    Accounts,
}

impl Facts {
    fn of(app: &App) -> Self {
        let entries = app.registry.entries();
        let ids = entries.iter().map(|entry| entry.spec.id.clone());
        let aliases = entries.iter().flat_map(|entry| entry.spec.aliases.iter().cloned());
        let dimensions = entries.iter().map(|entry| match entry.state() {
            registry::State::Ready(model) => {
                let dimension = |tower| model.backend.dimension(tower);
                dimension(Tower::Vision).max(dimension(Tower::Text))
            }
            _ => None,
        });
        let dimensions = dimensions.collect::<Option<Vec<_>>>();
        Self {
            limits: app.limits.clone(),
            models: ids.chain(aliases).collect(),
            dimensions: dimensions.and_then(|dimensions| dimensions.into_iter().max()),
            access: match &app.accounts {
                Some(_) => Access::Accounts,
                None if app.keys.is_open() => Access::Open,
                None => Access::Keys,
            },
        }
    }
}

pub(crate) async fn document(State(app): State<Arc<App>>) -> Json<Value> {
    Json(describe(&Facts::of(&app)))
}

const DESCRIPTION: &str = "\
SigLIP over HTTP in the dialects of OpenAI, Jina, Cohere, vLLM and Hugging Face: a client of any of them works after its \
base URL and its key are changed.\n\n\
In every optional field `null` is the same as no field. Unknown fields are passed over and named in `x-ignored-params`. \
A known path with a method that it does not take is 405, an unknown path 404, both in the envelope of all errors.";

const DESCRIPTION_OF_ACCOUNTS: &str = "\n\n\
Calls that compute are paid by the account of the key. With `dry_run: true` in its body such a call is not made: the answer is \
an object `quote` with the most that it would cost, in `cost` (millionths of a dollar) and `cost_usd`.";

/// The whole document.
pub(crate) fn describe(facts: &Facts) -> Value {
    let mut paths = PathsBuilder::new();
    let mut all = endpoints::all();
    if facts.access == Access::Accounts {
        all.extend(endpoints::of_accounts());
    }
    for endpoint in all {
        paths = paths.path(endpoint.path, endpoint.item(facts));
    }
    let paid = if facts.access == Access::Accounts { DESCRIPTION_OF_ACCOUNTS } else { "" };
    let description = format!("{DESCRIPTION}{paid}");
    let info = InfoBuilder::new()
        .title("polysight")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .license(Some(utoipa::openapi::License::new("Apache-2.0")));
    let components = ComponentsBuilder::new()
        .schemas_from_iter(replies::schemas())
        .security_scheme("bearer", bearer())
        .security_scheme("x-api-key", header_key());
    let tags = endpoints::TAGS
        .iter()
        .map(|tag| TagBuilder::new().name(tag.name).description(Some(tag.description)).build());
    let document = OpenApiBuilder::new()
        .info(info.build())
        .paths(paths.build())
        .components(Some(components.build()))
        .tags(Some(tags.collect::<Vec<_>>()))
        .build();
    let mut document = serde_json::to_value(document).expect("the document has text keys alone");
    for (name, schema) in requests::schemas(facts) {
        document["components"]["schemas"][name] = schema;
    }
    document["components"]["headers"] = replies::headers();
    document
}

/// Either key will do.
fn security(access: Access) -> Vec<SecurityRequirement> {
    match access {
        Access::Open => Vec::new(),
        Access::Keys | Access::Accounts => ["bearer", "x-api-key"]
            .map(|scheme| SecurityRequirement::new(scheme, [] as [&str; 0]))
            .to_vec(),
    }
}

fn bearer() -> SecurityScheme {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The key as OpenAI's clients send it: `Authorization: Bearer KEY`."));
    SecurityScheme::Http(scheme.build())
}

fn header_key() -> SecurityScheme {
    let description =
        "The key in a header of its own, for clients that need `Authorization` for a proxy.";
    SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("x-api-key", description)))
}
