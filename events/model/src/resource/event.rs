//! What happened to a resource.
//!
//! *Warning:* these types are stored (through [`crate::stored`]). A changed meaning is a new type version.

use super::body::{Kind, Resource};

/// An event of a resource's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It came to be.
    Created {
        /// The resource (`revision` 1).
        resource: Resource,
    },
    /// It was changed.
    Changed {
        /// Before.
        before: Resource,
        /// After.
        after: Resource,
    },
    /// It was deleted. Nothing follows in its stream, but for quotas, which may be set again.
    Deleted {
        /// As it was.
        before: Resource,
    },
}

macro_rules! type_names {
    ($kind:expr, $($variant:ident $name:literal),* $(,)?) => {
        match $kind {
            $(Kind::$variant => concat!($name)),*
        }
    };
}

impl Event {
    /// The kind of the resource.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Created { resource } => resource.body.kind(),
            Self::Changed { after, .. } => after.body.kind(),
            Self::Deleted { before } => before.body.kind(),
        }
    }

    /// The stable name under which the event is stored and searched.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Created { .. } => type_names!(self.kind(),
                Tld "tld_created", Blacklist "blacklist_created", TsigKey "tsigkey_created", Pool "pool_created",
                Quotas "quota_created", TransferRequest "zone_transfer_request_created",
                TransferAccept "zone_transfer_accept_created", ZoneImport "zone_import_created",
                ZoneExport "zone_export_created"),
            Self::Changed { .. } => type_names!(self.kind(),
                Tld "tld_changed", Blacklist "blacklist_changed", TsigKey "tsigkey_changed", Pool "pool_changed",
                Quotas "quota_changed", TransferRequest "zone_transfer_request_changed",
                TransferAccept "zone_transfer_accept_changed", ZoneImport "zone_import_changed",
                ZoneExport "zone_export_changed"),
            Self::Deleted { .. } => type_names!(self.kind(),
                Tld "tld_deleted", Blacklist "blacklist_deleted", TsigKey "tsigkey_deleted", Pool "pool_deleted",
                Quotas "quota_deleted", TransferRequest "zone_transfer_request_deleted",
                TransferAccept "zone_transfer_accept_deleted", ZoneImport "zone_import_deleted",
                ZoneExport "zone_export_deleted"),
        }
    }
}
