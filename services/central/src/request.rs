//! What callers hand in, and what they get back.

use thiserror::Error;
use zonelog_model::zone::{Command, Recordset, Rejection, Zone};
use zonelog_model::{ChangeId, Metadata, Position};
use zonelog_store::{StoreError, SubmitError};

/// Whose zones a request may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of the actor's own project; any other does not exist for it.
    Project,
    /// Those of every project: the caller has checked that the actor may.
    AllProjects,
}

/// What makes a retried request harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key that the caller chose; its own within the actor's project.
    pub key: String,
    /// SHA-256 of what was asked (method, path, body), so that one key cannot stand for two requests.
    pub digest: [u8; 32],
}

/// A command with its circumstances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub command: Command,
    /// Who asks, through which door, under which change id.
    pub metadata: Metadata,
    /// Whose zones it may touch.
    pub scope: Scope,
    /// Given when a retry shall get the first answer.
    pub idempotency: Option<Idempotency>,
}

/// An accepted command: committed, and there for the caller's next read on every process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The change's id; in a replayed answer, that of the first request.
    pub change_id: ChangeId,
    /// The log position of the change's last event. `None`: there was nothing to change.
    pub position: Option<Position>,
    /// The zone after the change.
    pub zone: Zone,
    /// The recordset concerned, after the change; a deleted one as it was. `None` for commands on the zone itself.
    pub recordset: Option<Recordset>,
    /// The answer is the one given to an earlier request with the same idempotency key.
    pub replayed: bool,
}

/// Why a command was not executed.
#[derive(Debug, Error)]
pub enum ExecuteError {
    /// A rule says no. It has been recorded who tried what.
    #[error("{0}")]
    Rejected(Box<Rejection>),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request; use a new key for a new request")]
    KeyReused,
    /// More commands wait than are allowed to. Nothing was written; try again in a moment.
    #[error("too many commands are waiting to be written; try again in a moment")]
    Overloaded,
    /// The database cannot be reached. Nothing was written.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The connection was lost at the commit, and whether it took effect could not be found out in time. A retry with
    /// the same idempotency key is safe.
    #[error(
        "whether the change was committed is not known yet; read it back, or retry with the same idempotency key"
    )]
    Indeterminate,
    /// Something is wrong with us: the database refused a statement, or the log does not fit together.
    #[error("the change could not be written")]
    Failed(#[source] StoreError),
}

impl From<SubmitError> for ExecuteError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Overloaded => Self::Overloaded,
            SubmitError::Unavailable(why) => Self::Unavailable(why),
            SubmitError::Indeterminate => Self::Indeterminate,
            SubmitError::Failed(error) => Self::Failed(error),
        }
    }
}
