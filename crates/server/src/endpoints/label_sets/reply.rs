//! Label sets as they are given back.

use std::collections::BTreeMap;

use serde::Serialize;
use store::LabelSetRow;

use crate::classification::Usage;
use crate::label_sets::{Definition, Group};

/// A version of a label set. In lists it is without its labels.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LabelSetReply {
    id: String,
    /// `label_set`.
    object: &'static str,
    name: String,
    version: i64,
    /// The newest.
    latest_version: i64,
    /// When this version was made, in seconds since 1970.
    created_at: i64,
    /// How many labels it has.
    label_count: i64,
    /// Names of the set's versions.
    aliases: BTreeMap<String, i64>,
    /// Sentences around the names of labels that have no prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    templates: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<Group>>,
    /// What it took to make it.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

impl LabelSetReply {
    fn brief(row: LabelSetRow) -> Self {
        Self {
            id: row.id,
            object: "label_set",
            name: row.name,
            version: row.version,
            latest_version: row.latest,
            created_at: row.created_at / 1000,
            label_count: row.labels,
            aliases: row.aliases,
            templates: None,
            groups: None,
            usage: None,
        }
    }

    pub(super) fn whole(row: LabelSetRow, definition: &Definition, usage: Option<Usage>) -> Self {
        Self {
            templates: Some(definition.templates.clone()),
            groups: Some(definition.groups.clone()),
            usage,
            ..Self::brief(row)
        }
    }
}

/// Several of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LabelSetsReply {
    /// `list`.
    object: &'static str,
    data: Vec<LabelSetReply>,
    #[schema(required)]
    first_id: Option<String>,
    #[schema(required)]
    last_id: Option<String>,
    /// Whether there are others behind them.
    has_more: bool,
}

impl LabelSetsReply {
    pub(super) fn new(mut rows: Vec<LabelSetRow>, most: usize) -> Self {
        let has_more = rows.len() > most;
        rows.truncate(most);
        let id = |row: Option<&LabelSetRow>| row.map(|row| row.id.clone());
        Self {
            object: "list",
            first_id: id(rows.first()),
            last_id: id(rows.last()),
            data: rows.into_iter().map(LabelSetReply::brief).collect(),
            has_more,
        }
    }
}

/// A label set that is gone.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeletedLabelSetReply {
    id: String,
    /// `label_set.deleted`.
    object: &'static str,
    /// `true`.
    deleted: bool,
}

impl DeletedLabelSetReply {
    pub(super) fn new(id: String) -> Self {
        Self { id, object: "label_set.deleted", deleted: true }
    }
}
