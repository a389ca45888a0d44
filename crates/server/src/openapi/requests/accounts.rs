//! What changes keys and makes accounts.

use serde_json::{Map, Value, json};

use super::{described, flag, object, optional, properties, whole};

/// What a new key and a changed one have in common.
fn limits() -> Map<String, Value> {
    let dollars = json!({ "type": "number", "minimum": 0, "multipleOf": 0.000_001 });
    let rate = || whole(1, Some(u32::MAX as usize));
    properties(json!({
        "models": optional(json!({ "type": "array", "items": { "type": "string" } })),
        "limit": described("Dollars that it may spend in a period; null: all that the account has.", optional(dollars)),
        "limit_reset": { "enum": ["never", "daily", "weekly", "monthly", "", null] },
        "requests_per_minute": rate(),
        "images_per_minute": rate(),
        "expires_at": optional(json!({ "type": "string", "format": "date-time" })),
    }))
}

fn name() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 200 })
}

pub(super) fn key() -> Value {
    let mut all = limits();
    all.insert("name".to_owned(), name());
    all.insert("role".to_owned(), json!({ "enum": ["inference", "manager", "admin", "", null] }));
    let account = optional(json!({ "type": "string" }));
    all.insert("account_id".to_owned(), described("For an admin: whose key it is.", account));
    object(&["name"], all)
}

pub(super) fn key_change() -> Value {
    let mut all = limits();
    all.insert("name".to_owned(), optional(name()));
    all.insert("disabled".to_owned(), flag());
    object(&[], all)
}

pub(super) fn sign_up() -> Value {
    object(&["email"], properties(json!({ "email": { "type": "string", "format": "email" } })))
}

pub(super) fn confirm() -> Value {
    object(&["token"], properties(json!({ "token": { "type": "string", "minLength": 1 } })))
}
