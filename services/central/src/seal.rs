//! Secrets at rest: what the log, its projections and their backups hold of a secret is ciphertext.
//!
//! A sealed text is `v1:` and the base64 of a random nonce and what ChaCha20-Poly1305 (RFC 8439) makes of the secret.
//! The associated data say what the secret is of, so that a ciphertext moved to another field does not open.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use data_encoding::BASE64;
use thiserror::Error;
use zonelog_model::resource::Sealed;

use crate::ids;

/// The form of sealed texts: a new algorithm is a new prefix.
const PREFIX: &str = "v1:";

/// Octets of a nonce.
const NONCE: usize = 12;

/// Octets of a key.
const KEY: usize = 32;

/// A key file is a line; anything much longer is another file.
const LONGEST_KEY_FILE: u64 = 4_096;

/// Seals and opens secrets with the installation's keys. Cheap to clone; its `Debug` form shows no key.
#[derive(Clone)]
pub struct Sealer {
    ciphers: Arc<[ChaCha20Poly1305]>,
}

/// Why a key cannot be used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("the key file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Others than its owner can read the file.
    #[error(
        "the key file {} can be read by others (mode {mode:04o}): make it the service user's alone, with chmod 0600",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file does not hold a key.
    #[error(
        "the key file {} holds no key: {why}; it must be one line, the base64 of 32 random octets \
         (made with: openssl rand -base64 32)",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No key was given.
    #[error("no key to seal secrets with: name a key file in [secrets] key_file")]
    None,
}

/// Why a sealed text does not open.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SealError {
    /// It is none of ours.
    #[error("the sealed text has another form than v1:<base64>")]
    Form,
    /// No key opens it as this field.
    #[error(
        "none of the keys in [secrets] opens it: the key that sealed it is missing, or the text was altered or is another field's"
    )]
    Locked,
    /// There is no key at all.
    #[error("there is no key to seal secrets with, or to open them: name a key file in [secrets] key_file")]
    NoKey,
    /// It cannot be sealed: longer than any secret is.
    #[error("the secret is too long to be sealed")]
    TooLong,
}

impl Sealer {
    /// A sealer with these keys: the first seals, all open. So a key is changed by putting the new one first, and taken
    /// out once everything was sealed anew.
    ///
    /// # Errors
    /// [`KeyError::None`] without any key.
    pub fn new(keys: &[[u8; KEY]]) -> Result<Self, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::None);
        }
        let ciphers = keys.iter().map(|key| ChaCha20Poly1305::new(Key::from_slice(key)));
        Ok(Self {
            ciphers: ciphers.collect(),
        })
    }

    /// A sealer with the keys of these files, in their order.
    ///
    /// # Errors
    /// Says which file, and what is wrong with it; never what it holds.
    pub fn from_files<P: AsRef<Path>>(paths: &[P]) -> Result<Self, KeyError> {
        let keys: Vec<_> = paths
            .iter()
            .map(|path| read_key(path.as_ref()))
            .collect::<Result<_, _>>()?;
        Self::new(&keys)
    }

    /// For an installation without a key: it neither seals nor opens, and says so.
    pub fn without_key() -> Self {
        Self {
            ciphers: Arc::new([]),
        }
    }

    /// A sealer with a key that nobody else has, for what seals nothing that shall outlive it.
    pub fn ephemeral() -> Self {
        Self {
            ciphers: Arc::new([ChaCha20Poly1305::new(Key::from_slice(&ids::sealing_key()))]),
        }
    }

    /// Seals a secret of a resource of `kind` that stands in its `field`.
    ///
    /// # Errors
    /// [`SealError::TooLong`] for what the cipher cannot take (256 GiB).
    pub fn seal(&self, kind: &str, field: &str, secret: &str) -> Result<Sealed, SealError> {
        let nonce = ids::nonce();
        let associated = associated_data(kind, field);
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: &associated,
        };
        let cipher = self.ciphers.first().ok_or(SealError::NoKey)?;
        let ciphertext = cipher
            .encrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| SealError::TooLong)?;
        let octets = [&nonce[..], &ciphertext].concat();
        Ok(Sealed::new(format!("{PREFIX}{}", BASE64.encode(&octets))))
    }

    /// Opens what was sealed for the same `kind` and `field`.
    ///
    /// # Errors
    /// [`SealError::Form`] and [`SealError::Locked`]; neither shows the text.
    pub fn open(&self, kind: &str, field: &str, sealed: &Sealed) -> Result<String, SealError> {
        let encoded = sealed.ciphertext().strip_prefix(PREFIX).ok_or(SealError::Form)?;
        let octets = BASE64.decode(encoded.as_bytes()).map_err(|_| SealError::Form)?;
        let (nonce, ciphertext) = octets.split_at_checked(NONCE).ok_or(SealError::Form)?;
        if self.ciphers.is_empty() {
            return Err(SealError::NoKey);
        }
        let associated = associated_data(kind, field);
        let opened = self.ciphers.iter().find_map(|cipher| {
            let payload = Payload {
                msg: ciphertext,
                aad: &associated,
            };
            cipher.decrypt(Nonce::from_slice(nonce), payload).ok()
        });
        String::from_utf8(opened.ok_or(SealError::Locked)?).map_err(|_| SealError::Form)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} keys)", self.ciphers.len())
    }
}

/// A new key in the form of a key file.
pub fn new_key_file() -> String {
    format!("{}\n", BASE64.encode(&ids::sealing_key()))
}

/// NUL stands in neither, so that no two pairs give the same.
fn associated_data(kind: &str, field: &str) -> Vec<u8> {
    [kind.as_bytes(), field.as_bytes()].join(&0)
}

fn read_key(path: &Path) -> Result<[u8; KEY], KeyError> {
    let unreadable = |source| KeyError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let malformed = |why: &str| KeyError::Malformed {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    check_mode(path, &metadata)?;
    let mut text = String::new();
    file.take(LONGEST_KEY_FILE)
        .read_to_string(&mut text)
        .map_err(|_| malformed("it is not text"))?;
    let octets = BASE64
        .decode(text.trim().as_bytes())
        .map_err(|_| malformed("it is not base64"))?;
    let length = octets.len();
    octets
        .try_into()
        .map_err(|_| malformed(&format!("it has {length} octets")))
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &std::fs::Metadata) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(KeyError::Exposed {
        path: path.to_owned(),
        mode,
    })
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &std::fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
