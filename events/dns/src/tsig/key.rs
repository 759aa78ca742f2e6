//! Keys: their algorithms and secrets.

use std::fmt;
use std::str::FromStr;

use crate::name::Name;

/// The algorithms of TSIG that are in use (RFC 8945 §6), without truncated ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
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

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::HmacMd5,
        Self::HmacSha1,
        Self::HmacSha224,
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
    ];

    /// The name in the API and in the log, which is that of the configurations of servers.
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

    /// The algorithm of a [`Algorithm::label`], to the letter.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.label() == label)
    }

    /// The name on the wire, in canonical form (RFC 8945 §6, table 3).
    pub const fn wire(self) -> &'static [u8] {
        match self {
            Self::HmacMd5 => b"\x08hmac-md5\x07sig-alg\x03reg\x03int\0",
            Self::HmacSha1 => b"\x09hmac-sha1\0",
            Self::HmacSha224 => b"\x0bhmac-sha224\0",
            Self::HmacSha256 => b"\x0bhmac-sha256\0",
            Self::HmacSha384 => b"\x0bhmac-sha384\0",
            Self::HmacSha512 => b"\x0bhmac-sha512\0",
        }
    }

    /// The algorithm of a name on the wire.
    pub fn from_wire(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.wire().eq_ignore_ascii_case(name))
    }

    /// How many octets a MAC has.
    pub const fn mac_length(self) -> usize {
        match self {
            Self::HmacMd5 => 16,
            Self::HmacSha1 => 20,
            Self::HmacSha224 => 28,
            Self::HmacSha256 => 32,
            Self::HmacSha384 => 48,
            Self::HmacSha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for Algorithm {
    type Err = KeyError;

    /// Reads a [`Algorithm::label`], in any case.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.label().eq_ignore_ascii_case(text))
            .ok_or_else(|| KeyError::Algorithm(text.to_owned()))
    }
}

/// Why something is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No such algorithm.
    #[error(
        "{0:?} is no algorithm of a key: give hmac-sha256, or one of hmac-sha1, hmac-sha224, hmac-sha384, hmac-sha512 and hmac-md5"
    )]
    Algorithm(String),
    /// Not base64, or nothing.
    #[error("the secret of the key is not base64 of at least one octet; `tsig-keygen` makes one")]
    Secret,
}

/// The secret of a key. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Reads it as the configurations of servers have it.
    ///
    /// # Errors
    /// [`KeyError::Secret`] when it is not base64, or empty.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let octets = data_encoding::BASE64
            .decode(text.trim().as_bytes())
            .map_err(|_| KeyError::Secret)?;
        if octets.is_empty() {
            return Err(KeyError::Secret);
        }
        Ok(Self(octets.into()))
    }

    /// As configurations of servers have it: for a server that is told of its key, and for nothing that is shown.
    pub fn to_base64(&self) -> String {
        data_encoding::BASE64.encode(&self.0)
    }

    /// The octets, for the HMAC.
    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

/// A key that two servers share. Two keys are equal when their names, without regard to case, algorithms and secrets are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name, the same on both sides.
    pub name: Name,
    /// How it signs.
    pub algorithm: Algorithm,
    /// What both sides know.
    pub secret: Secret,
}

impl Key {
    /// How many octets a TSIG record of this key takes, where it reports no error.
    pub fn record_length(&self) -> usize {
        self.name.wire().len() + 10 + self.algorithm.wire().len() + 16 + self.algorithm.mac_length()
    }
}
