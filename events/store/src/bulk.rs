//! A change of very many events: one transaction, written chunk by chunk, beside the writer's batches.
//!
//! It holds the log's head from [`BulkAppend::lock`] to its commit, as a batch does, on a connection of its own: batches
//! of all processes wait meanwhile. So what can be done before is done before, and no chunk is waited for. A lock of its own,
//! [`HOLDS_HEAD`], tells the writers that wait what they wait for.

use std::sync::Arc;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};
use zonelog_model::{Event, Metadata, Position, Recorded, StreamId, Timestamp, Version};

use crate::appending::{EncodedEvent, EncodedMetadata};
use crate::copy::{CopyRows, EncodedRows, JsonText};
use crate::database::Database;
use crate::error::StoreError;

const COPY: &str =
    "copy event (feed, position, stream, version, type, type_version, payload, project, actor, request_id,
                    change_id, cause, recorded_at) from stdin (format binary)";

const TYPES: &[Type] = &[
    Type::INT2,
    Type::INT8,
    Type::UUID,
    Type::INT8,
    Type::TEXT,
    Type::INT2,
    Type::JSONB,
    Type::TEXT,
    Type::JSONB,
    Type::TEXT,
    Type::UUID,
    Type::TEXT,
    Type::TIMESTAMPTZ,
];

/// The advisory lock of who holds the head for long.
pub(crate) const HOLDS_HEAD: i64 = 0x7a6f_6e65_6c6f_6721;

/// A transaction that appends a change in chunks. Dropped before its commit, it leaves nothing.
pub struct BulkAppend {
    client: Client,
    move_head: Statement,
    head: Option<Position>,
    /// The position of the last event written.
    written: Position,
}

/// The events of one change, on their way into chunks. Needs no connection, so that it can run elsewhere.
#[derive(Debug)]
pub struct ChangeEncoder {
    metadata: Arc<Metadata>,
    encoded: EncodedMetadata,
    at: Timestamp,
    /// The position of the first event that was not taken yet.
    first: Position,
    next: Position,
    rows: CopyRows,
}

/// Events in the form in which they are sent.
#[derive(Debug)]
pub struct EncodedEvents {
    rows: EncodedRows,
    first: Position,
    next: Position,
}

impl BulkAppend {
    /// Connects, with the limits of `database`. No transaction is open yet.
    pub async fn connect(database: &Database) -> Result<Self, StoreError> {
        let client = database.connect().await?;
        let move_head = client
            .prepare("update feed_head set position = $2 where feed = 0 and position = $1")
            .await?;
        Ok(Self {
            client,
            move_head,
            head: None,
            written: 0,
        })
    }

    /// The connection; of the transaction, once that was begun.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Begins the transaction, waits for the log's head and holds it. Returns the position of the last event in the log.
    pub async fn lock(&mut self) -> Result<Position, StoreError> {
        self.client
            .batch_execute("begin isolation level read committed")
            .await?;
        let row = self
            .client
            .query_one("select position from feed_head where feed = 0 for update", &[])
            .await?;
        let head = row.try_get(0)?;
        self.client
            .execute("select pg_advisory_xact_lock($1)", &[&HOLDS_HEAD])
            .await?;
        self.head = Some(head);
        self.written = head;
        Ok(head)
    }

    /// Writes the next events; they must begin where those before ended.
    pub async fn write(&mut self, events: EncodedEvents) -> Result<(), StoreError> {
        if events.first != self.written + 1 {
            return Err(StoreError::Corrupt {
                position: self.written + 1,
                problem: format!("the next events would begin at {}", events.first),
            });
        }
        let next = events.next;
        events.rows.copy(&self.client, COPY).await?;
        self.written = next - 1;
        Ok(())
    }

    /// Moves the head and commits. Returns the position of the last event.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the connection was lost: then it may be committed or not, and who locks the head
    /// again finds out from the log.
    pub async fn commit(self) -> Result<Position, StoreError> {
        if let Some(head) = self.head
            && self.written > head
        {
            let moved = self
                .client
                .execute(&self.move_head, &[&head, &self.written])
                .await?;
            if moved != 1 {
                return Err(StoreError::Corrupt {
                    position: head,
                    problem: "the row of feed_head changed while it was locked".to_owned(),
                });
            }
        }
        self.client.batch_execute("commit").await?;
        Ok(self.written)
    }

    /// Ends the transaction without a trace, and waits for it: the head is free when this returns.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        Ok(self.client.batch_execute("rollback").await?)
    }
}

impl ChangeEncoder {
    /// The events of one change that follow the event at `head`.
    pub fn new(head: Position, metadata: &Arc<Metadata>, at: Timestamp) -> Self {
        Self {
            metadata: Arc::clone(metadata),
            encoded: EncodedMetadata::new(metadata),
            at,
            first: head + 1,
            next: head + 1,
            rows: CopyRows::new(TYPES),
        }
    }

    /// Adds an event at the next position. The caller answers for `version`: the next one of the stream.
    pub fn push(&mut self, stream: StreamId, version: Version, event: Event) -> Result<Recorded, StoreError> {
        let position = self.next;
        let encoded = EncodedEvent::new(&event);
        let metadata = &self.encoded;
        self.rows.push(&[
            &0_i16,
            &position,
            &stream.uuid(),
            &version,
            &encoded.type_name,
            &encoded.type_version,
            &JsonText(&encoded.payload),
            &metadata.project,
            &JsonText(&metadata.actor),
            &metadata.request_id,
            &metadata.change_id.uuid(),
            &metadata.cause,
            &self.at,
        ])?;
        self.next += 1;
        Ok(Recorded {
            position,
            stream,
            version,
            recorded_at: self.at,
            metadata: Arc::clone(&self.metadata),
            event,
        })
    }

    /// The position of the last event added.
    pub const fn last_position(&self) -> Position {
        self.next - 1
    }

    /// Takes the events added since the last time.
    pub fn take(&mut self) -> EncodedEvents {
        let rows = std::mem::replace(&mut self.rows, CopyRows::new(TYPES));
        let first = std::mem::replace(&mut self.first, self.next);
        EncodedEvents {
            rows: rows.finish(),
            first,
            next: self.next,
        }
    }
}
