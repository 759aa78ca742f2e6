//! Every rule of resources, kept and broken.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

mod pools;

use uuid::Uuid;
use zonelog_model::resource::{
    Body, Change, Command, Event, Facts, ImportStatus, Kind, QuotaOverrides, Quotas, Rejection, Resource,
    Sealed, Tld, TransferStatus, TsigAlgorithm, TsigKey, TsigScope, apply, decide,
};
use zonelog_model::scenario::{fixtures::*, resources::*};
use zonelog_model::zone::Patch;
use zonelog_model::{ResourceId, Timestamp};

const ID: ResourceId = ResourceId::new(Uuid::from_u128(0xf0));
const OTHER: ResourceId = ResourceId::new(Uuid::from_u128(0xf9));

fn later() -> Timestamp {
    time("2026-01-01T00:00:05Z")
}

/// The facts in which everything that a command names is there.
fn facts() -> Facts {
    Facts {
        named_resource_exists: true,
        zone_owner: Some(project("alpha")),
        ..Facts::default()
    }
}

fn create_with(body: Body, facts: &Facts) -> Result<Event, Rejection> {
    let command = Command::Create { id: ID, body };
    decide(None, 0, &command, facts, start()).map(Option::unwrap)
}

fn create(body: Body) -> Result<Event, Rejection> {
    create_with(body, &facts())
}

fn made(body: Body) -> Resource {
    let mut state = None;
    apply(&mut state, &create(body).unwrap()).unwrap();
    state.unwrap()
}

fn change_with(present: &Resource, change: Change, facts: &Facts) -> Result<Option<Event>, Rejection> {
    let command = Command::Update {
        id: present.id,
        change,
    };
    decide(Some(present), present.stream_version, &command, facts, later())
}

/// The resource after a change that changes something.
fn changed(present: &Resource, change: Change) -> Resource {
    let event = change_with(present, change, &facts()).unwrap().unwrap();
    let mut state = Some(present.clone());
    apply(&mut state, &event).unwrap();
    state.unwrap()
}

fn delete(present: Option<&Resource>, kind: Kind, facts: &Facts) -> Result<Option<Event>, Rejection> {
    decide(present, 1, &Command::Delete { id: ID, kind }, facts, later())
}

/// The text of a rejection as an invalid object.
#[track_caller]
fn invalid<T: std::fmt::Debug>(result: Result<T, Rejection>) -> String {
    let rejection = result.unwrap_err();
    assert_eq!(rejection.label(), "invalid_object", "{rejection}");
    rejection.to_string()
}

fn of_tld(name: &str, description: Option<&str>) -> Body {
    Body::Tld(Tld {
        name: name.into(),
        description: description.map(str::to_owned),
    })
}

fn renamed(name: &str) -> Change {
    Change::Tld {
        name: Patch::Set(name.into()),
        description: Patch::Keep,
    }
}

#[test]
fn a_resource_is_made_changed_and_deleted() {
    let tld = made(of_tld("com", None));
    assert_eq!((tld.revision, tld.stream_version, tld.updated_at), (1, 1, None));
    let tld = changed(&tld, renamed("org"));
    assert_eq!(
        (tld.revision, tld.stream_version, tld.updated_at),
        (2, 2, Some(later()))
    );
    assert_eq!(tld.body, of_tld("org", None));
    let tld = changed(
        &tld,
        Change::Tld {
            name: Patch::Keep,
            description: Patch::Set(Some("for all".into())),
        },
    );
    assert_eq!(tld.body, of_tld("org", Some("for all")));
    let event = delete(Some(&tld), Kind::Tld, &facts()).unwrap().unwrap();
    assert_eq!(event, Event::Deleted { before: tld });
}

#[test]
fn the_same_again_is_no_change() {
    let tld = made(of_tld("com", None));
    assert_eq!(change_with(&tld, renamed("com"), &facts()), Ok(None));
}

#[test]
fn what_is_not_there_or_of_another_kind_is_not_found() {
    let tld = made(of_tld("com", None));
    assert_eq!(
        delete(None, Kind::Tld, &facts()).unwrap_err().label(),
        "tld_not_found"
    );
    let other_kind = delete(Some(&tld), Kind::Blacklist, &facts()).unwrap_err();
    assert_eq!(other_kind.label(), "blacklist_not_found");
    assert_eq!(other_kind.to_string(), "Could not find Blacklist");
    let command = Command::Update {
        id: OTHER,
        change: renamed("org"),
    };
    assert!(decide(Some(&tld), 1, &command, &facts(), later()).is_err());
}

#[test]
fn a_key_is_given_once() {
    let taken = Facts {
        same_key: Some(OTHER),
        ..facts()
    };
    let rejection = create_with(of_tld("com", None), &taken).unwrap_err();
    assert_eq!(
        (rejection.label(), rejection.to_string()),
        ("duplicate_tld", "Duplicate Tld".to_owned())
    );
    let tld = made(of_tld("com", None));
    let rejection = change_with(&tld, renamed("org"), &taken).unwrap_err();
    assert_eq!(rejection.label(), "duplicate_tld");
    // Another spelling of its own name is no duplicate.
    let own = Facts {
        same_key: Some(ID),
        ..facts()
    };
    assert!(change_with(&tld, renamed("COM"), &own).is_ok());
    let command = Command::Create {
        id: ID,
        body: of_tld("com", None),
    };
    let again = decide(Some(&tld), 1, &command, &facts(), later()).unwrap_err();
    assert_eq!(again.label(), "duplicate_tld");
}

#[test]
fn what_is_one_name_has_one_key() {
    let key_of = |body: Body| body.unique_key().unwrap();
    assert_eq!(key_of(of_tld("Co.UK", None)), key_of(of_tld("co.uk", None)));
    assert_eq!(key_of(key("Key.example.")), key_of(key("key.example")));
    assert_ne!(key_of(blacklist("A")), key_of(blacklist("a")));
    assert_eq!(renamed("Co.UK").unique_key().as_deref(), Some("co.uk"));
    let unnamed = Change::TransferRequest {
        description: Patch::Keep,
    };
    assert_eq!(unnamed.unique_key(), None);
}

#[test]
fn a_tld_is_a_domain_name_without_its_dot() {
    for name in ["com", "co.uk", "XN--P1AI", "a_b.c-d", &"a".repeat(63)] {
        create(of_tld(name, None)).unwrap();
    }
    let long = format!("{}.com", "a".repeat(64));
    let longest = vec!["abcdefg"; 40].join(".");
    for name in [
        "", "com.", ".com", "a..b", "-com", "com-", "c m", "ü", "*", "a\0", &long, &longest,
    ] {
        assert!(
            invalid(create(of_tld(name, None))).starts_with("name: "),
            "{name:?}"
        );
    }
    let tld = made(of_tld("com", None));
    invalid(change_with(&tld, renamed("com."), &facts()));
}

#[test]
fn descriptions_have_160_characters_at_most() {
    create(of_tld("com", Some(&"ü".repeat(160)))).unwrap();
    let text = invalid(create(of_tld("com", Some(&"ü".repeat(161)))));
    assert_eq!(text, "description: is too long: the most is 160 characters");
    invalid(create(of_tld("com", Some("\0"))));
}

#[test]
fn a_blacklist_is_a_pattern() {
    create(blacklist(r"^(?!www\.).*\.example\.com\.$")).unwrap();
    create(blacklist(&"a".repeat(255))).unwrap();
    for broken in ["", "(", "a\0", &"a".repeat(256)] {
        assert!(
            invalid(create(blacklist(broken))).starts_with("pattern: "),
            "{broken:?}"
        );
    }
    let present = made(blacklist("bad"));
    let change = |pattern: &str| Change::Blacklist {
        pattern: Patch::Set(pattern.into()),
        description: Patch::Keep,
    };
    assert_eq!(changed(&present, change("worse")).body, blacklist("worse"));
    invalid(change_with(&present, change("["), &facts()));
}

fn key(name: &str) -> Body {
    tsig_key(name, TsigScope::Pool, POOL.uuid())
}

fn rescoped(scope: TsigScope) -> Change {
    Change::TsigKey {
        name: Patch::Keep,
        algorithm: Patch::Keep,
        secret: Patch::Keep,
        scope: Patch::Set(scope),
        resource: Patch::Keep,
    }
}

#[test]
fn a_tsig_keys_name_is_a_domain_name() {
    for name in [
        "key",
        "key.example.com.",
        "tempest-tsigkey-1",
        &format!("{}.b", "a".repeat(63)),
    ] {
        create(key(name)).unwrap();
    }
    for name in ["", ".", "a..b", "a\0", &"a".repeat(64), &"abcdefg.".repeat(21)] {
        assert!(invalid(create(key(name))).starts_with("name: "), "{name:?}");
    }
}

#[test]
fn a_tsig_key_is_for_something_that_is_there() {
    let nowhere = Facts::default();
    let rejection = create_with(key("k"), &nowhere).unwrap_err();
    assert_eq!(rejection.label(), "bad_request");
    assert!(rejection.to_string().contains("pool"));
    let present = made(key("k"));
    let rejection = change_with(&present, rescoped(TsigScope::Zone), &nowhere).unwrap_err();
    assert!(rejection.to_string().contains("zone"));
    change_with(&present, rescoped(TsigScope::Zone), &facts()).unwrap();
}

#[test]
fn a_tsig_key_changes_field_by_field() {
    let present = made(key("k"));
    let change = Change::TsigKey {
        name: Patch::Set("k2".into()),
        algorithm: Patch::Set(TsigAlgorithm::HmacSha512),
        secret: Patch::Set(Sealed::new("v1:bmV3".into())),
        scope: Patch::Keep,
        resource: Patch::Set(Uuid::from_u128(7)),
    };
    let expected = TsigKey {
        name: "k2".into(),
        algorithm: TsigAlgorithm::HmacSha512,
        secret: Sealed::new("v1:bmV3".into()),
        scope: TsigScope::Pool,
        resource: Uuid::from_u128(7),
    };
    assert_eq!(changed(&present, change).body, Body::TsigKey(expected));
}

#[test]
fn a_secret_is_not_shown_by_debug() {
    assert!(!format!("{:?}", made(key("k"))).contains("c2VjcmV0"));
}

#[test]
fn quotas_lie_between_no_limit_and_the_greatest() {
    let with = |zones| Body::Quotas(QuotaOverrides { zones, ..quotas() });
    for limit in [None, Some(-1), Some(0), Some(2_147_483_647)] {
        create(with(limit)).unwrap();
    }
    for limit in [-2, 2_147_483_648] {
        assert!(invalid(create(with(Some(limit)))).starts_with("zones: "));
    }
    let present = made(with(Some(5)));
    let change = |limit| Change::Quotas {
        zones: Patch::Keep,
        zone_recordsets: Patch::Keep,
        zone_records: Patch::Keep,
        recordset_records: Patch::Set(limit),
        api_export_size: Patch::Keep,
    };
    invalid(change_with(&present, change(-2), &facts()));
    let after = QuotaOverrides {
        zones: Some(5),
        recordset_records: Some(9),
        ..quotas()
    };
    assert_eq!(changed(&present, change(9)).body, Body::Quotas(after.clone()));
    let all = Quotas::default().with(&after);
    assert_eq!((all.zones, all.recordset_records, all.zone_records), (5, 9, 500));
}

#[test]
fn quotas_that_were_reset_go_on_in_their_stream() {
    let command = Command::Create {
        id: ID,
        body: Body::Quotas(quotas()),
    };
    let event = decide(None, 7, &command, &facts(), start()).unwrap().unwrap();
    let Event::Created { resource } = event else {
        panic!("{event:?}")
    };
    assert_eq!((resource.revision, resource.stream_version), (1, 8));
    assert_eq!(
        ResourceId::of_quotas(&project("alpha")),
        ResourceId::of_quotas(&project("alpha"))
    );
}

#[test]
fn a_zone_is_offered_by_its_owner() {
    let offer = || Body::TransferRequest(transfer_request());
    create(offer()).unwrap();
    for owner in [None, Some(project("beta"))] {
        let facts = Facts {
            zone_owner: owner,
            ..facts()
        };
        assert_eq!(
            create_with(offer(), &facts).unwrap_err().label(),
            "zone_not_found"
        );
    }
}

#[test]
fn an_accepted_offer_stays_as_it_is() {
    let mut request = transfer_request();
    let change = || Change::TransferRequest {
        description: Patch::Set(Some("please".into())),
    };
    let open = made(Body::TransferRequest(request.clone()));
    changed(&open, change());
    request.status = TransferStatus::Complete;
    let used = resource(Body::TransferRequest(request.clone()));
    let rejection = change_with(&used, change(), &facts()).unwrap_err();
    assert_eq!(rejection.label(), "invalid_zone_transfer_request");
    let rejection = create(Body::TransferRequest(request)).unwrap_err();
    assert_eq!(rejection.label(), "invalid_zone_transfer_request");
}

#[test]
fn an_import_ends_once() {
    let outcome = || Change::ZoneImport {
        status: ImportStatus::Complete,
        message: Some("example.com. imported".into()),
        zone: Some(ZONE),
    };
    let done = changed(&made(Body::ZoneImport(zone_import())), outcome());
    assert_eq!(done.body.zone(), Some(ZONE));
    let again = Change::ZoneImport {
        status: ImportStatus::Error,
        message: None,
        zone: None,
    };
    invalid(change_with(&done, again, &facts()));
    invalid(create(done.body));
}

#[test]
fn a_zone_is_exported_within_the_quota() {
    let export = || Body::ZoneExport(zone_export());
    let with = |zone_recordsets, api_export_size| Facts {
        zone_recordsets,
        quotas: Quotas {
            api_export_size,
            ..Quotas::default()
        },
        ..facts()
    };
    create_with(export(), &with(3, 3)).unwrap();
    create_with(export(), &with(3, -1)).unwrap();
    let rejection = create_with(export(), &with(4, 3)).unwrap_err();
    assert_eq!(
        (rejection.label(), rejection.to_string()),
        ("over_quota", "Quota exceeded for api_export_size.".to_owned())
    );
    let gone = create_with(export(), &Facts::default()).unwrap_err();
    assert_eq!(gone.label(), "zone_not_found");
}
