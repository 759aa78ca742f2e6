//! Primaries that lie, are slow or break off: nothing of it is taken, the reason is told, and the next good answer is taken.

use zonelog_dns::{Name, Rdata, Rrtype};
use zonelog_projections::deadline::{self, Kind};

use crate::scripted::{Scripted, Step, a};
use crate::support;
use crate::world::World;

const ZONE: &str = "in.test.";

/// A transfer that is answered like this is refused with this reason, and nothing changes; then the zone comes in.
async fn refused(step: impl Fn(&Scripted) -> Step, why: &str) {
    let world = World::new().await;
    let primary = Scripted::start(ZONE, 5).await;
    let bad = step(&primary);
    for _ in 0..50 {
        primary.next_transfer(bad.clone());
    }
    let zone = world.secondary(ZONE, &[primary.address]).await;
    world.fails(zone.id, why).await;
    assert_eq!(world.causes(zone.id).await.len(), 0);
    assert_eq!(world.rcode(ZONE).await, Some(2));
    primary.forget_steps();
    ask(&world, zone.id.uuid()).await;
    world.serves(ZONE, 5).await;
    zonelog_test_parts::eventually("nothing is wrong any more", support::PATIENCE, async || {
        world.error(zone.id).await.is_none()
    })
    .await;
    assert_eq!(support::axfr(world.address, ZONE).await.content.len(), 1);
}

/// What the task `xfr` does.
async fn ask(world: &World, zone: uuid::Uuid) {
    let database = zonelog_store::Database::new(world.database.url(), "test").unwrap();
    let client = database.pool(1).get().await.unwrap();
    deadline::wake(&client, Kind::SecondaryRefresh, &[zone])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stream_that_is_cut_is_not_taken() {
    refused(
        |primary| Step::Records(vec![primary.soa(5), a("www.in.test.", 1)], 1),
        "before the zone's end",
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_begins_and_ends_with_other_soas_is_not_taken() {
    refused(
        |primary| Step::Records(vec![primary.soa(5), a("www.in.test.", 1), primary.soa(4)], 3),
        "ends with another SOA",
    )
    .await;
}

#[tokio::test]
async fn another_zones_soa_is_not_taken() {
    refused(
        |primary| {
            let mut soa = primary.soa(5);
            soa.0 = Name::parse("other.test.").unwrap();
            Step::Records(vec![soa], 1)
        },
        "not the zone's name",
    )
    .await;
}

#[tokio::test]
async fn a_primary_that_goes_silent_is_given_up() {
    refused(|_| Step::Octets(vec![0, 40, 1, 2, 3]), "no answer within").await;
}

#[tokio::test]
async fn octets_that_are_no_message_are_not_taken() {
    refused(|_| Step::Octets(vec![0, 3, 1, 2, 3]), "cannot be read").await;
}

#[tokio::test]
async fn a_zone_without_end_is_not_taken() {
    refused(|_| Step::Forever(a("www.in.test.", 1)), "larger than the limit").await;
}

#[tokio::test]
async fn records_outside_the_zone_are_no_way_to_go_on_for_ever() {
    refused(
        |_| Step::Forever(a("www.other.test.", 1)),
        "larger than the limit",
    )
    .await;
}

#[tokio::test]
async fn a_refusal_is_told() {
    refused(|_| Step::Rcode(5), "REFUSED").await;
}

#[tokio::test]
async fn data_that_is_none_of_its_type_is_not_taken() {
    refused(
        |primary| {
            let short = Rdata::from_wire(Rrtype::new(65_300), &[1, 2, 3]).unwrap();
            let meta = Rdata::from_wire(Rrtype::OPT, short.wire()).unwrap();
            let owner = Name::parse("www.in.test.").unwrap();
            Step::Records(vec![primary.soa(5), (owner, 60, meta), primary.soa(5)], 3)
        },
        "no zone can hold",
    )
    .await;
}

/// An IXFR that does not fit what we have is passed over, and the whole zone asked for.
#[tokio::test]
async fn an_ixfr_that_does_not_fit_is_followed_by_axfr() {
    for bad in 0..4 {
        let world = World::new().await;
        let primary = Scripted::start(ZONE, 5).await;
        let zone = world.secondary(ZONE, &[primary.address]).await;
        world.serves(ZONE, 5).await;
        primary.set_serial(6);
        let (new, old) = (primary.soa(6), primary.soa(5));
        let www = |last| a("www.in.test.", last);
        primary.next_transfer(match bad {
            // Deletes what is not there; adds what is; begins elsewhere; refuses IXFR.
            0 => Step::Records(vec![new.clone(), old, www(99), new.clone(), www(6), new], 2),
            1 => Step::Records(vec![new.clone(), old, new.clone(), www(5), new], 2),
            2 => Step::Records(vec![new.clone(), primary.soa(3), new.clone(), new], 9),
            _ => Step::Rcode(4),
        });
        ask(&world, zone.id.uuid()).await;
        world.serves(ZONE, 6).await;
        world.equals_records(ZONE, &["www.in.test. 60 1 c0000206"]).await;
        let causes = world.causes(zone.id).await;
        assert!(causes[1].starts_with("AXFR"), "{bad}: {causes:?}");
    }
}

/// A primary that has an older serial than we have changes nothing, and counts as a sign of life.
#[tokio::test]
async fn an_older_serial_is_not_taken() {
    let world = World::new().await;
    let primary = Scripted::start(ZONE, 50).await;
    let zone = world.secondary(ZONE, &[primary.address]).await;
    world.serves(ZONE, 50).await;
    primary.set_serial(40);
    let before = world.refreshes(zone.id).await;
    ask(&world, zone.id.uuid()).await;
    let after = world.refreshes(zone.id).await;
    assert!(after.begun > before.begun, "{before:?} {after:?}");
    assert_eq!(support::soa_serial(world.address, ZONE).await, Some(50));
    assert_eq!(world.causes(zone.id).await.len(), 1);
    assert_eq!(world.error(zone.id).await, None);
}
