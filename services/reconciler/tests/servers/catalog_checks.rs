//! What a check of a catalog at a server finds, as `zonelog doctor` shows it: it changes nothing there.

use std::net::SocketAddr;
use std::sync::Arc;

use zonelog_central::tsig::TsigKeys;
use zonelog_model::resource::Pool;
use zonelog_reconciler::plan::Observed;
use zonelog_reconciler::targets::CatalogFollower;
use zonelog_reconciler::topology::servers;
use zonelog_reconciler::{ReconcilerOptions, Unseal, prepare};
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::{eventually, free_port};

use crate::targets::catalog::{CATALOG, bind_options, catalog_zone, follower, knot, pdns};
use crate::world::{PATIENCE, Reconciler, World, described, look, pool, quick};

fn followed_by(server: SocketAddr) -> Pool {
    let mut pool = described("default", &[follower(server)]);
    pool.catalog_zone = Some(catalog_zone(CATALOG));
    pool
}

/// Who follows the pool's catalog at its one server, as the reconciler and doctor prepare it.
async fn of(world: &World, pool_of_one: &Pool) -> Arc<CatalogFollower> {
    let options = ReconcilerOptions {
        masters: vec![world.master],
        unseal: Unseal::without_key(),
        timings: quick(),
        holder: "test".to_owned(),
        allow_hmac_md5: false,
    };
    let spec = &servers(pool(), pool_of_one, &TsigKeys::default())[0];
    prepare(spec, &options).await.unwrap().catalog.unwrap()
}

async fn serial(server: SocketAddr) -> Option<u32> {
    match look(server, &format!("{CATALOG}.")).await {
        Observed::Serving(serial) => Some(serial.get()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalog_that_is_there_is_told_with_its_serial_and_one_that_is_behind_with_both() {
    let world = World::new().await;
    let bind = Bind::start(bind_options(&[CATALOG], world.master)).await.unwrap();
    let mut pool_of_one = followed_by(bind.dns_address());
    world.change_pool(pool(), pool_of_one.clone()).await;
    let reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("one.test.").await;
    world.until_active(zone.id).await;
    reconciler.stop().await;
    let catalog = of(&world, &pool_of_one).await;
    let seen = catalog.check().await.unwrap().get();
    assert_eq!(
        (Some(seen), Some(seen)),
        (serial(bind.dns_address()).await, serial(world.master).await)
    );

    // Nobody tells the server of the next serial, and the check does not either.
    pool_of_one.description = Some("another".to_owned());
    world.change_pool(pool(), pool_of_one).await;
    eventually("MiniDNS has it", PATIENCE, async || {
        serial(world.master).await > Some(seen)
    })
    .await;
    let newer = serial(world.master).await.unwrap();
    for _ in 0..2 {
        let error = catalog.check().await.unwrap_err();
        for words in [
            bind.dns_address().to_string(),
            format!("at serial {seen}, not {newer}"),
            "takes NOTIFY from here".to_owned(),
        ] {
            assert!(error.contains(&words), "{error}");
        }
        assert_eq!(serial(bind.dns_address()).await, Some(seen));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_the_catalog_and_one_that_cannot_transfer_it_are_told_apart() {
    let world = World::new().await;
    let without = Bind::start(BindOptions::default()).await.unwrap();
    let nobody: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let cut_off = Bind::start(bind_options(&[CATALOG], nobody)).await.unwrap();
    let away = ([127, 0, 0, 1], free_port()).into();
    for (server, words) in [
        (
            without.dns_address(),
            &["does not have the catalog zone", "catalog-zones", "Consumer"][..],
        ),
        (
            cut_off.dns_address(),
            &["why the transfer from MiniDNS fails", "SERVFAIL"][..],
        ),
        (away, &["why the transfer from MiniDNS fails", "Silent"][..]),
    ] {
        let pool_of_one = followed_by(server);
        world.change_pool(pool(), pool_of_one.clone()).await;
        let catalog = of(&world, &pool_of_one).await;
        let error = catalog.check().await.unwrap_err();
        for words in words {
            assert!(
                error.to_lowercase().contains(&words.to_lowercase()),
                "{words}: {error}"
            );
        }
        assert!(
            error.contains(&server.to_string()) && error.contains(CATALOG),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_minidns_it_is_minidns_that_is_named() {
    let world = World::new().await;
    let bind = Bind::start(bind_options(&[CATALOG], world.master)).await.unwrap();
    let pool_of_one = followed_by(bind.dns_address());
    world.change_pool(pool(), pool_of_one.clone()).await;
    let catalog = of(&world, &pool_of_one).await;
    world.stop_minidns().await;
    let error = catalog.check().await.unwrap_err();
    for words in [
        "MiniDNS does not serve the catalog zone",
        &world.master.to_string(),
        "check that it runs",
    ] {
        assert!(error.contains(words), "{error}");
    }
}

/// Knot shows a catalog to those alone who may transfer it; PowerDNS shows it to all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn knot_and_powerdns_are_checked_as_bind_is() {
    let world = World::new().await;
    let (knot, pdns) = (
        knot(&[CATALOG], world.master, None).await,
        pdns(&[CATALOG], world.master, None).await,
    );
    let servers = [knot.dns_address(), pdns.dns_address()];
    let members = servers.map(follower);
    let mut pool_of_two = described("default", &members);
    pool_of_two.catalog_zone = Some(catalog_zone(CATALOG));
    world.change_pool(pool(), pool_of_two).await;
    let reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("one.test.").await;
    world.until_active(zone.id).await;
    world.until_converged_at(&servers).await;
    reconciler.stop().await;
    for server in servers {
        let catalog = of(&world, &followed_by(server)).await;
        let seen = catalog.check().await.unwrap().get();
        assert_eq!(Some(seen), serial(world.master).await, "{server}");
    }
}
