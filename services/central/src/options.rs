//! What an installation decides for its zones.

use std::time::Duration;

use zonelog_model::ProjectId;
use zonelog_model::resource::Quotas;
use zonelog_model::zone::{Limits, RegistryOptions, SoaTimers};
use zonelog_store::WriterOptions;

use crate::ids;
use crate::seal::Sealer;

/// What [`crate::Central::start`] is given.
#[derive(Clone, Debug)]
pub struct CentralOptions {
    /// The limits that the rules hold commands to.
    pub limits: Limits,
    /// The quotas of projects that have none of their own.
    pub quotas: Quotas,
    /// The project that owns the reverse zones of floating IPs: it has no quotas.
    pub managed_project: Option<ProjectId>,
    /// Which pool new zones go to, and how it is chosen. The pools themselves are in the log.
    pub registry: RegistryOptions,
    /// The SOA timers of new zones.
    pub timers: TimerOptions,
    /// The queue and the batches of the one writer of this process.
    pub writer: WriterOptions,
    /// The keys of secrets.
    pub sealer: Sealer,
    /// Imports of zones.
    pub imports: ImportOptions,
    /// What is kept beside the log, and for how long.
    pub purge: PurgeOptions,
}

impl CentralOptions {
    /// The defaults, with what has none.
    pub fn new(limits: Limits, registry: RegistryOptions, sealer: Sealer) -> Self {
        Self {
            limits,
            quotas: Quotas::default(),
            managed_project: None,
            registry,
            timers: TimerOptions::default(),
            writer: WriterOptions::default(),
            sealer,
            imports: ImportOptions::default(),
            purge: PurgeOptions::default(),
        }
    }
}

/// How imports of zones run. One at a time in each process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// The most records of one master file. An import is one transaction under the log's lock: while it is written, some
    /// 3 s for 100,000 records on two cores, all other commands wait.
    pub max_records: usize,
    /// The records that are encoded and sent at a time: what bounds the memory of writing.
    pub chunk: usize,
    /// How long an import is left to the process that took it and says no more. One whose database session ended is
    /// taken over at once.
    pub claim: Duration,
    /// How often to look for imports that no wake-up told of.
    pub poll: Duration,
}

impl Default for ImportOptions {
    /// 250,000 records, in chunks of 4,000; 60 s; 1 s.
    fn default() -> Self {
        Self {
            max_records: 250_000,
            chunk: 4_000,
            claim: Duration::from_secs(60),
            poll: Duration::from_secs(1),
        }
    }
}

/// How long rows beside the log are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeOptions {
    /// Answers kept for retries.
    pub idempotency_keys: Duration,
    /// Records of refused commands.
    pub refusals: Duration,
    /// How often to look.
    pub every: Duration,
    /// The most rows of one statement.
    pub batch: u32,
}

impl Default for PurgeOptions {
    /// A day; 90 days; every 10 minutes; 1,000 rows.
    fn default() -> Self {
        Self {
            idempotency_keys: Duration::from_secs(24 * 3_600),
            refusals: Duration::from_secs(90 * 24 * 3_600),
            every: Duration::from_secs(600),
            batch: 1_000,
        }
    }
}

/// The SOA timers that new zones get, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerOptions {
    /// The shortest refresh: each zone gets one at random between this and [`Self::refresh_max`], both included, so
    /// that secondaries do not ask for all zones at once.
    pub refresh_min: u32,
    /// The longest refresh; one below [`Self::refresh_min`] counts as that.
    pub refresh_max: u32,
    /// The retry.
    pub retry: u32,
    /// The expiry.
    pub expire: u32,
    /// The TTL of negative answers.
    pub minimum: u32,
}

impl Default for TimerOptions {
    /// Designate's: refresh 3500 to 3600, retry 600, expire 86400, minimum 3600.
    fn default() -> Self {
        Self {
            refresh_min: 3_500,
            refresh_max: 3_600,
            retry: 600,
            expire: 86_400,
            minimum: 3_600,
        }
    }
}

impl TimerOptions {
    /// The timers of one new zone.
    pub(crate) fn choose(&self) -> SoaTimers {
        let range = self.refresh_max.saturating_sub(self.refresh_min);
        SoaTimers {
            refresh: self
                .refresh_min
                .saturating_add(ids::random_below(range.saturating_add(1))),
            retry: self.retry,
            expire: self.expire,
            minimum: self.minimum,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refresh_lies_within_its_range() {
        let options = TimerOptions {
            refresh_min: 10,
            refresh_max: 12,
            ..TimerOptions::default()
        };
        let seen: std::collections::BTreeSet<_> = (0..1_000).map(|_| options.choose().refresh).collect();
        assert_eq!(seen, [10, 11, 12].into());
        let reversed = TimerOptions {
            refresh_min: 10,
            refresh_max: 5,
            ..TimerOptions::default()
        };
        assert_eq!(reversed.choose().refresh, 10);
    }
}
