//! Forms that upload files.

use serde_json::{Value, json};

use super::{described, object, properties};

pub(super) fn file() -> Value {
    let seconds = json!({ "type": "integer", "minimum": 3600, "maximum": 2_592_000 });
    object(
        &["file", "purpose"],
        properties(json!({
            "file": described("The bytes, with a filename.", json!({ "type": "string", "format": "binary", "minLength": 1 })),
            "purpose": { "enum": ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"] },
            "expires_after[anchor]": { "enum": ["created_at"] },
            "expires_after[seconds]": described("Seconds after which it vanishes; only with the anchor.", seconds),
        })),
    )
}
