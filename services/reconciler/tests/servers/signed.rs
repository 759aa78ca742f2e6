//! NOTIFY and questions are signed with the keys that the pool names (RFC 8945), and answers are verified.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use uuid::Uuid;
use zonelog_dns::tsig::{Key, Secret};
use zonelog_dns::{Name, ZoneName};
use zonelog_mdns::MdnsOptions;
use zonelog_model::ResourceId;
use zonelog_model::resource::{self, Body, Pool, Sealed, TsigAlgorithm, TsigKey, TsigScope};
use zonelog_reconciler::plan::Observed;
use zonelog_reconciler::probe::{self, Sockets};
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::eventually;

use crate::world::{PATIENCE, Reconciler, World, described, look, pool, quick, server};

const SECRET: &str = "dGhlIHNlY3JldCBvZiB0aGUgcG9vbCwgaW4gY2xlYXI=";
const ZONE: &str = "signed.test.";
// A key that the server knows, one that it does not, and one that is not to be used.
const KNOWN: u128 = 101;
const UNKNOWN: u128 = 102;
const BROKEN: u128 = 103;

async fn make_key(world: &World, id: u128, name: &str, algorithm: TsigAlgorithm) {
    let body = Body::TsigKey(TsigKey {
        name: name.to_owned(),
        algorithm,
        secret: Sealed::new(SECRET.to_owned()),
        scope: TsigScope::Pool,
        resource: pool().uuid(),
    });
    let id = ResourceId::new(Uuid::from_u128(id));
    world.submit(resource::Command::Create { id, body }).await;
}

/// A BIND that answers, and takes NOTIFY, by the key alone, and signs its own requests with it.
async fn strict() -> Bind {
    let config = format!(
        "key \"known-key\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
         server 127.0.0.1 {{ keys {{ \"known-key\"; }}; }};\n\
         view \"strict\" {{ match-clients {{ any; }}; recursion no; allow-new-zones yes;\n\
           allow-query {{ key \"known-key\"; }}; allow-notify {{ key \"known-key\"; }};\n\
           allow-transfer {{ key \"known-key\"; }}; }};"
    );
    let options = BindOptions {
        config,
        ..BindOptions::default()
    };
    Bind::start(options).await.unwrap()
}

/// The pool with this server, which is asked and told with a key.
fn with_key(bind: &Bind, key: u128) -> Pool {
    let mut pool = described("default", &[server(bind).with("view", "strict")]);
    let key = Some(Uuid::from_u128(key));
    pool.nameservers[0].tsigkey = key;
    pool.targets[0].tsigkey = key;
    pool
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notify_and_questions_are_signed_and_answers_verified() {
    let world = World::new().await;
    make_key(&world, KNOWN, "known-key", TsigAlgorithm::HmacSha256).await;
    make_key(&world, UNKNOWN, "unknown-key.", TsigAlgorithm::HmacSha512).await;
    make_key(&world, BROKEN, "broken-key", TsigAlgorithm::HmacMd5).await;
    let bind = strict().await;
    world.change_pool(pool(), with_key(&bind, KNOWN)).await;
    let _reconciler = Reconciler::with_pools_as_they_are(&world, "a", quick());
    let zone = world.create_zone(ZONE).await;
    world.until_active(zone.id).await;
    let zone = world.add_record(&zone, "www").await;
    world.until_active(zone.id).await;
    let notified = |log: &str| {
        log.lines()
            .any(|line| line.contains("received notify") && line.contains("TSIG 'known-key'"))
    };
    assert!(notified(&bind.log()), "{}", bind.log());
    // It answers by the key alone, so what was seen was seen by it.
    assert_eq!(look(bind.dns_address(), ZONE).await, Observed::NotServing);
    let key = Key {
        name: Name::parse("known-key.").unwrap(),
        algorithm: "hmac-sha256".parse().unwrap(),
        secret: Secret::from_base64(SECRET).unwrap(),
    };
    let name = ZoneName::parse(ZONE).unwrap();
    let ask = async |key: &Key| {
        probe::soa(
            &Sockets::default(),
            bind.dns_address(),
            &name,
            Some(key),
            Duration::from_secs(5),
        )
        .await
    };
    assert_eq!(ask(&key).await, Observed::Serving(zone.serial.wire()));
    let over_tcp = probe::soa_over_tcp(bind.dns_address(), &name, Some(&key), Duration::from_secs(5)).await;
    assert_eq!(over_tcp, Observed::Serving(zone.serial.wire()));
    let wrong = Key {
        secret: Secret::from_base64("d3Jvbmc=").unwrap(),
        ..key
    };
    assert!(matches!(ask(&wrong).await, Observed::Unclear(what) if what.contains("BADSIG")));

    // A key that cannot be used is told, and so is one that the server does not know; neither takes the zone for gone.
    world.change_pool(pool(), with_key(&bind, BROKEN)).await;
    let number = AtomicU32::new(0);
    // A change that came before the pool's was still delivered with the key before it.
    let told = async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        world.add_record(&zone, &format!("m{number}")).await;
        world
            .errors()
            .await
            .iter()
            .any(|error| error.contains("hmac-md5"))
    };
    eventually("the key that is not used is told", PATIENCE, told).await;
    world.change_pool(pool(), with_key(&bind, UNKNOWN)).await;
    world.until_error("BADKEY").await;
    world.change_pool(pool(), with_key(&bind, KNOWN)).await;
    world.until_active(zone.id).await;
}

/// The target and the name server have no key: the pool's own is what MiniDNS is asked with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minidns_that_wants_signatures_is_asked_with_the_pools_key() {
    let world = World::with_mdns(MdnsOptions {
        query_enforce_tsig: true,
        ..MdnsOptions::default()
    })
    .await;
    // It signs what it asks of MiniDNS as its own configuration says, and is asked and told without a signature.
    let bind = Bind::start(BindOptions {
        config: format!(
            "key \"known-key\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
             server 127.0.0.1 {{ keys {{ \"known-key\"; }}; }};\n"
        ),
        ..BindOptions::default()
    })
    .await
    .unwrap();
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], quick()).await;
    let zone = world.create_zone(ZONE).await;
    let error = world.until_error("query_enforce_tsig").await;
    assert!(error.contains("TSIG key of scope POOL"), "{error}");
    // What was missing is all that it takes.
    make_key(&world, KNOWN, "known-key", TsigAlgorithm::HmacSha256).await;
    world.until_active(zone.id).await;
    let zone = world.add_record(&zone, "www").await;
    world.until_active(zone.id).await;
    assert_eq!(
        look(bind.dns_address(), ZONE).await,
        Observed::Serving(zone.serial.wire())
    );
    assert_eq!(look(world.master, ZONE).await, Observed::NotServing);
}
