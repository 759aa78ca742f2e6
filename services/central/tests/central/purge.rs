//! What is kept beside the log goes when it is old enough.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zonelog_test_parts::eventually;

use crate::setup::{AMY, World, central_with, create_zone, keyed};

#[tokio::test]
async fn old_answers_and_refusals_are_taken_away_and_new_ones_stay() {
    let world = World::new().await;
    world
        .accept(keyed(create_zone("example.org.", AMY), "new", 1))
        .await;
    world.reject(create_zone("example.org.", AMY)).await;
    let owner = world.database.owner().await;
    owner
        .batch_execute(
            "insert into idempotency_key select project, 'old ' || n, digest, change_id, answer,
                    recorded_at - interval '25 hours' from idempotency_key, generate_series(1, 250) n;
             insert into refusal (stream, command, label, message, project, actor, request_id, recorded_at)
                 select stream, command, label, message, project, actor, request_id,
                        recorded_at - interval '91 days' from refusal, generate_series(1, 250) n;
             insert into refusal (stream, command, label, message, project, actor, request_id, recorded_at)
                 select stream, command, label, message, project, actor, request_id,
                        now() - interval '89 days' from refusal order by id limit 1",
        )
        .await
        .unwrap();
    let central = central_with(world.database.url(), |options| {
        options.purge.batch = 100;
        options.purge.every = Duration::from_millis(50);
    });
    let shutdown = CancellationToken::new();
    let (_sender, wake_ups) = watch::channel(0);
    central.start_tasks(wake_ups, &shutdown);
    eventually("what is old is gone", Duration::from_secs(30), async || {
        world.count("idempotency_key").await == 1 && world.count("refusal").await == 2
    })
    .await;
    shutdown.cancel();
    // The key that stays still does its work.
    let again = world
        .accept(keyed(create_zone("example.org.", AMY), "new", 1))
        .await;
    assert!(again.replayed);
}
