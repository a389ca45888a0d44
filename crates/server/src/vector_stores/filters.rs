//! OpenAI's filters over attributes, as the index has them.

use index::{Comparison, Filter, Value as Attribute};
use serde_json::Value;

use crate::error::ApiError;
use crate::fields::{Fields, missing, wrong};

/// Conditions of a filter.
const MOST: usize = 256;

/// How deep they may be nested.
const DEEPEST: usize = 12;

const COMPARISONS: [&str; 8] = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"];

/// Takes `filters`: a comparison, or `and` and `or` of such.
///
/// # Errors
/// When it is neither, too large or too deep.
pub(crate) fn filter_of(fields: &mut Fields) -> Result<Option<Filter>, ApiError> {
    let place = fields.place("filters");
    let Some(value) = fields.take("filters") else { return Ok(None) };
    let mut left = MOST;
    filter(value, &place, DEEPEST, &mut left).map(Some)
}

fn filter(value: Value, place: &str, depth: usize, left: &mut usize) -> Result<Filter, ApiError> {
    let too_large = |what: &str| {
        let message = format!("{place}: {what}");
        Err(ApiError::invalid("invalid_filter", message).at(place))
    };
    let Some(depth) = depth.checked_sub(1) else {
        return too_large(&format!("filters are nested more than {DEEPEST} deep"));
    };
    let Some(rest) = left.checked_sub(1) else {
        return too_large(&format!("the limit is {MOST} filters"));
    };
    *left = rest;
    let mut fields = Fields::inner(value, place)?;
    let mut words = COMPARISONS.to_vec();
    words.extend(["and", "or"]);
    let Some(kind) = fields.word("type", &words)? else {
        return Err(missing(&fields.place("type"), &format!("one of {}", words.join(", "))));
    };
    if matches!(kind, "and" | "or") {
        let inner = fields.place("filters");
        let Some(values) = fields.list("filters")? else {
            return Err(missing(&inner, "a list of filters"));
        };
        let each = values.into_iter().enumerate();
        let each =
            each.map(|(index, value)| filter(value, &format!("{inner}[{index}]"), depth, left));
        let filters = each.collect::<Result<Vec<_>, _>>()?;
        return Ok(if kind == "and" { Filter::All(filters) } else { Filter::Any(filters) });
    }
    let key = fields.text("key")?;
    let key = key.ok_or_else(|| missing(&fields.place("key"), "the name of an attribute"))?;
    let inner = fields.place("value");
    let value = fields.take("value");
    let value = value.ok_or_else(|| missing(&inner, "a text, a number, true or false"))?;
    let comparison = if matches!(kind, "in" | "nin") {
        let Value::Array(values) = value else { return Err(wrong(&inner, &value, "a list")) };
        let each = values.into_iter().enumerate();
        let each = each.map(|(index, value)| attribute(value, &format!("{inner}[{index}]")));
        let values = each.collect::<Result<Vec<_>, _>>()?;
        if kind == "in" { Comparison::In(values) } else { Comparison::NotIn(values) }
    } else {
        let value = attribute(value, &inner)?;
        match kind {
            "eq" => Comparison::Equal(value),
            "ne" => Comparison::NotEqual(value),
            "gt" => Comparison::Above(value),
            "gte" => Comparison::AtLeast(value),
            "lt" => Comparison::Below(value),
            _ => Comparison::AtMost(value),
        }
    };
    Ok(Filter::Attribute { key, comparison })
}

fn attribute(value: Value, place: &str) -> Result<Attribute, ApiError> {
    match value {
        Value::Bool(flag) => Ok(Attribute::Flag(flag)),
        Value::String(text) => Ok(Attribute::Text(text)),
        Value::Number(ref number) => match number.as_f64().filter(|number| number.is_finite()) {
            Some(number) => Ok(Attribute::Number(number)),
            None => Err(wrong(place, &value, "a finite number")),
        },
        other => Err(wrong(place, &other, "a text, a number, true or false")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn take(filters: &Value) -> Result<Option<Filter>, ApiError> {
        filter_of(&mut Fields::of(json!({ "filters": filters })).unwrap())
    }

    #[test]
    fn comparisons_and_their_combinations_are_read() {
        let equal = |key: &str, value: Attribute| Filter::Attribute {
            key: key.to_owned(),
            comparison: Comparison::Equal(value),
        };
        let one = json!({ "type": "eq", "key": "a", "value": 1 });
        assert_eq!(take(&one).unwrap(), Some(equal("a", 1.0.into())));
        let both =
            json!({ "type": "or", "filters": [one, { "type": "eq", "key": "b", "value": false }] });
        let wanted = Filter::Any(vec![equal("a", 1.0.into()), equal("b", false.into())]);
        assert_eq!(take(&both).unwrap(), Some(wanted));
        assert_eq!(take(&Value::Null).unwrap(), None);
        let list = json!({ "type": "nin", "key": "a", "value": ["x", 2] });
        let comparison = Comparison::NotIn(vec!["x".into(), 2.0.into()]);
        assert_eq!(
            take(&list).unwrap(),
            Some(Filter::Attribute { key: "a".to_owned(), comparison })
        );
    }

    #[test]
    fn what_is_no_filter_is_refused_where_it_stands() {
        for (bad, place) in [
            (json!({ "key": "a", "value": 1 }), "filters.type"),
            (json!({ "type": "like", "key": "a", "value": 1 }), "filters.type"),
            (json!({ "type": "eq", "value": 1 }), "filters.key"),
            (json!({ "type": "eq", "key": "a" }), "filters.value"),
            (json!({ "type": "in", "key": "a", "value": 1 }), "filters.value"),
            (json!({ "type": "in", "key": "a", "value": [[]] }), "filters.value[0]"),
            (json!({ "type": "and", "filters": [1] }), "filters.filters[0]"),
            (json!({ "type": "and" }), "filters.filters"),
        ] {
            let error = take(&bad).unwrap_err();
            assert_eq!(error.object.param.as_deref(), Some(place), "{bad}");
        }
        let deep = (0..50).fold(
            json!({ "type": "eq", "key": "a", "value": 1 }),
            |inner, _| json!({ "type": "and", "filters": [inner] }),
        );
        assert_eq!(take(&deep).unwrap_err().code(), "invalid_filter");
        let wide = vec![json!({ "type": "eq", "key": "a", "value": 1 }); MOST];
        let wide = take(&json!({ "type": "and", "filters": wide })).unwrap_err();
        assert_eq!(wide.code(), "invalid_filter");
    }
}
