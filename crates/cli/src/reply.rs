//! JSON on standard output, in the shapes that the server has.

use std::borrow::Cow;

use serde::Serialize;
use server::ErrorObject;

use crate::pipeline::PictureError;

/// A picture's error as the API says it.
pub(crate) fn error_object(error: &PictureError) -> ErrorObject {
    ErrorObject {
        message: Cow::clone(&error.message),
        kind: "invalid_request_error",
        param: None,
        code: Some(error.code),
    }
}

/// A JSON text for the command line.
///
/// # Panics
/// Never: the types of this crate have string keys and no failing parts.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a reply is made of strings and numbers")
}
