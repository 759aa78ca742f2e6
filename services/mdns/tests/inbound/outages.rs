//! Primaries that are away, expiry, several masters, restarts, zones that go.

use zonelog_test_parts::eventually;

use crate::scripted::{Scripted, Step};
use crate::support::{self, PATIENCE};
use crate::world::World;

const ZONE: &str = "in.test.";

#[tokio::test]
async fn a_zone_expires_without_its_primary_and_is_back_with_it() {
    let world = World::new().await;
    let primary = Scripted::start(ZONE, 5).await;
    primary.set_expire(2);
    let zone = world.secondary(ZONE, &[primary.address]).await;
    world.serves(ZONE, 5).await;
    primary.set_silent(true);
    world.serves_nothing(ZONE).await;
    // Nothing of the zone is given: no transfer, no record.
    let transfer = support::transfer(world.address, ZONE, zonelog_mdns::drain::Ask::Axfr).await;
    assert!(transfer.is_err());
    let question = support::question("www.in.test.", 1);
    let answer = support::udp(world.address, &question, PATIENCE).await.unwrap();
    assert_eq!(support::rcode(&answer), 2);
    // It is served again, at the same serial, once its primary answers; the log has nothing of it.
    primary.set_silent(false);
    support::notify(world.address, ZONE).await;
    world.serves(ZONE, 5).await;
    assert_eq!(world.causes(zone.id).await.len(), 1);
}

#[tokio::test]
async fn any_master_will_do() {
    let world = World::new().await;
    let primary = Scripted::start(ZONE, 5).await;
    let (dead, silent) = ("127.0.0.1:1".parse().unwrap(), Scripted::start(ZONE, 9).await);
    silent.set_silent(true);
    world
        .secondary(ZONE, &[dead, silent.address, primary.address])
        .await;
    world.serves(ZONE, 5).await;
    // Who is ahead is followed, wherever in the list.
    silent.set_silent(false);
    silent.set_serial(8);
    primary.set_serial(7);
    support::notify(world.address, ZONE).await;
    world.serves(ZONE, 8).await;
}

/// One primary is ahead and sends nothing that can be taken; the other vouches for what we have.
#[tokio::test]
async fn a_zone_does_not_expire_while_one_primary_vouches_for_it() {
    let world = World::new().await;
    let (ahead, steady) = (Scripted::start(ZONE, 5).await, Scripted::start(ZONE, 5).await);
    steady.set_expire(2);
    ahead.set_expire(2);
    let zone = world.secondary(ZONE, &[ahead.address, steady.address]).await;
    world.serves(ZONE, 5).await;
    for _ in 0..1_000 {
        ahead.next_transfer(Step::Rcode(2));
    }
    ahead.set_serial(6);
    world.fails(zone.id, "SERVFAIL").await;
    let first = expiry(&world).await;
    eventually("the expiry is put off again and again", PATIENCE, async || {
        expiry(&world).await > first + 3.0
    })
    .await;
    assert_eq!(world.rcode(ZONE).await, Some(0));
    ahead.forget_steps();
    world.serves(ZONE, 6).await;
}

/// When the only secondary zone expires, in seconds since 1970.
async fn expiry(world: &World) -> f64 {
    let sql = "select extract(epoch from expires_at)::float8 from secondary_status";
    world.client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn other_masters_are_asked_at_once() {
    let world = World::new().await;
    let (one, other) = (Scripted::start(ZONE, 5).await, Scripted::start(ZONE, 6).await);
    let zone = world.secondary(ZONE, &[one.address]).await;
    world.serves(ZONE, 5).await;
    world.change_masters(zone.id, other.address).await;
    world.serves(ZONE, 6).await;
}

#[tokio::test]
async fn nothing_is_forgotten_over_a_restart() {
    let mut world = World::new().await;
    let primary = Scripted::start(ZONE, 5).await;
    primary.set_expire(3);
    let zone = world.secondary(ZONE, &[primary.address]).await;
    world.serves(ZONE, 5).await;
    world.stop().await;
    // While nobody is there a zone is made, and the primary moves on and falls silent.
    let late = Scripted::start("late.test.", 30).await;
    world.secondary("late.test.", &[late.address]).await;
    primary.set_silent(true);
    world.start().await;
    world.serves("late.test.", 30).await;
    world.serves_nothing(ZONE).await;
    primary.set_serial(6);
    primary.set_silent(false);
    // The retry of its SOA, one second, brings it back: nobody tells of it.
    world.serves(ZONE, 6).await;
    assert_eq!(world.causes(zone.id).await.len(), 2);
}

#[tokio::test]
async fn a_deleted_zone_is_left_alone() {
    let world = World::new().await;
    let primary = Scripted::start(ZONE, 5).await;
    let zone = world.secondary(ZONE, &[primary.address]).await;
    world.serves(ZONE, 5).await;
    world.delete(zone.id).await;
    eventually("the zone is REFUSED", PATIENCE, async || {
        world.rcode(ZONE).await == Some(5)
    })
    .await;
    let asked = primary.asked();
    let client = world.database.client().await;
    client
        .execute(
            "update deadline set due_at = now() where kind = 'secondary_refresh'",
            &[],
        )
        .await
        .unwrap();
    eventually("nothing is due any more", PATIENCE, async || {
        let rows = client
            .query(
                "select 1 from deadline where kind = 'secondary_refresh' and subject = $1",
                &[&zone.id.uuid()],
            )
            .await
            .unwrap();
        rows.is_empty()
    })
    .await;
    assert_eq!(primary.asked(), asked);
}
