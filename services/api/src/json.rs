//! Request bodies: their type, their size, and strict JSON.

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::ApiError;

/// A JSON object, as the caller sent it.
pub(crate) type Object = Map<String, Value>;

/// Reads a request's body as a JSON object: content type first, then size, then JSON, as Designate does. Returns the
/// bytes too, for the digest of an idempotent request.
pub(crate) async fn read_object(
    request: Request<Body>,
    limit: usize,
    time: Duration,
) -> Result<(Object, Bytes), ApiError> {
    let body = read_json_body(request, limit, time).await?;
    Ok((object_of(&body)?, body))
}

/// As [`read_object`], where a request may have nothing to say: an empty body is an empty object.
pub(crate) async fn read_object_or_nothing(
    request: Request<Body>,
    limit: usize,
    time: Duration,
) -> Result<(Object, Bytes), ApiError> {
    let body = read_json_body(request, limit, time).await?;
    let object = match body.is_empty() {
        true => Object::new(),
        false => object_of(&body)?,
    };
    Ok((object, body))
}

/// Reads a JSON object.
pub(crate) fn object_of(body: &[u8]) -> Result<Object, ApiError> {
    if body.is_empty() {
        return Err(ApiError::bad("empty_request_body", "Request Body is empty"));
    }
    match parse(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::bad(
            "invalid_json",
            "The request's body must be a JSON object",
        )),
        Err(error) => Err(ApiError::bad(
            "invalid_json",
            format!("Request Body is not valid JSON: {error}"),
        )),
    }
}

async fn read_json_body(request: Request<Body>, limit: usize, time: Duration) -> Result<Bytes, ApiError> {
    check_content_type(request.headers())?;
    read_body(request, limit, time).await
}

fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or_default());
    let media = given
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if media.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!("Content-Type must be application/json, not '{media}'");
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_content_type",
        message,
    ))
}

async fn read_body(request: Request<Body>, limit: usize, time: Duration) -> Result<Bytes, ApiError> {
    let declared = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    let reading = Limited::new(request.into_body(), limit).collect();
    match tokio::time::timeout(time, reading).await {
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            format!(
                "The request's body did not arrive within {} s",
                time.as_secs_f32()
            ),
        )),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(ApiError::bad("invalid_json", "The request's body broke off")),
    }
}

/// 413: a body that is larger than it may be.
pub(crate) fn too_large(limit: usize) -> ApiError {
    let message = format!("The request's body is larger than {limit} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
}

/// Reads JSON and refuses what different readers take differently: keys that come twice, and the character NUL,
/// which no text in the database can hold.
fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        if value.contains('\0') {
            return Err(E::custom("a text holds the character U+0000"));
        }
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if key.contains('\0') {
                return Err(A::Error::custom("a key holds the character U+0000"));
            }
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key '{key}' comes twice")));
            }
            object.insert(key, entries.next_value_seed(Self)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readers_take_differently_is_refused() {
        for text in [
            r#"{"a": 1, "a": 2}"#,
            r#"{"a": {"b": 1, "b": 1}}"#,
            r#"{"a": NaN}"#,
            r#"{"a": Infinity}"#,
            r#"{"a": 1e999}"#,
            r#"{"a": 1} x"#,
            r#"{"a": "\u0000"}"#,
            r#"{"a": "\ud800"}"#,
            r#"{"a": 1,}"#,
            "{'a': 1}",
            "\u{feff}{}",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"{\"a\": \"\xff\"}").is_err());
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn plain_json_is_read_as_it_is() {
        let text = r#"{"a":[1,-2,1.5,"x",null,true],"b":{}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
    }
}
