//! Laws of master files.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use zonelog_dns::{MasterFileReader, MasterRecord, Name, Rrset, write_zone};

use crate::generators::{name, rrset, ttl};

fn written(origin: &Name, default: zonelog_dns::Ttl, zone: &[Rrset]) -> Vec<u8> {
    let mut file = Vec::new();
    write_zone(&mut file, origin, default, zone).unwrap();
    file
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(origin in name(), default in ttl(), zone in vec(rrset(), 0..6)) {
        let file = written(&origin, default, &zone);
        let mut reader = MasterFileReader::new(&file[..], None);
        for rrset in &zone {
            for rdata in &rrset.rdata {
                let read = reader.next().unwrap().map_err(|error| {
                    TestCaseError::fail(format!("{error} in {}", String::from_utf8_lossy(&file)))
                })?;
                prop_assert_eq!(read.owner.wire(), rrset.owner.wire());
                prop_assert_eq!(read.ttl, Some(rrset.ttl));
                prop_assert_eq!(read.rrtype, rrset.rrtype);
                prop_assert_eq!(read.rdata.wire(), rdata.wire());
            }
        }
        prop_assert!(reader.next().is_none());
        prop_assert!(reader.saw_origin_first());
        prop_assert_eq!(reader.origin(), Some(&origin));
        prop_assert_eq!(reader.default_ttl(), Some(default));
    }

    #[test]
    fn no_octets_make_it_panic(
        file in prop_oneof![
            vec(any::<u8>(), 0..400),
            r#"([a@*.$]{0,3}[ \t\n]|IN |A |TXT |\$ORIGIN |\$TTL |1h |192\.0\.2\.1|["();\\\n]){0,40}"#
                .prop_map(String::into_bytes),
        ],
        origin in proptest::option::of(name()),
    ) {
        // Every record and every error takes at least one octet, so it comes to an end.
        let read = MasterFileReader::new(&file[..], origin).count();
        prop_assert!(read <= file.len());
    }

    #[test]
    fn no_change_to_a_good_file_makes_it_panic(
        zone in vec(rrset(), 1..4),
        changes in vec((any::<Index>(), any::<u8>()), 1..6),
        default in ttl(),
    ) {
        let mut file = written(&Name::root(), default, &zone);
        for (at, with) in changes {
            let at = at.index(file.len());
            file[at] = with;
        }
        // What is still read can be written and read once more.
        let records: Vec<MasterRecord> =
            MasterFileReader::new(&file[..], None).filter_map(Result::ok).collect();
        for MasterRecord { rdata, rrtype, .. } in records {
            let text = rdata.to_string();
            let again = zonelog_dns::Rdata::parse_relative(rrtype, &text, &Name::root()).unwrap();
            prop_assert_eq!(again.wire(), rdata.wire(), "{}", text);
        }
    }
}
