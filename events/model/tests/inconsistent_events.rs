//! Events that do not fit what is there are refused, and leave it as it was.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use zonelog_dns::Rrtype;
use zonelog_model::resource::{self, Resource};
use zonelog_model::scenario::{
    Scenario,
    fixtures::*,
    resources::{resource, tld},
};
use zonelog_model::zone::{Event, Recordset, Zone, ZoneSlice, apply};
use zonelog_model::{PoolId, ZoneId};

fn slice() -> ZoneSlice {
    Scenario::after([
        create_zone("example.com.").into(),
        create_recordset("www", Rrtype::A, ["192.0.2.1"]).into(),
    ])
    .slice()
    .clone()
}

/// What does not fit about the event, after the zone's three.
#[track_caller]
fn why(event: Event) -> &'static str {
    why_of(slice(), event, 4, true)
}

#[track_caller]
fn why_of(mut slice: ZoneSlice, event: Event, version: i64, first_of_change: bool) -> &'static str {
    let before = slice.clone();
    let inconsistent = apply(&mut slice, &event, start(), version, first_of_change).unwrap_err();
    assert_eq!(slice, before);
    assert_eq!(
        (inconsistent.event, inconsistent.version),
        (event.type_name(), version)
    );
    inconsistent.why
}

fn described() -> Event {
    Event::ZoneDescriptionChanged {
        before: None,
        after: Some("ours".into()),
    }
}

fn www() -> Recordset {
    slice().recordsets[1].clone()
}

#[test]
fn an_error_names_event_version_zone_and_reason() {
    let error = apply(&mut ZoneSlice::default(), &described(), start(), 1, true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event zone_description_changed of version 1 does not fit a zone that does not exist: the zone does not exist"
    );
    let error = apply(&mut slice(), &described(), start(), 9, true).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "event zone_description_changed of version 9 does not fit zone {ZONE}: it is not the next version"
        )
    );
}

#[test]
fn a_zone_is_created_once_and_first() {
    let created = || Event::ZoneCreated {
        zone: zone("example.com."),
    };
    assert_eq!(why(created()), "the zone exists");
    assert_eq!(
        why_of(ZoneSlice::default(), created(), 2, true),
        "the zone's own version is another"
    );
    assert_eq!(
        why_of(ZoneSlice::default(), created(), 1, false),
        "the creation is not the first event of its change"
    );
}

#[test]
fn nothing_follows_a_deletion() {
    let mut slice = slice();
    let zone = slice.zone.clone().unwrap();
    apply(
        &mut slice,
        &Event::ZoneDeleted { zone, hard: false },
        start(),
        4,
        true,
    )
    .unwrap();
    assert_eq!(why_of(slice, described(), 5, true), "the zone is deleted");
}

#[test]
fn versions_follow_each_other() {
    for version in [0, 3, 5] {
        assert_eq!(
            why_of(slice(), described(), version, true),
            "it is not the next version"
        );
    }
}

#[test]
fn a_change_set_has_a_newer_serial_and_shares_it() {
    let deleted = |steps| Event::RecordsetDeleted {
        before: www(),
        serial: Some(serial(steps)),
    };
    for steps in [0, 1] {
        assert_eq!(why(deleted(steps)), "its serial is not newer than the zone's");
    }
    assert_eq!(
        why_of(slice(), deleted(0), 4, false),
        "its serial is older than the zone's"
    );
    for (steps, first_of_change) in [(2, true), (1, false), (2, false)] {
        apply(&mut slice(), &deleted(steps), start(), 4, first_of_change).unwrap();
    }
}

#[test]
fn what_was_before_is_what_is_there() {
    let next = serial(2);
    let ttl_changed = Event::ZoneTtlChanged {
        before: ttl(1),
        after: ttl(2),
        serial: next,
    };
    assert_eq!(why(ttl_changed), "the TTL before is another");
    let email_changed = Event::ZoneEmailChanged {
        before: "a@example.com".into(),
        after: "b@example.com".into(),
        serial: next,
    };
    assert_eq!(why(email_changed), "the email before is another");
    let described = Event::ZoneDescriptionChanged {
        before: Some("theirs".into()),
        after: None,
    };
    assert_eq!(why(described), "the description before is another");
    let another = Zone {
        id: ZoneId::new(OTHER_ZONE.uuid()),
        ..zone("example.com.")
    };
    assert_eq!(
        why(Event::ZoneDeleted {
            zone: another,
            hard: false
        }),
        "it is another zone's"
    );
}

#[test]
fn recordsets_are_created_once_and_changed_from_what_they_are() {
    let next = Some(serial(2));
    let created = |recordset| Event::RecordsetCreated {
        recordset,
        serial: next,
    };
    assert_eq!(why(created(www())), "the recordset exists");
    let other_id = recordset("other", Rrtype::A, ["192.0.2.1"]).id;
    assert_eq!(
        why(created(Recordset {
            id: other_id,
            ..www()
        })),
        "the recordset exists"
    );

    let changed = |before, after| Event::RecordsetChanged {
        before,
        after,
        serial: next,
    };
    let absent = recordset("other", Rrtype::A, ["192.0.2.1"]);
    let other_ttl = || Recordset {
        ttl: Some(ttl(5)),
        ..www()
    };
    assert_eq!(
        why(changed(absent.clone(), absent.clone())),
        "the recordset does not exist"
    );
    assert_eq!(
        why(changed(www(), absent.clone())),
        "before and after are different recordsets"
    );
    assert_eq!(
        why(changed(other_ttl(), www())),
        "the recordset before is another"
    );

    let deleted = |before| Event::RecordsetDeleted { before, serial: next };
    assert_eq!(why(deleted(absent)), "the recordset does not exist");
    assert_eq!(why(deleted(other_ttl())), "the recordset before is another");
}

#[test]
fn shares_owners_and_pools_change_from_what_they_are() {
    let mut shared = slice();
    shared.shares.push(share("beta"));
    let why_shared = |event| why_of(shared.clone(), event, 4, true);
    assert_eq!(
        why_shared(Event::ZoneShared { share: share("beta") }),
        "the share exists"
    );
    let unshared = Event::ZoneUnshared {
        share: share("gamma"),
    };
    assert_eq!(why_shared(unshared), "the share does not exist");

    let transferred = Event::ZoneTransferred {
        before: project("beta"),
        after: project("gamma"),
    };
    assert_eq!(why(transferred), "the owner before is another");
    let next = serial(2);
    let moved = Event::ZoneMovedToPool {
        before: PoolId::new(OTHER_ZONE.uuid()),
        after: POOL,
        serial: Some(next),
        coo: None,
    };
    assert_eq!(why(moved), "the pool before is another");
    let renamed = Event::ZonePrimaryNameserverChanged {
        before: name("ns7.example.net."),
        after: name("ns8.example.net."),
        serial: next,
    };
    assert_eq!(why(renamed), "the primary name server before is another");
    let another = Zone {
        id: ZoneId::new(OTHER_ZONE.uuid()),
        ..zone("example.com.")
    };
    assert_eq!(
        why(Event::ZoneAbandoned { zone: another }),
        "it is another zone's"
    );
}

#[test]
fn resources_are_changed_from_what_they_are() {
    let (com, org) = (resource(tld("com")), resource(tld("org")));
    let why = |mut state: Option<Resource>, event: resource::Event| {
        let before = state.clone();
        let inconsistent = resource::apply(&mut state, &event).unwrap_err();
        assert_eq!((state, inconsistent.event), (before, event.type_name()));
        inconsistent.why
    };
    let created = resource::Event::Created {
        resource: com.clone(),
    };
    assert_eq!(why(Some(com.clone()), created), "the resource exists");
    let deleted = || resource::Event::Deleted { before: com.clone() };
    assert_eq!(why(None, deleted()), "the resource does not exist");
    assert_eq!(
        why(Some(org.clone()), deleted()),
        "the resource before is another"
    );
    let changed = resource::Event::Changed {
        before: com.clone(),
        after: org,
    };
    assert_eq!(
        why(Some(com), changed),
        "before and after are different resources"
    );
}
