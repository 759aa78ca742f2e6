//! Catalogs that are transferred by a key of their own (RFC 8945): who does not sign with it gets nothing.

use std::net::SocketAddr;

use tokio::process::Command as Process;
use uuid::Uuid;
use zonelog_model::resource::{self, Body, Pool, Sealed, TsigAlgorithm, TsigKey, TsigScope};
use zonelog_model::{PoolId, ResourceId};
use zonelog_reconciler::plan::Observed;
use zonelog_test_parts::TransferKey;
use zonelog_test_parts::bind::Bind;

use crate::targets::catalog::{CATALOG, bind_options_with_key, catalog_zone, follower, knot, pdns};
use crate::world::{Reconciler, World, described, look, pool, quick, until_serving};

const OTHER: PoolId = PoolId::new(Uuid::from_u128(8));

/// The catalog's key has the catalog's name.
const KEY: TransferKey = TransferKey {
    name: CATALOG,
    algorithm: "hmac-sha512",
    secret: "dGhlIHNlY3JldCBvZiB0aGUgY2F0YWxvZywgaW4gY2xlYXI=",
};

/// A key of another pool.
const OTHERS_KEY: TransferKey = TransferKey {
    name: "others-key",
    algorithm: "hmac-sha256",
    secret: "dGhlIHNlY3JldCBvZiBhbm90aGVyIHBvb2w=",
};

/// A pool whose catalog wants its key, with these servers.
fn with_key(servers: &[SocketAddr]) -> Pool {
    let members: Vec<_> = servers.iter().map(|&server| follower(server)).collect();
    let mut pool = described("default", &members);
    let mut catalog = catalog_zone(CATALOG);
    catalog.tsig_key = Some(Sealed::new(KEY.secret.to_owned()));
    catalog.tsig_algorithm = Some(KEY.algorithm.to_owned());
    pool.catalog_zone = Some(catalog);
    pool
}

async fn make_others_key(world: &World) {
    world.make_pool(OTHER, described("other", &[])).await;
    let body = Body::TsigKey(TsigKey {
        name: OTHERS_KEY.name.to_owned(),
        algorithm: TsigAlgorithm::HmacSha256,
        secret: Sealed::new(OTHERS_KEY.secret.to_owned()),
        scope: TsigScope::Pool,
        resource: OTHER.uuid(),
    });
    let id = ResourceId::new(Uuid::from_u128(101));
    world.submit(resource::Command::Create { id, body }).await;
}

/// What `dig` says to a transfer of a zone from MiniDNS.
async fn transfer(world: &World, zone: &str, key: Option<&TransferKey>) -> String {
    let mut dig = Process::new("dig");
    if let Some(TransferKey {
        name,
        algorithm,
        secret,
    }) = key
    {
        dig.arg("-y").arg(format!("{algorithm}:{name}:{secret}"));
    }
    let (address, port) = (world.master.ip(), world.master.port());
    dig.arg(format!("@{address}"))
        .args(["-p", &port.to_string(), zone, "AXFR"]);
    let output = dig.output().await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_sign_with_the_catalogs_key_follow_it() {
    let world = World::new().await;
    let options = bind_options_with_key(&[CATALOG], world.master, Some(&KEY));
    let bind = Bind::start(options).await.unwrap();
    let knot = knot(&[CATALOG], world.master, Some(KEY)).await;
    let pdns = pdns(&[CATALOG], world.master, Some(KEY)).await;
    let servers = [bind.dns_address(), knot.dns_address(), pdns.dns_address()];
    world.change_pool(pool(), with_key(&servers)).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let (one, two) = (
        world.create_zone("one.test.").await,
        world.create_zone("two.test.").await,
    );
    for zone in [&one, &two] {
        world.until_active(zone.id).await;
    }
    world.add_record(&one, "www").await;
    world.delete_zone(two.id).await;
    world.until_converged_at(&servers).await;
    let log = bind.log();
    let transferred = format!("TSIG '{CATALOG}'");
    assert!(log.contains(&transferred), "{log}");
    // By their secret the catalog is given to all who have it; the secret itself is nowhere to be seen.
    let given = transfer(&world, CATALOG, Some(&KEY)).await;
    assert!(
        given.contains(&format!("{}.zones.{CATALOG}", one.id.uuid())),
        "{given}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_sign_with_the_catalogs_key_is_refused() {
    let world = World::new().await;
    make_others_key(&world).await;
    let wrong = TransferKey {
        secret: "d3Jvbmc=",
        ..KEY
    };
    // One signs nothing, one with another pool's key, one with another secret.
    let unsigned = Bind::start(bind_options_with_key(&[CATALOG], world.master, None))
        .await
        .unwrap();
    let others = Bind::start(bind_options_with_key(&[CATALOG], world.master, Some(&OTHERS_KEY)))
        .await
        .unwrap();
    let mistaken = knot(&[CATALOG], world.master, Some(wrong)).await;
    let servers = [
        unsigned.dns_address(),
        others.dns_address(),
        mistaken.dns_address(),
    ];
    world.change_pool(pool(), with_key(&servers)).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone("one.test.").await;
    // Every server's error names the catalog.
    for server in servers {
        let error = world.until_error(&server.to_string()).await;
        assert!(error.contains(CATALOG), "{error}");
        assert_eq!(look(server, "one.test.").await, Observed::NotServing, "{server}");
    }
    assert!(unsigned.log().contains("REFUSED"), "{}", unsigned.log());
    assert!(others.log().contains("REFUSED"), "{}", others.log());
    assert!(mistaken.log().contains("TSIG"), "{}", mistaken.log());
    // The members are for all who may transfer, the catalog is not.
    let member = transfer(&world, "one.test", None).await;
    assert!(member.contains("SOA"), "{member}");
    for key in [None, Some(&OTHERS_KEY), Some(&wrong)] {
        let refused = transfer(&world, CATALOG, key).await;
        assert!(refused.contains("Transfer failed"), "{refused}");
        assert!(!refused.contains("PTR"), "{refused}");
    }
    // The catalog is opened to all: those that sign nothing follow now.
    let mut open = with_key(&[unsigned.dns_address()]);
    open.catalog_zone = Some(catalog_zone(CATALOG));
    world.change_pool(pool(), open).await;
    world.until_active(zone.id).await;
    until_serving(unsigned.dns_address(), "one.test.", zone.serial).await;
}
