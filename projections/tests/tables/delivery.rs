//! What the reconciler of a pool reads when zones come and go by other ways than creation and deletion.

use uuid::Uuid;
use zonelog_model::{PoolId, Timestamp, ZoneId, zone};
use zonelog_projections::delivery::{self, Lease, Statements, Stretch};
use zonelog_projections::listing::Sight;
use zonelog_projections::status::Status;

use crate::world::{POOL, World};

const OTHER: Uuid = Uuid::from_u128(8);

async fn statements(world: &World) -> Statements {
    Statements::prepare(&world.client).await.unwrap()
}

async fn stretch(world: &World, pool: Uuid, after: i64) -> Vec<(String, bool)> {
    match delivery::stretch(
        &world.client,
        &statements(world).await,
        "one",
        PoolId::new(pool),
        after,
        1000,
    )
    .await
    .unwrap()
    {
        Stretch::Zones { zones, .. } => zones
            .iter()
            .map(|zone| (zone.name.to_string(), zone.serial.is_some()))
            .collect(),
        Stretch::TooLong { .. } => panic!("too long"),
    }
}

async fn status(world: &World, zone: ZoneId) -> Option<Status> {
    let client = world.reader().await;
    let row = world
        .listing
        .zone(&client, Sight::AllProjects, zone.uuid())
        .await
        .unwrap();
    row.map(|row| row.status)
}

async fn lease(world: &World, server: &str) -> Lease {
    delivery::acquire(&world.client, server, "test", 60.0)
        .await
        .unwrap()
        .unwrap()
}

fn later() -> Timestamp {
    Timestamp::from_timestamp(1_800_000_000, 0).unwrap()
}

/// Also while PostgreSQL knows nothing of the tables yet, as after a thousand new zones.
#[tokio::test]
async fn what_is_read_of_zones_behind_is_a_page_whatever_there_is() {
    let mut world = World::new().await;
    for number in 0..300 {
        world.zone(&format!("z{number}.test."), "p").await;
    }
    world.server("ns1", POOL, 0).await;
    let (pool, now) = (PoolId::new(POOL), later());
    let lease = lease(&world, "ns1").await;
    let parked = delivery::park_stretch(&world.client, &lease, pool, 0, Some("away"), now, now);
    assert!(parked.await.unwrap().is_some());
    let settings = "set enable_seqscan = off; set enable_bitmapscan = off; begin";
    world.client.batch_execute(settings).await.unwrap();
    let statements = statements(&world).await;
    let read = async || {
        let sql = "select sum(seq_tup_read + idx_tup_fetch)::bigint from pg_stat_xact_user_tables \
                   where relname in ('zone', 'server_zone')";
        world.client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let before = read().await;
    let rows = delivery::waiting(&world.client, &statements, "ns1", pool, 10)
        .await
        .unwrap();
    assert_eq!(rows.len(), 10);
    let read = read().await - before;
    assert!((20..40).contains(&read), "{read} rows were read");
}

#[tokio::test]
async fn what_is_written_of_zones_behind_costs_as_much_as_it_is_whatever_else_is_behind() {
    let mut world = World::new().await;
    let mut last = ZoneId::new(Uuid::nil());
    for number in 0..300 {
        last = world.zone(&format!("z{number}.test."), "p").await;
    }
    world.server("ns1", POOL, 0).await;
    let (pool, now) = (PoolId::new(POOL), later());
    let lease = lease(&world, "ns1").await;
    let parked = delivery::park_stretch(&world.client, &lease, pool, 0, Some("away"), now, now);
    let head = parked.await.unwrap().unwrap();
    let event = world.abandoned(last);
    let upto = world.change(last, vec![event]).await;
    let settings = "set enable_seqscan = off; set enable_bitmapscan = off; set plan_cache_mode = force_generic_plan; begin";
    world.client.batch_execute(settings).await.unwrap();
    let statements = statements(&world).await;
    let waiting = delivery::waiting(&world.client, &statements, "ns1", pool, 12)
        .await
        .unwrap();
    let keys: Vec<_> = waiting.iter().map(|row| row.target.zone_key.clone()).collect();
    // Ten have come to where they are to be; two have not.
    let confirmed: Vec<_> = (0..)
        .zip(keys)
        .map(|(number, key)| (key, if number < 10 { head } else { 0 }))
        .collect();
    let read = async || {
        let sql = "select sum(seq_tup_read + idx_tup_fetch)::bigint from pg_stat_xact_user_tables \
                   where relname in ('zone', 'server_zone')";
        world.client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let behind = async || {
        let sql = "select count(*) from server_zone";
        world.client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    assert_eq!(behind().await, 300);
    let before = read().await;
    let written = delivery::record(&world.client, &statements, &lease, now, upto, &confirmed, &[]);
    assert!(written.await.unwrap());
    let read = read().await - before;
    assert!(read < 60, "{read} rows were read");
    // The abandoned one went too.
    assert_eq!(behind().await, 300 - 10 - 1);
}

#[tokio::test]
async fn a_moved_zone_leaves_one_pool_and_comes_to_another() {
    let mut world = World::new().await;
    let zone = world.zone("a.test.", "p").await;
    let head = world.recordset(zone, "www.a.test.", "p").await.created_at;
    assert!(head <= world.now());
    let event = world.moved(zone, OTHER);
    let moved = world.change(zone, vec![event]).await;
    assert_eq!(stretch(&world, POOL, 0).await, [("a.test.".to_owned(), false)]);
    assert_eq!(stretch(&world, OTHER, 0).await, [("a.test.".to_owned(), true)]);
    let Stretch::Zones { zones, .. } = delivery::stretch(
        &world.client,
        &statements(&world).await,
        "one",
        PoolId::new(OTHER),
        0,
        1000,
    )
    .await
    .unwrap() else {
        panic!("too long");
    };
    assert_eq!((zones[0].created, zones[0].position), (moved, moved));
    assert_eq!(stretch(&world, POOL, moved).await, []);

    // Another zone of that name, after that one is gone, is the old pool's again.
    let event = world.deleted(zone);
    world.change(zone, vec![event]).await;
    assert_eq!(
        stretch(&world, OTHER, moved).await,
        [("a.test.".to_owned(), false)]
    );
    assert_eq!(stretch(&world, POOL, moved).await, []);
    world.zone("a.test.", "p").await;
    assert_eq!(stretch(&world, POOL, 0).await, [("a.test.".to_owned(), true)]);
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn a_zone_that_comes_back_to_its_pool_is_served_there() {
    let mut world = World::new().await;
    let zone = world.zone("a.test.", "p").await;
    for pool in [OTHER, POOL] {
        let event = world.moved(zone, pool);
        world.change(zone, vec![event]).await;
    }
    assert_eq!(stretch(&world, POOL, 0).await, [("a.test.".to_owned(), true)]);
    assert_eq!(stretch(&world, OTHER, 0).await, [("a.test.".to_owned(), false)]);
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn servers_of_an_abandoned_zone_are_left_alone() {
    let mut world = World::new().await;
    let (zone, other) = (world.zone("a.test.", "p").await, world.zone("b.test.", "p").await);
    world.server("ns1", POOL, 0).await;
    let lease = lease(&world, "ns1").await;
    let pool = PoolId::new(POOL);
    let now = later();
    // Both are behind at the server.
    let parked = delivery::park_stretch(&world.client, &lease, pool, 0, Some("away"), now, now)
        .await
        .unwrap();
    assert_eq!(parked, Some(2));
    let event = world.abandoned(zone);
    let head = world.change(zone, vec![event]).await;
    assert_eq!(stretch(&world, POOL, 2).await, []);
    let waiting = async |world: &World| {
        let rows = delivery::waiting(&world.client, &statements(world).await, "ns1", pool, 10)
            .await
            .unwrap();
        rows.iter()
            .map(|row| row.target.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(waiting(&world).await, ["b.test."]);
    assert!(
        delivery::record(
            &world.client,
            &statements(&world).await,
            &lease,
            now,
            head,
            &[],
            &[]
        )
        .await
        .unwrap()
    );
    let left: i64 = world.one("select count(*) from server_zone").await;
    assert_eq!(left, 1);
    // Nobody waits for the abandoned one, and the other is still told apart.
    let event = world.deleted(other);
    let head = world.change(other, vec![event]).await;
    assert_eq!(
        stretch(&world, POOL, head - 1).await,
        [("b.test.".to_owned(), false)]
    );

    // Abandoned while the stretch is parked as a whole, and a new zone of the name is there.
    let zone = world.zone("c.test.", "p").await;
    delivery::park_stretch(&world.client, &lease, pool, head, Some("away"), now, now)
        .await
        .unwrap();
    let event = world.abandoned(zone);
    let head = world.change(zone, vec![event]).await;
    world.zone("c.test.", "p").await;
    delivery::park_stretch(&world.client, &lease, pool, head - 1, Some("away"), now, now)
        .await
        .unwrap();
    assert_eq!(waiting(&world).await, ["b.test.", "c.test."]);
}

#[tokio::test]
async fn servers_are_told_of_hard_deletions() {
    let mut world = World::new().await;
    let (soft, hard) = (world.zone("a.test.", "p").await, world.zone("b.test.", "p").await);
    world.server("ns1", POOL, 0).await;
    let lease = lease(&world, "ns1").await;
    let pool = PoolId::new(POOL);
    let now = later();
    let event = world.deleted(soft);
    world.change(soft, vec![event]).await;
    let zone::Event::ZoneDeleted { zone, .. } = world.deleted(hard) else {
        panic!("another event");
    };
    let head = world
        .change(hard, vec![zone::Event::ZoneDeleted { zone, hard: true }])
        .await;
    let Stretch::Zones { zones, .. } =
        delivery::stretch(&world.client, &statements(&world).await, "one", pool, 0, 100)
            .await
            .unwrap()
    else {
        panic!("too long");
    };
    let told: Vec<_> = zones
        .iter()
        .map(|zone| (zone.name.to_string(), zone.hard))
        .collect();
    assert_eq!(
        told,
        [("a.test.".to_owned(), false), ("b.test.".to_owned(), true)]
    );
    delivery::park_stretch(&world.client, &lease, pool, head - 2, Some("away"), now, now)
        .await
        .unwrap();
    let waiting = async |world: &World| {
        let rows = delivery::waiting(&world.client, &statements(world).await, "ns1", pool, 10)
            .await
            .unwrap();
        let row = |row: &delivery::Waiting| (row.target.name.to_string(), row.target.hard);
        let mut rows: Vec<_> = rows.iter().map(row).collect();
        rows.sort();
        rows
    };
    assert_eq!(
        waiting(&world).await,
        [("a.test.".to_owned(), false), ("b.test.".to_owned(), true)]
    );
    // A new zone of the name is not deleted at all.
    world.zone("b.test.", "p").await;
    assert_eq!(
        waiting(&world).await,
        [("a.test.".to_owned(), false), ("b.test.".to_owned(), false)]
    );
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn only_servers_of_the_present_pool_count_for_the_status() {
    let mut world = World::new().await;
    world.pool(POOL, 1).await;
    world.pool(OTHER, 1).await;
    let zone = world.zone("a.test.", "p").await;
    assert_eq!(
        status(&world, zone).await,
        Some(Status::Pending),
        "nobody is registered yet"
    );
    let head = world
        .change(
            zone,
            vec![zone::Event::ZoneDescriptionChanged {
                before: None,
                after: None,
            }],
        )
        .await;
    world.server("ns1", POOL, head).await;
    world.server("other1", OTHER, 0).await;
    assert_eq!(status(&world, zone).await, Some(Status::Active));
    let event = world.moved(zone, OTHER);
    let head = world.change(zone, vec![event]).await;
    assert_eq!(status(&world, zone).await, Some(Status::Pending));
    // The old pool's server is behind with the removal, for ever: that is its own affair.
    world.server("other1", OTHER, head).await;
    world
        .client
        .execute(
            "insert into server_zone select 'ns1', name_key, name, id, $1, null, 'it fails', 9, now() - interval '1 day', \
             now() from zone",
            &[&head],
        )
        .await
        .unwrap();
    assert_eq!(status(&world, zone).await, Some(Status::Active));
    let event = world.deleted(zone);
    let head = world.change(zone, vec![event]).await;
    assert_eq!(status(&world, zone).await, Some(Status::Pending));
    world.server("other1", OTHER, head).await;
    assert_eq!(status(&world, zone).await, None);
}

#[tokio::test]
async fn a_pool_without_targets_is_served_at_once() {
    let mut world = World::new().await;
    world.pool(POOL, 0).await;
    let zone = world.zone("a.test.", "p").await;
    assert_eq!(status(&world, zone).await, Some(Status::Active));
    let event = world.deleted(zone);
    world.change(zone, vec![event]).await;
    assert_eq!(status(&world, zone).await, None);
}
