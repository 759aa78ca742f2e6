//! Many callers, and several writers on one database.

use futures_util::future::join_all;
use zonelog_central::ExecuteError;
use zonelog_dns::Rrtype;

use crate::setup::{AMY, BOB, World, central, create_recordset, create_zone, delete_zone, request, zone_in};

#[tokio::test]
async fn of_a_hundred_creations_of_one_name_exactly_one_wins() {
    let world = World::new().await;
    let by = |index: usize| if index.is_multiple_of(2) { AMY } else { BOB };
    let attempts = (0..100).map(|index| world.central.execute(create_zone("example.org.", by(index))));
    let results = join_all(attempts).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let refused = |error: &ExecuteError| matches!(error, ExecuteError::Rejected(rejection) if rejection.label() == "duplicate_zone");
    assert!(
        results
            .iter()
            .filter_map(|result| result.as_ref().err())
            .all(refused)
    );
    assert_eq!((world.count("zone").await, world.count("refusal").await), (1, 99));
}

#[tokio::test]
async fn commands_of_one_batch_see_what_the_ones_before_did() {
    let world = World::new().await;
    let parent = create_zone("example.org.", AMY);
    let id = zone_in(&parent);
    let child = create_zone("sub.example.org.", AMY);
    let child_id = zone_in(&child);
    // Handed in together, in this order: all in one batch, or in few.
    let results = join_all([
        world.central.execute(parent),
        world.central.execute(child),
        world.central.execute(create_recordset(
            id,
            "www.example.org.",
            Rrtype::A,
            &["192.0.2.1"],
            AMY,
        )),
        world.central.execute(create_recordset(
            id,
            "www.example.org.",
            Rrtype::CNAME,
            &["a.example."],
            AMY,
        )),
        world.central.execute(create_recordset(
            id,
            "a.sub.example.org.",
            Rrtype::A,
            &["192.0.2.1"],
            AMY,
        )),
        world.central.execute(delete_zone(id, AMY)),
        world.central.execute(delete_zone(child_id, AMY)),
        world.central.execute(delete_zone(id, AMY)),
        world.central.execute(create_zone("example.org.", BOB)),
        world.central.execute(create_zone("sub.example.org.", AMY)),
    ])
    .await;
    let labels: Vec<_> = results
        .iter()
        .map(|result| match result {
            Ok(_) => "accepted",
            Err(ExecuteError::Rejected(rejection)) => rejection.label(),
            Err(error) => panic!("{error}"),
        })
        .collect();
    assert_eq!(
        labels,
        [
            "accepted",
            "accepted",
            "accepted",
            "invalid_recordset_location",
            "invalid_recordset_location",
            "zone_has_sub_zone",
            "accepted",
            "accepted",
            "accepted",
            "illegal_child",
        ]
    );
    let first = results[2].as_ref().unwrap().zone().unwrap().serial;
    assert!(
        results[8].as_ref().unwrap().zone().unwrap().serial > first,
        "the name's serial goes on within the batch"
    );
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:?}");
}

#[tokio::test]
async fn a_refused_command_touches_its_own_caller_only() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let results = join_all((0..60).map(|host| {
        // Every third names a zone that is not there.
        let zone = if host % 3 == 0 {
            zonelog_central::ids::zone_id()
        } else {
            zone.id
        };
        let owner = format!("h{host}.example.org.");
        world
            .central
            .execute(create_recordset(zone, &owner, Rrtype::A, &["192.0.2.1"], AMY))
    }))
    .await;
    for (host, result) in results.iter().enumerate() {
        assert_eq!(result.is_err(), host % 3 == 0, "{host}: {result:?}");
    }
    assert_eq!(world.count("recordset_version where type = 1").await, 40);
    assert_eq!(world.count("refusal").await, 20);
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn two_writers_on_one_database_take_turns() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let other = central(world.database.url());
    let writers = [&world.central, &other];
    let results = join_all((0..400).map(|host| {
        let owner = format!("h{}.example.org.", host / 2);
        // Both writers want each name.
        writers[host % 2].execute(create_recordset(zone.id, &owner, Rrtype::A, &["192.0.2.1"], AMY))
    }))
    .await;
    let mut serials: Vec<_> = results
        .iter()
        .filter_map(|result| result.as_ref().ok())
        .map(|done| (done.position, done.zone().unwrap().serial))
        .collect();
    assert_eq!(serials.len(), 200, "each name was had once");
    serials.sort_unstable();
    assert!(
        serials.windows(2).all(|pair| pair[0].1 < pair[1].1),
        "serials strictly grow with positions"
    );
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:?}");
}

#[tokio::test]
async fn each_writer_sees_what_the_other_did() {
    let world = World::new().await;
    let other = central(world.database.url());
    let zone = world.zone("example.org.").await;
    let made = create_recordset(zone.id, "www.example.org.", Rrtype::A, &["192.0.2.1"], AMY);
    let again = request(made.command.clone(), AMY);
    other.execute(made).await.unwrap();
    assert_eq!(world.reject(again).await.label(), "duplicate_recordset");
}
