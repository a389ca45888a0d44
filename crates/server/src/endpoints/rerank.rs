//! `POST /v1/rerank`, `/v2/rerank`, `/rerank`: Jina's and Cohere's.

use serde::Serialize;
use serde_json::Value;

use super::score::{relevance, scoring_for};
use super::{times, usage};
use crate::call::{Answer, Call, Reply};
use crate::classification::Usage;
use crate::error::ApiError;
use crate::fields::missing;
use crate::input::Inputs;
use crate::work;

/// Documents, the most relevant first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RerankReply {
    /// Made for this call.
    id: String,
    model: String,
    system_fingerprint: String,
    results: Vec<Ranked>,
    usage: Usage,
    meta: Meta,
}

/// A document's place and score.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Ranked {
    /// Its place among the documents of the request.
    index: usize,
    /// Between a picture and a text the sigmoid probability, else (1 + cosine) / 2.
    relevance_score: f32,
    /// The document itself, when `return_documents` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    document: Option<Value>,
}

/// As Cohere's clients expect it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Meta {
    api_version: Version,
    billed_units: BilledUnits,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Version {
    version: &'static str,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct BilledUnits {
    search_units: u32,
}

pub(crate) async fn rerank(mut call: Call) -> Answer {
    let limit = call.app.limits.inputs;
    let Some(query) = call.fields.take("query") else {
        return Err(missing("query", "a text or an image"));
    };
    let query = Inputs::of(query, "query", limit)?;
    if query.parts.len() != 1 {
        let message = format!("query has {} parts; give one text or one image", query.parts.len());
        return Err(ApiError::invalid("invalid_value", message).at("query"));
    }
    let Some(documents) = call.fields.list("documents")? else {
        return Err(missing("documents", "a list of texts or images"));
    };
    let top = call.fields.whole("top_n", 1..=usize::MAX)?.unwrap_or(usize::MAX);
    let return_documents = call.fields.flag("return_documents")?.unwrap_or(false);
    call.fields.pass_over(&["user", "max_tokens_per_doc", "max_chunks_per_doc", "rank_fields"]);
    let originals = if return_documents { documents.clone() } else { Vec::new() };
    let documents = Inputs::list(documents, "documents", limit)?;
    let model = call.model().await?;
    let items = documents.parts.iter().map(|part| part.item).collect::<Vec<_>>();
    let mut parts = query.parts;
    parts.extend(documents.parts);
    let rows = work::embed_all(&call, &model, parts).await?;
    let scoring = scoring_for(&model, &rows)?;
    let (query, documents) = rows.split_first().expect("the query has a row");
    // A document of several parts is as relevant as its best part.
    let mut best = vec![f32::NEG_INFINITY; items.last().map_or(0, |last| last + 1)];
    for (&item, document) in items.iter().zip(documents) {
        best[item] = best[item].max(relevance(scoring, query, document));
    }
    let mut results = best.into_iter().enumerate().map(|(index, relevance_score)| Ranked {
        index,
        relevance_score,
        document: originals.get(index).cloned().map(as_object),
    });
    let mut results = results.by_ref().collect::<Vec<_>>();
    results.sort_by(|a, b| b.relevance_score.total_cmp(&a.relevance_score));
    results.truncate(top);
    let reply = RerankReply {
        id: uuid::Uuid::now_v7().to_string(),
        model: model.description.id.clone(),
        system_fingerprint: model.description.fingerprint.clone(),
        results,
        usage: usage(&call, &rows),
        meta: Meta {
            api_version: Version { version: "2" },
            billed_units: BilledUnits { search_units: 1 },
        },
    };
    Ok(Reply::new(&reply).ignoring(call.fields).timed(times(&rows)))
}

/// A text comes back as `{"text"}`, as Jina and Cohere do it.
fn as_object(document: Value) -> Value {
    match document {
        Value::String(text) => serde_json::json!({ "text": text }),
        other => other,
    }
}
