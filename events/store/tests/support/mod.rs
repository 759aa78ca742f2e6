//! Events to append, and a look into the log.
#![allow(dead_code, reason = "each test binary uses a part of this")]

pub(crate) mod proxy;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_model::zone::Event as ZoneEvent;
use zonelog_model::{Actor, ChangeId, Door, Event, Metadata, ProjectId, Recorded, StreamId, Timestamp};
use zonelog_store::{
    Append, AppendOutcome, AppendWork, Database, Expected, Feed, SubmitError, Writer, WriterOptions,
};

static IDS: AtomicU64 = AtomicU64::new(1);

/// A number that no other call in this process, nor in another test process, returns.
pub(crate) fn unique() -> u128 {
    (u128::from(std::process::id()) << 64) | u128::from(IDS.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn stream() -> StreamId {
    StreamId::new(Uuid::from_u128(unique()))
}

pub(crate) fn change() -> ChangeId {
    ChangeId::new(Uuid::from_u128(unique()))
}

pub(crate) fn metadata(change_id: ChangeId) -> Metadata {
    Metadata {
        actor: Actor {
            user: "amy".to_owned(),
            project: ProjectId::new("p1").unwrap(),
            roles: vec!["member".to_owned()],
            door: Door::Api,
        },
        change_id,
        request_id: Some("req-1".to_owned()),
        cause: None,
    }
}

pub(crate) fn at() -> Timestamp {
    Timestamp::from_timestamp_micros(1_700_000_000_123_456).unwrap()
}

pub(crate) fn event(text: impl Into<String>) -> Event {
    Event::Zone(ZoneEvent::ZoneDescriptionChanged {
        before: None,
        after: Some(text.into()),
    })
}

pub(crate) fn text(event: &Event) -> &str {
    match event {
        Event::Zone(ZoneEvent::ZoneDescriptionChanged {
            after: Some(text), ..
        }) => text,
        other => panic!("not a test's event: {other:?}"),
    }
}

/// One event for one stream, as a new change.
pub(crate) fn one(stream: StreamId, expected: Expected, text: impl Into<String>) -> Append {
    Append::to(stream, expected, vec![event(text)], &metadata(change()), at())
}

pub(crate) fn database(url: &str) -> Database {
    Database::new(url, "zonelog-store-test").unwrap()
}

pub(crate) fn writer(url: &str) -> Writer<AppendWork> {
    writer_with(url, WriterOptions::default())
}

pub(crate) fn writer_with(url: &str, options: WriterOptions) -> Writer<AppendWork> {
    Writer::start(
        database(url),
        AppendWork::new(),
        options,
        CancellationToken::new(),
    )
}

/// The positions of an append that must have succeeded.
pub(crate) fn appended(outcome: Result<AppendOutcome, SubmitError>) -> (i64, i64) {
    match outcome {
        Ok(AppendOutcome::Appended { first, last, .. }) => (first, last),
        other => panic!("not appended: {other:?}"),
    }
}

/// The whole log; reading it fails where a position is missing.
pub(crate) async fn whole_log(url: &str) -> Vec<Recorded> {
    let feed = Feed::new(&database(url));
    let head = feed.head().await.unwrap();
    let mut log: Vec<Recorded> = Vec::new();
    loop {
        let page = feed
            .after(log.last().map_or(0, |last| last.position), 1_000)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        log.extend(page);
    }
    assert_eq!(
        head,
        i64::try_from(log.len()).unwrap(),
        "the head is the last event"
    );
    log
}

/// A limit that only a hanging test reaches.
pub(crate) const LONG: Duration = Duration::from_secs(60);
