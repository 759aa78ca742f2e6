//! A retried request with the same `Idempotency-Key` gets the first answer.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use zonelog_central::Idempotency;

use crate::error::ApiError;

/// The request's header.
pub(crate) const KEY: &str = "idempotency-key";
/// The answer's header: it is the one given to an earlier request.
pub(crate) const REPLAYED: &str = "idempotency-replayed";
/// The longest key, in characters.
const LONGEST_KEY: usize = 255;

/// What identifies a retry: the key, and the digest of what is asked, still without the body.
pub(crate) struct Retry(Option<Result<(String, Sha256), ApiError>>);

impl<S: Sync> FromRequestParts<S> for Retry {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let key = match key_of(&parts.headers) {
            Ok(None) => return Ok(Self(None)),
            Ok(Some(key)) => key.to_owned(),
            Err(error) => return Ok(Self(Some(Err(error)))),
        };
        let mut digest = Sha256::new();
        digest.update(parts.method.as_str());
        digest.update([0]);
        digest.update(parts.uri.path());
        digest.update([0]);
        Ok(Self(Some(Ok((key, digest)))))
    }
}

impl Retry {
    /// The key and the digest over method, path and body; `None` when the request has no key.
    pub(crate) fn of(self, body: &[u8]) -> Result<Option<Idempotency>, ApiError> {
        let Some(retry) = self.0 else { return Ok(None) };
        let (key, digest) = retry?;
        Ok(Some(Idempotency {
            key,
            digest: digest.chain_update(body).finalize().into(),
        }))
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut keys = headers.get_all(KEY).iter();
    let Some(first) = keys.next() else { return Ok(None) };
    let visible = |key: &&str| {
        (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|octet| octet.is_ascii_graphic())
    };
    let key = HeaderValue::to_str(first).ok().filter(visible);
    match (key, keys.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(ApiError::bad(
            "invalid_idempotency_key",
            "Idempotency-Key must be given once and have 1 to 255 visible ASCII characters",
        )),
    }
}
