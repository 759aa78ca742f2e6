//! What each kind of resource is.

use super::pool::Pool;
use super::quota::QuotaOverrides;
use super::task::{TransferAccept, TransferRequest, ZoneExport, ZoneImport};
use super::tsig::TsigKey;
use crate::{ProjectId, ResourceId, Timestamp, Version, ZoneId};

/// A resource with its history in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its id, and its stream's.
    pub id: ResourceId,
    /// What it is.
    pub body: Body,
    /// How many change-sets it has seen: 1 after its creation (the API's `version`).
    pub revision: i64,
    /// The version of the last event of its stream.
    pub stream_version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed, if ever.
    pub updated_at: Option<Timestamp>,
}

impl Resource {
    /// A new resource; `version` is that of the last event in its stream, 0 for a new stream.
    pub const fn new(id: ResourceId, body: Body, version: Version, now: Timestamp) -> Self {
        Self {
            id,
            body,
            revision: 1,
            stream_version: version + 1,
            created_at: now,
            updated_at: None,
        }
    }

    /// The resource with another content, one revision and one event on.
    #[must_use]
    pub fn changed_to(&self, body: Body, now: Timestamp) -> Self {
        Self {
            id: self.id,
            body,
            revision: self.revision + 1,
            stream_version: self.stream_version + 1,
            created_at: self.created_at,
            updated_at: Some(now),
        }
    }
}

/// The kinds of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A top-level domain below which zones may be made.
    Tld,
    /// A pattern of zone names that nobody may use.
    Blacklist,
    /// A key of transaction signatures (RFC 8945).
    TsigKey,
    /// A pool of DNS servers.
    Pool,
    /// A project's quotas.
    Quotas,
    /// An offer of a zone to another project.
    TransferRequest,
    /// The acceptance of such an offer.
    TransferAccept,
    /// A master file that becomes a zone.
    ZoneImport,
    /// A zone at one serial, to be read as a master file.
    ZoneExport,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Tld,
        Self::Blacklist,
        Self::TsigKey,
        Self::Pool,
        Self::Quotas,
        Self::TransferRequest,
        Self::TransferAccept,
        Self::ZoneImport,
        Self::ZoneExport,
    ];

    /// The stable word, in event types, in the table of resources and in the API's error types.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tld => "tld",
            Self::Blacklist => "blacklist",
            Self::TsigKey => "tsigkey",
            Self::Pool => "pool",
            Self::Quotas => "quota",
            Self::TransferRequest => "zone_transfer_request",
            Self::TransferAccept => "zone_transfer_accept",
            Self::ZoneImport => "zone_import",
            Self::ZoneExport => "zone_export",
        }
    }

    /// The kind of a stored word.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }
}

/// A resource's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// See [`Kind::Tld`].
    Tld(Tld),
    /// See [`Kind::Blacklist`].
    Blacklist(Blacklist),
    /// See [`Kind::TsigKey`].
    TsigKey(TsigKey),
    /// See [`Kind::Pool`].
    Pool(Box<Pool>),
    /// See [`Kind::Quotas`].
    Quotas(QuotaOverrides),
    /// See [`Kind::TransferRequest`].
    TransferRequest(TransferRequest),
    /// See [`Kind::TransferAccept`].
    TransferAccept(TransferAccept),
    /// See [`Kind::ZoneImport`].
    ZoneImport(ZoneImport),
    /// See [`Kind::ZoneExport`].
    ZoneExport(ZoneExport),
}

impl Body {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Tld(_) => Kind::Tld,
            Self::Blacklist(_) => Kind::Blacklist,
            Self::TsigKey(_) => Kind::TsigKey,
            Self::Pool(_) => Kind::Pool,
            Self::Quotas(_) => Kind::Quotas,
            Self::TransferRequest(_) => Kind::TransferRequest,
            Self::TransferAccept(_) => Kind::TransferAccept,
            Self::ZoneImport(_) => Kind::ZoneImport,
            Self::ZoneExport(_) => Kind::ZoneExport,
        }
    }

    /// What only one resource of its kind may have: a TLD's name, a blacklist's pattern, a key's or pool's name, the
    /// project of quotas. In the form in which it is compared.
    pub fn unique_key(&self) -> Option<String> {
        match self {
            Self::Tld(tld) => Some(tld_key(&tld.name)),
            Self::Blacklist(blacklist) => Some(blacklist.pattern.clone()),
            Self::TsigKey(key) => Some(tsig_key_key(&key.name)),
            Self::Pool(pool) => Some(pool.name.clone()),
            Self::Quotas(quotas) => Some(quotas.project.as_str().to_owned()),
            Self::TransferRequest(_)
            | Self::TransferAccept(_)
            | Self::ZoneImport(_)
            | Self::ZoneExport(_) => None,
        }
    }

    /// The project that it belongs to; `None` for what is the installation's.
    pub fn project(&self) -> Option<&ProjectId> {
        match self {
            Self::Tld(_) | Self::Blacklist(_) | Self::TsigKey(_) | Self::Pool(_) => None,
            Self::Quotas(quotas) => Some(&quotas.project),
            Self::TransferRequest(request) => Some(&request.project),
            Self::TransferAccept(accept) => Some(&accept.project),
            Self::ZoneImport(import) => Some(&import.project),
            Self::ZoneExport(export) => Some(&export.project),
        }
    }

    /// The zone that it is about.
    pub fn zone(&self) -> Option<ZoneId> {
        match self {
            Self::Tld(_) | Self::Blacklist(_) | Self::TsigKey(_) | Self::Pool(_) | Self::Quotas(_) => None,
            Self::TransferRequest(request) => Some(request.zone),
            Self::TransferAccept(accept) => Some(accept.zone),
            Self::ZoneImport(import) => import.zone,
            Self::ZoneExport(export) => Some(export.zone),
        }
    }
}

/// The unique key of a TLD's name: DNS knows no difference of large and small letters (RFC 4343).
pub(super) fn tld_key(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// The unique key of a TSIG key's name, which is the same name with its final dot and without.
pub(super) fn tsig_key_key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// A domain below which zones may be made. With one TLD in the table, every new zone must lie below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tld {
    /// The name without its final dot, of one label or several, up to 255 characters.
    pub name: String,
    /// Free text, up to 160 characters.
    pub description: Option<String>,
}

/// A pattern of zone names that only those may use whom a policy allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blacklist {
    /// A regular expression in the language of Python's `re`, searched for in the zone's name; up to 255 characters.
    pub pattern: String,
    /// Free text, up to 160 characters.
    pub description: Option<String>,
}
