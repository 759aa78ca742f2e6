//! When a secondary zone's primaries are asked next (RFC 1035 §3.3.13, RFC 1996 §4.1): a pure function of what happened.

use std::time::Duration;

use zonelog_dns::Soa;

/// The bounds that hold whatever a zone's SOA says, so that nobody makes us ask without pause, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerBounds {
    /// The shortest time between two questions that nobody asked for.
    pub shortest: Duration,
    /// The longest time between two questions.
    pub longest: Duration,
    /// The first pause after a failure while a zone has never been transferred; doubled with each.
    pub first_retry: Duration,
    /// The longest such pause.
    pub most_retry: Duration,
}

impl Default for TimerBounds {
    /// 10 s; 28 days; 5 s, up to 10 minutes.
    fn default() -> Self {
        Self {
            shortest: Duration::from_secs(10),
            longest: Duration::from_secs(28 * 86_400),
            first_retry: Duration::from_secs(5),
            most_retry: Duration::from_secs(600),
        }
    }
}

/// The timers of a zone's SOA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// Between two questions.
    pub refresh: Duration,
    /// After a failure.
    pub retry: Duration,
    /// For how long the zone may be served without an answer of a primary.
    pub expire: Duration,
}

impl From<&Soa> for Timers {
    fn from(soa: &Soa) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Self {
            refresh: seconds(soa.refresh),
            retry: seconds(soa.retry),
            expire: seconds(soa.expire),
        }
    }
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// A primary said what it has, and we have it now.
    Refreshed,
    /// No primary could be asked, or none gave what can be taken.
    Failed {
        /// How often in a row, this time counted.
        failures: u32,
    },
}

/// When to ask again. `timers` are those of the zone as we hold it; nothing while it was never transferred. `chance` is any
/// number: by it a zone comes up to a tenth of the time earlier, so that zones do not stay together that were made
/// together.
pub fn next(happened: Happened, timers: Option<Timers>, bounds: &TimerBounds, chance: u32) -> Duration {
    let wanted = match (happened, timers) {
        // Before it expires in any case.
        (Happened::Refreshed, Some(timers)) => timers.refresh.min(timers.expire),
        (Happened::Failed { .. }, Some(timers)) => timers.retry.min(timers.refresh),
        // A primary that has nothing yet: it may soon.
        (Happened::Refreshed, None) => bounds.first_retry,
        (Happened::Failed { failures }, None) => {
            let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
            let pause = bounds.first_retry.saturating_mul(doubled);
            return early(pause.min(bounds.most_retry), chance);
        }
    };
    early(
        wanted.clamp(bounds.shortest, bounds.longest.max(bounds.shortest)),
        chance,
    )
}

fn early(time: Duration, chance: u32) -> Duration {
    let tenth = time / 10;
    time - tenth.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const TIMERS: Timers = Timers {
        refresh: Duration::from_secs(3_600),
        retry: Duration::from_secs(600),
        expire: Duration::from_secs(86_400),
    };

    #[test]
    fn the_zones_own_values_count() {
        let bounds = TimerBounds::default();
        assert_eq!(
            next(Happened::Refreshed, Some(TIMERS), &bounds, 0),
            seconds(3_600)
        );
        let failed = Happened::Failed { failures: 3 };
        assert_eq!(next(failed, Some(TIMERS), &bounds, 0), seconds(600));
        assert_eq!(
            next(Happened::Refreshed, Some(TIMERS), &bounds, u32::MAX),
            seconds(3_240)
        );
    }

    #[test]
    fn a_zone_that_was_never_transferred_is_tried_less_and_less_often() {
        let bounds = TimerBounds::default();
        let pauses: Vec<u64> = (1..10)
            .map(|failures| next(Happened::Failed { failures }, None, &bounds, 0).as_secs())
            .collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        let many = Happened::Failed { failures: u32::MAX };
        assert_eq!(next(many, None, &bounds, 0), seconds(600));
    }

    proptest! {
        #[test]
        fn nobody_makes_us_ask_without_pause(
            refresh in any::<u32>(), retry in any::<u32>(), failures in any::<u32>(), chance in any::<u32>(),
            failed in any::<bool>(), known in any::<bool>(),
        ) {
            let timers = known.then_some(Timers {
                refresh: seconds(refresh.into()),
                retry: seconds(retry.into()),
                expire: seconds(1),
            });
            let happened = if failed { Happened::Failed { failures } } else { Happened::Refreshed };
            let bounds = TimerBounds::default();
            let next = next(happened, timers, &bounds, chance);
            prop_assert!(next >= bounds.first_retry.mul_f64(0.9));
            prop_assert!(next <= bounds.longest);
        }
    }
}
