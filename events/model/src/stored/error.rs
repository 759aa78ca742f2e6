//! Why stored data cannot be read.

use std::fmt;

use thiserror::Error;

/// Stored data that this release cannot read: damage, or a newer release's writing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// No release up to this one writes such events.
    #[error("events of type {0:?} are not known to this release; a newer one may have written it")]
    UnknownType(String),
    /// No release up to this one writes that version.
    #[error(
        "{type_name} of type version {type_version} is not known to this release, which writes {present}"
    )]
    UnknownVersion {
        /// The event's type.
        type_name: String,
        /// The version found.
        type_version: i16,
        /// The version written today.
        present: i16,
    },
    /// The JSON is none, or of another shape.
    #[error("a stored {what} is damaged: {reason}")]
    Shape {
        /// What was read: an event's type, or `actor`, `zone`, `recordset`.
        what: String,
        /// What the reader of JSON says.
        reason: String,
    },
    /// A value means nothing.
    #[error("a stored {what} is damaged: {field} {text:?}: {reason}")]
    Value {
        /// What was read: an event's type, or `actor`, `zone`, `recordset`.
        what: String,
        /// The field.
        field: &'static str,
        /// The text or number found.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl DecodeError {
    pub(super) fn shape(what: &str, error: &serde_json::Error) -> Self {
        Self::Shape {
            what: what.to_owned(),
            reason: error.to_string(),
        }
    }
}

/// A value of a stored shape that means nothing; what held it is added by who knows it.
pub(super) struct BadValue {
    field: &'static str,
    text: String,
    reason: String,
}

impl BadValue {
    pub(super) fn new(field: &'static str, text: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self {
            field,
            text: text.to_string(),
            reason: reason.to_string(),
        }
    }

    pub(super) fn within(self, what: &str) -> DecodeError {
        DecodeError::Value {
            what: what.to_owned(),
            field: self.field,
            text: self.text,
            reason: self.reason,
        }
    }
}
