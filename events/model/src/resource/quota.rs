//! How much a project may have.

use crate::ProjectId;

/// The limits of one project; `-1` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quotas {
    /// Zones of the project.
    pub zones: i64,
    /// Recordsets of one zone, the managed ones not counted.
    pub zone_recordsets: i64,
    /// Records of one zone, those of managed recordsets not counted.
    pub zone_records: i64,
    /// Records of one recordset.
    pub recordset_records: i64,
    /// Recordsets of a zone that is exported.
    pub api_export_size: i64,
}

impl Default for Quotas {
    /// Designate's.
    fn default() -> Self {
        Self {
            zones: 10,
            zone_recordsets: 500,
            zone_records: 500,
            recordset_records: 20,
            api_export_size: 1_000,
        }
    }
}

impl Quotas {
    /// No limit to anything.
    pub const UNLIMITED: Self = Self {
        zones: -1,
        zone_recordsets: -1,
        zone_records: -1,
        recordset_records: -1,
        api_export_size: -1,
    };

    /// These limits, where the project has none of its own.
    #[must_use]
    pub fn with(self, own: &QuotaOverrides) -> Self {
        Self {
            zones: own.zones.unwrap_or(self.zones),
            zone_recordsets: own.zone_recordsets.unwrap_or(self.zone_recordsets),
            zone_records: own.zone_records.unwrap_or(self.zone_records),
            recordset_records: own.recordset_records.unwrap_or(self.recordset_records),
            api_export_size: own.api_export_size.unwrap_or(self.api_export_size),
        }
    }

    /// Whether `count` is within `limit`.
    pub const fn allows(limit: i64, count: i64) -> bool {
        limit < 0 || count <= limit
    }
}

/// What was set for one project; `None` follows the installation's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaOverrides {
    /// The project.
    pub project: ProjectId,
    /// See [`Quotas::zones`].
    pub zones: Option<i64>,
    /// See [`Quotas::zone_recordsets`].
    pub zone_recordsets: Option<i64>,
    /// See [`Quotas::zone_records`].
    pub zone_records: Option<i64>,
    /// See [`Quotas::recordset_records`].
    pub recordset_records: Option<i64>,
    /// See [`Quotas::api_export_size`].
    pub api_export_size: Option<i64>,
}
