//! Filters as conditions of PostgreSQL. Whatever a caller wrote is a value beside the statement, never a part of it.

use index::{Comparison, Filter, Value};
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

/// A condition and the values of its placeholders.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<String>,
}

impl Default for Condition {
    /// Of which all rows are.
    fn default() -> Self {
        Self { sql: "TRUE".to_owned(), values: Vec::new() }
    }
}

impl Condition {
    /// Adds the values to a statement.
    pub(super) fn bind<'q>(
        &self,
        query: Query<'q, Any, AnyArguments>,
    ) -> Query<'q, Any, AnyArguments> {
        self.values.iter().fold(query, |query, value| query.bind(value.clone()))
    }
}

/// The condition of a filter, whose placeholders are counted from `first`.
pub(super) fn condition(filter: &Filter, first: usize) -> Condition {
    let mut writer = Writer { first, values: Vec::new() };
    let sql = writer.filter(filter);
    Condition { sql, values: writer.values }
}

struct Writer {
    first: usize,
    values: Vec<String>,
}

impl Writer {
    fn value(&mut self, value: impl Into<String>) -> String {
        self.values.push(value.into());
        format!("${}::TEXT", self.first + self.values.len() - 1)
    }

    fn filter(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::Attribute { key, comparison } => self.comparison(key, comparison),
            Filter::All(filters) => self.several(filters, "AND", "TRUE"),
            Filter::Any(filters) => self.several(filters, "OR", "FALSE"),
        }
    }

    fn several(&mut self, filters: &[Filter], word: &str, none: &str) -> String {
        let parts = filters.iter().map(|filter| self.filter(filter)).collect::<Vec<_>>();
        if parts.is_empty() {
            none.to_owned()
        } else {
            format!("({})", parts.join(&format!(" {word} ")))
        }
    }

    fn comparison(&mut self, key: &str, comparison: &Comparison) -> String {
        let found = format!("attributes -> {}", self.value(key));
        match comparison {
            Comparison::Equal(value) => self.equal(&found, value),
            Comparison::NotEqual(value) => format!("NOT {}", self.equal(&found, value)),
            Comparison::In(list) => self.one_of(&found, list),
            Comparison::NotIn(list) => format!("NOT {}", self.one_of(&found, list)),
            Comparison::Above(value) => self.ordered(&found, ">", value),
            Comparison::AtLeast(value) => self.ordered(&found, ">=", value),
            Comparison::Below(value) => self.ordered(&found, "<", value),
            Comparison::AtMost(value) => self.ordered(&found, "<=", value),
        }
    }

    /// Documents are equal as values: 7.0 is 7, and the text "7" is neither.
    fn equal(&mut self, found: &str, value: &Value) -> String {
        let value = self.value(json(value));
        format!("COALESCE({found} = {value}::JSONB, FALSE)")
    }

    fn one_of(&mut self, found: &str, list: &[Value]) -> String {
        let list = self.value(json(&list));
        format!(
            "COALESCE({found} = ANY (ARRAY(SELECT jsonb_array_elements({list}::JSONB))), FALSE)"
        )
    }

    /// Only values of one kind have an order, texts that of their bytes.
    fn ordered(&mut self, found: &str, sign: &str, value: &Value) -> String {
        let (kind, given, read) = match value {
            Value::Flag(flag) => ("boolean", flag.to_string(), "::BOOLEAN"),
            Value::Number(_) => ("number", json(value), "::NUMERIC"),
            Value::Text(text) => ("string", text.clone(), ""),
        };
        let given = self.value(given);
        let own = match value {
            Value::Text(_) => format!("({found} #>> '{{}}') COLLATE \"C\""),
            Value::Flag(_) | Value::Number(_) => format!("({found}){read}"),
        };
        format!(
            "CASE WHEN jsonb_typeof({found}) = '{kind}' THEN {own} {sign} {given}{read} ELSE FALSE END"
        )
    }
}

/// Values are texts, flags and numbers, which JSON has.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
