//! Secrets: read from files or the environment, and never shown.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Algorithm, Server};

/// A PostgreSQL URL. Its password is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Takes a URL or a `key=value` connection string.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL with its password: for the database's client alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be shown: host, port, database and role.
    pub fn shown(&self) -> String {
        let Ok(config) = self.0.parse::<tokio_postgres::Config>() else {
            return "(not a PostgreSQL URL)".to_owned();
        };
        let host = match config.get_hosts().first() {
            Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
            Some(tokio_postgres::config::Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let role = config.get_user().unwrap_or("(no role)");
        let database = config.get_dbname().unwrap_or(role);
        format!("database {database} at {host} port {port} as {role}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.shown())
    }
}

/// The key of a BIND's control channel.
#[derive(Clone, PartialEq, Eq)]
pub struct RndcKey {
    /// The key's name in the server's configuration.
    pub name: String,
    /// The HMAC.
    pub algorithm: Algorithm,
    /// The secret in Base64: checked.
    pub secret: String,
}

impl fmt::Debug for RndcKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RndcKey({}, {:?})", self.name, self.algorithm)
    }
}

/// Where the configuration says that a server's key is.
#[derive(Clone, Copy, Debug)]
pub(super) enum KeySource<'a> {
    /// In a key file.
    File(&'a Path),
    /// Its secret alone in a file.
    Parts(&'a str, Algorithm, &'a Path),
}

impl Server {
    pub(super) fn key_source(&self) -> Result<KeySource<'_>, &'static str> {
        match (
            &self.rndc_key_file,
            &self.rndc_key_name,
            self.rndc_algorithm,
            &self.rndc_secret_file,
        ) {
            (Some(file), None, None, None) => Ok(KeySource::File(file)),
            (None, Some(name), Some(algorithm), Some(file)) => Ok(KeySource::Parts(name, algorithm, file)),
            (Some(_), ..) => {
                Err("stands for the whole key: leave rndc_key_name, rndc_algorithm and rndc_secret_file out")
            }
            _ => Err("is missing: give it, or all of rndc_key_name, rndc_algorithm and rndc_secret_file"),
        }
    }

    /// Reads the key of the server's control channel.
    pub fn rndc_key(&self) -> Result<RndcKey, SecretError> {
        match self.key_source() {
            Ok(KeySource::File(path)) => RndcKey::read(path),
            Ok(KeySource::Parts(name, algorithm, path)) => RndcKey::with_secret_file(name, algorithm, path),
            Err(what) => Err(SecretError::NoKey {
                path: self.rndc_key_file.clone().unwrap_or_default(),
                what,
            }),
        }
    }
}

/// Why a secret's file gives no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no key file.
    #[error("{} is no rndc key file: {what}; `rndc-confgen -a -c FILE` makes one", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        what: &'static str,
    },
    /// The secret is not Base64.
    #[error("the secret in {} is not Base64", path.display())]
    NotBase64 {
        /// The file.
        path: PathBuf,
    },
}

impl RndcKey {
    /// Reads a key file as `rndc-confgen -a` writes it: `key "NAME" { algorithm ALGORITHM; secret "BASE64"; };`
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let text = read(path)?;
        let no_key = |what| SecretError::NoKey {
            path: path.to_owned(),
            what,
        };
        let mut words = Words(&text);
        let mut name = None;
        let (mut algorithm, mut secret) = (None, None);
        while let Some(word) = words.next() {
            match word {
                "key" if name.is_none() => name = words.next().map(str::to_owned),
                "algorithm" => {
                    let word = words.next().unwrap_or_default();
                    algorithm = Some(Algorithm::from_name(word).ok_or_else(|| {
                        no_key("its algorithm is none of hmac-md5, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512")
                    })?);
                }
                "secret" => secret = words.next().map(str::to_owned),
                _ => {}
            }
        }
        let secret = secret.ok_or_else(|| no_key("it has no secret"))?;
        Ok(Self {
            name: name.ok_or_else(|| no_key("it has no key statement"))?,
            algorithm: algorithm.ok_or_else(|| no_key("it has no algorithm"))?,
            secret: checked(secret, path)?,
        })
    }

    /// Reads the bare secret in Base64 from a file.
    pub fn with_secret_file(name: &str, algorithm: Algorithm, path: &Path) -> Result<Self, SecretError> {
        let secret = checked(read(path)?.trim().to_owned(), path)?;
        Ok(Self {
            name: name.to_owned(),
            algorithm,
            secret,
        })
    }
}

fn read(path: &Path) -> Result<String, SecretError> {
    std::fs::read_to_string(path).map_err(|source| SecretError::Read {
        path: path.to_owned(),
        source,
    })
}

fn checked(secret: String, path: &Path) -> Result<String, SecretError> {
    match data_encoding::BASE64.decode(secret.as_bytes()) {
        Ok(bytes) if !bytes.is_empty() => Ok(secret),
        _ => Err(SecretError::NotBase64 {
            path: path.to_owned(),
        }),
    }
}

/// The words of a named.conf statement: quotes and comments taken away, braces and semicolons skipped.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            self.0 = self
                .0
                .trim_start_matches(|c: char| c.is_whitespace() || "{};".contains(c));
            if self.0.starts_with('#') || self.0.starts_with("//") {
                self.0 = self.0.split_once('\n').map_or("", |(_, rest)| rest);
            } else if let Some(comment) = self.0.strip_prefix("/*") {
                self.0 = comment.split_once("*/").map_or("", |(_, rest)| rest);
            } else if let Some(quoted) = self.0.strip_prefix('"') {
                let (word, rest) = quoted.split_once('"')?;
                self.0 = rest;
                return Some(word);
            } else {
                let end = self
                    .0
                    .find(|c: char| c.is_whitespace() || "{};\"".contains(c))
                    .unwrap_or(self.0.len());
                let (word, rest) = self.0.split_at(end);
                self.0 = rest;
                return (!word.is_empty()).then_some(word);
            }
        }
    }
}
