//! How one check of a model ended.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Ok,
    Failed,
    Skipped,
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// A check that has ended, and what there is to say of it in one line.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) detail: String,
}

impl Check {
    pub(crate) fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, detail: detail.into() }
    }

    pub(crate) fn failed(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Failed, detail: detail.into() }
    }

    pub(crate) fn skipped(name: &'static str, reason: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Skipped, detail: reason.into() }
    }
}
