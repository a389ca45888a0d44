//! `/v1/chat/completions`: one image, and labels.

use serde_json::{Value, json};

use super::{
    Facts, Named, described, flag, forms, fraction, inputs, object, optional, passed_over,
    properties, reference, templates, whole,
};

pub(super) fn schemas(facts: &Facts) -> Vec<Named> {
    vec![
        Named("ChatText", inputs::chat_text()),
        Named("ChatImage", inputs::chat_image()),
        Named("ChatMessages", messages()),
        Named("Choices", choices(facts)),
        Named("LabelProperty", label_property(facts)),
        Named("ResponseFormat", response_format()),
        Named("ChatRequest", request()),
    ]
}

/// Messages with exactly one image among their parts.
fn messages() -> Value {
    let text = json!({ "anyOf": [{ "type": "string" }, reference("ChatText")] });
    let image = reference("ChatImage");
    let texts = json!({ "anyOf": [
        { "type": "string" },
        { "type": "array", "minItems": 1, "items": text },
        { "type": "null" },
    ]});
    let role = || passed_over("Who speaks.");
    let without = object(&[], properties(json!({ "role": role(), "content": texts })));
    let parts = json!({
        "type": "array", "items": { "anyOf": [text, image] },
        "contains": image, "minContains": 1, "maxContains": 1,
    });
    let with = object(&["content"], properties(json!({ "role": role(), "content": parts })));
    json!({
        "description": "Exactly one part of all messages is an image; the texts are passed over.",
        "type": "array", "items": { "anyOf": [without, with] },
        "contains": with, "minContains": 1, "maxContains": 1,
    })
}

fn choices(facts: &Facts) -> Value {
    json!({ "anyOf": [
        { "type": "string" },
        { "type": "array", "minItems": 1, "maxItems": facts.limits.labels, "items": { "type": "string" } },
    ]})
}

fn label_property(facts: &Facts) -> Value {
    let one = json!({
        "type": "object", "required": ["enum"],
        "properties": { "enum": {
            "type": "array", "minItems": 1, "maxItems": facts.limits.labels, "items": { "type": "string" },
        }},
    });
    let several = json!({
        "type": "object", "required": ["type", "items"],
        "properties": { "type": { "const": "array" }, "items": one },
    });
    let only = json!({
        "type": "object", "required": ["const"], "properties": { "const": { "type": "string" } },
    });
    json!({
        "description": "The labels: the best one is given, of an array all that are likely enough.",
        "anyOf": [one, several, only],
    })
}

fn response_format() -> Value {
    let schema = json!({
        "description": "A JSON schema of an object. At least one property is an enum of strings or an array of one, whatever its name; a number beside it is the score.",
        "type": "object", "required": ["properties"],
        "properties": { "properties": {
            "type": "object", "required": ["label"],
            "properties": { "label": reference("LabelProperty") },
        }},
    });
    let wrapper = json!({
        "name": passed_over("The schema's name."),
        "strict": passed_over("The answer always fits the schema."),
        "schema": schema,
    });
    let fields = json!({
        "type": { "const": "json_schema" },
        "json_schema": object(&["schema"], properties(wrapper)),
    });
    object(&["type", "json_schema"], properties(fields))
}

fn request() -> Value {
    let stream_options = object(&[], properties(json!({ "include_usage": flag() })));
    let shared = json!({
        "model": reference("Model"),
        "messages": reference("ChatMessages"),
        "threshold": described("From which probability a label of an array is given; 0.5 when absent.", fraction()),
        "n": { "enum": [1, "", null] },
        "stream": described("Whether the answer comes as events.", flag()),
        "stream_options": optional(stream_options),
        "logprobs": described("Whether the labels' log-probabilities come with the answer.", flag()),
        "top_logprobs": described("Of how many labels.", whole(0, None)),
        "temperature": passed_over("Nothing is drawn."),
        "max_tokens": passed_over("Nothing is generated."),
        "user": super::user(),
    });
    let label_set = described(
        "`ls_x@3`, in place of a schema: a property for each of its groups.",
        json!({ "type": "string", "minLength": 1 }),
    );
    let nothing = || json!({ "type": "null" });
    let structured = object(&["choice"], properties(json!({ "choice": reference("Choices") })));
    let ways = vec![
        (
            vec!["messages", "response_format"],
            json!({ "response_format": reference("ResponseFormat"), "templates": templates() }),
        ),
        (
            vec!["messages", "metadata"],
            json!({
                "metadata": object(&["label_set"], properties(json!({ "label_set": label_set }))),
                "response_format": nothing(), "guided_choice": nothing(), "structured_outputs": nothing(),
                "templates": nothing(),
            }),
        ),
        (
            vec!["messages", "guided_choice"],
            json!({ "guided_choice": reference("Choices"), "templates": templates() }),
        ),
        (
            vec!["messages", "structured_outputs"],
            json!({ "structured_outputs": structured, "templates": templates() }),
        ),
    ];
    forms("A picture, and the labels of which one or several are the answer.", ways, &shared)
}
