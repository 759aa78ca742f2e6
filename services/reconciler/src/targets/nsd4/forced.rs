//! Making NSD take whole zones anew, and seeing to it that it did.
//!
//! `force_transfer` makes NSD forget what it knows of a zone's serials, while it goes on serving it, and ask for all of it. When
//! a reload that was under way ends before the answer comes, NSD learns the serial of its old copy again, and the answer is
//! refused as older or the same; nothing says so, and the zone rests with what it had. So a transfer counts only once NSD was
//! seen with the new copy transferred and nothing served by its own account, which is so from the end of the transfer to that
//! of the next reload, and is told once more else.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use zonelog_dns::{Serial, ZoneName};

use super::status::ZoneStatus;
use super::{Done, Nsd4};

/// How often a zone is told before it is taken as it is. NSD reloads once a second unless told otherwise, so that the second
/// time is seen as a rule.
const TELLINGS: u32 = 4;
/// How long after a look the next one is.
const LOOK: Duration = Duration::from_millis(20);

/// A zone that is being taken anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Forced {
    /// What the log has.
    serial: Serial,
    /// How often it was told.
    tellings: u32,
    /// Whether the new copy was seen before it was served.
    seen: bool,
}

/// What follows from a look.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    Look,
    Tell,
    Done,
    /// It rests with this copy.
    Kept(Serial),
}

impl Forced {
    fn look(&mut self, status: &ZoneStatus) -> Next {
        let Some(committed) = status.committed else {
            // It has not got it yet.
            return Next::Look;
        };
        if status.served.is_none() {
            self.seen = true;
        }
        if !status.rests_with_content() {
            Next::Look
        } else if self.seen {
            Next::Done
        } else if self.tellings < TELLINGS {
            Next::Tell
        } else if committed == self.serial && status.state != "refreshing" {
            // It reloads too fast to be seen, and nothing speaks against it.
            Next::Done
        } else {
            Next::Kept(committed)
        }
    }
}

impl Nsd4 {
    /// Makes NSD take whole zones anew, whatever their serials, and waits until it has them. There is no list for it: it is one
    /// zone a command, or all that NSD has.
    pub(super) async fn retransfer(&self, zones: &[(&ZoneName, Serial)]) -> Vec<Done> {
        let mut done: Vec<Option<Done>> = Vec::with_capacity(zones.len());
        let mut forced: Vec<Forced> = Vec::with_capacity(zones.len());
        for &(zone, serial) in zones {
            let told = self.transfer("force_transfer", zone).await;
            done.push(told.err().map(Err));
            forced.push(Forced {
                serial,
                tellings: 1,
                seen: false,
            });
        }
        let mut until = Instant::now() + self.config.timeout;
        while done.iter().any(Option::is_none) {
            sleep(LOOK).await;
            let late = Instant::now() >= until;
            for ((&(zone, _), forced), done) in zones.iter().zip(&mut forced).zip(&mut done) {
                if done.is_some() {
                    continue;
                }
                let status = match self.status(zone).await {
                    Ok(status) => status,
                    Err(reason) => {
                        *done = Some(Err(reason));
                        continue;
                    }
                };
                match forced.look(&status) {
                    Next::Done => *done = Some(Ok(())),
                    Next::Kept(serial) => *done = Some(Err(self.kept(zone, serial))),
                    Next::Tell => {
                        (forced.tellings, until) =
                            (forced.tellings + 1, Instant::now() + self.config.timeout);
                        *done = self.transfer("force_transfer", zone).await.err().map(Err);
                    }
                    // A large zone takes its time, and nobody waits for it here.
                    Next::Look if late && (status.transferring || forced.seen) => *done = Some(Ok(())),
                    Next::Look if late => *done = Some(Err(self.not_got(zone))),
                    Next::Look => {}
                }
            }
        }
        done.into_iter().flatten().collect()
    }

    fn kept(&self, zone: &ZoneName, serial: Serial) -> String {
        format!(
            "NSD at {} was told {TELLINGS} times to transfer {zone} as a whole, and keeps its copy with serial {serial}; check \
             what its log says of the zone",
            self.config.channel
        )
    }

    fn not_got(&self, zone: &ZoneName) -> String {
        format!(
            "NSD at {} was told to transfer {zone} as a whole, and did not get it within {:.1} s; check that the `request-xfr` \
             of its pattern is MiniDNS, and what its log says of the zone",
            self.config.channel,
            self.config.timeout.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: &str, served: Option<u32>, committed: Option<u32>) -> ZoneStatus {
        ZoneStatus {
            state: state.to_owned(),
            served: served.map(Serial::new),
            committed: committed.map(Serial::new),
            ..ZoneStatus::default()
        }
    }

    fn told() -> Forced {
        Forced {
            serial: Serial::new(5),
            tellings: 1,
            seen: false,
        }
    }

    #[test]
    fn what_was_seen_to_come_counts() {
        let mut forced = told();
        assert_eq!(forced.look(&status("refreshing", None, None)), Next::Look);
        assert_eq!(forced.look(&status("ok", None, Some(5))), Next::Look);
        assert_eq!(forced.look(&status("ok", Some(5), Some(5))), Next::Done);
        // Changed meanwhile.
        let mut forced = told();
        assert_eq!(forced.look(&status("ok", None, Some(6))), Next::Look);
        assert_eq!(forced.look(&status("ok", Some(6), Some(7))), Next::Look);
        assert_eq!(forced.look(&status("ok", Some(7), Some(7))), Next::Done);
    }

    #[test]
    fn what_a_reload_crossed_is_told_again() {
        // The answer was refused as older than the copy, whose serial the reload told.
        let mut forced = told();
        assert_eq!(forced.look(&status("refreshing", Some(9), Some(9))), Next::Tell);
        forced.tellings = TELLINGS;
        let kept = Next::Kept(Serial::new(9));
        assert_eq!(forced.look(&status("refreshing", Some(9), Some(9))), kept);
        // As the same.
        let mut forced = told();
        assert_eq!(forced.look(&status("ok", Some(5), Some(5))), Next::Tell);
        forced.tellings = TELLINGS;
        assert_eq!(forced.look(&status("ok", Some(5), Some(5))), Next::Done);
    }
}
