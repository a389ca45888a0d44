//! Tables: CSV with and without names of columns, and the `NAME.jpg#0<tab>caption` of Flickr30k's own file.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use crate::DatasetError;
use crate::dataset::{Found, Options};
use crate::records::{MOST_TEXT_BYTES, Records, usual_folders};

/// Names of the column with the picture's path.
pub(crate) const PICTURE: &[&str] =
    &["image", "picture", "filename", "file_name", "filepath", "path", "file", "image_path"];
/// Names of the column with the caption.
pub(crate) const CAPTION: &[&str] = &["caption", "text", "title", "sentence"];
/// Names of the column with the language's code.
pub(crate) const LANGUAGE: &[&str] = &["language", "lang", "locale"];
/// Names of the column with the class.
pub(crate) const CLASS: &[&str] = &["label", "class", "category"];

/// Where a row has what.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Columns {
    picture: usize,
    caption: Option<usize>,
    language: Option<usize>,
    class: Option<usize>,
    count: usize,
}

impl Columns {
    /// From the first row, when it has names.
    fn named(row: &[&str]) -> Option<Self> {
        let find = |names: &[&str]| {
            let is = |cell: &&str| names.iter().any(|name| cell.trim().eq_ignore_ascii_case(name));
            row.iter().position(is)
        };
        let columns = Self {
            picture: find(PICTURE)?,
            caption: find(CAPTION),
            language: find(LANGUAGE),
            class: find(CLASS),
            count: row.len(),
        };
        (columns.caption.is_some() || columns.class.is_some()).then_some(columns)
    }

    /// A picture, its caption, and perhaps the caption's language: what a table without names is taken for.
    fn unnamed(cells: usize) -> Self {
        Self {
            picture: 0,
            caption: Some(1),
            language: (cells == 3).then_some(2),
            class: None,
            count: cells.max(2),
        }
    }
}

/// Lists the samples.
pub(crate) fn list(path: &Path, options: &Options) -> Result<Found, DatasetError> {
    let delimiter = delimiter(path)?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        // Captions behind a tab are not quoted, and may begin with a quotation mark.
        .quoting(delimiter != b'\t')
        .from_reader(fs_err::File::open(path)?);
    let mut records = Records::default();
    let mut columns = None;
    for row in reader.byte_records() {
        let row = row.map_err(|error| DatasetError::of_file(path, error.to_string()))?;
        let line = row.position().map_or(0, csv::Position::line);
        let fault = |problem: String| DatasetError::of_line(path, line, problem);
        let cells = cells(&row).map_err(fault)?;
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let Some(columns) = &columns else {
            let named = Columns::named(&cells);
            let unnamed = named.is_none();
            let found = named.unwrap_or_else(|| Columns::unnamed(cells.len()));
            if unnamed {
                add(&mut records, &cells, &found, delimiter).map_err(fault)?;
            }
            columns = Some(found);
            continue;
        };
        add(&mut records, &cells, columns, delimiter).map_err(fault)?;
    }
    records.finish(path, usual_folders(path), options)
}

/// A tab where the first line has one, else a comma.
fn delimiter(path: &Path) -> Result<u8, DatasetError> {
    use std::io::Read;
    let mut beginning = Vec::new();
    fs_err::File::open(path)?.take(1 << 16).read_to_end(&mut beginning)?;
    let first = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(if first.contains(&b'\t') { b'\t' } else { b',' })
}

fn cells(row: &ByteRecord) -> Result<Vec<&str>, String> {
    let cell = |cell| {
        let text: &str = std::str::from_utf8(cell).map_err(|_| "it is not UTF-8")?;
        if text.len() > MOST_TEXT_BYTES {
            return Err(format!("a cell of {} bytes; the limit is {MOST_TEXT_BYTES}", text.len()));
        }
        Ok(text)
    };
    let mut cells = row.iter().map(cell).collect::<Result<Vec<_>, String>>()?;
    if let Some(first) = cells.first_mut() {
        *first = first.strip_prefix('\u{feff}').unwrap_or(first);
    }
    Ok(cells)
}

fn add(
    records: &mut Records,
    cells: &[&str],
    columns: &Columns,
    delimiter: u8,
) -> Result<(), String> {
    let cell = |column: Option<usize>| column.and_then(|column| cells.get(column)).copied();
    let name = cell(Some(columns.picture)).unwrap_or_default().trim();
    // Flickr30k's own file counts the captions of a picture behind a #.
    let name = match name.rsplit_once('#') {
        Some((name, count)) if !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit()) => {
            name
        }
        _ => name,
    };
    let last = columns.caption.filter(|caption| caption + 1 == columns.count);
    let joined;
    let caption = match (cell(columns.caption), last) {
        (None, _) if columns.caption.is_some() => {
            return Err(format!("{} cells; the caption is in cell {}", cells.len(), columns.count));
        }
        // A caption with commas that nobody has quoted.
        (Some(_), Some(column)) if cells.len() > columns.count => {
            joined = cells[column..].join(std::str::from_utf8(&[delimiter]).unwrap_or(","));
            Some(joined.as_str())
        }
        (caption, _) => caption,
    };
    let record = records.of(name)?;
    let language = cell(columns.language).map(str::trim).filter(|language| !language.is_empty());
    if let Some(caption) = caption {
        record.say(language, caption);
    }
    if let Some(class) = cell(columns.class) {
        record.belongs(class);
    }
    Ok(())
}
