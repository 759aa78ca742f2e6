//! Zones, recordsets, shares and their events.

use uuid::Uuid;
use zonelog_dns::{LongSerial, Name, Rrtype};
use zonelog_model::resource::HostPort;
use zonelog_model::scenario::fixtures::*;
use zonelog_model::zone::{
    ChangeOfOwnership, Event, MoveStep, Recordset, Share, SoaFields, SoaTimers, Zone, ZoneKind,
};
use zonelog_model::{PoolId, RecordsetId, ShareId};

use super::{created_at, updated_at};

pub(super) fn long_serial(steps: i64) -> LongSerial {
    LongSerial::from_i64((1 << 32) + steps)
}

pub(super) fn example_zone() -> Zone {
    Zone {
        email: "host.master@example.com".into(),
        description: Some("Zürich, \"main\"".into()),
        attributes: [("service".into(), "gold".into())].into(),
        serial: long_serial(1),
        created_at: created_at(),
        ..zone("Example.COM.")
    }
}

fn place(host: &str, port: u16) -> HostPort {
    HostPort {
        host: host.into(),
        port,
    }
}

/// What stands in the golden files of what came to a type later, and is written only where it is set.
pub(super) fn set(type_name: &str, with: &str) -> Event {
    match (type_name, with) {
        ("zone_created", "secondary") => Event::ZoneCreated {
            zone: Zone {
                kind: ZoneKind::Secondary {
                    masters: vec![place("192.0.2.1", 53), place("2001:db8::1", 5354)],
                },
                ..example_zone()
            },
        },
        ("zone_deleted", "hard") => match meaning("zone_deleted") {
            Some(Event::ZoneDeleted { zone, .. }) => Event::ZoneDeleted { zone, hard: true },
            other => panic!("golden/zone_deleted means {other:?}"),
        },
        ("zone_moved_to_pool", "secondary") => match meaning("zone_moved_to_pool") {
            Some(Event::ZoneMovedToPool { before, after, .. }) => Event::ZoneMovedToPool {
                before,
                after,
                serial: None,
                coo: None,
            },
            other => panic!("golden/zone_moved_to_pool means {other:?}"),
        },
        ("zone_moved_to_pool", "coo") => match meaning("zone_moved_to_pool") {
            Some(Event::ZoneMovedToPool {
                before,
                after,
                serial,
                ..
            }) => Event::ZoneMovedToPool {
                before,
                after,
                serial,
                coo: Some(ChangeOfOwnership {
                    catalog: Name::parse("Catalog.example.net.").unwrap(),
                    waits: true,
                }),
            },
            other => panic!("golden/zone_moved_to_pool means {other:?}"),
        },
        _ => panic!("say what golden/{type_name}/v1-{with}.json means"),
    }
}

pub(super) fn example_recordset() -> Recordset {
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

fn example_share() -> Share {
    Share {
        id: ShareId::new(Uuid::from_u128(0xe0)),
        target_project: project("beta"),
        project: project("alpha"),
        created_at: created_at(),
    }
}

/// What the golden payload of a type means; `None` if it is none of a zone.
pub(super) fn meaning(type_name: &str) -> Option<Event> {
    Some(match type_name {
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
            hard: false,
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
        "zone_abandoned" => Event::ZoneAbandoned {
            zone: Zone {
                revision: 3,
                stream_version: 4,
                ..example_zone()
            },
        },
        "zone_shared" => Event::ZoneShared {
            share: example_share(),
        },
        "zone_unshared" => Event::ZoneUnshared {
            share: example_share(),
        },
        "zone_transferred" => Event::ZoneTransferred {
            before: project("alpha"),
            after: project("beta"),
        },
        "zone_moved_to_pool" => Event::ZoneMovedToPool {
            before: POOL,
            after: PoolId::new(Uuid::from_u128(0xb1)),
            serial: Some(long_serial(4)),
            coo: None,
        },
        "zone_move_advanced" => Event::ZoneMoveAdvanced {
            before: PoolId::new(Uuid::from_u128(0xb1)),
            after: POOL,
            since: 77,
            step: MoveStep::Over,
        },
        "zone_primary_nameserver_changed" => Event::ZonePrimaryNameserverChanged {
            before: Name::parse("ns1.example.net.").unwrap(),
            after: Name::parse("NS9.example.net.").unwrap(),
            serial: long_serial(4),
        },
        "zone_masters_changed" => Event::ZoneMastersChanged {
            before: vec![place("192.0.2.1", 53)],
            after: vec![place("2001:db8::1", 5354), place("ns.example.net", 53)],
        },
        "zone_refreshed_from_primary" => Event::ZoneRefreshedFromPrimary {
            before: example_zone().soa_fields(),
            after: SoaFields {
                primary_nameserver: Name::parse("NS.Primary.example.").unwrap(),
                email: "root.".into(),
                ttl: ttl(0),
                timers: SoaTimers {
                    refresh: i32::MAX.unsigned_abs(),
                    ..timers()
                },
            },
            serial: long_serial(2),
        },
        _ => return None,
    })
}
