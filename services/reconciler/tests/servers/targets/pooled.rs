//! The server is a member of a pool: a reconciler keeps it in step with the log, and it transfers from MiniDNS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use zonelog_reconciler::plan::Observed;
use zonelog_test_parts::bind::{Bind, BindOptions};

use super::catalog::CATALOG;
use super::{Kind, Primary};
use crate::world::{Reconciler, World, described, look, pool, quick, transferred, until_serving, whole_zone};

/// A pool with one server of the kind, and a reconciler.
async fn begin<K: Kind>() -> (World, K, Reconciler) {
    let (world, server) = a_pool::<K>().await;
    let reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    (world, server, reconciler)
}

/// A pool with one server of the kind.
async fn a_pool<K: Kind>() -> (World, K) {
    let world = World::new().await;
    let primary = Primary {
        address: world.master,
        key: None,
    };
    let server = K::start(&primary).await;
    let mut pool_of_one = described("default", &[server.member()]);
    server.describe(&mut pool_of_one);
    world.change_pool(pool(), pool_of_one).await;
    (world, server)
}

/// The lines of a zone with a record more and another serial.
fn forged(mut lines: Vec<String>, serial: u32) -> String {
    let mut soa: Vec<&str> = lines[0].split(' ').collect();
    let (owner, text) = (soa[0].to_owned(), serial.to_string());
    soa[6] = &text;
    lines[0] = soa.join(" ");
    lines.push(format!("forged.{owner} 60 IN A 192.0.2.66\n"));
    lines.join("\n")
}

/// The log is older than what the server has: an earlier log made it, or another primary did. Or the server's copy was changed
/// behind its back.
pub(super) async fn what_is_not_of_the_log_is_replaced_by_a_resync<K: Kind>() {
    let (mut world, mut server) = a_pool::<K>().await;
    let at = server.dns_address();
    // So that it gets nothing from the right MiniDNS, for which a follower of a catalog asks by itself.
    server.kill().await;
    let (newer, altered) = (
        world.create_zone("newer.test.").await,
        world.create_zone("altered.test.").await,
    );
    // What takes MiniDNS's place has both zones with a record more, and one of them at a newer serial; and the pool's catalog.
    let mut primary_zones = Vec::new();
    for (zone, ahead) in [(&newer, 1_000), (&altered, 0)] {
        let name = zone.name.to_string();
        let lines = transferred(world.master, &name).await;
        let text = forged(lines, zone.serial.wire().get() + ahead);
        primary_zones.push((name, text));
    }
    let mut described = described("default", &[]);
    server.describe(&mut described);
    if described.catalog_zone.is_some() {
        let catalog = transferred(world.master, &format!("{CATALOG}.")).await;
        primary_zones.push((CATALOG.to_owned(), catalog.join("\n") + "\n"));
    }
    world.stop_minidns().await;
    let options = BindOptions {
        primary_zones,
        dns: Some(world.master),
        ..BindOptions::default()
    };
    let mut forger = Bind::start(options).await.unwrap();
    server.start_again().await;
    let reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    for zone in [&newer, &altered] {
        world.until_active(zone.id).await;
        let lines = whole_zone(at, &zone.name.to_string()).await;
        assert!(lines.iter().any(|line| line.starts_with("forged.")), "{lines:?}");
    }
    forger.kill().await.unwrap();
    world.start_minidns().await;
    for zone in [&newer, &altered] {
        until_serving(world.master, &zone.name.to_string(), zone.serial).await;
    }
    // Not for a moment is a zone not served.
    let done = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn({
        let done = Arc::clone(&done);
        async move {
            while !done.load(Ordering::Relaxed) {
                for name in ["newer.test.", "altered.test."] {
                    let seen = look(at, name).await;
                    assert!(matches!(seen, Observed::Serving(_)), "{name}: {seen:?}");
                }
            }
        }
    });
    let resync = world.resync(true).await;
    assert_eq!((resync.asked, resync.failed, resync.error), (2, 0, None));
    world.until_same_content(at).await;
    done.store(true, Ordering::Relaxed);
    watching.await.unwrap();
    // It goes on from there as before.
    for zone in [&newer, &altered] {
        let changed = world.add_record(zone, "www").await;
        world.until_active(changed.id).await;
    }
    world.until_converged_at(&[at]).await;
    reconciler.stop().await;
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
