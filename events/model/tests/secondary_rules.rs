//! Zones that are transferred from elsewhere: made, changed, transferred.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use zonelog_dns::{LongSerial, Name, Rdata, Rrtype, Serial, Soa, Ttl};
use zonelog_model::resource::{HostPort, Quotas};
use zonelog_model::scenario::{Outcome, Scenario, fixtures::*};
use zonelog_model::stored;
use zonelog_model::zone::{
    CreateZone, Event, Facts, Patch, RrsetChange, SoaFields, TakeTransfer, Transfer, UpdateZone, Zone,
    ZoneKind, ZoneSlice, apply, decide,
};

fn masters(texts: &[&str]) -> Vec<HostPort> {
    texts.iter().map(|text| HostPort::parse(text).unwrap()).collect()
}

fn create_secondary(places: &[&str]) -> CreateZone {
    CreateZone {
        kind: ZoneKind::Secondary {
            masters: masters(places),
        },
        ..create_zone("example.com.")
    }
}

fn a_secondary_zone() -> Scenario {
    Scenario::after([create_secondary(&["192.0.2.1"]).into()])
}

fn soa(serial: u32) -> Soa {
    Soa {
        mname: name("ns.primary.example."),
        rname: name("root.primary.example."),
        serial: Serial::new(serial),
        refresh: 1,
        retry: 2,
        expire: 3,
        minimum: u32::MAX,
    }
}

fn rrset(owner_name: &str, rrtype: Rrtype, seconds: i64, texts: &[&str]) -> RrsetChange {
    let rdata = texts
        .iter()
        .map(|text| Rdata::parse(rrtype, text).unwrap())
        .collect();
    RrsetChange {
        recordset: recordset_id(owner_name, rrtype),
        owner: owner(owner_name),
        rrtype,
        after: (!texts.is_empty()).then_some((ttl(seconds), rdata)),
    }
}

fn take(expected: i64, serial: u32, changes: Vec<RrsetChange>) -> TakeTransfer {
    TakeTransfer {
        transfer: Transfer {
            zone: ZONE,
            expected: LongSerial::from_i64(expected),
            soa: soa(serial),
            soa_ttl: ttl(77),
        },
        changes,
    }
}

fn zone_after(outcome: &Outcome) -> Zone {
    outcome.state().zone.unwrap()
}

#[test]
fn a_secondary_zone_begins_without_name_servers_at_serial_1() {
    let outcome = Scenario::nothing().when(create_secondary(&["192.0.2.1", "ns.example.net:5353"]));
    let zone = zone_after(&outcome);
    assert_eq!((zone.serial.get(), zone.transferred_at), (1, None));
    assert_eq!(zone.kind.label(), "SECONDARY");
    assert_eq!(
        zone.kind.masters(),
        masters(&["192.0.2.1", "ns.example.net:5353"])
    );
    outcome.then_types(["zone_created"]);
    // After an earlier zone of the name its serial is later, and shown as 1 all the same.
    let later = Scenario::nothing()
        .with(|facts| facts.last_serial = Some(serial(0)))
        .when(create_secondary(&["192.0.2.1"]));
    assert_eq!(zone_after(&later).serial.get(), (1 << 32) + 1);
}

#[test]
fn masters_are_places_each_named_once() {
    for (places, label) in [
        (vec![], "invalid_object"),
        (vec!["192.0.2.1:0"], "invalid_object"),
        (vec!["192.0.2"], "invalid_object"),
        (vec!["a b"], "invalid_object"),
        (vec!["."], "invalid_object"),
        (vec!["192.0.2.1", "192.0.2.1:53"], "duplicate_zone_attribute"),
        (
            vec!["ns.example.net", "NS.example.net"],
            "duplicate_zone_attribute",
        ),
    ] {
        Scenario::nothing()
            .when(create_secondary(&places))
            .then_rejected(label);
        let change = UpdateZone {
            masters: Patch::Set(masters(&places)),
            ..update_zone()
        };
        a_secondary_zone().when(change).then_rejected(label);
    }
    let many: Vec<String> = (0..33).map(|number| format!("192.0.2.{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    Scenario::nothing()
        .when(create_secondary(&many))
        .then_rejected("invalid_object");
    Scenario::nothing()
        .when(create_secondary(&many[1..]))
        .then_types(["zone_created"]);
}

#[test]
fn masters_change_without_a_serial() {
    let change = |places: &[&str]| UpdateZone {
        masters: Patch::Set(masters(places)),
        ..update_zone()
    };
    let outcome = a_secondary_zone().when(change(&["192.0.2.2"]));
    assert_eq!(zone_after(&outcome).serial.get(), 1);
    outcome.then([Event::ZoneMastersChanged {
        before: masters(&["192.0.2.1"]),
        after: masters(&["192.0.2.2"]),
    }]);
    a_secondary_zone().when(change(&["192.0.2.1"])).then_nothing();

    let primary = || Scenario::after([create_zone("example.com.").into()]);
    primary()
        .when(change(&["192.0.2.1"]))
        .then_rejected("invalid_object");
    primary().when(change(&[])).then_nothing();
}

#[test]
fn what_the_primary_says_is_not_changed_here() {
    let email = UpdateZone {
        email: Patch::Set("other@example.com".into()),
        ..update_zone()
    };
    let ttl = UpdateZone {
        ttl: Patch::Set(ttl(5)),
        ..update_zone()
    };
    a_secondary_zone().when(email).then_rejected("invalid_object");
    a_secondary_zone().when(ttl).then_rejected("invalid_object");
    let unchanged = UpdateZone {
        email: Patch::Set("hostmaster@example.com".into()),
        ..update_zone()
    };
    a_secondary_zone().when(unchanged).then_nothing();
    let taken = a_secondary_zone().when(take(1, 5, vec![rrset("www", Rrtype::A, 1, &["192.0.2.1"])]));
    let www = recordset_id("www", Rrtype::A);
    taken
        .next()
        .when(create_recordset("a", Rrtype::A, []))
        .then_rejected("forbidden");
    taken
        .next()
        .when(update_recordset(www))
        .then_rejected("forbidden");
    taken
        .next()
        .when(delete_recordset(www))
        .then_rejected("forbidden");
    taken.next().when(rewrite_nameservers()).then_nothing();
}

#[test]
fn a_transfer_takes_the_soa_and_what_differs() {
    let first = a_secondary_zone().when(take(
        1,
        5,
        vec![
            rrset("@", Rrtype::NS, 60, &["ns.primary.example."]),
            rrset("www", Rrtype::A, 60, &["192.0.2.1"]),
        ],
    ));
    let zone = zone_after(&first);
    assert_eq!(zone.serial.get(), 5);
    let expected = SoaFields::of(&soa(5), ttl(77));
    assert_eq!(zone.soa_fields(), expected);
    assert_eq!(zone.timers.minimum, i32::MAX.unsigned_abs());
    assert_eq!(zone.transferred_at, Some(start() + chrono::TimeDelta::seconds(1)));
    assert_eq!(
        (zone.recordset_count, zone.record_count, zone.revision),
        (2, 2, 2)
    );

    let second = first.next().when(take(
        5,
        6,
        vec![
            rrset("@", Rrtype::NS, 60, &["ns.primary.example."]),
            rrset("www", Rrtype::A, 61, &["192.0.2.1"]),
        ],
    ));
    second
        .clone()
        .then_types(["zone_refreshed_from_primary", "recordset_changed"]);
    second.next().when(take(6, 6, vec![])).then_nothing();
    second
        .next()
        .when(take(5, 7, vec![]))
        .then_rejected("zone_moved_on");
    let gone = second
        .next()
        .when(take(6, 8, vec![rrset("www", Rrtype::A, 0, &[])]));
    gone.clone()
        .then_types(["zone_refreshed_from_primary", "recordset_deleted"]);
    assert_eq!(zone_after(&gone).record_count, 1);

    let unsorted = vec![
        rrset("www", Rrtype::A, 60, &["192.0.2.1"]),
        rrset("@", Rrtype::NS, 60, &["ns.primary.example."]),
    ];
    a_secondary_zone()
        .when(take(1, 5, unsorted))
        .then_rejected("invalid_recordset_location");
    Scenario::after([create_zone("example.com.").into()])
        .when(take(1, 5, vec![]))
        .then_rejected("invalid_object");
}

#[test]
fn a_zone_may_shrink_though_its_owner_has_too_much() {
    let two = vec![
        rrset("a", Rrtype::A, 60, &["192.0.2.1"]),
        rrset("b", Rrtype::A, 60, &["192.0.2.1", "192.0.2.2"]),
    ];
    let tight = |facts: &mut Facts| {
        facts.quotas = Quotas {
            zone_recordsets: 1,
            recordset_records: 1,
            zone_records: 1,
            ..Quotas::UNLIMITED
        };
    };
    a_secondary_zone()
        .with(tight)
        .when(take(1, 5, two.clone()))
        .then_rejected("over_quota");
    let taken = a_secondary_zone().when(take(1, 5, two));
    let less = vec![rrset("b", Rrtype::A, 61, &["192.0.2.2", "192.0.2.3"])];
    taken
        .next()
        .with(tight)
        .when(take(5, 6, less))
        .then_types(["zone_refreshed_from_primary", "recordset_changed"]);
}

/// What a primary has: data and TTL by owner name and type.
type Content = BTreeMap<(Vec<u8>, u16), RrsetChange>;

fn any_content() -> impl Strategy<Value = Content> {
    let owners = select(vec!["@", "www", "WWW", r"a\.b", "*.x", "_s._tcp"]);
    let texts = prop::sample::subsequence(vec!["192.0.2.1", "192.0.2.2", "192.0.2.3"], 1..3);
    let one = (owners, select(vec![0_i64, 60, 86_400]), texts)
        .prop_map(|(owner, seconds, texts)| rrset(owner, Rrtype::A, seconds, &texts));
    prop::collection::vec(one, 0..6).prop_map(|rrsets| {
        rrsets
            .into_iter()
            .map(|rrset| ((rrset.owner.to_key(), rrset.rrtype.get()), rrset))
            .collect()
    })
}

/// All that a full transfer tells: what there is, and what is no more.
fn told(before: &Content, after: &Content) -> Vec<RrsetChange> {
    let mut told = after.clone();
    for (place, rrset) in before {
        told.entry(place.clone()).or_insert_with(|| RrsetChange {
            after: None,
            ..rrset.clone()
        });
    }
    told.into_values().collect()
}

fn held(slice: &ZoneSlice) -> BTreeMap<(Vec<u8>, u16), (Ttl, Vec<Rdata>)> {
    let entries = slice.recordsets.iter().map(|recordset| {
        let mut rdata: Vec<Rdata> = recordset.records.iter().map(|one| one.rdata().clone()).collect();
        rdata.sort();
        let place = (recordset.owner.to_key(), recordset.rrtype.get());
        (place, (recordset.ttl.unwrap(), rdata))
    });
    entries.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_zone_comes_to_be_what_its_primary_has(
        contents in prop::collection::vec((any_content(), any::<u32>()), 1..8),
    ) {
        let mut slice = a_secondary_zone().slice().clone();
        let mut before = Content::new();
        for (content, wire) in contents {
            let zone = slice.zone.clone().unwrap();
            let command = take(zone.serial.get(), wire, told(&before, &content)).into();
            let events = decide(&slice, &command, &facts(), start()).unwrap();
            if events.is_empty() {
                prop_assert_eq!(zone.serial.wire().get(), wire);
                prop_assert!(zone.transferred_at.is_some());
                continue;
            }
            for (index, event) in events.iter().enumerate() {
                let version = slice.zone.as_ref().unwrap().stream_version + 1;
                apply(&mut slice, event, start(), version, index == 0).unwrap();
                let event = zonelog_model::Event::from(event.clone());
                let kept = stored::encode(&event);
                prop_assert_eq!(stored::decode(kept.type_name, kept.type_version, &kept.payload), Ok(event));
            }
            let after = slice.zone.clone().unwrap();
            prop_assert!(after.serial > zone.serial);
            prop_assert!(after.serial.get() - zone.serial.get() <= 1 << 32);
            prop_assert_eq!(after.serial.wire().get(), wire);
            prop_assert_eq!(after.revision, zone.revision + 1);
            let expected: BTreeMap<_, _> = content
                .iter()
                .map(|(place, rrset)| {
                    let (ttl, mut rdata) = rrset.after.clone().unwrap();
                    rdata.sort();
                    (place.clone(), (ttl, rdata))
                })
                .collect();
            prop_assert_eq!(held(&slice), expected);
            prop_assert_eq!(after.recordset_count, i64::try_from(content.len()).unwrap());
            before = content;
        }
    }

    #[test]
    fn every_mailbox_is_an_rname(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..8), 0..5)) {
        let mut wire = Vec::new();
        for label in &labels {
            wire.push(u8::try_from(label.len()).unwrap());
            wire.extend(label);
        }
        wire.push(0);
        let rname = Name::from_wire(&wire).unwrap();
        let mailbox = zonelog_dns::mailbox_from_rname(&rname);
        prop_assert!(!mailbox.contains('\0'), "{mailbox:?}");
        let read = zonelog_dns::rname_from_mailbox(&mailbox).unwrap();
        prop_assert_eq!(read.wire(), rname.wire());
    }
}
