//! The fields of an object that a caller gave, read one by one.

use std::collections::BTreeMap;

use serde_json::Value;
use zonelog_model::zone::Patch;

use crate::coerce;
use crate::error::{ApiError, SchemaError};
use crate::json::Object;

/// Designate's limit of descriptions, in characters.
pub(super) const MAX_DESCRIPTION: usize = 160;

/// Designate's limit of the keys and values of attributes, in characters.
const MAX_ATTRIBUTE: usize = 50;

/// An object's fields.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a Object);

impl<'a> Fields<'a> {
    /// A field's value; null when it is not there.
    pub(super) fn get(self, field: &str) -> &'a Value {
        self.0.get(field).unwrap_or(&Value::Null)
    }

    /// A text of at most `max` characters; `None` when it is missing or null.
    pub(super) fn text(self, field: &str, max: usize) -> Result<Option<String>, ApiError> {
        coerce::short_text(field, self.get(field), max)
    }

    /// A text that must be there.
    pub(super) fn required_text(self, field: &'static str, max: usize) -> Result<String, ApiError> {
        if let (true, Value::Null) = (self.0.contains_key(field), self.get(field)) {
            return Err(not_null(field));
        }
        self.text(field, max)?
            .ok_or_else(|| ApiError::schema(vec![SchemaError::required(field)]))
    }

    /// A new text for one that cannot be taken away.
    pub(super) fn changed_text(self, field: &str, max: usize) -> Result<Patch<String>, ApiError> {
        if !self.0.contains_key(field) {
            return Ok(Patch::Keep);
        }
        let text = self.text(field, max)?;
        text.map(Patch::Set).ok_or_else(|| not_null(field))
    }

    /// A new text, or null to take it away.
    pub(super) fn changed_option(self, field: &str, max: usize) -> Result<Patch<Option<String>>, ApiError> {
        match self.0.contains_key(field) {
            true => Ok(Patch::Set(self.text(field, max)?)),
            false => Ok(Patch::Keep),
        }
    }

    /// The description.
    pub(super) fn description(self) -> Result<Option<String>, ApiError> {
        self.text("description", MAX_DESCRIPTION)
    }

    /// A new description, or null to take it away.
    pub(super) fn changed_description(self) -> Result<Patch<Option<String>>, ApiError> {
        self.changed_option("description", MAX_DESCRIPTION)
    }
}

/// The error of a null where there must be a value.
pub(super) fn not_null(field: &str) -> ApiError {
    ApiError::value(format_args!("Field '{field}' cannot be None"))
}

/// A field's text as one of a closed set of words.
pub(super) fn word<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ApiError> {
    read(text)
        .ok_or_else(|| ApiError::value(format_args!("Field value {} is invalid", coerce::excerpt(text))))
}

/// Attributes: an object of short texts.
pub(super) fn attributes(value: &Value) -> Result<BTreeMap<String, String>, ApiError> {
    let given = match value {
        Value::Null => return Ok(BTreeMap::new()),
        Value::Object(given) => given,
        other => {
            let kind = coerce::kind_of(other);
            return Err(ApiError::value(format_args!(
                "A dict is required in field attributes, not a {kind}"
            )));
        }
    };
    let mut attributes = BTreeMap::new();
    for (key, value) in given {
        if key.chars().count() > MAX_ATTRIBUTE {
            let key = coerce::excerpt(key);
            return Err(ApiError::value(format_args!(
                "The attribute key '{key}' is too long: the most is {MAX_ATTRIBUTE} characters"
            )));
        }
        let Some(value) = coerce::short_text("attributes", value, MAX_ATTRIBUTE)? else {
            return Err(ApiError::value(format_args!(
                "The attribute '{key}' cannot be None"
            )));
        };
        attributes.insert(key.clone(), value);
    }
    Ok(attributes)
}
