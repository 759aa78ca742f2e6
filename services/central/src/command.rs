//! What can be asked of Central: commands on one zone, on one resource, and those that concern several streams at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use zonelog_model::transfer::AcceptTransfer;
use zonelog_model::{ProjectId, ResourceId, StreamId, resource, zone};

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// On one zone.
    Zone(zone::Command),
    /// On one resource.
    Resource(resource::Command),
    /// Accepts an offer of a zone: one append to the streams of the zone, the offer and the acceptance.
    AcceptTransfer(AcceptTransfer),
    /// Takes in a master file, which becomes a zone in the background.
    StartImport(StartImport),
}

/// Takes in a master file. Accepted means that it is stored: what becomes of it shows the import's status.
#[derive(Clone, PartialEq, Eq)]
pub struct StartImport {
    /// The new import's id.
    pub import: ResourceId,
    /// Who will own the zone.
    pub project: ProjectId,
    /// The master file.
    pub text: Bytes,
    /// The attributes of the zone to be made.
    pub attributes: BTreeMap<String, String>,
    /// What the caller may do besides when the zone is made.
    pub rights: ImportRights,
}

/// The rights with which an import makes its zone, as in [`zone::CreateZone`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportRights {
    /// The caller may go below the minimal TTL.
    pub may_use_low_ttl: bool,
    /// The caller may use names that a blacklist forbids.
    pub may_use_blacklisted: bool,
    /// The caller may choose the pool by the attribute `pool_id`.
    pub may_force_pool: bool,
}

impl ImportRights {
    /// The form in which they wait with the import.
    pub(crate) fn to_value(self) -> serde_json::Value {
        serde_json::json!({
            "use_low_ttl": self.may_use_low_ttl,
            "use_blacklisted": self.may_use_blacklisted,
            "force_pool": self.may_force_pool,
        })
    }

    /// Reads what [`Self::to_value`] made; a right that is not named is not there.
    pub(crate) fn from_value(value: &serde_json::Value) -> Self {
        let has = |right: &str| value.get(right).and_then(serde_json::Value::as_bool) == Some(true);
        Self {
            may_use_low_ttl: has("use_low_ttl"),
            may_use_blacklisted: has("use_blacklisted"),
            may_force_pool: has("force_pool"),
        }
    }
}

impl Command {
    /// The stable name of the kind of command, e.g. for the record of refused ones.
    pub fn type_name(&self) -> Cow<'static, str> {
        match self {
            Self::Zone(command) => command.type_name().into(),
            Self::Resource(command) => {
                let verb = match command {
                    resource::Command::Create { .. } => "create",
                    resource::Command::Update { .. } => "update",
                    resource::Command::Delete { .. } => "delete",
                };
                format!("{verb}_{}", command.kind().label()).into()
            }
            Self::AcceptTransfer(_) => "accept_zone_transfer".into(),
            Self::StartImport(_) => "start_zone_import".into(),
        }
    }

    /// The stream that it is about: the zone's, the resource's, the acceptance's, the import's.
    pub fn stream(&self) -> StreamId {
        match self {
            Self::Zone(command) => command.zone().into(),
            Self::Resource(command) => command.id().into(),
            Self::AcceptTransfer(command) => command.accept.into(),
            Self::StartImport(command) => command.import.into(),
        }
    }

    /// About how many octets it will write besides a few hundred.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::StartImport(command) => command.text.len(),
            Self::Zone(_) | Self::Resource(_) | Self::AcceptTransfer(_) => 0,
        }
    }
}

impl fmt::Debug for StartImport {
    /// Shows how long the text is, not the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartImport")
            .field("import", &self.import)
            .field("project", &self.project)
            .field("octets", &self.text.len())
            .finish_non_exhaustive()
    }
}

impl From<zone::Command> for Command {
    fn from(command: zone::Command) -> Self {
        Self::Zone(command)
    }
}

impl From<resource::Command> for Command {
    fn from(command: resource::Command) -> Self {
        Self::Resource(command)
    }
}

impl From<AcceptTransfer> for Command {
    fn from(command: AcceptTransfer) -> Self {
        Self::AcceptTransfer(command)
    }
}

impl From<StartImport> for Command {
    fn from(command: StartImport) -> Self {
        Self::StartImport(command)
    }
}
