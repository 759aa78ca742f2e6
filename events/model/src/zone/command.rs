//! What can be asked of a zone. Ids are made by the caller, so that deciding is repeatable.

use std::collections::BTreeMap;

use zonelog_dns::{OwnerName, Rrtype, Ttl, ZoneName};

use super::event::MoveStep;
use super::origin::ZoneKind;
use super::refresh::TakeTransfer;
use super::state::{ManagedResource, Record, SoaTimers};
use crate::resource::HostPort;
use crate::{PoolId, Position, ProjectId, RecordsetId, ShareId, ZoneId};

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
    /// Shares a zone with a project.
    ShareZone(ShareZone),
    /// Takes a share back.
    UnshareZone(UnshareZone),
    /// Forgets a zone, and leaves it on its name servers.
    AbandonZone(AbandonZone),
    /// Moves a zone to another pool.
    MoveZone(MoveZone),
    /// Notes what name servers were seen to know of a move.
    AdvanceMove(AdvanceMove),
    /// Brings a zone's apex NS and SOA up to its pool's NS records.
    RewriteNameservers(RewriteNameservers),
    /// Gives a zone to another project: part of the acceptance of an offer, see [`crate::transfer`].
    TransferZone(TransferZone),
    /// Takes over what a secondary zone's primary has.
    TakeTransfer(TakeTransfer),
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
            Self::ShareZone(_) => "share_zone",
            Self::UnshareZone(_) => "unshare_zone",
            Self::AbandonZone(_) => "abandon_zone",
            Self::MoveZone(_) => "move_zone",
            Self::AdvanceMove(_) => "advance_move",
            Self::RewriteNameservers(_) => "rewrite_nameservers",
            Self::TransferZone(_) => "transfer_zone",
            Self::TakeTransfer(_) => "take_transfer",
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
            Self::ShareZone(command) => command.zone,
            Self::UnshareZone(command) => command.zone,
            Self::AbandonZone(command) => command.zone,
            Self::MoveZone(command) => command.zone,
            Self::AdvanceMove(command) => command.zone,
            Self::RewriteNameservers(command) => command.zone,
            Self::TransferZone(command) => command.zone,
            Self::TakeTransfer(command) => command.transfer.zone,
        }
    }

    /// Whether the slice must hold the recordsets at the zone's apex (the NS recordset is rewritten).
    pub const fn needs_apex(&self) -> bool {
        matches!(self, Self::MoveZone(_) | Self::RewriteNameservers(_))
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
    DeleteRecordset,
    ShareZone,
    UnshareZone,
    AbandonZone,
    MoveZone,
    AdvanceMove,
    RewriteNameservers,
    TransferZone,
    TakeTransfer
);

/// Makes a zone with its SOA, a primary one with its apex NS recordset too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateZone {
    /// The new zone's id.
    pub zone: ZoneId,
    /// The id of its SOA recordset.
    pub soa_recordset: RecordsetId,
    /// The id of its apex NS recordset, if it is a primary zone.
    pub ns_recordset: RecordsetId,
    /// The apex.
    pub name: ZoneName,
    /// The owner.
    pub project: ProjectId,
    /// Where its content comes from.
    pub kind: ZoneKind,
    /// The responsible person's address; of a secondary zone until its first transfer.
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
    /// The caller may use names that a blacklist forbids.
    pub may_use_blacklisted: bool,
    /// The caller may choose the pool by the attribute `pool_id`.
    pub may_force_pool: bool,
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
    /// Other primaries of a secondary zone.
    pub masters: Patch<Vec<HostPort>>,
    /// The caller may go below the minimal TTL.
    pub may_use_low_ttl: bool,
}

/// Deletes a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteZone {
    /// The zone.
    pub zone: ZoneId,
    /// Its shares go with it; else a shared zone is not deleted.
    pub delete_shares: bool,
    /// Its file goes with it at the name servers; else their targets' options decide.
    pub hard: bool,
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
    /// Zonelog makes it on behalf of something else: users change it only with the edit-managed right.
    pub managed: bool,
    /// What it is made for, if it is made for something.
    pub managed_resource: Option<ManagedResource>,
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

/// Shares a zone with a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareZone {
    /// The zone.
    pub zone: ZoneId,
    /// The new share's id.
    pub share: ShareId,
    /// The project that the zone is shared with.
    pub target_project: ProjectId,
    /// Who shares it.
    pub project: ProjectId,
}

/// Takes a share back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnshareZone {
    /// The zone.
    pub zone: ZoneId,
    /// The share.
    pub share: ShareId,
}

/// Forgets a zone, and leaves it on its name servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbandonZone {
    /// The zone.
    pub zone: ZoneId,
}

/// Moves a zone to another pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveZone {
    /// The zone.
    pub zone: ZoneId,
    /// The pool; `None` lets the scheduler choose.
    pub pool: Option<PoolId>,
}

/// Notes how far the name servers are that follow the catalogs of the pools between which a zone moved, see
/// [`super::Event::ZoneMoveAdvanced`]. Nothing follows for a zone that has gone on
/// since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdvanceMove {
    /// The zone.
    pub zone: ZoneId,
    /// The pool that it left.
    pub before: PoolId,
    /// The pool that it came to.
    pub after: PoolId,
    /// Since which position of the log that pool's catalog shows where the zone is going.
    pub since: Position,
    /// What follows.
    pub step: MoveStep,
}

/// Brings a zone's apex NS recordset and its SOA's MNAME up to the NS records that its pool has now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewriteNameservers {
    /// The zone.
    pub zone: ZoneId,
}

/// Gives a zone to another project. Whether the one who asks may have it is decided by [`crate::transfer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferZone {
    /// The zone.
    pub zone: ZoneId,
    /// The new owner.
    pub to: ProjectId,
}
