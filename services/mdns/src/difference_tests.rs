use proptest::prelude::*;
use zonelog_dns::{Name, Serial, Soa};

use super::*;
use crate::read_back::read_back;

fn soa(serial: u32) -> SoaRecord {
    let name = Name::parse("zone.test.").unwrap();
    let soa = Soa {
        mname: name.clone(),
        rname: name.clone(),
        serial: Serial::new(serial),
        refresh: 1,
        retry: 1,
        expire: 1,
        minimum: 1,
    };
    SoaRecord {
        apex: name.wire().into(),
        ttl: 60,
        rdata: soa.to_rdata(),
    }
}

fn pack(addresses: &[u8]) -> Vec<u8> {
    addresses
        .iter()
        .flat_map(|last| [0, 4, 192, 0, 2, *last])
        .collect()
}

/// A change of one owner's A records: TTL and addresses before, if any, and after.
type Change = (Option<(u32, Vec<u8>)>, Option<(u32, Vec<u8>)>);

fn texts(changes: &[Change]) -> Vec<String> {
    let mut writer = DifferenceWriter::new(&soa(1), soa(2)).unwrap();
    for (at, (before, after)) in changes.iter().enumerate() {
        let name = Name::parse(&format!("n{at}.zone.test.")).unwrap();
        let key = name.to_key();
        let rows = [(before, false), (after, true)];
        for (addresses, began) in rows {
            let Some((ttl, addresses)) = addresses else {
                continue;
            };
            let rdata = pack(addresses);
            let row = RrsetRow {
                key: &key,
                owner: name.wire(),
                rrtype: 1,
                ttl: *ttl,
                rdata: &rdata,
            };
            if began {
                writer.began(row)
            } else {
                writer.ended(row)
            }
            .unwrap();
        }
    }
    let difference = writer.finish().unwrap();
    let records = read_back(&difference.chunks, 251);
    let texts = records.iter().map(|record| match &record.data {
        hickory_proto::rr::RData::SOA(soa) => format!("SOA {}", soa.serial),
        data => format!("{} {} {data}", record.name, record.ttl),
    });
    texts.collect()
}

#[test]
fn what_ended_comes_first_and_records_that_stay_do_not_come_at_all() {
    let changes = [
        (Some((60, vec![1, 2])), Some((60, vec![2, 3]))),
        (Some((60, vec![4])), None),
        (None, Some((60, vec![5]))),
    ];
    assert_eq!(
        texts(&changes),
        [
            "SOA 2",
            "SOA 1",
            "n0.zone.test. 60 192.0.2.1",
            "n1.zone.test. 60 192.0.2.4",
            "SOA 2",
            "n0.zone.test. 60 192.0.2.3",
            "n2.zone.test. 60 192.0.2.5",
            "SOA 2",
        ]
    );
}

#[test]
fn another_ttl_makes_other_records() {
    let changes = [(Some((60, vec![1])), Some((90, vec![1])))];
    let expected = [
        "SOA 2",
        "SOA 1",
        "n0.zone.test. 60 192.0.2.1",
        "SOA 2",
        "n0.zone.test. 90 192.0.2.1",
        "SOA 2",
    ];
    assert_eq!(texts(&changes), expected);
}

#[test]
fn only_the_soa_changed() {
    assert_eq!(texts(&[]), ["SOA 2", "SOA 1", "SOA 2", "SOA 2"]);
}

fn side() -> impl Strategy<Value = Option<(u32, Vec<u8>)>> {
    let addresses = proptest::collection::btree_set(0_u8..6, 1..5);
    proptest::option::of((
        prop_oneof![Just(60_u32), Just(90)],
        addresses.prop_map(|set| set.into_iter().collect()),
    ))
}

proptest! {
    #[test]
    fn applying_it_to_what_was_gives_what_is(changes in proptest::collection::vec((side(), side()), 0..30)) {
        let zone = |after: bool| {
            let mut records = Vec::new();
            for (at, change) in changes.iter().enumerate() {
                let side = if after { &change.1 } else { &change.0 };
                for (ttl, addresses) in side.iter() {
                    records.extend(addresses.iter().map(|last| format!("n{at}.zone.test. {ttl} 192.0.2.{last}")));
                }
            }
            records.sort();
            records
        };
        let texts = texts(&changes);
        let mut parts = texts[2..texts.len() - 1].split(|text| text == "SOA 2");
        let (deleted, added) = (parts.next().unwrap(), parts.next().unwrap());
        let mut held = zone(false);
        for record in deleted {
            let at = held.iter().position(|held| held == record);
            prop_assert!(at.is_some(), "{record} was not there");
            held.remove(at.unwrap());
        }
        for record in added {
            prop_assert!(!held.contains(record), "{record} was there already");
            held.push(record.clone());
        }
        held.sort();
        prop_assert_eq!(held, zone(true));
    }
}
