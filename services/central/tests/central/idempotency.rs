//! Retries with an idempotency key.

use futures_util::future::join_all;
use zonelog_central::ExecuteError;
use zonelog_dns::Rrtype;

use crate::setup::{AMY, BOB, Done, World, create_recordset, create_zone, keyed};

#[tokio::test]
async fn a_retry_gets_the_first_answer() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    // A caller that retries makes new ids and a new change id: the answer has the first ones.
    let request = || {
        keyed(
            create_recordset(zone.id, "www.example.org.", Rrtype::A, &["192.0.2.1"], AMY),
            "k",
            1,
        )
    };
    let first = world.accept(request()).await;
    world
        .accept(create_recordset(
            zone.id,
            "other.example.org.",
            Rrtype::A,
            &["192.0.2.1"],
            AMY,
        ))
        .await;
    let again = world.accept(request()).await;
    assert_eq!(
        again,
        Done {
            replayed: true,
            ..first
        }
    );
    assert_eq!(world.count("event where type = 'recordset_created'").await, 3);

    let other = world
        .central
        .execute(keyed(create_zone("other.org.", AMY), "k", 2))
        .await;
    assert!(matches!(other, Err(ExecuteError::KeyReused)), "{other:?}");
    assert!(
        !world
            .accept(keyed(create_zone("other.org.", BOB), "k", 2))
            .await
            .replayed,
        "a key is a project's own"
    );
}

#[tokio::test]
async fn a_refused_request_may_be_tried_again_under_its_key() {
    let world = World::new().await;
    world.zone("example.org.").await;
    let rejection = world
        .reject(keyed(create_zone("example.org.", AMY), "k", 1))
        .await;
    assert_eq!(rejection.label(), "duplicate_zone");
    assert!(
        !world
            .accept(keyed(create_zone("free.org.", AMY), "k", 2))
            .await
            .replayed
    );
}

#[tokio::test]
async fn retries_that_meet_in_one_batch_have_one_effect() {
    let world = World::new().await;
    let requests = (0..40).map(|_| world.accept(keyed(create_zone("example.org.", AMY), "k", 1)));
    let answers = join_all(requests).await;
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    let first = answers.iter().find(|answer| !answer.replayed).unwrap();
    assert!(
        answers
            .iter()
            .all(|answer| answer.zone == first.zone && answer.change_id == first.change_id)
    );
    assert_eq!(world.count("zone").await, 1);
    assert_eq!(world.count("idempotency_key").await, 1);
}
