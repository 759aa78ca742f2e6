//! What can be asked of a zone. Ids are made by the caller, so that deciding is repeatable.

use std::collections::BTreeMap;

use zonelog_dns::{OwnerName, Rrtype, Ttl, ZoneName};

use super::state::{Record, SoaTimers};
use crate::{ProjectId, RecordsetId, ZoneId};

/// A field of a partial update: left alone, or set. For a field that can be unset, `T` is an `Option`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field was not given.
    #[default]
    Keep,
    /// The field was given.
    Set(T),
}

/// A command on one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Makes a zone.
    CreateZone(CreateZone),
    /// Changes a zone's own fields.
    UpdateZone(UpdateZone),
    /// Deletes a zone with all it holds.
    DeleteZone(DeleteZone),
    /// Makes a recordset.
    CreateRecordset(CreateRecordset),
    /// Changes a recordset.
    UpdateRecordset(UpdateRecordset),
    /// Deletes a recordset.
    DeleteRecordset(DeleteRecordset),
}

impl Command {
    /// The stable name of the kind of command, e.g. for the record of refused ones.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::CreateZone(_) => "create_zone",
            Self::UpdateZone(_) => "update_zone",
            Self::DeleteZone(_) => "delete_zone",
            Self::CreateRecordset(_) => "create_recordset",
            Self::UpdateRecordset(_) => "update_recordset",
            Self::DeleteRecordset(_) => "delete_recordset",
        }
    }

    /// The zone concerned.
    pub fn zone(&self) -> ZoneId {
        match self {
            Self::CreateZone(command) => command.zone,
            Self::UpdateZone(command) => command.zone,
            Self::DeleteZone(command) => command.zone,
            Self::CreateRecordset(command) => command.zone,
            Self::UpdateRecordset(command) => command.zone,
            Self::DeleteRecordset(command) => command.zone,
        }
    }
}

macro_rules! command_from {
    ($($name:ident),*) => {
        $(impl From<$name> for Command {
            fn from(command: $name) -> Self {
                Self::$name(command)
            }
        })*
    };
}

command_from!(
    CreateZone,
    UpdateZone,
    DeleteZone,
    CreateRecordset,
    UpdateRecordset,
    DeleteRecordset
);

/// Makes a primary zone with its SOA and its apex NS recordset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateZone {
    /// The new zone's id.
    pub zone: ZoneId,
    /// The id of its SOA recordset.
    pub soa_recordset: RecordsetId,
    /// The id of its apex NS recordset.
    pub ns_recordset: RecordsetId,
    /// The apex.
    pub name: ZoneName,
    /// The owner.
    pub project: ProjectId,
    /// The responsible person's address.
    pub email: String,
    /// The default TTL; `None` takes the configured one.
    pub ttl: Option<Ttl>,
    /// Free text.
    pub description: Option<String>,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
    /// The SOA's timers; the refresh is chosen at random by the caller, so that secondaries do not ask all at once.
    pub timers: SoaTimers,
    /// The caller may go below the minimal TTL.
    pub may_use_low_ttl: bool,
}

/// Changes fields of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateZone {
    /// The zone.
    pub zone: ZoneId,
    /// A new address of the responsible person.
    pub email: Patch<String>,
    /// A new default TTL.
    pub ttl: Patch<Ttl>,
    /// A new description.
    pub description: Patch<Option<String>>,
    /// The caller may go below the minimal TTL.
    pub may_use_low_ttl: bool,
}

/// Deletes a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteZone {
    /// The zone.
    pub zone: ZoneId,
}

/// Makes a recordset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRecordset {
    /// The zone.
    pub zone: ZoneId,
    /// The new recordset's id.
    pub recordset: RecordsetId,
    /// The owner name.
    pub owner: OwnerName,
    /// The type.
    pub rrtype: Rrtype,
    /// The TTL; `None` follows the zone's.
    pub ttl: Option<Ttl>,
    /// The records, as given; equal ones are merged.
    pub records: Vec<Record>,
    /// Free text.
    pub description: Option<String>,
    /// The project that makes it.
    pub project: ProjectId,
    /// The caller may go below the minimal TTL.
    pub may_use_low_ttl: bool,
}

/// Changes fields of a recordset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateRecordset {
    /// The zone.
    pub zone: ZoneId,
    /// The recordset.
    pub recordset: RecordsetId,
    /// A new TTL, or `None` to follow the zone's.
    pub ttl: Patch<Option<Ttl>>,
    /// New records, as texts that are still to be read (the type is known only from the recordset).
    pub records: Patch<Vec<String>>,
    /// A new description.
    pub description: Patch<Option<String>>,
    /// The caller may change managed recordsets.
    pub may_edit_managed: bool,
    /// The caller may go below the minimal TTL.
    pub may_use_low_ttl: bool,
}

/// Deletes a recordset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRecordset {
    /// The zone.
    pub zone: ZoneId,
    /// The recordset.
    pub recordset: RecordsetId,
    /// The caller may delete managed recordsets.
    pub may_edit_managed: bool,
}
