//! What the reconciler is told: where MiniDNS is, how secrets are opened, and how patient to be. The pools themselves it
//! reads from the log.

use std::net::SocketAddr;
use std::time::Duration;

pub use zonelog_central::Unseal;

/// Everything that [`crate::run`] needs to know.
#[derive(Clone, Debug)]
pub struct ReconcilerOptions {
    /// Where MiniDNS listens, as the servers reach it: for targets that name no masters.
    pub masters: Vec<SocketAddr>,
    /// How sealed options of targets, and TSIG keys, are opened.
    pub unseal: Unseal,
    /// Whether TSIG keys of the algorithm hmac-md5 are used.
    pub allow_hmac_md5: bool,
    /// How patient to be.
    pub timings: Timings,
    /// Under which name this reconciler holds its leases: for operators to read.
    pub holder: String,
}

/// How patient the reconciler is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timings {
    /// How long a server may take for one zone until the zone is set aside (1.5 s).
    pub park_after: Duration,
    /// How long to wait for the answer to one DNS query (250 ms).
    pub query_timeout: Duration,
    /// How long to wait for the answer of a target's control channel or API, where the target does not say (5 s).
    pub rndc_timeout: Duration,
    /// When NOTIFY is repeated, counted from the first (50, 200, 500 ms).
    pub notify_again: Vec<Duration>,
    /// How long a server that was just told of a zone may take to come for it by itself, until it is sent a NOTIFY of it:
    /// one while it comes would only make it ask twice (500 ms).
    pub notify_told: Duration,
    /// The first pause before a zone that was set aside is tried again; it doubles with each failure (0.5 s).
    pub retry_first: Duration,
    /// The longest such pause (60 s).
    pub retry_most: Duration,
    /// The longest pause between two probes of a server that does not answer (2 s), and between two looks at one that
    /// cannot be worked on as its pool describes it.
    pub probe_most: Duration,
    /// How many zones are worked on at once, for each server: as many as may be told and not yet served (4,096).
    pub concurrency: usize,
    /// How many events of the log are taken in one stretch; a longer one is worked off through the table of zones
    /// that are behind (1,000).
    pub stretch: i64,
    /// In what time the sweep asks a server for each of its zones (10 min).
    pub sweep_period: Duration,
    /// For how long a lease is held without being renewed (10 s).
    pub lease: Duration,
    /// How often the pools are looked at without a wake-up (1 s).
    pub pools: Duration,
    /// How long a server that follows catalogs may take, once it has one, until it has taken up what stands in it (10 s; BIND's
    /// `min-update-interval` is 5 s).
    pub catalog_grace: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            park_after: Duration::from_millis(1_500),
            query_timeout: Duration::from_millis(250),
            rndc_timeout: Duration::from_secs(5),
            notify_again: [50, 200, 500].map(Duration::from_millis).to_vec(),
            notify_told: Duration::from_millis(500),
            retry_first: Duration::from_millis(500),
            retry_most: Duration::from_secs(60),
            probe_most: Duration::from_secs(2),
            concurrency: 4_096,
            stretch: 1_000,
            sweep_period: Duration::from_secs(600),
            lease: Duration::from_secs(10),
            pools: Duration::from_secs(1),
            catalog_grace: Duration::from_secs(10),
        }
    }
}
