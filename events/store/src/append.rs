//! The plain work: appends with an expected version, to one stream or to several.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::try_join;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;
use zonelog_model::{ChangeId, Event, Metadata, Position, StreamId, Timestamp, Version};

use crate::appending::{Appending, EncodedEvent, EncodedMetadata, EventRow};
use crate::batch_work::BatchWork;
use crate::error::StoreError;

/// How many streams' versions are remembered.
const MOST_REMEMBERED: usize = 100_000;

/// At which version a stream must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// At any.
    Any,
    /// At this one; 0 is a stream without events.
    Exact(Version),
}

/// Events for one stream.
#[derive(Clone, Debug)]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamId,
    /// At which version it must be.
    pub expected: Expected,
    /// The events, in their order.
    pub events: Vec<Event>,
}

/// An append to one or several streams: all or nothing. The same change id is appended once only.
#[derive(Debug)]
pub struct Append {
    parts: Vec<Part>,
    metadata: Arc<EncodedMetadata>,
    at: Timestamp,
    bytes: usize,
}

#[derive(Debug)]
struct Part {
    stream: StreamId,
    expected: Expected,
    events: Vec<EncodedEvent>,
}

/// What became of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// Its events are in the log.
    Appended {
        /// The position of its first event.
        first: Position,
        /// The position of its last event; all between are its own too.
        last: Position,
        /// The version of each stream now, in the order of the parts.
        versions: Vec<Version>,
    },
    /// The change was in the log already, from an earlier append with the same change id.
    Replayed {
        /// The position of the change's first event.
        first: Position,
        /// The position of its last event.
        last: Position,
    },
    /// A stream is not at the expected version. Nothing was written.
    Conflict {
        /// The first such stream.
        stream: StreamId,
        /// The version that it has.
        actual: Version,
    },
}

impl Append {
    /// An append to several streams. The events are brought into their stored form here, outside of any transaction.
    pub fn new(parts: Vec<StreamAppend>, metadata: &Metadata, at: Timestamp) -> Self {
        let parts: Vec<Part> = parts
            .into_iter()
            .map(|part| Part {
                stream: part.stream,
                expected: part.expected,
                events: part.events.iter().map(EncodedEvent::new).collect(),
            })
            .collect();
        let bytes = parts
            .iter()
            .flat_map(|part| &part.events)
            .map(|event| event.payload.len())
            .sum();
        Self {
            parts,
            metadata: Arc::new(EncodedMetadata::new(metadata)),
            at,
            bytes,
        }
    }

    /// An append to one stream.
    pub fn to(
        stream: StreamId,
        expected: Expected,
        events: Vec<Event>,
        metadata: &Metadata,
        at: Timestamp,
    ) -> Self {
        Self::new(
            vec![StreamAppend {
                stream,
                expected,
                events,
            }],
            metadata,
            at,
        )
    }
}

/// Appends events as they are given.
///
/// It remembers the versions of the streams it wrote to, as of the head after its last batch. While no other process
/// moves the head that is the truth, and a batch is one statement.
#[derive(Default)]
pub struct AppendWork {
    statements: Option<Statements>,
    /// The versions as of `known_at`.
    versions: HashMap<StreamId, Version>,
    known_at: Option<Position>,
    /// What [`BatchWork::load`] found for the batch: versions of its streams, and where its changes are in the log.
    loaded: HashMap<StreamId, Version>,
    changes: HashMap<ChangeId, (Position, Position)>,
}

struct Statements {
    versions: Statement,
    changes: Statement,
}

impl AppendWork {
    /// Work that remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides one append; `None` when the version of a stream is not known.
    fn append(&mut self, appending: &mut Appending<'_>, append: &Append) -> Option<AppendOutcome> {
        let first = appending.next_position();
        let mut versions = Vec::with_capacity(append.parts.len());
        for (index, part) in append.parts.iter().enumerate() {
            let actual = self.version(part)?;
            if let Expected::Exact(expected) = part.expected
                && expected != actual
            {
                // The parts before this one were only planned.
                for (undone, version) in append.parts.iter().zip(&versions[..index]).rev() {
                    let events = i64::try_from(undone.events.len()).unwrap_or(i64::MAX);
                    self.versions.insert(undone.stream, version - events);
                }
                return Some(AppendOutcome::Conflict {
                    stream: part.stream,
                    actual,
                });
            }
            let version = actual + i64::try_from(part.events.len()).unwrap_or(i64::MAX);
            self.versions.insert(part.stream, version);
            versions.push(version);
        }
        for (part, version) in append.parts.iter().zip(&versions) {
            let before = version - i64::try_from(part.events.len()).unwrap_or(i64::MAX);
            for (event, version) in part.events.iter().zip(before + 1..) {
                appending.push_encoded(EventRow {
                    stream: part.stream,
                    version,
                    event: event.clone(),
                    metadata: Arc::clone(&append.metadata),
                    recorded_at: append.at,
                });
            }
        }
        let last = appending.last_position();
        self.changes.insert(append.metadata.change_id, (first, last));
        Some(AppendOutcome::Appended {
            first,
            last,
            versions,
        })
    }

    /// The version of a part's stream. A stream that is not known and is expected to be new is taken to be so: its
    /// first version's unique key tells if it is not.
    fn version(&self, part: &Part) -> Option<Version> {
        match self.versions.get(&part.stream) {
            Some(version) => Some(*version),
            None if part.expected == Expected::Exact(0) => Some(0),
            None => None,
        }
    }
}

impl BatchWork for AppendWork {
    type Request = Append;
    type Answer = AppendOutcome;

    async fn connected(&mut self, client: &Client) -> Result<(), StoreError> {
        self.rolled_back();
        let (versions, changes) = try_join(
            client.prepare(
                "select u.stream, coalesce((select max(e.version) from event e where e.stream = u.stream), 0)
                 from unnest($1::uuid[]) as u (stream)",
            ),
            client.prepare(
                "select change_id, min(position), max(position) from event
                 where change_id = any($1::uuid[]) group by change_id",
            ),
        )
        .await?;
        self.statements = Some(Statements { versions, changes });
        Ok(())
    }

    async fn load(&mut self, client: &Client, batch: &[Append]) -> Result<(), StoreError> {
        let Some(statements) = &self.statements else {
            return Err(StoreError::Unavailable(
                "the statements are not prepared".to_owned(),
            ));
        };
        let streams: Vec<Uuid> = batch
            .iter()
            .flat_map(|append| &append.parts)
            .map(|part| part.stream.uuid())
            .collect();
        let changes: Vec<Uuid> = batch
            .iter()
            .map(|append| append.metadata.change_id.uuid())
            .collect();
        let (versions, changes) = try_join(
            client.query(&statements.versions, &[&streams]),
            client.query(&statements.changes, &[&changes]),
        )
        .await?;
        self.loaded.clear();
        for row in &versions {
            self.loaded
                .insert(StreamId::new(row.try_get(0)?), row.try_get(1)?);
        }
        self.changes.clear();
        for row in &changes {
            self.changes
                .insert(ChangeId::new(row.try_get(0)?), (row.try_get(1)?, row.try_get(2)?));
        }
        Ok(())
    }

    fn decide(
        &mut self,
        appending: &mut Appending<'_>,
        batch: &[Append],
    ) -> Result<Vec<AppendOutcome>, StoreError> {
        if self.known_at != Some(appending.head()) || self.versions.len() > MOST_REMEMBERED {
            self.versions.clear();
        }
        self.versions.extend(self.loaded.drain());
        batch
            .iter()
            .map(|append| match self.changes.get(&append.metadata.change_id) {
                Some(&(first, last)) => Ok(AppendOutcome::Replayed { first, last }),
                None => self
                    .append(appending, append)
                    .ok_or_else(|| StoreError::Undecided("a stream's version was not loaded".to_owned())),
            })
            .collect()
    }

    fn decide_from_memory(
        &mut self,
        appending: &mut Appending<'_>,
        batch: &[Append],
    ) -> Option<Vec<AppendOutcome>> {
        let parts = || batch.iter().flat_map(|append| &append.parts);
        if self.known_at != Some(appending.head())
            || self.versions.len() > MOST_REMEMBERED
            || parts().any(|part| self.version(part).is_none())
        {
            return None;
        }
        self.changes.clear();
        let mut outcomes = Vec::with_capacity(batch.len());
        for append in batch {
            // The same change twice in the batch, or a conflict, which may be a change that is in the log already: what
            // was planned for the batch is forgotten, with everything else.
            let outcome = if self.changes.contains_key(&append.metadata.change_id) {
                None
            } else {
                self.append(appending, append)
            };
            let Some(outcome @ AppendOutcome::Appended { .. }) = outcome else {
                self.rolled_back();
                return None;
            };
            appending.unless_recorded(append.metadata.change_id);
            outcomes.push(outcome);
        }
        Some(outcomes)
    }

    fn committed(&mut self, head: Position) {
        self.known_at = Some(head);
    }

    fn rolled_back(&mut self) {
        self.versions.clear();
        self.known_at = None;
    }

    fn size(request: &Append) -> usize {
        request.bytes
    }
}
