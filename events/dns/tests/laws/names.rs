//! Laws of names.

use std::hash::{BuildHasher, RandomState};

use proptest::prelude::*;
use zonelog_dns::{Name, OwnerName, ZoneName};

use crate::generators::{host_text, name};

proptest! {
    #[test]
    fn what_is_printed_is_read_again(name in name()) {
        let read = Name::parse(&name.to_string()).unwrap();
        prop_assert_eq!(read.wire(), name.wire());
        let taken = Name::from_wire(name.wire()).unwrap();
        prop_assert_eq!(taken.wire(), name.wire());
    }

    #[test]
    fn keys_have_the_order_of_names(a in name(), b in name()) {
        prop_assert_eq!(a.cmp(&b), a.to_key().cmp(&b.to_key()));
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
    }

    #[test]
    fn a_key_gives_the_name_in_lower_case(name in name()) {
        let back = Name::from_key(&name.to_key()).unwrap();
        let lower = name.to_lowercase();
        prop_assert_eq!(back.wire(), lower.wire());
    }

    #[test]
    fn a_subtree_is_a_range_of_keys(a in name(), b in name()) {
        prop_assert_eq!(a.is_at_or_below(&b), a.to_key().starts_with(&b.to_key()));
        if let Ok(below) = Name::concat(a.labels(), &b) {
            prop_assert!(below.is_at_or_below(&b));
            prop_assert!(below.to_key().starts_with(&b.to_key()));
        }
    }

    #[test]
    fn equal_names_hash_the_same(name in name()) {
        let hasher = RandomState::new();
        let lower = name.to_lowercase();
        prop_assert_eq!(&lower, &name);
        prop_assert_eq!(hasher.hash_one(&lower), hasher.hash_one(&name));
    }

    #[test]
    fn designates_names_are_taken_as_written(text in host_text()) {
        prop_assert_eq!(OwnerName::parse(&text).unwrap().to_string(), text.clone());
        prop_assert_eq!(ZoneName::parse(&text).is_ok(), text.matches('.').count() >= 2);
    }

    #[test]
    fn no_text_makes_it_panic(text in r"[a*.\\0-9@\PC]{0,40}|\PC*") {
        if let Ok(name) = Name::parse(&text) {
            prop_assert_eq!(Name::parse(&name.to_string()).unwrap(), name);
        }
        let checked = OwnerName::parse(&text).is_ok();
        prop_assert!(checked || ZoneName::parse(&text).is_err());
        let _ = Name::parse_relative(&text, &Name::root());
    }

    #[test]
    fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(name) = Name::from_wire(&octets) {
            prop_assert_eq!(name.wire(), &octets[..]);
        }
        if let Ok(name) = Name::from_key(&octets) {
            prop_assert_eq!(name.to_key(), octets);
        }
    }
}
