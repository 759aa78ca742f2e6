//! The server is a member of a pool: a reconciler keeps it in step with the log, and it transfers from MiniDNS.

use futures_util::future::join_all;

use super::{Kind, Primary};
use crate::world::{Reconciler, World, described, pool, quick};

/// A pool with one server of the kind, and a reconciler.
async fn begin<K: Kind>() -> (World, K, Reconciler) {
    let world = World::new().await;
    let primary = Primary {
        address: world.master,
        key: None,
    };
    let server = K::start(&primary).await;
    let mut pool_of_one = described("default", &[server.member()]);
    server.describe(&mut pool_of_one);
    world.change_pool(pool(), pool_of_one).await;
    let reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    (world, server, reconciler)
}

pub(super) async fn zones_come_change_and_go<K: Kind>() {
    let (world, server, _reconciler) = begin::<K>().await;
    let one = world.create_zone("one.test.").await;
    let two = world.create_zone("two.test.").await;
    for zone in [&one, &two] {
        world.until_active(zone.id).await;
    }
    world.until_converged_at(&[server.dns_address()]).await;
    let changed = world.add_record(&one, "www").await;
    world.until_active(changed.id).await;
    world.delete_zone(two.id).await;
    world.until_converged_at(&[server.dns_address()]).await;
    // The same name again, with another content.
    let again = world.create_zone("two.test.").await;
    world.add_record(&again, "new").await;
    world.delete(one.id, true).await;
    world.until_converged_at(&[server.dns_address()]).await;
}

pub(super) async fn a_server_that_was_away_catches_up<K: Kind>() {
    let (world, mut server, _reconciler) = begin::<K>().await;
    let changed = world.create_zone("changed.test.").await;
    let deleted = world.create_zone("deleted.test.").await;
    let remade = world.create_zone("remade.test.").await;
    for zone in [&changed, &deleted, &remade] {
        world.until_active(zone.id).await;
    }
    world.until_converged_at(&[server.dns_address()]).await;
    server.kill().await;
    world.add_record(&changed, "www").await;
    world.delete_zone(deleted.id).await;
    world.delete_zone(remade.id).await;
    let remade = world.create_zone("remade.test.").await;
    world.add_record(&remade, "again").await;
    world.create_zone("new.test.").await;
    server.start_again().await;
    world.until_converged_at(&[server.dns_address()]).await;
    assert_eq!(world.errors().await, Vec::<String>::new());
}

pub(super) async fn a_server_that_lost_its_disk_is_filled_again<K: Kind>() {
    let (world, mut server, _reconciler) = begin::<K>().await;
    let zones = join_all(["one.test.", "two.test.", "three.test."].map(|name| world.create_zone(name))).await;
    for zone in &zones {
        world.until_active(zone.id).await;
    }
    world.until_converged_at(&[server.dns_address()]).await;
    server.wipe().await;
    // A change of one zone makes the loss of all known.
    let changed = world.add_record(&zones[0], "www").await;
    server.start_again().await;
    world.until_active(changed.id).await;
    for zone in &zones {
        let name = zone.name.to_string();
        let serial = if zone.id == changed.id {
            changed.serial
        } else {
            zone.serial
        };
        crate::world::until_serving(server.dns_address(), &name, serial).await;
    }
    world.until_converged_at(&[server.dns_address()]).await;
}

pub(super) async fn two_hundred_zones_at_once<K: Kind>() {
    let (world, server, _reconciler) = begin::<K>().await;
    let names: Vec<String> = (0..200).map(|number| format!("z{number}.test.")).collect();
    let zones = join_all(names.iter().map(|name| world.create_zone(name))).await;
    world.until_converged_at(&[server.dns_address()]).await;
    for zone in &zones {
        world.until_active(zone.id).await;
    }
    join_all(zones.iter().step_by(2).map(|zone| world.delete_zone(zone.id))).await;
    world.until_converged_at(&[server.dns_address()]).await;
}
