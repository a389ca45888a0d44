//! From a key to a caller.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::{Choice, ConstantTimeEq};

use crate::error::ApiError;
use crate::settings::{ApiKey, Auth};

/// Who is calling a server without accounts; with accounts it is the bill's payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// Anyone, on an open server.
    Anyone,
    /// The holder of the key of this place in the operator's list.
    Key(usize),
}

/// The keys that the server knows.
pub(crate) enum Keys {
    Open,
    Static(Vec<ApiKey>),
}

impl Keys {
    pub(crate) fn new(auth: &Auth) -> Self {
        match auth {
            Auth::Open => Self::Open,
            Auth::Keys(keys) => Self::Static(keys.clone()),
            // Its keys are in the database.
            Auth::Accounts(_) => Self::Static(Vec::new()),
        }
    }

    /// Whether nobody needs a key.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// The caller whose key is in the headers: `Authorization: Bearer KEY` or `x-api-key: KEY`.
    ///
    /// # Errors
    /// 401 when the server has keys and this is none of them. It takes as long for every key.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let Self::Static(keys) = self else { return Ok(Caller::Anyone) };
        let Some(shown) = shown_key(headers) else {
            return Err(ApiError::missing_key());
        };
        let shown = ApiKey::new(shown);
        let mut caller = None;
        for (place, key) in keys.iter().enumerate() {
            let same: Choice = key.digest().ct_eq(shown.digest());
            if bool::from(same) {
                caller = Some(Caller::Key(place));
            }
        }
        caller.ok_or_else(ApiError::unknown_key)
    }
}

pub(crate) fn shown_key(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| key.trim());
    }
    headers.get("x-api-key")?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )])
    }

    #[test]
    fn a_key_is_found_in_either_header_and_nothing_else_is() {
        let keys = Keys::Static(vec![ApiKey::new("first"), ApiKey::new("second")]);
        let caller = |name, value| keys.authenticate(&headers(name, value)).ok();
        assert_eq!(caller("authorization", "Bearer second"), Some(Caller::Key(1)));
        assert_eq!(caller("authorization", "bearer first"), Some(Caller::Key(0)));
        assert_eq!(caller("x-api-key", "first"), Some(Caller::Key(0)));
        for value in ["Bearer", "Bearer ", "Bearer first2", "Basic first", "first", "Bearer FIRST"]
        {
            assert_eq!(caller("authorization", value), None, "{value}");
        }
        assert_eq!(
            keys.authenticate(&HeaderMap::new()).unwrap_err().object.code,
            Some("missing_api_key")
        );
    }

    #[test]
    fn a_key_never_shows_in_debug() {
        assert_eq!(format!("{:?}", ApiKey::new("secret")), "ApiKey(..)");
    }
}
