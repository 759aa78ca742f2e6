//! The secret text of Zonelog's own API tokens.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

/// What every token begins with, so that people and secret scanners recognise one.
const PREFIX: &str = "zl_";
/// The length of a token's text: the prefix and 32 bytes in base64.
const LENGTH: usize = PREFIX.len() + 43;

/// A token's secret. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(String);

impl TokenSecret {
    /// The token of 256 random bits.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes)))
    }

    /// Takes what a caller sent; `None` when it has not the form of a token.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX).filter(|_| text.len() == LENGTH)?;
        BASE64URL_NOPAD
            .decode(body.as_bytes())
            .ok()
            .map(|_| Self(text.to_owned()))
    }

    /// The text, to be shown once to whom it is for.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The digest under which the token is kept.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_not_shown() {
        let token = TokenSecret::new([7; 32]);
        assert_eq!(TokenSecret::parse(token.reveal()), Some(token.clone()));
        assert_eq!(format!("{token:?}"), "TokenSecret(***)");
        for text in [
            "",
            "zl_",
            "zl_short",
            &token.reveal()[1..],
            &format!("{}x", token.reveal()),
            "zl_é",
        ] {
            assert_eq!(TokenSecret::parse(text), None, "{text}");
        }
    }
}
