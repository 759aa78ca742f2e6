//! Quotas hold whatever comes at once, and through whichever writer.

use futures_util::future::join_all;
use zonelog_central::{ExecuteError, ids};
use zonelog_dns::Rrtype;
use zonelog_model::resource::{self, Body, Change, ExportStatus, Kind, QuotaOverrides, Quotas, ZoneExport};
use zonelog_model::zone::Patch;

use crate::setup::{
    AMY, BOB, World, central_with, create_recordset, create_zone, delete_recordset, delete_zone, project,
    request,
};

const SMALL: Quotas = Quotas {
    zones: 7,
    zone_recordsets: 5,
    zone_records: 8,
    recordset_records: 3,
    api_export_size: 100,
};

pub(crate) fn overrides(by: &str) -> QuotaOverrides {
    QuotaOverrides {
        project: project(by),
        zones: None,
        zone_recordsets: None,
        zone_records: None,
        recordset_records: None,
        api_export_size: None,
    }
}

fn count_over_quota<T>(results: &[Result<T, ExecuteError>]) -> usize {
    let over = |result: &&Result<T, ExecuteError>| match result {
        Ok(_) => false,
        Err(ExecuteError::Rejected(rejection)) => {
            assert_eq!(rejection.label(), "over_quota");
            true
        }
        Err(error) => panic!("{error}"),
    };
    results.iter().filter(over).count()
}

#[tokio::test]
async fn a_hundred_zones_at_once_through_two_writers_stay_within_the_quota() {
    let world = World::new().await;
    let url = world.database.url();
    let writers = [(); 2].map(|()| central_with(url, |options| options.quotas = SMALL));
    let attempts = (0..100).map(|index| {
        let name = format!("z{index}.org.");
        let writer = &writers[index % 2];
        async move { writer.execute(create_zone(&name, AMY)).await }
    });
    let results = join_all(attempts).await;
    assert_eq!(count_over_quota(&results), 93);
    assert_eq!(world.count("zone where project = 'amy'").await, 7);
    writers[0]
        .execute(create_zone("another.org.", BOB))
        .await
        .unwrap();
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn a_hundred_recordsets_at_once_stay_within_the_quotas_of_the_zones_owner() {
    let world = World::new().await;
    let writer = central_with(world.database.url(), |options| options.quotas = SMALL);
    let zone = world.zone("example.org.").await;
    let attempts = (0..100).map(|index| {
        let owner = format!("h{index}.example.org.");
        let writer = &writer;
        async move {
            let records: &[&str] = if index % 2 == 0 {
                &["192.0.2.1"]
            } else {
                &["192.0.2.1", "192.0.2.2"]
            };
            writer
                .execute(create_recordset(zone.id, &owner, Rrtype::A, records, AMY))
                .await
        }
    });
    let results = join_all(attempts).await;
    assert!(count_over_quota(&results) >= 95);
    let row = world
        .client
        .query_one("select recordset_count, record_count from zone", &[])
        .await
        .unwrap();
    assert!(row.get::<_, i64>(0) <= 5 && row.get::<_, i64>(1) <= 8, "{row:?}");
    assert!(row.get::<_, i64>(1) >= 7, "what fits is taken: {row:?}");
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn what_is_deleted_makes_room_within_the_same_batch() {
    let world = World::new().await;
    let writer = central_with(world.database.url(), |options| {
        options.quotas = Quotas {
            zones: 1,
            zone_recordsets: 1,
            ..SMALL
        };
    });
    let zone = world.zone("example.org.").await;
    let first = create_recordset(zone.id, "a.example.org.", Rrtype::A, &["192.0.2.1"], AMY);
    let first = world.accept(first).await.recordset.unwrap();
    let results = join_all([
        writer.execute(create_zone("second.org.", AMY)),
        writer.execute(create_recordset(
            zone.id,
            "b.example.org.",
            Rrtype::A,
            &["192.0.2.1"],
            AMY,
        )),
        writer.execute(delete_recordset(zone.id, first.id, AMY)),
        writer.execute(create_recordset(
            zone.id,
            "b.example.org.",
            Rrtype::A,
            &["192.0.2.1"],
            AMY,
        )),
        writer.execute(delete_zone(zone.id, AMY)),
        writer.execute(create_zone("second.org.", AMY)),
        writer.execute(create_zone("third.org.", AMY)),
    ])
    .await;
    let accepted: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(accepted, [false, false, true, true, true, true, false]);
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn a_projects_own_quotas_count_from_the_next_command_on() {
    let world = World::new().await;
    let own = overrides(AMY);
    let id = zonelog_model::ResourceId::of_quotas(&own.project);
    let set = |zones: i64| {
        let body = Body::Quotas(QuotaOverrides {
            zones: Some(zones),
            ..overrides(AMY)
        });
        request(resource::Command::Create { id, body }, AMY)
    };
    let change = Change::Quotas {
        zones: Patch::Set(2),
        zone_recordsets: Patch::Keep,
        zone_records: Patch::Keep,
        recordset_records: Patch::Keep,
        api_export_size: Patch::Keep,
    };
    let kind = Kind::Quotas;
    // One batch, or few.
    let results = join_all([
        world.central.execute(set(1)),
        world.central.execute(create_zone("a.org.", AMY)),
        world.central.execute(create_zone("b.org.", AMY)),
        world
            .central
            .execute(request(resource::Command::Update { id, change }, AMY)),
        world.central.execute(create_zone("b.org.", AMY)),
        world.central.execute(create_zone("c.org.", AMY)),
        world
            .central
            .execute(request(resource::Command::Delete { id, kind }, AMY)),
        world.central.execute(create_zone("c.org.", AMY)),
        // Set again, in the same stream.
        world.central.execute(set(3)),
        world.central.execute(create_zone("d.org.", AMY)),
    ])
    .await;
    let accepted: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(
        accepted,
        [true, true, false, true, true, false, true, true, true, false],
        "{results:?}"
    );
    // And by what was read, not remembered.
    let again = world.central.execute(create_zone("d.org.", AMY)).await;
    assert!(again.is_err());
    let versions = world
        .client
        .query_one("select max(version) from event where stream = $1", &[&id.uuid()])
        .await
        .unwrap();
    assert_eq!(versions.get::<_, i64>(0), 4);
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn an_export_counts_what_the_zone_holds_by_then() {
    let world = World::new().await;
    let central = central_with(world.database.url(), |options| {
        options.quotas = Quotas {
            api_export_size: 4,
            ..Quotas::UNLIMITED
        };
    });
    let zone = world.zone("example.org.").await;
    let export = |by: &str| {
        let body = Body::ZoneExport(ZoneExport {
            project: project(by),
            zone: zone.id,
            serial: zone.serial,
            status: ExportStatus::Complete,
            message: None,
        });
        let id = ids::resource_id();
        request(resource::Command::Create { id, body }, by)
    };
    let record = |label: &str| {
        let owner = format!("{label}.example.org.");
        create_recordset(zone.id, &owner, Rrtype::A, &["192.0.2.1"], AMY)
    };
    // SOA and NS are exported too, and count. All in one batch: each sees those before it.
    let results = join_all(
        [
            record("a"),
            export(AMY),
            record("b"),
            export(AMY),
            record("c"),
            export(AMY),
        ]
        .map(|request| central.execute(request)),
    )
    .await;
    let accepted: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(accepted, [true, true, true, true, true, false]);
    assert_eq!(count_over_quota(&results), 1);

    // A project's own quota counts before the default.
    let own = Body::Quotas(QuotaOverrides {
        api_export_size: Some(5),
        ..overrides(AMY)
    });
    let id = ids::resource_id();
    let own = request(resource::Command::Create { id, body: own }, AMY);
    central.execute(own).await.unwrap();
    central.execute(export(AMY)).await.unwrap();
}
