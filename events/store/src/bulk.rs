//! A change of very many events: one transaction, written chunk by chunk, beside the writer's batches.
//!
//! ```text
//!  begin ─▶ stage, chunk after chunk ─▶ lock the log's head ─▶ check again what the change rests on ─▶ commit
//! ```
//! Events wait in a temporary table for their positions, which are given out under the log's head; with the commit they go into
//! the log in one statement. While the head is held, batches of all processes wait: some seconds for a million events. So
//! what does not need the head is done before. A lock of its own, [`HOLDS_HEAD`], tells the writers that wait what they wait for.

use std::sync::Arc;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};
use zonelog_model::{Event, Metadata, Position, Recorded, StreamId, Timestamp, Version};

use crate::appending::{EncodedEvent, EncodedMetadata};
use crate::copy::{CopyRows, EncodedRows, JsonText};
use crate::database::Database;
use crate::error::StoreError;

/// The table of the events that wait; of this transaction alone.
const STAGE: &str = "
    create temporary table staged_event (
        place bigint, stream uuid, version bigint, type text, type_version smallint, payload jsonb, project text,
        actor jsonb, request_id text, change_id uuid, cause text, recorded_at timestamptz
    ) on commit drop";

const COPY: &str =
    "copy pg_temp.staged_event (place, stream, version, type, type_version, payload, project, actor, request_id,
                                change_id, cause, recorded_at) from stdin (format binary)";

/// From there into the log, in the order in which they came: a scan of a temporary table begins at its first page.
const APPEND: &str =
    "insert into event (feed, position, stream, version, type, type_version, payload, project, actor, request_id,
                        change_id, cause, recorded_at)
     select 0, $1 + place, stream, version, type, type_version, payload, project, actor, request_id, change_id, cause,
            recorded_at
     from pg_temp.staged_event";

/// How long to wait for the head, and how long the events of a change may take into the log: what was staged took longer.
const PATIENT: &str = "set local statement_timeout = '120s'";
const AS_BEFORE: &str = "set local statement_timeout to default";

const TYPES: &[Type] = &[
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
    /// How many events were staged.
    staged: i64,
}

/// The events of one change, on their way into chunks, each with its place: 1, 2, 3 ... Its position will be the head's before
/// the change and as many more. Needs no connection, so that it can run elsewhere.
#[derive(Debug)]
pub struct ChangeEncoder {
    metadata: Arc<Metadata>,
    encoded: EncodedMetadata,
    at: Timestamp,
    /// The place of the first event that was not taken yet.
    first: i64,
    next: i64,
    rows: CopyRows,
}

/// Events in the form in which they are sent.
#[derive(Debug)]
pub struct EncodedEvents {
    rows: EncodedRows,
    first: i64,
    next: i64,
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
            staged: 0,
        })
    }

    /// The connection; of the transaction, once that was begun.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Begins the transaction. Nobody waits for it.
    pub async fn begin(&mut self) -> Result<(), StoreError> {
        self.client
            .batch_execute("begin isolation level read committed")
            .await?;
        Ok(self.client.batch_execute(STAGE).await?)
    }

    /// Takes the next events; they must begin where those before ended.
    pub async fn stage(&mut self, events: EncodedEvents) -> Result<(), StoreError> {
        if events.first != self.staged + 1 {
            return Err(StoreError::Corrupt {
                position: self.staged + 1,
                problem: format!(
                    "the next events of a change would begin at its {}th",
                    events.first
                ),
            });
        }
        let next = events.next;
        events.rows.copy(&self.client, COPY).await?;
        self.staged = next - 1;
        Ok(())
    }

    /// Waits for the log's head and holds it. Returns the position of the last event in the log. What is read from here on
    /// is as it will be right before the change.
    pub async fn lock(&mut self) -> Result<Position, StoreError> {
        self.client.batch_execute(PATIENT).await?;
        let row = self
            .client
            .query_one("select position from feed_head where feed = 0 for update", &[])
            .await?;
        let head = row.try_get(0)?;
        self.client
            .execute("select pg_advisory_xact_lock($1)", &[&HOLDS_HEAD])
            .await?;
        self.client.batch_execute(AS_BEFORE).await?;
        self.head = Some(head);
        Ok(head)
    }

    /// Appends what was staged, moves the head and commits. Returns the position of the last event.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the connection was lost: then it may be committed or not, and who locks the head
    /// again finds out from the log.
    pub async fn commit(self) -> Result<Position, StoreError> {
        let corrupt = |position, problem: String| Err(StoreError::Corrupt { position, problem });
        let Some(head) = self.head else {
            return corrupt(0, "a change is to be committed without the log's head".to_owned());
        };
        if self.staged > 0 {
            self.client.batch_execute(PATIENT).await?;
            let appended = self.client.execute(APPEND, &[&head]).await?;
            if i64::try_from(appended) != Ok(self.staged) {
                return corrupt(
                    head + 1,
                    format!("{appended} of {} events are there", self.staged),
                );
            }
            let moved = self
                .client
                .execute(&self.move_head, &[&head, &(head + self.staged)])
                .await?;
            if moved != 1 {
                return corrupt(
                    head,
                    "the row of feed_head changed while it was locked".to_owned(),
                );
            }
        }
        self.client.batch_execute("commit").await?;
        Ok(head + self.staged)
    }

    /// Ends the transaction without a trace, and waits for it: the head is free when this returns.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        Ok(self.client.batch_execute("rollback").await?)
    }
}

impl ChangeEncoder {
    /// No events yet.
    pub fn new(metadata: &Arc<Metadata>, at: Timestamp) -> Self {
        Self {
            metadata: Arc::clone(metadata),
            encoded: EncodedMetadata::new(metadata),
            at,
            first: 1,
            next: 1,
            rows: CopyRows::new(TYPES),
        }
    }

    /// Adds an event at the next place, which stands as the position in what is returned: see [`Recorded::after`]. The caller
    /// answers for `version`: the next one of the stream.
    pub fn push(&mut self, stream: StreamId, version: Version, event: Event) -> Result<Recorded, StoreError> {
        let place = self.next;
        let encoded = EncodedEvent::new(&event);
        let metadata = &self.encoded;
        self.rows.push(&[
            &place,
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
            position: place,
            stream,
            version,
            recorded_at: self.at,
            metadata: Arc::clone(&self.metadata),
            event,
        })
    }

    /// The place of the last event added.
    pub const fn last(&self) -> i64 {
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
