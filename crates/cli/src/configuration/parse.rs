//! From the file's text to its keys: every key is known and every value has its key's form, or an error names the line.

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{Configuration, Entry, Placed, moderation};
use crate::exit::UsageError;
use crate::keys::{Form, Key, MODERATION, Table};
use crate::named_model::NamedModel;

/// A file that is being read.
pub(super) struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    /// `polysight.toml:3`.
    fn line(&self, span: &Range<usize>) -> String {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        format!("{}:{line}", self.path.display())
    }

    /// The error that says what is wrong in a line. It never shows the line, which may hold a secret.
    pub(super) fn wrong(&self, span: &Range<usize>, why: impl AsRef<str>) -> UsageError {
        UsageError::new(format!("{}: {}", self.line(span), why.as_ref()))
    }
}

/// A key and its value, with their places.
type Pair<'a, 'i> = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// The keys of a table as they follow one another in the file.
pub(super) fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Pair<'a, 'i>> {
    let mut pairs = table.iter().collect::<Vec<_>>();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
}

/// The name that takes the fewest changes to write.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> &'a str {
    let distance = |known: &&str| strsim::osa_distance(name, known);
    known.into_iter().min_by_key(distance).expect("every table has keys")
}

impl Configuration {
    /// Reads the text of the file at `path`, in whose folder relative paths begin.
    ///
    /// # Errors
    /// When it is not TOML, a key is unknown, or a value has not the form that its key takes.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, UsageError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let file = File { path, text };
        let table = DeTable::parse(text)
            .map_err(|error| file.wrong(&error.span().unwrap_or_default(), error.message()))?;
        let mut configuration = Self::default();
        configuration.add(&file, Table::Top, table.get_ref())?;
        Ok(configuration)
    }

    fn add(
        &mut self,
        file: &File<'_>,
        table: Table,
        content: &DeTable<'_>,
    ) -> Result<(), UsageError> {
        for (name, value) in in_order(content) {
            let span = name.span();
            match (table, name.get_ref().as_ref(), value.get_ref()) {
                (Table::Top, "serve", DeValue::Table(content)) => {
                    self.add(file, Table::Serve, content)?;
                }
                (Table::Top, "serve", _) => {
                    return Err(file.wrong(&span, "serve is a table"));
                }
                (Table::Serve, MODERATION, DeValue::Table(content)) => {
                    self.moderation = moderation::read(file, content)?;
                }
                (Table::Serve, MODERATION, _) => {
                    return Err(file.wrong(&span, "serve.moderation is a table of categories"));
                }
                (table, name, _) => {
                    let Some(key) = table.find(name) else {
                        return Err(file.wrong(&span, unknown(table, name)));
                    };
                    let values = Reader { file, key, span }.values(value)?;
                    self.entries.push(Entry { key, values });
                }
            }
        }
        Ok(())
    }
}

fn unknown(table: Table, name: &str) -> String {
    let elsewhere = match table {
        Table::Top => (Table::Serve, "in the table [serve]"),
        Table::Serve => (Table::Top, "above the first table"),
    };
    if elsewhere.0.names().any(|known| known == name) {
        return format!("the key {name:?} stands {}", elsewhere.1);
    }
    let (prefix, known) = match table {
        Table::Top => ("", nearest(name, table.names())),
        Table::Serve => ("serve.", nearest(name, table.names())),
    };
    format!(
        "unknown key {:?}; the nearest known key is {:?}",
        format!("{prefix}{name}"),
        format!("{prefix}{known}")
    )
}

/// Reads the value of a key.
struct Reader<'a> {
    file: &'a File<'a>,
    key: &'static Key,
    /// Where the key stands.
    span: Range<usize>,
}

impl Reader<'_> {
    fn values(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Placed>, UsageError> {
        match (self.key.form, value.get_ref()) {
            (Form::Pairs, DeValue::Table(table)) => {
                in_order(table).into_iter().map(|(name, value)| self.pair(name, value)).collect()
            }
            (Form::List | Form::Models, DeValue::Array(list)) => list
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::String(text) => self.placed(&item.span(), text),
                    other => Err(self.wrong_form(other)),
                })
                .collect(),
            (Form::List | Form::Models | Form::Path | Form::Scalar, DeValue::String(text)) => {
                Ok(vec![self.placed(&self.span, text)?])
            }
            (Form::Scalar, DeValue::Integer(number)) => {
                Ok(vec![self.placed(&self.span, &self.decimal(number.as_str(), number.radix())?)?])
            }
            (Form::Switch, DeValue::Boolean(on)) => {
                Ok(vec![self.placed(&self.span, if *on { "on" } else { "off" })?])
            }
            (Form::Switch, DeValue::String(text)) if text == "on" || text == "off" => {
                Ok(vec![self.placed(&self.span, text)?])
            }
            (_, other) => Err(self.wrong_form(other)),
        }
    }

    /// `NAME=TEXT`, as a flag would say it.
    fn pair(
        &self,
        name: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Placed, UsageError> {
        let DeValue::String(text) = value.get_ref() else {
            return Err(self.wrong_form(value.get_ref()));
        };
        if name.get_ref().contains('=') {
            return Err(self.file.wrong(&name.span(), "an alias has no = in it"));
        }
        self.placed(&name.span(), &format!("{}={text}", name.get_ref()))
    }

    fn placed(&self, span: &Range<usize>, text: &str) -> Result<Placed, UsageError> {
        let folder = self.file.path.parent().unwrap_or(Path::new(""));
        let place = format!("{} {}", self.file.line(span), self.name());
        let text = match self.key.form {
            Form::Path if !text.is_empty() => folder.join(text).into_os_string(),
            Form::Models if text.is_empty() => {
                return Err(UsageError::new(format!("{place}: the name of a model is empty")));
            }
            Form::Models => NamedModel::from_folder(text, folder),
            _ => OsString::from(text),
        };
        Ok(Placed { place, text })
    }

    /// Numbers of other bases, as a flag would say them.
    fn decimal(&self, digits: &str, radix: u32) -> Result<String, UsageError> {
        let number = i128::from_str_radix(digits, radix);
        let number = number.map_err(|_| {
            self.file.wrong(&self.span, format!("{}: the number is too large", self.name()))
        })?;
        Ok(number.to_string())
    }

    fn wrong_form(&self, value: &DeValue<'_>) -> UsageError {
        let takes = match self.key.form {
            Form::Scalar => "a text or a whole number",
            Form::Path => "a path",
            Form::Models | Form::List => "a text or a list of texts",
            Form::Switch => "true or false",
            Form::Pairs => "a table of texts",
        };
        let kind = match value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let kind = match (self.key.form, value) {
            (Form::Switch, DeValue::String(_)) => "another text",
            (Form::Models | Form::List, DeValue::Array(_)) => "a list in a list",
            _ => kind,
        };
        self.file.wrong(&self.span, format!("{} takes {takes}, not {kind}", self.name()))
    }

    /// The key with its table.
    fn name(&self) -> String {
        match self.key.table {
            Table::Top => self.key.name.to_owned(),
            Table::Serve => format!("serve.{}", self.key.name),
        }
    }
}
