//! What happened to a zone. Past tense, and complete: before and after, so that an audit line, a difference of two
//! serials and a transfer step need no other event.
//!
//! *Warning:* these types are stored (through [`crate::stored`]). A changed meaning is a new type version.

use zonelog_dns::{LongSerial, Ttl};

use super::state::{Recordset, Zone};

/// An event of a zone's stream. Where `serial` is an `Option`, `None` means that no RR of the zone changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The zone came to be. Its apex NS recordset follows as [`Event::RecordsetCreated`] of the same change.
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
        /// The zone as it was.
        zone: Zone,
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
            Self::RecordsetCreated { .. } => "recordset_created",
            Self::RecordsetChanged { .. } => "recordset_changed",
            Self::RecordsetDeleted { .. } => "recordset_deleted",
        }
    }

    /// The serial that the event makes, if it changes what the zone's servers answer.
    pub const fn serial(&self) -> Option<LongSerial> {
        match self {
            Self::ZoneCreated { zone } => Some(zone.serial),
            Self::ZoneTtlChanged { serial, .. } | Self::ZoneEmailChanged { serial, .. } => Some(*serial),
            Self::ZoneDescriptionChanged { .. } | Self::ZoneDeleted { .. } => None,
            Self::RecordsetCreated { serial, .. }
            | Self::RecordsetChanged { serial, .. }
            | Self::RecordsetDeleted { serial, .. } => *serial,
        }
    }
}
