//! What can be wrong with a master file.

use std::io;

use crate::name::NameError;
use crate::rdata::RdataError;
use crate::ttl::TtlError;

/// An error in a master file, with the line on which the record or directive begins.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct MasterFileError {
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong there.
    pub kind: MasterFileErrorKind,
}

/// What is wrong in a master file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MasterFileErrorKind {
    /// The file cannot be read. Nothing is read after this.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A record is longer than any can be. Nothing is read after this.
    #[error("the record is longer than {0} octets; is a parenthesis or quotation mark left open?")]
    RecordTooLong(usize),
    /// The file ends inside a quoted string, or a line does.
    #[error("a quotation mark is not closed on its line")]
    UnclosedQuote,
    /// The file ends inside parentheses.
    #[error("a parenthesis is not closed")]
    UnclosedParenthesis,
    /// A parenthesis closes that was not opened.
    #[error("a parenthesis closes that was not opened")]
    UnopenedParenthesis,
    /// A record begins with a blank, and no record comes before it.
    #[error("the record has no owner name and follows none that has")]
    NoOwner,
    /// A relative name, and no `$ORIGIN`.
    #[error("the name is relative, and there is no $ORIGIN before it")]
    NoOrigin,
    /// The owner name or origin is not a name.
    #[error("{value:?} is not a name: {reason}")]
    BadName {
        /// What stands there.
        value: String,
        /// What is wrong with it.
        reason: NameError,
    },
    /// A TTL is not one.
    #[error("{value:?} is not a TTL: {reason}")]
    BadTtl {
        /// What stands there.
        value: String,
        /// What is wrong with it.
        reason: TtlError,
    },
    /// A class other than IN.
    #[error("the class {0} is not taken, only IN")]
    OtherClass(String),
    /// The record ends before its type.
    #[error("the record has no type")]
    NoType,
    /// The type is not known.
    #[error(
        "the record type {0:?} is not known; it can be written as TYPE and its number, with data as \\# LENGTH HEX"
    )]
    UnknownType(String),
    /// The data is wrong.
    #[error("{0}")]
    Rdata(#[from] RdataError),
    /// `$INCLUDE`, which would read another file.
    #[error("$INCLUDE is not taken; put the text of the other file in its place")]
    Include,
    /// `$GENERATE`, an extension of BIND.
    #[error("$GENERATE is not taken; write the records out")]
    Generate,
    /// A directive that does not exist.
    #[error("the directive {0:?} is not known")]
    UnknownDirective(String),
    /// A directive without its argument, or with more than one.
    #[error("{0} takes exactly one argument")]
    DirectiveArguments(&'static str),
}

impl MasterFileErrorKind {
    /// A short word for programs and metrics that stays the same when the sentence is reworded.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Io(_) => "master_file_io",
            Self::RecordTooLong(_) => "master_file_record_too_long",
            Self::UnclosedQuote => "master_file_unclosed_quote",
            Self::UnclosedParenthesis => "master_file_unclosed_parenthesis",
            Self::UnopenedParenthesis => "master_file_unopened_parenthesis",
            Self::NoOwner => "master_file_no_owner",
            Self::NoOrigin => "master_file_no_origin",
            Self::BadName { .. } => "master_file_bad_name",
            Self::BadTtl { .. } => "master_file_bad_ttl",
            Self::OtherClass(_) => "master_file_other_class",
            Self::NoType => "master_file_no_type",
            Self::UnknownType(_) => "master_file_unknown_type",
            Self::Rdata(error) => error.label(),
            Self::Include => "master_file_include",
            Self::Generate => "master_file_generate",
            Self::UnknownDirective(_) => "master_file_unknown_directive",
            Self::DirectiveArguments(_) => "master_file_directive_arguments",
        }
    }

    /// Whether reading cannot go on after this.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Io(_) | Self::RecordTooLong(_))
    }
}
