//! What each kind of resource is.

use uuid::Uuid;
use zonelog_dns::{LongSerial, ZoneName};

use super::pool::Pool;
use super::quota::QuotaOverrides;
use super::sealed::Sealed;
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

/// A key of transaction signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsigKey {
    /// The key's name, a domain name; up to 160 characters.
    pub name: String,
    /// How it signs.
    pub algorithm: TsigAlgorithm,
    /// The shared secret, base64 before it was sealed.
    pub secret: Sealed,
    /// What it is for.
    pub scope: TsigScope,
    /// The pool or the zone that it is for.
    pub resource: Uuid,
}

/// The algorithms of TSIG (RFC 8945 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TsigAlgorithm {
    /// HMAC-MD5: broken, for old peers alone.
    HmacMd5,
    /// HMAC-SHA-1.
    HmacSha1,
    /// HMAC-SHA-224.
    HmacSha224,
    /// HMAC-SHA-256.
    HmacSha256,
    /// HMAC-SHA-384.
    HmacSha384,
    /// HMAC-SHA-512.
    HmacSha512,
}

impl TsigAlgorithm {
    /// All algorithms.
    pub const ALL: [Self; 6] = [
        Self::HmacMd5,
        Self::HmacSha1,
        Self::HmacSha224,
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
    ];

    /// The name in the API and in the log.
    pub const fn label(self) -> &'static str {
        match self {
            Self::HmacMd5 => "hmac-md5",
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha224 => "hmac-sha224",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }

    /// The algorithm of a name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.label() == label)
    }
}

/// What a TSIG key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TsigScope {
    /// All zones of a pool.
    Pool,
    /// One zone.
    Zone,
}

impl TsigScope {
    /// The word in the API and in the log.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pool => "POOL",
            Self::Zone => "ZONE",
        }
    }

    /// The scope of a word.
    pub fn from_label(label: &str) -> Option<Self> {
        match label {
            "POOL" => Some(Self::Pool),
            "ZONE" => Some(Self::Zone),
            _ => None,
        }
    }
}

/// An offer of a zone to another project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRequest {
    /// The zone offered.
    pub zone: ZoneId,
    /// Its name, which those see who may not see the zone.
    pub zone_name: ZoneName,
    /// The owner who offers it.
    pub project: ProjectId,
    /// Who may accept; `None`: whoever has the key.
    pub target_project: Option<ProjectId>,
    /// What the acceptor must know: eight letters and digits.
    pub key: Sealed,
    /// Free text, up to 160 characters.
    pub description: Option<String>,
    /// Whether it can still be accepted.
    pub status: TransferStatus,
}

/// How far a transfer of ownership is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferStatus {
    /// It can be accepted.
    Active,
    /// It was accepted.
    Complete,
}

impl TransferStatus {
    /// The word in the API and in the log.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Complete => "COMPLETE",
        }
    }

    /// The status of a word.
    pub fn from_label(label: &str) -> Option<Self> {
        match label {
            "ACTIVE" => Some(Self::Active),
            "COMPLETE" => Some(Self::Complete),
            _ => None,
        }
    }
}

/// An accepted offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferAccept {
    /// The offer.
    pub request: ResourceId,
    /// The zone that changed hands.
    pub zone: ZoneId,
    /// Its new owner.
    pub project: ProjectId,
}

/// A master file that becomes a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneImport {
    /// Who asked for it, and will own the zone.
    pub project: ProjectId,
    /// How far it is.
    pub status: ImportStatus,
    /// What became of it, in words.
    pub message: Option<String>,
    /// The zone, once it is there.
    pub zone: Option<ZoneId>,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportStatus {
    /// It waits, or is under way.
    Pending,
    /// The zone is there.
    Complete,
    /// It failed: the message says why.
    Error,
}

impl ImportStatus {
    /// The word in the API and in the log.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Complete => "COMPLETE",
            Self::Error => "ERROR",
        }
    }

    /// The status of a word.
    pub fn from_label(label: &str) -> Option<Self> {
        match label {
            "PENDING" => Some(Self::Pending),
            "COMPLETE" => Some(Self::Complete),
            "ERROR" => Some(Self::Error),
            _ => None,
        }
    }
}

/// A zone at one serial, to be read as a master file: always the same text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneExport {
    /// Who asked for it.
    pub project: ProjectId,
    /// The zone.
    pub zone: ZoneId,
    /// The serial that the text shows.
    pub serial: LongSerial,
    /// How far it is; nothing is to be prepared, so it is complete at once.
    pub status: ExportStatus,
    /// Words for people.
    pub message: Option<String>,
}

/// How far an export is: the same words as for imports.
pub type ExportStatus = ImportStatus;
