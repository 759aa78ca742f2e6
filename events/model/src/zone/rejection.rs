//! Why a command is refused: the user's matter, never a failure of ours.

use thiserror::Error;
use zonelog_dns::{EmailError, LongSerial, NameError, OwnerName, RdataError, Rrtype, ZoneName};

use super::facts::ZoneRef;
use crate::{PoolId, RecordsetId, ShareId, ZoneId};

/// A refused command. [`Rejection::label`] is stable: the API's error `type`, the audit's search word.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Rejection {
    /// The zone does not exist, or does no more.
    #[error("Could not find Zone")]
    ZoneNotFound(ZoneId),
    /// The recordset does not exist in the zone.
    #[error("Could not find Recordset")]
    RecordsetNotFound(RecordsetId),
    /// A change was asked of a zone that is being deleted.
    #[error("Can not update a deleting zone")]
    ZoneIsDeleting,
    /// A live zone has the name already.
    #[error("{}", if *.same_project { "Duplicate Zone" } else { "Zone already exists, owned by a different tenant" })]
    DuplicateZone {
        /// The name.
        name: ZoneName,
        /// Whether the caller's project owns it.
        same_project: bool,
    },
    /// The new zone lies below a zone of another project.
    #[error("Unable to create subzone in another tenants zone")]
    IllegalChild(ZoneRef),
    /// The new zone lies above a zone of another project.
    #[error("Unable to create zone because another tenant owns a subzone of the zone")]
    IllegalParent(ZoneRef),
    /// The zone to delete has zones below it.
    #[error("Please delete any subzones before deleting this zone")]
    ZoneHasSubZone(ZoneRef),
    /// The zone's name is not allowed.
    #[error("{0}")]
    InvalidZoneName(String),
    /// The recordset's name is not allowed.
    #[error("{0}")]
    InvalidRecordsetName(String),
    /// The TTL is below the lowest allowed.
    #[error("TTL is below the minimum: {min}")]
    InvalidTtl {
        /// The lowest TTL allowed, in seconds.
        min: u32,
    },
    /// The address is none that an SOA can carry.
    #[error("{0}")]
    InvalidEmail(EmailError),
    /// The recordset may not stand at that name.
    #[error("{0}")]
    InvalidRecordsetLocation(String),
    /// The zone has a recordset of that name and type.
    #[error("Duplicate RecordSet")]
    DuplicateRecordset {
        /// The owner name.
        owner: OwnerName,
        /// The type.
        rrtype: Rrtype,
    },
    /// SOA recordsets are the system's.
    #[error("Creating a SOA recordset is not allowed")]
    SoaIsManaged,
    /// A managed recordset was to be changed without the right.
    #[error("Managed records may not be updated")]
    ManagedRecordsetUpdate,
    /// A managed recordset was to be deleted without the right.
    #[error("Managed records may not be deleted")]
    ManagedRecordsetDelete,
    /// A record's text is not valid for the type: which record (its index in the request) and why.
    #[error("'{text}' is not a '{rrtype}' Record: {error}")]
    InvalidRecord {
        /// The index in the list given.
        index: usize,
        /// The type.
        rrtype: Rrtype,
        /// The text given.
        text: String,
        /// What is wrong with it.
        error: RdataError,
    },
    /// An owner name that the type does not allow (SRV and TLSA want `_x._y`, NS no wildcard).
    #[error("name is invalid: {0}")]
    InvalidOwner(RdataError),
    /// An owner name that no recordset may have.
    #[error("name is invalid: {0}")]
    InvalidName(NameError),
    /// A type that recordsets cannot have.
    #[error("'{0}' is not a supported record type")]
    UnsupportedType(Rrtype),
    /// More than one canonical name.
    #[error("CNAME recordsets may not have more than 1 record")]
    SeveralCnames,
    /// A text is longer than its field allows.
    #[error("{field} is too long: the most is {max} characters")]
    TextTooLong {
        /// The field.
        field: &'static str,
        /// The most characters it takes.
        max: usize,
    },
    /// A text holds the character NUL.
    #[error("{field} holds the character U+0000, which cannot be stored")]
    TextWithNul {
        /// The field.
        field: &'static str,
    },
    /// The pool has no name servers, so that a zone in it could have no NS records.
    #[error("pool {0} has no name servers; an operator must configure some before zones can be made in it")]
    NoNameservers(PoolId),
    /// A secondary zone without masters.
    #[error("a SECONDARY zone needs at least one master")]
    NoMasters,
    /// A master that can be no server's place.
    #[error("{master:?} is not a master: give an address or a host name, with :PORT if it is not 53")]
    InvalidMaster {
        /// What was given.
        master: String,
    },
    /// More masters than a zone can have.
    #[error("a zone can have at most {max} masters")]
    TooManyMasters {
        /// The most.
        max: usize,
    },
    /// A master named twice.
    #[error("Duplicate Zone Master")]
    DuplicateMaster {
        /// Which.
        master: String,
    },
    /// What only a secondary zone has, or what is only done to one.
    #[error("the zone is PRIMARY; only a SECONDARY zone has masters")]
    ZoneIsPrimary(ZoneId),
    /// What only a primary zone's owner decides.
    #[error("'{field}' can't be specified when type is SECONDARY")]
    ZoneIsSecondary {
        /// The field.
        field: &'static str,
    },
    /// A recordset was to be changed here whose owner is the zone's primary.
    #[error("the records of a SECONDARY zone are its primary's; change them there")]
    RecordsetsAreThePrimarys,
    /// A transfer was worked out against another content than the zone has now.
    #[error(
        "the zone is at serial {present}, and the transfer was made against {expected}; work it out anew"
    )]
    ZoneMovedOn {
        /// The serial that the transfer was made against.
        expected: LongSerial,
        /// The zone's.
        present: LongSerial,
    },
    /// What was transferred cannot be in the zone.
    #[error("the primary sent what cannot be in the zone: {0}")]
    InvalidTransfer(String),
    /// A quota of the project is used up.
    #[error("Quota exceeded for {quota}.")]
    OverQuota {
        /// Which: a field of [`crate::resource::Quotas`].
        quota: &'static str,
    },
    /// What the actor's project may see but not do.
    #[error("the zone belongs to another project; only its owner may do this")]
    Forbidden,
    /// The pool was to be forced without the right to do so.
    #[error("choosing a pool by its id is not allowed")]
    ForcedPoolForbidden,
    /// A shared zone was to be deleted without its shares.
    #[error("Zone is shared with other projects, please remove these shares before deleting")]
    ZoneIsShared,
    /// The share does not exist.
    #[error("Could not find SharedZone")]
    ShareNotFound(ShareId),
    /// The zone is shared with that project already.
    #[error("Duplicate SharedZone")]
    DuplicateShare {
        /// The share that is there.
        share: ShareId,
    },
    /// The owner needs no share.
    #[error("Cannot share the zone with the zone owner.")]
    ShareWithOwner,
    /// The project that would lose the share has recordsets in the zone.
    #[error("Zone is shared and in use: the project has recordsets in it; delete them first")]
    SharedZoneHasRecordsets,
    /// The project that would lose the share has a zone below.
    #[error("Zone is shared and in use: the project owns the subzone {}; delete it first", .0.name)]
    SharedZoneHasSubZone(ZoneRef),
    /// There is no such pool.
    #[error("Could not find Pool")]
    PoolNotFound(PoolId),
    /// The zone is in that pool.
    #[error("Zone is already in pool {0}; name another pool")]
    SamePool(PoolId),
    /// A pool other than the default one needs a key by which MiniDNS knows its servers.
    #[error(
        "pool {0} has no TSIG key of scope POOL; an operator must make one before zones can be put in it"
    )]
    PoolWithoutKey(PoolId),
    /// The scheduler's filters left no pool.
    #[error("There are no pools that matched your request")]
    NoValidPool,
    /// The scheduler's filters left several pools.
    #[error("several pools match the zone; an operator must add a filter that chooses among them")]
    MultiplePools,
    /// The scheduler has no filters.
    #[error("no scheduler filters are configured; an operator must configure some before zones can be made")]
    NoFilters,
}

impl Rejection {
    /// The stable label, as Designate's clients know it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::ZoneNotFound(_) => "zone_not_found",
            Self::RecordsetNotFound(_) => "recordset_not_found",
            Self::ZoneIsDeleting => "bad_request",
            Self::DuplicateZone { .. } => "duplicate_zone",
            Self::IllegalChild(_) => "illegal_child",
            Self::IllegalParent(_) => "illegal_parent",
            Self::ZoneHasSubZone(_) => "zone_has_sub_zone",
            Self::InvalidZoneName(_) => "invalid_zone_name",
            Self::InvalidRecordsetName(_) => "invalid_recordset_name",
            Self::InvalidTtl { .. } => "invalid_ttl",
            Self::InvalidEmail(_)
            | Self::InvalidRecord { .. }
            | Self::InvalidOwner(_)
            | Self::InvalidName(_)
            | Self::UnsupportedType(_)
            | Self::TextTooLong { .. }
            | Self::TextWithNul { .. }
            | Self::NoMasters
            | Self::InvalidMaster { .. }
            | Self::TooManyMasters { .. }
            | Self::ZoneIsPrimary(_)
            | Self::ZoneIsSecondary { .. } => "invalid_object",
            Self::DuplicateMaster { .. } => "duplicate_zone_attribute",
            Self::ZoneMovedOn { .. } => "zone_moved_on",
            Self::InvalidTransfer(_) => "invalid_transfer",
            Self::InvalidRecordsetLocation(_) => "invalid_recordset_location",
            Self::DuplicateRecordset { .. } => "duplicate_recordset",
            Self::SoaIsManaged
            | Self::SeveralCnames
            | Self::ManagedRecordsetUpdate
            | Self::ManagedRecordsetDelete
            | Self::ShareWithOwner
            | Self::SamePool(_)
            | Self::PoolWithoutKey(_) => "bad_request",
            Self::OverQuota { .. } => "over_quota",
            Self::Forbidden | Self::ForcedPoolForbidden | Self::RecordsetsAreThePrimarys => "forbidden",
            Self::ZoneIsShared => "zone_is_shared",
            Self::ShareNotFound(_) => "shared_zone_not_found",
            Self::DuplicateShare { .. } => "duplicate_shared_zone",
            Self::SharedZoneHasRecordsets => "shared_zone_has_recordsets",
            Self::SharedZoneHasSubZone(_) => "shared_zone_has_sub_zone",
            Self::PoolNotFound(_) => "pool_not_found",
            Self::NoValidPool => "no_valid_pool_found",
            Self::MultiplePools => "multiple_pools_found",
            Self::NoFilters => "no_filters_configured",
            Self::NoNameservers(_) => "no_servers_configured",
        }
    }
}
