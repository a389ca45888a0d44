//! `polysight dedupe`: pictures of a folder that are nearly the same.

use std::collections::HashMap;

use index::{Effort, Embedded, Query, Sets, VectorIndex};
use serde::Serialize;

use crate::arguments::retrieval::DedupeArguments;
use crate::console::{Console, printable};
use crate::environment::Environment;
use crate::exit::Outcome;
use crate::model_source;
use crate::reply::json;
use crate::retrieval::gallery::{Gallery, Group, Tile};
use crate::retrieval::index::update;
use crate::retrieval::shelf::{Shelf, described};

/// Vectors that are taken from the index at a time.
const PAGE: usize = 512;

/// How many of the nearest of each picture are looked at. Groups that are larger hang together by others.
const NEIGHBOURS: usize = 32;

#[derive(Serialize)]
struct Doubles<'a> {
    object: &'static str,
    model: &'a str,
    threshold: f32,
    pictures: usize,
    groups: Vec<Vec<Double>>,
}

/// A picture of a group.
#[derive(Clone, Debug, Serialize)]
struct Double {
    path: String,
    bytes: u64,
    /// To the first of its group.
    cosine: f32,
}

/// Runs the command.
///
/// # Errors
/// When the folder cannot be read, or the store has vectors of another model.
pub(crate) fn run(
    arguments: &DedupeArguments,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let mut console = Console::new(environment, &arguments.output);
    let shelf = Shelf::find(&arguments.store, environment)?;
    let model = model_source::open(&arguments.model, environment, &console)?;
    let (current, space) = described(&model)?;
    shelf.require(&current)?;
    let index = shelf.write(&current, &space)?;
    let report = update(&arguments.folder, &index, &model, &mut console)?;
    shelf.set_current(&current)?;
    let root = fs_err::canonicalize(&arguments.folder)?.join("");
    let (pictures, groups) =
        groups(&index, &root.to_string_lossy(), arguments.threshold, &mut console)?;
    if arguments.page.is_wanted() {
        let groups = groups.iter().map(|group| {
            let tile = |double: &Double| Tile::new(&double.path, format!("{:.4}", double.cosine));
            Group {
                title: Some(format!("{} pictures", group.len())),
                tiles: group.iter().map(tile).collect(),
            }
        });
        let gallery = Gallery {
            title: format!("Nearly the same in {}", arguments.folder.display()),
            note: format!("cosine from {} on, {}", arguments.threshold, model.id),
            groups: groups.collect(),
        };
        let written = gallery.present(&arguments.page, &console)?;
        if !arguments.output.json {
            console.print(format!("{}\n", written.display()))?;
        }
    } else if !arguments.output.json {
        for group in &groups {
            for Double { path, cosine, bytes } in group {
                console.print(format!("{cosine:.4}  {bytes:>10}  {}\n", printable(path)))?;
            }
            console.print("\n")?;
        }
        let doubles = groups.iter().map(|group| group.len() - 1).sum::<usize>();
        console.print(format!("{pictures} pictures, {doubles} of them like an earlier one\n"))?;
    }
    if arguments.output.json {
        let (object, model, threshold) = ("duplicates", model.id.as_str(), arguments.threshold);
        let doubles = Doubles { object, model, threshold, pictures, groups };
        console.print(format!("{}\n", json(&doubles)))?;
    }
    console.flush()?;
    Ok(Outcome::from_failures(report.failed()))
}

/// How many pictures there are below a folder, and groups of two and more that hang together by cosines of the threshold and
/// more: the largest first, in each the largest file first.
fn groups(
    index: &Embedded,
    prefix: &str,
    threshold: f32,
    console: &mut Console,
) -> anyhow::Result<(usize, Vec<Vec<Double>>)> {
    let mut sets = Sets::default();
    let mut bytes = HashMap::new();
    let mut after = prefix.to_owned();
    console.begin("comparing", index.count()? as usize);
    loop {
        let page = index.page(Some(&after), PAGE)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        let is_last = !after.starts_with(prefix);
        for stored in page.iter().filter(|stored| stored.id.starts_with(prefix)) {
            let size = match stored.attributes.get("bytes") {
                Some(index::Value::Number(bytes)) => *bytes as u64,
                _ => 0,
            };
            bytes.insert(stored.id.clone(), size);
            let query = Query {
                vector: &stored.vector,
                count: NEIGHBOURS,
                filter: None,
                effort: Effort::Fast,
            };
            for hit in index.search(&query)? {
                if hit.product >= threshold && hit.id != stored.id && hit.id.starts_with(prefix) {
                    sets.join(&stored.id, &hit.id);
                }
            }
        }
        console.advance_to(bytes.len() as u64);
        if is_last {
            break;
        }
    }
    console.end();
    let mut groups = Vec::new();
    for mut ids in sets.into_groups() {
        let size = |id: &String| bytes.get(id).copied().unwrap_or(0);
        ids.sort_by(|one, other| size(other).cmp(&size(one)).then(one.cmp(other)));
        let first = index.get(&ids[0])?.map(|stored| stored.vector).unwrap_or_default();
        let mut group = Vec::new();
        for id in ids {
            let Some(stored) = index.get(&id)? else { continue };
            let cosine = model::cosine(&first, &stored.vector);
            group.push(Double { bytes: size(&id), path: id, cosine });
        }
        groups.push(group);
    }
    groups.sort_by(|one, other| other.len().cmp(&one.len()).then(one[0].path.cmp(&other[0].path)));
    Ok((bytes.len(), groups))
}
