//! Following the log: wake-ups, the slow poll, outages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where something is not as expected"
)]

mod support;

use std::time::{Duration, Instant};

use support::*;
use tokio_util::sync::CancellationToken;
use zonelog_store::{Expected, Feed, StoreError, WakeUps};
use zonelog_test_parts::{TestDatabase, TestServer};

/// A slow poll that cannot be what brings an event in a test.
const NEVER: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_is_woken_by_another_process() {
    let database = TestDatabase::new().await;
    // No local watch: the wake-ups go through PostgreSQL, as those of another process do.
    let wake_ups = WakeUps::start(support::database(database.url()), None, CancellationToken::new());
    let feed = Feed::new(&support::database(database.url()));
    let mut follower = feed.follow(0, wake_ups.subscribe()).with_poll(NEVER);
    let writer = writer(database.url());
    let mut delays = Vec::new();
    for n in 0..50 {
        let ((first, _), acknowledged) = async {
            let outcome = appended(writer.submit(one(stream(), Expected::Any, format!("{n}"))).await);
            (outcome, Instant::now())
        }
        .await;
        let events = tokio::time::timeout(LONG, follower.next())
            .await
            .expect("a wake-up")
            .unwrap();
        delays.push(acknowledged.elapsed());
        assert_eq!(
            events.iter().map(|event| event.position).collect::<Vec<_>>(),
            [first]
        );
        assert_eq!(follower.position(), first);
    }
    delays.sort_unstable();
    assert!(delays[25] < Duration::from_millis(50), "woken after {delays:?}");
}

#[tokio::test]
async fn a_follower_is_woken_by_its_own_process_and_reads_pages() {
    let database = TestDatabase::new().await;
    let writer = writer(database.url());
    for n in 0..25 {
        appended(writer.submit(one(stream(), Expected::Any, format!("{n}"))).await);
    }
    let feed = Feed::new(&support::database(database.url()));
    let mut follower = feed.follow(3, writer.positions()).with_poll(NEVER).with_page(10);
    let mut sizes = Vec::new();
    while follower.position() < 25 {
        sizes.push(follower.next().await.unwrap().len());
    }
    assert_eq!(sizes, [10, 10, 2]);
    let (events, _) = tokio::join!(follower.next(), async {
        tokio::task::yield_now().await;
        appended(writer.submit(one(stream(), Expected::Any, "last")).await)
    });
    assert_eq!(text(&events.unwrap()[0].event), "last");
}

#[tokio::test]
async fn without_any_wake_up_the_slow_poll_finds_events() {
    let database = TestDatabase::new().await;
    let (sender, silent) = tokio::sync::watch::channel(0);
    let feed = Feed::new(&support::database(database.url()));
    let mut follower = feed
        .clone()
        .follow(0, silent.clone())
        .with_poll(Duration::from_millis(20));
    let mut abandoned = feed
        .follow(0, tokio::sync::watch::channel(0).1)
        .with_poll(Duration::from_millis(20));
    let writer = writer(database.url());
    for follower in [&mut follower, &mut abandoned] {
        let next = tokio::spawn({
            let writer = writer.clone();
            async move { appended(writer.submit(one(stream(), Expected::Any, "found")).await) }
        });
        let events = tokio::time::timeout(LONG, follower.next())
            .await
            .expect("the poll")
            .unwrap();
        assert_eq!(text(&events[0].event), "found");
        next.await.unwrap();
    }
    drop(sender);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_survives_a_restart_of_the_database() {
    let mut server = TestServer::start().await;
    let wake_ups = WakeUps::start(support::database(server.url()), None, CancellationToken::new());
    let feed = Feed::new(&support::database(server.url()));
    let mut follower = feed
        .follow(0, wake_ups.subscribe())
        .with_poll(Duration::from_millis(100));
    let writer = writer(server.url());
    appended(writer.submit(one(stream(), Expected::Any, "before")).await);
    assert_eq!(text(&follower.next().await.unwrap()[0].event), "before");
    server.stop().await;
    let mut next = tokio::spawn(async move {
        let events = follower.next().await;
        (follower, events)
    });
    let waits = tokio::time::timeout(Duration::from_millis(200), &mut next).await;
    assert!(waits.is_err(), "it waits for the database: {waits:?}");
    server.start_again().await;
    zonelog_test_parts::eventually("the writer is back", LONG, async || {
        writer.submit(one(stream(), Expected::Any, "after")).await.is_ok()
    })
    .await;
    let (follower, events) = tokio::time::timeout(LONG, next).await.unwrap().unwrap();
    assert_eq!(text(&events.unwrap()[0].event), "after");
    assert_eq!(follower.position(), 2);
}

#[tokio::test]
async fn a_log_that_was_set_back_is_corruption() {
    let database = TestDatabase::new().await;
    appended(
        writer(database.url())
            .submit(one(stream(), Expected::Any, "a"))
            .await,
    );
    let feed = Feed::new(&support::database(database.url()));
    let mut follower = feed.follow(7, tokio::sync::watch::channel(0).1);
    let error = follower.next().await.unwrap_err();
    assert!(
        matches!(error, StoreError::Corrupt { position: 1, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("restored from an older backup"),
        "{error}"
    );
}
