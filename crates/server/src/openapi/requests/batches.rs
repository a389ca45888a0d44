//! Requests that make batches.

use serde_json::{Value, json};

use super::{described, object, optional, properties};
use crate::batches::ENDPOINTS;

pub(super) fn batch() -> Value {
    let metadata = json!({
        "type": "object", "maxProperties": 16,
        "propertyNames": { "maxLength": 64 },
        "additionalProperties": { "type": "string", "maxLength": 512 },
    });
    let after = object(
        &["anchor", "seconds"],
        properties(json!({
            "anchor": { "enum": ["created_at"] },
            "seconds": { "type": "integer", "minimum": 3600, "maximum": 2_592_000 },
        })),
    );
    object(
        &["input_file_id", "endpoint", "completion_window"],
        properties(json!({
            "input_file_id": described(
                "A file of the purpose `batch`: in each line `{custom_id, method: \"POST\", url, body}`.",
                json!({ "type": "string", "minLength": 1 }),
            ),
            "endpoint": described("Where all lines go.", json!({ "enum": ENDPOINTS })),
            "completion_window": { "enum": ["24h"] },
            "metadata": optional(metadata),
            "output_expires_after": optional(described("When the files of results vanish.", after)),
        })),
    )
}
