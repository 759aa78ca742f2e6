//! Which recordsets may stand at which names.

use zonelog_dns::Rrtype;
use zonelog_model::RecordsetId;
use zonelog_model::scenario::{Scenario, fixtures::*};
use zonelog_model::zone::{CreateRecordset, Facts, Limits, UpdateRecordset};

const WWW: &str = "www";
const NO_TEXTS: [&str; 0] = [];

fn with(recordset: CreateRecordset) -> Scenario {
    Scenario::after([create_zone("example.com.").into(), recordset.into()])
}

fn with_www() -> Scenario {
    with(create_recordset(WWW, Rrtype::A, ["192.0.2.1"]))
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

#[test]
fn the_owner_is_in_the_zone() {
    for inside in ["@", "www", "a.b.c", "*", "*.www", "WWW.Example.COM."] {
        empty_zone()
            .when(create_recordset(inside, Rrtype::A, ["192.0.2.1"]))
            .state();
    }
    for outside in ["example.org.", "com.", "notexample.com."] {
        empty_zone()
            .when(create_recordset(outside, Rrtype::A, ["192.0.2.1"]))
            .then_rejected("invalid_recordset_location");
    }
}

#[test]
fn the_owner_is_not_in_a_zone_below() {
    let facts = Facts {
        child: Some(zone_ref("sub.example.com.", "alpha")),
        ..facts()
    };
    for below in ["sub", "www.sub"] {
        let rejection = empty_zone()
            .facts(facts.clone())
            .when(create_recordset(below, Rrtype::A, ["192.0.2.1"]))
            .then_rejected("invalid_recordset_location");
        assert_eq!(
            rejection.to_string(),
            "RecordSet belongs in a child zone: sub.example.com."
        );
    }
    empty_zone()
        .facts(facts)
        .when(create_recordset(WWW, Rrtype::A, ["192.0.2.1"]))
        .state();
}

#[test]
fn the_owner_is_made_of_letters_digits_hyphens_and_underscores() {
    empty_zone()
        .when(create_recordset("_dmarc.a-b.1", Rrtype::TXT, ["text"]))
        .state();
    for bad in ["-a", "a-", "a.*", r"a\.b", "a/b", r"\000"] {
        empty_zone()
            .when(create_recordset(bad, Rrtype::TXT, ["text"]))
            .then_rejected("invalid_object");
    }
}

#[test]
fn a_recordset_name_has_a_greatest_length() {
    // "www.example.com." has 16 octets.
    let with_max = |max| with_limits(|limits| limits.max_recordset_name_length = max);
    let command = || create_recordset(WWW, Rrtype::A, ["192.0.2.1"]);
    empty_zone().facts(with_max(16)).when(command()).state();
    empty_zone()
        .facts(with_max(15))
        .when(command())
        .then_rejected("invalid_recordset_name");
}

#[test]
fn some_types_want_owners_of_their_form() {
    empty_zone()
        .when(create_recordset(
            "_sip._tcp",
            Rrtype::SRV,
            ["0 5 5060 sip.example.com."],
        ))
        .state();
    empty_zone()
        .when(create_recordset("sub", Rrtype::NS, ["ns.example.net."]))
        .state();
    let refused = [
        create_recordset("sip", Rrtype::SRV, ["0 5 5060 sip.example.com."]),
        create_recordset(WWW, Rrtype::TLSA, NO_TEXTS),
        create_recordset("*", Rrtype::NS, ["ns.example.net."]),
    ];
    for command in refused {
        let rejection = empty_zone().when(command).then_rejected("invalid_object");
        assert!(
            rejection.to_string().starts_with("name is invalid: "),
            "{rejection}"
        );
    }
}

#[test]
fn the_soa_and_unsupported_types_are_not_made() {
    let soa = empty_zone()
        .when(create_recordset("@", Rrtype::SOA, NO_TEXTS))
        .then_rejected("bad_request");
    assert_eq!(soa.to_string(), "Creating a SOA recordset is not allowed");
    for rrtype in [Rrtype::ANY, Rrtype::AXFR, Rrtype::new(65280)] {
        empty_zone()
            .when(create_recordset(WWW, rrtype, NO_TEXTS))
            .then_rejected("invalid_object");
    }
}

#[test]
fn there_is_one_recordset_of_a_name_and_type() {
    let again = || create_recordset("WWW", Rrtype::A, ["192.0.2.2"]);
    let another_id = || RecordsetId::new(OTHER_ZONE.uuid());
    with_www()
        .when(CreateRecordset {
            recordset: another_id(),
            ..again()
        })
        .then_rejected("duplicate_recordset");
    let same_id = CreateRecordset {
        recordset: www(),
        ..create_recordset("other", Rrtype::A, ["192.0.2.1"])
    };
    with_www().when(same_id).then_rejected("duplicate_recordset");
    empty_zone()
        .when(create_recordset("@", Rrtype::NS, ["ns.example.org."]))
        .then_rejected("duplicate_recordset");
    with_www()
        .when(create_recordset(WWW, Rrtype::AAAA, ["2001:db8::1"]))
        .state();
    Scenario::after([
        create_zone("example.com.").into(),
        create_recordset(WWW, Rrtype::A, ["192.0.2.1"]).into(),
        delete_recordset(www()).into(),
    ])
    .when(again())
    .state();
}

#[test]
fn a_cname_is_not_at_the_apex() {
    let rejection = empty_zone()
        .when(create_recordset("@", Rrtype::CNAME, ["other.example.net."]))
        .then_rejected("invalid_recordset_location");
    assert_eq!(
        rejection.to_string(),
        "CNAME recordsets may not be created at the zone apex"
    );
}

#[test]
fn a_cname_is_alone_at_its_name() {
    let cname = || create_recordset(WWW, Rrtype::CNAME, ["other.example.net."]);
    with_www()
        .when(cname())
        .then_rejected("invalid_recordset_location");
    with(create_recordset(WWW, Rrtype::TXT, NO_TEXTS))
        .when(cname())
        .then_rejected("invalid_recordset_location");
    with(cname())
        .when(create_recordset("WWW", Rrtype::TXT, ["text"]))
        .then_rejected("invalid_recordset_location");
    with(cname())
        .when(create_recordset("other", Rrtype::TXT, ["text"]))
        .state();
    with(create_recordset("other", Rrtype::A, ["192.0.2.1"]))
        .when(cname())
        .state();
}

#[test]
fn a_cname_has_one_record() {
    let two = ["a.example.net.", "b.example.net."];
    empty_zone()
        .when(create_recordset(WWW, Rrtype::CNAME, two))
        .then_rejected("bad_request");
    empty_zone()
        .when(create_recordset(
            WWW,
            Rrtype::CNAME,
            ["a.example.net.", "A.example.net."],
        ))
        .state();
    let update = UpdateRecordset {
        records: set_texts(two),
        ..update_recordset(recordset_id(WWW, Rrtype::CNAME))
    };
    with(create_recordset(WWW, Rrtype::CNAME, ["c.example.net."]))
        .when(update)
        .then_rejected("bad_request");
}
