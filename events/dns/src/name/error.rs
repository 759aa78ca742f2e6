//! What can be wrong with a name.

/// Why a text or some octets are not a name, or not one allowed in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    #[error("the name is empty")]
    Empty,
    /// The final dot is missing.
    #[error("the name does not end with a dot")]
    NotAbsolute,
    /// Two dots in a row, or a dot at the start.
    #[error("the name has an empty label (two dots in a row, or a dot at the start)")]
    EmptyLabel,
    /// A label of more than 63 octets.
    #[error("a label of the name is longer than 63 octets")]
    LabelTooLong,
    /// More than 255 octets on the wire.
    #[error("the name is longer than 255 octets")]
    NameTooLong,
    /// A character that names of zones and recordsets may not have.
    #[error("the name contains {0:?}; letters, digits, '-' and '_' are allowed")]
    BadCharacter(char),
    /// A label starts or ends with a hyphen.
    #[error("a label of the name starts or ends with '-'")]
    HyphenAtEdge,
    /// Too few labels for its place.
    #[error("the name has too few labels")]
    TooFewLabels,
    /// A `*` that is not the whole leftmost label.
    #[error("'*' may only stand alone as the first label of the name")]
    WildcardInside,
    /// A backslash followed neither by one character nor by three digits up to 255.
    #[error("the name has a bad escape: write \\. or \\DDD with DDD from 000 to 255")]
    BadEscape,
    /// The octets are not exactly one uncompressed name.
    #[error("the octets are not one uncompressed domain name")]
    BadWire,
    /// The octets are not a sort key made by [`Name::to_key`](super::Name::to_key).
    #[error("the octets are not the sort key of a domain name")]
    BadKey,
}

impl NameError {
    /// A short word for programs and metrics that stays the same when the sentence is reworded.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Empty => "name_empty",
            Self::NotAbsolute => "name_not_absolute",
            Self::EmptyLabel => "name_empty_label",
            Self::LabelTooLong => "name_label_too_long",
            Self::NameTooLong => "name_too_long",
            Self::BadCharacter(_) => "name_bad_character",
            Self::HyphenAtEdge => "name_hyphen_at_edge",
            Self::TooFewLabels => "name_too_few_labels",
            Self::WildcardInside => "name_wildcard_inside",
            Self::BadEscape => "name_bad_escape",
            Self::BadWire => "name_bad_wire",
            Self::BadKey => "name_bad_key",
        }
    }
}
