//! What browsers may ask from pages of other origins (the Fetch standard's CORS protocol), with Designate's headers.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method};
use thiserror::Error;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may remember what it was allowed.
const MAX_AGE: Duration = Duration::from_secs(3_600);

const METHODS: [Method; 6] = [
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::PATCH,
    Method::HEAD,
];

const ALLOWED: [&str; 12] = [
    "accept",
    "content-type",
    "x-auth-token",
    "x-auth-sudo-tenant-id",
    "x-auth-sudo-project-id",
    "x-auth-all-projects",
    "x-designate-edit-managed-records",
    "x-designate-hard-delete",
    "x-designate-delete-shares",
    "openstack-dns-hide-counts",
    "idempotency-key",
    "if-match",
];

const EXPOSED: [&str; 6] = [
    "x-openstack-request-id",
    "host",
    "location",
    "retry-after",
    "idempotency-replayed",
    "etag",
];

/// An origin that is none.
#[derive(Debug, Error)]
#[error(
    "{0:?} is no origin: one has the form https://console.example.com or https://console.example.com:8443, or is *"
)]
pub struct BadOrigin(String);

/// The layer for these origins; `None` when there are none. `*` is everybody, then without credentials.
pub(crate) fn layer(origins: &[String]) -> Result<Option<CorsLayer>, BadOrigin> {
    if origins.is_empty() {
        return Ok(None);
    }
    let layer = CorsLayer::new()
        .allow_methods(METHODS)
        .allow_headers(ALLOWED.map(HeaderName::from_static))
        .expose_headers(EXPOSED.map(HeaderName::from_static))
        .max_age(MAX_AGE);
    if origins.iter().any(|origin| origin == "*") {
        return Ok(Some(layer.allow_origin(AllowOrigin::any())));
    }
    let origins = origins
        .iter()
        .map(|origin| read(origin).ok_or_else(|| BadOrigin(origin.clone())))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Some(layer.allow_origin(origins).allow_credentials(true)))
}

/// An origin as browsers write it: scheme and host in lower case, no path.
fn read(origin: &str) -> Option<HeaderValue> {
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"))?;
    let plain = |octet: u8| {
        octet.is_ascii_lowercase()
            || octet.is_ascii_digit()
            || matches!(octet, b'.' | b'-' | b':' | b'[' | b']')
    };
    let is_host = !host.is_empty() && host.bytes().all(plain);
    HeaderValue::try_from(origin).ok().filter(|_| is_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_checked_at_the_start() {
        assert!(layer(&[]).unwrap().is_none());
        for good in [
            "https://console.example.com",
            "http://127.0.0.1:8080",
            "http://[::1]:80",
            "*",
        ] {
            assert!(layer(&[good.to_owned()]).unwrap().is_some(), "{good}");
        }
        for bad in [
            "",
            "console.example.com",
            "https://",
            "https://a/",
            "https://a/b",
            "https://A",
            "ftp://a",
            "https://a b",
        ] {
            assert!(layer(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
