//! Pools come, change and go while the reconciler runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::UdpSocket;
use uuid::Uuid;
use zonelog_model::PoolId;
use zonelog_model::resource::{self, Kind, PoolTarget};
use zonelog_model::zone::{AbandonZone, Command, MoveZone};
use zonelog_projections::delivery;
use zonelog_projections::status::Status;
use zonelog_reconciler::plan::Observed;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::eventually;

use crate::world::{
    Member, PATIENCE, Reconciler, World, bind, described, look, place, pool, quick, server, until_serving,
};

fn other() -> PoolId {
    PoolId::new(Uuid::from_u128(8))
}

async fn until_gone(server: SocketAddr, zone: &str) {
    let gone = async || look(server, zone).await == Observed::NotServing;
    eventually(format!("{server} does not serve {zone}"), PATIENCE, gone).await;
}

/// A server that counts the NOTIFYs that it gets.
async fn listener() -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (address, heard) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, _)) = socket.recv_from(&mut buffer).await {
            // The opcode (RFC 1035 §4.1.1).
            if length >= 12 && buffer[2] >> 3 & 15 == 4 {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    (address, heard)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_taken_up_and_forgotten_without_a_restart() {
    let world = World::new().await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("live.test.").await;
    let (one, mut two) = (bind().await, bind().await);
    world.serve_by(&[server(&one), server(&two)]).await;
    until_serving(one.dns_address(), "live.test.", zone.serial).await;
    until_serving(two.dns_address(), "live.test.", zone.serial).await;
    world.until_active(zone.id).await;
    // One dies, and the operator takes it out: nothing waits for it any more.
    two.kill().await.unwrap();
    let zone = world.add_record(&zone, "www").await;
    world.until_error("does not answer").await;
    world.serve_by(&[server(&one)]).await;
    world.until_active(zone.id).await;
    assert_eq!(world.errors().await, Vec::<String>::new());
    let servers = world
        .client
        .query("select server from server_checkpoint", &[])
        .await
        .unwrap();
    let names: Vec<String> = servers.iter().map(|row| row.get(0)).collect();
    assert_eq!(names, [format!("{}/{}", pool().uuid(), one.dns_address())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_outlives_a_restart_and_another_order() {
    let (world, one, two) = (World::new().await, bind().await, bind().await);
    let reconciler = Reconciler::start(&world, "a", &[server(&one), server(&two)], quick()).await;
    let zone = world.create_zone("order.test.").await;
    world.until_active(zone.id).await;
    reconciler.stop().await;
    let before = checkpoints(&world).await;
    world.serve_by(&[server(&two), server(&one)]).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "b", quick());
    let zone = world.add_record(&zone, "www").await;
    world.until_active(zone.id).await;
    let after = checkpoints(&world).await;
    assert_eq!(before.len(), 2);
    for ((name, was), (same, is)) in before.iter().zip(&after) {
        assert!(name == same && is > was, "{before:?} {after:?}");
    }
}

async fn checkpoints(world: &World) -> Vec<(String, i64)> {
    let sql = "select server, position from server_checkpoint order by server";
    let rows = world.client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_that_moves_is_removed_from_the_old_pool() {
    let (world, old, new) = (World::new().await, bind().await, bind().await);
    let _reconciler = Reconciler::start(&world, "a", &[server(&old)], quick()).await;
    world
        .make_pool(other(), described("other", &[server(&new)]))
        .await;
    let zone = world.create_zone("moved.test.").await;
    let stays = world.create_zone("stays.test.").await;
    world.until_active(zone.id).await;
    world.until_active(stays.id).await;
    let to = Some(other());
    let (moved, _) = world
        .execute(Command::MoveZone(MoveZone {
            zone: zone.id,
            pool: to,
        }))
        .await;
    until_serving(new.dns_address(), "moved.test.", moved.serial).await;
    until_gone(old.dns_address(), "moved.test.").await;
    world.until_active(zone.id).await;
    until_serving(old.dns_address(), "stays.test.", stays.serial).await;
    until_gone(new.dns_address(), "stays.test.").await;
    // And back.
    let to = Some(pool());
    let (back, _) = world
        .execute(Command::MoveZone(MoveZone {
            zone: zone.id,
            pool: to,
        }))
        .await;
    until_serving(old.dns_address(), "moved.test.", back.serial).await;
    until_gone(new.dns_address(), "moved.test.").await;
    world.until_active(zone.id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_zone_is_left_alone() {
    let (world, bind) = (World::new().await, bind().await);
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], quick()).await;
    let zone = world.create_zone("abandoned.test.").await;
    world.until_active(zone.id).await;
    world
        .execute(Command::AbandonZone(AbandonZone { zone: zone.id }))
        .await;
    let next = world.create_zone("next.test.").await;
    world.until_active(next.id).await;
    eventually("nothing is behind", PATIENCE, async || {
        world.backlog().await == (0, 0)
    })
    .await;
    assert_eq!(
        look(bind.dns_address(), "abandoned.test.").await,
        Observed::Serving(zone.serial.wire())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_pool_leaves_nothing_behind() {
    let (world, bind) = (World::new().await, bind().await);
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    world
        .make_pool(other(), described("other", &[server(&bind)]))
        .await;
    eventually("the server is known", PATIENCE, async || {
        checkpoints(&world).await.len() == 1
    })
    .await;
    let (id, kind) = (other().into(), Kind::Pool);
    world.submit(resource::Command::Delete { id, kind }).await;
    eventually("the server is forgotten", PATIENCE, async || {
        checkpoints(&world).await.is_empty()
    })
    .await;
}

/// Who deleted the pool now would leave the zones where they are: `zonelog pool update --delete` asks before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_is_not_done_with_before_its_servers_have_lost_its_zones() {
    let (world, mut bind) = (World::new().await, bind().await);
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], quick()).await;
    let zones = [
        world.create_zone("one.test.").await,
        world.create_zone("two.test.").await,
    ];
    world.until_converged(&[&bind]).await;
    let unfinished = async || delivery::unfinished(&world.client, pool()).await.unwrap();
    assert_eq!(unfinished().await, []);
    bind.kill().await.unwrap();
    for zone in &zones {
        world.delete_zone(zone.id).await;
    }
    let (name, zones) = unfinished().await.remove(0);
    assert_eq!(name, world.server_name().await);
    assert!((1..=4).contains(&zones), "{zones}");
    bind.start_again().await.unwrap();
    eventually("the server has lost them", PATIENCE, async || {
        unfinished().await.is_empty()
    })
    .await;
    for zone in ["one.test.", "two.test."] {
        assert_eq!(look(bind.dns_address(), zone).await, Observed::NotServing);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_nobody_can_tell_is_an_error_and_not_the_end() {
    let (world, bind) = (World::new().await, bind().await);
    let strange = Member {
        kind: "infoblox",
        ..server(&bind)
    };
    let _reconciler = Reconciler::start(&world, "a", &[strange], quick()).await;
    let zone = world.create_zone("strange.test.").await;
    let error = world.until_error("infoblox").await;
    assert!(
        error.contains("zonelog pool update") && error.contains("pool default"),
        "{error}"
    );
    world.a_minute_passes().await;
    assert_eq!(world.status(zone.id).await, Status::Error);
    // A key file that is not there, and one option put right while it runs.
    let missing = Member {
        options: [("rndc_key_file".to_owned(), "/nowhere/rndc.key".to_owned())].into(),
        ..server(&bind)
    };
    world.serve_by(&[missing]).await;
    let other = world.create_zone("other.test.").await;
    world.until_error("/nowhere/rndc.key").await;
    world.serve_by(&[server(&bind)]).await;
    world.until_active(zone.id).await;
    world.until_active(other.id).await;
    world.until_converged(&[&bind]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fake_target_is_active_without_servers_and_confirmed_by_those_there_are() {
    let world = World::new().await;
    let mut alone = described("default", &[]);
    alone.targets.push(fake());
    world.change_pool(pool(), alone).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("fake.test.").await;
    world.until_active(zone.id).await;
    // Somebody else provisions this one.
    let bind = configured_secondary(&world, "fake.test").await;
    let member = Member {
        asked: bind.dns_address(),
        kind: "fake",
        options: [].into(),
    };
    world.serve_by(&[member]).await;
    let zone = world.add_record(&zone, "www").await;
    until_serving(bind.dns_address(), "fake.test.", zone.serial).await;
    world.until_active(zone.id).await;
    assert_eq!(world.backlog().await, (0, 0));
}

fn fake() -> PoolTarget {
    PoolTarget {
        kind: "fake".to_owned(),
        description: None,
        tsigkey: None,
        masters: Vec::new(),
        options: [].into(),
    }
}

async fn configured_secondary(world: &World, zone: &str) -> Bind {
    let config = format!(
        "zone \"{zone}\" {{ type secondary; file \"own.{zone}\"; primaries {{ {} port {}; }}; }};",
        world.master.ip(),
        world.master.port()
    );
    let options = BindOptions {
        config,
        ..BindOptions::default()
    };
    Bind::start(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_notified_when_a_server_serves_a_change() {
    let (world, bind) = (World::new().await, bind().await);
    let (listener, heard) = listener().await;
    let mut pool_of_one = described("default", &[server(&bind)]);
    pool_of_one.also_notifies.push(place(listener));
    world.change_pool(pool(), pool_of_one).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("also.test.").await;
    world.until_active(zone.id).await;
    eventually("it heard", PATIENCE, async || heard.load(Ordering::Relaxed) >= 1).await;
    let before = heard.load(Ordering::Relaxed);
    world.add_record(&zone, "www").await;
    eventually("it heard again", PATIENCE, async || {
        heard.load(Ordering::Relaxed) > before
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_without_name_servers_are_taken_at_their_word() {
    let (world, bind) = (World::new().await, bind().await);
    let mut blind = described("default", &[server(&bind)]);
    blind.nameservers.clear();
    world.change_pool(pool(), blind).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("blind.test.").await;
    world.until_active(zone.id).await;
    until_serving(bind.dns_address(), "blind.test.", zone.serial).await;
    world.delete_zone(zone.id).await;
    world.until_active(zone.id).await;
    until_gone(bind.dns_address(), "blind.test.").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zones_go_into_the_view_that_the_target_names() {
    let world = World::new().await;
    let options = BindOptions {
        config: "view \"inside\" { match-clients { any; }; };".to_owned(),
        ..BindOptions::default()
    };
    let bind = Bind::start(options).await.unwrap();
    let member = server(&bind)
        .with("view", "inside")
        .with("clean_zonefile", "true");
    let _reconciler = Reconciler::start(&world, "a", &[member], quick()).await;
    let zone = world.create_zone("view.test.").await;
    world.until_active(zone.id).await;
    let zone = world.add_record(&zone, "www").await;
    world.until_active(zone.id).await;
    until_serving(bind.dns_address(), "view.test.", zone.serial).await;
    world.delete_zone(zone.id).await;
    until_gone(bind.dns_address(), "view.test.").await;
    let left = async || {
        let files = std::fs::read_dir(bind.folder()).unwrap();
        files
            .flatten()
            .any(|file| file.file_name().to_string_lossy().contains("view.test"))
    };
    eventually("its file is gone", PATIENCE, async || !left().await).await;
}
