//! `POST /v1/embeddings`: OpenAI's, with pictures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Embeddings;
use serde::Serialize;

use super::{OnError, times, usage};
use crate::call::{Answer, Call, Reply};
use crate::classification::Usage;
use crate::error::{ApiError, ErrorObject};
use crate::input::Inputs;
use crate::work;

/// A list of vectors.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EmbeddingsReply {
    /// `list`.
    object: &'static str,
    data: Vec<Item>,
    model: String,
    system_fingerprint: String,
    usage: Usage,
}

/// A vector, or with `on_error: "item"` why there is none.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EmbeddingItem)]
#[serde(tag = "object", rename_all = "snake_case")]
enum Item {
    /// It was embedded.
    Embedding { index: usize, embedding: Vector },
    /// It could not be.
    Error { index: usize, error: ErrorObject },
}

/// Of length 1.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
enum Vector {
    /// As numbers.
    Float(Vec<f32>),
    /// As base64 of little-endian 32-bit floats.
    Base64(String),
}

pub(crate) async fn embeddings(mut call: Call) -> Answer {
    let inputs = Inputs::take(&mut call.fields, call.app.limits.inputs)?;
    let base64 = call.fields.word("encoding_format", &["float", "base64"])? == Some("base64");
    let dimensions = call.fields.whole("dimensions", 1..=usize::MAX)?;
    let on_error = OnError::take(&mut call.fields)?;
    call.fields.pass_over(&["user"]);
    let model = call.model().await?;
    let rows = on_error.embed(&call, &model, inputs.parts).await?;
    let good = || rows.iter().flatten();
    if let (Some(wanted), Some(row)) = (dimensions, good().next())
        && wanted > row.row.len()
    {
        let has = row.row.len();
        let message = format!("dimensions is {wanted}; the model's embeddings have {has}");
        return Err(ApiError::invalid("invalid_dimensions", message).at("dimensions"));
    }
    let item = |(index, row): (usize, &Result<work::Embedded, ApiError>)| match row {
        Ok(row) => {
            let row = truncated(&row.row, dimensions);
            let embedding = if base64 {
                let bytes = row.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
                Vector::Base64(STANDARD.encode(bytes))
            } else {
                Vector::Float(row)
            };
            Item::Embedding { index, embedding }
        }
        Err(error) => Item::Error { index, error: error.object.clone() },
    };
    let reply = EmbeddingsReply {
        object: "list",
        data: rows.iter().enumerate().map(item).collect(),
        model: model.description.id.clone(),
        system_fingerprint: model.description.fingerprint.clone(),
        usage: usage(&call, good()),
    };
    let times = times(good());
    Ok(Reply::new(&reply).ignoring(call.fields).warning(inputs.warnings).timed(times))
}

/// The first numbers, of length 1 again.
fn truncated(row: &[f32], dimensions: Option<usize>) -> Vec<f32> {
    match dimensions {
        Some(count) if count < row.len() => {
            Embeddings::normalise(count, row[..count].to_vec()).row(0).to_vec()
        }
        _ => row.to_vec(),
    }
}
