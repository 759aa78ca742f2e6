//! Reading the log.

use std::sync::Arc;

use deadpool_postgres::Pool;
use serde_json::Value;
use tokio::sync::watch;
use tokio_postgres::Row;
use uuid::Uuid;
use zonelog_model::{ChangeId, Metadata, Position, Recorded, StreamId, Version, stored};

use crate::database::Database;
use crate::error::StoreError;
use crate::follower::Follower;

/// How many connections the readers of one feed share.
const CONNECTIONS: usize = 4;

macro_rules! select_events {
    ($rest:literal) => {
        concat!(
            "select position, stream, version, type, type_version, payload::text, project, actor, request_id, \
                    change_id, cause, recorded_at from event ",
            $rest
        )
    };
}

/// The log, to be read. Cheap to clone; clones share a few connections.
#[derive(Clone, Debug)]
pub struct Feed {
    pool: Pool,
}

impl Feed {
    /// The log of a database. Nothing is connected yet.
    pub fn new(database: &Database) -> Self {
        Self {
            pool: database.clone().with_index_plans().pool(CONNECTIONS),
        }
    }

    /// The position of the last event in the log; 0 when there is none.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn head(&self) -> Result<Position, StoreError> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached("select position from feed_head where feed = 0")
            .await?;
        Ok(client.query_one(&statement, &[]).await?.try_get(0)?)
    }

    /// Up to `limit` events behind `position`, in order: `position + 1`, `position + 2` ... None: there are no more.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a position is missing: it never is, whatever others write at this moment.
    pub async fn after(&self, position: Position, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        let client = self.pool.get().await?;
        let query = select_events!("where feed = 0 and position > $1 order by position limit $2");
        let statement = client.prepare_cached(query).await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let events = decode_all(&client.query(&statement, &[&position, &limit]).await?)?;
        for (event, expected) in events.iter().zip(position + 1..) {
            if event.position != expected {
                return Err(StoreError::Corrupt {
                    position: expected,
                    problem: format!("there is no such event, the next one is at {}", event.position),
                });
            }
        }
        Ok(events)
    }

    /// Up to `limit` events of a stream behind `version`, in order.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a version is missing.
    pub async fn stream(
        &self,
        stream: StreamId,
        version: Version,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let client = self.pool.get().await?;
        let query = select_events!("where stream = $1 and version > $2 order by version limit $3");
        let statement = client.prepare_cached(query).await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let events = decode_all(
            &client
                .query(&statement, &[&stream.uuid(), &version, &limit])
                .await?,
        )?;
        for (event, expected) in events.iter().zip(version + 1..) {
            if event.version != expected {
                return Err(StoreError::Corrupt {
                    position: event.position,
                    problem: format!(
                        "stream {stream} has version {} here, not {expected}",
                        event.version
                    ),
                });
            }
        }
        Ok(events)
    }

    /// Follows the log from behind `position`. `wake_ups` shows the log's head: [`crate::WakeUps::subscribe`], or
    /// [`crate::Writer::positions`] where no other process writes.
    pub const fn follow(self, position: Position, wake_ups: watch::Receiver<Position>) -> Follower {
        Follower::new(self, position, wake_ups)
    }
}

fn decode_all(rows: &[Row]) -> Result<Vec<Recorded>, StoreError> {
    let mut events: Vec<Recorded> = Vec::with_capacity(rows.len());
    for row in rows {
        let change_id = ChangeId::new(row.try_get::<_, Uuid>(9)?);
        // The events of a change stand together, and have all but their places in common.
        let shared = events.last().filter(|last| last.metadata.change_id == change_id);
        let metadata = match shared {
            Some(last) => Arc::clone(&last.metadata),
            None => Arc::new(decode_metadata(row, change_id)?),
        };
        events.push(decode(row, metadata)?);
    }
    Ok(events)
}

fn decode(row: &Row, metadata: Arc<Metadata>) -> Result<Recorded, StoreError> {
    let position = row.try_get(0)?;
    let event = stored::decode(row.try_get(3)?, row.try_get(4)?, row.try_get(5)?)
        .map_err(|error| StoreError::decode(format!("the event at position {position}"), error))?;
    Ok(Recorded {
        position,
        stream: StreamId::new(row.try_get(1)?),
        version: row.try_get(2)?,
        recorded_at: row.try_get(11)?,
        metadata,
        event,
    })
}

fn decode_metadata(row: &Row, change_id: ChangeId) -> Result<Metadata, StoreError> {
    let position: Position = row.try_get(0)?;
    let actor = stored::decode_actor(&row.try_get::<_, Value>(7)?, row.try_get(6)?).map_err(|error| {
        StoreError::decode(format!("the actor of the event at position {position}"), error)
    })?;
    Ok(Metadata {
        actor,
        change_id,
        request_id: row.try_get(8)?,
        cause: row.try_get(10)?,
    })
}
