//! A vector store of a server, as `polysight index --server` fills it and `polysight search --server` asks it.

use anyhow::Context;
use serde_json::{Value, json};

use crate::api::Api;
use crate::arguments::ModelOptions;
use crate::exit::UsageError;

/// Entries of a page.
const PAGE: usize = 100;

/// A store of a server.
pub(super) struct RemoteStore {
    pub(super) api: Api,
    id: String,
}

impl RemoteStore {
    /// The store of a name: the oldest, should there be several.
    ///
    /// # Errors
    /// When the server does not answer as it should.
    pub(super) fn find(api: &Api, name: &str) -> anyhow::Result<Option<Self>> {
        let mut found = None;
        for_each(api, "vector_stores", |store| {
            if found.is_none() && store["name"] == name && store["status"] != "expired" {
                found = Some(text(store, "id")?);
            }
            Ok(())
        })?;
        Ok(found.map(|id| Self { api: api.clone(), id }))
    }

    /// The store of a name, which is made where there is none.
    ///
    /// # Errors
    /// When the server does not answer as it should, or has no such model.
    pub(super) fn open(api: &Api, name: &str, model: Option<&str>) -> anyhow::Result<Self> {
        if let Some(found) = Self::find(api, name)? {
            return Ok(found);
        }
        let made = api.create("vector_stores", &json!({ "name": name, "model": model }))?;
        Ok(Self { api: api.clone(), id: text(&made, "id")? })
    }

    /// The path of something that belongs to it.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("vector_stores/{}{rest}", self.id)
    }

    /// How many pictures it has, and the name of its model.
    ///
    /// # Errors
    /// When the server does not answer as it should.
    pub(super) fn state(&self) -> anyhow::Result<(u64, String)> {
        let store = self.api.get(&self.path(""))?;
        let total = store.pointer("/file_counts/completed").and_then(Value::as_u64);
        Ok((total.unwrap_or(0), text(&store, "model")?))
    }
}

/// The model that the user names, if any.
///
/// # Errors
/// When its name is not UTF-8.
pub(super) fn model_name(options: &ModelOptions) -> Result<Option<&str>, UsageError> {
    let name = options.model.as_ref();
    name.map(|name| name.to_str().ok_or_else(|| UsageError::new("--model: not UTF-8"))).transpose()
}

/// All entries of a list, the oldest first.
///
/// # Errors
/// When the server does not answer as it should, and those of `each`.
pub(super) fn for_each(
    api: &Api,
    path: &str,
    mut each: impl FnMut(&Value) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after = String::new();
    loop {
        let page = api.get(&format!("{path}?limit={PAGE}&order=asc{after}"))?;
        let entries = page["data"].as_array().with_context(|| format!("{path}: no list"))?;
        entries.iter().try_for_each(&mut each)?;
        match page["last_id"].as_str() {
            Some(last) if page["has_more"] == true => after = format!("&after={last}"),
            _ => return Ok(()),
        }
    }
}

/// A text of an answer.
///
/// # Errors
/// When it has none of that name.
pub(super) fn text(reply: &Value, field: &str) -> anyhow::Result<String> {
    let text = reply[field].as_str();
    text.map(str::to_owned)
        .with_context(|| format!("the server's answer has no {field:?}: {reply}"))
}
