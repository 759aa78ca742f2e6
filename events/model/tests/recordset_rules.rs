//! Every rule of recordsets, kept and broken.

use zonelog_dns::Rrtype;
use zonelog_model::RecordsetId;
use zonelog_model::scenario::{Scenario, fixtures::*};
use zonelog_model::zone::{
    Command, CreateRecordset, DeleteRecordset, Event, Facts, Limits, Patch, Record, Recordset,
    UpdateRecordset,
};

const WWW: &str = "www";
const NO_TEXTS: [&str; 0] = [];

/// The zone, and one second later its recordset `www A`.
fn with_www() -> Scenario {
    with(create_recordset(WWW, Rrtype::A, ["192.0.2.1"]))
}

fn with(recordset: CreateRecordset) -> Scenario {
    Scenario::after([create_zone("example.com.").into(), recordset.into()])
}

fn empty_zone() -> Scenario {
    Scenario::after([create_zone("example.com.").into()])
}

fn www() -> RecordsetId {
    recordset_id(WWW, Rrtype::A)
}

fn with_limits(change: impl FnOnce(&mut Limits)) -> Facts {
    let mut facts = facts();
    change(&mut facts.limits);
    facts
}

/// The zone with a managed recordset that is not the apex NS, as Zonelog makes them for others.
fn with_managed() -> (Scenario, Recordset) {
    let managed = Recordset {
        managed: true,
        ..recordset("ptr", Rrtype::PTR, ["host.example.net."])
    };
    let scenario = Scenario::given([
        Event::ZoneCreated {
            zone: zone("example.com."),
        },
        Event::RecordsetCreated {
            recordset: apex_ns("example.com."),
            serial: Some(serial(0)),
        },
        Event::RecordsetCreated {
            recordset: managed.clone(),
            serial: Some(serial(1)),
        },
    ]);
    (scenario, managed)
}

#[test]
fn a_recordset_is_made_at_the_next_serial() {
    let outcome =
        empty_zone()
            .at("2026-01-01T00:01:00Z")
            .when(create_recordset(WWW, Rrtype::A, ["192.0.2.1"]));
    let zone = outcome.state().zone.unwrap();
    assert_eq!(
        (zone.serial, zone.revision, zone.stream_version),
        (serial(60), 2, 3)
    );
    assert_eq!(zone.updated_at, Some(time("2026-01-01T00:01:00Z")));
    let made = Recordset {
        created_at: time("2026-01-01T00:01:00Z"),
        ..recordset(WWW, Rrtype::A, ["192.0.2.1"])
    };
    outcome.then([Event::RecordsetCreated {
        recordset: made,
        serial: Some(serial(60)),
    }]);
}

#[test]
fn serials_grow_when_the_clock_does_not() {
    for time in [
        "2026-01-01T00:00:00Z",
        "2025-06-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
    ] {
        let outcome = empty_zone()
            .at(time)
            .when(create_recordset(WWW, Rrtype::A, ["192.0.2.1"]));
        assert_eq!(outcome.events()[0].serial(), Some(serial(1)), "at {time}");
    }
}

#[test]
fn a_recordset_without_records_makes_no_serial() {
    let outcome = empty_zone().when(create_recordset(WWW, Rrtype::A, NO_TEXTS));
    assert_eq!(outcome.events()[0].serial(), None);
    let zone = outcome.state().zone.unwrap();
    assert_eq!((zone.serial, zone.revision), (serial(0), 2));
    let empty = || with(create_recordset(WWW, Rrtype::A, NO_TEXTS));
    let own_ttl = UpdateRecordset {
        ttl: Patch::Set(Some(ttl(5))),
        ..update_recordset(www())
    };
    assert_eq!(empty().when(own_ttl).events()[0].serial(), None);
    assert_eq!(empty().when(delete_recordset(www())).events()[0].serial(), None);
    let filled = UpdateRecordset {
        records: set_texts(["192.0.2.1"]),
        ..update_recordset(www())
    };
    assert_eq!(empty().when(filled).events()[0].serial(), Some(serial(2)));
}

#[test]
fn emptying_a_recordset_makes_a_serial() {
    let emptied = UpdateRecordset {
        records: set_texts([]),
        ..update_recordset(www())
    };
    assert_eq!(with_www().when(emptied).events()[0].serial(), Some(serial(2)));
}

#[test]
fn records_with_equal_data_are_merged() {
    let command = create_recordset(
        "mail",
        Rrtype::MX,
        ["10 A.example.com.", "10 a.example.com.", "20 a.example.com."],
    );
    let events = empty_zone().when(command).events();
    let Event::RecordsetCreated { recordset, .. } = &events[0] else {
        panic!("{events:?}")
    };
    let texts: Vec<_> = recordset.records.iter().map(Record::text).collect();
    assert_eq!(texts, ["10 A.example.com.", "20 a.example.com."]);
}

#[test]
fn a_recordsets_own_ttl_is_not_below_the_minimum_without_the_right() {
    let limits = || with_limits(|limits| limits.min_ttl = ttl(300));
    let create = |seconds| CreateRecordset {
        ttl: Some(ttl(seconds)),
        ..create_recordset(WWW, Rrtype::A, ["192.0.2.1"])
    };
    empty_zone().facts(limits()).when(create(300)).state();
    empty_zone()
        .facts(limits())
        .when(create(299))
        .then_rejected("invalid_ttl");
    empty_zone()
        .facts(limits())
        .when(CreateRecordset {
            may_use_low_ttl: true,
            ..create(299)
        })
        .state();
    let update = |seconds| UpdateRecordset {
        ttl: Patch::Set(Some(ttl(seconds))),
        ..update_recordset(www())
    };
    with_www()
        .facts(limits())
        .when(update(299))
        .then_rejected("invalid_ttl");
    with_www()
        .facts(limits())
        .when(UpdateRecordset {
            may_use_low_ttl: true,
            ..update(299)
        })
        .state();
    with(create(5)).facts(limits()).when(update(5)).then_nothing();
}

#[test]
fn records_are_of_the_recordsets_type() {
    let as_text = CreateRecordset {
        records: records(Rrtype::TXT, ["192.0.2.1", "192.0.2"]),
        ..create_recordset(WWW, Rrtype::A, NO_TEXTS)
    };
    let rejection = empty_zone().when(as_text).then_rejected("invalid_object");
    assert!(
        rejection
            .to_string()
            .starts_with("'192.0.2' is not a 'A' Record: "),
        "{rejection}"
    );
    let read_again = CreateRecordset {
        records: records(Rrtype::TXT, ["192.0.2.1"]),
        ..create_recordset(WWW, Rrtype::A, NO_TEXTS)
    };
    let events = empty_zone().when(read_again).events();
    let Event::RecordsetCreated { recordset, .. } = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!(recordset.records, records(Rrtype::A, ["192.0.2.1"]));
}

#[test]
fn an_update_tells_which_record_is_invalid() {
    let update = UpdateRecordset {
        records: set_texts(["192.0.2.1", "192.0.2.1", "2001:db8::1"]),
        ..update_recordset(www())
    };
    let rejection = with_www().when(update).then_rejected("invalid_object");
    assert!(
        matches!(&rejection, zonelog_model::zone::Rejection::InvalidRecord { index: 2, rrtype: Rrtype::A, text, .. } if text == "2001:db8::1"),
        "{rejection:?}"
    );
}

#[test]
fn a_service_binding_for_dns_over_http_needs_its_path() {
    let command = |text| create_recordset("_dns", Rrtype::SVCB, [text]);
    empty_zone().when(command("1 dns.example.com. port=853")).state();
    empty_zone()
        .when(command("1 dns.example.com. alpn=h2"))
        .then_rejected("invalid_object");
    empty_zone()
        .when(command("1 dns.example.com. alpn=h2 dohpath=/q{?dns}"))
        .state();
}

#[test]
fn texts_of_a_recordset_have_greatest_lengths_and_no_nul() {
    let described = |text: String| CreateRecordset {
        description: Some(text),
        ..create_recordset(WWW, Rrtype::A, ["192.0.2.1"])
    };
    empty_zone().when(described("x".repeat(160))).state();
    empty_zone()
        .when(described("x".repeat(161)))
        .then_rejected("invalid_object");
    let describe = |text: String| UpdateRecordset {
        description: Patch::Set(Some(text)),
        ..update_recordset(www())
    };
    with_www().when(describe("x".repeat(160))).state();
    with_www()
        .when(describe("x".repeat(161)))
        .then_rejected("invalid_object");
    with_www()
        .when(describe("\0".into()))
        .then_rejected("invalid_object");
    let text = || with(create_recordset("txt", Rrtype::TXT, ["text"]));
    let update = UpdateRecordset {
        records: set_texts(["te\0xt"]),
        ..update_recordset(recordset_id("txt", Rrtype::TXT))
    };
    text().when(update).then_rejected("invalid_object");
}

#[test]
fn an_update_changes_what_it_names_and_steps_the_serial() {
    let scenario = with_www();
    let before = scenario.slice().recordsets[1].clone();
    let command = UpdateRecordset {
        ttl: Patch::Set(Some(ttl(60))),
        records: set_texts(["192.0.2.2", "192.0.2.1"]),
        ..update_recordset(www())
    };
    let now = time("2026-01-01T00:10:00Z");
    let after = Recordset {
        ttl: Some(ttl(60)),
        records: records(Rrtype::A, ["192.0.2.2", "192.0.2.1"]),
        revision: 2,
        updated_at: Some(now),
        ..before.clone()
    };
    let outcome = scenario.at("2026-01-01T00:10:00Z").when(command);
    outcome.then([Event::RecordsetChanged {
        before,
        after,
        serial: Some(serial(600)),
    }]);
}

#[test]
fn a_recordsets_description_alone_makes_no_serial() {
    let command = UpdateRecordset {
        description: Patch::Set(Some("ours".into())),
        ..update_recordset(www())
    };
    let outcome = with_www().when(command);
    assert_eq!(outcome.events()[0].serial(), None);
    let state = outcome.state();
    assert_eq!(state.zone.unwrap().revision, 3);
    assert_eq!(state.recordsets[1].revision, 2);
    assert_eq!(state.recordsets[1].updated_at, Some(time("2026-01-01T00:00:02Z")));
}

#[test]
fn a_ttl_of_its_own_steps_the_serial_even_where_it_equals_the_zones() {
    let own = UpdateRecordset {
        ttl: Patch::Set(Some(ttl(3600))),
        ..update_recordset(www())
    };
    assert_eq!(with_www().when(own).events()[0].serial(), Some(serial(2)));
}

#[test]
fn a_recordset_updated_to_what_it_is_does_not_change() {
    with_www().when(update_recordset(www())).then_nothing();
    let two = || with(create_recordset(WWW, Rrtype::A, ["192.0.2.1", "192.0.2.2"]));
    for texts in [
        &["192.0.2.1", "192.0.2.2"][..],
        &["192.0.2.2", "192.0.2.1"],
        &["192.0.2.2", "192.0.2.1", "192.0.2.2"],
    ] {
        let same = UpdateRecordset {
            ttl: Patch::Set(None),
            records: set_texts(texts.iter().copied()),
            description: Patch::Set(None),
            ..update_recordset(www())
        };
        two().when(same).then_nothing();
    }
}

#[test]
fn another_spelling_is_a_change() {
    let scenario = with(create_recordset(WWW, Rrtype::CNAME, ["other.example.net."]));
    let command = UpdateRecordset {
        records: set_texts(["Other.example.net."]),
        ..update_recordset(recordset_id(WWW, Rrtype::CNAME))
    };
    assert_eq!(scenario.when(command).events()[0].serial(), Some(serial(2)));
}

#[test]
fn a_recordset_is_deleted_at_the_next_serial() {
    let scenario = with_www();
    let before = scenario.slice().recordsets[1].clone();
    let outcome = scenario.when(delete_recordset(www()));
    assert_eq!(outcome.state().recordsets.len(), 1);
    outcome.then([Event::RecordsetDeleted {
        before,
        serial: Some(serial(2)),
    }]);
}

#[test]
fn a_recordset_that_does_not_exist_is_not_found() {
    empty_zone()
        .when(update_recordset(www()))
        .then_rejected("recordset_not_found");
    empty_zone()
        .when(delete_recordset(www()))
        .then_rejected("recordset_not_found");
}

#[test]
fn the_soa_and_the_apex_ns_are_not_edited_by_anybody() {
    for (recordset, may_edit_managed) in [(SOA, false), (SOA, true), (APEX_NS, false), (APEX_NS, true)] {
        let update = UpdateRecordset {
            may_edit_managed,
            ..update_recordset(recordset)
        };
        let rejection = empty_zone().when(update).then_rejected("bad_request");
        assert_eq!(rejection.to_string(), "Managed records may not be updated");
        let delete = DeleteRecordset {
            may_edit_managed,
            ..delete_recordset(recordset)
        };
        let rejection = empty_zone().when(delete).then_rejected("bad_request");
        assert_eq!(rejection.to_string(), "Managed records may not be deleted");
    }
}

#[test]
fn other_managed_recordsets_are_edited_with_the_right_only() {
    let edits = |may_edit_managed| -> [Command; 2] {
        let (_, managed) = with_managed();
        [
            UpdateRecordset {
                records: set_texts(["other.example.net."]),
                may_edit_managed,
                ..update_recordset(managed.id)
            }
            .into(),
            DeleteRecordset {
                may_edit_managed,
                ..delete_recordset(managed.id)
            }
            .into(),
        ]
    };
    for command in edits(false) {
        with_managed().0.when(command).then_rejected("bad_request");
    }
    for command in edits(true) {
        with_managed().0.when(command).state();
    }
}
