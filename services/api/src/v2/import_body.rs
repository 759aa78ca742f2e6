//! The body of an import: a master file, or a JSON object that holds one, larger than any other body may be.
//!
//! All imports under way share one room: what they have read into memory together is bounded, however many come.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zonelog_central::Idempotency;

use super::body::Keys;
use super::fields::{Fields, attributes};
use crate::app::App;
use crate::error::{ApiError, SchemaError};
use crate::idempotency::Retry;
use crate::json::{object_of, too_large};

/// The unit in which the room is counted, in bytes.
const UNIT: usize = 64 * 1024;
/// How many imports of the largest size fit into the room at once.
const LARGEST_AT_ONCE: usize = 4;

const KEYS: Keys = Keys {
    resource: "zone_import",
    writable: &["zonefile", "attributes"],
    fixed: &[],
};

/// The memory for the bodies of imports.
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    /// Room for several imports of the largest size.
    pub(crate) fn for_largest(bytes: usize) -> Self {
        let units = bytes
            .div_ceil(UNIT)
            .saturating_mul(LARGEST_AT_ONCE)
            .clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units)))
    }
}

/// A body that was read.
pub(super) struct Given {
    /// The master file.
    pub(super) text: Bytes,
    /// The attributes of the zone to be made.
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) idempotency: Option<Idempotency>,
    /// Its part of the room, given back with it.
    _room: OwnedSemaphorePermit,
}

enum Form {
    MasterFile,
    Json,
}

/// Reads the body of an import.
pub(super) async fn read(app: &App, retry: Retry, request: Request<Body>) -> Result<Given, ApiError> {
    let form = form_of(request.headers())?;
    let (limit, time) = (app.options.max_import_bytes, app.options.body_timeout);
    let reading = read_whole(&app.import_room, request, limit);
    let Ok(read) = tokio::time::timeout(time, reading).await else {
        return Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            format!("The master file did not arrive within {} s", time.as_secs_f32()),
        ));
    };
    let (bytes, room) = read?;
    let idempotency = retry.of(&bytes)?;
    let (text, attributes) = match form {
        Form::MasterFile => (bytes, BTreeMap::new()),
        Form::Json => read_json(&bytes)?,
    };
    Ok(Given {
        text,
        attributes,
        idempotency,
        _room: room,
    })
}

fn form_of(headers: &HeaderMap) -> Result<Form, ApiError> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = given
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if media.eq_ignore_ascii_case("text/dns") {
        Ok(Form::MasterFile)
    } else if media.eq_ignore_ascii_case("application/json") {
        Ok(Form::Json)
    } else {
        Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_type",
            format!("Content-type must be text/dns or application/json, not '{media}'"),
        ))
    }
}

async fn read_whole(
    room: &Room,
    request: Request<Body>,
    limit: usize,
) -> Result<(Bytes, OwnedSemaphorePermit), ApiError> {
    let declared = request.headers().get(CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let full = || ApiError::unavailable("Too many imports arrive at the moment; try again");
    let take = |units: usize| {
        let units = u32::try_from(units).map_err(|_| full())?;
        Arc::clone(&room.0)
            .try_acquire_many_owned(units)
            .map_err(|_| full())
    };
    let mut held = take(1)?;
    let mut bytes = Vec::new();
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::bad("bad_request", "The request's body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        let length = bytes.len() + data.len();
        if length > limit {
            return Err(too_large(limit));
        }
        let more = length.div_ceil(UNIT).saturating_sub(held.num_permits());
        if more > 0 {
            held.merge(take(more)?);
        }
        bytes.extend_from_slice(&data);
    }
    Ok((Bytes::from(bytes), held))
}

fn read_json(bytes: &[u8]) -> Result<(Bytes, BTreeMap<String, String>), ApiError> {
    let mut object = object_of(bytes)?;
    KEYS.check_new(&object)?;
    let attributes = attributes(Fields(&object).get("attributes"))?;
    match object.remove("zonefile") {
        Some(Value::String(text)) => Ok((Bytes::from(text), attributes)),
        None | Some(Value::Null) => Err(ApiError::schema(vec![SchemaError::required("zonefile")])),
        Some(other) => Err(ApiError::value(format_args!(
            "A string is required in field zonefile, not a {}",
            crate::coerce::kind_of(&other)
        ))),
    }
}
