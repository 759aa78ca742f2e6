//! The events of a batch on their way into the log.

use std::sync::Arc;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;
use zonelog_model::stored::{self, Stored};
use zonelog_model::{ChangeId, Event, Metadata, Position, Recorded, StreamId, Timestamp, Version};

/// Moves the head by `$1` from `$2`, if it still stands there and no change of `$3` is in the log, and writes the
/// events at the positions between. Zero rows: it did not, and nothing was written.
const WRITE: &str = "
    with head as (
        update feed_head set position = position + $1::bigint
        where feed = 0 and position = $2::bigint
          and not exists (select from event where change_id = any($3::uuid[]))
        returning feed
    )
    insert into event (feed, position, stream, version, type, type_version, payload,
                       project, actor, request_id, change_id, cause, recorded_at)
    select head.feed, $2 + u.n, u.stream, u.version, u.type, u.type_version, u.payload::jsonb,
           u.project, u.actor::jsonb, u.request_id, u.change_id, u.cause, u.recorded_at
    from head, unnest($4::uuid[], $5::bigint[], $6::text[], $7::smallint[], $8::text[], $9::text[], $10::text[],
                      $11::text[], $12::uuid[], $13::text[], $14::timestamptz[])
               with ordinality as u (stream, version, type, type_version, payload, project, actor,
                                     request_id, change_id, cause, recorded_at, n)";

/// The events that a batch appends, as it decides them: each gets the next position of the log.
pub struct Appending<'a> {
    client: &'a Client,
    head: Position,
    events: Vec<Recorded>,
    rows: Vec<EventRow>,
    unless_recorded: Vec<Uuid>,
}

/// An event in its stored form, but for its position.
#[derive(Clone, Debug)]
pub(crate) struct EventRow {
    pub(crate) stream: StreamId,
    pub(crate) version: Version,
    pub(crate) event: EncodedEvent,
    pub(crate) metadata: Arc<EncodedMetadata>,
    pub(crate) recorded_at: Timestamp,
}

/// A stored payload that can be shared.
#[derive(Clone, Debug)]
pub(crate) struct EncodedEvent {
    pub(crate) type_name: &'static str,
    pub(crate) type_version: i16,
    pub(crate) payload: Arc<str>,
}

/// What the events of a change have in common, as stored.
#[derive(Debug)]
pub(crate) struct EncodedMetadata {
    pub(crate) change_id: ChangeId,
    pub(crate) project: String,
    pub(crate) actor: String,
    pub(crate) request_id: Option<String>,
    pub(crate) cause: Option<String>,
}

impl EncodedEvent {
    pub(crate) fn new(event: &Event) -> Self {
        let Stored {
            type_name,
            type_version,
            payload,
        } = stored::encode(event);
        Self {
            type_name,
            type_version,
            payload: payload.into(),
        }
    }
}

impl EncodedMetadata {
    pub(crate) fn new(metadata: &Metadata) -> Self {
        Self {
            change_id: metadata.change_id,
            project: metadata.actor.project.as_str().to_owned(),
            actor: stored::encode_actor(&metadata.actor).to_string(),
            request_id: metadata.request_id.clone(),
            cause: metadata.cause.clone(),
        }
    }
}

impl<'a> Appending<'a> {
    /// Nothing yet, behind the event at `head`.
    pub(crate) const fn new(client: &'a Client, head: Position) -> Self {
        Self {
            client,
            head,
            events: Vec::new(),
            rows: Vec::new(),
            unless_recorded: Vec::new(),
        }
    }

    /// The connection of the batch's transaction.
    pub const fn client(&self) -> &'a Client {
        self.client
    }

    /// The position of the last event in the log, before this batch.
    pub const fn head(&self) -> Position {
        self.head
    }

    /// The position that the next event gets.
    pub fn next_position(&self) -> Position {
        self.last_position() + 1
    }

    /// Appends an event at the next position. The caller answers for `version`: the next one of the stream.
    pub fn push(
        &mut self,
        stream: StreamId,
        version: Version,
        event: Event,
        metadata: &Arc<Metadata>,
        at: Timestamp,
    ) -> &Recorded {
        let same = self
            .events
            .last()
            .is_some_and(|last| Arc::ptr_eq(&last.metadata, metadata));
        let encoded = match self.rows.last() {
            Some(last) if same => Arc::clone(&last.metadata),
            _ => Arc::new(EncodedMetadata::new(metadata)),
        };
        let position = self.next_position();
        let row = EventRow {
            stream,
            version,
            event: EncodedEvent::new(&event),
            metadata: encoded,
            recorded_at: at,
        };
        self.rows.push(row);
        self.events.push(Recorded {
            position,
            stream,
            version,
            recorded_at: at,
            metadata: Arc::clone(metadata),
            event,
        });
        &self.events[self.events.len() - 1]
    }

    /// The events pushed so far.
    pub fn events(&self) -> &[Recorded] {
        &self.events
    }

    /// Takes back every event pushed since there were `count` of them: for a request that is refused half-way.
    pub fn truncate(&mut self, count: usize) {
        self.events.truncate(count);
        self.rows.truncate(count);
    }

    /// Appends an event that was encoded before; [`Self::events`] does not show it.
    pub(crate) fn push_encoded(&mut self, row: EventRow) {
        self.rows.push(row);
    }

    /// Nothing of the batch shall be written if this change is in the log already.
    pub(crate) fn unless_recorded(&mut self, change: ChangeId) {
        self.unless_recorded.push(change.uuid());
    }

    /// The position of the last event, this batch's included.
    pub(crate) fn last_position(&self) -> Position {
        self.head + i64::try_from(self.rows.len()).unwrap_or(i64::MAX)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What was to be written, for reading it back.
    pub(crate) fn into_rows(self) -> Vec<EventRow> {
        self.rows
    }
}

/// The one statement that writes a batch's events and moves the head.
pub(crate) struct WriteEvents(Statement);

impl WriteEvents {
    pub(crate) async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        Ok(Self(client.prepare(WRITE).await?))
    }

    /// Sends the statement when first polled. False: the head stands elsewhere, nothing was written.
    pub(crate) async fn execute(
        &self,
        client: &Client,
        batch: &Appending<'_>,
    ) -> Result<bool, tokio_postgres::Error> {
        let rows = &batch.rows;
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        macro_rules! column {
            ($row:ident => $value:expr) => {
                rows.iter().map(|$row| $value).collect::<Vec<_>>()
            };
        }
        let arguments: [&(dyn ToSql + Sync); 14] = [
            &count,
            &batch.head,
            &batch.unless_recorded,
            &column!(row => row.stream.uuid()),
            &column!(row => row.version),
            &column!(row => row.event.type_name),
            &column!(row => row.event.type_version),
            &column!(row => &*row.event.payload),
            &column!(row => row.metadata.project.as_str()),
            &column!(row => row.metadata.actor.as_str()),
            &column!(row => row.metadata.request_id.as_deref()),
            &column!(row => row.metadata.change_id.uuid()),
            &column!(row => row.metadata.cause.as_deref()),
            &column!(row => row.recorded_at),
        ];
        Ok(client.execute(&self.0, &arguments).await? > 0)
    }
}
