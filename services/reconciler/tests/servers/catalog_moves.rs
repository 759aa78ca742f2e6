//! Zones that move between two pools with catalogs (RFC 9432 §4.3.2, change of ownership).

use std::net::SocketAddr;

use tokio::process::Command as Process;
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;
use zonelog_model::resource::Pool;
use zonelog_model::zone::{Command, MoveZone, Zone};
use zonelog_model::{PoolId, ZoneId};
use zonelog_reconciler::plan::Observed;
use zonelog_test_parts::bind::Bind;
use zonelog_test_parts::eventually;

use crate::targets::catalog::{CATALOG, bind_options, catalog_zone, follower, knot, pdns};
use crate::world::{PATIENCE, Reconciler, World, described, look, pool, quick, until_serving};

const OTHER: PoolId = PoolId::new(Uuid::from_u128(8));
const OTHER_CATALOG: &str = "other.example";

fn followed(name: &str, catalog: &str, servers: &[SocketAddr]) -> Pool {
    let members: Vec<_> = servers.iter().map(|&server| follower(server)).collect();
    let mut pool = described(name, &members);
    pool.catalog_zone = Some(catalog_zone(catalog));
    pool
}

/// Two pools with a catalog each, and these servers.
async fn two_pools(world: &World, old: &[SocketAddr], new: &[SocketAddr]) {
    world.change_pool(pool(), followed("default", CATALOG, old)).await;
    world
        .make_pool(OTHER, followed("other", OTHER_CATALOG, new))
        .await;
}

async fn move_zone(world: &World, zone: ZoneId, to: PoolId) -> Zone {
    let pool = Some(to);
    world.execute(Command::MoveZone(MoveZone { zone, pool })).await.0
}

async fn bind(world: &World, catalogs: &[&str]) -> Bind {
    Bind::start(bind_options(catalogs, world.master)).await.unwrap()
}

/// Two pools with a catalog each, and one BIND that follows both.
async fn a_bind_in_both_pools() -> (World, Bind) {
    let world = World::new().await;
    let both = bind(&world, &[CATALOG, OTHER_CATALOG]).await;
    two_pools(&world, &[both.dns_address()], &[both.dns_address()]).await;
    (world, both)
}

/// What MiniDNS has in a catalog for a zone.
async fn shown(world: &World, catalog: &str, zone: ZoneId) -> Vec<String> {
    let (address, port) = (world.master.ip(), world.master.port());
    let mut dig = Process::new("dig");
    dig.arg(format!("@{address}")).args(["-p", &port.to_string()]);
    let output = dig
        .args(["+noall", "+answer", catalog, "AXFR"])
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let label = format!("{}.zones.", zone.uuid());
    let lines = text.lines().filter(|line| line.contains(&label));
    lines
        .map(|line| {
            line.split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .replace(&label, "")
        })
        .collect()
}

async fn until_shown(world: &World, catalog: &str, zone: ZoneId, expected: &[&str]) {
    let is_shown = async || shown(world, catalog, zone).await == expected;
    eventually(format!("{catalog} shows {expected:?}"), PATIENCE, is_shown).await;
}

/// The steps that the log has of moves.
async fn steps(world: &World) -> Vec<String> {
    let sql = "select payload ->> 'step' from event where type = 'zone_move_advanced' order by position";
    let rows = world.client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Asks for a zone until `done`. BIND itself is without it for a moment as it hands it over; one that passed over it would
/// be for longer than the grace that it is given.
async fn never_long_without(server: SocketAddr, zone: &str, done: impl AsyncFn() -> bool) {
    let served_at = Mutex::new(Instant::now());
    eventually("the move is over", PATIENCE, async || {
        let seen = look(server, zone).await;
        let mut served_at = served_at.lock().await;
        if matches!(seen, Observed::Serving(_)) {
            *served_at = Instant::now();
        }
        assert!(
            served_at.elapsed() < quick().catalog_grace,
            "{zone} at {server}: {seen:?}"
        );
        done().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_catalog_shows_where_a_zone_is_going_until_it_is_served_there() {
    let world = World::new().await;
    let (old, mut new) = (
        bind(&world, &[CATALOG]).await,
        bind(&world, &[OTHER_CATALOG]).await,
    );
    two_pools(&world, &[old.dns_address()], &[new.dns_address()]).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("moved.test.").await;
    world.until_active(zone.id).await;
    // The new pool's server is down: the old one's keeps the zone.
    new.kill().await.unwrap();
    let moved = move_zone(&world, zone.id, OTHER).await;
    let ptr = format!("{CATALOG}. 0 IN PTR moved.test.");
    let coo = format!("coo.{CATALOG}. 0 IN PTR {OTHER_CATALOG}.");
    until_shown(&world, CATALOG, zone.id, &[&ptr, &coo]).await;
    let there = format!("{OTHER_CATALOG}. 0 IN PTR moved.test.");
    until_shown(&world, OTHER_CATALOG, zone.id, &[&there]).await;
    assert_eq!(steps(&world).await, Vec::<String>::new());
    assert!(matches!(
        look(old.dns_address(), "moved.test.").await,
        Observed::Serving(_)
    ));
    new.start_again().await.unwrap();
    until_serving(new.dns_address(), "moved.test.", moved.serial).await;
    until_shown(&world, CATALOG, zone.id, &[]).await;
    until_shown(&world, OTHER_CATALOG, zone.id, &[&there]).await;
    let gone = async || look(old.dns_address(), "moved.test.").await == Observed::NotServing;
    eventually("the old pool's server drops it", PATIENCE, gone).await;
    assert_eq!(steps(&world).await, ["over"]);
    world.until_active(zone.id).await;
    let behind = async || world.backlog().await == (0, 0);
    eventually("nothing is left to do", PATIENCE, behind).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bind_in_both_pools_serves_a_zone_without_a_gap_as_it_moves() {
    let (world, both) = a_bind_in_both_pools().await;
    let server = both.dns_address();
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("moved.test.").await;
    let stays = world.create_zone("stays.test.").await;
    for zone in [&zone, &stays] {
        world.until_active(zone.id).await;
    }
    let mut taken = 0;
    for to in [OTHER, pool()] {
        let moved = move_zone(&world, zone.id, to).await;
        taken += 2;
        never_long_without(server, "moved.test.", async || steps(&world).await.len() == taken).await;
        until_serving(server, "moved.test.", moved.serial).await;
        world.until_active(zone.id).await;
    }
    assert_eq!(steps(&world).await, ["shown", "over", "shown", "over"]);
    // It is the new pool's, and follows it to its end.
    let changed = world.add_record(&zone, "www").await;
    until_serving(server, "moved.test.", changed.serial).await;
    world.until_converged(&[&both]).await;
    world.delete_zone(zone.id).await;
    world.until_converged(&[&both]).await;
    assert_eq!(world.errors().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sees_to_a_move_may_be_killed_between_any_two_steps() {
    let (world, both) = a_bind_in_both_pools().await;
    let server = both.dns_address();
    let mut reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("moved.test.").await;
    world.until_active(zone.id).await;
    let moved = move_zone(&world, zone.id, OTHER).await;
    let taken = async || steps(&world).await.len();
    let killing = async {
        let mut claim = 0_i64;
        for steps in 0..=2 {
            // A worker after the one that was killed looks at it: who is in the middle has taken no step yet.
            let at_work = async || {
                let sql = "select claim from deadline where kind = 'catalog_move' and claimed_until > now() and claim > $1";
                let row = world.client.query_opt(sql, &[&claim]).await.unwrap();
                let Some(row) = row else { return false };
                if taken().await != steps {
                    return false;
                }
                claim = row.get(0);
                true
            };
            eventually(format!("it is looked at after {steps} steps"), PATIENCE, at_work).await;
            reconciler.kill();
            reconciler = Reconciler::with_pools_as_they_are(&world, &format!("after {steps}"), quick());
        }
        let left = "select count(*) from deadline where kind = 'catalog_move'";
        let over = async || world.client.query_one(left, &[]).await.unwrap().get::<_, i64>(0) == 0;
        eventually("the move is over", PATIENCE, over).await;
        reconciler
    };
    let over = async || taken().await == 2;
    let (_reconciler, ()) = tokio::join!(killing, never_long_without(server, "moved.test.", over));
    assert_eq!(steps(&world).await, ["shown", "over"]);
    let there = format!("{OTHER_CATALOG}. 0 IN PTR moved.test.");
    until_shown(&world, OTHER_CATALOG, zone.id, &[&there]).await;
    until_shown(&world, CATALOG, zone.id, &[]).await;
    until_serving(server, "moved.test.", moved.serial).await;
    world.until_converged(&[&both]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn knot_and_powerdns_in_both_pools_serve_a_zone_that_moved() {
    let world = World::new().await;
    let knot = knot(&[CATALOG, OTHER_CATALOG], world.master, None).await;
    let pdns = pdns(&[CATALOG, OTHER_CATALOG], world.master, None).await;
    let servers = [knot.dns_address(), pdns.dns_address()];
    two_pools(&world, &servers, &servers).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("moved.test.").await;
    world.until_active(zone.id).await;
    let moved = move_zone(&world, zone.id, OTHER).await;
    // Knot takes it up when it comes to the new catalog again.
    let done = async || {
        let left = "select count(*) from deadline where kind = 'catalog_move'";
        world.client.query_one(left, &[]).await.unwrap().get::<_, i64>(0) == 0
    };
    eventually("the move is begun", PATIENCE, async || {
        !steps(&world).await.is_empty()
    })
    .await;
    eventually("the move is over", PATIENCE, done).await;
    assert_eq!(steps(&world).await, ["shown", "over", "hidden", "shown"]);
    for server in servers {
        until_serving(server, "moved.test.", moved.serial).await;
    }
    let changed = world.add_record(&moved, "www").await;
    for server in servers {
        until_serving(server, "moved.test.", changed.serial).await;
    }
    world.until_converged_at(&servers).await;
    world.delete_zone(zone.id).await;
    world.until_converged_at(&servers).await;
}
