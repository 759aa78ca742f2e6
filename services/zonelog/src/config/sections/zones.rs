//! What zones are held to.

use serde::{Deserialize, Serialize};

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The TTL of a zone that is created without one, in seconds.
    pub default_ttl: u32,
    /// The lowest TTL that an ordinary user may set, in seconds.
    pub min_ttl: u32,
    /// The longest zone name, in characters with the final dot.
    pub max_zone_name_length: usize,
    /// The longest recordset name, likewise.
    pub max_recordset_name_length: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            default_ttl: 3600,
            min_ttl: 0,
            max_zone_name_length: 255,
            max_recordset_name_length: 255,
        }
    }
}

/// `[soa]`, all in seconds. REFRESH is drawn at random, so that secondaries do not all ask at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Soa {
    /// The least REFRESH.
    pub refresh_min: u32,
    /// The greatest REFRESH.
    pub refresh_max: u32,
    /// RETRY.
    pub retry: u32,
    /// EXPIRE.
    pub expire: u32,
    /// MINIMUM: how long an absence is cached (RFC 2308 §4).
    pub minimum: u32,
}

impl Default for Soa {
    fn default() -> Self {
        Self {
            refresh_min: 3500,
            refresh_max: 3600,
            retry: 600,
            expire: 86_400,
            minimum: 3600,
        }
    }
}
