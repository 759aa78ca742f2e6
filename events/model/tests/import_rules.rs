//! Zones that come as a whole: one change-set, held to the rules of single commands.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use proptest::prelude::*;
use proptest::sample::select;
use zonelog_dns::Rrtype;
use zonelog_model::resource::Quotas;
use zonelog_model::scenario::{Scenario, fixtures::*};
use zonelog_model::zone::import::{self, Import, ImportedRecordset};
use zonelog_model::zone::{
    CreateRecordset, CreateZone, Event, Facts, Recordset, Rejection, ZoneSlice, apply,
};

fn rrset<const N: usize>(name: &str, rrtype: Rrtype, texts: [&str; N]) -> ImportedRecordset {
    ImportedRecordset {
        recordset: recordset_id(name, rrtype),
        owner: owner(name),
        rrtype,
        ttl: None,
        records: records(rrtype, texts),
    }
}

fn a(name: &str) -> ImportedRecordset {
    rrset(name, Rrtype::A, ["192.0.2.1"])
}

/// All events of an import, or the first refusal.
fn imported(rrsets: Vec<ImportedRecordset>, facts: &Facts) -> Result<Vec<Event>, Rejection> {
    let (import, mut events) = Import::begin(&create_zone("example.com."), facts, start())?;
    for event in import.recordsets(rrsets) {
        events.push(event?);
    }
    Ok(events)
}

fn refused(rrsets: Vec<ImportedRecordset>) -> &'static str {
    imported(rrsets, &facts()).unwrap_err().label()
}

#[test]
fn an_import_is_one_change_set_at_one_serial() {
    let rrsets = vec![
        rrset("@", Rrtype::MX, ["10 mail.example.com."]),
        a("a"),
        rrset("a", Rrtype::TXT, ["x", "x"]),
        rrset("b", Rrtype::CNAME, ["a.example.com."]),
    ];
    let events = imported(rrsets, &facts()).unwrap();
    let mut slice = ZoneSlice::default();
    for (version, event) in (1..).zip(&events) {
        assert_eq!(event.serial(), Some(serial(0)), "{event:?}");
        apply(&mut slice, event, start(), version, version == 1).unwrap();
    }
    let zone = slice.zone.unwrap();
    assert_eq!((zone.revision, zone.stream_version), (1, 6));
    assert_eq!(
        (zone.recordset_count, zone.record_count),
        (4, 4),
        "equal records are one"
    );
    assert!(
        slice
            .recordsets
            .iter()
            .all(|recordset| recordset.project == project("alpha"))
    );
}

#[test]
fn what_a_single_command_may_not_make_no_import_makes() {
    assert_eq!(refused(vec![a("www.example.org.")]), "invalid_recordset_location");
    assert_eq!(
        refused(vec![rrset("@", Rrtype::CNAME, ["www.example.com."])]),
        "invalid_recordset_location"
    );
    assert_eq!(
        refused(vec![rrset(
            "www",
            Rrtype::CNAME,
            ["a.example.com.", "b.example.com."]
        )]),
        "bad_request"
    );
    assert_eq!(refused(vec![a("-x")]), "invalid_object");
    assert_eq!(
        refused(vec![rrset("_sip", Rrtype::SRV, ["0 5 5060 sip.example.net."])]),
        "invalid_object"
    );
    assert_eq!(
        refused(vec![rrset("@", Rrtype::NS, ["ns.example.org."])]),
        "duplicate_recordset"
    );
    assert_eq!(refused(vec![rrset("sub", Rrtype::SOA, [])]), "bad_request");
}

#[test]
fn a_cname_is_alone_wherever_it_comes() {
    let cname = || rrset("www", Rrtype::CNAME, ["a.example.com."]);
    assert_eq!(refused(vec![a("www"), cname()]), "invalid_recordset_location");
    let text = rrset("WWW", Rrtype::TXT, ["x"]);
    assert_eq!(refused(vec![cname(), text]), "invalid_recordset_location");
    assert!(imported(vec![cname(), a("x.www")], &facts()).is_ok());
}

#[test]
fn recordsets_come_in_order_and_once() {
    assert_eq!(refused(vec![a("www"), a("WWW")]), "duplicate_recordset");
    assert_eq!(refused(vec![a("b"), a("a")]), "invalid_recordset_location");
    let text = rrset("a", Rrtype::TXT, ["x"]);
    assert_eq!(refused(vec![text, a("a")]), "invalid_recordset_location");
}

#[test]
fn quotas_hold_for_imports() {
    let with = |change: fn(&mut Quotas)| {
        let mut facts = facts();
        change(&mut facts.quotas);
        facts
    };
    let two = || vec![a("a"), rrset("b", Rrtype::A, ["192.0.2.1", "192.0.2.2"])];
    assert!(imported(two(), &with(|quotas| quotas.zone_recordsets = 2)).is_ok());
    assert!(imported(two(), &with(|quotas| quotas.zone_records = 3)).is_ok());
    for over in [
        with(|quotas| quotas.zones = 0),
        with(|quotas| quotas.zone_recordsets = 1),
        with(|quotas| quotas.zone_records = 2),
        with(|quotas| quotas.recordset_records = 1),
    ] {
        let rejection = imported(two(), &over).unwrap_err();
        assert_eq!(rejection.label(), "over_quota");
        assert_eq!(import::message(&rejection), "Quota exceeded during zone import.");
    }
}

#[test]
fn low_ttls_are_for_those_who_may() {
    let mut facts = facts();
    facts.limits.min_ttl = ttl(60);
    let low = || ImportedRecordset {
        ttl: Some(ttl(59)),
        ..a("a")
    };
    let rejection = imported(vec![low()], &facts).unwrap_err();
    assert_eq!(import::message(&rejection), "TTL is below the minimum: 60");
    let command = CreateZone {
        may_use_low_ttl: true,
        ..create_zone("example.com.")
    };
    let (mut import, _) = Import::begin(&command, &facts, start()).unwrap();
    assert!(import.recordset(low()).is_ok());
}

#[test]
fn the_zone_itself_is_held_to_the_rules_of_zones() {
    let taken = Facts {
        same_name: Some(zone_ref("example.com.", "beta")),
        ..facts()
    };
    let rejection = imported(vec![], &taken).unwrap_err();
    assert_eq!(import::message(&rejection), "Duplicate zone.");
}

#[test]
fn nothing_follows_a_refusal() {
    let facts = facts();
    let (import, _) = Import::begin(&create_zone("example.com."), &facts, start()).unwrap();
    let results: Vec<_> = import.recordsets([a("b"), a("a"), a("c")]).collect();
    assert_eq!(
        results.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn messages_are_designates() {
    let long = import::undefined_error(&"x".repeat(200));
    assert_eq!(long, format!("An undefined error occurred. {}", "x".repeat(130)));
    assert_eq!(import::success(&zone("example.com.")), "example.com. imported");
}

/// The recordsets of a zone as single commands would make them, or the label of the first refusal.
fn made_singly(rrsets: &[ImportedRecordset], facts: &Facts) -> Result<Vec<Recordset>, &'static str> {
    let mut scenario =
        Scenario::after([create_zone("example.com.").into()]).with(|own| own.clone_from(facts));
    for rrset in rrsets {
        let command = CreateRecordset {
            recordset: rrset.recordset,
            owner: rrset.owner.clone(),
            rrtype: rrset.rrtype,
            ttl: rrset.ttl,
            records: rrset.records.clone(),
            ..create_recordset("www", Rrtype::A, [])
        };
        let outcome = scenario.at("2026-01-01T00:00:00Z").when(command);
        if let Some(label) = outcome.label() {
            return Err(label);
        }
        scenario = outcome.next();
    }
    Ok(scenario.slice().recordsets.clone())
}

const OWNERS: &[&str] = &["@", "a", "b.a", "*", "-x", "_sip._tcp", "example.org."];
const CONTENTS: &[(Rrtype, &[&str])] = &[
    (Rrtype::A, &["192.0.2.1"]),
    (Rrtype::A, &["192.0.2.1", "192.0.2.2", "192.0.2.1"]),
    (Rrtype::A, &[]),
    (Rrtype::CNAME, &["host.example.net."]),
    (Rrtype::TXT, &["text"]),
    (Rrtype::NS, &["ns.example.net."]),
    (Rrtype::SRV, &["0 5 5060 sip.example.net."]),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn an_import_makes_what_single_commands_make(
        chosen in prop::collection::vec((select(OWNERS), select(CONTENTS)), 0..8),
        zone_recordsets in select(vec![-1i64, 3]),
        zone_records in select(vec![-1i64, 4]),
    ) {
        let mut facts = facts();
        facts.quotas = Quotas { zone_recordsets, zone_records, ..Quotas::UNLIMITED };
        let mut rrsets: Vec<ImportedRecordset> = chosen
            .into_iter()
            .map(|(owner_name, (rrtype, texts))| ImportedRecordset {
                recordset: recordset_id(owner_name, rrtype),
                owner: owner(owner_name),
                rrtype,
                ttl: None,
                records: records(rrtype, texts.iter().copied()),
            })
            .collect();
        let place = |rrset: &ImportedRecordset| (rrset.owner.to_key(), rrset.rrtype.get());
        rrsets.sort_by_key(place);
        rrsets.dedup_by_key(|rrset| place(rrset));
        let expected = made_singly(&rrsets, &facts);
        let made = imported(rrsets, &facts).map_err(|rejection| rejection.label()).map(|events| {
            let mut slice = ZoneSlice::default();
            for (version, event) in (1..).zip(&events) {
                apply(&mut slice, event, start(), version, version == 1).unwrap();
            }
            slice.recordsets
        });
        prop_assert_eq!(made, expected);
    }
}
