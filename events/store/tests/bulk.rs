//! Changes of many events beside the writer's batches.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails where something is not as expected"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use support::*;
use zonelog_model::{Metadata, StreamId};
use zonelog_store::{BulkAppend, ChangeEncoder, Expected, StoreError, SubmitError, WriterOptions};
use zonelog_test_parts::{TestDatabase, eventually};

fn new_change() -> Arc<Metadata> {
    Arc::new(metadata(change()))
}

/// Appends `chunks` times `size` events to one stream.
async fn append(url: &str, stream: StreamId, chunks: usize, size: usize) -> i64 {
    let mut bulk = BulkAppend::connect(&database(url)).await.unwrap();
    bulk.begin().await.unwrap();
    let mut encoder = ChangeEncoder::new(&new_change(), at());
    let mut version = 0;
    for _ in 0..chunks {
        for _ in 0..size {
            version += 1;
            let recorded = encoder
                .push(stream, version, event(format!("{version}")))
                .unwrap();
            assert_eq!(recorded.position, version);
        }
        bulk.stage(encoder.take()).await.unwrap();
    }
    let head = bulk.lock().await.unwrap();
    let last = bulk.commit().await.unwrap();
    assert_eq!(last, head + version);
    last
}

#[tokio::test]
async fn what_was_written_in_chunks_is_read_as_it_was_given() {
    let database = TestDatabase::new().await;
    let stream = stream();
    let writer = writer(database.url());
    appended(writer.submit(one(self::stream(), Expected::Any, "before")).await);
    assert_eq!(append(database.url(), stream, 5, 7).await, 36);
    appended(writer.submit(one(self::stream(), Expected::Any, "after")).await);
    let log = whole_log(database.url()).await;
    assert_eq!(log.len(), 37);
    for (version, recorded) in (1..).zip(&log[1..36]) {
        assert_eq!((recorded.stream, recorded.version), (stream, version));
        assert_eq!(text(&recorded.event), version.to_string());
        assert_eq!(recorded.recorded_at, at());
        assert_eq!(recorded.metadata.actor, metadata(change()).actor);
        assert_eq!(recorded.metadata.change_id, log[1].metadata.change_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_and_changes_in_chunks_take_turns_without_a_hole() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let writers = [writer(url), writer(url)];
    let small = (0..200).map(|n| {
        let writer = &writers[n % 2];
        async move {
            appended(
                writer
                    .submit(one(stream(), Expected::Exact(0), format!("{n}")))
                    .await,
            );
        }
    });
    let large = (0..8).map(|_| async {
        append(url, stream(), 10, 20).await;
    });
    tokio::join!(join_all(small), join_all(large));
    // Reading asserts that no position is missing.
    assert_eq!(whole_log(url).await.len(), 200 + 8 * 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_waits_for_a_change_in_chunks_longer_than_for_a_statement_but_not_for_ever() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let options = |bulk_patience| WriterOptions {
        statement_timeout: Duration::from_millis(50),
        bulk_patience,
        ..WriterOptions::default()
    };
    let patient = writer_with(url, options(Duration::from_secs(60)));
    let impatient = writer_with(url, options(Duration::from_millis(200)));
    for writer in [&patient, &impatient, &patient] {
        appended(writer.submit(one(stream(), Expected::Any, "before")).await);
    }
    let mut bulk = BulkAppend::connect(&support::database(url)).await.unwrap();
    bulk.begin().await.unwrap();
    bulk.lock().await.unwrap();
    let behind = tokio::spawn({
        let patient = patient.clone();
        async move { patient.submit(one(stream(), Expected::Any, "behind")).await }
    });
    let given_up = impatient.submit(one(stream(), Expected::Any, "given up")).await;
    assert!(
        matches!(given_up, Err(SubmitError::Unavailable(_))),
        "{given_up:?}"
    );
    // The other is past its statement's time, and waits for the change.
    let client = database.client().await;
    let waits = "select exists (select from pg_locks where locktype = 'advisory' and not granted)";
    eventually("it waits for the change", LONG, async || {
        client.query_one(waits, &[]).await.unwrap().get(0)
    })
    .await;
    bulk.roll_back().await.unwrap();
    appended(behind.await.unwrap());
    // Somebody else who holds the head is not waited for.
    let holder = database.client().await;
    let hold = "begin; select position from feed_head where feed = 0 for update";
    holder.batch_execute(hold).await.unwrap();
    let refused = patient.submit(one(stream(), Expected::Any, "refused")).await;
    assert!(matches!(refused, Err(SubmitError::Unavailable(_))), "{refused:?}");
    let texts: Vec<_> = whole_log(url)
        .await
        .iter()
        .map(|row| text(&row.event).to_owned())
        .collect();
    assert_eq!(texts, ["before", "before", "before", "behind"]);
}

#[tokio::test]
async fn a_change_that_is_not_committed_leaves_nothing_and_frees_the_head() {
    let database = TestDatabase::new().await;
    let url = database.url();
    for drops in [true, false] {
        let mut bulk = BulkAppend::connect(&support::database(url)).await.unwrap();
        bulk.begin().await.unwrap();
        bulk.lock().await.unwrap();
        let mut encoder = ChangeEncoder::new(&new_change(), at());
        encoder.push(stream(), 1, event("never")).unwrap();
        bulk.stage(encoder.take()).await.unwrap();
        if drops {
            drop(bulk);
        } else {
            bulk.roll_back().await.unwrap();
        }
        let next = writer(url);
        let after = next.submit(one(stream(), Expected::Any, "after"));
        appended(
            tokio::time::timeout(Duration::from_secs(30), after)
                .await
                .unwrap(),
        );
    }
    assert_eq!(whole_log(url).await.len(), 2);
}

#[tokio::test]
async fn events_that_do_not_follow_are_refused() {
    let database = TestDatabase::new().await;
    let mut bulk = BulkAppend::connect(&support::database(database.url()))
        .await
        .unwrap();
    bulk.begin().await.unwrap();
    let mut encoder = ChangeEncoder::new(&new_change(), at());
    encoder.push(stream(), 1, event("lost")).unwrap();
    encoder.take();
    encoder.push(stream(), 1, event("a hole")).unwrap();
    let refused = bulk.stage(encoder.take()).await;
    assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
}

#[tokio::test]
async fn nobody_waits_for_a_change_while_it_is_staged() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let mut bulk = BulkAppend::connect(&support::database(url)).await.unwrap();
    bulk.begin().await.unwrap();
    let (mut encoder, stream) = (ChangeEncoder::new(&new_change(), at()), stream());
    encoder.push(stream, 1, event("first staged")).unwrap();
    bulk.stage(encoder.take()).await.unwrap();
    appended(
        writer(url)
            .submit(one(self::stream(), Expected::Any, "meanwhile"))
            .await,
    );
    encoder.push(stream, 2, event("second staged")).unwrap();
    bulk.stage(encoder.take()).await.unwrap();
    assert_eq!(bulk.lock().await.unwrap(), 1);
    assert_eq!(bulk.commit().await.unwrap(), 3);
    let texts: Vec<_> = whole_log(url)
        .await
        .iter()
        .map(|row| text(&row.event).to_owned())
        .collect();
    assert_eq!(texts, ["meanwhile", "first staged", "second staged"]);
}

#[tokio::test]
async fn followers_of_the_process_are_told() {
    let database = TestDatabase::new().await;
    let writer = writer(database.url());
    appended(writer.submit(one(stream(), Expected::Any, "first")).await);
    let mut positions = writer.positions();
    positions.borrow_and_update();
    writer.tell(append(database.url(), stream(), 1, 10).await);
    assert!(positions.has_changed().unwrap());
    assert_eq!(*positions.borrow_and_update(), 11);
    writer.tell(3);
    assert!(!positions.has_changed().unwrap(), "never back");
}
