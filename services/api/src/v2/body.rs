//! What answers have in common: lists, links, times.

use std::fmt::Write;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde::{Serialize, Serializer};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;
use zonelog_model::Timestamp;

use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::REPLAYED;
use crate::json::Object;
use crate::query::Query;

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, ApiError> {
    let mut bytes = Vec::with_capacity(1024);
    serde_json::to_writer(&mut bytes, body).map_err(|error| ApiError::internal(&error))?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The answer to an accepted change.
pub(crate) fn accepted(
    status: StatusCode,
    body: &impl Serialize,
    location: Option<&str>,
    replayed: bool,
) -> Result<Response, ApiError> {
    let mut response = json(status, body)?;
    if let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    if replayed {
        response.headers_mut().insert(
            HeaderName::from_static(REPLAYED),
            HeaderValue::from_static("true"),
        );
    }
    Ok(response)
}

/// `links` of one object.
#[derive(Serialize, ToSchema)]
pub(crate) struct SelfLink {
    #[serde(rename = "self")]
    #[schema(format = "uri")]
    pub(crate) href: String,
}

/// `links` of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListLinks {
    #[serde(rename = "self")]
    #[schema(format = "uri")]
    href: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    next: Option<String>,
}

impl ListLinks {
    /// The links of a page: there is a next one whenever this one is full, as Designate's clients expect.
    pub(super) fn new(
        context: &Context,
        path: &str,
        query: &Query,
        limit: i64,
        shown: usize,
        last: Option<Uuid>,
    ) -> Self {
        let link = |query: String| format!("{}{path}{query}", context.base);
        let is_full = i64::try_from(shown).is_ok_and(|shown| shown == limit);
        let next = last
            .filter(|_| is_full)
            .map(|last| link(query.encode(Some(last))));
        Self {
            href: link(query.encode(None)),
            next,
        }
    }
}

/// `metadata` of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListMetadata)]
pub(super) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total_count: Option<i64>,
}

/// A time as Designate writes it: UTC, microseconds, no zone letter.
#[derive(Clone, Copy)]
pub(super) struct Time(pub(super) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.format("%Y-%m-%dT%H:%M:%S.%6f"))
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .pattern(Some(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}$"))
            .description(Some("A time in UTC."))
            .examples(["2026-01-15T12:00:00.000000"])
            .into()
    }
}

impl ToSchema for Time {}

/// Keys that may be given only with the value they have: those whose value differs are returned.
pub(super) fn changed_keys<'a>(given: &[(&'a str, &Value)], current: &Value) -> Vec<&'a str> {
    given
        .iter()
        .filter(|(key, value)| current.get(key) != Some(value))
        .map(|(key, _)| *key)
        .collect()
}

/// The keys of an object that a resource cannot take: unknown ones, and read-only ones that would be set.
pub(super) struct Keys {
    pub(super) resource: &'static str,
    pub(super) writable: &'static [&'static str],
    pub(super) fixed: &'static [&'static str],
}

impl Keys {
    /// For a new object: read-only keys have no value yet, so only null is theirs.
    pub(super) fn check_new(&self, object: &Object) -> Result<(), ApiError> {
        let refused = |(key, value): &(&String, &Value)| {
            let known = self.writable.contains(&key.as_str());
            !known && (!value.is_null() || !self.fixed.contains(&key.as_str()))
        };
        let refused: Vec<&str> = object
            .iter()
            .filter(refused)
            .map(|(key, _)| key.as_str())
            .collect();
        if refused.is_empty() {
            Ok(())
        } else {
            Err(ApiError::keys(&refused, self.resource))
        }
    }

    /// For a present object: refuses unknown keys, returns the read-only ones to be compared.
    pub(super) fn fixed_in<'a>(&self, object: &'a Object) -> Result<Vec<(&'a str, &'a Value)>, ApiError> {
        let others = || {
            object
                .iter()
                .filter(|(key, _)| !self.writable.contains(&key.as_str()))
        };
        let unknown: Vec<&str> = others()
            .map(|(key, _)| key.as_str())
            .filter(|key| !self.fixed.contains(key))
            .collect();
        if !unknown.is_empty() {
            return Err(ApiError::keys(&unknown, self.resource));
        }
        Ok(others().map(|(key, value)| (key.as_str(), value)).collect())
    }

    /// Refuses read-only keys whose value is not the present one. `current` is the object as it is shown.
    pub(super) fn check_fixed(&self, given: &[(&str, &Value)], current: &Value) -> Result<(), ApiError> {
        let changed = changed_keys(given, current);
        if changed.is_empty() {
            Ok(())
        } else {
            Err(ApiError::keys(&changed, self.resource))
        }
    }
}

/// An address below the API's.
pub(crate) fn href(base: &str, parts: std::fmt::Arguments<'_>) -> String {
    let mut href = String::with_capacity(base.len() + 96);
    href.push_str(base);
    // Writing to a String cannot fail.
    let _ = href.write_fmt(parts);
    href
}
