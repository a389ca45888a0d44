//! What a request of each dialect looks like around its pictures.

use std::io::IoSlice;

use clap::ValueEnum;
use serde_json::json;

use crate::pictures::{Picture, STAMP};

/// Labels of the dialects that classify.
const LABELS: [&str; 4] = ["cat", "dog", "bicycle", "mountain"];

/// The shape of requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// POST /v1/embeddings, pictures as raw base64
    PolysightEmbeddings,
    /// POST /v1/classify with four labels
    PolysightClassify,
    /// POST /v1/chat/completions with four labels as an enumeration; one picture a request
    OpenaiChat,
    /// POST /embeddings, pictures as data URIs
    Infinity,
    /// POST /v1/embeddings of `rivals/openvino_fastapi.py`
    OpenvinoFastapi,
}

/// A dialect's path and the JSON around and between pictures.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) path: &'static str,
    head: String,
    before: &'static str,
    after: &'static str,
    tail: String,
    /// Every good answer contains this.
    pub(crate) marker: &'static str,
}

impl Dialect {
    pub(crate) fn name(self) -> String {
        self.to_possible_value().expect("no dialect is hidden").get_name().to_owned()
    }

    pub(crate) fn template(self, model: &str) -> Template {
        let model = json!(model);
        match self {
            Self::PolysightEmbeddings | Self::OpenvinoFastapi => Template {
                path: "/v1/embeddings",
                head: format!(r#"{{"model":{model},"encoding_format":"base64","input":["#),
                before: r#"{"image":""#,
                after: r#""}"#,
                tail: "]}".to_owned(),
                marker: r#""embedding""#,
            },
            Self::PolysightClassify => Template {
                path: "/v1/classify",
                head: format!(r#"{{"model":{model},"labels":{},"input":["#, json!(LABELS)),
                before: r#"{"image":""#,
                after: r#""}"#,
                tail: "]}".to_owned(),
                marker: r#""predictions""#,
            },
            Self::OpenaiChat => {
                let schema = json!({
                    "type": "json_schema",
                    "json_schema": {
                        "name": "label",
                        "strict": true,
                        "schema": {
                            "type": "object",
                            "properties": {"label": {"type": "string", "enum": LABELS}},
                            "required": ["label"],
                            "additionalProperties": false,
                        },
                    },
                });
                Template {
                    path: "/v1/chat/completions",
                    head: format!(
                        r#"{{"model":{model},"response_format":{schema},"messages":[{{"role":"user","content":["#
                    ),
                    before: r#"{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,"#,
                    after: r#""}}"#,
                    tail: "]}]}".to_owned(),
                    marker: r#""choices""#,
                }
            }
            Self::Infinity => Template {
                path: "/embeddings",
                head: format!(
                    r#"{{"model":{model},"modality":"image","encoding_format":"base64","input":["#
                ),
                before: r#""data:image/jpeg;base64,"#,
                after: r#"""#,
                tail: "]}".to_owned(),
                marker: r#""embedding""#,
            },
        }
    }
}

impl Template {
    /// The body of these pictures with these stamps, in pieces that nobody copies.
    pub(crate) fn body<'a>(
        &'a self,
        pictures: impl Iterator<Item = &'a Picture>,
        stamps: &'a [[u8; STAMP]],
    ) -> Vec<IoSlice<'a>> {
        let mut pieces = Vec::with_capacity(6 * stamps.len() + 3);
        // The head of the request goes before the body; its sender fills it in.
        pieces.push(IoSlice::new(&[]));
        pieces.push(IoSlice::new(self.head.as_bytes()));
        for (i, (picture, stamp)) in pictures.zip(stamps).enumerate() {
            if i > 0 {
                pieces.push(IoSlice::new(b","));
            }
            pieces.push(IoSlice::new(self.before.as_bytes()));
            pieces.push(IoSlice::new(&picture.before));
            pieces.push(IoSlice::new(stamp));
            pieces.push(IoSlice::new(&picture.after));
            pieces.push(IoSlice::new(self.after.as_bytes()));
        }
        pieces.push(IoSlice::new(self.tail.as_bytes()));
        pieces
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;

    use super::*;
    use crate::pictures::stamp;

    #[test]
    fn every_dialect_makes_json_that_holds_the_pictures() {
        let picture = Picture { before: b"/9j/4AAA".to_vec(), after: b"AAAA".to_vec(), bytes: 21 };
        for dialect in Dialect::value_variants() {
            let template = dialect.template("a \"model\"");
            let stamps = [stamp(1), stamp(2)];
            let pieces = template.body([&picture, &picture].into_iter(), &stamps);
            let text = pieces.iter().flat_map(|piece| piece.to_vec()).collect::<Vec<_>>();
            let body = serde_json::from_slice::<serde_json::Value>(&text).unwrap();
            assert_eq!(body["model"], "a \"model\"");
            let items = body.get("input").unwrap_or(&body["messages"][0]["content"]);
            let items = items.as_array().unwrap();
            assert_eq!(items.len(), 2, "{dialect:?}");
            for (item, stamp) in items.iter().zip(&stamps) {
                let item = item.to_string();
                let stamp = std::str::from_utf8(stamp).unwrap();
                let file = format!("/9j/4AAA{stamp}AAAA");
                assert!(item.contains(&file), "{dialect:?}");
                base64::engine::general_purpose::STANDARD.decode(file).unwrap();
            }
        }
    }
}
