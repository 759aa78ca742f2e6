//! What `zonestatus` says of a zone.

use zonelog_dns::Serial;

/// A zone as NSD has it. NSD has two serials of it: what it transferred last (committed), and what it answers with since its
/// last reload (served).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ZoneStatus {
    /// The pattern, of a zone that was added through the channel.
    pub(super) pattern: Option<String>,
    /// `ok`, `refreshing`, `expired`; younger versions have more words for a zone that waits for a reload.
    pub(super) state: String,
    /// The serial that is answered.
    pub(super) served: Option<Serial>,
    /// The serial that was transferred last.
    pub(super) committed: Option<Serial>,
    /// Set while a master is being asked, or waited for.
    pub(super) transferring: bool,
}

impl ZoneStatus {
    /// Reads the answer: a line `zone:`, and `FIELD: VALUE` for each that it has to say; serials as `"5 since TIME"` or `none`.
    pub(super) fn read(answer: &str) -> Self {
        let mut status = Self::default();
        for (field, value) in answer.lines().filter_map(|line| line.trim().split_once(": ")) {
            match field {
                "pattern" => status.pattern = Some(value.to_owned()),
                "state" => value.clone_into(&mut status.state),
                "served-serial" => status.served = serial(value),
                "commit-serial" => status.committed = serial(value),
                "transfer" => status.transferring = true,
                _ => {}
            }
        }
        status
    }

    /// Whether it has content that it serves, and neither transfers nor waits for a reload: who asks it to transfer then gets
    /// nothing if what the masters have is older or the same by its serial. (Such a zone is `refreshing` for as long as the
    /// masters have an older serial.)
    pub(super) fn rests_with_content(&self) -> bool {
        !self.transferring
            && self.state != "expired"
            && self.served.is_some()
            && self.served == self.committed
    }
}

fn serial(value: &str) -> Option<Serial> {
    let number = value.trim_start_matches('"').split_whitespace().next()?;
    number.parse().ok().map(Serial::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As NSD 4.6.1 answered.
    #[test]
    fn what_nsd_says_is_read() {
        let rests = ZoneStatus::read(
            "zone:\tone.test\n\tpattern: secondary\n\tstate: refreshing\n\tserved-serial: \"9 since 2026-11-23T05:31:06\"\n\
             \tcommit-serial: \"9 since 2026-11-23T05:31:06\"\n\twait: \"1199 sec between attempts\"\n",
        );
        let nine = Some(Serial::new(9));
        let expected = ZoneStatus {
            pattern: Some("secondary".to_owned()),
            state: "refreshing".to_owned(),
            served: nine,
            committed: nine,
            transferring: false,
        };
        assert_eq!(rests, expected);
        assert!(rests.rests_with_content());
        let asks = ZoneStatus::read(
            "zone:\tone.test\n\tstate: refreshing\n\tserved-serial: none\n\tcommit-serial: none\n\tnotified-serial: none\n\
             \ttransfer: \"TCP connected to 127.0.0.1@25689\"\n",
        );
        assert_eq!(
            (asks.served, asks.committed, asks.transferring),
            (None, None, true)
        );
        assert!(!asks.rests_with_content());
        let (loads, expired) = (
            ZoneStatus {
                served: Some(Serial::new(8)),
                ..rests.clone()
            },
            ZoneStatus {
                state: "expired".to_owned(),
                ..rests
            },
        );
        assert!(!loads.rests_with_content() && !expired.rests_with_content());
    }
}
