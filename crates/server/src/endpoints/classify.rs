//! `POST /v1/classify`: pictures or texts against candidate labels.

use super::{OnError, times, usage_with};
use crate::call::{Answer, Call, Reply};
use crate::classification::{ClassifyReply, Item, ScoreMode, Selection};
use crate::input::Inputs;
use crate::labels::{self, Candidates};

pub(crate) async fn classify(mut call: Call) -> Answer {
    let limits = &call.app.limits;
    let candidates = Candidates::take(&mut call.fields, limits.labels)?;
    let inputs = Inputs::take(&mut call.fields, limits.inputs)?;
    let multi_label = call.fields.flag("multi_label")?.unwrap_or(false);
    let mode = if multi_label { ScoreMode::Probability } else { ScoreMode::Relative };
    let threshold = call.fields.fraction("threshold")?;
    let most = call.fields.whole("top_k", 1..=usize::MAX)?.unwrap_or(usize::MAX);
    let selection = Selection { mode, threshold, most };
    let on_error = OnError::take(&mut call.fields)?;
    call.fields.pass_over(&["user"]);
    let model = call.model().await?;
    let (labels, rows) = tokio::try_join!(
        labels::vectors(&call.app, &model, &candidates),
        on_error.embed(&call, &model, inputs.parts),
    )?;
    let vectors = &labels.rows;
    let data = rows.iter().enumerate().map(|(index, row)| match row {
        Ok(row) => Item::classified(index, None, selection.predictions(vectors, &row.row)),
        Err(error) => Item::Error { index, path: None, error: error.object.clone() },
    });
    let reply = ClassifyReply {
        object: "list",
        model: model.description.id.clone(),
        system_fingerprint: model.description.fingerprint.clone(),
        score_mode: mode,
        templates: candidates.choices.clone(),
        data: data.collect(),
        usage: usage_with(&call, rows.iter().flatten(), &labels),
    };
    let times = times(rows.iter().flatten());
    Ok(Reply::new(&reply).ignoring(call.fields).warning(inputs.warnings).timed(times))
}
