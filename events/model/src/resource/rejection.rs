//! Why a command on a resource is refused: the user's matter, never a failure of ours.

use thiserror::Error;

use super::body::Kind;
use crate::ResourceId;

/// A refused command. [`Rejection::label`] is stable: the API's error `type`, the audit's search word.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Rejection {
    /// It does not exist, or does no more.
    #[error("Could not find {}", title(*kind))]
    NotFound {
        /// What was asked for.
        kind: Kind,
        /// By which id.
        id: ResourceId,
    },
    /// Another one has the same name, pattern or project.
    #[error("Duplicate {}", title(*kind))]
    Duplicate {
        /// Of what.
        kind: Kind,
        /// The other one.
        other: ResourceId,
    },
    /// A field's value is not allowed: which, and what is wrong with it.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The zone offered or exported does not exist.
    #[error("Could not find Zone")]
    ZoneNotFound,
    /// What a TSIG key is for does not exist.
    #[error("the {scope} that resource_id names does not exist")]
    NamedResourceMissing {
        /// `pool` or `zone`.
        scope: &'static str,
    },
    /// A pool that has zones cannot be deleted.
    #[error("pool must not contain zones; move them to another pool first")]
    PoolHasZones,
    /// A pool must keep at least one NS record.
    #[error("Not allowed to delete last of servers")]
    LastNsRecord,
    /// A quota of the project is used up.
    #[error("Quota exceeded for {quota}.")]
    OverQuota {
        /// Which: a field of [`super::Quotas`].
        quota: &'static str,
    },
    /// The offer was accepted before, or is none that can change.
    #[error("the zone transfer request is {status}; make a new one")]
    TransferOver {
        /// The status it has.
        status: &'static str,
    },
}

impl Rejection {
    /// The stable label, as Designate's clients know it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NotFound { kind, .. } => match kind {
                Kind::Tld => "tld_not_found",
                Kind::Blacklist => "blacklist_not_found",
                Kind::TsigKey => "tsigkey_not_found",
                Kind::Pool => "pool_not_found",
                Kind::Quotas => "quota_not_found",
                Kind::TransferRequest => "zone_transfer_request_not_found",
                Kind::TransferAccept => "zone_transfer_accept_not_found",
                Kind::ZoneImport => "zone_import_not_found",
                Kind::ZoneExport => "zone_export_not_found",
            },
            Self::Duplicate { kind, .. } => match kind {
                Kind::Tld => "duplicate_tld",
                Kind::Blacklist => "duplicate_blacklist",
                Kind::TsigKey => "duplicate_tsigkey",
                Kind::Pool => "duplicate_pool",
                Kind::Quotas => "duplicate_quota",
                Kind::TransferRequest => "duplicate_zone_transfer_request",
                Kind::TransferAccept => "duplicate_zone_transfer_accept",
                Kind::ZoneImport => "duplicate_zone_import",
                Kind::ZoneExport => "duplicate_zone_export",
            },
            Self::Invalid { .. } => "invalid_object",
            Self::ZoneNotFound => "zone_not_found",
            Self::NamedResourceMissing { .. } => "bad_request",
            Self::PoolHasZones => "invalid_operation",
            Self::LastNsRecord => "last_server_delete_not_allowed",
            Self::OverQuota { .. } => "over_quota",
            Self::TransferOver { .. } => "invalid_zone_transfer_request",
        }
    }
}

/// The kind as Designate's messages call it.
const fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Tld => "Tld",
        Kind::Blacklist => "Blacklist",
        Kind::TsigKey => "TsigKey",
        Kind::Pool => "Pool",
        Kind::Quotas => "Quota",
        Kind::TransferRequest => "ZoneTransferRequest",
        Kind::TransferAccept => "ZoneTransferAccept",
        Kind::ZoneImport => "ZoneImport",
        Kind::ZoneExport => "ZoneExport",
    }
}
