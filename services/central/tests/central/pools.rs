//! Zones move between pools, and follow their pool's NS records.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_central::{Central, Request};
use zonelog_model::PoolId;
use zonelog_model::resource::{self, Change, Pool};
use zonelog_model::zone::{self, MoveZone};
use zonelog_test_parts::eventually;

use crate::setup::{
    AMY, BOB, POOL, World, central, create_pool, create_zone, image_at, ns_record, pool, request, zone_row,
};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_zone_moves_with_its_name_servers() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let second = PoolId::new(Uuid::from_u128(8));
    world
        .central
        .execute(create_pool(second, "second"))
        .await
        .unwrap();
    let to = |pool| {
        let command = MoveZone {
            zone: zone.id,
            pool: Some(pool),
        };
        request(zone::Command::from(command), AMY)
    };
    assert_eq!(world.reject(to(POOL)).await.label(), "bad_request");
    let moved = world.accept(to(second)).await;
    assert_eq!(moved.zone.pool, second);
    assert_eq!(zone_row(&world.client, zone.id).await, moved.zone);
    assert!(moved.zone.serial > zone.serial);
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn all_zones_of_a_pool_follow_its_ns_records() {
    let world = World::new().await;
    let mut zones = Vec::new();
    for number in 0..30 {
        let by = if number % 2 == 0 { AMY } else { BOB };
        zones.push(
            world
                .accept(create_zone(&format!("z{number}.org."), by))
                .await
                .zone,
        );
    }
    let mut changed = pool("default");
    changed.ns_records = vec![
        ns_record(("ns3.example.net.", 1)),
        ns_record(("ns1.example.net.", 2)),
    ];
    let id = POOL.into();
    let change = Change::Pool(Box::new(changed));
    let update = request(resource::Command::Update { id, change }, AMY);
    let metadata = update.metadata.clone();
    world.central.execute(update).await.unwrap();
    let mut seen = Vec::new();
    let rewritten = world
        .central
        .rewrite_nameservers(POOL, &metadata, |zones| seen.push(zones))
        .await
        .unwrap();
    assert_eq!((rewritten, seen.last()), (30, Some(&30)));
    let again = world.central.rewrite_nameservers(POOL, &metadata, |_| {}).await;
    assert_eq!(again.unwrap(), 0, "nothing is left to be done");
    for zone in zones {
        let now = zone_row(&world.client, zone.id).await;
        assert_eq!(now.primary_nameserver.to_string(), "ns3.example.net.");
        assert!(now.serial > zone.serial);
        let image = image_at(&world.client, zone.id, now.serial).await;
        let names: Vec<_> = image
            .values()
            .flat_map(|rrset| rrset.rdata.iter())
            .map(ToString::to_string)
            .collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&"ns3.example.net.".to_owned()), "{names:?}");
    }
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
}

fn change_pool(change: impl FnOnce(&mut Pool)) -> Request {
    let mut changed = pool("default");
    change(&mut changed);
    let change = Change::Pool(Box::new(changed));
    let id = POOL.into();
    request(resource::Command::Update { id, change }, AMY)
}

/// The pool names one server more, which comes first.
fn with_a_third(pool: &mut Pool) {
    pool.ns_records.push(ns_record(("ns3.example.net.", 1)));
    for record in &mut pool.ns_records[..2] {
        record.priority += 10;
    }
}

/// Starts the tasks of a process; what ends them.
fn start_tasks(central: &Central) -> CancellationToken {
    let shutdown = CancellationToken::new();
    central.start_tasks(central.positions(), &shutdown);
    shutdown
}

/// Whether it is known of all pools that their zones follow them.
async fn all_follow(world: &World) -> bool {
    let behind = "resource r where kind = 'pool' and not exists (select from pool_nameservers n \
                  where n.pool = r.id and n.version = r.stream_version)";
    world.count(behind).await == 0
}

#[tokio::test]
async fn zones_follow_their_pool_though_the_process_dies_in_the_middle() {
    let world = World::new().await;
    let creations = (0..300).map(|number| create_zone(&format!("z{number}.org."), AMY));
    let creations: Vec<_> = creations.map(|zone| world.central.execute(zone)).collect();
    for created in join_all(creations).await {
        created.unwrap();
    }
    let doomed = central(world.database.url());
    let end = start_tasks(&doomed);
    eventually("all follow", PATIENCE, async || all_follow(&world).await).await;

    // A zone in the middle cannot be written, and those after it wait.
    let middle = "select id from zone order by id offset 150 limit 1";
    let middle: Uuid = world.client.query_one(middle, &[]).await.unwrap().get(0);
    let holder = world.database.client().await;
    let hold = format!("begin; select from zone where id = '{middle}' for update");
    holder.batch_execute(&hold).await.unwrap();
    world.central.execute(change_pool(with_a_third)).await.unwrap();
    let old = "zone where mname = 'ns1.example.net.'";
    eventually("the first follow", PATIENCE, async || {
        world.count(old).await < 300
    })
    .await;
    end.cancel();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    holder.batch_execute("rollback").await.unwrap();
    // What it had sent off is written before this.
    doomed.execute(create_zone("last.org.", AMY)).await.unwrap();
    let left = world.count(old).await;
    assert!(left > 50, "{left}");
    assert!(!all_follow(&world).await);

    // Two processes start at once.
    let others = [(); 2].map(|()| central(world.database.url()));
    let _ends = others.each_ref().map(start_tasks);
    eventually("all follow", PATIENCE, async || all_follow(&world).await).await;
    assert_eq!(world.count(old).await, 0);
    let each_once = "event where type = 'zone_primary_nameserver_changed' \
                     and actor ->> 'user' = 'user-of-amy' and cause like 'change %'";
    assert_eq!(world.count(each_once).await, 300);
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn name_servers_that_were_there_for_a_while_only_are_gone_from_every_zone() {
    let world = World::new().await;
    let old = world.zone("old.org.").await;
    let end = start_tasks(&world.central);
    eventually("all follow", PATIENCE, async || all_follow(&world).await).await;
    end.cancel();
    // Nobody brings them to the zones, but a new zone has them.
    world.central.execute(change_pool(with_a_third)).await.unwrap();
    let new = world.zone("new.org.").await;
    assert_eq!(new.primary_nameserver.to_string(), "ns3.example.net.");
    world.central.execute(change_pool(|_| {})).await.unwrap();
    let described = change_pool(|pool| pool.description = Some("as before".into()));
    world.central.execute(described).await.unwrap();

    let _end = start_tasks(&central(world.database.url()));
    eventually("all follow", PATIENCE, async || all_follow(&world).await).await;
    assert_eq!(zone_row(&world.client, old.id).await, old);
    let new = zone_row(&world.client, new.id).await;
    assert_eq!(new.primary_nameserver.to_string(), "ns1.example.net.");
}
