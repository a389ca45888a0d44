//! `/v1/files`: OpenAI's.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use store::{FileFilter, FileRow};

use super::account::Query;
use super::page::PageFields;
use crate::accounts::now;
use crate::app::App;
use crate::archive::Owner;
use crate::call::{Answer, Reply};
use crate::error::ApiError;
use crate::multipart::{Form, FormError, boundary};
use crate::uploads::{Room, Upload, failed, too_large};

/// What a file may be for.
const PURPOSES: [&str; 6] = ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"];

/// Seconds after which a file may vanish.
pub(crate) const EXPIRES_AFTER: std::ops::RangeInclusive<i64> = 3_600..=2_592_000;

/// Files of a list.
const MOST_LISTED: usize = 10_000;

/// Characters of a file's name.
const LONGEST_NAME: usize = 255;

/// Bytes of a field that is no file.
const LONGEST_FIELD: usize = 1024;

/// What may stand behind a form's end.
const MOST_BEHIND: usize = 64 << 10;

const IGNORED: HeaderName = HeaderName::from_static("x-ignored-params");

/// A file.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FileObject {
    id: String,
    /// `file`.
    object: &'static str,
    bytes: u64,
    /// Seconds since 1970.
    created_at: i64,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    filename: String,
    purpose: String,
    /// `processed`.
    status: &'static str,
}

impl FileObject {
    pub(crate) fn new(row: FileRow) -> Self {
        Self {
            id: row.id,
            object: "file",
            bytes: row.bytes,
            created_at: row.created_at.div_euclid(1000),
            expires_at: row.expires_at.map(|time| time.div_euclid(1000)),
            filename: row.filename,
            purpose: row.purpose,
            status: "processed",
        }
    }
}

/// Files.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FilesReply {
    /// `list`.
    object: &'static str,
    data: Vec<FileObject>,
    #[schema(required)]
    first_id: Option<String>,
    #[schema(required)]
    last_id: Option<String>,
    has_more: bool,
}

/// A file that is gone.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FileDeleted {
    id: String,
    /// `file`.
    object: &'static str,
    /// `true`.
    deleted: bool,
}

/// `POST /v1/files`.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    request: Request,
) -> Answer {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_form = |kind: &&str| kind.to_ascii_lowercase().starts_with("multipart/form-data");
    let Some(kind) = kind.filter(is_form) else {
        let message = "files come as multipart/form-data, with the fields file and purpose";
        return Err(ApiError::unsupported("unsupported_content_type", message));
    };
    let boundary = boundary(kind).ok_or_else(|| {
        ApiError::invalid(
            "invalid_form",
            "the content-type names no boundary of 1 to 70 characters",
        )
    })?;
    let room = Room { file: app.limits.file, quota: app.limits.files_of_owner };
    let declared = request.headers().get(CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // The other fields are small.
    if declared.is_some_and(|length| length > room.file.saturating_add(1 << 20)) {
        return Err(too_large(room.file));
    }
    let archive = app.archive().await?;
    let body = paced(request.into_body(), app.body_timeout);
    let mut form = Form::new(Box::pin(body), &boundary);
    let mut fields = FileFields::default();
    let mut upload = None::<Upload>;
    while let Some(part) = form.part().await.map_err(unread)? {
        if part.name == "file" {
            if upload.is_some() {
                return Err(ApiError::invalid("invalid_form", "the form has two files").at("file"));
            }
            fields.filename = checked_name(part.filename)?;
            let begun = Upload::begin(Arc::clone(&archive), owner.clone(), room).await?;
            let begun = upload.insert(begun);
            while let Some(bytes) = form.bytes().await.map_err(unread)? {
                begun.write(bytes).await?;
            }
        } else {
            let text = form.text(LONGEST_FIELD).await.map_err(unread)?;
            fields.take(&part.name, text)?;
        }
    }
    form.pass_over(MOST_BEHIND).await;
    let Some(upload) = upload else {
        let message = "file is missing; give a part of this name with the file's bytes";
        return Err(ApiError::invalid("missing_field", message).at("file"));
    };
    let purpose = fields.purpose()?;
    let expires_after = fields.expires_after(purpose)?;
    let row = upload.keep(&fields.filename, purpose, expires_after).await?;
    let mut response = Reply::new(&FileObject::new(row)).into_response();
    if let Ok(ignored) = HeaderValue::try_from(fields.ignored.join(", "))
        && !ignored.is_empty()
    {
        response.headers_mut().insert(IGNORED, ignored);
    }
    Ok(Reply::from_response(response))
}

/// The fields beside the file.
#[derive(Debug, Default)]
struct FileFields {
    filename: String,
    purpose: Option<String>,
    anchor: Option<String>,
    seconds: Option<String>,
    ignored: Vec<String>,
}

impl FileFields {
    fn take(&mut self, name: &str, text: Option<String>) -> Result<(), ApiError> {
        let field = match name {
            "purpose" => &mut self.purpose,
            "expires_after[anchor]" => &mut self.anchor,
            "expires_after[seconds]" => &mut self.seconds,
            other => {
                if other.len() < 40 && other.bytes().all(|byte| byte.is_ascii_graphic()) {
                    self.ignored.push(other.to_owned());
                }
                return Ok(());
            }
        };
        let message = || format!("{name} is no text of at most {LONGEST_FIELD} bytes");
        let text = text.ok_or_else(|| ApiError::invalid("invalid_value", message()).at(name))?;
        *field = Some(text).filter(|text| !text.is_empty());
        Ok(())
    }

    fn purpose(&self) -> Result<&'static str, ApiError> {
        let known = PURPOSES.join(", ");
        let Some(purpose) = &self.purpose else {
            let message = format!("purpose is missing; give one of {known}");
            return Err(ApiError::invalid("missing_field", message).at("purpose"));
        };
        PURPOSES.into_iter().find(|known| known == purpose).ok_or_else(|| {
            let message = format!("purpose must be one of {known}");
            ApiError::invalid("invalid_value", message).at("purpose")
        })
    }

    /// Seconds. Inputs of batches vanish after 30 days unless something else is said, as OpenAI's do.
    fn expires_after(&self, purpose: &str) -> Result<Option<i64>, ApiError> {
        let invalid = |place: &str, message: String| {
            Err(ApiError::invalid("invalid_value", message).at(place))
        };
        match (&self.anchor, &self.seconds) {
            (None, None) => Ok((purpose == "batch").then_some(*EXPIRES_AFTER.end())),
            (Some(anchor), _) if anchor != "created_at" => invalid(
                "expires_after[anchor]",
                "expires_after[anchor] must be created_at".to_owned(),
            ),
            (None, Some(_)) => invalid(
                "expires_after[anchor]",
                "expires_after[anchor] is missing; it must be created_at".to_owned(),
            ),
            (Some(_), seconds) => {
                let seconds = seconds.as_ref().and_then(|seconds| seconds.parse::<i64>().ok());
                match seconds.filter(|seconds| EXPIRES_AFTER.contains(seconds)) {
                    Some(seconds) => Ok(Some(seconds)),
                    None => invalid(
                        "expires_after[seconds]",
                        format!(
                            "expires_after[seconds] must be a whole number from {} to {}",
                            EXPIRES_AFTER.start(),
                            EXPIRES_AFTER.end()
                        ),
                    ),
                }
            }
        }
    }
}

fn checked_name(name: Option<String>) -> Result<String, ApiError> {
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "upload".to_owned());
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!(
            "a file's name has at most {LONGEST_NAME} characters, none of them a control character"
        );
        return Err(ApiError::invalid("invalid_value", message).at("file"));
    }
    Ok(name)
}

/// A body that may pause for so long.
fn paced(body: Body, pause: Duration) -> impl Stream<Item = Result<Bytes, ApiError>> {
    futures_util::stream::unfold(body.into_data_stream(), move |mut parts| async move {
        let next = tokio::time::timeout(pause, parts.next()).await;
        let part = match next {
            Err(_) => Err(ApiError::slow_body()),
            Ok(None) => return None,
            Ok(Some(part)) => part.map_err(|_| {
                ApiError::invalid("incomplete_body", "the body ended before it was complete")
            }),
        };
        Some((part, parts))
    })
}

fn unread(error: FormError<ApiError>) -> ApiError {
    match error {
        FormError::Body(error) => error,
        malformed @ FormError::Malformed(_) => {
            ApiError::invalid("invalid_form", malformed.to_string())
        }
    }
}

/// `GET /v1/files`: `purpose`, `limit`, `order`, `after`.
pub(crate) async fn list(State(app): State<Arc<App>>, Owner(owner): Owner, query: Query) -> Answer {
    let page = PageFields::take(&query, MOST_LISTED, MOST_LISTED)?;
    let purpose = query.text("purpose");
    let filter = FileFilter {
        purpose: purpose.as_deref(),
        after: page.after.as_deref(),
        order: page.order,
        limit: page.wanted() as u32,
    };
    let archive = app.archive().await?;
    let rows = archive.store.files(&owner, &filter, now()).await;
    let (rows, has_more) = page.cut(rows.map_err(|error| failed(error).at("after"))?);
    let data = rows.into_iter().map(FileObject::new).collect::<Vec<_>>();
    let id = |file: Option<&FileObject>| file.map(|file| file.id.clone());
    let reply = FilesReply {
        object: "list",
        first_id: id(data.first()),
        last_id: id(data.last()),
        data,
        has_more,
    };
    Ok(Reply::new(&reply))
}

/// `GET /v1/files/{id}`.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path(id): Path<String>,
) -> Answer {
    let row = app.archive().await?.store.file(&owner, &id, now()).await.map_err(failed)?;
    Ok(Reply::new(&FileObject::new(row)))
}

/// `DELETE /v1/files/{id}`.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path(id): Path<String>,
) -> Answer {
    app.archive().await?.store.delete_file(&owner, &id, now()).await.map_err(failed)?;
    Ok(Reply::new(&FileDeleted { id, object: "file", deleted: true }))
}

/// `GET /v1/files/{id}/content`: to be saved, never to be shown: it may be anything.
pub(crate) async fn content(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let archive = app.archive().await?;
    let row = archive.store.file(&owner, &id, now()).await.map_err(failed)?;
    let bytes = archive.blobs()?.read(&row.object, None).await.map_err(failed)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type(&row.filename))),
        (CONTENT_LENGTH, HeaderValue::from(row.bytes)),
        (CONTENT_DISPOSITION, attachment(&row.filename)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    ];
    Ok((headers, Body::from_stream(bytes)).into_response())
}

/// By the end of the name. What a browser could run is bytes.
fn content_type(filename: &str) -> &'static str {
    let end = filename.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    match end.as_deref().unwrap_or_default() {
        "jsonl" => "application/jsonl",
        "json" => "application/json",
        "csv" => "text/csv; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "tar" => "application/x-tar",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

/// Its name in ASCII, and as it is (RFC 6266).
fn attachment(filename: &str) -> HeaderValue {
    let plain = |character: char| match character {
        ' '..='~' if !matches!(character, '"' | '\\' | '%' | '/') => character,
        _ => '_',
    };
    let ascii = filename.chars().map(plain).collect::<String>();
    let mut encoded = String::new();
    for byte in filename.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', hexadecimal(byte >> 4), hexadecimal(byte & 15)]);
        }
    }
    HeaderValue::try_from(format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}"))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

/// A digit of 0 to 15.
fn hexadecimal(digit: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(digit)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_breaks_out_of_its_header() {
        assert_eq!(
            attachment("a \"b\"\\; x=y/猫.html"),
            "attachment; filename=\"a _b__; x=y__.html\"; filename*=UTF-8''a%20%22b%22%5C%3B%20x%3Dy%2F%E7%8C%AB.html"
        );
        assert_eq!(content_type("x.HTML"), "application/octet-stream");
        assert_eq!(content_type("x.svg"), "application/octet-stream");
        assert_eq!(content_type("a.b.JSONL"), "application/jsonl");
    }
}
