//! `POST /v1/classify`: pictures or texts against candidate labels, or against a label set.

use std::sync::Arc;

use model::{GroupMode, GroupedScore};

use super::{OnError, times, usage_with};
use crate::app::App;
use crate::archive::Owner;
use crate::call::{Answer, Call, Reply};
use crate::classification::{ClassifyReply, Item, Prediction, ScoreMode, Selection};
use crate::error::ApiError;
use crate::input::Inputs;
use crate::label_sets::{self, LabelSet, SetVectors};
use crate::labels::{self, Candidates, Counted};
use crate::loaded::LoadedModel;

/// What a request with a label set does not say itself.
pub(super) const OF_LABELS: &[&str] = &["labels", "templates", "multi_label"];

pub(crate) async fn classify(mut call: Call) -> Answer {
    let named = label_sets::named(&mut call.fields, OF_LABELS)?;
    let limits = &call.app.limits;
    let candidates = match &named {
        None => Some(Candidates::take(&mut call.fields, limits.labels)?),
        Some(_) => None,
    };
    let inputs = Inputs::take(&mut call.fields, limits.inputs)?;
    let multi_label = call.fields.flag("multi_label")?.unwrap_or(false);
    let mode = if multi_label { ScoreMode::Probability } else { ScoreMode::Relative };
    let threshold = call.fields.fraction("threshold")?;
    let most = call.fields.whole("top_k", 1..=usize::MAX)?.unwrap_or(usize::MAX);
    let selection = Selection { mode, threshold, most };
    let on_error = OnError::take(&mut call.fields)?;
    call.fields.pass_over(&["user"]);
    let classes = match (candidates, named) {
        (Some(candidates), _) => Classes::Labels(candidates),
        (None, named) => {
            let owner = Owner::of(&call.bill)?;
            let named = named.unwrap_or_default();
            Classes::Set(label_sets::find(&call.app, &owner, &named, "label_set").await?)
        }
    };
    let model = call.model().await?;
    let (vectors, rows) = tokio::try_join!(
        classes.vectors(&call.app, &model),
        on_error.embed(&call, &model, inputs.parts),
    )?;
    let data = rows.iter().enumerate().map(|(index, row)| match row {
        Ok(row) => Item::classified(index, None, vectors.predictions(&selection, &row.row)),
        Err(error) => Item::Error { index, path: None, error: error.object.clone() },
    });
    let reply = ClassifyReply {
        object: "list",
        model: model.description.id.clone(),
        system_fingerprint: model.description.fingerprint.clone(),
        score_mode: classes.score_mode(mode),
        templates: classes.templates().to_vec(),
        label_set: classes.label_set(),
        data: data.collect(),
        usage: usage_with(&call, rows.iter().flatten(), vectors.counted()),
    };
    let times = times(rows.iter().flatten());
    Ok(Reply::new(&reply).ignoring(call.fields).warning(inputs.warnings).timed(times))
}

/// What inputs are held against.
pub(super) enum Classes {
    Labels(Candidates),
    Set(Arc<LabelSet>),
}

impl Classes {
    pub(super) async fn vectors(
        &self,
        app: &Arc<App>,
        model: &Arc<LoadedModel>,
    ) -> Result<Vectors, ApiError> {
        Ok(match self {
            Self::Labels(candidates) => {
                Vectors::Labels(labels::vectors(app, model, candidates).await?)
            }
            Self::Set(set) => {
                let vectors = label_sets::vectors(app, model, set).await?;
                Vectors::Set(Arc::clone(set), vectors)
            }
        })
    }

    pub(super) fn score_mode(&self, asked: ScoreMode) -> ScoreMode {
        match self {
            Self::Labels(_) => asked,
            Self::Set(set) => match set.mode() {
                Some(GroupMode::Exclusive) => ScoreMode::Relative,
                Some(GroupMode::Multi) => ScoreMode::Probability,
                None => ScoreMode::ByGroup,
            },
        }
    }

    pub(super) fn templates(&self) -> &[String] {
        match self {
            Self::Labels(candidates) => &candidates.choices,
            Self::Set(set) => &set.definition.templates,
        }
    }

    pub(super) fn label_set(&self) -> Option<String> {
        match self {
            Self::Labels(_) => None,
            Self::Set(set) => Some(set.reference.clone()),
        }
    }
}

/// Their vectors.
pub(super) enum Vectors {
    Labels(labels::Vectors),
    Set(Arc<LabelSet>, SetVectors),
}

impl Vectors {
    pub(super) fn counted(&self) -> Counted {
        match self {
            Self::Labels(vectors) => vectors.counted(),
            Self::Set(set, vectors) => vectors.counted(set),
        }
    }

    /// Best first; equal ones in the order that they were given in.
    pub(super) fn predictions(&self, selection: &Selection, row: &[f32]) -> Vec<Prediction> {
        let (set, vectors) = match self {
            Self::Labels(vectors) => return selection.predictions(&vectors.rows, row),
            Self::Set(set, vectors) => (set, vectors),
        };
        let mut scores = vectors.score(set, row, selection.threshold);
        scores.sort_by(|a, b| b.score.logit.total_cmp(&a.score.logit));
        let prediction = |score: GroupedScore| {
            let group = &set.groups[score.group];
            Prediction {
                label: group.labels[score.label].name.clone(),
                group: Some(group.name.clone()),
                score: score.of_mode(group.mode),
                probability: score.score.probability,
                relative: score.relative,
                logit: score.score.logit,
                cosine: score.score.cosine,
                selected: score.selected,
            }
        };
        scores.into_iter().take(selection.most).map(prediction).collect()
    }
}
