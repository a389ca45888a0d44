//! The labels that a chat request asks for: the enums of a JSON schema, or vLLM's list of choices.

use model::{GroupMode, LabelGroup};
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::fields::Fields;
use crate::label_sets::LabelSet;

/// References in a schema that are followed, one inside another.
const MOST_REFERENCES: usize = 16;

/// Labels of which one or several are the answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    pub(super) labels: Vec<String>,
    kind: Kind,
    /// How many labels an array has at least.
    pub(super) least: usize,
    /// The field of the request that has them.
    pub(super) place: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    One,
    /// Of a label set's group, whose labels may all be too unlikely.
    OneOrNone,
    Several,
}

impl Question {
    /// Whether exactly one label is the answer.
    pub(super) fn single(&self) -> bool {
        self.kind != Kind::Several
    }

    /// Whether the answer may be null.
    pub(super) fn may_be_none(&self) -> bool {
        self.kind == Kind::OneOrNone
    }
}

/// A property of the answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Property {
    Question(Question),
    /// A number: the score of the first question's best label.
    Confidence,
}

/// The shape of the whole answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answers {
    /// The bare label.
    Plain(Question),
    /// A JSON object.
    Object(Vec<(String, Property)>),
}

impl Answers {
    /// Whether a request says what its labels are.
    pub(super) fn are_asked_for(fields: &Fields) -> bool {
        ["guided_choice", "structured_outputs", "response_format"]
            .iter()
            .any(|name| fields.has(name))
    }

    /// A property for each group of a label set: a label or null, of a multi group a list.
    pub(super) fn of_set(set: &LabelSet) -> Self {
        let property = |group: &LabelGroup| {
            let labels = group.labels.iter().map(|label| label.name.clone()).collect();
            let kind = match group.mode {
                GroupMode::Exclusive => Kind::OneOrNone,
                GroupMode::Multi => Kind::Several,
            };
            let place = "metadata.label_set".to_owned();
            (group.name.clone(), Property::Question(Question { labels, kind, least: 0, place }))
        };
        Self::Object(set.groups.iter().map(property).collect())
    }

    /// Takes `response_format`, `guided_choice` or `structured_outputs`.
    ///
    /// # Errors
    /// When none of them has labels, or the schema asks for what a classifier cannot say.
    pub(super) fn take(fields: &mut Fields, limit: usize) -> Result<Self, ApiError> {
        if let Some(labels) = fields.texts("guided_choice")? {
            return Ok(Self::plain(labels, "guided_choice"));
        }
        if let Some(outputs) = fields.take("structured_outputs") {
            let mut outputs = Fields::inner(outputs, "structured_outputs")?;
            let place = outputs.place("choice");
            if let Some(labels) = outputs.texts("choice")? {
                return Ok(Self::plain(labels, &place));
            }
        }
        let Some(format) = fields.take("response_format") else {
            return Err(no_labels(
                "there are no labels: give response_format a JSON schema with an enum",
            ));
        };
        let mut format = Fields::inner(format, "response_format")?;
        match format.text("type")?.as_deref() {
            Some("json_schema") => {}
            _ => {
                return Err(no_labels("response_format must be of type json_schema, with an enum"));
            }
        }
        let wrapper = format.take("json_schema").unwrap_or_default();
        let mut wrapper = Fields::inner(wrapper, "response_format.json_schema")?;
        let Some(Value::Object(root)) = wrapper.take("schema") else {
            return Err(no_labels("response_format.json_schema.schema is missing or no object"));
        };
        Schema { root: &root, limit }.answers()
    }

    fn plain(labels: Vec<String>, place: &str) -> Self {
        Self::Plain(Question { labels, kind: Kind::One, least: 1, place: place.to_owned() })
    }

    pub(super) fn questions(&self) -> Vec<&Question> {
        match self {
            Self::Plain(question) => vec![question],
            Self::Object(properties) => {
                let question = |property| match property {
                    &(_, Property::Question(ref question)) => Some(question),
                    (_, Property::Confidence) => None,
                };
                properties.iter().filter_map(question).collect()
            }
        }
    }
}

struct Schema<'a> {
    root: &'a Map<String, Value>,
    limit: usize,
}

impl Schema<'_> {
    fn answers(&self) -> Result<Answers, ApiError> {
        let Some(Value::Object(properties)) = self.root.get("properties") else {
            return Err(no_labels("the schema has no properties; one of them must be an enum"));
        };
        let required = self.root.get("required").and_then(Value::as_array);
        let is_required = |name: &str| {
            required.is_some_and(|names| names.iter().any(|required| required == name))
        };
        let mut found = Vec::new();
        for (name, schema) in properties {
            if let Some(property) = self.property(schema)? {
                found.push((name.clone(), property));
            } else if is_required(name) {
                let message = format!(
                    "the property {name:?} is neither an enum, an array of an enum, nor a number; a classifier cannot fill it"
                );
                return Err(no_labels(message));
            }
        }
        if found.iter().any(|(_, property)| matches!(property, Property::Question(_))) {
            return Ok(Answers::Object(found));
        }
        Err(no_labels("no property of the schema is an enum of strings"))
    }

    fn property(&self, schema: &Value) -> Result<Option<Property>, ApiError> {
        let Some(schema) = self.resolved(schema) else { return Ok(None) };
        if let Some(labels) = self.labels(schema) {
            return self.question(labels, Kind::One, 1).map(Some);
        }
        let kind = schema.get("type").and_then(Value::as_str);
        if kind == Some("array") {
            let items = schema.get("items").and_then(|items| self.resolved(items));
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0) as usize;
            if let Some(labels) = items.and_then(|items| self.labels(items)) {
                return self.question(labels, Kind::Several, least).map(Some);
            }
        }
        Ok((kind == Some("number")).then_some(Property::Confidence))
    }

    fn question(
        &self,
        labels: Vec<String>,
        kind: Kind,
        least: usize,
    ) -> Result<Property, ApiError> {
        if labels.len() > self.limit {
            let message = format!("{} labels; the limit is {}", labels.len(), self.limit);
            return Err(no_labels(message));
        }
        let place = "response_format".to_owned();
        Ok(Property::Question(Question { labels, kind, least, place }))
    }

    /// The strings of `enum`, or the one of `const`.
    fn labels(&self, schema: &Map<String, Value>) -> Option<Vec<String>> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(only) = schema.get("const") {
            return text(only).map(|label| vec![label]);
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            let labels = values.iter().filter(|value| !value.is_null()).map(text);
            return labels.collect::<Option<Vec<_>>>().filter(|labels| !labels.is_empty());
        }
        // A field that may be null, or a union of literals.
        let Some(Value::Array(options)) = schema.get("anyOf") else { return None };
        let options = options.iter().filter_map(|option| self.resolved(option));
        let options = options.filter(|option| option.get("type").is_none_or(|kind| kind != "null"));
        let plain = |option: &Map<String, Value>| !option.contains_key("anyOf");
        let labels = options.map(|option| if plain(option) { self.labels(option) } else { None });
        let labels = labels.collect::<Option<Vec<_>>>()?.concat();
        (!labels.is_empty()).then_some(labels)
    }

    /// The schema that `{"$ref": "#/$defs/Name"}` stands for, or the schema itself.
    fn resolved<'s>(&'s self, mut schema: &'s Value) -> Option<&'s Map<String, Value>> {
        for _ in 0..MOST_REFERENCES {
            let object = schema.as_object()?;
            // `allOf` of one is how older generators put a description beside a reference.
            if let Some(Value::Array(all)) = object.get("allOf")
                && let [only] = all.as_slice()
            {
                schema = only;
                continue;
            }
            let Some(reference) = object.get("$ref").and_then(Value::as_str) else {
                return Some(object);
            };
            let (section, name) = reference.strip_prefix("#/")?.split_once('/')?;
            schema = self.root.get(section)?.get(name)?;
        }
        None
    }
}

fn no_labels(message: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::invalid("missing_labels", message).at("response_format")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn take(body: &Value) -> Result<Answers, ApiError> {
        Answers::take(&mut Fields::parse(body.to_string().as_bytes()).unwrap(), 100)
    }

    #[expect(clippy::needless_pass_by_value, reason = "literals read better")]
    fn schema(schema: Value) -> Result<Answers, ApiError> {
        take(
            &json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}),
        )
    }

    fn labels(answers: &Answers) -> Vec<Vec<String>> {
        answers.questions().iter().map(|question| question.labels.clone()).collect()
    }

    #[test]
    fn an_enum_is_found_directly_behind_a_reference_in_a_union_and_in_an_array() {
        let colour = json!({"type": "string", "enum": ["red", "blue"]});
        for property in [
            colour.clone(),
            json!({"$ref": "#/$defs/Colour"}),
            json!({"allOf": [{"$ref": "#/$defs/Colour"}], "description": "which"}),
            json!({"anyOf": [{"$ref": "#/$defs/Colour"}, {"type": "null"}]}),
            json!({"anyOf": [{"const": "red"}, {"const": "blue"}]}),
            json!({"enum": ["red", "blue", null]}),
            json!({"type": "array", "items": {"$ref": "#/$defs/Colour"}}),
        ] {
            let answers = schema(json!({
                "type": "object", "properties": {"a": property}, "$defs": {"Colour": colour}
            }));
            assert_eq!(labels(&answers.unwrap()), [["red", "blue"]], "{property}");
        }
    }

    #[test]
    fn several_properties_are_several_questions_and_numbers_are_confidences() {
        let answers = schema(json!({"type": "object", "required": ["a", "n"], "properties": {
            "a": {"enum": ["x", "y"]}, "b": {"const": "z"}, "n": {"type": "number"},
            "optional": {"type": "string"},
        }}));
        let Answers::Object(properties) = answers.unwrap() else { panic!("an object") };
        let names = properties.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["a", "b", "n"]);
        assert_eq!(properties[2].1, Property::Confidence);
    }

    #[test]
    fn properties_stay_in_the_order_of_the_schema() {
        let text = r#"{"response_format": {"type": "json_schema", "json_schema": {"schema": {"properties": {
            "label": {"enum": ["x"]}, "colour": {"enum": ["y"]}, "a": {"type": "number"}}}}}}"#;
        let answers = Answers::take(&mut Fields::parse(text.as_bytes()).unwrap(), 100).unwrap();
        let Answers::Object(properties) = answers else { panic!("an object") };
        let names = properties.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["label", "colour", "a"]);
    }

    #[test]
    fn what_a_classifier_cannot_say_is_refused() {
        for bad in [
            json!({"type": "object"}),
            json!({"type": "object", "properties": {}}),
            json!({"type": "object", "properties": {"n": {"type": "number"}}}),
            json!({"type": "object", "properties": {"a": {"enum": [1, 2]}}}),
            json!({"type": "object", "properties": {"a": {"enum": []}}}),
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}}),
            json!({"type": "object", "required": ["t"], "properties": {"a": {"enum": ["x"]}, "t": {"type": "string"}}}),
        ] {
            let error = schema(bad.clone()).unwrap_err();
            assert_eq!(error.object.param.as_deref(), Some("response_format"), "{bad}");
        }
        for bad in [
            json!({}),
            json!({"response_format": {"type": "text"}}),
            json!({"response_format": {"type": "json_object"}}),
        ] {
            assert_eq!(
                take(&bad).unwrap_err().object.param.as_deref(),
                Some("response_format"),
                "{bad}"
            );
        }
    }

    #[test]
    fn choices_are_answered_plainly() {
        let body = json!({"guided_choice": ["a", "b"]});
        assert!(
            matches!(take(&body).unwrap(), Answers::Plain(question) if question.labels == ["a", "b"])
        );
        let body = json!({"structured_outputs": {"choice": ["a"]}});
        assert!(
            matches!(take(&body).unwrap(), Answers::Plain(question) if question.labels == ["a"])
        );
    }
}
