//! `POST /v1/score`: pairs, as vLLM has it.

use model::Scoring;
use serde::Serialize;

use super::{likeness, times, usage};
use crate::call::{Answer, Call, Reply};
use crate::classification::Usage;
use crate::error::ApiError;
use crate::fields::{Fields, missing};
use crate::input::Inputs;
use crate::work::{self, Embedded, Kind};

/// A list of scores.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ScoreReply {
    /// `list`.
    object: &'static str,
    model: String,
    system_fingerprint: String,
    data: Vec<Pair>,
    usage: Usage,
}

/// The score of a pair.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Pair {
    /// `score`.
    object: &'static str,
    index: usize,
    /// Between a picture and a text the sigmoid probability, else (1 + cosine) / 2.
    score: f32,
}

/// How alike two parts are: the probability across the towers, (1 + cosine) / 2 within one.
pub(super) fn relevance(scoring: Option<Scoring>, a: &Embedded, b: &Embedded) -> f32 {
    match (scoring, a.kind, b.kind) {
        (Some(scoring), Kind::Image, Kind::Text) => scoring.score(&a.row, &b.row).probability,
        (Some(scoring), Kind::Text, Kind::Image) => scoring.score(&b.row, &a.row).probability,
        _ => likeness(&a.row, &b.row),
    }
}

/// What [`relevance`] needs: nothing when all parts are of one kind.
pub(super) fn scoring_for(
    model: &crate::loaded::LoadedModel,
    rows: &[Embedded],
) -> Result<Option<Scoring>, ApiError> {
    let mixed = rows.windows(2).any(|pair| pair[0].kind != pair[1].kind);
    if mixed { model.scoring().map(Some) } else { Ok(None) }
}

pub(crate) async fn score(mut call: Call) -> Answer {
    let limit = call.app.limits.inputs;
    let mut queries = side(&mut call.fields, ["queries", "text_1", "data_1"], limit)?;
    let mut documents = side(&mut call.fields, ["documents", "text_2", "data_2"], limit)?;
    call.fields.pass_over(&["user", "encoding_format"]);
    let (left, right) = (queries.parts.len(), documents.parts.len());
    if left != 1 && left != right {
        let message = format!(
            "{left} queries and {right} documents; give one query, or as many as documents"
        );
        return Err(ApiError::invalid("invalid_value", message).at("queries"));
    }
    queries.parts.append(&mut documents.parts);
    let model = call.model().await?;
    let rows = work::embed_all(&call, &model, queries.parts).await?;
    let scoring = scoring_for(&model, &rows)?;
    let (queries, documents) = rows.split_at(left);
    let data = documents.iter().enumerate().map(|(index, document)| {
        let query = &queries[if left == 1 { 0 } else { index }];
        Pair { object: "score", index, score: relevance(scoring, query, document) }
    });
    let reply = ScoreReply {
        object: "list",
        model: model.description.id.clone(),
        system_fingerprint: model.description.fingerprint.clone(),
        data: data.collect(),
        usage: usage(&call, &rows),
    };
    Ok(Reply::new(&reply).ignoring(call.fields).timed(times(&rows)))
}

/// One side of the pairs, under any of its names.
fn side(fields: &mut Fields, names: [&str; 3], limit: usize) -> Result<Inputs, ApiError> {
    for name in names {
        if let Some(value) = fields.take(name) {
            return Inputs::of(value, &fields.place(name), limit);
        }
    }
    Err(missing(&fields.place(names[0]), "a text, an image, or a list of them"))
}
