//! Appending: order, expected versions, several streams, repetition, refusals.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where something is not as expected"
)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use support::*;
use tokio_postgres::error::SqlState;
use zonelog_model::{Position, StreamId};
use zonelog_store::{
    Append, AppendOutcome, Appending, BatchWork, Expected, Feed, StoreError, StreamAppend, SubmitError,
    Writer, WriterOptions,
};
use zonelog_test_parts::{TestDatabase, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn positions_have_no_holes() {
    let database = TestDatabase::new().await;
    let writers = [
        writer(database.url()),
        writer(database.url()),
        writer(database.url()),
    ];
    let streams: Vec<StreamId> = (0..10).map(|_| stream()).collect();
    let appends = (0..600).map(|n| {
        let (writer, stream) = (&writers[n % 3], streams[n % 10]);
        // Every third change has several events, every seventh expects a version that is wrong.
        let expected = if n % 7 == 0 {
            Expected::Exact(-1)
        } else {
            Expected::Any
        };
        let events = (0..=n % 3).map(|k| event(format!("{n}.{k}"))).collect();
        let append = Append::to(stream, expected, events, &metadata(change()), at());
        async move { writer.submit(append).await.unwrap() }
    });
    let outcomes = join_all(appends).await;
    let mut positions = BTreeSet::new();
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            AppendOutcome::Appended { first, last, .. } => {
                assert_eq!(
                    last - first,
                    i64::try_from(n % 3).unwrap(),
                    "a change's events stand together"
                );
                assert!(
                    (*first..=*last).all(|position| positions.insert(position)),
                    "each position is one event's"
                );
            }
            AppendOutcome::Conflict { .. } => assert_eq!(n % 7, 0),
            AppendOutcome::Replayed { .. } => panic!("{outcome:?}"),
        }
    }
    let log = whole_log(database.url()).await;
    assert!(
        log.iter()
            .map(|event| event.position)
            .eq(1..=log.len() as Position)
    );
    assert!(positions.into_iter().eq(1..=log.len() as Position));
    for stream in streams {
        let versions = log
            .iter()
            .filter(|event| event.stream == stream)
            .map(|event| event.version);
        assert!(versions.zip(1..).all(|(version, expected)| version == expected));
    }
}

#[tokio::test]
async fn the_log_only_grows() {
    let database = TestDatabase::new().await;
    appended(
        writer(database.url())
            .submit(one(stream(), Expected::Any, "kept"))
            .await,
    );
    let service = database.client().await;
    for statement in [
        "update event set payload = '{}'",
        "delete from event",
        "truncate event",
        "delete from feed_head",
        "alter table event disable trigger all",
        "drop table event",
    ] {
        let error = service.batch_execute(statement).await.unwrap_err();
        assert_eq!(
            error.code(),
            Some(&SqlState::INSUFFICIENT_PRIVILEGE),
            "{statement}: {error}"
        );
    }
    let log = whole_log(database.url()).await;
    assert_eq!(
        log.iter().map(|event| text(&event.event)).collect::<Vec<_>>(),
        ["kept"]
    );
}

#[tokio::test]
async fn what_is_read_is_what_was_written() {
    let database = TestDatabase::new().await;
    let (stream, change) = (stream(), change());
    let mut metadata = metadata(change);
    metadata.cause = Some("a notification".to_owned());
    let events = vec![event("größer \u{1F600} \"quoted\" \\ \n"), event("")];
    let append = Append::to(stream, Expected::Exact(0), events.clone(), &metadata, at());
    appended(writer(database.url()).submit(append).await);
    let feed = Feed::new(&support::database(database.url()));
    let log = feed.after(0, 10).await.unwrap();
    assert_eq!(log.len(), 2);
    for (recorded, (event, place)) in log.iter().zip(events.iter().zip(1..)) {
        assert_eq!(
            (recorded.position, recorded.stream, recorded.version),
            (place, stream, place)
        );
        assert_eq!(
            (&*recorded.metadata, &recorded.event, recorded.recorded_at),
            (&metadata, event, at())
        );
    }
    assert_eq!(feed.stream(stream, 1, 10).await.unwrap(), log[1..]);
    assert_eq!(feed.after(0, 1).await.unwrap(), log[..1]);
}

#[tokio::test]
async fn of_two_who_expect_the_same_version_one_wins() {
    let database = TestDatabase::new().await;
    let (one_process, another) = (writer(database.url()), writer(database.url()));
    let stream = stream();
    for version in 0..40 {
        let (a, b) = tokio::join!(
            one_process.submit(one(stream, Expected::Exact(version), "a")),
            another.submit(one(stream, Expected::Exact(version), "b")),
        );
        let (won, lost) = match (a.unwrap(), b.unwrap()) {
            (won @ AppendOutcome::Appended { .. }, lost) | (lost, won) => (won, lost),
        };
        assert_eq!(
            won,
            AppendOutcome::Appended {
                first: version + 1,
                last: version + 1,
                versions: vec![version + 1]
            }
        );
        assert_eq!(
            lost,
            AppendOutcome::Conflict {
                stream,
                actual: version + 1
            }
        );
    }
}

#[tokio::test]
async fn several_streams_are_appended_to_all_or_none() {
    let database = TestDatabase::new().await;
    let writer = writer(database.url());
    let (left, right) = (stream(), stream());
    let both = |left_expected, right_expected| {
        let part = |stream, expected| StreamAppend {
            stream,
            expected,
            events: vec![event("x")],
        };
        Append::new(
            vec![part(left, left_expected), part(right, right_expected)],
            &metadata(change()),
            at(),
        )
    };
    let outcome = writer
        .submit(both(Expected::Exact(0), Expected::Exact(0)))
        .await
        .unwrap();
    assert_eq!(
        outcome,
        AppendOutcome::Appended {
            first: 1,
            last: 2,
            versions: vec![1, 1]
        }
    );
    // Again and again, since the second attempt is answered from memory and the first is not.
    for _ in 0..3 {
        let outcome = writer
            .submit(both(Expected::Exact(1), Expected::Exact(0)))
            .await
            .unwrap();
        assert_eq!(
            outcome,
            AppendOutcome::Conflict {
                stream: right,
                actual: 1
            }
        );
    }
    let outcome = writer
        .submit(both(Expected::Exact(1), Expected::Any))
        .await
        .unwrap();
    assert_eq!(
        outcome,
        AppendOutcome::Appended {
            first: 3,
            last: 4,
            versions: vec![2, 2]
        }
    );
    // One stream twice in an append: the second part builds on the first.
    let twice = |expected| {
        let part = |expected| StreamAppend {
            stream: left,
            expected,
            events: vec![event("y")],
        };
        Append::new(
            vec![part(Expected::Exact(2)), part(Expected::Exact(expected))],
            &metadata(change()),
            at(),
        )
    };
    let outcome = writer.submit(twice(2)).await.unwrap();
    assert_eq!(
        outcome,
        AppendOutcome::Conflict {
            stream: left,
            actual: 3
        }
    );
    let outcome = writer.submit(twice(3)).await.unwrap();
    assert_eq!(
        outcome,
        AppendOutcome::Appended {
            first: 5,
            last: 6,
            versions: vec![3, 4]
        }
    );
    assert_eq!(whole_log(database.url()).await.len(), 6);
}

#[tokio::test]
async fn a_repeated_change_is_appended_once() {
    let database = TestDatabase::new().await;
    let (first_process, second_process) = (writer(database.url()), writer(database.url()));
    for expected in [Expected::Any, Expected::Exact(0)] {
        let (stream, metadata) = (stream(), metadata(change()));
        let append = || Append::to(stream, expected, vec![event("a"), event("b")], &metadata, at());
        // In one batch, in the next ones, and by another process.
        let outcomes = join_all((0..5).map(|_| first_process.submit(append()))).await;
        let (first, last) = appended(
            outcomes
                .into_iter()
                .reduce(|one, other| {
                    let (appended, replayed) = match (one.unwrap(), other.unwrap()) {
                        (appended @ AppendOutcome::Appended { .. }, replayed) | (replayed, appended) => {
                            (appended, replayed)
                        }
                    };
                    assert!(matches!(replayed, AppendOutcome::Replayed { .. }), "{replayed:?}");
                    Ok(appended)
                })
                .unwrap(),
        );
        for process in [&first_process, &second_process, &first_process, &first_process] {
            assert_eq!(
                process.submit(append()).await.unwrap(),
                AppendOutcome::Replayed { first, last }
            );
        }
    }
    assert_eq!(whole_log(database.url()).await.len(), 4);
}

#[tokio::test]
async fn a_change_is_known_by_its_id_whatever_it_is_said_to_do() {
    let database = TestDatabase::new().await;
    let writer = writer(database.url());
    let (stream, metadata) = (stream(), metadata(change()));
    let append = |expected| Append::to(stream, expected, vec![event("a")], &metadata, at());
    // Enough before it that the writer decides from memory.
    for _ in 0..3 {
        appended(writer.submit(one(stream, Expected::Any, "before")).await);
    }
    let (first, last) = appended(writer.submit(append(Expected::Exact(3))).await);
    // The version fits, and yet it is no new change.
    assert_eq!(
        writer.submit(append(Expected::Exact(4))).await.unwrap(),
        AppendOutcome::Replayed { first, last }
    );
}

#[tokio::test]
async fn a_request_that_postgresql_refuses_fails_alone() {
    let database = TestDatabase::new().await;
    let writer = writer(database.url());
    let stream = stream();
    appended(writer.submit(one(stream, Expected::Any, "first")).await);
    // JSON knows the character, jsonb does not.
    let texts: Vec<String> = (0..40)
        .map(|n| {
            if n % 13 == 5 {
                format!("bad \0 {n}")
            } else {
                format!("good {n}")
            }
        })
        .collect();
    let outcomes = join_all(
        texts
            .iter()
            .map(|text| writer.submit(one(stream, Expected::Any, text))),
    )
    .await;
    let mut good = vec!["first".to_owned()];
    for (text, outcome) in texts.iter().zip(outcomes) {
        if text.starts_with("bad") {
            let Err(SubmitError::Failed(error)) = outcome else {
                panic!("{outcome:?}")
            };
            assert!(matches!(error, StoreError::Sql(_)), "{error}");
            assert!(error.to_string().contains("\\u0000"), "{error}");
        } else {
            appended(outcome);
            good.push(text.clone());
        }
    }
    let log = whole_log(database.url()).await;
    assert_eq!(
        log.iter().map(|event| text(&event.event)).collect::<Vec<_>>(),
        good
    );
}

#[tokio::test]
async fn a_full_queue_pushes_back_and_drains() {
    let database = TestDatabase::new().await;
    let options = WriterOptions {
        queue: 4,
        max_batch: 2,
        submit_timeout: Duration::from_millis(50),
        ..WriterOptions::default()
    };
    let writer = writer_with(database.url(), options);
    let stream = stream();
    appended(writer.submit(one(stream, Expected::Any, "before")).await);
    let other = database.client().await;
    other
        .batch_execute("begin; select from feed_head where feed = 0 for update")
        .await
        .unwrap();
    let submitted: Vec<_> = (0..20)
        .map(|n| {
            let (writer, append) = (writer.clone(), one(stream, Expected::Any, format!("{n}")));
            tokio::spawn(async move { writer.submit(append).await })
        })
        .collect();
    // At most a batch of two and a queue of four may wait; the others hear no.
    eventually("14 callers are refused", LONG, async || {
        submitted.iter().filter(|task| task.is_finished()).count() >= 14
    })
    .await;
    other.batch_execute("rollback").await.unwrap();
    let (mut written, mut refused) = (0, 0);
    for task in submitted {
        match task.await.unwrap() {
            Ok(AppendOutcome::Appended { .. }) => written += 1,
            Err(SubmitError::Overloaded) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(
        (4..=6).contains(&written) && written + refused == 20,
        "{written} written, {refused} refused"
    );
    assert_eq!(whole_log(database.url()).await.len(), 1 + written);
}

#[tokio::test]
async fn a_caller_that_went_away_takes_its_request_back() {
    let database = TestDatabase::new().await;
    let writer = writer(database.url());
    let stream = stream();
    appended(writer.submit(one(stream, Expected::Any, "before")).await);
    let other = database.client().await;
    other
        .batch_execute("begin; select from feed_head where feed = 0 for update")
        .await
        .unwrap();
    // The first holds up the writer, the second waits in the queue and gives up.
    let first = tokio::spawn({
        let (writer, append) = (writer.clone(), one(stream, Expected::Any, "first"));
        async move { writer.submit(append).await }
    });
    let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    let superuser = zonelog_test_parts::postgres::connect(&database.superuser_url()).await;
    eventually("the writer waits for the lock", LONG, async || {
        superuser.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    let second = tokio::time::timeout(
        Duration::from_millis(20),
        writer.submit(one(stream, Expected::Any, "second")),
    );
    assert!(second.await.is_err());
    other.batch_execute("rollback").await.unwrap();
    appended(first.await.unwrap());
    appended(writer.submit(one(stream, Expected::Any, "third")).await);
    let log = whole_log(database.url()).await;
    assert_eq!(
        log.iter().map(|event| text(&event.event)).collect::<Vec<_>>(),
        ["before", "first", "third"]
    );
}

#[tokio::test]
async fn an_event_of_a_newer_program_is_an_error_with_its_position() {
    let database = TestDatabase::new().await;
    appended(
        writer(database.url())
            .submit(one(stream(), Expected::Any, "a"))
            .await,
    );
    let owner = database.owner().await;
    owner
        .batch_execute("update event set type_version = 999")
        .await
        .unwrap();
    let error = Feed::new(&support::database(database.url()))
        .after(0, 10)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Decode { .. }), "{error}");
    assert!(
        error.to_string().contains("the event at position 1") && error.to_string().contains("999"),
        "{error}"
    );
}

#[tokio::test]
async fn a_hole_is_corruption() {
    let database = TestDatabase::new().await;
    let writer = writer(database.url());
    for n in 0..3 {
        appended(writer.submit(one(stream(), Expected::Any, format!("{n}"))).await);
    }
    database
        .owner()
        .await
        .batch_execute("delete from event where position = 2")
        .await
        .unwrap();
    let error = Feed::new(&support::database(database.url()))
        .after(0, 10)
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Corrupt { position: 2, .. }),
        "{error}"
    );
}

/// Work whose every phase can be made to fail; it also writes a row beside the log.
struct Fragile;

#[derive(Clone, Debug, PartialEq)]
enum Ask {
    Append(StreamId),
    Panic,
    FailToWrite(StreamId),
    OnlySideRow,
}

impl BatchWork for Fragile {
    type Request = Ask;
    type Answer = Position;

    async fn connected(&mut self, _: &tokio_postgres::Client) -> Result<(), StoreError> {
        Ok(())
    }

    async fn load(&mut self, client: &tokio_postgres::Client, _: &[Ask]) -> Result<(), StoreError> {
        client.query("select 1", &[]).await?;
        Ok(())
    }

    fn decide(&mut self, appending: &mut Appending<'_>, batch: &[Ask]) -> Result<Vec<Position>, StoreError> {
        let metadata = std::sync::Arc::new(metadata(change()));
        let mut decide = |ask: &Ask| match ask {
            Ask::Append(stream) => {
                appending
                    .push(*stream, 1, event("good"), &metadata, at())
                    .position
            }
            Ask::FailToWrite(stream) => {
                appending
                    .push(*stream, 1, event("unwritable"), &metadata, at())
                    .position
            }
            Ask::OnlySideRow => appending.head(),
            Ask::Panic => panic!("this request cannot be decided"),
        };
        Ok(batch.iter().map(&mut decide).collect())
    }

    async fn write(&mut self, appending: &Appending<'_>) -> Result<(), StoreError> {
        // Two round trips, one after the other, and a refusal that only the program can see.
        appending.client().query("select 1", &[]).await?;
        let row = "insert into api_token (id, digest, name, project, roles, created_at)
                   values (gen_random_uuid(), gen_random_uuid()::text::bytea, 'side', 'p', '{}', now())";
        appending.client().execute(row, &[]).await?;
        if appending
            .events()
            .iter()
            .any(|recorded| text(&recorded.event) == "unwritable")
        {
            return Err(StoreError::Corrupt {
                position: 0,
                problem: "a projection does not fit".to_owned(),
            });
        }
        Ok(())
    }
}

#[tokio::test]
async fn whatever_phase_fails_nothing_of_the_request_is_written() {
    let database = TestDatabase::new().await;
    let options = WriterOptions::default();
    let token = tokio_util::sync::CancellationToken::new();
    let writer = Writer::start(support::database(database.url()), Fragile, options, token.clone());
    let asks = [
        Ask::Append(stream()),
        Ask::Panic,
        Ask::Append(stream()),
        Ask::FailToWrite(stream()),
        Ask::OnlySideRow,
        Ask::Append(stream()),
    ];
    let answers = join_all(asks.iter().map(|ask| writer.submit(ask.clone()))).await;
    for (ask, answer) in asks.iter().zip(answers) {
        match (ask, answer) {
            (Ask::Append(_) | Ask::OnlySideRow, Ok(_)) => {}
            (Ask::Panic, Err(SubmitError::Failed(error))) => {
                assert!(
                    error.to_string().contains("this request cannot be decided"),
                    "{error}"
                );
            }
            (Ask::FailToWrite(_), Err(SubmitError::Failed(error))) => {
                assert!(error.to_string().contains("a projection does not fit"), "{error}");
            }
            (ask, answer) => panic!("{ask:?}: {answer:?}"),
        }
    }
    let log = whole_log(database.url()).await;
    assert_eq!(
        log.iter().map(|event| text(&event.event)).collect::<Vec<_>>(),
        ["good"; 3]
    );
    // The side rows of committed batches alone: at least one, at most one a good request.
    let rows: i64 = database
        .client()
        .await
        .query_one("select count(*) from api_token", &[])
        .await
        .unwrap()
        .get(0);
    assert!((1..=4).contains(&rows), "{rows}");

    token.cancel();
    writer.ended().await;
    let refused = writer.submit(Ask::OnlySideRow).await;
    assert!(matches!(refused, Err(SubmitError::Unavailable(_))), "{refused:?}");
}
