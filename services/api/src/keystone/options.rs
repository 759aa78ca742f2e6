//! Where Keystone is, and as whom the API asks it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Text that is never shown: a password, a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for who must send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The service user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A user with a password, in a project.
    Password {
        /// The user's name.
        username: String,
        /// The name of the user's domain.
        user_domain: String,
        /// The project's name.
        project: String,
        /// The name of the project's domain.
        project_domain: String,
        /// The password.
        password: Secret,
    },
    /// An application credential, which has its user and project in it.
    Application {
        /// Its id.
        id: String,
        /// Its secret.
        secret: Secret,
    },
}

/// A Keystone, version 3 of its API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeystoneOptions {
    /// Its address, with or without `/v3`.
    pub auth_url: String,
    /// The address that callers without a valid token are told to get one from. Without it `auth_url`.
    pub www_authenticate_uri: Option<String>,
    /// As whom the API asks.
    pub credential: Credential,
    /// PEM certificates that Keystone's must be signed by. Without it the system's are trusted.
    pub ca_file: Option<PathBuf>,
    /// How long Keystone may take for one validation, with all that belongs to it.
    pub timeout: Duration,
    /// How long a validated token is believed without asking again: a revocation takes effect within this time.
    pub token_memory: Duration,
    /// The most tokens remembered.
    pub max_tokens: u64,
}

impl KeystoneOptions {
    /// The options that most installations need.
    pub fn new(auth_url: impl Into<String>, credential: Credential) -> Self {
        Self {
            auth_url: auth_url.into(),
            www_authenticate_uri: None,
            credential,
            ca_file: None,
            timeout: Duration::from_secs(10),
            token_memory: Duration::from_secs(300),
            max_tokens: 10_000,
        }
    }

    /// Where version 3 of the API is, without a final slash.
    pub(super) fn base(&self) -> String {
        let url = self.auth_url.trim_end_matches('/');
        if url.ends_with("/v3") {
            url.to_owned()
        } else {
            format!("{url}/v3")
        }
    }
}
