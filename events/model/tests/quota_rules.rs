//! Quotas, held by counts that follow from the events.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use zonelog_dns::Rrtype;
use zonelog_model::resource::Quotas;
use zonelog_model::scenario::{Scenario, fixtures::*};
use zonelog_model::zone::{CreateRecordset, Rejection, UpdateRecordset};

fn counts(scenario: &Scenario) -> (i64, i64) {
    let zone = scenario.slice().zone.as_ref().unwrap();
    (zone.recordset_count, zone.record_count)
}

/// A zone with two recordsets of three records.
fn two() -> Scenario {
    Scenario::after([
        create_zone("example.com.").into(),
        create_recordset("one", Rrtype::A, ["192.0.2.1"]).into(),
        create_recordset("two", Rrtype::A, ["192.0.2.1", "192.0.2.2"]).into(),
    ])
}

fn with(scenario: Scenario, quotas: Quotas) -> Scenario {
    scenario.with(|facts| facts.quotas = quotas)
}

fn over(rejection: &Rejection) -> String {
    rejection.to_string()
}

#[test]
fn a_zone_counts_its_recordsets_and_records_but_not_managed_ones() {
    assert_eq!(counts(&two()), (2, 3), "the apex NS is managed");
    let managed = CreateRecordset {
        managed: true,
        ..create_recordset("three", Rrtype::A, ["192.0.2.1"])
    };
    assert_eq!(counts(&two().when(managed).next()), (2, 3));
    let more = UpdateRecordset {
        records: set_texts(["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]),
        ..update_recordset(recordset_id("one", Rrtype::A))
    };
    assert_eq!(counts(&two().when(more).next()), (2, 6));
    let less = UpdateRecordset {
        records: set_texts([]),
        ..update_recordset(recordset_id("two", Rrtype::A))
    };
    assert_eq!(counts(&two().when(less).next()), (2, 1));
    let gone = delete_recordset(recordset_id("two", Rrtype::A));
    assert_eq!(counts(&two().when(gone).next()), (1, 1));
}

#[test]
fn a_project_has_at_most_so_many_zones() {
    let quotas = Quotas {
        zones: 3,
        ..Quotas::UNLIMITED
    };
    let having = |zones| with(Scenario::nothing(), quotas).with(|facts| facts.project_zones = zones);
    having(2).when(create_zone("example.com.")).state();
    let rejection = having(3)
        .when(create_zone("example.com."))
        .then_rejected("over_quota");
    assert_eq!(over(&rejection), "Quota exceeded for zones.");
    with(two(), quotas)
        .with(|facts| facts.project_zones = 3)
        .when(transfer_zone("beta"))
        .then_rejected("over_quota");
}

#[test]
fn a_zone_has_at_most_so_many_recordsets() {
    let with_limit = |limit| {
        with(
            two(),
            Quotas {
                zone_recordsets: limit,
                ..Quotas::UNLIMITED
            },
        )
    };
    let third = || create_recordset("three", Rrtype::A, []);
    with_limit(3).when(third()).state();
    with_limit(-1).when(third()).state();
    let rejection = with_limit(2).when(third()).then_rejected("over_quota");
    assert_eq!(over(&rejection), "Quota exceeded for zone_recordsets.");
}

#[test]
fn a_zone_has_at_most_so_many_records() {
    let with_limit = |limit| {
        with(
            two(),
            Quotas {
                zone_records: limit,
                ..Quotas::UNLIMITED
            },
        )
    };
    let third = || create_recordset("three", Rrtype::A, ["192.0.2.3"]);
    with_limit(4).when(third()).state();
    let rejection = with_limit(3).when(third()).then_rejected("over_quota");
    assert_eq!(over(&rejection), "Quota exceeded for zone_records.");
    let grown = || UpdateRecordset {
        records: set_texts(["192.0.2.1", "192.0.2.7"]),
        ..update_recordset(recordset_id("one", Rrtype::A))
    };
    with_limit(4).when(grown()).state();
    with_limit(3).when(grown()).then_rejected("over_quota");
}

#[test]
fn a_recordset_has_at_most_so_many_records() {
    let with_limit = |limit| {
        with(
            two(),
            Quotas {
                recordset_records: limit,
                ..Quotas::UNLIMITED
            },
        )
    };
    let pair = || create_recordset("three", Rrtype::A, ["192.0.2.3", "192.0.2.4"]);
    with_limit(2).when(pair()).state();
    let rejection = with_limit(1).when(pair()).then_rejected("over_quota");
    assert_eq!(over(&rejection), "Quota exceeded for recordset_records.");
}

#[test]
fn equal_records_count_once() {
    let quotas = Quotas {
        recordset_records: 1,
        ..Quotas::UNLIMITED
    };
    with(two(), quotas)
        .when(create_recordset("three", Rrtype::A, ["192.0.2.3", "192.0.2.3"]))
        .state();
}

#[test]
fn what_is_over_a_quota_can_shrink_and_change() {
    let nothing = Quotas {
        zones: 0,
        zone_recordsets: 0,
        zone_records: 0,
        recordset_records: 0,
        api_export_size: 0,
    };
    let shrunk = UpdateRecordset {
        records: set_texts(["192.0.2.9"]),
        ..update_recordset(recordset_id("two", Rrtype::A))
    };
    with(two(), nothing)
        .when(shrunk)
        .then_types(["recordset_changed"]);
    let same_size = UpdateRecordset {
        records: set_texts(["192.0.2.9"]),
        ..update_recordset(recordset_id("one", Rrtype::A))
    };
    with(two(), nothing)
        .when(same_size)
        .then_types(["recordset_changed"]);
    let managed = CreateRecordset {
        managed: true,
        ..create_recordset("three", Rrtype::A, ["192.0.2.1"])
    };
    with(two(), nothing).when(managed).state();
}
