//! A database that goes away at any moment: what is acknowledged is there once, what is refused is not there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where something is not as expected"
)]

mod support;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::proxy::{Cut, Proxy};
use support::*;
use tokio::task::JoinSet;
use zonelog_store::{AppendOutcome, Expected, SubmitError, WriterOptions};
use zonelog_test_parts::postgres::connect;
use zonelog_test_parts::{TestDatabase, TestServer, eventually};

/// How often a text is in the log.
async fn counts(url: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for recorded in whole_log(url).await {
        *counts.entry(text(&recorded.event).to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_database_is_said_to_be_away_at_once_and_nothing_is_half_written() {
    let mut server = TestServer::start().await;
    let options = WriterOptions {
        read_back_timeout: Duration::from_millis(300),
        ..WriterOptions::default()
    };
    let writer = writer_with(server.url(), options);
    let stream = stream();
    appended(writer.submit(one(stream, Expected::Any, "before")).await);
    for way in ["stop", "kill"] {
        if way == "stop" {
            server.stop().await
        } else {
            server.kill().await
        }
        for n in 0..20 {
            let begun = Instant::now();
            let refused = writer
                .submit(one(stream, Expected::Any, format!("{way} {n}")))
                .await;
            // The first may have been sent before the connection was seen to be broken.
            let unknown = n == 0 && matches!(refused, Err(SubmitError::Indeterminate));
            assert!(
                unknown || matches!(refused, Err(SubmitError::Unavailable(_))),
                "{n}: {refused:?}"
            );
            assert!(
                begun.elapsed() < Duration::from_secs(2),
                "refused after {:?}",
                begun.elapsed()
            );
        }
        server.start_again().await;
        eventually("the writer is back", LONG, async || {
            writer.submit(one(stream, Expected::Any, "after")).await.is_ok()
        })
        .await;
    }
    assert_eq!(
        counts(server.url()).await,
        HashMap::from([("before".to_owned(), 1), ("after".to_owned(), 2)])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_answer_is_lost_is_read_back() {
    let database = TestDatabase::new().await;
    let direct = database.tcp_url();
    let port = direct
        .rsplit_once("127.0.0.1:")
        .unwrap()
        .1
        .split('/')
        .next()
        .unwrap();
    let proxy = Proxy::to(port.parse().unwrap()).await;
    let url = direct.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
    let mut expected = HashMap::new();
    for cut in [Cut::Before, Cut::During, Cut::After] {
        for times in 0..5 {
            // A batch's first way goes over the lock and a COMMIT, its later ones are one statement.
            for warm in [false, true] {
                let writer = writer(&url);
                let stream = stream();
                let mut version = 0;
                if warm {
                    for n in 0..3 {
                        appended(
                            writer
                                .submit(one(stream, Expected::Any, format!("warm {n}")))
                                .await,
                        );
                        *expected.entry(format!("warm {n}")).or_default() += 1;
                        version += 1;
                    }
                }
                let name = format!("{cut:?} {times} {warm}");
                let bytes = if warm { name.as_bytes() } else { b"commit\0" };
                proxy.cut_at(bytes, cut);
                let expect = if times % 2 == 0 {
                    Expected::Any
                } else {
                    Expected::Exact(version)
                };
                let outcome = writer.submit(one(stream, expect, name.clone())).await;
                assert!(proxy.has_cut(), "{name}: the cable was cut");
                appended(outcome);
                expected.insert(name, 1);
                // And the writer goes on.
                appended(
                    writer
                        .submit(one(stream, Expected::Exact(version + 1), "next"))
                        .await,
                );
                *expected.entry("next".to_owned()).or_default() += 1;
            }
        }
    }
    assert_eq!(counts(database.url()).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_cannot_be_read_back_is_indeterminate() {
    let server = TestServer::start().await;
    let port = server.port();
    let mut proxy = Proxy::to(port).await;
    let url = server
        .tcp_url()
        .replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
    let options = WriterOptions {
        read_back_timeout: Duration::from_millis(300),
        ..WriterOptions::default()
    };
    let writer = writer_with(&url, options);
    let stream = stream();
    appended(writer.submit(one(stream, Expected::Any, "before")).await);
    appended(writer.submit(one(stream, Expected::Any, "before")).await);
    // The lock keeps the batch in flight until the cable is cut.
    let other = connect(server.url()).await;
    other
        .batch_execute("begin; select from feed_head where feed = 0 for update")
        .await
        .unwrap();
    let in_flight = tokio::spawn({
        let (writer, append) = (writer.clone(), one(stream, Expected::Any, "in flight"));
        async move { writer.submit(append).await }
    });
    let observer = connect(&server.superuser_url()).await;
    eventually("the batch waits for the lock", LONG, async || {
        let waiting = "select from pg_stat_activity where wait_event_type = 'Lock'";
        observer.query(waiting, &[]).await.unwrap().len() == 1
    })
    .await;
    proxy.close().await;
    let outcome = in_flight.await.unwrap();
    assert!(matches!(outcome, Err(SubmitError::Indeterminate)), "{outcome:?}");
    other.batch_execute("rollback").await.unwrap();
    proxy.open().await;
    eventually("the writer is back", LONG, async || {
        writer.submit(one(stream, Expected::Any, "after")).await.is_ok()
    })
    .await;
    let counts = counts(server.url()).await;
    assert_eq!((counts["before"], counts["after"]), (2, 1));
    assert!(counts.get("in flight").is_none_or(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_killed_at_random_lose_nothing_and_repeat_nothing() {
    let database = TestDatabase::new().await;
    let writer = writer(database.url());
    let superuser = connect(&database.superuser_url()).await;
    let streams: Vec<_> = (0..8).map(|_| stream()).collect();
    let enough = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for caller in 0..16 {
        let (writer, stream, enough) = (writer.clone(), streams[caller % 8], Arc::clone(&enough));
        callers.spawn(async move {
            let mut outcomes = Vec::new();
            while !enough.load(Ordering::Relaxed) {
                let name = format!("{caller} {}", outcomes.len());
                let outcome = writer.submit(one(stream, Expected::Any, name.clone())).await;
                outcomes.push((name, outcome));
            }
            outcomes
        });
    }
    let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and application_name = 'zonelog-store-test'
                  and backend_start < clock_timestamp() - interval '100 ms'";
    let mut killed = 0;
    for round in 0_u64.. {
        tokio::time::sleep(Duration::from_micros(500 + round * 977 % 20_000)).await;
        killed += superuser.query_one(kill, &[]).await.unwrap().get::<_, i64>(0);
        if killed >= 40 {
            break;
        }
    }
    enough.store(true, Ordering::Relaxed);
    let outcomes: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    let counts = counts(database.url()).await;
    let mut acknowledged = 0;
    for (name, outcome) in outcomes {
        let count = counts.get(&name).copied().unwrap_or(0);
        match outcome {
            Ok(AppendOutcome::Appended { .. }) => {
                assert_eq!(count, 1, "{name} was acknowledged");
                acknowledged += 1;
            }
            // Its answer was lost, and it was tried again.
            Ok(AppendOutcome::Replayed { .. }) => assert_eq!(count, 1, "{name} was acknowledged"),
            Err(SubmitError::Unavailable(_)) => assert_eq!(count, 0, "{name} was refused"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(acknowledged > 40, "{acknowledged} were acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_process_is_given_up_and_ended() {
    let database = TestDatabase::new().await;
    let options = WriterOptions {
        statement_timeout: Duration::from_millis(200),
        read_back_timeout: Duration::from_millis(200),
        ..WriterOptions::default()
    };
    let writer = writer_with(database.url(), options);
    let stream = stream();
    for _ in 0..3 {
        appended(writer.submit(one(stream, Expected::Any, "before")).await);
    }
    let superuser = connect(&database.superuser_url()).await;
    let writing = "select pid from pg_stat_activity
                   where datname = current_database() and application_name = 'zonelog-store-test'
                     and query like '%feed_head%'";
    let pid: i32 = superuser.query_one(writing, &[]).await.unwrap().get(0);
    let signal = async |name: &str| {
        let sent = tokio::process::Command::new("kill")
            .args([name, &pid.to_string()])
            .status()
            .await;
        assert!(sent.unwrap().success(), "kill {name} {pid}");
    };
    signal("-STOP").await;
    let outcome = writer.submit(one(stream, Expected::Any, "frozen")).await;
    assert!(matches!(outcome, Err(SubmitError::Indeterminate)), "{outcome:?}");
    signal("-CONT").await;
    eventually("the writer is back", LONG, async || {
        writer.submit(one(stream, Expected::Any, "after")).await.is_ok()
    })
    .await;
    let counts = counts(database.url()).await;
    assert_eq!((counts["before"], counts["after"]), (3, 1));
    assert!(counts.get("frozen").is_none_or(|count| *count == 1));
}
