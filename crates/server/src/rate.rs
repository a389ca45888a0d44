//! How much each caller may do in a minute, and the headers that say so.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::settings::Rates;

/// What is left of an allowance that fills again evenly over a minute.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn refill(&mut self, limit: f64, now: Instant) {
        let seconds = now.duration_since(self.at).as_secs_f64();
        self.left = (self.left + limit * seconds / 60.0).min(limit);
        self.at = now;
    }

    /// What the three headers say.
    fn standing(self, limit: u32) -> Standing {
        let missing = f64::from(limit) - self.left;
        let reset = missing * 60.0 / f64::from(limit.max(1));
        Standing { limit, remaining: self.left.max(0.0) as u32, reset_seconds: reset.max(0.0) }
    }
}

#[derive(Clone, Copy, Debug)]
struct Allowance {
    requests: Bucket,
    images: Bucket,
}

/// An allowance as its caller sees it.
#[derive(Clone, Copy, Debug)]
struct Standing {
    limit: u32,
    remaining: u32,
    reset_seconds: f64,
}

/// Writes the same headers from what the database says.
pub(crate) fn write_standing(standing: &store::Standing, images: u64, headers: &mut HeaderMap) {
    let of = |limit: u32, left: f64| {
        Bucket { left: left.clamp(0.0, f64::from(limit)), at: Instant::now() }.standing(limit)
    };
    of(standing.requests_limit, standing.requests_left).write(REQUESTS, headers);
    of(standing.images_limit, standing.images_left - images as f64).write(IMAGES, headers);
}

/// Allowances of every caller. Each key of the configuration has one, so the map cannot grow without bound.
pub(crate) struct RateLimiter {
    rates: Rates,
    callers: Mutex<HashMap<Caller, Allowance>>,
}

impl RateLimiter {
    pub(crate) fn new(rates: Rates) -> Self {
        Self { rates, callers: Mutex::default() }
    }

    fn with<R>(&self, caller: Caller, act: impl FnOnce(&mut Allowance) -> R) -> R {
        let now = Instant::now();
        let Rates { requests_per_minute, images_per_minute } = self.rates;
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |limit: u32| Bucket { left: f64::from(limit), at: now };
        let allowance = callers.entry(caller).or_insert_with(|| Allowance {
            requests: full(requests_per_minute),
            images: full(images_per_minute),
        });
        allowance.requests.refill(f64::from(requests_per_minute), now);
        allowance.images.refill(f64::from(images_per_minute), now);
        act(allowance)
    }

    /// Takes one request.
    ///
    /// # Errors
    /// 429 when none is left.
    pub(crate) fn request(&self, caller: Caller) -> Result<(), ApiError> {
        let limit = self.rates.requests_per_minute;
        self.with(caller, |allowance| take(&mut allowance.requests, 1.0, limit, "requests"))
    }

    /// Takes so many pictures; a request of more than a minute's pictures takes them all.
    ///
    /// # Errors
    /// 429 when too few are left.
    pub(crate) fn images(&self, caller: Caller, count: usize) -> Result<(), ApiError> {
        let limit = self.rates.images_per_minute;
        let count = (count as f64).min(f64::from(limit));
        self.with(caller, |allowance| take(&mut allowance.images, count, limit, "images"))
    }

    /// Writes `x-ratelimit-{limit,remaining,reset}-{requests,images}`.
    pub(crate) fn write(&self, caller: Caller, headers: &mut HeaderMap) {
        let Rates { requests_per_minute, images_per_minute } = self.rates;
        let (requests, images) = self.with(caller, |allowance| {
            (
                allowance.requests.standing(requests_per_minute),
                allowance.images.standing(images_per_minute),
            )
        });
        let [limit, remaining, reset] = REQUESTS;
        requests.write([limit, remaining, reset], headers);
        images.write(IMAGES, headers);
    }
}

const REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];

const IMAGES: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-images"),
    HeaderName::from_static("x-ratelimit-remaining-images"),
    HeaderName::from_static("x-ratelimit-reset-images"),
];

/// The names of all six headers.
pub(crate) fn header_names() -> impl Iterator<Item = HeaderName> {
    REQUESTS.into_iter().chain(IMAGES)
}

impl Standing {
    fn write(self, names: [HeaderName; 3], headers: &mut HeaderMap) {
        let [limit, remaining, reset] = names;
        headers.insert(limit, HeaderValue::from(self.limit));
        headers.insert(remaining, HeaderValue::from(self.remaining));
        // As OpenAI writes durations: 1.5s.
        if let Ok(value) = HeaderValue::try_from(format!("{:.3}s", self.reset_seconds)) {
            headers.insert(reset, value);
        }
    }
}

fn take(bucket: &mut Bucket, count: f64, limit: u32, things: &str) -> Result<(), ApiError> {
    if bucket.left >= count {
        bucket.left -= count;
        return Ok(());
    }
    let seconds = (count - bucket.left) * 60.0 / f64::from(limit.max(1));
    Err(ApiError::used_up(limit, things, seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(requests: u32, images: u32) -> RateLimiter {
        RateLimiter::new(Rates { requests_per_minute: requests, images_per_minute: images })
    }

    #[test]
    fn a_caller_who_used_the_minute_up_is_told_when_to_come_again() {
        let limiter = limiter(2, 10);
        limiter.request(Caller::Key(0)).unwrap();
        limiter.request(Caller::Key(0)).unwrap();
        let error = limiter.request(Caller::Key(0)).unwrap_err();
        assert_eq!((error.status.as_u16(), error.object.code), (429, Some("rate_limit_exceeded")));
        assert!((29..=30).contains(&error.retry_after.unwrap()), "{:?}", error.retry_after);
        limiter.request(Caller::Key(1)).unwrap();
    }

    #[test]
    fn pictures_have_an_allowance_of_their_own_and_a_huge_request_is_possible() {
        let limiter = limiter(10, 4);
        limiter.images(Caller::Anyone, 3).unwrap();
        assert!(limiter.images(Caller::Anyone, 2).is_err());
        let mut headers = HeaderMap::new();
        limiter.write(Caller::Anyone, &mut headers);
        assert_eq!(headers["x-ratelimit-limit-images"], "4");
        assert_eq!(headers["x-ratelimit-remaining-images"], "1");
        assert_eq!(headers["x-ratelimit-remaining-requests"], "10");
        limiter.images(Caller::Key(0), 1_000_000).unwrap();
    }
}
