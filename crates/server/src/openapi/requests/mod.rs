//! Schemas of requests: exactly what the parsers in `fields`, `input`, `labels` and `endpoints` take.
//!
//! Where a parser tells two dialects apart by a key, there is one schema for each, so that no schema allows a mixture
//! whose parts would have to agree.

mod accounts;
mod batches;
mod chat;
mod files;
mod inputs;
mod label_sets;
mod vector_stores;

use serde_json::{Map, Value, json};

use super::Facts;

/// A component and its name.
pub(super) struct Named(&'static str, Value);

/// All request schemas and what they are made of.
pub(super) fn schemas(facts: &Facts) -> Vec<(&'static str, Value)> {
    let own = vec![
        Named("Model", model(facts)),
        Named("Template", template()),
        Named("Label", label()),
        Named("EmbeddingsRequest", embeddings(facts)),
        Named("ClassifyRequest", classify(facts)),
        Named("ModerationsRequest", moderations()),
        Named("RerankRequest", rerank(facts)),
        Named("ScoreRequest", score()),
        Named("HuggingFaceRequest", huggingface(facts)),
        Named("FileRequest", files::file()),
        Named("BatchRequest", batches::batch()),
        Named("KeyRequest", accounts::key()),
        Named("KeyChange", accounts::key_change()),
        Named("SignUpRequest", accounts::sign_up()),
        Named("ConfirmRequest", accounts::confirm()),
    ];
    let all = own.into_iter().chain(inputs::schemas(facts)).chain(chat::schemas(facts));
    let all = all.chain(label_sets::schemas(facts)).chain(vector_stores::schemas(facts));
    all.map(|Named(name, schema)| (name, schema)).collect()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A schema or `null`, which is the same as no field.
fn optional(schema: Value) -> Value {
    Value::Object(Map::from_iter([(
        "anyOf".to_owned(),
        Value::Array(vec![schema, json!({ "type": "null" })]),
    )]))
}

fn described(description: &str, mut schema: Value) -> Value {
    schema["description"] = description.into();
    schema
}

/// One of a few words, or none.
fn word(words: &[&str]) -> Value {
    let words = words.iter().map(|&word| Value::from(word));
    json!({ "enum": words.chain([Value::from(""), Value::Null]).collect::<Vec<_>>() })
}

/// A whole number from `least`, or none.
fn whole(least: u64, most: Option<usize>) -> Value {
    let mut number = json!({ "type": "integer", "minimum": least });
    if let Some(most) = most {
        number["maximum"] = most.into();
    }
    json!({ "anyOf": [number, { "type": "null" }, { "const": "" }] })
}

fn fraction() -> Value {
    optional(json!({ "type": "number", "minimum": 0, "maximum": 1 }))
}

fn flag() -> Value {
    json!({ "type": ["boolean", "null"] })
}

/// A text or texts.
fn texts() -> Value {
    json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
}

/// A field that is taken and has no effect.
fn passed_over(what: &str) -> Value {
    json!({ "description": format!("{what} Taken and passed over.") })
}

fn user() -> Value {
    passed_over("Who the caller's own customer is.")
}

/// An object whose `required` properties must be there.
fn object(required: &[&str], properties: Map<String, Value>) -> Value {
    let mut object = json!({ "type": "object", "required": required });
    object["properties"] = Value::Object(properties);
    object
}

fn properties(properties: Value) -> Map<String, Value> {
    match properties {
        Value::Object(map) => map,
        _ => unreachable!("properties are written as an object"),
    }
}

/// One schema for each way to give the inputs, each with the properties that all share.
fn forms(description: &str, ways: Vec<(Vec<&str>, Value)>, shared: &Value) -> Value {
    let form = |(required, own): (Vec<&str>, Value)| {
        let mut all = properties(own);
        all.extend(properties(shared.clone()));
        object(&required, all)
    };
    json!({ "description": description, "anyOf": ways.into_iter().map(form).collect::<Vec<_>>() })
}

fn model(facts: &Facts) -> Value {
    let names = facts.models.iter().map(|name| Value::from(name.as_str()));
    let names = names.chain([Value::from(""), Value::Null]).collect::<Vec<_>>();
    json!({ "description": "A served model or an alias; the first one when absent.", "enum": names })
}

fn template() -> Value {
    let sets = model::templates::set_names().collect::<Vec<_>>();
    json!({
        "description": "A sentence with `{}` where the label stands, or the name of a built-in set.",
        "anyOf": [{ "enum": sets }, { "type": "string", "pattern": r"\{c?\}" }],
    })
}

fn templates() -> Value {
    let template = reference("Template");
    json!({
        "description": "Sentences around the labels; `auto` when absent.",
        "anyOf": [template, { "type": "array", "items": template }, { "type": "null" }],
    })
}

/// Not blank, in the sense of Unicode.
const VISIBLE: &str = "[^\\u0009-\\u000d\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";

fn label() -> Value {
    let name = json!({ "type": "string", "minLength": 1 });
    let own = described(
        "Sentences that stand for the label instead of the templates.",
        optional(texts()),
    );
    json!({
        "anyOf": [
            { "type": "string", "pattern": VISIBLE },
            object(&["name"], properties(json!({ "name": name, "prompts": own }))),
        ],
    })
}

/// The ways to give inputs that `/v1/embeddings` and `/v1/classify` share.
fn ways() -> Vec<(Vec<&'static str>, Value)> {
    vec![
        (vec!["input"], json!({ "input": reference("Input"), "modality": word(&["text"]) })),
        (
            vec!["input", "modality"],
            json!({
                "input": reference("ImageInput"),
                "modality": described("Plain strings are images.", json!({ "const": "image" })),
            }),
        ),
        (vec!["inputs"], json!({ "inputs": reference("Input"), "modality": word(&["text"]) })),
        (
            vec!["texts"],
            json!({ "texts": reference("Input"), "images": optional(images_beside()) }),
        ),
        (vec!["images"], json!({ "images": reference("ImageInput") })),
        (vec!["messages"], json!({ "messages": reference("Messages") })),
    ]
}

/// Images beside texts, of which there may be none.
fn images_beside() -> Value {
    let list = json!({ "type": "array", "items": reference("Image") });
    json!({ "anyOf": [reference("Image"), list] })
}

fn on_error() -> Value {
    let description =
        "`fail`: one bad input fails the request. `item`: its place in `data` has the error.";
    described(description, word(&["fail", "item"]))
}

fn embeddings(facts: &Facts) -> Value {
    let shared = json!({
        "model": reference("Model"),
        "encoding_format": described("`base64` is of little-endian 32-bit floats.", word(&["float", "base64"])),
        "dimensions": described("So many first numbers, of length 1 again.", whole(1, facts.dimensions)),
        "on_error": on_error(),
        "user": user(),
    });
    forms("Texts and images, in any of the ways that clients have.", ways(), &shared)
}

fn classify(facts: &Facts) -> Value {
    let labels = json!({
        "type": "array", "minItems": 1, "maxItems": facts.limits.labels,
        "items": reference("Label"),
    });
    let own = json!({
        "labels": labels,
        "label_set": { "enum": ["", null] },
        "templates": templates(),
        "multi_label": described("Each label on its own; `score` is then its probability.", flag()),
    });
    let nothing = || json!({ "type": "null" });
    let of_set = json!({
        "label_set": described("`ls_x`, `ls_x@3` or `ls_x@production`, in place of labels.", json!({ "type": "string", "minLength": 1 })),
        "labels": nothing(), "templates": nothing(), "multi_label": nothing(),
    });
    let shared = json!({
        "model": reference("Model"),
        "threshold": described("From which score a label is selected.", fraction()),
        "top_k": described("How many labels are shown, best first.", whole(1, None)),
        "on_error": on_error(),
        "user": user(),
    });
    let with = |name: &'static str, more: Value| {
        ways().into_iter().map(move |(mut required, inputs): (Vec<&'static str>, Value)| {
            required.push(name);
            let mut all = properties(inputs);
            all.extend(properties(more.clone()));
            (required, Value::Object(all))
        })
    };
    let ways = with("labels", own).chain(with("label_set", of_set)).collect();
    forms("Texts and images, and what they may show.", ways, &shared)
}

fn moderations() -> Value {
    let set = optional(json!({ "type": "string" }));
    let fields = json!({
        "input": reference("Input"), "model": reference("Model"), "user": user(),
        "label_set": described("`ls_x@3`, whose labels are categories too.", set),
    });
    object(&["input"], properties(fields))
}

fn rerank(facts: &Facts) -> Value {
    let documents = json!({
        "type": "array", "minItems": 1, "items": reference("Item"),
        "description": format!("At most {} parts in all.", facts.limits.inputs),
    });
    let fields = json!({
        "query": reference("Query"),
        "documents": documents,
        "model": reference("Model"),
        "top_n": described("How many documents come back.", whole(1, None)),
        "return_documents": described("Whether they come back whole.", flag()),
        "user": user(),
        "max_tokens_per_doc": passed_over("Texts are cut to the model's length."),
        "max_chunks_per_doc": passed_over("A text is one chunk."),
        "rank_fields": passed_over("Documents have no fields."),
    });
    object(&["query", "documents"], properties(fields))
}

fn score() -> Value {
    let shared = json!({
        "model": reference("Model"), "user": user(),
        "encoding_format": passed_over("Scores are numbers."),
    });
    let side = |left: &'static str, right: &'static str| {
        let own = [(left, reference("Input")), (right, reference("Input"))];
        let own = own.into_iter().map(|(name, schema)| (name.to_owned(), schema));
        (vec![left, right], Value::Object(own.collect()))
    };
    let sides =
        vec![side("queries", "documents"), side("text_1", "text_2"), side("data_1", "data_2")];
    forms("One query and any number of documents, or as many queries as documents.", sides, &shared)
}

fn huggingface(facts: &Facts) -> Value {
    let labels = json!({ "anyOf": [
        { "type": "string", "description": "One label, or several with commas between." },
        {
            "type": "array", "minItems": 1, "maxItems": facts.limits.labels,
            "items": { "type": "string" },
        },
    ]});
    let sentence = json!({ "anyOf": [reference("Template"), { "type": "null" }, { "const": "" }] });
    let parameters = json!({
        "candidate_labels": labels,
        "hypothesis_template": described("`This is a photo of {}.` in the example of Hugging Face.", sentence),
    });
    let image = json!({ "anyOf": [
        reference("ImageSource"),
        object(&["image"], properties(json!({ "image": reference("ImageSource") }))),
    ]});
    let fields = json!({
        "inputs": image,
        "parameters": object(&["candidate_labels"], properties(parameters)),
        "options": passed_over("How Hugging Face's own servers wait and cache."),
    });
    object(&["inputs", "parameters"], properties(fields))
}
