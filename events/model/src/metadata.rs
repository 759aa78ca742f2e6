//! Who changed something, through which door, and why: kept with every event.

use crate::{ChangeId, ProjectId};

/// The way by which a command reached Zonelog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// The REST API.
    Api,
    /// An operator's command.
    Operator,
    /// A zone transfer from a secondary zone's primary.
    Primary,
    /// What name servers were seen to serve.
    Reconciler,
}

impl Door {
    /// The stable word under which the door is stored.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Operator => "operator",
            Self::Primary => "primary",
            Self::Reconciler => "reconciler",
        }
    }

    /// The door of a stored word.
    pub fn from_label(label: &str) -> Option<Self> {
        match label {
            "api" => Some(Self::Api),
            "operator" => Some(Self::Operator),
            "primary" => Some(Self::Primary),
            "reconciler" => Some(Self::Reconciler),
            _ => None,
        }
    }
}

/// Who asks: there is no default, so that nothing is attributed by accident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The user's id (Keystone's user id, an API token's name, `noauth-user`).
    pub user: String,
    /// The project in whose scope the user acts.
    pub project: ProjectId,
    /// The roles of the user in that project.
    pub roles: Vec<String>,
    /// The door through which the command came.
    pub door: Door,
}

/// What every event of one change carries beside its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Who asks.
    pub actor: Actor,
    /// The id of the accepted command; the same in a retry.
    pub change_id: ChangeId,
    /// The id of the request (`req-<uuid>`), as the caller was told.
    pub request_id: Option<String>,
    /// What the command follows from, where it is not a person's own request.
    pub cause: Option<String>,
}
