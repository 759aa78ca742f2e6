//! Why a cluster does not run.

use std::path::PathBuf;

/// A cluster that could not be made, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// PostgreSQL is not installed.
    #[error(
        "no PostgreSQL found (looked for postgres and initdb in {looked}): install it (Debian: apt install postgresql), \
         or name the folder of its binaries"
    )]
    NoBinaries {
        /// The places where it was looked for.
        looked: String,
    },
    /// The data needs another version of PostgreSQL than is installed.
    #[error(
        "the data was made by PostgreSQL {version}, which is not installed (Debian: apt install postgresql-{version})"
    )]
    OtherVersion {
        /// The major version of the data.
        version: String,
    },
    /// Another process runs this cluster.
    #[error("{} is in use by another process: stop it, or choose another directory", .directory.display())]
    InUse {
        /// The cluster's directory.
        directory: PathBuf,
    },
    /// User `postgres` cannot enter a parent of the directory.
    #[error(
        "user postgres cannot enter {}: PostgreSQL does not run as root, so choose a directory that user postgres can \
         reach, or allow it (chmod o+x)", .parent.display()
    )]
    Unreachable {
        /// The parent that is closed.
        parent: PathBuf,
    },
    /// Running as root, and there is no user `postgres`.
    #[error(
        "PostgreSQL does not run as root and there is no user postgres: install PostgreSQL's package, or run as another user"
    )]
    NoUser,
    /// The socket's path is longer than the system allows.
    #[error("the path {} is too long for a Unix socket (107 bytes): choose a shorter directory", .path.display())]
    PathTooLong {
        /// The socket.
        path: PathBuf,
    },
    /// A program of PostgreSQL ended, or failed.
    #[error("{program} failed: {output}")]
    Exited {
        /// Which program.
        program: &'static str,
        /// The end of what it printed.
        output: String,
    },
    /// PostgreSQL runs but takes no connections.
    #[error("PostgreSQL does not take connections after {seconds} s: {last}")]
    NotReady {
        /// How long it was waited for.
        seconds: u64,
        /// The last attempt's error.
        last: String,
    },
    /// PostgreSQL does not end.
    #[error("PostgreSQL (process {pid}) has not ended after {seconds} s")]
    NotStopped {
        /// Its first process.
        pid: u32,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A file or a process could not be handled.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The roles or the database could not be made.
    #[error("cannot prepare the database: {0}")]
    Sql(#[from] tokio_postgres::Error),
}

impl ClusterError {
    /// Names what was tried beside an IO error.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
