//! What can go wrong with the log.

use std::error::Error;
use std::fmt;

use tokio_postgres::error::{DbError, Severity, SqlState};
use zonelog_model::Position;

/// Reading or writing the database failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is stopping, or has no room or connection left. Trying again may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The log is not what it must be. Trying again does not help.
    #[error("the log is corrupt at position {position}: {problem}")]
    Corrupt {
        /// Where.
        position: Position,
        /// What is wrong, and what may have caused it.
        problem: String,
    },
    /// The database refused a statement.
    #[error("the database refused a statement: {}", Message(.0))]
    Sql(#[source] tokio_postgres::Error),
    /// What was stored cannot be read by this program.
    #[error("{what} cannot be read: {source}")]
    Decode {
        /// What it is, with its position or id.
        what: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The code that decides a batch failed; nothing was written.
    #[error("the request could not be decided: {0}")]
    Undecided(String),
    /// The connection was lost at the commit, and reading back failed too: the change is there, or it is not.
    #[error("the connection was lost at the commit, and the outcome could not be read back")]
    Indeterminate,
    /// The database's URL is not one.
    #[error("the database's URL cannot be used: {0}")]
    Url(String),
}

impl StoreError {
    /// Wraps the reason why `what` (with its position or id) could not be read.
    pub fn decode(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Decode {
            what: what.into(),
            source: source.into(),
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if is_unavailable(&error) {
            Self::Unavailable(message(&error))
        } else {
            Self::Sql(error)
        }
    }
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => error.into(),
            deadpool_postgres::PoolError::Timeout(_) => {
                Self::Unavailable("no connection of the pool became free in time".to_owned())
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The queue stayed full for the whole submit timeout. Nothing was written.
    #[error("too many requests are waiting to be written; try again in a moment")]
    Overloaded,
    /// The database cannot be reached, or the process is stopping. Nothing was written.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The connection was lost at the commit and the outcome could not be read back in time: it was written, or not.
    #[error(
        "the outcome is not known: the connection was lost at the commit and could not be had again in time"
    )]
    Indeterminate,
    /// The request cannot be written. Nothing was.
    #[error(transparent)]
    Failed(StoreError),
}

/// Whether the connection can no longer be used: it is closed, or the server says that it closes it.
pub(crate) fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(db) => is_fatal(db),
        None => error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>()),
    }
}

/// Whether the database is away or out of resources, so that the request is not to blame.
pub(crate) fn is_unavailable(error: &tokio_postgres::Error) -> bool {
    let Some(db) = error.as_db_error() else {
        return is_lost(error);
    };
    // Connections, resources (disk, memory), an operator's intervention or a time limit, the system's own errors.
    is_fatal(db)
        || matches!(db.code().code().get(..2), Some("08" | "53" | "57" | "58"))
        || *db.code() == SqlState::LOCK_NOT_AVAILABLE
        // A standby: the primary is elsewhere now.
        || *db.code() == SqlState::READ_ONLY_SQL_TRANSACTION
}

/// Whether a statement was ended because it took too long.
pub(crate) fn is_out_of_time(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::QUERY_CANCELED)
}

/// Whether the same statements may well succeed the next time.
pub(crate) fn is_transient(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("40"))
}

/// Whether the database as a whole is out of means or too slow, whatever it was asked: no disk, memory or connections left
/// (class 53), a system error (58), a statement or a lock waited for too long (57014, 55P03).
pub(crate) fn is_out_of_means(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        let code = code.code();
        code.starts_with("53") || code.starts_with("58") || code == "57014" || code == "55P03"
    })
}

fn is_fatal(db: &DbError) -> bool {
    // The parsed form, since the text is in the server's language.
    matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

/// What PostgreSQL said, or what happened to the connection.
pub(crate) fn message(error: &tokio_postgres::Error) -> String {
    Message(error).to_string()
}

struct Message<'a>(&'a tokio_postgres::Error);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_db_error() {
            Some(db) => {
                write!(f, "{} (SQLSTATE {})", db.message(), db.code().code())?;
                db.detail().map_or(Ok(()), |detail| write!(f, ": {detail}"))
            }
            None => {
                write!(f, "{}", self.0)?;
                self.0.source().map_or(Ok(()), |source| write!(f, ": {source}"))
            }
        }
    }
}
