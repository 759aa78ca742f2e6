//! Keys of transaction signatures (RFC 8945).

use uuid::Uuid;
pub use zonelog_dns::tsig::Algorithm as TsigAlgorithm;

use super::sealed::Sealed;

/// A key of transaction signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsigKey {
    /// The key's name, a domain name; up to 160 characters.
    pub name: String,
    /// How it signs.
    pub algorithm: TsigAlgorithm,
    /// The shared secret, base64 before it was sealed.
    pub secret: Sealed,
    /// What it is for.
    pub scope: TsigScope,
    /// The pool or the zone that it is for.
    pub resource: Uuid,
}

/// What a TSIG key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TsigScope {
    /// All zones of a pool.
    Pool,
    /// One zone.
    Zone,
}

impl TsigScope {
    /// The word in the API and in the log.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pool => "POOL",
            Self::Zone => "ZONE",
        }
    }

    /// The scope of a word.
    pub fn from_label(label: &str) -> Option<Self> {
        match label {
            "POOL" => Some(Self::Pool),
            "ZONE" => Some(Self::Zone),
            _ => None,
        }
    }
}
