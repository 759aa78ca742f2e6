//! What is asked for is served, and whatever was lost, every server ends at the head.

use std::time::{Duration, Instant};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use zonelog_dns::ZoneName;
use zonelog_model::zone::Zone;
use zonelog_projections::status::Status;
use zonelog_reconciler::Timings;
use zonelog_reconciler::plan::Observed;
use zonelog_test_parts::bind::Bind;
use zonelog_test_parts::eventually;

use crate::world::{PATIENCE, Reconciler, World, bind, look, quick, server, until_serving};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_served_and_active_at_once() {
    let (world, bind) = (World::new().await, bind().await);
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], Timings::default()).await;
    let mut zone = world.create_zone("fast.test.").await;
    until_serving(bind.dns_address(), "fast.test.", zone.serial).await;
    world.until_active(zone.id).await;
    let mut times = Vec::new();
    for number in 0..20 {
        let begin = Instant::now();
        zone = world.add_record(&zone, &format!("r{number}")).await;
        until_serving(bind.dns_address(), "fast.test.", zone.serial).await;
        let served = begin.elapsed();
        world.until_active(zone.id).await;
        times.push((served, begin.elapsed()));
    }
    times.sort();
    println!(
        "served and active, median: {:?}; slowest {:?}",
        times[10], times[19]
    );
    assert!(times[10].1 < Duration::from_millis(300), "{times:?}");
    world.delete_zone(zone.id).await;
    let gone = async || look(bind.dns_address(), "fast.test.").await == Observed::NotServing;
    eventually("the zone is gone", PATIENCE, gone).await;
    world.until_active(zone.id).await;
    world.until_converged(&[&bind]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_server_gets_what_there_is_in_one_go() {
    let world = World::new().await;
    for number in 0..40 {
        let zone = world.create_zone(&format!("z{number}.old.test.")).await;
        if number % 4 == 0 {
            world.delete_zone(zone.id).await;
        }
    }
    let bind = bind().await;
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], Timings::default()).await;
    eventually("registered", PATIENCE, async || world.backlog().await.1 == 0).await;
    world.until_converged(&[&bind]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parents_and_children_come_and_go_on_one_server() {
    let (world, bind) = (World::new().await, bind().await);
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], Timings::default()).await;
    let parent = world.create_zone("parent.test.").await;
    world.until_active(parent.id).await;
    let child = world.create_zone("child.parent.test.").await;
    world.until_active(child.id).await;
    world.delete_zone(child.id).await;
    world.until_active(child.id).await;
    // NXDOMAIN from the parent, which is served on.
    assert_eq!(
        look(bind.dns_address(), "child.parent.test.").await,
        Observed::NotServing
    );
    until_serving(bind.dns_address(), "parent.test.", parent.serial).await;
}

/// Makes some changes: zones come, change, go, and come again under the same name.
async fn change(world: &World, rng: &mut TestRng, zones: &mut [Option<Zone>], round: usize) {
    let which = rng.next_u32() as usize % zones.len();
    let name = format!("z{which}.load.test.");
    zones[which] = match zones[which].take() {
        None => Some(world.create_zone(&name).await),
        Some(zone) if rng.next_u32().is_multiple_of(6) => {
            world.delete_zone(zone.id).await;
            None
        }
        Some(zone) => Some(world.add_record(&zone, &format!("r{round}")).await),
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_converge_whenever_the_reconciler_is_killed() {
    let (world, one, two) = (World::new().await, bind().await, bind().await);
    let servers = [server(&one), server(&two)];
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut zones: Vec<Option<Zone>> = vec![None; 12];
    let mut round = 0;
    for _ in 0..20 {
        let reconciler = Reconciler::start(&world, "a", &servers, quick()).await;
        let until = Instant::now() + Duration::from_micros(u64::from(rng.next_u32() % 150_000));
        while Instant::now() < until {
            round += 1;
            change(&world, &mut rng, &mut zones, round).await;
        }
        reconciler.kill();
        // Changes that nobody is there to see.
        round += 1;
        change(&world, &mut rng, &mut zones, round).await;
    }
    let _last = Reconciler::start(&world, "a", &servers, quick()).await;
    world.until_converged(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_down_follows_when_it_is_back() {
    let (world, up, mut down) = (World::new().await, bind().await, bind().await);
    let servers = [server(&up), server(&down)];
    let _reconciler = Reconciler::start(&world, "a", &servers, quick()).await;
    let mut zones = Vec::new();
    for number in 0..10 {
        zones.push(world.create_zone(&format!("z{number}.down.test.")).await);
    }
    world.until_converged(&[&up, &down]).await;
    down.stop().await.unwrap();
    let mut changed = world.add_record(&zones[0], "while-down").await;
    for number in 0..5 {
        changed = world.add_record(&changed, &format!("r{number}")).await;
    }
    world.delete_zone(zones[1].id).await;
    world.delete_zone(zones[2].id).await;
    let again = world.create_zone("z2.down.test.").await;
    world.create_zone("new.down.test.").await;
    let error = world.until_error("does not answer").await;
    assert!(
        error.contains(&down.dns_address().to_string()) && error.contains("check that it runs"),
        "{error}"
    );
    // The other server does not wait for it, and the checkpoints move on.
    until_serving(up.dns_address(), "z2.down.test.", again.serial).await;
    eventually("the checkpoints are at the head", PATIENCE, async || {
        world.backlog().await.1 == 0
    })
    .await;
    assert_eq!(world.status(changed.id).await, Status::Pending);
    world.a_minute_passes().await;
    assert_eq!(world.status(changed.id).await, Status::Error);
    assert_eq!(world.status(zones[9].id).await, Status::Active);
    down.start_again().await.unwrap();
    world.until_converged(&[&up, &down]).await;
    world.until_active(changed.id).await;
    until_serving(down.dns_address(), "z2.down.test.", again.serial).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_server_misses_is_set_aside_in_one_go_and_follows_fast() {
    const ZONES: usize = 300;
    let (world, mut bind) = (World::new().await, bind().await);
    let reconciler = Reconciler::start(&world, "a", &[server(&bind)], quick()).await;
    let first = world.create_zone("first.many.test.").await;
    world.until_active(first.id).await;
    bind.kill().await.unwrap();
    for number in 0..ZONES {
        world.create_zone(&format!("z{number}.many.test.")).await;
    }
    let begin = Instant::now();
    eventually("the checkpoint is at the head", PATIENCE, async || {
        world.backlog().await.1 == 0
    })
    .await;
    // One after the other, each would have cost a time limit.
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(world.backlog().await.0, i64::try_from(ZONES).unwrap());
    // Another reconciler goes on where this one was killed, without reading the log again.
    reconciler.kill();
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], quick()).await;
    bind.start_again().await.unwrap();
    let begin = Instant::now();
    eventually("nothing is behind", PATIENCE, async || {
        world.backlog().await == (0, 0)
    })
    .await;
    println!("{ZONES} zones after {:?}", begin.elapsed());
    world.until_converged(&[&bind]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_server_heals_without_an_operator() {
    let (world, mut bind) = (World::new().await, bind().await);
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], quick()).await;
    let mut zones = Vec::new();
    for number in 0..30 {
        zones.push(world.create_zone(&format!("z{number}.wiped.test.")).await);
    }
    world.until_converged(&[&bind]).await;
    bind.wipe().await.unwrap();
    bind.start_again().await.unwrap();
    assert_eq!(
        look(bind.dns_address(), "z3.wiped.test.").await,
        Observed::NotServing
    );
    // Nobody tells; one zone of many changes.
    let changed = world.add_record(&zones[7], "after").await;
    world.until_active(changed.id).await;
    for zone in &zones {
        let serial = if zone.id == changed.id {
            changed.serial
        } else {
            zone.serial
        };
        until_serving(bind.dns_address(), &ZoneName::to_string(&zone.name), serial).await;
    }
    world.until_converged(&[&bind]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_server_is_found_without_any_change() {
    let (world, mut bind) = (World::new().await, bind().await);
    let timings = Timings {
        sweep_period: Duration::from_secs(2),
        ..quick()
    };
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], timings).await;
    for number in 0..5 {
        world.create_zone(&format!("z{number}.quiet.test.")).await;
    }
    world.until_converged(&[&bind]).await;
    bind.wipe().await.unwrap();
    bind.start_again().await.unwrap();
    let serving = async || {
        matches!(
            look(bind.dns_address(), "z4.quiet.test.").await,
            Observed::Serving(_)
        )
    };
    eventually("the last zone is served again", PATIENCE, serving).await;
    world.until_converged(&[&bind]).await;
}

/// Whether BIND has a file of a zone.
fn has_file(bind: &Bind, zone: &str) -> bool {
    let files = std::fs::read_dir(bind.folder()).unwrap();
    files
        .flatten()
        .any(|file| file.file_name().to_string_lossy().contains(zone))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hard_delete_takes_the_file_whatever_the_target_says() {
    let (world, mut bind) = (World::new().await, bind().await);
    // Its target does not ask for clean files.
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], quick()).await;
    let gone = async |bind: &Bind, zone: &str| {
        let gone = async || look(bind.dns_address(), zone).await == Observed::NotServing;
        eventually(format!("{zone} is gone"), PATIENCE, gone).await;
    };
    let mut zones = Vec::new();
    for name in ["soft.test", "hard.test", "away.test"] {
        let zone = world.create_zone(&format!("{name}.")).await;
        world.until_active(zone.id).await;
        let written = async || has_file(&bind, name);
        eventually(format!("{name} has a file"), PATIENCE, written).await;
        zones.push(zone.id);
    }
    world.delete_zone(zones[0]).await;
    world.delete(zones[1], true).await;
    gone(&bind, "soft.test.").await;
    gone(&bind, "hard.test.").await;
    eventually("the file is gone", PATIENCE, async || {
        !has_file(&bind, "hard.test")
    })
    .await;

    // One that is deleted while the server is away is set aside, and deleted no less hard later.
    bind.stop().await.unwrap();
    world.delete(zones[2], true).await;
    let aside = async || world.backlog().await.0 == 1;
    eventually("it is set aside", PATIENCE, aside).await;
    bind.start_again().await.unwrap();
    world.until_active(zones[2]).await;
    gone(&bind, "away.test.").await;
    eventually("the file is gone", PATIENCE, async || {
        !has_file(&bind, "away.test")
    })
    .await;
    assert!(has_file(&bind, "soft.test"));
}
