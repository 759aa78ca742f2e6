//! What callers hand in, and what they get back.

use thiserror::Error;
use zonelog_model::resource::{self, Resource};
use zonelog_model::transfer::TransferRejection;
use zonelog_model::zone::{self, Recordset, Share, Zone};
use zonelog_model::{ChangeId, Metadata, Position};
use zonelog_store::{StoreError, SubmitError};

use crate::command::Command;

/// Whose zones and resources a request may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of the actor's own project, and in zones that are shared with it its own recordsets. Any other does not
    /// exist for it.
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
    /// Whose zones and resources it may touch.
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
    /// What the command was about.
    pub changed: Changed,
    /// The answer is the one given to an earlier request with the same idempotency key.
    pub replayed: bool,
}

/// What a command was about, after the change; what it deleted, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A zone, and what of it.
    Zone {
        /// The zone.
        zone: Box<Zone>,
        /// The recordset of a command on one.
        recordset: Option<Box<Recordset>>,
        /// The share of a command on one.
        share: Option<Share>,
    },
    /// A resource; of a started import, the import.
    Resource(Box<Resource>),
    /// A zone that changed hands.
    Transfer {
        /// The zone.
        zone: Box<Zone>,
        /// The offer.
        request: Box<Resource>,
        /// The acceptance.
        accept: Box<Resource>,
    },
}

impl Accepted {
    /// The zone, of a command on a zone or a transfer.
    pub fn zone(&self) -> Option<&Zone> {
        match &self.changed {
            Changed::Zone { zone, .. } | Changed::Transfer { zone, .. } => Some(zone),
            Changed::Resource(_) => None,
        }
    }

    /// The recordset, of a command on one.
    pub fn recordset(&self) -> Option<&Recordset> {
        match &self.changed {
            Changed::Zone { recordset, .. } => recordset.as_deref(),
            Changed::Resource(_) | Changed::Transfer { .. } => None,
        }
    }

    /// The share, of a command on one.
    pub fn share(&self) -> Option<&Share> {
        match &self.changed {
            Changed::Zone { share, .. } => share.as_ref(),
            Changed::Resource(_) | Changed::Transfer { .. } => None,
        }
    }

    /// The resource, of a command on one; of a transfer, the acceptance.
    pub fn resource(&self) -> Option<&Resource> {
        match &self.changed {
            Changed::Resource(resource) => Some(resource),
            Changed::Transfer { accept, .. } => Some(accept),
            Changed::Zone { .. } => None,
        }
    }
}

/// Which rule says no.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Rejection {
    /// A rule of zones.
    #[error(transparent)]
    Zone(#[from] zone::Rejection),
    /// A rule of resources.
    #[error(transparent)]
    Resource(#[from] resource::Rejection),
    /// A rule of transfers of ownership.
    #[error(transparent)]
    Transfer(#[from] TransferRejection),
}

impl Rejection {
    /// The stable label, as Designate's clients know it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Zone(rejection) => rejection.label(),
            Self::Resource(rejection) => rejection.label(),
            Self::Transfer(rejection) => rejection.label(),
        }
    }
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
