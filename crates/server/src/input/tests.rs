use serde_json::json;

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "literals read better")]
fn take(body: Value) -> Result<Inputs, ApiError> {
    Inputs::take(&mut Fields::parse(body.to_string().as_bytes()).unwrap(), 4)
}

fn parts(body: Value) -> Vec<Part> {
    take(body).unwrap().parts
}

fn text(part: &Part) -> &str {
    match part.content.as_ref().unwrap() {
        Content::Text(text) => text,
        Content::Image(source) => panic!("{source:?} is an image"),
    }
}

fn image(part: &Part) -> &ImageSource {
    match part.content.as_ref().unwrap() {
        Content::Image(source) => source,
        Content::Text(text) => panic!("{text:?} is a text"),
    }
}

const PIXEL: &[u8] = b"\xff\xd8\xffbytes";
const PIXEL_BASE64: &str = "/9j/Ynl0ZXM=";

#[test]
fn a_plain_string_is_a_text_unless_it_is_an_image_or_said_to_be_one() {
    assert_eq!(text(&parts(json!({"input": "a cat"}))[0]), "a cat");
    assert_eq!(text(&parts(json!({"input": ""}))[0]), "");
    assert_eq!(text(&parts(json!({"input": "http://a/b.png"}))[0]), "http://a/b.png");
    assert_eq!(text(&parts(json!({"input": "file-system"}))[0]), "file-system");
    let data = format!("DATA:image/png;base64,{PIXEL_BASE64}");
    assert_eq!(image(&parts(json!({"input": data}))[0]), &ImageSource::Bytes(PIXEL.into()));
    let as_images = parts(json!({"input": ["http://a/b.png", PIXEL_BASE64], "modality": "image"}));
    assert_eq!(image(&as_images[0]), &ImageSource::Url("http://a/b.png".to_owned()));
    assert_eq!(image(&as_images[1]), &ImageSource::Bytes(PIXEL.into()));
}

#[test]
fn every_dialect_of_an_image_is_read_and_keeps_its_place() {
    let data = format!("data:image/jpeg;base64,{PIXEL_BASE64}");
    for (body, place) in [
        (json!({"input": [{"image": PIXEL_BASE64}]}), "input[0].image"),
        (json!({"input": {"image": &data}}), "input.image"),
        (
            json!({"input": [{"type": "image_url", "image_url": {"url": &data}}]}),
            "input[0].image_url.url",
        ),
        (
            json!({"input": [{"content": [{"type": "image_url", "image_url": {"url": &data}}]}]}),
            "input[0].content[0].image_url.url",
        ),
        (
            json!({"inputs": [{"content": [{"type": "image_url", "image_url": &data}]}]}),
            "inputs[0].content[0].image_url",
        ),
        (
            json!({"inputs": [{"content": [{"type": "image_base64", "image_base64": &data}]}]}),
            "inputs[0].content[0].image_base64",
        ),
        (json!({"images": [PIXEL_BASE64]}), "images[0]"),
        (json!({"images": [&data]}), "images[0]"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": &data}}]}]}),
            "messages[0].content[0].image_url.url",
        ),
    ] {
        let parts = parts(body);
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].place, place);
        assert_eq!(image(&parts[0]), &ImageSource::Bytes(PIXEL.into()), "{place}");
    }
}

#[test]
fn token_ids_become_text_again_and_the_reply_says_so() {
    let one = take(json!({"input": [15339, 1917]})).unwrap();
    assert_eq!(text(&one.parts[0]), "hello world");
    assert_eq!(one.warnings, [FROM_TOKENS]);
    let two = take(json!({"input": [[15339], [1917], "x"]})).unwrap();
    assert_eq!(two.parts.iter().map(text).collect::<Vec<_>>(), ["hello", " world", "x"]);
    assert_eq!(
        take(json!({"input": [4_000_000_000_u64]})).unwrap_err().object.code,
        Some("invalid_token")
    );
}

#[test]
fn several_parts_stay_several() {
    let inputs = take(json!({"input": [{"content": ["a", "b"]}, "c"]})).unwrap();
    assert_eq!(inputs.parts.iter().map(|part| part.item).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(inputs.warnings, [SEVERAL_PARTS]);
}

#[test]
fn a_bad_image_is_the_fault_of_its_own_part() {
    let inputs = take(json!({"input": [{"image": "no base64!"}, {"text": "a"}]})).unwrap();
    let error = inputs.parts[0].content.as_ref().unwrap_err();
    assert_eq!(error.object.param.as_deref(), Some("input[0].image"));
    assert!(inputs.parts[1].content.is_ok());
    for bad in ["data:image/png,abc", "data:image/png;base64", "sha256:12"] {
        let inputs = take(json!({"input": {"image": bad}})).unwrap();
        assert!(inputs.parts[0].content.is_err(), "{bad}");
    }
}

#[test]
fn requests_without_inputs_or_with_too_many_are_refused_by_name() {
    let param = |body| take(body).unwrap_err().object.param;
    assert_eq!(param(json!({})).as_deref(), Some("input"));
    assert_eq!(param(json!({"input": []})).as_deref(), Some("input"));
    assert_eq!(param(json!({"input": ["a", "b", "c", "d", "e"]})).as_deref(), Some("input"));
    assert_eq!(
        param(json!({"input": [{"content": ["a", "b", "c", "d", "e"]}]})).as_deref(),
        Some("input[0].content[4]")
    );
    assert_eq!(param(json!({"input": [3.5]})).as_deref(), Some("input[0]"));
    assert_eq!(param(json!({"input": [{"sound": "x"}]})).as_deref(), Some("input[0]"));
    assert_eq!(param(json!({"input": [{}]})).as_deref(), Some("input[0]"));
    assert_eq!(
        param(json!({"input": {"image_url": {"href": "x"}}})).as_deref(),
        Some("input.image_url.url")
    );
    assert_eq!(param(json!({"input": "a", "modality": "sound"})).as_deref(), Some("modality"));
}

#[test]
fn base64_may_be_wrapped_unpadded_or_of_the_url_alphabet() {
    let bytes = |text: &str| match ImageSource::parse(text.to_owned()).unwrap() {
        ImageSource::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    };
    for text in ["/9j/Ynl0ZXM=", "/9j/Ynl0ZXM", "/9j/\r\nYnl0ZXM=", "_9j_Ynl0ZXM"] {
        assert_eq!(bytes(text), PIXEL, "{text}");
    }
}
