//! Pools whose servers take their zones from a catalog zone: what is particular to that. What every server of a pool must
//! do is in targets/pooled.rs.

use std::net::SocketAddr;
use std::time::Instant;

use futures_util::future::join_all;
use uuid::Uuid;
use zonelog_dns::LongSerial;
use zonelog_model::PoolId;
use zonelog_model::resource::Pool;
use zonelog_model::zone::{AbandonZone, Command, MoveZone};
use zonelog_projections::status::Status;
use zonelog_reconciler::Timings;
use zonelog_reconciler::plan::Observed;
use zonelog_test_parts::bind::Bind;
use zonelog_test_parts::eventually;

use crate::targets::catalog::{CATALOG, bind_options, catalog_zone, follower, knot};
use crate::world::{Member, PATIENCE, Reconciler, World, described, look, pool, quick, until_serving};

const OTHER: PoolId = PoolId::new(Uuid::from_u128(8));

/// A pool with a catalog that these servers follow.
fn by_catalog(name: &str, catalog: &str, servers: &[&Bind]) -> Pool {
    let servers: Vec<_> = servers.iter().map(|server| server.dns_address()).collect();
    followed_at(name, catalog, &servers)
}

fn followed_at(name: &str, catalog: &str, servers: &[SocketAddr]) -> Pool {
    let members: Vec<_> = servers.iter().map(|&server| follower(server)).collect();
    let mut pool = described(name, &members);
    pool.catalog_zone = Some(catalog_zone(catalog));
    pool
}

async fn bind(world: &World, catalogs: &[&str]) -> Bind {
    Bind::start(bind_options(catalogs, world.master)).await.unwrap()
}

async fn until_gone(server: &Bind, zone: &str) {
    let gone = async || look(server.dns_address(), zone).await == Observed::NotServing;
    eventually(format!("{zone} is gone"), PATIENCE, gone).await;
}

/// The catalog's serial at a server.
async fn serial(server: SocketAddr) -> Option<u32> {
    match look(server, &format!("{CATALOG}.")).await {
        Observed::Serving(serial) => Some(serial.get()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_zones_are_one_notify() {
    let world = World::new().await;
    let bind = bind(&world, &[CATALOG]).await;
    world
        .change_pool(pool(), by_catalog("default", CATALOG, &[&bind]))
        .await;
    let names: Vec<String> = (0..150).map(|number| format!("z{number}.test.")).collect();
    let zones = join_all(names.iter().map(|name| world.create_zone(name))).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    for zone in &zones {
        world.until_active(zone.id).await;
    }
    world.until_converged(&[&bind]).await;
    let log = bind.log();
    let told = log
        .matches(&format!("received notify for zone '{CATALOG}'"))
        .count();
    assert!((1..=20).contains(&told), "{told} NOTIFYs of the catalog");
}

/// Nothing that a zone waits for: the pool alone was described otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalog_that_is_behind_is_seen_by_its_serial() {
    let world = World::new().await;
    let bind = bind(&world, &[CATALOG]).await;
    let mut described = by_catalog("default", CATALOG, &[&bind]);
    world.change_pool(pool(), described.clone()).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("one.test.").await;
    world.until_active(zone.id).await;
    let before = serial(bind.dns_address()).await.unwrap();
    described.description = Some("another".to_owned());
    world.change_pool(pool(), described).await;
    eventually("the catalog follows", PATIENCE, async || {
        let (ours, theirs) = (serial(world.master).await, serial(bind.dns_address()).await);
        ours == theirs && ours.is_some_and(|serial| serial > before)
    })
    .await;
    until_serving(bind.dns_address(), "one.test.", zone.serial).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_goes_from_one_catalog_to_another_and_back() {
    let world = World::new().await;
    let (old, new) = (
        bind(&world, &[CATALOG]).await,
        bind(&world, &["other.example"]).await,
    );
    world
        .change_pool(pool(), by_catalog("default", CATALOG, &[&old]))
        .await;
    world
        .make_pool(OTHER, by_catalog("other", "other.example", &[&new]))
        .await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("moved.test.").await;
    let stays = world.create_zone("stays.test.").await;
    world.until_active(zone.id).await;
    world.until_active(stays.id).await;
    for (to, comes, goes) in [(OTHER, &new, &old), (pool(), &old, &new)] {
        let pool = Some(to);
        let command = MoveZone { zone: zone.id, pool };
        let (moved, _) = world.execute(Command::MoveZone(command)).await;
        until_serving(comes.dns_address(), "moved.test.", moved.serial).await;
        until_gone(goes, "moved.test.").await;
        world.until_active(zone.id).await;
    }
    until_serving(old.dns_address(), "stays.test.", stays.serial).await;
    assert_eq!(look(new.dns_address(), "stays.test.").await, Observed::NotServing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_zone_is_left_to_its_servers_until_its_name_is_anothers() {
    let world = World::new().await;
    let bind = bind(&world, &[CATALOG]).await;
    world
        .change_pool(pool(), by_catalog("default", CATALOG, &[&bind]))
        .await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("left.test.").await;
    world.until_active(zone.id).await;
    world
        .execute(Command::AbandonZone(AbandonZone { zone: zone.id }))
        .await;
    let next = world.create_zone("next.test.").await;
    world.until_active(next.id).await;
    until_serving(bind.dns_address(), "left.test.", zone.serial).await;
    let again = world.create_zone("left.test.").await;
    let again = world.add_record(&again, "www").await;
    until_serving(bind.dns_address(), "left.test.", again.serial).await;
    world.until_active(again.id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_the_catalog_is_an_error_that_says_what_to_do() {
    let world = World::new().await;
    let bind = bind(&world, &["another.example"]).await;
    world
        .change_pool(pool(), by_catalog("default", CATALOG, &[&bind]))
        .await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("lost.test.").await;
    let error = world.until_error("catalog-zones").await;
    assert!(
        error.contains(CATALOG) && error.contains(&bind.dns_address().to_string()),
        "{error}"
    );
    world.a_minute_passes().await;
    assert_eq!(world.status(zone.id).await, Status::Error);
    // The pool is given the catalog that the server follows.
    world
        .change_pool(pool(), by_catalog("default", "another.example", &[&bind]))
        .await;
    world.until_active(zone.id).await;
    until_serving(
        bind.dns_address(),
        "lost.test.",
        LongSerial::from_i64(zone.serial.get()),
    )
    .await;
}

/// The servers of a pool that is given a catalog were told of its zones one by one until then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_has_no_catalog_to_follow_says_so() {
    let world = World::new().await;
    let bind = bind(&world, &[CATALOG]).await;
    let mut without = by_catalog("default", CATALOG, &[&bind]);
    without.catalog_zone = None;
    world.change_pool(pool(), without).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("none.test.").await;
    let error = world.until_error("catalog_zone").await;
    assert!(error.contains("zonelog pool update"), "{error}");
    world
        .change_pool(pool(), by_catalog("default", CATALOG, &[&bind]))
        .await;
    world.until_active(zone.id).await;
}

/// Nobody can be told: who asks for new transfers is told how to get them, and all else goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_without_a_channel_says_how_its_zones_are_transferred_anew() {
    let world = World::new().await;
    let bind = bind(&world, &[CATALOG]).await;
    world
        .change_pool(pool(), by_catalog("default", CATALOG, &[&bind]))
        .await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("one.test.").await;
    world.until_active(zone.id).await;
    // Options that cannot be read are no reason not to follow the catalog either.
    let unreadable = Member {
        kind: "bind9",
        ..follower(bind.dns_address())
    };
    let mut described = described("default", &[unreadable.with("rndc_key_file", "/no/such/key")]);
    described.catalog_zone = Some(catalog_zone(CATALOG));
    for (pool_now, words) in [(None, "rndc retransfer"), (Some(described), "/no/such/key")] {
        if let Some(now) = pool_now {
            world.change_pool(pool(), now).await;
            let zone = world.create_zone("two.test.").await;
            world.until_active(zone.id).await;
        }
        let resync = world.resync(true).await;
        let error = resync.error.unwrap_or_default();
        assert!(resync.failed == resync.asked && error.contains(words), "{error}");
    }
    world.until_converged(&[&bind]).await;
}

/// BIND and Knot side by side: zones come, change, go and are made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bind_and_knot_follow_one_catalog() {
    let world = World::new().await;
    let (bind, knot) = (
        bind(&world, &[CATALOG]).await,
        knot(&[CATALOG], world.master, None).await,
    );
    let servers = [bind.dns_address(), knot.dns_address()];
    world
        .change_pool(pool(), followed_at("default", CATALOG, &servers))
        .await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let one = world.create_zone("one.test.").await;
    let two = world
        .create_zone_with("two.test.", &[("catalog_group", "gold")])
        .await;
    for zone in [&one, &two] {
        world.until_active(zone.id).await;
    }
    let one = world.add_record(&one, "www").await;
    world.delete_zone(two.id).await;
    world.until_converged_at(&servers).await;
    let again = world.create_zone("two.test.").await;
    world.add_record(&again, "new").await;
    world.delete_zone(one.id).await;
    world.until_converged_at(&servers).await;
    assert_eq!(world.errors().await, Vec::<String>::new());
}

/// From nothing to ten thousand zones at a server, and one more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_zones_by_one_catalog() {
    let world = World::new().await;
    let knot = knot(&[CATALOG], world.master, None).await;
    let server = knot.dns_address();
    world
        .change_pool(pool(), followed_at("default", CATALOG, &[server]))
        .await;
    let mut last = None;
    for thousand in 0..10 {
        let names: Vec<String> = (0..1_000)
            .map(|number| format!("z{thousand}-{number}.test."))
            .collect();
        let zones = join_all(names.iter().map(|name| world.create_zone(name))).await;
        last = zones.into_iter().next_back();
    }
    let began = Instant::now();
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", Timings::default());
    eventually("all are served", PATIENCE * 2, async || {
        world.backlog().await == (0, 0)
    })
    .await;
    println!("10,000 zones served and confirmed after {:?}", began.elapsed());
    let last = last.unwrap();
    until_serving(server, &last.name.to_string(), last.serial).await;
    let began = Instant::now();
    let more = world.create_zone("more.test.").await;
    until_serving(server, "more.test.", more.serial).await;
    println!("one more after {:?}", began.elapsed());
    world.delete_zone(last.id).await;
    let gone = async || look(server, &last.name.to_string()).await == Observed::NotServing;
    eventually("the last of them is gone", PATIENCE, gone).await;
    assert_eq!(world.errors().await, Vec::<String>::new());
}
