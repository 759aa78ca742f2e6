//! What to do for one zone at one server, from what is wanted and what was seen. Pure, and level-triggered: it does not
//! matter how the server came to be as it is.

use std::time::Duration;

use zonelog_dns::{LongSerial, Serial};

use crate::options::Timings;

/// What the log says of a zone name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Desired {
    /// The zone lives, at this serial.
    Serving(LongSerial),
    /// No zone of that name.
    Absent,
}

/// What a server answered when asked for the zone's SOA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// It serves the zone at this serial.
    Serving(Serial),
    /// It does not serve the zone: REFUSED, NXDOMAIN, NOTAUTH, or an authoritative answer without the SOA.
    NotServing,
    /// It refers to other servers. It may serve the zone above this one; that it does not serve this one is only sure
    /// after it was told not to.
    Referred,
    /// It answered something that says neither: SERVFAIL above all. Named here as it was answered.
    Unclear(String),
    /// It did not answer.
    Silent(String),
}

/// Everything that a decision rests on.
#[derive(Clone, Debug)]
pub struct Situation {
    /// What is wanted.
    pub desired: Desired,
    /// What was seen last.
    pub observed: Observed,
    /// Whether the target took our word (ensure or remove) in this try.
    pub told: bool,
    /// How many tries failed before this one.
    pub attempts: i32,
    /// How many NOTIFYs were sent in this try, and how long ago the first.
    pub notified: (usize, Duration),
    /// How long this try has lasted since it began; since the target took our word, as [`waited`] counts it.
    pub lasted: Duration,
    /// Whether the server came for many zones by now that it was told of later, as [`passed_over`] says.
    pub passed_over: bool,
    /// Whether it learns of its zones from a catalog, of many at once.
    pub by_catalog: bool,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing more: the server is as it should be.
    Settled,
    /// Tell the target to serve the zone.
    Ensure {
        /// The zone has not followed before: its settings may be old, or NOTIFY may not reach it.
        renew: bool,
    },
    /// Tell the target to drop the zone.
    Remove,
    /// Send a NOTIFY.
    Notify,
    /// Look again in a moment.
    Wait,
    /// Set the zone aside, to be tried again later.
    Park,
}

/// Decides the next step.
pub fn plan(situation: &Situation, timings: &Timings) -> Step {
    let Situation {
        desired,
        observed,
        told,
        attempts,
        ..
    } = situation;
    let step = match (desired, observed) {
        (Desired::Serving(wanted), Observed::Serving(seen)) if is_at_or_past(*seen, *wanted) => Step::Settled,
        (Desired::Absent, Observed::NotServing) => Step::Settled,
        (Desired::Absent, Observed::Referred) if *told => Step::Settled,
        (_, Observed::Silent(_)) => Step::Wait,
        (Desired::Serving(_), Observed::NotServing | Observed::Referred) if !told => {
            Step::Ensure { renew: *attempts > 0 }
        }
        // It knows the zone, yet failed to follow: it was told of other masters once, or NOTIFY does not reach it.
        (Desired::Serving(_), _) if !told && *attempts > 0 => Step::Ensure { renew: true },
        // It may have just found it in the catalog, as one of many, and come for it by itself.
        (Desired::Serving(_), Observed::Unclear(_)) if !told && situation.by_catalog => {
            Step::Ensure { renew: false }
        }
        (Desired::Serving(_), _) if notify_is_due(situation, timings) => Step::Notify,
        (Desired::Absent, _) if !told => Step::Remove,
        _ => Step::Wait,
    };
    if step == Step::Wait && situation.lasted >= timings.park_after {
        Step::Park
    } else {
        step
    }
}

/// Whether a server that shows `seen` has come to `wanted` or beyond (RFC 1982).
pub fn is_at_or_past(seen: Serial, wanted: LongSerial) -> bool {
    seen == wanted.wire() || seen.is_newer_than(wanted.wire())
}

/// The serial that `seen` means at a server that should be at `wanted`: at it, past it, or before it.
pub fn serial_seen(seen: Serial, wanted: LongSerial) -> LongSerial {
    let ahead = seen.get().wrapping_sub(wanted.wire().get());
    if is_at_or_past(seen, wanted) {
        LongSerial::from_i64(wanted.get().saturating_add(i64::from(ahead)))
    } else {
        wanted.at_or_before(seen)
    }
}

/// How many times [`Timings::park_after`] a zone waits at the most while others come.
const MOST_WAITS: u32 = 10;

/// How long a server that was told of a zone has kept it waiting. One that comes for many zones, one after the other, is at
/// work, and so is one that takes our word for many (while it does, it may come for none: BIND stands still for each `addzone`):
/// as long as it goes on, only the time since the last of them counts.
pub fn waited(since_told: Duration, since_progress: Duration, timings: &Timings) -> Duration {
    if since_told < timings.park_after * MOST_WAITS {
        since_told.min(since_progress)
    } else {
        since_told
    }
}

/// How many zones that were told of later a server may come for first: it asks for several at once, and some take longer.
const OTHERS_FIRST: u64 = 128;

/// Whether a server passed over the zone that it was told of as its `order`th, when the last in that order that it came for is
/// the `came_for`th. What it asked then was lost, and it takes its time until it asks again, if nobody wakes it.
pub const fn passed_over(order: u64, came_for: u64) -> bool {
    came_for.saturating_sub(order) >= OTHERS_FIRST
}

fn notify_is_due(situation: &Situation, timings: &Timings) -> bool {
    let (sent, since_first) = situation.notified;
    let comes_by_itself = situation.told && !matches!(situation.observed, Observed::Serving(_));
    match sent.checked_sub(1) {
        None => !comes_by_itself || situation.passed_over || situation.lasted >= timings.notify_told,
        Some(repeats) => timings
            .notify_again
            .get(repeats)
            .is_some_and(|after| since_first >= *after),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn situation(desired: Desired, observed: Observed) -> Situation {
        Situation {
            desired,
            observed,
            told: false,
            attempts: 0,
            notified: (0, Duration::ZERO),
            lasted: Duration::ZERO,
            passed_over: false,
            by_catalog: false,
        }
    }

    fn at(serial: i64) -> Desired {
        Desired::Serving(LongSerial::from_i64(serial))
    }

    fn next(desired: Desired, observed: Observed) -> Step {
        plan(&situation(desired, observed), &Timings::default())
    }

    #[test]
    fn an_unclear_answer_is_never_gone() {
        for observed in [
            Observed::Unclear("SERVFAIL".to_owned()),
            Observed::Silent("no answer".to_owned()),
        ] {
            for told in [false, true] {
                for lasted in [0, 10_000] {
                    let mut situation = situation(Desired::Absent, observed.clone());
                    situation.told = told;
                    situation.lasted = Duration::from_millis(lasted);
                    assert_ne!(plan(&situation, &Timings::default()), Step::Settled);
                }
            }
        }
    }

    #[test]
    fn a_zone_that_is_not_there_is_added_and_one_that_is_behind_is_notified() {
        assert_eq!(next(at(5), Observed::NotServing), Step::Ensure { renew: false });
        assert_eq!(next(at(5), Observed::Serving(Serial::new(4))), Step::Notify);
        assert_eq!(
            next(at(5), Observed::Unclear("SERVFAIL".to_owned())),
            Step::Notify
        );
        assert_eq!(next(at(5), Observed::Serving(Serial::new(5))), Step::Settled);
        assert_eq!(next(at(5), Observed::Serving(Serial::new(6))), Step::Settled);
    }

    #[test]
    fn a_member_of_a_catalog_is_not_notified_while_its_server_may_come_by_itself() {
        let timings = Timings::default();
        let mut member = Situation {
            by_catalog: true,
            ..situation(at(5), Observed::Unclear("SERVFAIL".to_owned()))
        };
        assert_eq!(plan(&member, &timings), Step::Ensure { renew: false });
        member.told = true;
        assert_eq!(plan(&member, &timings), Step::Wait);
        member.lasted = timings.notify_told;
        assert_eq!(plan(&member, &timings), Step::Notify);
        member.observed = Observed::Serving(Serial::new(4));
        (member.told, member.lasted) = (false, Duration::ZERO);
        assert_eq!(plan(&member, &timings), Step::Notify);
    }

    #[test]
    fn a_referral_is_gone_only_after_the_server_was_told() {
        assert_eq!(next(Desired::Absent, Observed::Referred), Step::Remove);
        let told = Situation {
            told: true,
            ..situation(Desired::Absent, Observed::Referred)
        };
        assert_eq!(plan(&told, &Timings::default()), Step::Settled);
    }

    #[test]
    fn notify_is_repeated_on_schedule_and_then_the_zone_is_set_aside() {
        let timings = Timings::default();
        let mut situation = situation(at(5), Observed::Serving(Serial::new(4)));
        let mut sent = Vec::new();
        for millisecond in 0..=1_500 {
            situation.lasted = Duration::from_millis(millisecond);
            situation.notified.1 = situation.lasted;
            match plan(&situation, &timings) {
                Step::Notify => {
                    situation.notified.0 += 1;
                    sent.push(millisecond);
                }
                Step::Park => {
                    assert_eq!(millisecond, 1_500);
                    return assert_eq!(sent, [0, 50, 200, 500]);
                }
                step => assert_eq!(step, Step::Wait),
            }
        }
        panic!("never set aside");
    }

    #[test]
    fn a_server_that_was_told_comes_by_itself_or_is_sent_a_notify() {
        let timings = Timings::default();
        for observed in [Observed::NotServing, Observed::Unclear("SERVFAIL".to_owned())] {
            let mut situation = situation(at(5), observed);
            situation.told = true;
            assert_eq!(plan(&situation, &timings), Step::Wait);
            situation.passed_over = passed_over(1, 128);
            assert_eq!(plan(&situation, &timings), Step::Wait);
            situation.passed_over = passed_over(1, 129);
            assert_eq!(plan(&situation, &timings), Step::Notify);
            (situation.passed_over, situation.lasted) = (false, timings.notify_told);
            assert_eq!(plan(&situation, &timings), Step::Notify);
        }
    }

    #[test]
    fn who_comes_for_one_zone_after_the_other_is_waited_for_but_not_for_ever() {
        let (timings, ms) = (Timings::default(), Duration::from_millis);
        let told = |since| waited(since, ms(3), &timings);
        assert_eq!((told(ms(2)), told(ms(9_000))), (ms(2), ms(3)));
        assert_eq!(told(timings.park_after * 10), timings.park_after * 10);
    }

    #[test]
    fn a_serial_seen_keeps_its_place_across_the_wrap() {
        let wanted = LongSerial::from_i64((7 << 32) + 1);
        assert_eq!(serial_seen(Serial::new(1), wanted), wanted);
        assert_eq!(serial_seen(Serial::new(u32::MAX), wanted).get(), (7 << 32) - 1);
        assert_eq!(serial_seen(Serial::new(3), wanted).get(), (7 << 32) + 3);
    }

    /// A server as the target's verbs and NOTIFY move it.
    fn act(step: Step, masters: i64, server: &mut Observed) {
        let loaded = Observed::Serving(LongSerial::from_i64(masters).wire());
        match step {
            Step::Ensure { .. } => *server = Observed::Unclear("SERVFAIL".to_owned()),
            Step::Remove => *server = Observed::NotServing,
            Step::Notify if !matches!(server, Observed::NotServing | Observed::Referred) => *server = loaded,
            _ => {}
        }
    }

    fn observations() -> impl Strategy<Value = Observed> {
        prop_oneof![
            (990u32..1010).prop_map(|serial| Observed::Serving(Serial::new(serial))),
            Just(Observed::NotServing),
            Just(Observed::Referred),
            Just(Observed::Unclear("SERVFAIL".to_owned())),
        ]
    }

    proptest! {
        /// However a server is found: what is done makes it so that nothing is left to do.
        #[test]
        fn plan_after_act_is_empty(
            first in observations(), live: bool, serial in 990i64..1010, attempts in 0i32..4, by_catalog: bool
        ) {
            let desired = if live { at(serial) } else { Desired::Absent };
            let mut situation = Situation { attempts, by_catalog, ..situation(desired, first) };
            for _ in 0..8 {
                let step = plan(&situation, &Timings::default());
                match step {
                    Step::Settled => break,
                    Step::Ensure { .. } | Step::Remove => situation.told = true,
                    Step::Notify => situation.notified.0 += 1,
                    // It was just told, and might come by itself.
                    Step::Wait if situation.told && situation.lasted.is_zero() => {
                        situation.lasted = Timings::default().notify_told;
                    }
                    Step::Wait | Step::Park => prop_assert!(false, "stuck at {situation:?}"),
                }
                act(step, serial, &mut situation.observed);
            }
            prop_assert_eq!(plan(&situation, &Timings::default()), Step::Settled);
        }
    }
}
