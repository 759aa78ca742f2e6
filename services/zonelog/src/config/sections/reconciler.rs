//! How the pools are kept at the log's head.

use serde::{Deserialize, Serialize};

/// `[reconciler]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reconciler {
    /// How long to wait for the answer to one DNS query, in milliseconds.
    pub query_timeout_ms: u64,
    /// How long to wait for one rndc command, in milliseconds.
    pub rndc_timeout_ms: u64,
    /// How long a server may take for one zone until the zone is set aside, in milliseconds.
    pub park_after_ms: u64,
    /// The first pause before a zone that was set aside is tried again, in milliseconds; it doubles with each failure.
    pub retry_first_ms: u64,
    /// The longest such pause, in milliseconds.
    pub retry_most_ms: u64,
    /// How many zones are worked on at once, for each server.
    pub concurrency: usize,
    /// In what time the sweep asks a server for each of its zones, in seconds.
    pub sweep_period_seconds: u64,
    /// How long a server that has its catalog zone may take until it has taken up what stands in it, in milliseconds.
    pub catalog_grace_ms: u64,
}

impl Default for Reconciler {
    fn default() -> Self {
        Self {
            query_timeout_ms: 250,
            rndc_timeout_ms: 5000,
            park_after_ms: 1500,
            retry_first_ms: 500,
            retry_most_ms: 60_000,
            concurrency: 4_096,
            sweep_period_seconds: 600,
            catalog_grace_ms: 10_000,
        }
    }
}
