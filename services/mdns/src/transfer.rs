//! What a request for a transfer gets: a pure function of the request, the zone's head and the
//! steps that lead to it (RFC 1995 §2 and §4, RFC 5936 §2 and §4.2).

use zonelog_dns::{LongSerial, Serial};

use crate::request::Asked;

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Over UDP.
    Udp,
    /// Over TCP.
    Tcp,
}

/// What the first look at a request tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It cannot be answered: the request makes no sense over its transport.
    FormatError,
    /// The SOA of the head, alone.
    SoaAlone,
    /// The whole zone.
    Axfr,
    /// A difference from this serial, if [`settle`] finds that there is one.
    MaybeIxfr {
        /// The serial that the client means.
        from: LongSerial,
    },
}

/// What is known of the way from a serial to the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// The zone never had that serial.
    Unknown,
    /// A step on the way changes more than a difference is worth.
    Whole,
    /// Every step is a difference.
    Incremental,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The SOA of the head, alone.
    SoaAlone,
    /// The difference.
    Ixfr,
    /// The whole zone.
    Axfr,
}

/// The first look at a request for a transfer.
pub fn open(asked: Asked, transport: Transport, head: LongSerial) -> Opening {
    match (asked, transport) {
        // AXFR over UDP is not defined (RFC 5936 §4.2).
        (Asked::Axfr, Transport::Udp) => Opening::FormatError,
        (Asked::Axfr, Transport::Tcp) => Opening::Axfr,
        (Asked::Ixfr { serial }, _) => open_ixfr(serial, transport, head),
        (Asked::Soa | Asked::Rrset(_) | Asked::Any | Asked::Notify { .. }, _) => Opening::SoaAlone,
    }
}

fn open_ixfr(serial: Serial, transport: Transport, head: LongSerial) -> Opening {
    // RFC 1995 §2: a client with the same or a newer version gets the SOA alone.
    if serial == head.wire() || serial.is_newer_than(head.wire()) {
        return Opening::SoaAlone;
    }
    if head.wire().is_newer_than(serial) {
        return Opening::MaybeIxfr {
            from: head.at_or_before(serial),
        };
    }
    // Exactly half the circle apart: neither is newer, so only the whole zone is sure.
    whole(transport)
}

/// The decision, once the steps are known.
pub fn settle(steps: Steps, transport: Transport) -> Plan {
    match steps {
        Steps::Incremental => Plan::Ixfr,
        Steps::Unknown | Steps::Whole => match whole(transport) {
            Opening::Axfr => Plan::Axfr,
            _ => Plan::SoaAlone,
        },
    }
}

/// The decision, once a difference is rendered: how long it is, as a whole message over UDP, and
/// how long the zone is, where that is known.
pub fn weigh(difference: usize, room: Option<usize>, zone: Option<usize>) -> Plan {
    match room {
        // RFC 1995 §2: what does not fit into one UDP packet becomes the SOA alone, and the client
        // comes back over TCP.
        Some(room) if difference > room => Plan::SoaAlone,
        Some(_) => Plan::Ixfr,
        None if zone.is_some_and(|zone| difference > zone) => Plan::Axfr,
        None => Plan::Ixfr,
    }
}

/// The whole zone, which over UDP is asked for anew over TCP.
fn whole(transport: Transport) -> Opening {
    match transport {
        Transport::Udp => Opening::SoaAlone,
        Transport::Tcp => Opening::Axfr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: LongSerial = LongSerial::from_i64((1 << 32) + 10);

    fn ixfr(serial: u32, transport: Transport) -> Opening {
        open(
            Asked::Ixfr {
                serial: Serial::new(serial),
            },
            transport,
            HEAD,
        )
    }

    #[test]
    fn a_client_that_is_not_behind_gets_the_soa_alone() {
        for serial in [10, 11, 10 + (1 << 31) - 1] {
            assert_eq!(ixfr(serial, Transport::Tcp), Opening::SoaAlone, "{serial}");
        }
    }

    #[test]
    fn a_client_that_is_behind_is_understood_across_the_wrap() {
        assert_eq!(
            ixfr(3, Transport::Udp),
            Opening::MaybeIxfr {
                from: LongSerial::from_i64((1 << 32) + 3)
            }
        );
        let before_wrap = LongSerial::from_i64(i64::from(u32::MAX) - 1);
        assert_eq!(
            ixfr(u32::MAX - 1, Transport::Tcp),
            Opening::MaybeIxfr { from: before_wrap }
        );
    }

    #[test]
    fn half_the_circle_apart_has_no_direction() {
        let serial = 10_u32.wrapping_add(1 << 31);
        assert_eq!(ixfr(serial, Transport::Tcp), Opening::Axfr);
        assert_eq!(ixfr(serial, Transport::Udp), Opening::SoaAlone);
    }

    #[test]
    fn axfr_is_for_tcp() {
        assert_eq!(open(Asked::Axfr, Transport::Tcp, HEAD), Opening::Axfr);
        assert_eq!(open(Asked::Axfr, Transport::Udp, HEAD), Opening::FormatError);
    }

    #[test]
    fn no_difference_means_the_whole_zone_over_tcp_only() {
        for steps in [Steps::Unknown, Steps::Whole] {
            assert_eq!(settle(steps, Transport::Tcp), Plan::Axfr);
            assert_eq!(settle(steps, Transport::Udp), Plan::SoaAlone);
        }
        assert_eq!(settle(Steps::Incremental, Transport::Udp), Plan::Ixfr);
    }

    #[test]
    fn a_difference_must_fit_and_must_be_worth_it() {
        assert_eq!(weigh(512, Some(512), Some(10)), Plan::Ixfr);
        assert_eq!(weigh(513, Some(512), None), Plan::SoaAlone);
        assert_eq!(weigh(1000, None, Some(1000)), Plan::Ixfr);
        assert_eq!(weigh(1001, None, Some(1000)), Plan::Axfr);
        assert_eq!(weigh(1001, None, None), Plan::Ixfr);
    }
}
