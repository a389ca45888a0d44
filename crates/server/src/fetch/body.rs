//! The bytes of an answer, as long as they may be a picture.

use bytes::Bytes;
use http::header;
use http_body_util::BodyExt;
use hyper::body::Body;
use pixels::{Limits, PixelsError};

use super::connection::{Answer, broken};
use super::error::FetchError;

/// So many bytes tell every format, also those that are recognised to be refused.
const SNIFFED_BYTES: usize = 72;

/// Reads the body to its end. `host` is for messages.
///
/// # Errors
/// [`FetchError::Encoded`]; [`FetchError::TooLarge`] as soon as more than `most_bytes` are announced
/// or have come; [`FetchError::NotAnImage`] as soon as enough have come to tell;
/// [`FetchError::Broken`] when the answer ends before its end.
pub(super) async fn read(
    mut answer: Answer,
    host: &str,
    most_bytes: u64,
) -> Result<Bytes, FetchError> {
    let encodings = answer.response.headers().get_all(header::CONTENT_ENCODING);
    if encodings.iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(FetchError::Encoded { host: host.to_owned() });
    }
    let too_large = || FetchError::TooLarge { host: host.to_owned(), limit: most_bytes };
    let body = answer.response.body_mut();
    if body.size_hint().lower() > most_bytes {
        return Err(too_large());
    }
    // Grows with what comes: the announced length is only a claim.
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(host, &error))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() as u64 + data.len() as u64 > most_bytes {
            return Err(too_large());
        }
        let was_told = bytes.len() >= SNIFFED_BYTES;
        bytes.extend_from_slice(&data);
        if !was_told && bytes.len() >= SNIFFED_BYTES {
            sniff(&bytes[..SNIFFED_BYTES], host)?;
        }
    }
    if bytes.len() < SNIFFED_BYTES {
        sniff(&bytes, host)?;
    }
    Ok(Bytes::from(bytes))
}

/// Lets the decoder's own eyes decide, so that both agree; the start of a picture is no picture, so
/// every other complaint is expected. With no pixels allowed it stops at the header.
fn sniff(start: &[u8], host: &str) -> Result<(), FetchError> {
    match pixels::decode(start, &Limits::default().with_pixels(0)) {
        Err(
            source @ (PixelsError::Empty
            | PixelsError::NotAnImage
            | PixelsError::UnsupportedFormat { .. }),
        ) => Err(FetchError::NotAnImage { host: host.to_owned(), source }),
        _ => Ok(()),
    }
}
