//! What can be asked of a resource.

use uuid::Uuid;

use super::body::{Body, Kind, tld_key, tsig_key_key};
use super::pool::Pool;
use super::sealed::Sealed;
use super::task::ImportStatus;
use super::tsig::{TsigAlgorithm, TsigScope};
use crate::zone::Patch;
use crate::{ResourceId, ZoneId};

/// A command on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Makes it.
    Create {
        /// The new resource's id.
        id: ResourceId,
        /// What it is to be.
        body: Body,
    },
    /// Changes it.
    Update {
        /// The resource.
        id: ResourceId,
        /// What to change.
        change: Change,
    },
    /// Deletes it.
    Delete {
        /// The resource.
        id: ResourceId,
        /// Its kind.
        kind: Kind,
    },
}

/// A partial update; its variant tells the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Of a TLD.
    Tld {
        /// A new name.
        name: Patch<String>,
        /// A new description.
        description: Patch<Option<String>>,
    },
    /// Of a blacklist.
    Blacklist {
        /// A new pattern.
        pattern: Patch<String>,
        /// A new description.
        description: Patch<Option<String>>,
    },
    /// Of a TSIG key.
    TsigKey {
        /// A new name.
        name: Patch<String>,
        /// A new algorithm.
        algorithm: Patch<TsigAlgorithm>,
        /// A new secret.
        secret: Patch<Sealed>,
        /// A new scope.
        scope: Patch<TsigScope>,
        /// Another pool or zone.
        resource: Patch<Uuid>,
    },
    /// Of a pool: all of it anew.
    Pool(Box<Pool>),
    /// Of a project's quotas.
    Quotas {
        /// See [`super::Quotas`].
        zones: Patch<i64>,
        /// See [`super::Quotas`].
        zone_recordsets: Patch<i64>,
        /// See [`super::Quotas`].
        zone_records: Patch<i64>,
        /// See [`super::Quotas`].
        recordset_records: Patch<i64>,
        /// See [`super::Quotas`].
        api_export_size: Patch<i64>,
    },
    /// Of an offer of a zone.
    TransferRequest {
        /// A new description.
        description: Patch<Option<String>>,
    },
    /// What became of an import.
    ZoneImport {
        /// Complete, or failed.
        status: ImportStatus,
        /// In words.
        message: Option<String>,
        /// The zone, if there is one now.
        zone: Option<ZoneId>,
    },
}

impl Change {
    /// The kind of what it changes.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Tld { .. } => Kind::Tld,
            Self::Blacklist { .. } => Kind::Blacklist,
            Self::TsigKey { .. } => Kind::TsigKey,
            Self::Pool(_) => Kind::Pool,
            Self::Quotas { .. } => Kind::Quotas,
            Self::TransferRequest { .. } => Kind::TransferRequest,
            Self::ZoneImport { .. } => Kind::ZoneImport,
        }
    }
}

impl Change {
    /// The unique key that the change gives, in the form of [`Body::unique_key`]; `None` if it gives none. A pool's name
    /// and the project of quotas never change.
    pub fn unique_key(&self) -> Option<String> {
        match self {
            Self::Tld {
                name: Patch::Set(name),
                ..
            } => Some(tld_key(name)),
            Self::Blacklist {
                pattern: Patch::Set(pattern),
                ..
            } => Some(pattern.clone()),
            Self::TsigKey {
                name: Patch::Set(name),
                ..
            } => Some(tsig_key_key(name)),
            Self::Pool(pool) => Some(pool.name.clone()),
            _ => None,
        }
    }
}

impl Command {
    /// The resource concerned.
    pub const fn id(&self) -> ResourceId {
        match self {
            Self::Create { id, .. } | Self::Update { id, .. } | Self::Delete { id, .. } => *id,
        }
    }

    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Create { body, .. } => body.kind(),
            Self::Update { change, .. } => change.kind(),
            Self::Delete { kind, .. } => *kind,
        }
    }
}
