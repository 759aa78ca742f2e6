//! Laws of record data.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use zonelog_dns::{Name, Rdata, Rrset, Rrtype, pack_rdata, packed_count, unpack_rdata};

use crate::generators::{api_text, rdata, rrset};

fn any_type() -> impl Strategy<Value = Rrtype> {
    prop_oneof![
        select(Rrtype::SUPPORTED.to_vec()),
        any::<u16>().prop_map(Rrtype::new)
    ]
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(rdata in rdata()) {
        let text = rdata.to_string();
        let read = Rdata::parse_relative(rdata.rrtype(), &text, &Name::root());
        let read = read.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(read.wire(), rdata.wire(), "{}", text);
    }

    #[test]
    fn what_the_api_took_it_takes_again((rrtype, text) in api_text()) {
        let rdata = Rdata::parse(rrtype, &text)
            .map_err(|error| TestCaseError::fail(format!("{rrtype} {text}: {error}")))?;
        let again = Rdata::parse(rrtype, &rdata.to_string()).unwrap();
        prop_assert_eq!(again.wire(), rdata.wire());
        // The API's texts mean the same in a master file.
        let relative = Rdata::parse_relative(rrtype, &text, &Name::root()).unwrap();
        prop_assert_eq!(relative.wire(), rdata.wire());
        let taken = Rdata::from_wire(rrtype, rdata.wire()).unwrap();
        prop_assert_eq!(taken.wire(), rdata.wire());
    }

    #[test]
    fn names_that_may_be_compressed_are_names(rdata in rdata()) {
        for range in rdata.compressible_names() {
            prop_assert!(Name::from_wire(&rdata.wire()[range]).is_ok());
        }
    }

    #[test]
    fn equal_data_is_equal_in_every_way(a in rdata(), b in rdata()) {
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(&a, &a.clone());
    }

    #[test]
    fn packed_data_is_unpacked(rrset in rrset()) {
        let packed = pack_rdata(&rrset.rdata);
        prop_assert_eq!(packed_count(&packed), Some(rrset.rdata.len()));
        let read: Vec<Rdata> =
            unpack_rdata(&packed).map(|wire| Rdata::from_wire(rrset.rrtype, wire).unwrap()).collect();
        prop_assert_eq!(Rrset::new(rrset.owner.clone(), rrset.rrtype, rrset.ttl, read), rrset);
    }

    #[test]
    fn no_text_makes_it_panic(rrtype in any_type(), text in r#"[ a0=,;:."\\\n(){}@#-]{0,30}|\PC*"#) {
        if let Ok(rdata) = Rdata::parse(rrtype, &text) {
            prop_assert_eq!(Rdata::parse(rrtype, &rdata.to_string()).unwrap(), rdata);
        }
        let _ = Rdata::parse_relative(rrtype, &text, &Name::root());
    }

    #[test]
    fn no_change_to_a_good_text_makes_it_panic(
        (rrtype, mut text) in api_text(),
        changes in vec((any::<Index>(), "[ \"\\\\=,;.0-9aé]?"), 1..4),
    ) {
        for (at, with) in changes {
            let starts: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
            if starts.is_empty() {
                break;
            }
            let start = *at.get(&starts);
            let length = text[start..].chars().next().map_or(0, char::len_utf8);
            text.replace_range(start..start + length, &with);
        }
        if let Ok(rdata) = Rdata::parse(rrtype, &text) {
            prop_assert_eq!(Rdata::parse(rrtype, &rdata.to_string()).unwrap(), rdata, "{}", text);
        }
        let _ = Rdata::parse_relative(rrtype, &text, &Name::root());
    }

    #[test]
    fn no_octets_make_it_panic(rrtype in any_type(), octets in vec(any::<u8>(), 0..100)) {
        if let Ok(rdata) = Rdata::from_wire(rrtype, &octets) {
            let text = rdata.to_string();
            let read = Rdata::parse_relative(rrtype, &text, &Name::root()).unwrap();
            prop_assert_eq!(read.wire(), &octets[..]);
        }
    }

    #[test]
    fn no_change_to_good_octets_makes_it_panic(
        rdata in rdata(),
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in any::<Index>(),
    ) {
        let mut octets = rdata.wire().to_vec();
        for (at, with) in changes {
            if !octets.is_empty() {
                let at = at.index(octets.len());
                octets[at] = with;
            }
        }
        let whole = octets.len();
        for octets in [&octets[..], &octets[..cut.index(whole + 1)]] {
            if let Ok(rdata) = Rdata::from_wire(rdata.rrtype(), octets) {
                let text = rdata.to_string();
                let read = Rdata::parse_relative(rdata.rrtype(), &text, &Name::root()).unwrap();
                prop_assert_eq!(read.wire(), octets, "{}", text);
            }
        }
    }
}
