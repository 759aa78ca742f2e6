//! What an installation decides for its zones.

use zonelog_model::zone::{Limits, PoolFacts, SoaTimers};
use zonelog_store::WriterOptions;

use crate::ids;

/// What [`crate::Central::start`] is given.
#[derive(Clone, Debug)]
pub struct CentralOptions {
    /// The limits that the rules hold commands to.
    pub limits: Limits,
    /// The pool that new zones go to.
    pub pool: PoolFacts,
    /// The SOA timers of new zones.
    pub timers: TimerOptions,
    /// The queue and the batches of the one writer of this process.
    pub writer: WriterOptions,
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
