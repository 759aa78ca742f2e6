//! Three processes write to one log while their connections are killed; a follower in a fourth sees no hole.
//!
//! This test has a `main` of its own: started with `writer`, it is one of the three.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where something is not as expected"
)]

mod support;

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use support::*;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_model::{Position, StreamId, Version};
use zonelog_store::{AppendOutcome, Expected, Feed, SubmitError, WakeUps};
use zonelog_test_parts::postgres::connect;
use zonelog_test_parts::{TestDatabase, eventually};

const PROCESSES: usize = 3;
const CALLERS: usize = 8;
const APPENDS: usize = 150;
const STREAMS: u128 = 5;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["writer", name, url] => write(name, url).await,
        _ if arguments.iter().any(|argument| argument == "--list") => {
            println!("writers_in_many_processes: test")
        }
        _ => {
            writers_in_many_processes().await;
            println!("test writers_in_many_processes ... ok");
        }
    }
}

/// A writer process: says `acknowledged NAME POSITION` or `refused NAME` for each append.
async fn write(name: &str, url: &str) {
    let writer = writer(url);
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (writer, name) = (writer.clone(), name.to_owned());
        callers.spawn(async move {
            for n in 0..APPENDS {
                let text = format!("{name}/{caller}/{n}");
                // The streams are everybody's, and of a quarter of the appends the expected version is known.
                let stream = StreamId::new(Uuid::from_u128(u128::try_from(n).unwrap() % STREAMS + 1));
                let own = StreamId::new(Uuid::from_u128(unique()));
                let (stream, expected) = if n % 4 == 0 {
                    (own, Expected::Exact(0))
                } else {
                    (stream, Expected::Any)
                };
                match writer.submit(one(stream, expected, text.clone())).await {
                    Ok(
                        AppendOutcome::Appended { first, last, .. } | AppendOutcome::Replayed { first, last },
                    ) => {
                        assert_eq!(first, last);
                        println!("acknowledged {text} {first}");
                    }
                    Err(SubmitError::Unavailable(_)) => println!("refused {text} 0"),
                    other => panic!("{text}: {other:?}"),
                }
            }
        });
    }
    callers.join_all().await;
}

fn start_writer(name: usize, url: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command
        .args(["writer", &format!("w{name}"), url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command.kill_on_drop(true).spawn().unwrap()
}

async fn writers_in_many_processes() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let shutdown = CancellationToken::new();
    let reached = Arc::new(AtomicI64::new(0));
    let follower = tokio::spawn(follow(url.to_owned(), Arc::clone(&reached), shutdown.clone()));

    let mut readers = JoinSet::new();
    for name in 0..PROCESSES {
        let mut child = start_writer(name, url);
        readers.spawn(async move {
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut said = Vec::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                said.push(line);
            }
            assert!(child.wait().await.unwrap().success(), "writer {name}");
            said
        });
    }
    // Kills one connection after the other, writers' and followers', until all writers are done.
    let superuser = connect(&database.superuser_url()).await;
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and application_name = 'zonelog-store-test'
                  and backend_start < clock_timestamp() - interval '100 ms'
                order by random() limit 1";
    let mut killed = 0;
    let mut said: Vec<String> = Vec::new();
    let begun = Instant::now();
    loop {
        let pause = Duration::from_millis(5 + killed * 7 % 40);
        tokio::select! {
            joined = readers.join_next() => match joined {
                Some(lines) => said.extend(lines.unwrap()),
                None => break,
            },
            () = tokio::time::sleep(pause) => {
                killed += u64::try_from(superuser.query(kill, &[]).await.unwrap().len()).unwrap();
            }
        }
        assert!(begun.elapsed() < LONG, "the writers do not end");
    }

    let log = whole_log(url).await;
    let mut places: HashMap<&str, Vec<Position>> = HashMap::new();
    let mut versions: HashMap<StreamId, Version> = HashMap::new();
    for recorded in &log {
        places
            .entry(text(&recorded.event))
            .or_default()
            .push(recorded.position);
        let version = versions.entry(recorded.stream).or_default();
        *version += 1;
        assert_eq!(recorded.version, *version, "versions of a stream have no holes");
    }
    assert_eq!(
        said.len(),
        PROCESSES * CALLERS * APPENDS,
        "every append has an outcome"
    );
    let mut acknowledged = 0;
    for line in &said {
        let [outcome, text, position] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let found = places.get(text).cloned().unwrap_or_default();
        if outcome == "acknowledged" {
            assert_eq!(
                found,
                [position.parse::<Position>().unwrap()],
                "{line}: once, where it was said to be"
            );
            acknowledged += 1;
        } else {
            assert!(found.is_empty(), "{line}: {found:?}");
        }
    }
    assert_eq!(log.len(), acknowledged, "nothing is invented");
    assert!(
        killed > 10 && acknowledged > said.len() / 4,
        "{killed} killed, {acknowledged} acknowledged"
    );

    // The follower has seen it all, in order, through its own lost connections.
    let head = Position::try_from(log.len()).unwrap();
    eventually("the follower is at the head", LONG, async || {
        reached.load(Ordering::Relaxed) == head
    })
    .await;
    shutdown.cancel();
    follower.await.unwrap();
    println!(
        "{acknowledged} of {} appends acknowledged, {killed} connections killed",
        said.len()
    );
}

/// Follows until the shutdown; every event must be the next one.
async fn follow(url: String, reached: Arc<AtomicI64>, shutdown: CancellationToken) {
    let wake_ups = WakeUps::start(support::database(&url), None, shutdown.clone());
    let feed = Feed::new(&support::database(&url));
    let mut follower = feed
        .follow(0, wake_ups.subscribe())
        .with_poll(Duration::from_millis(200));
    let mut last = 0;
    while let Some(events) = shutdown.run_until_cancelled(follower.next()).await {
        for recorded in events.unwrap() {
            assert_eq!(recorded.position, last + 1, "the follower misses nothing");
            last = recorded.position;
        }
        reached.store(last, Ordering::Relaxed);
    }
}
