//! Events that were ever stored are read for ever: `golden/<type>/v<version>.json` holds a payload of each version of
//! each type, as it was written. The files are never changed; a new version brings a new file.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

mod resources;
mod zones;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zonelog_model::scenario::fixtures::*;
use zonelog_model::stored::{self, DecodeError};
use zonelog_model::zone::{ManagedResource, Record, Recordset, Zone};
use zonelog_model::{Event, Timestamp};

use zones::{example_recordset, example_zone};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// What came to a type later and is stored only where it is set: type, version and what the file is called by.
const SET: [(&str, i16, &str); 4] = [
    ("zone_created", 1, "secondary"),
    ("zone_deleted", 1, "hard"),
    ("zone_moved_to_pool", 1, "secondary"),
    ("zone_moved_to_pool", 1, "coo"),
];

fn payload(type_name: &str, version: i16) -> String {
    text(type_name, &format!("v{version}.json"))
}

fn text(type_name: &str, file: &str) -> String {
    let path = golden().join(type_name).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn created_at() -> Timestamp {
    time("2026-01-01T00:00:00.123456Z")
}

fn updated_at() -> Timestamp {
    time("2026-03-04T05:06:07.000008Z")
}

/// What the golden payload of a type means, in whatever version it was written.
fn meaning(type_name: &str) -> Event {
    let meaning = zones::meaning(type_name).map(Event::from);
    meaning
        .or_else(|| resources::meaning(type_name).map(Event::from))
        .unwrap_or_else(|| panic!("say what golden/{type_name} means"))
}

#[test]
fn old_events_decode() {
    for &(type_name, present) in stored::TYPES {
        let expected = meaning(type_name);
        for version in 1..=present {
            let event = stored::decode(type_name, version, &payload(type_name, version));
            assert_eq!(event.as_ref(), Ok(&expected), "{type_name} v{version}");
        }
    }
}

#[test]
fn events_are_written_as_the_newest_golden_file_shows() {
    for &(type_name, present) in stored::TYPES {
        let written = stored::encode(&meaning(type_name));
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
fn what_came_to_a_type_later_is_told_where_it_is_set() {
    for (type_name, version, with) in SET {
        let event = Event::from(zones::set(type_name, with));
        let golden = text(type_name, &format!("v{version}-{with}.json"));
        assert_eq!(stored::decode(type_name, version, &golden).as_ref(), Ok(&event));
        let written: Value = serde_json::from_str(&stored::encode(&event).payload).unwrap();
        let golden: Value = serde_json::from_str(&golden).unwrap();
        assert_eq!(written, golden);
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
    let set = SET.map(|(name, version, with)| (name.to_owned(), format!("v{version}-{with}.json")));
    let known: BTreeSet<_> = stored::TYPES.iter().flat_map(versions).chain(set).collect();
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
fn what_came_later_is_stored_only_where_it_is_set() {
    let recordset = Recordset {
        managed_resource: Some(Box::new(ManagedResource {
            kind: "ptr:floatingip".into(),
            id: "f1".into(),
            region: Some("north".into()),
            project: project("beta"),
        })),
        ..example_recordset()
    };
    let stored_recordset = stored::recordset_to_value(&recordset);
    assert_eq!(
        stored_recordset["managed_resource"],
        json!({"kind": "ptr:floatingip", "id": "f1", "region": "north", "project": "beta"})
    );
    assert_eq!(
        stored::recordset_from_value(&stored_recordset).unwrap(),
        recordset
    );
    let without = stored::recordset_to_value(&example_recordset());
    assert!(without.get("managed_resource").is_none());

    let zone = Zone {
        transferred_at: Some(updated_at()),
        ..example_zone()
    };
    let stored_zone = stored::zone_to_value(&zone);
    assert_eq!(stored_zone["transferred_at"], "2026-03-04T05:06:07.000008Z");
    assert_eq!(stored::zone_from_value(&stored_zone).unwrap(), zone);
    assert!(
        stored::zone_to_value(&example_zone())
            .get("transferred_at")
            .is_none()
    );
}

#[test]
fn the_counts_of_a_zone_are_not_stored() {
    let zone = Zone {
        recordset_count: 3,
        record_count: 9,
        ..example_zone()
    };
    assert_eq!(
        stored::zone_to_value(&zone),
        stored::zone_to_value(&example_zone())
    );
}

#[test]
fn a_payload_of_another_kind_is_refused() {
    let error = stored::decode("tld_created", 1, &payload("blacklist_created", 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"a stored tld_created is damaged: kind "blacklist": not tld"#
    );
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
        (
            damaged("zone_shared", "/share/target_project", "".into()),
            r#"target_project """#,
        ),
        (
            damaged("zone_primary_nameserver_changed", "/after", "ns".into()),
            r#"after "ns""#,
        ),
        (
            damaged("tsigkey_created", "/resource/body/algorithm", "hmac-rot13".into()),
            r#"algorithm "hmac-rot13""#,
        ),
        (
            damaged(
                "pool_created",
                "/resource/body/ns_records/0/hostname",
                "ns1".into(),
            ),
            r#"hostname "ns1""#,
        ),
        (
            damaged("zone_import_created", "/resource/body/status", "LATE".into()),
            r#"status "LATE""#,
        ),
        (
            damaged("tld_created", "/resource/body", json!({"description": "no name"})),
            "name",
        ),
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
