//! A writer's connection: one batch's transaction on it, and reading back what became of one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::{Duration, SystemTime};

use futures_util::future::{join, join3, join4, maybe_done};
use futures_util::poll;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use zonelog_model::Position;

use crate::appending::{Appending, EventRow, WriteEvents};
use crate::batch_work::BatchWork;
use crate::bulk::HOLDS_HEAD;
use crate::database::Database;
use crate::error::{StoreError, is_lost, is_out_of_time};

/// A server process that a lost connection belonged to. The number alone may be another's by now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backend {
    pid: i32,
    started: SystemTime,
}

/// A connection with its prepared statements.
pub(super) struct Session {
    client: Client,
    pub(super) backend: Backend,
    lock_head: Statement,
    read_back: Statement,
    write_events: WriteEvents,
}

/// What became of a batch.
pub(super) enum Outcome<A> {
    /// It is committed.
    Committed {
        answers: Vec<A>,
        /// Where the head was found.
        found: Position,
        /// Where it is now.
        head: Position,
    },
    /// Nothing was written, for this reason.
    RolledBack(StoreError),
    /// Nothing was written: the head was not to be had in the time of a statement.
    Held(StoreError),
    /// Nothing was written: the connection was lost before the COMMIT was sent.
    Lost(StoreError),
    /// The connection was lost after the COMMIT was sent.
    Unknown(Vec<A>, InFlight, StoreError),
}

/// The events of a batch that was sent and not answered.
pub(super) struct InFlight {
    pub(super) found: Position,
    rows: Vec<EventRow>,
}

impl InFlight {
    fn of(appending: Appending<'_>) -> Self {
        Self {
            found: appending.head(),
            rows: appending.into_rows(),
        }
    }

    /// The position of the batch's last event.
    pub(super) fn head(&self) -> Position {
        self.found + i64::try_from(self.rows.len()).unwrap_or(i64::MAX)
    }
}

impl Session {
    /// Connects and prepares. `lost` is the server process of a connection lost with a batch in flight: it is ended
    /// first, and waited for, so that it commits nothing behind our back.
    pub(super) async fn open<W: BatchWork>(
        database: &Database,
        work: &mut W,
        lost: Option<Backend>,
    ) -> Result<Self, StoreError> {
        let client = database.connect().await?;
        if let Some(lost) = lost {
            // 5 s is the longest that it waits for the process to end; the statement fails then, and we try again.
            let gone = client
                .query(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where pid = $1 and backend_start = $2",
                    &[&lost.pid, &lost.started],
                )
                .await?;
            if gone.iter().any(|row| !row.get::<_, bool>(0)) {
                return Err(StoreError::Unavailable(
                    "the process of a lost connection does not end".to_owned(),
                ));
            }
        }
        let (me, lock_head, read_back, write_events) = join4(
            client.query_one(
                "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()",
                &[],
            ),
            client.prepare("select position from feed_head where feed = 0 for update"),
            client.prepare(
                "select change_id, stream, version, recorded_at from event
                 where feed = 0 and position between $1 and $2 order by position",
            ),
            WriteEvents::prepare(&client),
        )
        .await;
        let me = me?;
        let backend = Backend {
            pid: me.try_get(0)?,
            started: me.try_get(1)?,
        };
        work.connected(&client).await?;
        Ok(Self {
            client,
            backend,
            lock_head: lock_head?,
            read_back: read_back?,
            write_events: write_events?,
        })
    }

    /// Whether the connection is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Writes a batch that the work can decide from memory, in one statement, if the head still stands at `found`.
    /// `None`: it cannot, or another process has moved the head; nothing was written.
    pub(super) async fn write_from_memory<W: BatchWork>(
        &self,
        work: &mut W,
        batch: &[W::Request],
        found: Position,
    ) -> Option<Outcome<W::Answer>> {
        let mut appending = Appending::new(&self.client, found);
        let answers = work
            .decide_from_memory(&mut appending, batch)
            .filter(|_| !appending.is_empty())?;
        match self.write_events.execute(&self.client, &appending).await {
            Ok(true) => Some(Outcome::Committed {
                answers,
                found,
                head: appending.last_position(),
            }),
            Ok(false) => {
                work.rolled_back();
                None
            }
            Err(error) if is_lost(&error) => {
                Some(Outcome::Unknown(answers, InFlight::of(appending), error.into()))
            }
            Err(error) if is_out_of_time(&error) => Some(Outcome::Held(error.into())),
            Err(error) => Some(Outcome::RolledBack(error.into())),
        }
    }

    /// Writes a batch under the lock of the head.
    pub(super) async fn write_locked<W: BatchWork>(
        &self,
        work: &mut W,
        batch: &[W::Request],
    ) -> Outcome<W::Answer> {
        // The order of first polls is the order on the wire.
        let (begun, head, loaded) = join3(
            self.client.batch_execute("begin isolation level read committed"),
            self.client.query_one(&self.lock_head, &[]),
            work.load(&self.client, batch),
        )
        .await;
        let head = match (begun, head, loaded) {
            (Ok(()), Ok(row), Ok(())) => row.try_get::<_, Position>(0),
            (Ok(()), Err(error), _) if is_out_of_time(&error) => {
                return match self.roll_back(error.into()).await {
                    Outcome::RolledBack(error) => Outcome::Held(error),
                    lost => lost,
                };
            }
            (Err(error), ..) | (_, Err(error), _) => return self.roll_back(error.into()).await,
            (_, _, Err(error)) => return self.roll_back(error).await,
        };
        let head = match head {
            Ok(head) => head,
            Err(error) => return self.roll_back(error.into()).await,
        };
        let mut appending = Appending::new(&self.client, head);
        let answers = match decide(work, &mut appending, batch) {
            Ok(answers) => answers,
            Err(error) => return self.roll_back(error).await,
        };
        let insert = async {
            if appending.is_empty() {
                Ok(true)
            } else {
                self.write_events.execute(&self.client, &appending).await
            }
        };
        match self.finish(insert, work.write(&appending), head).await {
            Finish::Committed => Outcome::Committed {
                answers,
                found: head,
                head: appending.last_position(),
            },
            Finish::Failed(error) => self.roll_back(error).await,
            Finish::RolledBack(error) => Outcome::RolledBack(error),
            // Without events there is nothing to find again in the log, and nothing that must not be done twice.
            Finish::Unknown(error) if appending.is_empty() => Outcome::Lost(error),
            Finish::Unknown(error) => Outcome::Unknown(answers, InFlight::of(appending), error),
        }
    }

    /// Sends the events, the side rows and, when both are content, the COMMIT.
    async fn finish(
        &self,
        insert: impl Future<Output = Result<bool, tokio_postgres::Error>>,
        side: impl Future<Output = Result<(), StoreError>>,
        head: Position,
    ) -> Finish {
        let mut insert = pin!(maybe_done(insert));
        let mut side = pin!(maybe_done(side));
        let _ = poll!(insert.as_mut());
        let _ = poll!(side.as_mut());
        // Nothing beside the events: PostgreSQL itself turns the COMMIT behind a failed INSERT into a rollback.
        let committed = if matches!(side.as_mut().output_mut(), Some(Ok(()))) {
            let ((), committed) = join(insert.as_mut(), self.client.batch_execute("commit")).await;
            Some(committed)
        } else {
            join(insert.as_mut(), side.as_mut()).await;
            None
        };
        let inserted = match insert.as_mut().take_output() {
            Some(Ok(true)) => Ok(()),
            Some(Ok(false)) | None => Err(StoreError::Corrupt {
                position: head,
                problem: "the row of feed_head changed while it was locked".to_owned(),
            }),
            Some(Err(error)) if committed.is_some() && is_lost(&error) => {
                return Finish::Unknown(error.into());
            }
            Some(Err(error)) => Err(error.into()),
        };
        let written = side.as_mut().take_output().unwrap_or(Ok(()));
        // A failed INSERT makes the statements behind it fail too: its own reason goes first.
        let failure = inserted.and(written).err();
        let committed = match (committed, failure) {
            (Some(_), Some(error)) => return Finish::RolledBack(error),
            (None, Some(error)) => return Finish::Failed(error),
            (Some(committed), None) => committed,
            (None, None) => self.client.batch_execute("commit").await,
        };
        match committed {
            Ok(()) => Finish::Committed,
            Err(error) if is_lost(&error) => Finish::Unknown(error.into()),
            Err(error) => Finish::RolledBack(error.into()),
        }
    }

    /// Ends a transaction that has failed, before the connection is used again.
    async fn roll_back<A>(&self, reason: StoreError) -> Outcome<A> {
        match self.client.batch_execute("rollback").await {
            Ok(()) => Outcome::RolledBack(reason),
            // The server rolls back what a lost connection leaves.
            Err(_) => Outcome::Lost(reason),
        }
    }

    /// Waits until nobody holds the head for a bulk append, for so long at the most. Returns whether somebody did, and does
    /// no more.
    pub(super) async fn waited_for_bulk(&self, patience: Duration) -> Result<bool, StoreError> {
        let try_lock = "select pg_try_advisory_xact_lock_shared($1)";
        if self
            .client
            .query_one(try_lock, &[&HOLDS_HEAD])
            .await?
            .try_get(0)?
        {
            return Ok(false);
        }
        // 0 would be without a limit.
        let limit = format!("set local statement_timeout = {}", patience.as_millis().max(1));
        let lock = format!("select pg_advisory_xact_lock_shared({HOLDS_HEAD})");
        let (begun, limited, locked, ended) = join4(
            self.client.batch_execute("begin"),
            self.client.batch_execute(&limit),
            self.client.batch_execute(&lock),
            self.client.batch_execute("rollback"),
        )
        .await;
        begun?;
        limited?;
        ended?;
        match locked {
            Ok(()) => Ok(true),
            Err(error) if is_out_of_time(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a batch that was in flight on another connection is in the log. Waits for the head's lock, so that
    /// nobody is in the middle of writing.
    pub(super) async fn is_recorded(&self, batch: &InFlight) -> Result<bool, StoreError> {
        let range: [&(dyn ToSql + Sync); 2] = [&(batch.found + 1), &batch.head()];
        let (begun, locked, found, ended) = join4(
            self.client.batch_execute("begin isolation level read committed"),
            self.client.query_one(&self.lock_head, &[]),
            self.client.query(&self.read_back, &range),
            self.client.batch_execute("commit"),
        )
        .await;
        begun?;
        locked?;
        let found = found?;
        ended?;
        let same = found.len() == batch.rows.len()
            && found.iter().zip(&batch.rows).all(|(found, sent)| {
                found.get::<_, uuid::Uuid>(0) == sent.metadata.change_id.uuid()
                    && found.get::<_, uuid::Uuid>(1) == sent.stream.uuid()
                    && found.get::<_, i64>(2) == sent.version
                    && found.get::<_, zonelog_model::Timestamp>(3) == sent.recorded_at
            });
        Ok(same)
    }
}

/// How the second half of a transaction ended.
enum Finish {
    Committed,
    /// The transaction is still open, or the connection lost before the COMMIT was sent.
    Failed(StoreError),
    /// PostgreSQL has rolled back.
    RolledBack(StoreError),
    /// The connection was lost after the COMMIT was sent.
    Unknown(StoreError),
}

/// Lets the work decide. A panic in it is that batch's failure, not the writer's end.
fn decide<W: BatchWork>(
    work: &mut W,
    appending: &mut Appending<'_>,
    batch: &[W::Request],
) -> Result<Vec<W::Answer>, StoreError> {
    let decided = catch_unwind(AssertUnwindSafe(|| work.decide(appending, batch)));
    let answers = decided.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(StoreError::Undecided(
            text.unwrap_or_else(|| "a panic".to_owned()),
        ))
    })?;
    if answers.len() == batch.len() {
        Ok(answers)
    } else {
        Err(StoreError::Undecided(format!(
            "{} answers to {} requests",
            answers.len(),
            batch.len()
        )))
    }
}
