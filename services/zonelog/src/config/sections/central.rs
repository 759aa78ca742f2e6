//! Where zones go, what projects may have, and how secrets are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zonelog_model::zone::SchedulerFilter;

/// `[central]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Central {
    /// The pool that zones go to when nothing else is said, as Designate's default pool has it.
    pub default_pool_id: Uuid,
    /// Which pools a new zone may go to: filters in the order in which they are asked.
    pub scheduler_filters: Vec<String>,
    /// Whether a zone may only go to another pool than the default one if that pool has a TSIG key of scope POOL.
    pub pool_key_required: bool,
    /// The project that owns the reverse zones of floating IPs.
    pub managed_project: String,
    /// The responsible person's address in those zones.
    pub managed_email: String,
}

impl Default for Central {
    fn default() -> Self {
        Self {
            default_pool_id: Uuid::from_u128(0x794c_cc2c_d751_44fe_b57f_8894_c9f5_c842),
            scheduler_filters: vec![SchedulerFilter::DefaultPool.label().to_owned()],
            pool_key_required: false,
            managed_project: "00000000-0000-0000-0000-000000000000".to_owned(),
            managed_email: "hostmaster@example.com".to_owned(),
        }
    }
}

/// `[quotas]`: of projects that have none of their own; -1 is no limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Zones of a project.
    pub zones: i64,
    /// Recordsets of a zone, the managed ones not counted.
    pub zone_recordsets: i64,
    /// Records of a zone, those of managed recordsets not counted.
    pub zone_records: i64,
    /// Records of a recordset.
    pub recordset_records: i64,
    /// Recordsets of a zone that is exported.
    pub api_export_size: i64,
    /// Whether a project must exist in Keystone before quotas are set for it.
    pub verify_project: bool,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            zones: 10,
            zone_recordsets: 500,
            zone_records: 500,
            recordset_records: 20,
            api_export_size: 1000,
            verify_project: false,
        }
    }
}

/// `[import]`: of master files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Import {
    /// The largest master file, in bytes.
    pub max_bytes: usize,
    /// The most records of one.
    pub max_records: usize,
}

impl Default for Import {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_records: 250_000,
        }
    }
}

/// `[secrets]`: TSIG keys, and passwords of pool targets, are kept sealed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secrets {
    /// The key that seals, and opens: 32 random octets in base64, mode 0600. Without it `zonelog up` makes one in its
    /// `data_dir`.
    pub key_file: Option<PathBuf>,
    /// Keys that sealed before: they still open.
    pub previous_key_files: Vec<PathBuf>,
}
