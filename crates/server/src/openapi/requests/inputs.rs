//! Texts, images and lists of them, as `input` reads them.

use serde_json::{Value, json};

use super::{Facts, Named, described, object, optional, passed_over, properties, reference};

/// Ids that `cl100k_base` has beyond its merges.
const SPECIAL_TOKENS: [u32; 5] = [100_257, 100_258, 100_259, 100_260, 100_276];

/// The names that Jina and OpenAI give an image. Voyage's are said in words: a form for each would only repeat these.
const IMAGE_NAMES: [&str; 2] = ["image", "image_url"];

pub(super) fn schemas(facts: &Facts) -> Vec<Named> {
    let most = facts.limits.inputs;
    let text = json!({
        "type": "string",
        "description": "A text, which may be empty; a data URI of an image is that image.",
    });
    let list = |items: &Value| {
        json!({
            "type": "array", "minItems": 1, "items": items,
            "description": format!("At most {most} parts in all; with more the request is 400."),
        })
    };
    let item = json!({ "anyOf": [text, reference("TokenIds"), reference("Part")] });
    let image = json!({ "anyOf": [reference("ImageSource"), reference("Part")] });
    vec![
        Named("TokenIds", token_ids()),
        Named("ImageSource", image_source()),
        Named("ImageValue", image_value()),
        Named("Part", part()),
        Named("Content", content()),
        Named("Messages", messages()),
        Named("Item", item),
        Named("Input", json!({ "anyOf": [reference("Item"), list(&reference("Item"))] })),
        Named("Image", image),
        Named("ImageInput", json!({ "anyOf": [reference("Image"), list(&reference("Image"))] })),
        Named("QueryPart", query_part()),
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
        "description": "An http(s) URL, a data URI, base64, or `sha256:` and the hash of an image that the server has seen. Anything else is 400; what is no image is 415, a broken image 422, an unknown hash 404. With `on_error: \"item\"` these are errors of the item alone.",
        "type": "string", "format": "image-source",
        "examples": [crate::openapi::examples::RED],
    })
}

fn image_value() -> Value {
    let url = json!({ "url": reference("ImageSource"), "detail": passed_over("The size that a model sees.") });
    json!({ "anyOf": [reference("ImageSource"), object(&["url"], properties(url))] })
}

/// A field of a part: its own schema, and the one that it has beside another field.
struct Field {
    name: &'static str,
    own: Value,
    beside: Value,
}

impl Field {
    fn text(beside: Value) -> Self {
        Self { name: "text", own: json!({ "type": "string" }), beside }
    }

    fn images(beside: &Value) -> impl Iterator<Item = Self> {
        let field = |name| Self { name, own: reference("ImageValue"), beside: beside.clone() };
        IMAGE_NAMES.into_iter().map(field)
    }
}

/// An object with the first `forms` of the fields or more: one form for each field that must be there.
fn any_field(forms: usize, fields: &[Field]) -> Value {
    let form = |required: &Field| {
        let mut all = properties(json!({ "type": passed_over("Which field there is.") }));
        for field in fields {
            let is_own = field.name == required.name;
            let schema = if is_own { &field.own } else { &field.beside };
            all.insert(field.name.to_owned(), schema.clone());
        }
        object(&[required.name], all)
    };
    json!({ "anyOf": fields[..forms].iter().map(form).collect::<Vec<_>>() })
}

fn nothing() -> Value {
    json!({ "type": "null" })
}

/// A text and images beside another part.
fn text_and_images() -> Vec<Field> {
    let text = Field::text(optional(json!({ "type": "string" })));
    std::iter::once(text).chain(Field::images(&optional(reference("ImageSource")))).collect()
}

fn part() -> Value {
    let description = "A text, an image (`image_base64` and `input_image` are other names of `image`), or the content of a message; each that there is gets a vector of its own.";
    let mut fields = text_and_images();
    fields.push(Field {
        name: "content",
        own: reference("Content"),
        beside: optional(json!({ "type": "string" })),
    });
    described(description, any_field(4, &fields))
}

/// A text or parts.
fn content() -> Value {
    let part = json!({ "anyOf": [{ "type": "string" }, any_field(3, &text_and_images())] });
    json!({ "anyOf": [{ "type": "string" }, { "type": "array", "minItems": 1, "items": part }] })
}

fn messages() -> Value {
    let fields = json!({ "role": passed_over("Who speaks."), "content": reference("Content") });
    json!({ "type": "array", "minItems": 1, "items": object(&["content"], properties(fields)) })
}

fn query_part() -> Value {
    let content = json!({ "anyOf": [
        { "type": "string" },
        { "type": "array", "minItems": 1, "maxItems": 1, "items": { "type": "string" } },
    ]});
    let mut fields = vec![Field::text(nothing())];
    fields.extend(Field::images(&nothing()));
    fields.push(Field { name: "content", own: content, beside: nothing() });
    any_field(4, &fields)
}

/// Exactly one part.
fn query(text: &Value) -> Value {
    let one = [text.clone(), reference("TokenIds"), reference("QueryPart")];
    let list = json!({ "type": "array", "minItems": 1, "maxItems": 1, "items": { "anyOf": one } });
    let mut any = one.to_vec();
    any.push(list);
    described("One text or one image.", json!({ "anyOf": any }))
}

/// A part of a message that is no image.
pub(super) fn chat_text() -> Value {
    let mut fields = vec![Field::text(nothing())];
    fields.extend(Field::images(&nothing()));
    any_field(1, &fields)
}

/// A part of a message that is one image.
pub(super) fn chat_image() -> Value {
    let mut fields = Field::images(&nothing()).collect::<Vec<_>>();
    fields.push(Field::text(optional(json!({ "type": "string" }))));
    any_field(2, &fields)
}
