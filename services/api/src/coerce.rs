//! Field values as Designate takes them: a number may come as text, a text as a number.

use std::ops::RangeInclusive;

use serde_json::Value;
use zonelog_dns::{NameError, OwnerName, Ttl, ZoneName};

use crate::error::ApiError;

/// A text, or `None` for null. Numbers are taken as they are written.
pub(crate) fn text(field: &str, value: &Value) -> Result<Option<String>, ApiError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        other => Err(ApiError::value(format_args!(
            "A string is required in field {field}, not a {}",
            kind_of(other)
        ))),
    }
}

/// A text of at most `max` characters.
pub(crate) fn short_text(field: &str, value: &Value, max: usize) -> Result<Option<String>, ApiError> {
    let text = text(field, value)?;
    match &text {
        Some(long) if long.chars().count() > max => Err(ApiError::value(format_args!(
            "Value '{}' is too long for field '{field}': the most is {max} characters",
            excerpt(long)
        ))),
        _ => Ok(text),
    }
}

/// A TTL in seconds; `None` for null. `"300"` is 300.
pub(crate) fn ttl(value: &Value) -> Result<Option<Ttl>, ApiError> {
    let seconds = integer_within("ttl", value, 0..=Ttl::MAX.get().into())?;
    seconds
        .map(|seconds| Ttl::new(seconds).map_err(ApiError::value))
        .transpose()
}

/// A whole number within a range; `None` for null. `"300"` is 300.
pub(crate) fn integer_within(
    field: &str,
    value: &Value,
    range: RangeInclusive<i64>,
) -> Result<Option<i64>, ApiError> {
    let given = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => match number.as_i64() {
            Some(given) => given,
            None if number.is_u64() => i64::MAX,
            // Only a whole number: 3.0 is one, 3.7 is not.
            None => match number.as_f64() {
                Some(float) if float.fract() == 0.0 && float.abs() < 1e15 => float as i64,
                _ => return Err(not_a_number(&number.to_string())),
            },
        },
        Value::String(text) => integer(text)?,
        other => {
            return Err(ApiError::value(format_args!(
                "An integer is required in field {field}, not a {}",
                kind_of(other)
            )));
        }
    };
    let (least, most) = (range.start(), range.end());
    if given < *least {
        return Err(ApiError::value(format_args!(
            "Value must be >= {least} for field '{field}'"
        )));
    }
    if given > *most {
        return Err(ApiError::value(format_args!(
            "Value must be <= {most} for field '{field}'"
        )));
    }
    Ok(Some(given))
}

fn integer(text: &str) -> Result<i64, ApiError> {
    let digits = text.trim();
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(not_a_number(text));
    }
    // All digits, so it can only be too long.
    Ok(digits.parse().unwrap_or(if digits.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    }))
}

fn not_a_number(text: &str) -> ApiError {
    ApiError::value(format_args!(
        "invalid literal for int() with base 10: '{}'",
        excerpt(text)
    ))
}

/// A zone's name.
pub(crate) fn zone_name(text: &str) -> Result<ZoneName, ApiError> {
    ZoneName::parse(text).map_err(|error| match error {
        NameError::TooFewLabels => ApiError::bad("invalid_zone_name", "More than one label is required"),
        error => ApiError::value(name_message(text, &error)),
    })
}

/// A recordset's name.
pub(crate) fn owner_name(text: &str) -> Result<OwnerName, ApiError> {
    OwnerName::parse(text).map_err(|error| ApiError::value(name_message(text, &error)))
}

fn name_message(text: &str, error: &NameError) -> String {
    let name = excerpt(text);
    match error {
        NameError::NotAbsolute => format!("Domain {name} does not end with a dot"),
        error => format!("Domain {name} is invalid: {error}"),
    }
}

/// Python's name of a JSON value's type, which is what Designate's messages show.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// The beginning of a text, for a message.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_ttl_may_come_as_text() {
        for given in [
            json!("300"),
            json!(" 300 "),
            json!("+300"),
            json!(300),
            json!(300.0),
        ] {
            assert_eq!(ttl(&given).unwrap().map(Ttl::get), Some(300), "{given}");
        }
        assert_eq!(ttl(&json!(null)).unwrap(), None);
        assert_eq!(ttl(&json!(2_147_483_647)).unwrap(), Some(Ttl::MAX));
    }

    #[test]
    fn what_is_no_ttl_is_refused() {
        for given in [
            json!(-1),
            json!(2_147_483_648_u32),
            json!("99999999999999999999999"),
            json!(u64::MAX),
            json!("-99999999999999999999999"),
            json!("1h"),
            json!(""),
            json!(1.5),
            json!(1e300),
            json!(true),
            json!([300]),
            json!({}),
        ] {
            assert!(ttl(&given).is_err(), "{given}");
        }
    }

    #[test]
    fn an_excerpt_is_cut_between_characters() {
        assert_eq!(excerpt("é").len(), 2);
        assert_eq!(excerpt(&"é".repeat(200)).chars().count(), 81);
    }
}
