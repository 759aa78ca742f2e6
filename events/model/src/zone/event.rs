//! What happened to a zone. Past tense, and complete: before and after, so that an audit line, a difference of two
//! serials and a transfer step need no other event.
//!
//! *Warning:* these types are stored (through [`crate::stored`]). A changed meaning is a new type version.

use zonelog_dns::{LongSerial, Name, Ttl};

use super::origin::SoaFields;
use super::state::{Recordset, Share, Zone};
use crate::resource::HostPort;
use crate::{PoolId, Position, ProjectId};

/// The change of a member zone's owner between two catalogs (RFC 9432 §4.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeOfOwnership {
    /// The new pool's catalog zone, which the old one names.
    pub catalog: Name,
    /// A name server is in both pools. The new catalog shows the zone only when that server has seen in the old one where it
    /// is going: else it takes the zone for another of the same name, and passes over it.
    pub waits: bool,
}

/// What follows of a move between two pools with catalog zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveStep {
    /// The new catalog shows the zone from here on.
    Shown,
    /// The old catalog shows the zone no more: the move is over.
    Over,
    /// The new catalog does not show the zone for a moment: a name server that is in both pools passed over it when it came
    /// there, and takes it up when it comes again.
    Hidden,
}

impl MoveStep {
    /// Its stable name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Over => "over",
            Self::Hidden => "hidden",
        }
    }

    /// The step of a name.
    pub fn from_label(label: &str) -> Option<Self> {
        [Self::Shown, Self::Over, Self::Hidden]
            .into_iter()
            .find(|step| step.label() == label)
    }
}

/// An event of a zone's stream. Where `serial` is an `Option`, `None` means that no RR of the zone changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The zone came to be. A primary zone's apex NS recordset follows as [`Event::RecordsetCreated`] of the same change.
    ZoneCreated {
        /// The zone at its first serial (`revision` 1; `stream_version` is the version of this event).
        zone: Zone,
    },
    /// The default TTL changed: every RRset without a TTL of its own, and the SOA.
    ZoneTtlChanged {
        /// Before.
        before: Ttl,
        /// After.
        after: Ttl,
        /// The serial it makes.
        serial: LongSerial,
    },
    /// The responsible person's address changed: the SOA's RNAME.
    ZoneEmailChanged {
        /// Before.
        before: String,
        /// After.
        after: String,
        /// The serial it makes.
        serial: LongSerial,
    },
    /// The description changed.
    ZoneDescriptionChanged {
        /// Before.
        before: Option<String>,
        /// After.
        after: Option<String>,
    },
    /// The zone was deleted with all it held. Nothing follows in its stream.
    ZoneDeleted {
        /// The zone as it was; its counts are not told (0).
        zone: Zone,
        /// The name servers are to drop the zone's file with it, whatever their targets' options say.
        hard: bool,
    },
    /// The zone was forgotten with all it held; its name servers keep it. Nothing follows in its stream.
    ZoneAbandoned {
        /// The zone as it was; its counts are not told (0).
        zone: Zone,
    },
    /// The zone was shared with a project.
    ZoneShared {
        /// The share.
        share: Share,
    },
    /// A share was taken back.
    ZoneUnshared {
        /// The share as it was.
        share: Share,
    },
    /// The zone came to another project, and with it all recordsets that the old owner had in it. Those of the projects
    /// that it is shared with stay theirs.
    ZoneTransferred {
        /// The old owner.
        before: ProjectId,
        /// The new owner.
        after: ProjectId,
    },
    /// The zone moved to another pool. What that changes in its NS and SOA follows in the same change.
    ZoneMovedToPool {
        /// The old pool.
        before: PoolId,
        /// The new pool.
        after: PoolId,
        /// The serial it makes; `None` of a secondary zone, whose serial is its primary's.
        serial: Option<LongSerial>,
        /// Where both pools have catalog zones: the old one shows the zone, and with it where it is going, until
        /// [`Event::ZoneMoveAdvanced`] says that the move is over.
        coo: Option<ChangeOfOwnership>,
    },
    /// What follows of a move between two pools with catalog zones: name servers were seen to know of it.
    ZoneMoveAdvanced {
        /// The pool that the zone left.
        before: PoolId,
        /// The pool that it is in.
        after: PoolId,
        /// The log position since which the catalog of the pool that it left shows where it is going.
        since: Position,
        /// What follows.
        step: MoveStep,
    },
    /// The SOA's MNAME changed.
    ZonePrimaryNameserverChanged {
        /// Before.
        before: Name,
        /// After.
        after: Name,
        /// The serial it makes.
        serial: LongSerial,
    },
    /// A secondary zone's masters changed.
    ZoneMastersChanged {
        /// Before.
        before: Vec<HostPort>,
        /// After.
        after: Vec<HostPort>,
    },
    /// A secondary zone was transferred from its primary: its SOA is the primary's now. What else that changes follows in
    /// the same change.
    ZoneRefreshedFromPrimary {
        /// What the SOA said before.
        before: SoaFields,
        /// What the primary's SOA says.
        after: SoaFields,
        /// The primary's serial, as the log counts it.
        serial: LongSerial,
    },
    /// A recordset came to be.
    RecordsetCreated {
        /// The recordset.
        recordset: Recordset,
        /// The serial it makes.
        serial: Option<LongSerial>,
    },
    /// A recordset changed.
    RecordsetChanged {
        /// Before.
        before: Recordset,
        /// After.
        after: Recordset,
        /// The serial it makes.
        serial: Option<LongSerial>,
    },
    /// A recordset was deleted.
    RecordsetDeleted {
        /// Before.
        before: Recordset,
        /// The serial it makes.
        serial: Option<LongSerial>,
    },
}

impl Event {
    /// The stable name under which the event is stored and searched.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::ZoneCreated { .. } => "zone_created",
            Self::ZoneTtlChanged { .. } => "zone_ttl_changed",
            Self::ZoneEmailChanged { .. } => "zone_email_changed",
            Self::ZoneDescriptionChanged { .. } => "zone_description_changed",
            Self::ZoneDeleted { .. } => "zone_deleted",
            Self::ZoneAbandoned { .. } => "zone_abandoned",
            Self::ZoneShared { .. } => "zone_shared",
            Self::ZoneUnshared { .. } => "zone_unshared",
            Self::ZoneTransferred { .. } => "zone_transferred",
            Self::ZoneMovedToPool { .. } => "zone_moved_to_pool",
            Self::ZoneMoveAdvanced { .. } => "zone_move_advanced",
            Self::ZonePrimaryNameserverChanged { .. } => "zone_primary_nameserver_changed",
            Self::ZoneMastersChanged { .. } => "zone_masters_changed",
            Self::ZoneRefreshedFromPrimary { .. } => "zone_refreshed_from_primary",
            Self::RecordsetCreated { .. } => "recordset_created",
            Self::RecordsetChanged { .. } => "recordset_changed",
            Self::RecordsetDeleted { .. } => "recordset_deleted",
        }
    }

    /// The serial that the event makes, if it changes what the zone's servers answer.
    pub const fn serial(&self) -> Option<LongSerial> {
        match self {
            Self::ZoneCreated { zone } => Some(zone.serial),
            Self::ZoneTtlChanged { serial, .. }
            | Self::ZoneEmailChanged { serial, .. }
            | Self::ZonePrimaryNameserverChanged { serial, .. }
            | Self::ZoneRefreshedFromPrimary { serial, .. } => Some(*serial),
            Self::ZoneDescriptionChanged { .. }
            | Self::ZoneDeleted { .. }
            | Self::ZoneAbandoned { .. }
            | Self::ZoneShared { .. }
            | Self::ZoneUnshared { .. }
            | Self::ZoneTransferred { .. }
            | Self::ZoneMoveAdvanced { .. }
            | Self::ZoneMastersChanged { .. } => None,
            Self::ZoneMovedToPool { serial, .. }
            | Self::RecordsetCreated { serial, .. }
            | Self::RecordsetChanged { serial, .. }
            | Self::RecordsetDeleted { serial, .. } => *serial,
        }
    }
}
