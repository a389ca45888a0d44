//! Which layout is it?

use std::path::{Path, PathBuf};

use crate::dataset::{Found, Options};
use crate::{
    DatasetError, class_folders, coco, crossmodal, csv_table, json_lines, lines, shards, webdataset,
};

/// Recognises the layout of `path` and lists its samples.
pub(crate) fn find(path: &Path, options: &Options) -> Result<Found, DatasetError> {
    if fs_err::metadata(path)?.is_dir() {
        return in_folder(path, options);
    }
    file(path, options)?.ok_or_else(|| DatasetError::Unknown { path: path.to_owned() })
}

fn in_folder(folder: &Path, options: &Options) -> Result<Found, DatasetError> {
    if let Some(layout) = webdataset::Layout::recognise(folder)? {
        return layout.list();
    }
    let files = entries(folder, Sort::Files)?;
    let tars = files.iter().filter(|path| has_extension(path, "tar")).cloned().collect::<Vec<_>>();
    if !tars.is_empty() {
        return shards::list(tars);
    }
    let captions = folder.join("captions.jsonl");
    if captions.is_file() {
        return json_lines_or_crossmodal(&captions, options);
    }
    for place in [folder.to_owned(), folder.join("annotations")] {
        if let Some(file) = only_coco_file(&place)? {
            return coco::list(&file, options);
        }
    }
    let tables = files.iter().filter(|path| {
        ["csv", "tsv", "jsonl", "token"].iter().any(|ending| has_extension(path, ending))
    });
    let tables = tables.collect::<Vec<_>>();
    match tables.as_slice() {
        [table] => {
            if let Some(found) = file(table, options)? {
                return Ok(found);
            }
        }
        [] => {}
        several => {
            let problem =
                format!("{} tables; open the file that is meant, not the folder", several.len());
            return Err(DatasetError::of_file(folder, problem));
        }
    }
    class_folders::list(folder)?.ok_or_else(|| DatasetError::Unknown { path: folder.to_owned() })
}

fn file(path: &Path, options: &Options) -> Result<Option<Found>, DatasetError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    Ok(Some(match extension.to_ascii_lowercase().as_str() {
        "tar" => shards::list(vec![path.to_owned()])?,
        "jsonl" | "ndjson" => json_lines_or_crossmodal(path, options)?,
        "json" => coco::list(path, options)?,
        "csv" | "tsv" | "txt" | "token" => csv_table::list(path, options)?,
        _ => return Ok(None),
    }))
}

fn json_lines_or_crossmodal(path: &Path, options: &Options) -> Result<Found, DatasetError> {
    let first = lines::objects(path)?.next().transpose()?;
    if first.is_some_and(|line| line.object.contains_key(crossmodal::KEY)) {
        return crossmodal::list(path, options);
    }
    json_lines::list(path, options)
}

/// The one `captions_*.json` of a folder; several are somebody's choice.
fn only_coco_file(folder: &Path) -> Result<Option<PathBuf>, DatasetError> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let files = entries(folder, Sort::Files)?;
    let mut files = files.into_iter().filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("captions_") && has_extension(path, "json")
    });
    match (files.next(), files.next()) {
        (Some(first), Some(second)) => {
            let problem = format!(
                "several files of captions ({}, {}); open the one that is meant",
                first.display(),
                second.display()
            );
            Err(DatasetError::of_file(folder, problem))
        }
        (only, _) => Ok(only),
    }
}

/// What is looked for in a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Files,
    Folders,
}

/// The files or the folders of a folder by their names, without hidden ones.
pub(crate) fn entries(folder: &Path, sort: Sort) -> Result<Vec<PathBuf>, DatasetError> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        // A link counts as what it leads to.
        if path.is_dir() == (sort == Sort::Folders) {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

pub(crate) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}
