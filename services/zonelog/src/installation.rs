//! Where an installation's parts are: its configuration, its database, and what a running `zonelog up` says of itself.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::At;
use crate::config::{self, Config, ConfigError, DatabaseUrl};

/// What a running `zonelog up` leaves in its data folder, for the operators' commands: mode 0600, gone when it stops.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Where the REST API listens.
    pub api: SocketAddr,
    /// Where MiniDNS listens.
    pub minidns: Vec<SocketAddr>,
    /// Where `/metrics` is.
    pub metrics: SocketAddr,
    /// The database, as the service.
    pub url: DatabaseUrl,
    /// The database, as the owner of the tables.
    pub owner_url: DatabaseUrl,
}

/// Why an installation's part was not found.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No database is named, and no `zonelog up` has left word of one.
    #[error(
        "there is no database: set database.url, or give --data DIR of a running `zonelog up` (none runs in {})",
        .0.display()
    )]
    NoDatabase(PathBuf),
    /// A role alone needs a database of its own.
    #[error("database.url is not set: only `zonelog up` runs a PostgreSQL of its own")]
    NeedsUrl,
    /// A file of the data folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Reads the configuration of the installation that the command line names.
pub fn configuration(at: &At) -> Result<Config, ConfigError> {
    let mut config = config::load(at.config.as_deref())?;
    if let Some(data) = &at.data {
        config.database.data_dir.clone_from(data);
    }
    if let (Some(file), Some(beside)) = (
        &mut config.pools.file,
        at.config.as_deref().and_then(Path::parent),
    ) {
        // A configuration and its pools.yaml move together.
        *file = beside.join(&*file);
    }
    Ok(config)
}

/// The URLs of the database: the service's, and the owner's.
#[derive(Clone, Debug)]
pub struct Urls {
    /// As the service.
    pub service: DatabaseUrl,
    /// As the owner of the tables.
    pub owner: DatabaseUrl,
}

/// The database that operators' commands work on: the configured one, or that of a running `zonelog up`.
pub fn urls(config: &Config) -> Result<Urls, InstallationError> {
    if let Some(urls) = configured(config) {
        return Ok(urls);
    }
    match Running::read(&config.database.data_dir)? {
        Some(running) => Ok(Urls {
            service: running.url,
            owner: running.owner_url,
        }),
        None => Err(InstallationError::NoDatabase(config.database.data_dir.clone())),
    }
}

/// The configured database. Without an owner's URL the service's stands for both.
pub fn configured(config: &Config) -> Option<Urls> {
    let service = config.database.url.clone()?;
    let owner = config
        .database
        .owner_url
        .clone()
        .unwrap_or_else(|| service.clone());
    Some(Urls { service, owner })
}

impl Running {
    fn path(data: &Path) -> PathBuf {
        data.join("running.json")
    }

    /// What a `zonelog up` says of itself in this folder. After a crash it may be there although nothing runs.
    pub fn read(data: &Path) -> Result<Option<Self>, InstallationError> {
        let path = Self::path(data);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| InstallationError::File {
                    path,
                    source: error.into(),
                }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(InstallationError::File { path, source }),
        }
    }

    /// Leaves word.
    pub fn write(&self, data: &Path) -> Result<(), InstallationError> {
        let path = Self::path(data);
        let text = serde_json::to_string_pretty(self).map_err(|error| InstallationError::File {
            path: path.clone(),
            source: error.into(),
        })?;
        write_secret(&path, &format!("{text}\n"))
    }

    /// Takes the word back.
    pub fn remove(data: &Path) {
        // What is left behind is recognised as stale: nothing answers at its addresses.
        let _ = std::fs::remove_file(Self::path(data));
    }
}

/// Writes a file that its owner alone can read, whole or not at all.
pub fn write_secret(path: &Path, text: &str) -> Result<(), InstallationError> {
    let partial = path.with_extension("partial");
    let write = || {
        match std::fs::remove_file(&partial) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    };
    write().map_err(|source| InstallationError::File {
        path: path.to_owned(),
        source,
    })
}

/// The database does not take the connection.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {shown}: {what}")]
pub struct ConnectError {
    shown: String,
    what: String,
}

/// Connects for an operator's command: no pool, no reconnecting. Waits five seconds at most.
pub async fn connect(url: &DatabaseUrl, application: &str) -> Result<tokio_postgres::Client, ConnectError> {
    let failed = |what: &dyn std::error::Error| ConnectError {
        shown: url.shown(),
        what: crate::output::chain(what),
    };
    let mut config: tokio_postgres::Config = url.expose().parse().map_err(|error| failed(&error))?;
    config
        .application_name(application)
        .connect_timeout(std::time::Duration::from_secs(5));
    let (client, connection) = config
        .connect(tokio_postgres::NoTls)
        .await
        .map_err(|error| failed(&error))?;
    // It ends when the client is dropped; what it fails with, the client's next query says too.
    tokio::spawn(connection);
    Ok(client)
}
