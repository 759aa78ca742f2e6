//! Secondary zones, and what goes on with zones in time.

use serde::{Deserialize, Serialize};

/// `[secondary]`: transfers of secondary zones from their primaries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secondary {
    /// How many zones are refreshed at a time.
    pub max_transfers: usize,
    /// How long a primary may take for one answer, and for a connection, in milliseconds.
    pub query_timeout_ms: u64,
    /// How long it may be silent within a transfer, in seconds.
    pub idle_timeout_seconds: u64,
    /// How long a transfer may take, in seconds.
    pub transfer_timeout_seconds: u64,
    /// The most records of a zone.
    pub max_zone_records: usize,
    /// The most memory that a zone may take while it is transferred, in MiB.
    pub max_zone_mib: usize,
    /// The shortest time between two refreshes of a zone that nobody asked for, whatever its SOA says, in seconds.
    pub min_refresh_seconds: u64,
}

impl Default for Secondary {
    fn default() -> Self {
        Self {
            max_transfers: 32,
            query_timeout_ms: 3_000,
            idle_timeout_seconds: 30,
            transfer_timeout_seconds: 3_600,
            max_zone_records: 5_000_000,
            max_zone_mib: 1_024,
            min_refresh_seconds: 10,
        }
    }
}

/// `[purge]`: what is removed after a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Purge {
    /// How long the tables keep deleted zones, in seconds; the log keeps them for ever.
    pub deleted_zones_after_seconds: u64,
}

impl Default for Purge {
    fn default() -> Self {
        Self {
            deleted_zones_after_seconds: 7 * 86_400,
        }
    }
}
