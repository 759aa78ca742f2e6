//! TLDs, blacklists and pools are obeyed from the very next command on, on every process.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_central::{ExecuteError, Request, ids};
use zonelog_model::resource::{self, Blacklist, Body, Change, Kind, Tld, TsigAlgorithm, TsigKey, TsigScope};
use zonelog_model::zone::{MoveZone, Patch};
use zonelog_model::{PoolId, ResourceId};
use zonelog_store::{Database, WakeUps};
use zonelog_test_parts::eventually;

use crate::setup::{
    AMY, POOL, World, central, create_pool, create_zone, delete_zone, ns_record, pool, request, zone_in,
};

fn create(id: ResourceId, body: Body) -> Request {
    request(resource::Command::Create { id, body }, AMY)
}

fn tld(name: &str) -> Body {
    Body::Tld(Tld {
        name: name.into(),
        description: None,
    })
}

fn blacklist(pattern: &str) -> Body {
    Body::Blacklist(Blacklist {
        pattern: pattern.into(),
        description: None,
    })
}

fn delete(id: ResourceId, kind: Kind) -> Request {
    request(resource::Command::Delete { id, kind }, AMY)
}

fn labels<T>(results: &[Result<T, ExecuteError>]) -> Vec<&str> {
    let label = |result: &Result<T, ExecuteError>| match result {
        Ok(_) => "accepted",
        Err(ExecuteError::Rejected(rejection)) => rejection.label(),
        Err(error) => panic!("{error}"),
    };
    results.iter().map(label).collect()
}

#[tokio::test]
async fn the_next_command_of_the_same_batch_obeys() {
    let world = World::new().await;
    let (org, com, black) = (ids::resource_id(), ids::resource_id(), ids::resource_id());
    let results = join_all(
        [
            create_zone("before.example.", AMY),
            create(org, tld("org")),
            create_zone("after.example.", AMY),
            create_zone("example.org.", AMY),
            create(com, tld("ORG")),
            create(black, blacklist("^secret")),
            create_zone("secret.org.", AMY),
            delete(black, Kind::Blacklist),
            create_zone("secret.org.", AMY),
            delete(org, Kind::Tld),
            create_zone("after.example.", AMY),
        ]
        .map(|request| world.central.execute(request)),
    )
    .await;
    assert_eq!(
        labels(&results),
        [
            "accepted",
            "accepted",
            "invalid_zone_name",
            "accepted",
            "duplicate_tld",
            "accepted",
            "invalid_zone_name",
            "accepted",
            "accepted",
            "accepted",
            "accepted",
        ]
    );
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn another_process_obeys_at_once() {
    let world = World::new().await;
    let other = central(world.database.url());
    other.execute(create_zone("a.example.", AMY)).await.unwrap();
    let id = ids::resource_id();
    world.central.execute(create(id, tld("org"))).await.unwrap();
    let refused = other.execute(create_zone("b.example.", AMY)).await;
    assert_eq!(labels(&[refused]), ["invalid_zone_name"]);
    other.execute(delete(id, Kind::Tld)).await.unwrap();
    world
        .central
        .execute(create_zone("b.example.", AMY))
        .await
        .unwrap();
    // New NS records count for the next zone.
    let mut other_names = pool("default");
    other_names.ns_records = vec![ns_record(("ns9.example.net.", 1))];
    let change = Change::Pool(Box::new(other_names));
    let id = POOL.into();
    world
        .central
        .execute(request(resource::Command::Update { id, change }, AMY))
        .await
        .unwrap();
    let made = other.execute(create_zone("c.example.", AMY)).await.unwrap();
    assert_eq!(
        made.zone().unwrap().primary_nameserver.to_string(),
        "ns9.example.net."
    );
}

#[tokio::test]
async fn an_idle_process_shows_what_others_did() {
    let world = World::new().await;
    let idle = central(world.database.url());
    let shutdown = CancellationToken::new();
    let database = Database::new(world.database.url(), "test").unwrap();
    let wake_ups = WakeUps::start(database, None, shutdown.clone());
    idle.start_tasks(wake_ups.subscribe(), &shutdown);
    let mut seen = idle.registries();
    eventually("the pool is known", Duration::from_secs(20), async || {
        idle.registry().pool(POOL).is_some()
    })
    .await;
    assert!(seen.borrow_and_update().pool(POOL).is_some());
    let second = PoolId::new(Uuid::from_u128(8));
    world
        .central
        .execute(create_pool(second, "second"))
        .await
        .unwrap();
    assert!(
        world.central.registry().pool(second).is_some(),
        "one's own at once"
    );
    tokio::time::timeout(Duration::from_secs(20), seen.changed())
        .await
        .unwrap()
        .unwrap();
    assert!(idle.registry().pool(second).is_some());
    shutdown.cancel();
}

#[tokio::test]
async fn a_pool_with_zones_stays() {
    let world = World::new().await;
    let second = PoolId::new(Uuid::from_u128(8));
    world
        .central
        .execute(create_pool(second, "second"))
        .await
        .unwrap();
    let zone = create_zone("example.org.", AMY);
    let id = zone_in(&zone);
    let to = |pool| {
        let command = MoveZone {
            zone: id,
            pool: Some(pool),
        };
        request(zonelog_model::zone::Command::from(command), AMY)
    };
    let results = join_all(
        [
            zone,
            delete(POOL.into(), Kind::Pool),
            to(second),
            delete(second.into(), Kind::Pool),
            to(POOL),
            delete(second.into(), Kind::Pool),
            to(second),
            delete_zone(id, AMY),
            delete(POOL.into(), Kind::Pool),
        ]
        .map(|request| world.central.execute(request)),
    )
    .await;
    assert_eq!(
        labels(&results),
        [
            "accepted",
            "invalid_operation",
            "accepted",
            "invalid_operation",
            "accepted",
            "accepted",
            "pool_not_found",
            "accepted",
            "accepted",
        ]
    );
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn a_tsig_key_is_for_something_that_is_there() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let key = |name: &str, scope, resource| {
        let secret = world
            .central
            .sealer()
            .seal("tsigkey", "secret", "c2VjcmV0")
            .unwrap();
        create(
            ids::resource_id(),
            Body::TsigKey(TsigKey {
                name: name.into(),
                algorithm: TsigAlgorithm::HmacSha256,
                secret,
                scope,
                resource,
            }),
        )
    };
    let results = join_all(
        [
            key("one.", TsigScope::Pool, POOL.uuid()),
            key("two.", TsigScope::Zone, zone.id.uuid()),
            key("three.", TsigScope::Pool, zone.id.uuid()),
            key("four.", TsigScope::Zone, POOL.uuid()),
            key("ONE.", TsigScope::Pool, POOL.uuid()),
        ]
        .map(|request| world.central.execute(request)),
    )
    .await;
    assert_eq!(
        labels(&results),
        [
            "accepted",
            "accepted",
            "bad_request",
            "bad_request",
            "duplicate_tsigkey"
        ]
    );
    let id = results[0].as_ref().unwrap().resource().unwrap().id;
    let change = Change::TsigKey {
        name: Patch::Keep,
        algorithm: Patch::Set(TsigAlgorithm::HmacSha512),
        secret: Patch::Keep,
        scope: Patch::Keep,
        resource: Patch::Keep,
    };
    let changed = request(resource::Command::Update { id, change }, AMY);
    world.central.execute(changed).await.unwrap();
    let leaked = world.count("event where payload::text like '%c2VjcmV0%'").await;
    assert_eq!(leaked, 0, "the log holds no secret");
    assert!(world.compare().await.is_empty());
}
