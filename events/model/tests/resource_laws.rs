//! What holds for every resource and every sequence of commands on one.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;
use zonelog_dns::LongSerial;
use zonelog_model::resource::{
    Blacklist, Body, CatalogZone, Change, Command, Event, Facts, HostPort, ImportStatus, NsRecord,
    OptionValue, Pool, PoolNameserver, PoolTarget, QuotaOverrides, Resource, Sealed, Tld, TransferAccept,
    TransferRequest, TransferStatus, TsigAlgorithm, TsigKey, TsigScope, ZoneExport, ZoneImport, apply,
    decide,
};
use zonelog_model::scenario::{fixtures::*, resources};
use zonelog_model::zone::{ManagedResource, Patch, Recordset, Share, Zone};
use zonelog_model::{PoolId, ProjectId, ResourceId, ShareId, Timestamp, ZoneId, stored, zone};

fn text() -> impl Strategy<Value = String> {
    "(?s).{0,20}"
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn any_project() -> impl Strategy<Value = ProjectId> {
    "[^\\p{Cc}]{1,36}".prop_filter_map("a project's id", ProjectId::new)
}

fn any_name() -> impl Strategy<Value = zonelog_dns::Name> {
    "([A-Za-z0-9_-]{1,12}\\.){1,5}".prop_filter_map("a name", |text| zonelog_dns::Name::parse(&text).ok())
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_000i64).prop_map(|micros| Timestamp::from_timestamp_micros(micros).unwrap())
}

fn sealed() -> impl Strategy<Value = Sealed> {
    text().prop_map(Sealed::new)
}

fn optional<T: std::fmt::Debug + Clone>(
    values: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    prop::option::of(values)
}

fn host_port() -> impl Strategy<Value = HostPort> {
    (text(), any::<u16>()).prop_map(|(host, port)| HostPort { host, port })
}

fn any_target() -> impl Strategy<Value = PoolTarget> {
    let option = prop_oneof![
        text().prop_map(OptionValue::Plain),
        sealed().prop_map(OptionValue::Sealed)
    ];
    (
        text(),
        optional(text()),
        optional(uuid()),
        prop::collection::vec(host_port(), 0..3),
        prop::collection::btree_map(text(), option, 0..3),
    )
        .prop_map(|(kind, description, tsigkey, masters, options)| PoolTarget {
            kind,
            description,
            tsigkey,
            masters,
            options,
        })
}

fn any_pool() -> impl Strategy<Value = Pool> {
    let ns_record =
        (any_name(), any::<u16>()).prop_map(|(hostname, priority)| NsRecord { hostname, priority });
    let nameserver = (host_port(), optional(uuid()))
        .prop_map(|(HostPort { host, port }, tsigkey)| PoolNameserver { host, port, tsigkey });
    let catalog_zone = (any_name(), any::<u32>(), optional(sealed()), optional(text())).prop_map(
        |(name, refresh, tsig_key, tsig_algorithm)| CatalogZone {
            name,
            refresh,
            tsig_key,
            tsig_algorithm,
        },
    );
    (
        (text(), optional(text()), optional(any_project())),
        prop::collection::btree_map(text(), text(), 0..3),
        prop::collection::vec(ns_record, 0..3),
        prop::collection::vec(nameserver, 0..3),
        prop::collection::vec(any_target(), 0..3),
        prop::collection::vec(host_port(), 0..3),
        optional(catalog_zone),
    )
        .prop_map(
            |(
                (name, description, project),
                attributes,
                ns_records,
                nameservers,
                targets,
                also_notifies,
                catalog_zone,
            )| Pool {
                name,
                description,
                project,
                attributes,
                ns_records,
                nameservers,
                targets,
                also_notifies,
                catalog_zone,
            },
        )
}

fn any_quotas() -> impl Strategy<Value = QuotaOverrides> {
    (any_project(), prop::array::uniform5(optional(any::<i64>()))).prop_map(
        |(
            project,
            [
                zones,
                zone_recordsets,
                zone_records,
                recordset_records,
                api_export_size,
            ],
        )| QuotaOverrides {
            project,
            zones,
            zone_recordsets,
            zone_records,
            recordset_records,
            api_export_size,
        },
    )
}

fn any_request() -> impl Strategy<Value = TransferRequest> {
    let status = select(vec![TransferStatus::Active, TransferStatus::Complete]);
    (
        uuid(),
        any_project(),
        optional(any_project()),
        sealed(),
        optional(text()),
        status,
    )
        .prop_map(
            |(zone, project, target_project, key, description, status)| TransferRequest {
                zone: ZoneId::new(zone),
                zone_name: zone_name("Example.COM."),
                project,
                target_project,
                key,
                description,
                status,
            },
        )
}

fn any_body() -> impl Strategy<Value = Body> {
    let status = || {
        select(vec![
            ImportStatus::Pending,
            ImportStatus::Complete,
            ImportStatus::Error,
        ])
    };
    let scope = select(vec![TsigScope::Pool, TsigScope::Zone]);
    let algorithm = select(TsigAlgorithm::ALL.to_vec());
    prop_oneof![
        (text(), optional(text())).prop_map(|(name, description)| Body::Tld(Tld { name, description })),
        (text(), optional(text()))
            .prop_map(|(pattern, description)| Body::Blacklist(Blacklist { pattern, description })),
        (text(), algorithm, sealed(), scope, uuid()).prop_map(
            |(name, algorithm, secret, scope, resource)| {
                Body::TsigKey(TsigKey {
                    name,
                    algorithm,
                    secret,
                    scope,
                    resource,
                })
            }
        ),
        any_pool().prop_map(|pool| Body::Pool(Box::new(pool))),
        any_quotas().prop_map(Body::Quotas),
        any_request().prop_map(Body::TransferRequest),
        (uuid(), uuid(), any_project()).prop_map(|(request, zone, project)| {
            Body::TransferAccept(TransferAccept {
                request: ResourceId::new(request),
                zone: ZoneId::new(zone),
                project,
            })
        }),
        (any_project(), status(), optional(text()), optional(uuid())).prop_map(
            |(project, status, message, zone)| {
                Body::ZoneImport(ZoneImport {
                    project,
                    status,
                    message,
                    zone: zone.map(ZoneId::new),
                })
            }
        ),
        (any_project(), uuid(), any::<i64>(), status(), optional(text())).prop_map(
            |(project, zone, serial, status, message)| {
                Body::ZoneExport(ZoneExport {
                    project,
                    zone: ZoneId::new(zone),
                    serial: LongSerial::from_i64(serial),
                    status,
                    message,
                })
            }
        ),
    ]
}

/// Bodies that are accepted when what they name is there.
fn valid_body() -> impl Strategy<Value = Body> {
    select(vec![
        resources::tld("com"),
        resources::blacklist("a|b"),
        resources::tsig_key("k", TsigScope::Pool, POOL.uuid()),
        Body::Pool(Box::new(resources::pool("gold", ["ns1.example.net."]))),
        Body::Quotas(resources::quotas()),
        Body::TransferRequest(resources::transfer_request()),
        Body::ZoneImport(resources::zone_import()),
        Body::ZoneExport(resources::zone_export()),
    ])
}

fn any_resource() -> impl Strategy<Value = Resource> {
    (
        uuid(),
        any_body(),
        1..i64::MAX,
        1..i64::MAX,
        any_time(),
        optional(any_time()),
    )
        .prop_map(
            |(id, body, revision, stream_version, created_at, updated_at)| Resource {
                id: ResourceId::new(id),
                body,
                revision,
                stream_version,
                created_at,
                updated_at,
            },
        )
}

/// A change of some kind, of good and of bad values.
fn any_change() -> impl Strategy<Value = Change> {
    fn patch<T: std::fmt::Debug + Clone>(
        values: impl Strategy<Value = T>,
    ) -> impl Strategy<Value = Patch<T>> {
        optional(values).prop_map(|value| value.map_or(Patch::Keep, Patch::Set))
    }
    let name = || patch(select(vec!["com", "co.uk", "bad.", "[", "a|b", ""]).prop_map(str::to_owned));
    let description = || patch(optional(select(vec!["ours", "\0"]).prop_map(str::to_owned)));
    let limit = || patch(select(vec![-2, -1, 0, 7, 1 << 40]));
    let status = select(vec![
        ImportStatus::Pending,
        ImportStatus::Complete,
        ImportStatus::Error,
    ]);
    prop_oneof![
        (name(), description()).prop_map(|(name, description)| Change::Tld { name, description }),
        (name(), description()).prop_map(|(pattern, description)| Change::Blacklist { pattern, description }),
        (
            name(),
            patch(sealed()),
            patch(select(vec![TsigScope::Pool, TsigScope::Zone]))
        )
            .prop_map(|(name, secret, scope)| Change::TsigKey {
                name,
                algorithm: Patch::Set(TsigAlgorithm::HmacSha1),
                secret,
                scope,
                resource: Patch::Keep,
            }),
        any_pool().prop_map(|pool| Change::Pool(Box::new(pool))),
        (limit(), limit()).prop_map(|(zones, zone_records)| Change::Quotas {
            zones,
            zone_recordsets: Patch::Keep,
            zone_records,
            recordset_records: Patch::Keep,
            api_export_size: Patch::Keep,
        }),
        description().prop_map(|description| Change::TransferRequest { description }),
        (status, optional(text())).prop_map(|(status, message)| Change::ZoneImport {
            status,
            message,
            zone: Some(ZONE),
        }),
    ]
}

fn read_back(event: &zonelog_model::Event) -> Result<(), TestCaseError> {
    let kept = stored::encode(event);
    let read = stored::decode(kept.type_name, kept.type_version, &kept.payload);
    prop_assert_eq!(read.as_ref(), Ok(event));
    Ok(())
}

fn zone_events(
    share: Share,
    (before, after): (ProjectId, ProjectId),
    (name, serial): (zonelog_dns::Name, i64),
) -> Vec<zone::Event> {
    let serial = LongSerial::from_i64(serial);
    let managed = ManagedResource {
        kind: "ptr:floatingip".into(),
        id: before.to_string(),
        region: Some(after.to_string()),
        project: after.clone(),
    };
    let recordset = Recordset {
        managed: true,
        managed_resource: Some(managed.into()),
        project: before.clone(),
        ..recordset("www", zonelog_dns::Rrtype::A, ["192.0.2.1"])
    };
    vec![
        zone::Event::ZoneAbandoned {
            zone: Zone {
                transferred_at: Some(share.created_at),
                ..zone("example.com.")
            },
        },
        zone::Event::ZoneShared { share: share.clone() },
        zone::Event::ZoneMovedToPool {
            before: POOL,
            after: PoolId::new(share.id.uuid()),
            serial: Some(serial),
            coo: None,
        },
        zone::Event::ZoneUnshared { share },
        zone::Event::ZoneTransferred { before, after },
        zone::Event::ZonePrimaryNameserverChanged {
            before: zonelog_dns::Name::root(),
            after: name,
            serial,
        },
        zone::Event::RecordsetDeleted {
            before: recordset,
            serial: None,
        },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn every_resource_is_stored_as_it_is(before in any_resource(), body in any_body(), at in any_time()) {
        let value = stored::resource_to_value(&before);
        let read = stored::resource_from_value(&value);
        prop_assert_eq!(read.as_ref(), Ok(&before));
        // Both of one kind: an event's type tells the kind of all it holds.
        let after = if body.kind() == before.body.kind() { body } else { before.body.clone() };
        let revised = Resource { body: after, revision: 1, updated_at: Some(at), ..before.clone() };
        read_back(&Event::Created { resource: before.clone() }.into())?;
        read_back(&Event::Changed { before: before.clone(), after: revised }.into())?;
        read_back(&Event::Deleted { before }.into())?;
    }

    #[test]
    fn every_zone_event_is_stored_as_it_is(
        id in uuid(),
        projects in (any_project(), any_project()),
        content in (any_name(), any::<i64>()),
        created_at in any_time(),
    ) {
        let share = Share {
            id: ShareId::new(id),
            target_project: projects.1.clone(),
            project: projects.0.clone(),
            created_at,
        };
        for event in zone_events(share, projects, content) {
            read_back(&event.into())?;
        }
    }

    #[test]
    fn what_is_decided_fits(
        body in prop_oneof![3 => valid_body(), 1 => any_body()],
        changes in prop::collection::vec(any_change(), 0..24),
        named_resource_exists in any::<bool>(),
    ) {
        let facts = Facts { named_resource_exists, zone_owner: body.project().cloned(), ..Facts::default() };
        let id = ResourceId::new(Uuid::from_u128(1));
        let kind = body.kind();
        let mut state = None;
        let mut version = 0;
        let updates = changes.into_iter().map(|change| Command::Update { id, change });
        let creation = Command::Create { id, body };
        for command in std::iter::once(creation).chain(updates).chain([Command::Delete { id, kind }]) {
            let Ok(decided) = decide(state.as_ref(), version, &command, &facts, start()) else { continue };
            let Some(event) = decided else { continue };
            version += 1;
            let before: Option<Resource> = state.clone();
            prop_assert_eq!(apply(&mut state, &event), Ok(()));
            if let Some(after) = &state {
                prop_assert_eq!(after.stream_version, version);
                prop_assert_eq!(after.revision, before.map_or(0, |before| before.revision) + 1);
                prop_assert_eq!(after.body.kind(), kind);
            }
            let again = decide(state.as_ref(), version, &command, &facts, start());
            let settled = match &command {
                Command::Update { .. } => matches!(again, Ok(None)) || again.is_err(),
                Command::Create { .. } | Command::Delete { .. } => again.is_err(),
            };
            prop_assert!(settled, "again: {command:?}");
            read_back(&event.into())?;
        }
        prop_assert!(state.is_none());
    }
}
