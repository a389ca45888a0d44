//! Bodies that really are answered; a test sends every one.

use serde_json::{Value, json};

/// A red square of 8x8 pixels, a PNG.
pub(super) const RED: &str = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mP4z8CAFTEMLQkAKP8/wc53yE8AAAAASUVORK5CYII=";

/// A blue one.
pub(super) const BLUE: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEElEQVR42mNgYPiPAw0pCQCpcD/B/MtF/AAAAABJRU5ErkJggg==";

/// A request's body and what it shows.
pub(super) struct Example {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) body: Value,
}

fn example(name: &'static str, summary: &'static str, body: Value) -> Example {
    Example { name, summary, body }
}

pub(super) fn embeddings(model: &str) -> Vec<Example> {
    vec![
        example("text", "A text", json!({ "model": model, "input": "a red square" })),
        example(
            "texts",
            "Several texts, as base64 of floats",
            json!({ "model": model, "input": ["a red square", ""], "encoding_format": "base64" }),
        ),
        example(
            "images",
            "Images as Jina has them, shortened vectors",
            json!({ "input": [{ "image": RED }, { "image": BLUE }], "dimensions": 16 }),
        ),
        example(
            "strings_as_images",
            "Strings that are images",
            json!({ "input": [RED], "modality": "image" }),
        ),
        example(
            "token_ids",
            "Token ids as LangChain sends them",
            json!({ "input": [[64, 2579, 9518]] }),
        ),
        example(
            "parts",
            "Parts as OpenRouter and vLLM have them",
            json!({ "input": [{ "content": [{ "type": "image_url", "image_url": { "url": BLUE } }] }] }),
        ),
        example(
            "messages",
            "Messages",
            json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "a cat" }] }] }),
        ),
        example(
            "images_and_texts",
            "Lists of their own",
            json!({ "texts": ["a cat"], "images": [RED] }),
        ),
    ]
}

pub(super) fn classify(model: &str) -> Vec<Example> {
    vec![
        example(
            "image",
            "An image and two labels",
            json!({ "model": model, "input": [{ "image": RED }], "labels": ["a red square", "a blue square"] }),
        ),
        example(
            "multi_label",
            "Every label on its own, with sentences of its own",
            json!({
                "input": [BLUE],
                "labels": ["red", { "name": "blue", "prompts": ["something blue", "a blue square"] }],
                "templates": ["a photo of {}."],
                "multi_label": true, "threshold": 0.2, "top_k": 1, "on_error": "item",
            }),
        ),
        example(
            "text",
            "A text",
            json!({ "input": "a photo of a cat", "labels": ["animal", "car"] }),
        ),
    ]
}

pub(super) fn label_set(model: &str) -> Vec<Example> {
    vec![
        example(
            "labels",
            "Labels of which one holds",
            json!({ "name": "Colours", "labels": ["red", { "name": "blue", "prompts": ["something blue"] }] }),
        ),
        example(
            "groups",
            "Groups, languages, examples and thresholds",
            json!({
                "name": "Squares", "model": model, "aliases": ["production"],
                "groups": [
                    { "name": "shape", "labels": ["square", "circle"] },
                    { "name": "colours", "mode": "multi", "labels": [
                        { "name": "red", "prompts": { "en": ["a red square"], "de": ["ein rotes Quadrat"] }, "threshold": 0.3 },
                        { "name": "blue", "examples": [BLUE], "negative_prompts": ["something green"] },
                    ]},
                ],
            }),
        ),
    ]
}

pub(super) fn label_set_change(_model: &str) -> Vec<Example> {
    let body = json!({ "aliases": { "production": 1, "staging": null } });
    vec![example("aliases", "The first version is in production", body)]
}

pub(super) fn vector_store(model: &str) -> Vec<Example> {
    vec![
        example("plain", "A store of the first model", json!({ "name": "Holiday" })),
        example(
            "whole",
            "A store that is emptied when nobody uses it for a week",
            json!({
                "name": "Holiday", "model": model, "metadata": { "year": "2026" },
                "expires_after": { "anchor": "last_active_at", "days": 7 },
            }),
        ),
    ]
}

pub(super) fn vector_store_change(_model: &str) -> Vec<Example> {
    let body = json!({ "name": "Holidays", "expires_after": null });
    vec![example("for_ever", "Another name, and no end", body)]
}

pub(super) fn vector_store_search(_model: &str) -> Vec<Example> {
    vec![
        example("text", "By a sentence", json!({ "query": "a red square", "max_num_results": 5 })),
        example(
            "filters",
            "By sentences, among files of certain attributes",
            json!({
                "query": ["a red square", "a red circle"],
                "filters": { "type": "and", "filters": [
                    { "type": "gte", "key": "year", "value": 2025 },
                    { "type": "in", "key": "place", "value": ["Rome", "Oslo"] },
                ]},
                "ranking_options": { "score_threshold": 0.1 },
            }),
        ),
        example(
            "mixture",
            "Like a picture, in another colour",
            json!({ "query": [{ "image": BLUE }, { "text": "red" }, { "text": "blue", "weight": -0.5 }], "cutoff": 0.5 }),
        ),
    ]
}

pub(super) fn vector_store_classify(_model: &str) -> Vec<Example> {
    let body = json!({ "labels": ["red", "blue"], "top_k": 2, "limit": 10 });
    vec![example("labels", "The first pictures against two labels", body)]
}

pub(super) fn vector_store_duplicates(_model: &str) -> Vec<Example> {
    vec![example("near", "Pictures that are almost the same", json!({ "threshold": 0.98 }))]
}

/// A message with a picture.
fn asking() -> Value {
    json!([{ "role": "user", "content": [
        { "type": "text", "text": "What is it?" },
        { "type": "image_url", "image_url": { "url": BLUE } },
    ]}])
}

fn format(schema: &Value) -> Value {
    let schema = json!({
        "type": "object", "properties": { "label": schema }, "required": ["label"],
        "additionalProperties": false,
    });
    json!({ "type": "json_schema", "json_schema": { "name": "answer", "strict": true, "schema": schema } })
}

pub(super) fn chat(model: &str) -> Vec<Example> {
    let one = json!({ "type": "string", "enum": ["red", "blue"] });
    let several = json!({ "type": "array", "items": one });
    vec![
        example(
            "one_label",
            "The best of two labels",
            json!({ "model": model, "messages": asking(), "response_format": format(&one), "logprobs": true, "top_logprobs": 2 }),
        ),
        example(
            "several_labels",
            "All labels that are likely enough",
            json!({ "messages": asking(), "response_format": format(&several) }),
        ),
        example(
            "stream",
            "As events",
            json!({ "messages": asking(), "response_format": format(&one), "stream": true, "stream_options": { "include_usage": true } }),
        ),
        example(
            "choices",
            "vLLM's list of choices",
            json!({ "messages": asking(), "guided_choice": ["red", "blue"] }),
        ),
    ]
}

pub(super) fn moderations(model: &str) -> Vec<Example> {
    vec![
        example(
            "image",
            "An image",
            json!({ "model": model, "input": [{ "type": "image_url", "image_url": { "url": BLUE } }] }),
        ),
        example("text", "A text, which is not judged", json!({ "input": "some text" })),
    ]
}

pub(super) fn rerank(model: &str) -> Vec<Example> {
    vec![
        example(
            "texts",
            "Texts, the best one first",
            json!({ "model": model, "query": "a cat", "documents": ["a dog", { "text": "a kitten" }], "top_n": 1, "return_documents": true }),
        ),
        example(
            "images",
            "Images for a text",
            json!({ "query": "a red square", "documents": [{ "image": RED }, { "image": BLUE }] }),
        ),
    ]
}

pub(super) fn score(model: &str) -> Vec<Example> {
    vec![
        example(
            "one_to_many",
            "One query and several documents",
            json!({ "model": model, "queries": "a red square", "documents": [{ "image": RED }, "a square"] }),
        ),
        example(
            "pairs",
            "As many queries as documents, in vLLM's words",
            json!({ "text_1": ["red", "blue"], "text_2": ["rot", "blau"] }),
        ),
    ]
}

pub(super) fn huggingface(_model: &str) -> Vec<Example> {
    vec![
        example(
            "image",
            "An image as base64",
            json!({ "inputs": RED, "parameters": { "candidate_labels": ["red", "blue"] } }),
        ),
        example(
            "template",
            "Labels in one text, in a sentence of one's own",
            json!({ "inputs": { "image": BLUE }, "parameters": { "candidate_labels": "red, blue", "hypothesis_template": "a {} square" } }),
        ),
    ]
}
