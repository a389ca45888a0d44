//! Pictures that were uploaded before: `file-…`, the caller's own.

use bytes::Bytes;

use super::{Content, ImageSource, Part};
use crate::accounts::now;
use crate::app::App;
use crate::archive::{Archive, Owner};
use crate::bill::{Bill, Origin};
use crate::caches::Hash;
use crate::error::ApiError;
use crate::uploads::{failed, no_file};

/// Bytes whose place in the budget of bodies ends with them.
struct Budgeted {
    bytes: Bytes,
    _ticket: crate::admission::Ticket,
}

impl AsRef<[u8]> for Budgeted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Replaces the ids of files by their bytes, or by their hash where the vector is `known`. A file that cannot be used is the
/// error of its part.
///
/// # Errors
/// 413 when the files of the request are larger together than a body may be, 429 while there is no memory for them, 503 when
/// the database does not answer.
pub(crate) async fn read_files(
    app: &App,
    bill: &Bill,
    parts: &mut [Part],
    known: impl Fn(&Hash) -> bool,
) -> Result<(), ApiError> {
    let mut all = 0;
    for part in parts {
        let Ok(Content::Image(ImageSource::File(id))) = &part.content else { continue };
        let found = read_file(app, bill, id, &known, &mut all).await;
        let found = found.map_err(|error| error.at(part.place.clone()));
        part.content = match found {
            Err(error) if ends_the_request(&error) => return Err(error),
            found => found.map(Content::Image),
        };
    }
    Ok(())
}

/// Whether it is not the fault of this file alone.
fn ends_the_request(error: &ApiError) -> bool {
    error.status.is_server_error()
        || error.status == http::StatusCode::TOO_MANY_REQUESTS
        || error.code() == "files_too_large"
}

async fn read_file(
    app: &App,
    bill: &Bill,
    id: &str,
    known: impl Fn(&Hash) -> bool,
    all: &mut u64,
) -> Result<ImageSource, ApiError> {
    let Owner(owner) = Owner::of(bill)?;
    let archive = app.archive().await?;
    let row = archive.store.file(&owner, id, now()).await.map_err(failed)?;
    let hash = super::source::hash(&row.sha256).ok_or_else(|| no_file(id))?;
    if known(&hash) {
        return Ok(ImageSource::Held(hash));
    }
    let limit = app.limits.image_bytes;
    if row.bytes > limit {
        let message = format!("the file has {} bytes; the limit of an image is {limit}", row.bytes);
        return Err(ApiError::too_large("image_too_large", message));
    }
    *all += row.bytes;
    if *all > app.limits.body {
        let message = format!(
            "the files of the request have more than the limit of {} bytes",
            app.limits.body
        );
        return Err(ApiError::too_large("files_too_large", message));
    }
    let bytes = read_object(app, &archive, bill.origin(), &row.object, row.bytes).await?;
    Ok(ImageSource::Bytes(bytes))
}

/// The first `length` bytes of an object, within the budget of bodies.
///
/// # Errors
/// 429 while there is no memory for them, 503 when storage does not answer.
pub(crate) async fn read_object(
    app: &App,
    archive: &Archive,
    origin: Origin,
    object: &str,
    length: u64,
) -> Result<Bytes, ApiError> {
    let busy = || {
        let message = "the server holds as many bytes of requests as it may; try again";
        ApiError::busy("server_busy", message, 1)
    };
    let ticket = match origin {
        Origin::Client => app.bodies.enter(0),
        Origin::Line => app.bodies.enter_behind(0),
    };
    let mut ticket = ticket.ok_or_else(busy)?;
    ticket.arrive(length).ok_or_else(busy)?;
    let bytes = archive.blobs()?.read_whole(object, Some(0..length)).await.map_err(failed)?;
    Ok(Bytes::from_owner(Budgeted { bytes, _ticket: ticket }))
}
