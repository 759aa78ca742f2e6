//! Secrets: read from files or the environment, and never shown.

use std::fmt;

use serde::{Deserialize, Serialize};

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
