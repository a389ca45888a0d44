//! `POST /v1/label_sets`: a new set, or the next version of one.
//!
//! Examples are embedded with the request's model, which is what they cost, and their bytes are kept with the set: neither a
//! file that is deleted nor a page that changes alters a version.

use std::collections::HashSet;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use store::{NewExample, NewVersion, VersionChoice};

use super::reply::LabelSetReply;
use super::{bare, check_alias};
use crate::accounts::now;
use crate::app::App;
use crate::archive::Owner;
use crate::bill::Measured;
use crate::caches::Hash;
use crate::call::{Answer, Call, Reply};
use crate::classification::Usage;
use crate::error::ApiError;
use crate::fields::missing;
use crate::input::{Content, ImageSource, Part, read_files};
use crate::label_sets::{Draft, check_name, failed};
use crate::uploads::no_file;
use crate::{endpoints, work};

/// Bytes of all examples of a version.
const MOST_BYTES: usize = 32 << 20;

/// Bytes of a version's text.
const LONGEST_TEXT: usize = 16 << 20;

/// Pictures of the web that are fetched for one set at once.
const FETCHES: usize = 8;

pub(crate) async fn create(owner: Owner, mut call: Call) -> Answer {
    let fields = &mut call.fields;
    let id = fields.text("id")?.map(|id| bare(&id)).transpose()?;
    let name = fields.text("name")?;
    match &name {
        Some(name) => check_name(name, "name")?,
        None if id.is_none() => return Err(missing("name", "what people call the label set")),
        None => {}
    }
    let aliases = fields.texts("aliases")?.unwrap_or_default();
    aliases.iter().try_for_each(|alias| check_alias(alias, "aliases"))?;
    let model = fields.text("model")?;
    let mut draft = Draft::take(fields, call.app.limits.labels)?;
    let archive = call.app.archive().await?;
    if let Some(id) = &id {
        let row = archive.store.label_set(&owner.0, id, &VersionChoice::Newest).await;
        row.map_err(|error| failed(&error).at("id"))?;
    }
    read_files(&call.app, &call.bill, &mut draft.parts, |_| false).await?;
    let pictures = pictures(&call.app, id.as_deref(), &draft).await?;
    let examples = unlike(&pictures);
    let usage = pay(&call, model.as_deref(), &examples).await?;
    let count = draft.definition.groups.iter().map(|group| group.labels.len()).sum();
    let hashes = pictures.iter().map(|picture| named(&picture.hash));
    let definition = draft.with_examples(hashes.collect::<Vec<_>>().into_iter());
    let text = serde_json::to_string(&definition)
        .map_err(|error| ApiError::internal(error.to_string()))?;
    if text.len() > LONGEST_TEXT {
        let message =
            format!("the label set has {} bytes; the limit is {LONGEST_TEXT}", text.len());
        return Err(ApiError::too_large("label_set_too_large", message));
    }
    let examples = examples
        .into_iter()
        .map(|(hash, picture)| NewExample { hash, content: picture.bytes.to_vec() });
    let examples = examples.collect::<Vec<_>>();
    let new = NewVersion {
        name: name.as_deref(),
        labels: count,
        definition: &text,
        examples: &examples,
        aliases: &aliases,
        now: now(),
    };
    let row = match &id {
        Some(id) => archive.store.add_label_set_version(&owner.0, id, &new).await,
        None => archive.store.create_label_set(&owner.0, &new).await,
    };
    let row = row.map_err(|error| failed(&error))?;
    let reply = LabelSetReply::whole(row, &definition, Some(usage));
    Ok(Reply::new(&reply).ignoring(call.fields))
}

/// An example that was got.
struct Picture {
    hash: Hash,
    bytes: Bytes,
    place: String,
    /// Whether an earlier version has paid for it.
    is_known: bool,
}

/// As the definition has it.
fn named(hash: &Hash) -> String {
    format!("sha256:{}", HEXLOWER.encode(hash))
}

/// The bytes of all examples, in their order.
async fn pictures(app: &App, id: Option<&str>, draft: &Draft) -> Result<Vec<Picture>, ApiError> {
    let works = draft.parts.iter().map(|part| picture(app, id, part));
    let mut all = stream::iter(works.collect::<Vec<_>>()).buffered(FETCHES);
    let (mut pictures, mut bytes) = (Vec::new(), 0);
    while let Some(picture) = all.try_next().await? {
        bytes += picture.bytes.len();
        if bytes > MOST_BYTES {
            let message = format!("the examples have more than {MOST_BYTES} bytes together");
            return Err(ApiError::too_large("label_set_too_large", message).at(picture.place));
        }
        pictures.push(picture);
    }
    Ok(pictures)
}

async fn picture(app: &App, id: Option<&str>, part: &Part) -> Result<Picture, ApiError> {
    let place = part.place.clone();
    let of_set = async |hash: &Hash| match id {
        Some(id) => {
            let archive = app.archive().await?;
            let bytes = archive.store.label_set_example(id, hash).await;
            bytes.map_err(|error| failed(&error))
        }
        None => Ok(None),
    };
    let bytes = match &part.content {
        Err(error) => return Err(error.clone()),
        Ok(Content::Text(_)) => return Err(ApiError::internal("a text is no example")),
        Ok(Content::Image(ImageSource::Bytes(bytes))) => bytes.clone(),
        Ok(Content::Image(ImageSource::Url(url))) => {
            work::fetch(app, url).await.map_err(|error| error.at(place.clone()))?
        }
        // Read before, or never found.
        Ok(Content::Image(ImageSource::File(id))) => return Err(no_file(id).at(place)),
        Ok(Content::Image(ImageSource::Held(hash))) => {
            let Some(bytes) = of_set(hash).await? else {
                let message = "no earlier version of this label set has an example with this hash; send the picture";
                return Err(ApiError::not_found("image_not_found", message).at(place));
            };
            return Ok(Picture { hash: *hash, bytes: bytes.into(), place, is_known: true });
        }
    };
    let hash = Sha256::digest(&bytes).into();
    let is_known = of_set(&hash).await?.is_some();
    Ok(Picture { hash, bytes, place, is_known })
}

/// Each picture once.
fn unlike(pictures: &[Picture]) -> Vec<(Hash, &Picture)> {
    let mut seen = HashSet::new();
    let new = pictures.iter().filter(|picture| seen.insert(picture.hash));
    new.map(|picture| (picture.hash, picture)).collect()
}

/// Embeds the examples that are new, for their price; without any the price of the call.
async fn pay(
    call: &Call,
    model: Option<&str>,
    examples: &[(Hash, &Picture)],
) -> Result<Usage, ApiError> {
    let new = examples.iter().filter(|(_, picture)| !picture.is_known);
    let parts = new.enumerate().map(|(item, (_, picture))| Part {
        content: Ok(Content::Image(ImageSource::Bytes(picture.bytes.clone()))),
        place: picture.place.clone(),
        item,
    });
    let parts = parts.collect::<Vec<_>>();
    if parts.is_empty() {
        // No model has to be loaded for words alone.
        let id = &call.app.registry.find(model)?.spec.id;
        call.bill.reserve(&call.app, id, 0, 0).await?;
        call.bill.measure(Measured::new(0, 0, 0));
        return Ok(Usage { cost: call.bill.cost(), ..Usage::default() });
    }
    let model = call.model_named(model).await?;
    let rows = work::embed_all(call, &model, parts).await?;
    Ok(endpoints::usage(call, &rows))
}
