//! Zone serials: 32 bits in a circle on the wire, a growing number in the log.

use std::fmt;

/// Half the circle of serials: a step of this size or more has no direction (RFC 1982 §3.2).
const HALF: i64 = 1 << 31;

/// A zone serial as the wire has it, compared by RFC 1982.
///
/// Serials have no order (three of them can each be newer than the next), so there is no `Ord`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Serial(u32);

impl Serial {
    /// The serial with this value.
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The value.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether this serial is newer (RFC 1982 §3.2). Two serials exactly 2^31 apart are neither
    /// newer nor older than each other.
    pub const fn is_newer_than(self, other: Self) -> bool {
        let ahead = self.0.wrapping_sub(other.0);
        ahead != 0 && ahead < HALF as u32
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A zone serial as the log has it: it only ever grows, and its low 32 bits are the wire's serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LongSerial(i64);

impl LongSerial {
    /// The serial with this value, as it was stored.
    pub const fn from_i64(value: i64) -> Self {
        Self(value)
    }

    /// The value, as it is stored.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The serial that the wire shows.
    pub const fn wire(self) -> Serial {
        Serial(self.0 as u32)
    }

    /// The first serial of a zone made at `now_unix` (seconds since 1970), at least 1.
    pub fn first(now_unix: i64) -> Self {
        let serial = now_unix.max(1);
        Self(if shows_zero(serial) { serial + 1 } else { serial })
    }

    /// The serial after this one at `now_unix` (seconds since 1970): the time, as long as that is a
    /// step forward of less than 2^31, else the next number.
    ///
    /// So it strictly grows whatever the clock does, and every step is one that a secondary sees as
    /// newer (RFC 1982). A value whose low half is zero is passed over, because several name servers
    /// take serial 0 for "none"; no step becomes too long by that.
    #[must_use]
    pub fn next(self, now_unix: i64) -> Self {
        let step = self.0.saturating_add(1);
        let wanted = step.max(now_unix);
        let passed = if shows_zero(wanted) {
            wanted.saturating_add(1)
        } else {
            wanted
        };
        if passed.saturating_sub(self.0) < HALF {
            return Self(passed);
        }
        Self(if shows_zero(step) { step + 1 } else { step })
    }

    /// The latest serial at or before this one that the wire shows as `wire`; with this one the
    /// head of a zone, the serial that a secondary means.
    pub const fn at_or_before(self, wire: Serial) -> Self {
        Self(self.0.saturating_sub(self.wire().0.wrapping_sub(wire.0) as i64))
    }

    /// The earliest serial at or after this one that the wire shows as `wire`: what a secondary zone at this serial
    /// comes to when its primary has `wire`, be it that the primary counts from anew.
    #[must_use]
    pub const fn at_or_after(self, wire: Serial) -> Self {
        Self(self.0.saturating_add(wire.0.wrapping_sub(self.wire().0) as i64))
    }

    /// As [`Self::at_or_after`], and never this one.
    #[must_use]
    pub const fn next_shown_as(self, wire: Serial) -> Self {
        Self(self.0.saturating_add(1)).at_or_after(wire)
    }
}

const fn shows_zero(serial: i64) -> bool {
    serial as u32 == 0
}

impl fmt::Display for LongSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_goes_round_the_circle() {
        let newer = |a: u32, b: u32| Serial::new(a).is_newer_than(Serial::new(b));
        assert!(newer(1, 0));
        assert!(newer(0, u32::MAX));
        assert!(newer(0x7fff_ffff, 0));
        assert!(!newer(0, 0));
        assert!(!newer(0, 1));
        // Exactly half the circle: no direction (RFC 1982 §3.2).
        assert!(!newer(0x8000_0000, 0));
        assert!(!newer(0, 0x8000_0000));
    }

    #[test]
    fn serials_follow_the_clock_where_it_leads_forward() {
        let first = LongSerial::first(1_700_000_000);
        assert_eq!(first.get(), 1_700_000_000);
        assert_eq!(first.next(1_700_000_000).get(), 1_700_000_001);
        assert_eq!(first.next(1_700_000_500).get(), 1_700_000_500);
        assert_eq!(first.next(1_600_000_000).get(), 1_700_000_001);
        assert_eq!(first.next(1_700_000_000 + HALF).get(), 1_700_000_001);
        assert_eq!(
            first.next(1_700_000_000 + HALF - 1).get(),
            1_700_000_000 + HALF - 1
        );
        assert_eq!(LongSerial::first(-5).get(), 1);
    }

    #[test]
    fn the_wire_never_shows_zero() {
        let last = LongSerial::from_i64(0xffff_ffff);
        assert_eq!(last.next(0).get(), 0x1_0000_0001);
        assert!(last.next(0).wire().is_newer_than(last.wire()));
        assert_eq!(LongSerial::first(1 << 32).get(), (1 << 32) + 1);
        // The longest step would end on zero, and one further would be too long.
        let half = LongSerial::from_i64((1 << 32) - HALF + 1);
        assert_eq!(half.next(1 << 32), LongSerial::from_i64(half.get() + 1));
    }

    #[test]
    fn a_primarys_serial_is_at_or_after_the_head() {
        let head = LongSerial::from_i64(0x1_0000_0005);
        assert_eq!(head.at_or_after(Serial::new(5)), head);
        assert_eq!(head.next_shown_as(Serial::new(5)).get(), 0x2_0000_0005);
        assert_eq!(head.at_or_after(Serial::new(6)).get(), 0x1_0000_0006);
        assert_eq!(head.next_shown_as(Serial::new(6)).get(), 0x1_0000_0006);
        // The primary counts from anew, or went round the circle.
        assert_eq!(head.at_or_after(Serial::new(4)).get(), 0x2_0000_0004);
        assert_eq!(head.at_or_after(Serial::new(0)).get(), 0x2_0000_0000);
    }

    #[test]
    fn a_secondarys_serial_is_found_at_or_before_the_head() {
        let head = LongSerial::from_i64(0x1_0000_0005);
        assert_eq!(head.at_or_before(Serial::new(5)), head);
        assert_eq!(head.at_or_before(Serial::new(1)).get(), 0x1_0000_0001);
        assert_eq!(head.at_or_before(Serial::new(u32::MAX)).get(), 0xffff_ffff);
        assert_eq!(head.at_or_before(Serial::new(6)).get(), 6);
    }
}
