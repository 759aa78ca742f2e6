//! Keys of transaction signatures (RFC 8945).

use uuid::Uuid;

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

/// The algorithms of TSIG (RFC 8945 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TsigAlgorithm {
    /// HMAC-MD5: broken, for old peers alone.
    HmacMd5,
    /// HMAC-SHA-1.
    HmacSha1,
    /// HMAC-SHA-224.
    HmacSha224,
    /// HMAC-SHA-256.
    HmacSha256,
    /// HMAC-SHA-384.
    HmacSha384,
    /// HMAC-SHA-512.
    HmacSha512,
}

impl TsigAlgorithm {
    /// All algorithms.
    pub const ALL: [Self; 6] = [
        Self::HmacMd5,
        Self::HmacSha1,
        Self::HmacSha224,
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
    ];

    /// The name in the API and in the log.
    pub const fn label(self) -> &'static str {
        match self {
            Self::HmacMd5 => "hmac-md5",
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha224 => "hmac-sha224",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }

    /// The algorithm of a name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.label() == label)
    }
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
