//! What can be wrong with rdata.

use crate::name::NameError;
use crate::rrtype::Rrtype;

/// Why a text or some octets are not rdata of their type, in a sentence for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RdataError {
    /// The text ends too early.
    #[error("the {field} is missing")]
    MissingField {
        /// What should have come.
        field: &'static str,
    },
    /// The text goes on after the last field.
    #[error("{value:?} follows after the last field")]
    UnexpectedField {
        /// The first field too many.
        value: String,
    },
    /// A field is not a number of its range.
    #[error(
        "the {field} {value:?} is not a whole number from {least} to {most} without sign or leading zeros"
    )]
    BadNumber {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: String,
        /// The smallest number allowed.
        least: u32,
        /// The largest number allowed.
        most: u32,
    },
    /// A field is not an address.
    #[error("{value:?} is not an {family} address")]
    BadAddress {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// What stands there.
        value: String,
    },
    /// A field is not a name allowed there.
    #[error("the {field} {value:?} is not a host or domain name: {reason}")]
    BadName {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with the name.
        reason: NameError,
    },
    /// A field has a value that is not allowed.
    #[error("the {field} {value:?} is not {expected}")]
    BadValue {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A field is not in hexadecimal, or not of the length it must have.
    #[error("the {field} is not {expected}")]
    BadEncoding {
        /// Which field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A quoted string does not end.
    #[error("a quotation mark is not closed")]
    UnclosedQuote,
    /// A quotation mark inside a string.
    #[error("a quotation mark inside a string must be written \\\"")]
    UnescapedQuote,
    /// The text ends with a backslash.
    #[error("the text ends with a backslash; a backslash is written \\\\")]
    TrailingBackslash,
    /// A backslash followed by digits that are not an octet.
    #[error("an escape is not \\X or \\DDD with DDD from 000 to 255")]
    BadEscape,
    /// A raw line end in the text.
    #[error("the text contains a line break; it is written \\010")]
    LineBreak,
    /// Several words without quotation marks.
    #[error("a text with spaces must be in quotation marks, each of its strings in its own")]
    UnquotedSpaces,
    /// A character-string of more than 255 octets.
    #[error("a string is longer than 255 octets; split it: \"first part\" \"second part\"")]
    StringTooLong,
    /// A service parameter's key is not known.
    #[error(
        "the service parameter {key:?} is not known here; a parameter without a name is written keyNNNNN"
    )]
    UnknownParameter {
        /// The key.
        key: String,
    },
    /// A service parameter comes twice.
    #[error("the service parameter {key} comes twice")]
    DuplicateParameter {
        /// The key.
        key: String,
    },
    /// A service parameter's value is wrong.
    #[error("the value of the service parameter {key} is not {expected}")]
    BadParameter {
        /// The key.
        key: String,
        /// What the value should be.
        expected: &'static str,
    },
    /// A service parameter needs another one that is missing.
    #[error("the service parameter {key} needs {needed}, which is missing")]
    MissingParameter {
        /// The key there is.
        key: &'static str,
        /// The key that should be there.
        needed: String,
    },
    /// The owner name is not of the form the type asks for.
    #[error("the owner name of a {rrtype} record must be {expected}")]
    BadOwner {
        /// The record's type.
        rrtype: Rrtype,
        /// What the owner name should be.
        expected: &'static str,
    },
    /// The type has no text form here but that of RFC 3597.
    #[error("records of type {rrtype} are written \\# LENGTH HEX")]
    NoTextForm {
        /// The type.
        rrtype: Rrtype,
    },
    /// A field is longer than any needs to be.
    #[error("a field is longer than 131072 characters")]
    FieldTooLong,
    /// The rdata is longer than 65535 octets.
    #[error("the record data is longer than 65535 octets")]
    TooLong,
    /// The octets do not have the form of the type.
    #[error("the octets are not the data of a {rrtype} record: the {field} is wrong or cut short")]
    BadWire {
        /// The type.
        rrtype: Rrtype,
        /// Where they went wrong.
        field: &'static str,
    },
}

impl RdataError {
    /// A short word for programs and metrics that stays the same when the sentence is reworded.
    pub fn label(&self) -> &'static str {
        match self {
            Self::MissingField { .. } => "rdata_missing_field",
            Self::UnexpectedField { .. } => "rdata_unexpected_field",
            Self::BadNumber { .. } => "rdata_bad_number",
            Self::BadAddress { .. } => "rdata_bad_address",
            Self::BadName { .. } => "rdata_bad_name",
            Self::BadValue { .. } => "rdata_bad_value",
            Self::BadEncoding { .. } => "rdata_bad_encoding",
            Self::UnclosedQuote => "rdata_unclosed_quote",
            Self::UnescapedQuote => "rdata_unescaped_quote",
            Self::TrailingBackslash => "rdata_trailing_backslash",
            Self::BadEscape => "rdata_bad_escape",
            Self::LineBreak => "rdata_line_break",
            Self::UnquotedSpaces => "rdata_unquoted_spaces",
            Self::StringTooLong => "rdata_string_too_long",
            Self::UnknownParameter { .. } => "rdata_unknown_parameter",
            Self::DuplicateParameter { .. } => "rdata_duplicate_parameter",
            Self::BadParameter { .. } => "rdata_bad_parameter",
            Self::MissingParameter { .. } => "rdata_missing_parameter",
            Self::BadOwner { .. } => "rdata_bad_owner",
            Self::NoTextForm { .. } => "rdata_no_text_form",
            Self::FieldTooLong => "rdata_field_too_long",
            Self::TooLong => "rdata_too_long",
            Self::BadWire { .. } => "rdata_bad_wire",
        }
    }
}
