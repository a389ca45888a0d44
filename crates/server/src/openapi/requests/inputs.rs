//! Texts, images and lists of them, as `input` reads them.

use serde_json::{Value, json};

use super::{Facts, Named, described, object, properties, reference};

/// Every string that can be an image, and many that cannot: the bytes decide.
const IMAGE: &str = "^([Hh][Tt][Tt][Pp][Ss]?://|[Dd][Aa][Tt][Aa]:[^,]*;[Bb][Aa][Ss][Ee]64,|sha256:[0-9A-Fa-f]{64}$|file-|[A-Za-z0-9+/_=\\-\\s]+$)";

/// Ids that cl100k_base has beyond its merges.
const SPECIAL_TOKENS: [u32; 5] = [100_257, 100_258, 100_259, 100_260, 100_276];

pub(super) fn schemas(facts: &Facts) -> Vec<Named> {
    let item = ["TokenIds", "TextObject", "ImageObject", "ContentObject"].map(reference);
    let text = json!({
        "type": "string",
        "description": "A text, which may be empty; a data URI of an image is that image.",
    });
    let any_of = |first: &[Value], rest: &[Value]| json!({ "anyOf": ([first, rest].concat()) });
    let list = |items: Value| json!({ "type": "array", "minItems": 1, "maxItems": facts.limits.inputs, "items": items });
    let image_items = any_of(&[reference("ImageSource")], &item[1..]);
    vec![
        Named("TokenIds", token_ids()),
        Named("ImageSource", image_source()),
        Named("ImageValue", image_value()),
        Named("TextObject", text_object()),
        Named("ImageObject", image_object()),
        Named("ContentObject", content_object()),
        Named("Messages", messages()),
        Named("Item", any_of(std::slice::from_ref(&text), &item)),
        Named("Input", any_of(&[reference("Item"), list(reference("Item"))], &[])),
        Named("ImageInput", any_of(&[image_items.clone(), list(image_items)], &[])),
        Named("Query", query(&text)),
    ]
}

fn token_ids() -> Value {
    json!({
        "description": "A text as ids of OpenAI's encoding cl100k_base.",
        "type": "array", "minItems": 1,
        "items": { "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": 100_255 },
            { "enum": SPECIAL_TOKENS },
        ]},
    })
}

fn image_source() -> Value {
    json!({
        "description": "An http(s) URL, a data URI, base64, or `sha256:` and the hash of an image that the server has seen. Anything else is 400; what is no image is 415, a broken image 422, an unknown hash 404.",
        "type": "string", "format": "image-source", "pattern": IMAGE,
        "examples": [super::super::examples::RED],
    })
}

fn image_value() -> Value {
    let url = json!({ "url": reference("ImageSource"), "detail": super::passed_over("The size that a model sees.") });
    json!({ "anyOf": [reference("ImageSource"), object(&["url"], properties(url))] })
}

/// Fields that only repeat which key there is.
fn kind() -> Value {
    super::passed_over("Which key there is.")
}

fn text_object() -> Value {
    let fields = json!({ "type": kind(), "text": { "type": "string" } });
    object(&["text"], properties(fields))
}

fn image_object() -> Value {
    let names = ["image", "image_url", "image_base64", "input_image"];
    let form = |name: &str| {
        let mut fields = properties(json!({ "type": kind() }));
        fields.insert(name.to_owned(), reference("ImageValue"));
        object(&[name], fields)
    };
    let description = "An image under the name that Jina, OpenAI and Voyage give it.";
    described(description, json!({ "anyOf": names.map(form) }))
}

/// A text or parts.
fn content() -> Value {
    let part = json!({ "anyOf": [
        { "type": "string" }, reference("TextObject"), reference("ImageObject"),
    ]});
    json!({ "anyOf": [{ "type": "string" }, { "type": "array", "minItems": 1, "items": part }] })
}

fn content_object() -> Value {
    let description = "Parts; each gets a vector of its own.";
    described(description, object(&["content"], properties(json!({ "content": content() }))))
}

fn messages() -> Value {
    let fields = json!({ "role": super::passed_over("Who speaks."), "content": content() });
    json!({ "type": "array", "minItems": 1, "items": object(&["content"], properties(fields)) })
}

/// Exactly one part.
fn query(text: &Value) -> Value {
    let part = json!({ "anyOf": [{ "type": "string" }, reference("TextObject"), reference("ImageObject")] });
    let parts = json!({ "content": { "anyOf": [
        { "type": "string" }, { "type": "array", "minItems": 1, "maxItems": 1, "items": part },
    ]}});
    let one = [
        text.clone(),
        reference("TokenIds"),
        reference("TextObject"),
        reference("ImageObject"),
        object(&["content"], properties(parts)),
    ];
    let list = json!({ "type": "array", "minItems": 1, "maxItems": 1, "items": { "anyOf": one } });
    let mut any = one.to_vec();
    any.push(list);
    described("One text or one image.", json!({ "anyOf": any }))
}
