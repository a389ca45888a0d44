//! Label sets.

use serde_json::{Value, json};

use super::{
    Facts, Named, VISIBLE, described, forms, fraction, object, optional, properties, reference,
    templates, texts,
};

pub(super) fn schemas(facts: &Facts) -> Vec<Named> {
    vec![
        Named("SetLabel", label()),
        Named("LabelSetRequest", request(facts)),
        Named("LabelSetChange", change()),
    ]
}

fn name() -> Value {
    json!({ "type": "string", "pattern": VISIBLE, "maxLength": 200 })
}

/// An object in which nothing else may stand.
fn closed(required: &[&str], fields: Value) -> Value {
    let mut closed = object(required, properties(fields));
    closed["additionalProperties"] = false.into();
    closed
}

fn list(items: &Value, most: usize) -> Value {
    json!({ "type": "array", "maxItems": most, "items": items })
}

fn label() -> Value {
    let languages = json!({
        "type": "object", "additionalProperties": optional(texts()),
        "propertyNames": { "pattern": "^[A-Za-z0-9_-]{1,35}$" },
    });
    let prompts = json!({ "anyOf": [texts(), languages, { "type": "null" }] });
    let sentence = json!({ "type": "string" });
    let fields = json!({
        "name": name(),
        "prompts": described("Sentences that describe it, or lists of them by language; without any the templates around the name.", prompts),
        "negative_prompts": described("Sentences that describe what it is not.", optional(json!({ "anyOf": [sentence, list(&sentence, 64)] }))),
        "examples": described("Pictures of it. `sha256:` names one that an earlier version has.", optional(list(&reference("Image"), 64))),
        "threshold": described("From which probability it is selected.", fraction()),
    });
    json!({ "anyOf": [name(), closed(&["name"], fields)] })
}

fn request(facts: &Facts) -> Value {
    let labels = json!({
        "type": "array", "minItems": 1, "maxItems": facts.limits.labels,
        "items": reference("SetLabel"),
    });
    let mode = described(
        "`exclusive`: one of the labels holds. `multi`: each holds or not.",
        json!({ "enum": ["exclusive", "multi", "", null] }),
    );
    let group =
        closed(&["name", "labels"], json!({ "name": name(), "mode": mode, "labels": labels }));
    let groups = json!({ "type": "array", "minItems": 1, "items": group });
    let id = json!({ "type": "string", "minLength": 1, "pattern": "^[^@]*$" });
    let id = described("The set of which this is the next version; a new set without.", id);
    let alias = json!({ "type": "string", "pattern": "^[a-z][a-z0-9._-]{0,63}$" });
    let aliases =
        json!({ "anyOf": [alias, { "type": "array", "items": alias }, { "type": "null" }] });
    let shared = json!({
        "templates": templates(),
        "aliases": described("Names that this version gets.", aliases),
        "model": described("The model with which examples are embedded.", reference("Model")),
    });
    let none = || json!({ "type": "null" });
    let short = |required: &'static str, own: Value| {
        let mut fields = own;
        fields["labels"] = labels.clone();
        fields["mode"] = mode.clone();
        fields["groups"] = none();
        (vec![required, "labels"], fields)
    };
    let long = |required: &'static str, own: Value| {
        let mut fields = own;
        fields["groups"] = groups.clone();
        fields["labels"] = none();
        (vec![required, "groups"], fields)
    };
    let new = || json!({ "name": name(), "id": { "enum": ["", null] } });
    let next = || json!({ "id": id, "name": optional(name()) });
    let ways =
        vec![short("name", new()), long("name", new()), short("id", next()), long("id", next())];
    forms(
        "A label set, or its next version. No two labels may have the same name, nor two groups.",
        ways,
        &shared,
    )
}

fn change() -> Value {
    let version = json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "null" }] });
    let aliases = json!({
        "type": "object", "additionalProperties": version,
        "propertyNames": { "pattern": "^[a-z][a-z0-9._-]{0,63}$" },
    });
    let aliases =
        described("Names and the versions that they get; null takes a name off.", aliases);
    object(&["aliases"], properties(json!({ "aliases": aliases })))
}
