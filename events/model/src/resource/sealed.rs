//! Secrets as the log may hold them.

use std::fmt;

/// A secret, encrypted by a service with the installation's key: text of the form `v1:<base64>`. Whoever has the log
/// alone cannot read it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed(String);

impl Sealed {
    /// Wraps a ciphertext.
    pub const fn new(ciphertext: String) -> Self {
        Self(ciphertext)
    }

    /// The ciphertext.
    pub fn ciphertext(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}
