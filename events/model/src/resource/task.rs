//! What takes more than one step: transfers of ownership, imports, exports.

use zonelog_dns::{LongSerial, ZoneName};

use super::sealed::Sealed;
use crate::{ProjectId, ResourceId, ZoneId};

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
