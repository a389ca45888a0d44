//! `POST /models/{id}`: Hugging Face's task zero-shot-image-classification.

use axum::extract::Path;
use model::Label;
use serde::Serialize;

use super::times;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::fields::{Fields, missing};
use crate::input::{Content, ImageSource, Part};
use crate::labels::{self, Candidates};
use crate::work;

/// A label and its probability on its own.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LabelAndScore {
    label: String,
    /// The sigmoid of the logit.
    score: f32,
}

pub(crate) async fn classify(Path(id): Path<String>, mut call: Call) -> Answer {
    let mut parameters = match call.fields.take("parameters") {
        Some(parameters) => Fields::inner(parameters, "parameters")?,
        None => Fields::inner(serde_json::json!({}), "parameters")?,
    };
    let place = parameters.place("candidate_labels");
    let labels = parameters.texts("candidate_labels")?;
    let labels = labels.ok_or_else(|| missing(&place, "a list of labels"))?;
    // One text of labels with commas is what Hugging Face's widgets send.
    let labels = match labels.as_slice() {
        [one] if one.contains(',') => one.split(',').map(|label| label.trim().to_owned()).collect(),
        _ => labels,
    };
    let labels = labels.into_iter().map(|name| Label { name, prompts: Vec::new() }).collect();
    let template = parameters.text("hypothesis_template")?;
    let choices = template.map(|template| vec![template]);
    let candidates = Candidates::new(labels, choices, &place, call.app.limits.labels)?;
    let part = image(&mut call.fields)?;
    call.fields.pass_over(&["options"]);
    let model = call.model_named(Some(&id)).await?;
    let (labels, rows) = tokio::try_join!(
        labels::vectors(&call.app, &model, &candidates),
        work::embed_all(&call, &model, vec![part]),
    )?;
    let names = labels.rows.names();
    let mut scores = labels.rows.score(&rows[0].row);
    scores.sort_by(|a, b| b.score.logit.total_cmp(&a.score.logit));
    let scores = scores.iter().map(|score| LabelAndScore {
        label: names[score.label].clone(),
        score: score.score.probability,
    });
    let reply = scores.collect::<Vec<_>>();
    Ok(Reply::new(&reply).ignoring(call.fields).timed(times(&rows)))
}

/// `inputs`: base64, a data URI or a URL, or an object with `image`.
fn image(fields: &mut Fields) -> Result<Part, ApiError> {
    let place = "inputs".to_owned();
    let text = match fields.take("inputs") {
        Some(serde_json::Value::String(text)) => text,
        Some(value @ serde_json::Value::Object(_)) => {
            let mut inner = Fields::inner(value, &place)?;
            let place = inner.place("image");
            inner.text("image")?.ok_or_else(|| missing(&place, "an image as base64 or a URL"))?
        }
        Some(other) => {
            return Err(crate::fields::wrong(&place, &other, "an image as base64 or a URL"));
        }
        None => return Err(missing(&place, "an image as base64 or a URL")),
    };
    let content = ImageSource::parse(text).map(Content::Image);
    let content = content.map_err(|error| error.at(place.clone()));
    Ok(Part { content, place, item: 0 })
}
