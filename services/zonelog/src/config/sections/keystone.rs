//! Keystone, where the cloud's own tokens open the API.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[keystone]`: of use with `api.auth = "keystone"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keystone {
    /// Its address, with or without `/v3`.
    pub auth_url: Option<String>,
    /// The address that callers without a valid token are told to get one from. Without it `auth_url`.
    pub www_authenticate_uri: Option<String>,
    /// The service user's name, ...
    pub username: String,
    /// ... the name of its domain, ...
    pub user_domain: String,
    /// ... its project's name, ...
    pub project: String,
    /// ... the name of that project's domain, ...
    pub project_domain: String,
    /// ... and a file with nothing but its password.
    pub password_file: Option<PathBuf>,
    /// Or instead the id of an application credential ...
    pub application_credential_id: Option<String>,
    /// ... and a file with nothing but its secret.
    pub application_credential_secret_file: Option<PathBuf>,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long Keystone may take to say what a token is, in seconds.
    pub timeout_seconds: u64,
    /// How long a token is believed without asking again, in seconds: a revocation takes effect within it.
    pub token_memory_seconds: u64,
    /// The most tokens remembered.
    pub max_tokens: u64,
}

impl Default for Keystone {
    fn default() -> Self {
        Self {
            auth_url: None,
            www_authenticate_uri: None,
            username: "zonelog".to_owned(),
            user_domain: "Default".to_owned(),
            project: "service".to_owned(),
            project_domain: "Default".to_owned(),
            password_file: None,
            application_credential_id: None,
            application_credential_secret_file: None,
            ca_file: None,
            timeout_seconds: 10,
            token_memory_seconds: 300,
            max_tokens: 10_000,
        }
    }
}

/// How the service user shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeystoneSecret<'a> {
    /// With the password in this file.
    Password(&'a PathBuf),
    /// With an application credential: its id, and the file of its secret.
    Application(&'a str, &'a PathBuf),
}

impl Keystone {
    /// The one secret that is given; an error says which keys are missing or too many.
    pub fn secret(&self) -> Result<KeystoneSecret<'_>, &'static str> {
        match (
            &self.password_file,
            &self.application_credential_id,
            &self.application_credential_secret_file,
        ) {
            (Some(file), None, None) => Ok(KeystoneSecret::Password(file)),
            (None, Some(id), Some(file)) => Ok(KeystoneSecret::Application(id, file)),
            (Some(_), ..) => Err(
                "stands alone: leave application_credential_id and application_credential_secret_file out",
            ),
            _ => Err(
                "is missing: give it, or application_credential_id and application_credential_secret_file",
            ),
        }
    }
}
