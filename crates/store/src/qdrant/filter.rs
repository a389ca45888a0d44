//! What filters look at in a point, and filters as conditions of Qdrant.
//!
//! Qdrant compares texts and flags for equality alone, and the names of its fields have a grammar. So each attribute is a text,
//! `["name",value]`, in the list `equal`, whatever its kind. Numbers stand in the list `order` too, and texts by their first 18
//! bytes: three numbers of six digits to the base 257, in which a byte is its value and one, and the end of the text is 0. The
//! order of such numbers is that of the texts, so that dates and names are found exactly; where longer texts agree so far,
//! a condition lets them pass and the search looks at what it found once more.

use index::{Attributes, Comparison, Filter, Value};
use serde::Serialize;
use serde_json::json;

/// Fields that Qdrant has an index of, and their kinds.
pub(super) const FIELDS: [(&str, &str); 3] =
    [("equal", "keyword"), ("order[].field", "keyword"), ("order[].value", "float")];

/// Bytes of a text in one number: 257^6 is below 2^53.
const BYTES: usize = 6;

/// Numbers of a text.
const PARTS: usize = 3;

/// What filters look at.
#[derive(Debug, Default, Serialize)]
pub(super) struct LookedAt {
    equal: Vec<String>,
    order: Vec<Ordered>,
}

#[derive(Debug, Serialize)]
struct Ordered {
    field: String,
    value: f64,
}

impl LookedAt {
    pub(super) fn of(attributes: &Attributes) -> Self {
        let order = attributes.iter().flat_map(|(key, value)| match value {
            Value::Flag(_) => Vec::new(),
            Value::Number(value) => vec![Ordered { field: number_field(key), value: *value }],
            Value::Text(text) => parts(text)
                .enumerate()
                .map(|(place, value)| Ordered { field: text_field(key, place), value })
                .collect(),
        });
        let equal = attributes.iter().map(|(key, value)| token(key, value));
        Self { equal: equal.collect(), order: order.collect() }
    }
}

/// A filter of Qdrant for a filter of ours. It holds of every point of which ours holds.
pub(super) fn condition(filter: &Filter) -> serde_json::Value {
    match filter {
        Filter::Attribute { key, comparison } => of_attribute(key, comparison),
        Filter::All(filters) => all(&filters.iter().map(condition).collect::<Vec<_>>()),
        Filter::Any(filters) => any(&filters.iter().map(condition).collect::<Vec<_>>()),
    }
}

fn of_attribute(key: &str, comparison: &Comparison) -> serde_json::Value {
    match comparison {
        Comparison::Equal(value) => one_of(key, std::slice::from_ref(value)),
        Comparison::NotEqual(value) => not(&one_of(key, std::slice::from_ref(value))),
        Comparison::In(list) => one_of(key, list),
        Comparison::NotIn(list) => not(&one_of(key, list)),
        Comparison::Above(value) => ordered(key, value, "gt", comparison),
        Comparison::AtLeast(value) => ordered(key, value, "gte", comparison),
        Comparison::Below(value) => ordered(key, value, "lt", comparison),
        Comparison::AtMost(value) => ordered(key, value, "lte", comparison),
    }
}

fn all(conditions: &[serde_json::Value]) -> serde_json::Value {
    json!({ "must": conditions })
}

/// Qdrant takes an empty list for a condition that always holds.
fn any(conditions: &[serde_json::Value]) -> serde_json::Value {
    if conditions.is_empty() { never() } else { json!({ "should": conditions }) }
}

fn not(condition: &serde_json::Value) -> serde_json::Value {
    json!({ "must_not": [condition] })
}

fn never() -> serde_json::Value {
    all(&[json!({ "has_id": [] })])
}

fn one_of(key: &str, list: &[Value]) -> serde_json::Value {
    if list.is_empty() {
        return never();
    }
    let tokens = list.iter().map(|value| token(key, value)).collect::<Vec<_>>();
    all(&[json!({ "key": "equal", "match": { "any": tokens } })])
}

fn ordered(key: &str, value: &Value, sign: &str, comparison: &Comparison) -> serde_json::Value {
    match value {
        Value::Flag(_) => {
            let flags = [false, true].map(Value::Flag);
            let held = flags.into_iter().filter(|flag| comparison.holds(flag));
            one_of(key, &held.collect::<Vec<_>>())
        }
        Value::Number(number) => range(&number_field(key), sign, *number),
        Value::Text(text) => text_order(key, text, sign),
    }
}

/// Either the first numbers agree and the next one decides, or all agree.
fn text_order(key: &str, text: &str, sign: &str) -> serde_json::Value {
    let parts = parts(text).collect::<Vec<_>>();
    let strict = &sign[..2];
    let mut ways = Vec::new();
    let mut agree = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let field = text_field(key, place);
        let decided = range(&field, strict, *part);
        ways.push(all(&[&agree[..], &[decided]].concat()));
        agree.push(all(&[range(&field, "gte", *part), range(&field, "lte", *part)]));
    }
    let is_cut = text.len() >= BYTES * PARTS;
    if sign.ends_with('e') || is_cut {
        ways.push(all(&agree));
    }
    any(&ways)
}

/// That the number under a name is above or below another.
fn range(field: &str, sign: &str, value: f64) -> serde_json::Value {
    let within = [
        json!({ "key": "field", "match": { "value": field } }),
        json!({ "key": "value", "range": { sign: value } }),
    ];
    all(&[json!({ "nested": { "key": "order", "filter": { "must": within } } })])
}

fn token(key: &str, value: &Value) -> String {
    // Both zeros are equal.
    let zero = Value::Number(0.0);
    let value = if *value == zero { &zero } else { value };
    json!([key, value]).to_string()
}

fn number_field(key: &str) -> String {
    format!("n{key}")
}

/// The field of a text's number at a place.
fn text_field(key: &str, place: usize) -> String {
    format!("{place}{key}")
}

/// The numbers of a text, up to the one that holds its end.
fn parts(text: &str) -> impl Iterator<Item = f64> {
    let bytes = text.as_bytes();
    let count = (bytes.len() / BYTES + 1).min(PARTS);
    (0..count).map(move |place| {
        let digit =
            |at: usize| bytes.get(place * BYTES + at).map_or(0, |byte| u64::from(*byte) + 1);
        (0..BYTES).fold(0, |number, at| number * 257 + digit(at)) as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_have_the_order_of_their_texts(
            one in "[ab\u{0}\u{10ffff}]{0,7}",
            other in "[ab\u{0}\u{10ffff}]{0,7}",
        ) {
            let (left, right) = (parts(&one).collect::<Vec<_>>(), parts(&other).collect::<Vec<_>>());
            let order = left.partial_cmp(&right).expect("they are numbers");
            let cut = |text: &str| text.as_bytes().iter().copied().take(BYTES * PARTS).collect::<Vec<_>>();
            prop_assert_eq!(order, cut(&one).cmp(&cut(&other)));
        }
    }

    #[test]
    fn a_number_holds_six_bytes_exactly() {
        let largest = parts("\u{10ffff}\u{10ffff}").next().expect("there is one");
        assert!(largest < (1_u64 << f64::MANTISSA_DIGITS) as f64);
        assert_ne!(parts("aaaaaa").next(), parts("aaaaab").next());
    }

    #[test]
    fn zeros_are_one_value_and_kinds_are_not() {
        assert_eq!(token("a", &Value::Number(-0.0)), token("a", &Value::Number(0.0)));
        assert_ne!(token("a", &Value::Number(7.0)), token("a", &Value::Text("7.0".to_owned())));
        assert_ne!(token("a", &Value::Flag(true)), token("a", &Value::Text("true".to_owned())));
    }
}
