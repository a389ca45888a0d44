//! A label set in place of plain labels: `metadata.label_set`.

use std::sync::Arc;

use model::{GroupedScore, LabelScore, softmax};
use serde_json::Value;

use super::Filled;
use super::schema::{Answers, Question};
use crate::archive::Owner;
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Fields, wrong};
use crate::label_sets::{self, LabelSet};

const PLACE: &str = "metadata.label_set";

/// The label set that the request's metadata names. Other metadata means nothing here.
///
/// # Errors
/// When there is no such set.
pub(super) async fn find(call: &mut Call) -> Result<Option<Arc<LabelSet>>, ApiError> {
    let Some(Value::Object(metadata)) = call.fields.take("metadata") else { return Ok(None) };
    let Some(named) = Fields::inner(Value::Object(metadata), "metadata")?.text("label_set")? else {
        return Ok(None);
    };
    let owner = Owner::of(&call.bill)?;
    label_sets::find(&call.app, &owner, &named, PLACE).await.map(Some)
}

/// That the set has every label that is asked for, and nothing says again what it says.
///
/// # Errors
/// When it has not.
pub(super) fn check(
    set: &LabelSet,
    answers: &Answers,
    templates: Option<&[String]>,
) -> Result<(), ApiError> {
    if let Some(templates) = templates.filter(|templates| !templates.is_empty()) {
        let value = Value::from(templates);
        return Err(wrong("templates", &value, "absent: the label set has its own"));
    }
    for question in answers.questions() {
        if let Some(unknown) = question.labels.iter().find(|label| set.find(label).is_none()) {
            let message = format!("the label set {} has no label {unknown:?}", set.reference);
            return Err(ApiError::invalid("unknown_label", message).at(question.place.clone()));
        }
    }
    Ok(())
}

/// The question's labels with the scores that they have in the set; `relative` is over the question's labels.
pub(super) fn fill(
    set: &LabelSet,
    scores: &[GroupedScore],
    question: &Question,
    threshold: f32,
) -> Filled {
    let (mut found, mut thresholds) = (Vec::new(), Vec::new());
    for name in &question.labels {
        let [group, label] = set.find(name).expect("the set was found to have it");
        let score = scores.iter().find(|score| [score.group, score.label] == [group, label]);
        found.push(score.expect("each label has a score").score);
        thresholds.push(set.groups[group].labels[label].threshold);
    }
    let relative = softmax(&found.iter().map(|score| score.logit).collect::<Vec<_>>());
    let scored = |(label, (score, relative))| LabelScore { label, score, relative };
    let scores = found.into_iter().zip(relative).enumerate().map(scored);
    let mut scores = scores.collect::<Vec<_>>();
    scores.sort_by(|a, b| b.score.logit.total_cmp(&a.score.logit));
    Filled { question: question.clone(), scores, thresholds, threshold }
}
