//! Laws of serials: they grow, and every secondary sees each step as newer.

use proptest::prelude::*;
use zonelog_dns::{LongSerial, Serial};

proptest! {
    #[test]
    fn serials_grow_whatever_the_clock_does(
        start in prop_oneof![0i64..10_000_000_000, (1i64 << 32) - 20..(1 << 32) + 20],
        clock in proptest::collection::vec(
            prop_oneof![0i64..10_000_000_000, any::<i64>(), (1i64 << 32) - 5..(1 << 32) + 5],
            1..50,
        ),
    ) {
        let mut serial = LongSerial::first(start);
        for now in clock {
            let next = serial.next(now);
            prop_assert!(next > serial);
            prop_assert!(next.wire().is_newer_than(serial.wire()));
            prop_assert!(next.get() - serial.get() < 1 << 31);
            prop_assert_ne!(next.wire(), Serial::new(0));
            prop_assert_eq!(next.at_or_before(serial.wire()), serial);
            serial = next;
        }
    }

    #[test]
    fn of_two_serials_at_most_one_is_newer(a: u32, b: u32) {
        let (a, b) = (Serial::new(a), Serial::new(b));
        prop_assert!(!(a.is_newer_than(b) && b.is_newer_than(a)));
        let apart = a.get().wrapping_sub(b.get());
        let decided = a.is_newer_than(b) || b.is_newer_than(a);
        prop_assert_eq!(decided, a != b && apart != 1 << 31);
    }
}
