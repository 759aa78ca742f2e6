//! What goes wrong on the way or at the servers, during changes. Each test ends with every zone of every server compared
//! with the log, record by record.

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use zonelog_model::zone::Zone;
use zonelog_reconciler::plan::Observed;
use zonelog_test_parts::eventually;

use crate::unreliable::{Faults, Unreliable};
use crate::world::{Member, PATIENCE, Reconciler, World, bind, look, quick, server, target};

/// How many changes are made.
const CHANGES: usize = 1_000;

async fn zones(world: &World, count: usize) -> Vec<Zone> {
    let mut zones = Vec::new();
    for number in 0..count {
        zones.push(world.create_zone(&format!("z{number}.faults.test.")).await);
    }
    zones
}

/// Makes changes in these zones, from one to the next, many at a time; tells of each quarter that is done.
async fn change(world: &World, zones: &mut [Zone], count: usize, mut quarter: impl AsyncFnMut(usize)) {
    for round in 0..count / zones.len() {
        let adding = zones.iter().map(|zone| {
            let label = format!("r{round}");
            async move { world.add_record(zone, &label).await }
        });
        let changed = futures_util::future::join_all(adding).await;
        zones.clone_from_slice(&changed);
        let rounds = count / zones.len();
        if (round + 1) % (rounds / 4) == 0 {
            quarter((round + 1) / (rounds / 4)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_and_started_again_during_a_thousand_changes_has_them_all() {
    let (world, steady, mut shaky) = (World::new().await, bind().await, bind().await);
    let servers = [server(&steady), server(&shaky)];
    let _reconciler = Reconciler::start(&world, "a", &servers, quick()).await;
    let mut zones = zones(&world, 20).await;
    change(&world, &mut zones, CHANGES, async |quarter| match quarter {
        1 | 3 => shaky.kill().await.unwrap(),
        _ => shaky.start_again().await.unwrap(),
    })
    .await;
    world.until_converged(&[&steady, &shaky]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_converge_over_a_network_that_loses_delays_doubles_and_reorders() {
    let (world, one, two) = (World::new().await, bind().await, bind().await);
    let faults = Faults {
        lost: 20,
        doubled: 20,
        late: 20,
        cut: 20,
    };
    let minidns = Unreliable::before(world.master, faults, 1).await;
    let (front_of_one, front_of_two) = (
        Unreliable::before(one.dns_address(), faults, 2).await,
        Unreliable::before(two.dns_address(), faults, 3).await,
    );
    let through = |bind, front: &Unreliable| Member {
        asked: front.address,
        ..server(bind)
    };
    let servers = [through(&one, &front_of_one), through(&two, &front_of_two)];
    world.serve_by(&servers).await;
    let _reconciler = Reconciler::with_masters(&world, "a", quick(), vec![minidns.address]);
    let mut zones = zones(&world, 10).await;
    change(&world, &mut zones, 200, async |_| {}).await;
    world.delete_zone(zones[0].id).await;
    world.until_converged(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_deleted_and_made_again_while_the_server_was_down_is_the_new_one() {
    let (world, steady, mut away) = (World::new().await, bind().await, bind().await);
    let servers = [server(&steady), server(&away)];
    let _reconciler = Reconciler::start(&world, "a", &servers, quick()).await;
    let old = zones(&world, 3).await;
    for zone in &old {
        world.add_record(zone, "old").await;
    }
    world.until_converged(&[&steady, &away]).await;
    away.kill().await.unwrap();
    for zone in &old {
        world.delete_zone(zone.id).await;
    }
    // One of them stays away.
    for zone in &old[1..] {
        let new = world.create_zone(&zone.name.to_string()).await;
        world.add_record(&new, "new").await;
    }
    away.start_again().await.unwrap();
    world.until_converged(&[&steady, &away]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_zone_that_a_late_command_brings_back_goes_again() {
    let (world, bind) = (World::new().await, bind().await);
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], quick()).await;
    let zone = zones(&world, 1).await.remove(0);
    world.until_converged(&[&bind]).await;
    world.delete_zone(zone.id).await;
    world.until_converged(&[&bind]).await;
    let late = zonelog_reconciler::targets::ZoneSpec {
        name: zone.name.clone(),
        zone: zone.id,
        masters: [world.master].into(),
        key: None,
        renew: false,
    };
    target(&bind).ensure_zone(&late).await.unwrap();
    let name = zone.name.to_string();
    assert_ne!(look(bind.dns_address(), &name).await, Observed::NotServing);
    let gone = async || look(bind.dns_address(), &name).await == Observed::NotServing;
    eventually("the sweep finds it", PATIENCE, gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_reconcilers_share_the_servers_and_take_over_under_load() {
    let (world, one, two) = (World::new().await, bind().await, bind().await);
    let servers = [server(&one), server(&two)];
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
    let first = Reconciler::start(&world, "a", &servers, quick()).await;
    let second = Reconciler::with_pools_as_they_are(&world, "b", quick());
    let mut running = [Some(first), Some(second)];
    let mut zones = zones(&world, 10).await;
    change(&world, &mut zones, 400, async |quarter| {
        // One of them dies, at random, and another takes its place.
        let which = rng.next_u32() as usize % 2;
        running[which].take().unwrap().kill();
        let holder = format!("c{quarter}");
        running[which] = Some(Reconciler::with_pools_as_they_are(&world, &holder, quick()));
    })
    .await;
    world.until_converged(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_back_holds_nothing_up() {
    let (world, mut bind) = (World::new().await, bind().await);
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], quick()).await;
    let zone = zones(&world, 1).await.remove(0);
    world.until_converged(&[&bind]).await;
    bind.kill().await.unwrap();
    world.add_record(&zone, "meanwhile").await;
    let aside = async || world.backlog().await.0 == 1;
    eventually("the zone is set aside", PATIENCE, aside).await;
    // As if the clock had been ahead by a day when that was written, and so was the lease.
    for ahead in [
        "update server_zone set next_try = next_try + interval '1 day', since = since + interval '1 day'",
        "update server_lease set expires_at = expires_at + interval '1 day'",
    ] {
        world.client.execute(ahead, &[]).await.unwrap();
    }
    bind.start_again().await.unwrap();
    world.until_converged(&[&bind]).await;
}
