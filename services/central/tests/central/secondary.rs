//! Secondary zones: transfers taken over, few changes and many, and what is refused.

use zonelog_central::{Accepted, ExecuteError, ids};
use zonelog_dns::{LongSerial, Name, OwnerName, Rdata, Rrset, Rrtype, Serial, Soa, Ttl, ZoneImage};
use zonelog_model::resource::{HostPort, Quotas};
use zonelog_model::zone::{
    self, Command, MoveZone, RewriteNameservers, RrsetChange, Transfer, Zone, ZoneKind,
};
use zonelog_model::{Actor, Door, Metadata, PoolId};

use crate::setup::{
    AMY, World, central_with, create_pool, create_recordset, create_zone, delete_zone, image_at, project,
    request, zone_row,
};

const OTHER_POOL: PoolId = PoolId::new(uuid::Uuid::from_u128(8));

/// A secondary zone of Amy's.
pub(crate) async fn secondary(world: &World, name: &str) -> Zone {
    let mut create = create_zone(name, AMY);
    if let zonelog_central::Command::Zone(Command::CreateZone(create)) = &mut create.command {
        create.kind = ZoneKind::Secondary {
            masters: vec![HostPort::parse("192.0.2.1").unwrap()],
        };
    }
    world.accept(create).await.zone
}

fn soa(serial: u32) -> Soa {
    Soa {
        mname: Name::parse("NS.primary.example.").unwrap(),
        rname: Name::parse(r"first\.last.primary.example.").unwrap(),
        serial: Serial::new(serial),
        refresh: 7_200,
        retry: 900,
        expire: 1_209_600,
        minimum: 300,
    }
}

/// The transfer of the zone as it is to the primary's serial.
pub(crate) fn to(zone: &Zone, serial: u32) -> Transfer {
    Transfer {
        zone: zone.id,
        expected: zone.serial,
        soa: soa(serial),
        soa_ttl: Ttl::new(1_800).unwrap(),
    }
}

fn rrset(owner: &str, rrtype: Rrtype, ttl: i64, data: &[&str]) -> RrsetChange {
    let data = data
        .iter()
        .map(|text| Rdata::parse_relative(rrtype, text, &Name::root()).unwrap());
    RrsetChange {
        recordset: ids::recordset_id(),
        owner: OwnerName::from_name(Name::parse(owner).unwrap()),
        rrtype,
        after: Some((Ttl::new(ttl).unwrap(), data.collect())),
    }
}

fn gone(owner: &str, rrtype: Rrtype) -> RrsetChange {
    RrsetChange {
        after: None,
        ..rrset(owner, rrtype, 0, &[])
    }
}

/// The changes in the order in which they are taken.
pub(crate) fn sorted(mut changes: Vec<RrsetChange>) -> Vec<RrsetChange> {
    changes.sort_by_key(|change| (change.owner.to_key(), change.rrtype.get()));
    changes
}

pub(crate) fn metadata() -> Metadata {
    Metadata {
        actor: Actor {
            user: "192.0.2.1".into(),
            project: project(AMY),
            roles: Vec::new(),
            door: Door::Primary,
        },
        change_id: ids::change_id(),
        request_id: None,
        cause: Some("transfer from 192.0.2.1".into()),
    }
}

async fn take(
    world: &World,
    transfer: Transfer,
    changes: Vec<RrsetChange>,
) -> Result<Accepted, ExecuteError> {
    world
        .central
        .take_transfer(transfer, metadata(), sorted(changes))
        .await
}

async fn taken(world: &World, transfer: Transfer, changes: Vec<RrsetChange>) -> Zone {
    let accepted = take(world, transfer, changes).await.unwrap();
    let zone = accepted.zone().unwrap().clone();
    assert_eq!(
        zone_row(&world.client, zone.id).await,
        zone,
        "what was answered is what is there"
    );
    zone
}

async fn refused(world: &World, transfer: Transfer, changes: Vec<RrsetChange>) -> &'static str {
    let (head, versions) = (world.count("event").await, world.count("recordset_version").await);
    let label = match take(world, transfer, changes).await {
        Err(ExecuteError::Rejected(rejection)) => rejection.label(),
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(world.count("event").await, head);
    assert_eq!(world.count("recordset_version").await, versions);
    label
}

/// What the primary has, as an image of the zone.
fn image(changes: &[RrsetChange]) -> ZoneImage {
    let rrsets = changes.iter().filter_map(|change| {
        let (ttl, data) = change.after.clone()?;
        let rrset = Rrset::new(change.owner.clone(), change.rrtype, ttl, data);
        Some(((change.owner.clone(), change.rrtype), rrset))
    });
    rrsets.collect()
}

/// Hosts of `example.org.`, two records each, with its NS.
pub(crate) fn hosts(numbers: impl Iterator<Item = usize>, ttl: i64) -> Vec<RrsetChange> {
    let mut changes = vec![rrset("example.org.", Rrtype::NS, 3_600, &["ns.primary.example."])];
    for number in numbers {
        let owner = format!("h{number}.example.org.");
        let (high, low) = (number >> 8, number & 255);
        let data = [format!("10.0.{high}.{low}"), format!("10.1.{high}.{low}")];
        changes.push(rrset(&owner, Rrtype::A, ttl, &[&data[0], &data[1]]));
    }
    changes
}

async fn types_since(world: &World, position: i64) -> Vec<(String, i64)> {
    let rows = world
        .client
        .query(
            "select type, count(*), count(distinct change_id) from event where position > $1 group by type order by type",
            &[&position],
        )
        .await
        .unwrap();
    assert!(rows.iter().all(|row| row.get::<_, i64>(2) == 1), "one change-set");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn counted(types: &[(&str, i64)]) -> Vec<(String, i64)> {
    types
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

#[tokio::test]
async fn a_transfer_is_one_change_at_the_primarys_serial() {
    let world = World::new().await;
    let zone = secondary(&world, "example.org.").await;
    assert_eq!(
        (zone.serial, zone.transferred_at),
        (LongSerial::from_i64(1), None)
    );
    assert!(image_at(&world.client, zone.id, zone.serial).await.is_empty());

    let first = vec![
        rrset("example.org.", Rrtype::NS, 3_600, &["ns.primary.example."]),
        rrset("WWW.example.org.", Rrtype::A, 60, &["192.0.2.1", "192.0.2.2"]),
        rrset("old.example.org.", Rrtype::TXT, 0, &["\"a\""]),
    ];
    let head = world.count("event").await;
    // The first content of a primary may be at the very serial that a new zone shows.
    let zone = taken(&world, to(&zone, 1), first.clone()).await;
    assert_eq!(zone.serial, LongSerial::from_i64((1 << 32) + 1));
    assert_eq!(
        types_since(&world, head).await,
        counted(&[("recordset_created", 3), ("zone_refreshed_from_primary", 1)])
    );
    assert_eq!(image_at(&world.client, zone.id, zone.serial).await, image(&first));
    assert_eq!(zone.soa().unwrap(), soa(1));
    assert_eq!(
        (zone.ttl.get(), zone.email.as_str()),
        (1_800, "first.last@primary.example")
    );
    assert_eq!(
        (zone.revision, zone.recordset_count, zone.record_count),
        (2, 3, 4)
    );
    assert!(zone.transferred_at.is_some());

    let head = world.count("event").await;
    let second = vec![
        // Told, and the same.
        rrset("example.org.", Rrtype::NS, 3_600, &["ns.primary.example."]),
        rrset("www.example.org.", Rrtype::A, 60, &["192.0.2.2", "192.0.2.3"]),
        gone("old.example.org.", Rrtype::TXT),
        gone("never.example.org.", Rrtype::TXT),
        rrset("new.example.org.", Rrtype::AAAA, 5, &["2001:db8::1"]),
    ];
    let before = zone.serial;
    let zone = taken(&world, to(&zone, 2_026_112_300), second.clone()).await;
    assert_eq!(zone.serial.get(), (1 << 32) + 2_026_112_300);
    let made = [
        ("recordset_changed", 1),
        ("recordset_created", 1),
        ("recordset_deleted", 1),
        ("zone_refreshed_from_primary", 1),
    ];
    assert_eq!(types_since(&world, head).await, counted(&made));
    assert_eq!(
        image_at(&world.client, zone.id, zone.serial).await,
        image(&second)
    );
    assert_eq!(image_at(&world.client, zone.id, before).await, image(&first));

    let again = take(&world, to(&zone, 2_026_112_300), second).await.unwrap();
    assert_eq!((again.position, again.zone()), (None, Some(&zone)));
    let stale = Transfer {
        expected: before,
        ..to(&zone, 2_026_112_301)
    };
    assert_eq!(refused(&world, stale, Vec::new()).await, "zone_moved_on");
    // The primary counts from anew.
    let zone = taken(&world, to(&zone, 7), Vec::new()).await;
    assert_eq!(zone.serial.get(), (2 << 32) + 7);
    assert_eq!(world.compare().await, []);
}

#[tokio::test]
async fn many_changes_are_one_change_too() {
    let world = World::new().await;
    let (few, many) = (
        secondary(&world, "example.net.").await,
        secondary(&world, "example.org.").await,
    );
    taken(&world, to(&few, 5), Vec::new()).await;
    let first = hosts(0..1_300, 60);
    let head = world.count("event").await;
    let zone = taken(&world, to(&many, 100), first.clone()).await;
    assert_eq!(
        types_since(&world, head).await,
        counted(&[("recordset_created", 1_301), ("zone_refreshed_from_primary", 1)])
    );
    assert_eq!((zone.recordset_count, zone.record_count), (1_301, 2_601));
    assert_eq!(zone.stream_version, 1_303);
    assert_eq!(image_at(&world.client, zone.id, zone.serial).await, image(&first));

    // A third goes, a third changes, a third stays, some are new.
    let mut second = hosts(0..400, 60);
    second.extend(hosts(400..900, 61).into_iter().skip(1));
    second.extend(hosts(2_000..2_200, 5).into_iter().skip(1));
    let expected = image(&second);
    second.extend((900..1_300).map(|number| gone(&format!("h{number}.example.org."), Rrtype::A)));
    let head = world.count("event").await;
    let before = zone.serial;
    let zone = taken(&world, to(&zone, 101), second.clone()).await;
    let made = [
        ("recordset_changed", 500),
        ("recordset_created", 200),
        ("recordset_deleted", 400),
        ("zone_refreshed_from_primary", 1),
    ];
    assert_eq!(types_since(&world, head).await, counted(&made));
    assert_eq!(image_at(&world.client, zone.id, zone.serial).await, expected);
    assert_eq!(image_at(&world.client, zone.id, before).await, image(&first));
    assert_eq!(zone.revision, 3);

    let again = take(&world, to(&zone, 101), second).await.unwrap();
    assert_eq!((again.position, again.zone()), (None, Some(&zone)));
    // Nothing but the serial.
    let zone = taken(&world, to(&zone, 102), hosts(0..400, 60)).await;
    let zone = taken(&world, to(&zone, 103), hosts(400..900, 61)).await;
    // The writer goes on after it.
    world.zone("another.example.").await;
    assert_eq!(world.compare().await, []);
    assert_eq!(
        world.count("event").await,
        world
            .client
            .query_one("select position from feed_head", &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
    );
    assert_eq!(zone_row(&world.client, zone.id).await, zone);
}

#[tokio::test]
async fn what_cannot_be_in_the_zone_is_refused_whole() {
    let world = World::new().await;
    let primary = world.zone("primary.example.").await;
    let zone = secondary(&world, "example.org.").await;
    let many = || hosts(0..600, 60);
    assert_eq!(
        refused(&world, to(&primary, 1), Vec::new()).await,
        "invalid_object"
    );
    assert_eq!(refused(&world, to(&primary, 1), many()).await, "invalid_object");
    for extra in [
        rrset("www.example.net.", Rrtype::A, 1, &["192.0.2.1"]),
        rrset("example.org.", Rrtype::SOA, 1, &["a. b. 1 2 3 4 5"]),
    ] {
        let changes = [vec![extra.clone()], many()].concat();
        assert_eq!(refused(&world, to(&zone, 1), changes).await, "invalid_transfer");
        assert_eq!(
            refused(&world, to(&zone, 1), vec![extra]).await,
            "invalid_transfer"
        );
    }
    let twice = [many(), hosts(7..8, 61)].concat();
    assert_eq!(refused(&world, to(&zone, 1), twice).await, "duplicate_recordset");
    let stale = Transfer {
        expected: LongSerial::from_i64(2),
        ..to(&zone, 9)
    };
    assert_eq!(refused(&world, stale, many()).await, "zone_moved_on");
    world.accept(delete_zone(zone.id, AMY)).await;
    assert_eq!(refused(&world, to(&zone, 1), many()).await, "bad_request");
    let unknown = Transfer {
        zone: ids::zone_id(),
        ..to(&zone, 1)
    };
    assert_eq!(refused(&world, unknown, many()).await, "zone_not_found");
}

#[tokio::test]
async fn a_transfer_keeps_to_the_quotas_of_the_zones_owner() {
    let world = World::new().await;
    let limited = World {
        central: central_with(world.database.url(), |options| {
            options.quotas = Quotas {
                zone_recordsets: 100,
                recordset_records: 2,
                ..Quotas::UNLIMITED
            };
        }),
        client: world.database.client().await,
        database: world.database,
    };
    let zone = secondary(&limited, "example.org.").await;
    assert_eq!(
        refused(&limited, to(&zone, 1), hosts(0..100, 60)).await,
        "over_quota"
    );
    assert_eq!(
        refused(&limited, to(&zone, 1), hosts(0..600, 60)).await,
        "over_quota"
    );
    let three = rrset(
        "a.example.org.",
        Rrtype::A,
        1,
        &["192.0.2.1", "192.0.2.2", "192.0.2.3"],
    );
    assert_eq!(refused(&limited, to(&zone, 1), vec![three]).await, "over_quota");
    taken(&limited, to(&zone, 1), hosts(0..99, 60)).await;
}

#[tokio::test]
async fn what_the_api_would_not_take_is_kept_as_the_primary_has_it() {
    let world = World::new().await;
    let zone = secondary(&world, "example.org.").await;
    let changes = vec![
        rrset(r"a\032b\.c.example.org.", Rrtype::A, 1, &["192.0.2.1"]),
        rrset("-x-.example.org.", Rrtype::MX, 1, &[r"10 in\@valid.example."]),
        rrset("any.example.org.", Rrtype::new(65_280), 1, &[r"\# 4 0a00ff01"]),
        rrset(
            "text.example.org.",
            Rrtype::TXT,
            1,
            &[r#"plain "two words" \000\255"#],
        ),
        rrset("srv.example.org.", Rrtype::SRV, 1, &["0 0 1 ."]),
        rrset("alias.example.org.", Rrtype::CNAME, 1, &["x."]),
        rrset("alias.example.org.", Rrtype::A, 1, &["192.0.2.1"]),
        rrset("sig.example.org.", Rrtype::new(46), 1, &[r"\# 2 0001"]),
    ];
    let zone = taken(&world, to(&zone, u32::MAX), changes.clone()).await;
    assert_eq!(
        image_at(&world.client, zone.id, zone.serial).await,
        image(&changes)
    );
    assert_eq!(world.compare().await, []);
    let zone = taken(
        &world,
        to(&zone, 0),
        vec![gone("any.example.org.", Rrtype::new(65_280))],
    )
    .await;
    assert_eq!(zone.serial.get(), 1 << 32);
    assert_eq!(world.compare().await, []);
}

#[tokio::test]
async fn a_secondary_zone_is_changed_at_its_primary_alone() {
    let world = World::new().await;
    let zone = secondary(&world, "example.org.").await;
    let zone = taken(&world, to(&zone, 9), hosts(0..3, 60)).await;
    let create = create_recordset(zone.id, "www.example.org.", Rrtype::A, &["192.0.2.1"], AMY);
    assert_eq!(world.reject(create).await.label(), "forbidden");

    let rewrite = request(zone::Command::from(RewriteNameservers { zone: zone.id }), AMY);
    assert_eq!(world.accept(rewrite).await.position, None);
    let mut create = create_pool(OTHER_POOL, "other");
    if let zonelog_central::Command::Resource(zonelog_model::resource::Command::Create { body, .. }) =
        &mut create.command
        && let zonelog_model::resource::Body::Pool(pool) = body
    {
        pool.ns_records.truncate(1);
    }
    world.central.execute(create).await.unwrap();
    let command = MoveZone {
        zone: zone.id,
        pool: Some(OTHER_POOL),
    };
    let moved = world.accept(request(zone::Command::from(command), AMY)).await;
    // Its new servers are to learn of it, at the serial that it has.
    assert_eq!((moved.zone.pool, moved.zone.serial), (OTHER_POOL, zone.serial));
    let row = world
        .client
        .query_one(
            "select content_position, pool_position from zone where id = $1",
            &[&zone.id.uuid()],
        )
        .await
        .unwrap();
    assert_eq!(
        (Some(row.get(0)), Some(row.get(1))),
        (moved.position, moved.position)
    );
    assert_eq!(
        image_at(&world.client, zone.id, zone.serial).await,
        image(&hosts(0..3, 60))
    );
    let again = world
        .central
        .rewrite_nameservers(OTHER_POOL, &metadata(), |_| {})
        .await
        .unwrap();
    assert_eq!(again, 0);
    assert_eq!(world.compare().await, []);
}
