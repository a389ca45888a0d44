//! `polysight search --server`: the question goes to a vector store of a server.

use anyhow::{Context, bail};
use index::Value as Attribute;
use index::attributes_from_json;
use serde_json::{Value, json};

use crate::api::{Api, picture_part};
use crate::arguments::retrieval::SearchArguments;
use crate::environment::Environment;
use crate::retrieval::remote_store::{RemoteStore, model_name, text};
use crate::retrieval::search::{Found, MINUS, Results};

/// Results of a page.
const PAGE: usize = 50;

/// Asks a server.
///
/// # Errors
/// When it has no store of that name, or does not answer as it should; and when a picture cannot be read.
pub(super) fn search(
    server: &str,
    arguments: &SearchArguments,
    environment: &Environment,
) -> anyhow::Result<Results> {
    let api = Api::at("--server", server, arguments.api_key_file.as_deref(), environment)?;
    let name = &arguments.store.store;
    let Some(store) = RemoteStore::find(&api, name)? else {
        bail!("{server}: no vector store is named {name:?}; `polysight index --server` makes one");
    };
    let mut request = json!({ "query": question(arguments)?, "kind": "image" });
    if let Some(model) = model_name(&arguments.model)? {
        request["model"] = model.into();
    }
    let mut found = Vec::new();
    loop {
        request["max_num_results"] = PAGE.min(arguments.top.get() - found.len()).into();
        let reply = api.create(&store.path("/search"), &request)?;
        for one in reply["data"].as_array().context("the server's answer has no results")? {
            found.push(result(one)?);
        }
        match reply["next_page"].as_str() {
            Some(page) if found.len() < arguments.top.get() => request["page"] = page.into(),
            _ => break,
        }
    }
    let (total, model) = store.state()?;
    Ok(Results { found, model, total })
}

/// The parts with their weights.
fn question(arguments: &SearchArguments) -> anyhow::Result<Vec<Value>> {
    let mut parts =
        arguments.sentence.iter().map(|text| json!({ "text": text })).collect::<Vec<_>>();
    for image in &arguments.images {
        parts.push(picture_part(&fs_err::read(image)?));
    }
    parts.extend(arguments.minus.iter().map(|text| json!({ "text": text, "weight": MINUS })));
    Ok(parts)
}

fn result(one: &Value) -> anyhow::Result<Found> {
    let number = |name: &str| one[name].as_f64().unwrap_or_default() as f32;
    let attributes = attributes_from_json(one["attributes"].to_string().as_bytes());
    let mut attributes = attributes.unwrap_or_default();
    let filename = text(one, "filename")?;
    // As `polysight index --server` leaves it.
    let path = match attributes.remove("path") {
        Some(Attribute::Text(path)) => path,
        _ => filename.clone(),
    };
    let (score, cosine) = (number("score"), number("cosine"));
    Ok(Found { path, filename, score, cosine, attributes, file_id: Some(text(one, "file_id")?) })
}
