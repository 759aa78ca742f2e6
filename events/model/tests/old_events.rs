//! Events that were ever stored are read for ever: `golden/<type>/v<version>.json` holds a payload of each version of
//! each type, as it was written. The files are never changed; a new version brings a new file.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use uuid::Uuid;
use zonelog_dns::{LongSerial, Rrtype};
use zonelog_model::scenario::fixtures::*;
use zonelog_model::stored::{self, DecodeError};
use zonelog_model::zone::{Event, Record, Recordset, Zone};
use zonelog_model::{RecordsetId, Timestamp};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn payload(type_name: &str, version: i16) -> String {
    let path = golden().join(type_name).join(format!("v{version}.json"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn created_at() -> Timestamp {
    time("2026-01-01T00:00:00.123456Z")
}

fn updated_at() -> Timestamp {
    time("2026-03-04T05:06:07.000008Z")
}

fn long_serial(steps: i64) -> LongSerial {
    LongSerial::from_i64((1 << 32) + steps)
}

fn example_zone() -> Zone {
    Zone {
        email: "host.master@example.com".into(),
        description: Some("Zürich, \"main\"".into()),
        attributes: [("service".into(), "gold".into())].into(),
        serial: long_serial(1),
        created_at: created_at(),
        ..zone("Example.COM.")
    }
}

fn example_recordset() -> Recordset {
    Recordset {
        id: RecordsetId::new(Uuid::from_u128(0xd0)),
        created_at: created_at(),
        ..recordset(
            "*.WWW",
            Rrtype::MX,
            ["10 Mail.example.com.", "20 mail2.example.com."],
        )
    }
}

/// What the golden payload of a type means, in whatever version it was written.
fn meaning(type_name: &str) -> Event {
    match type_name {
        "zone_created" => Event::ZoneCreated { zone: example_zone() },
        "zone_deleted" => Event::ZoneDeleted {
            zone: Zone {
                description: None,
                attributes: [].into(),
                revision: 7,
                stream_version: 12,
                updated_at: Some(updated_at()),
                ..example_zone()
            },
        },
        "zone_ttl_changed" => Event::ZoneTtlChanged {
            before: ttl(3600),
            after: ttl(2_147_483_647),
            serial: long_serial(2),
        },
        "zone_email_changed" => Event::ZoneEmailChanged {
            before: "host.master@example.com".into(),
            after: "dns@example.com".into(),
            serial: long_serial(2),
        },
        "zone_description_changed" => Event::ZoneDescriptionChanged {
            before: None,
            after: Some("Zürich, \"main\"".into()),
        },
        "recordset_created" => Event::RecordsetCreated {
            recordset: example_recordset(),
            serial: Some(long_serial(2)),
        },
        "recordset_changed" => Event::RecordsetChanged {
            before: example_recordset(),
            after: Recordset {
                ttl: Some(ttl(60)),
                records: records(Rrtype::MX, ["20 mail2.example.com."]),
                description: Some("fewer".into()),
                revision: 2,
                updated_at: Some(updated_at()),
                ..example_recordset()
            },
            serial: Some(long_serial(3)),
        },
        "recordset_deleted" => Event::RecordsetDeleted {
            before: Recordset {
                owner: owner("_x"),
                rrtype: Rrtype::TXT,
                ttl: Some(ttl(0)),
                records: vec![],
                managed: true,
                revision: 3,
                ..example_recordset()
            },
            serial: None,
        },
        _ => panic!("say here what golden/{type_name} means"),
    }
}

#[test]
fn old_events_decode() {
    for &(type_name, present) in stored::TYPES {
        let expected = zonelog_model::Event::from(meaning(type_name));
        for version in 1..=present {
            let event = stored::decode(type_name, version, &payload(type_name, version));
            assert_eq!(event.as_ref(), Ok(&expected), "{type_name} v{version}");
        }
    }
}

#[test]
fn events_are_written_as_the_newest_golden_file_shows() {
    for &(type_name, present) in stored::TYPES {
        let written = stored::encode(&meaning(type_name).into());
        assert_eq!((written.type_name, written.type_version), (type_name, present));
        let written: Value = serde_json::from_str(&written.payload).unwrap();
        let golden: Value = serde_json::from_str(&payload(type_name, present)).unwrap();
        assert_eq!(
            written, golden,
            "{type_name}: a changed shape needs a new type version"
        );
    }
}

#[test]
fn golden_files_are_of_known_types_and_versions() {
    let mut found = BTreeSet::new();
    for folder in fs::read_dir(golden()).unwrap() {
        let folder = folder.unwrap();
        for file in fs::read_dir(folder.path()).unwrap() {
            let (folder, file) = (folder.file_name(), file.unwrap().file_name());
            found.insert((folder.into_string().unwrap(), file.into_string().unwrap()));
        }
    }
    let versions = |(name, present): &(&str, i16)| -> Vec<_> {
        (1..=*present)
            .map(|version| ((*name).to_owned(), format!("v{version}.json")))
            .collect()
    };
    let known: BTreeSet<_> = stored::TYPES.iter().flat_map(versions).collect();
    assert_eq!(found, known);
}

#[test]
fn spelling_survives() {
    let stored_zone = stored::zone_to_value(&example_zone());
    let zone = stored::zone_from_value(&stored_zone).unwrap();
    assert_eq!(zone.name.to_string(), "Example.COM.");
    assert_eq!(zone, example_zone());
    let stored_recordset = stored::recordset_to_value(&example_recordset());
    let recordset = stored::recordset_from_value(&stored_recordset).unwrap();
    assert_eq!(recordset.owner.to_string(), "*.WWW.example.com.");
    assert_eq!(
        recordset.records.iter().map(Record::text).next(),
        Some("10 Mail.example.com.")
    );
    assert_eq!(recordset, example_recordset());
}

#[test]
fn owner_names_that_no_new_recordset_may_have_are_read() {
    let mut recordset = stored::recordset_to_value(&example_recordset());
    recordset["owner"] = r"-a\.b.\000.example.com.".into();
    let read = stored::recordset_from_value(&recordset).unwrap();
    assert!(read.owner.check().is_err());
    assert_eq!(stored::recordset_to_value(&read), recordset);
}

/// A golden payload with one value changed.
fn damaged(type_name: &str, pointer: &str, value: Value) -> DecodeError {
    let mut damaged: Value = serde_json::from_str(&payload(type_name, 1)).unwrap();
    *damaged.pointer_mut(pointer).unwrap() = value;
    stored::decode(type_name, 1, &damaged.to_string()).unwrap_err()
}

#[test]
fn damage_is_named() {
    let cases = [
        (
            damaged("zone_created", "/zone/name", "example..com.".into()),
            r#"name "example..com.""#,
        ),
        (damaged("zone_created", "/zone/ttl", (-1).into()), r#"ttl "-1""#),
        (
            damaged("zone_created", "/zone/project", "".into()),
            r#"project """#,
        ),
        (
            damaged("zone_created", "/zone/created_at", "noon".into()),
            "\"noon\"",
        ),
        (damaged("zone_created", "/zone/id", "7".into()), "UUID"),
        (
            damaged("recordset_created", "/recordset/type", "MXX".into()),
            r#"type "MXX""#,
        ),
        (
            damaged("recordset_created", "/recordset/records/1", "20".into()),
            r#"records "20""#,
        ),
        (
            damaged("recordset_created", "/recordset/owner", "www".into()),
            r#"owner "www""#,
        ),
        (
            damaged("zone_ttl_changed", "/after", (1i64 << 31).into()),
            r#"after "2147483648""#,
        ),
        (damaged("zone_ttl_changed", "/serial", "new".into()), "\"new\""),
    ];
    for (error, part) in cases {
        let text = error.to_string();
        assert!(
            text.starts_with("a stored ") && text.contains(part),
            "{text:?} does not name {part}"
        );
    }
    let unknown_field = stored::decode(
        "zone_ttl_changed",
        1,
        r#"{"before":1,"after":2,"serial":3,"why":4}"#,
    );
    assert!(unknown_field.unwrap_err().to_string().contains("why"));
}

#[test]
fn events_of_a_newer_release_are_refused() {
    assert_eq!(
        stored::decode("zone_painted", 1, "{}"),
        Err(DecodeError::UnknownType("zone_painted".into()))
    );
    for version in [-1, 0, 2, 9] {
        let error = stored::decode("zone_created", version, &payload("zone_created", 1)).unwrap_err();
        assert!(
            matches!(error, DecodeError::UnknownVersion { .. }),
            "{version}: {error}"
        );
    }
}
