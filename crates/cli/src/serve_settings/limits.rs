//! How much the server takes, how long, and how often.

use std::time::Duration;

use super::finder::Finder;
use super::units::{read_duration, read_some_duration};
use crate::arguments::serve::{LimitArguments, TimeArguments};
use crate::exit::UsageError;
use crate::given::read_or;
use crate::keys::{self, Key};

/// How much the server takes. None is 0 but a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of a request's body.
    pub(crate) body: u64,
    /// Bytes of a picture's file.
    pub(crate) image: u64,
    /// Pixels of a picture.
    pub(crate) pixels: u64,
    pub(crate) inputs: u64,
    pub(crate) labels: u64,
    /// Pixels that may wait; never less than those of one picture.
    pub(crate) queue_pixels: u64,
    /// Bytes of all bodies in memory; never less than one body.
    pub(crate) queue_bytes: u64,
    pub(crate) connections: u64,
    /// Bytes of embeddings of labels; 0 keeps none.
    pub(crate) label_cache: u64,
    /// Bytes of embeddings of pictures; 0 keeps none.
    pub(crate) image_cache: u64,
}

/// How long things may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// May be zero: whoever would have to wait at all is turned away.
    pub(crate) queue: Duration,
    pub(crate) request: Duration,
    /// The longest pause of a body.
    pub(crate) body: Duration,
    /// May be zero: stop at once.
    pub(crate) shutdown: Duration,
}

/// How much a key may ask for in a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) requests_per_minute: u64,
    pub(crate) images_per_minute: u64,
}

impl<'a> Finder<'a> {
    pub(super) fn limits(&self, arguments: &'a LimitArguments) -> Result<Limits, UsageError> {
        let limits = Limits {
            body: self.size(&keys::MAX_BODY, arguments.max_body.as_ref(), 64 << 20)?,
            image: self.size(&keys::MAX_IMAGE, arguments.max_image.as_ref(), 20 << 20)?,
            pixels: self.count(&keys::MAX_PIXELS, arguments.max_pixels.as_ref(), 64_000_000)?,
            inputs: self.count(&keys::MAX_INPUTS, arguments.max_inputs.as_ref(), 2048)?,
            labels: self.count(&keys::MAX_LABELS, arguments.max_labels.as_ref(), 10_000)?,
            queue_pixels: self.count(
                &keys::QUEUE_PIXELS,
                arguments.queue_pixels.as_ref(),
                256_000_000,
            )?,
            queue_bytes: self.size(&keys::QUEUE_BYTES, arguments.queue_bytes.as_ref(), 1 << 30)?,
            connections: self.count(
                &keys::MAX_CONNECTIONS,
                arguments.max_connections.as_ref(),
                1024,
            )?,
            label_cache: self.cache(&keys::LABEL_CACHE, arguments.label_cache.as_ref())?,
            image_cache: self.cache(&keys::IMAGE_CACHE, arguments.image_cache.as_ref())?,
        };
        // What can never be admitted must not be allowed.
        fits(&keys::MAX_PIXELS, limits.pixels, &keys::QUEUE_PIXELS, limits.queue_pixels)?;
        fits(&keys::MAX_BODY, limits.body, &keys::QUEUE_BYTES, limits.queue_bytes)?;
        Ok(limits)
    }

    pub(super) fn times(&self, arguments: &'a TimeArguments) -> Result<Times, UsageError> {
        let request = self.given(&keys::REQUEST_TIMEOUT, arguments.request_timeout.as_ref());
        let queue = self.given(&keys::QUEUE_TIME, arguments.queue_time.as_ref());
        let body = self.given(&keys::BODY_TIMEOUT, arguments.body_timeout.as_ref());
        let shutdown = self.given(&keys::SHUTDOWN_TIMEOUT, arguments.shutdown_timeout.as_ref());
        Ok(Times {
            queue: read_or(Duration::from_secs(20), queue, read_duration)?,
            request: read_or(Duration::from_mins(2), request, read_some_duration)?,
            body: read_or(Duration::from_secs(20), body, read_some_duration)?,
            shutdown: read_or(Duration::from_secs(30), shutdown, read_duration)?,
        })
    }

    pub(super) fn rates(&self, arguments: &'a TimeArguments) -> Result<Rates, UsageError> {
        let count = |key, typed| self.count(key, typed, 1_000_000);
        Ok(Rates {
            requests_per_minute: count(
                &keys::REQUESTS_PER_MINUTE,
                arguments.requests_per_minute.as_ref(),
            )?,
            images_per_minute: count(
                &keys::IMAGES_PER_MINUTE,
                arguments.images_per_minute.as_ref(),
            )?,
        })
    }
}

/// One must not be larger than the room for all.
fn fits(one: &Key, size: u64, all: &Key, room: u64) -> Result<(), UsageError> {
    if size <= room {
        return Ok(());
    }
    let message = format!("{} is {size}, which is more than {}, {room}", one.flag, all.flag);
    Err(UsageError::new(message))
}
