//! The writer's task: batch after batch, over lost connections and failed statements.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout_at;
use zonelog_model::Position;

use super::WriterOptions;
use super::queue::{Batch, Queue};
use super::session::{Backend, InFlight, Outcome, Session};
use crate::batch_work::BatchWork;
use crate::database::Database;
use crate::error::{StoreError, SubmitError, is_out_of_means, is_transient};
use crate::wake_ups::publish;

/// The pauses between attempts to connect; meanwhile every request is refused at once.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a new connection may take until its statements are prepared.
const OPEN_LIMIT: Duration = Duration::from_secs(20);

/// How often a batch is tried again when nothing of it was written for a reason that passes.
const MOST_RETRIES: u32 = 5;

/// The task's state.
pub(super) struct Committer<W: BatchWork> {
    database: Database,
    work: W,
    options: WriterOptions,
    queue: Queue<W>,
    /// Where followers of this process learn of the head.
    positions: Arc<watch::Sender<Position>>,
    session: Option<Session>,
    /// The server process of a connection that was lost with a batch in flight.
    lost: Option<Backend>,
    /// The head after this writer's last batch.
    head: Option<Position>,
    /// Whether nobody else moved the head between this writer's last two batches: then the lock can be left out.
    alone: bool,
    /// When and how connecting failed last, and the pause from then.
    away: Option<(Instant, Duration, String)>,
}

/// Why a batch, or a part of it, was not written.
enum Failure {
    /// A statement or a decision failed: some request in it is at fault.
    AtFault(StoreError),
    /// The database is away.
    Unavailable(String),
    /// It may have been written.
    Indeterminate,
}

impl<W: BatchWork> Committer<W> {
    pub(super) fn new(
        database: Database,
        work: W,
        options: WriterOptions,
        queue: Queue<W>,
        positions: Arc<watch::Sender<Position>>,
    ) -> Self {
        let database = database
            .with_statement_timeout(options.statement_timeout)
            .with_index_plans();
        Self {
            database,
            work,
            options,
            queue,
            positions,
            session: None,
            lost: None,
            head: None,
            alone: false,
            away: None,
        }
    }

    pub(super) async fn run(mut self) {
        let mut last_commit = Duration::ZERO;
        // The first connection is made before the first request, which need not wait for it then.
        self.session = self.connect().await.ok();
        while let Some(batch) = self.queue.next(last_commit).await {
            let begun = Instant::now();
            self.process(batch).await;
            last_commit = begun.elapsed();
        }
    }

    /// Writes a batch; where a request is at fault, the others without it. Answers every caller.
    async fn process(&mut self, mut batch: Batch<W>) {
        let mut parts = Vec::with_capacity(16);
        parts.push(0..batch.requests.len());
        while let Some(part) = parts.pop() {
            match self.write(&batch.requests[part.clone()]).await {
                Ok(answers) => part
                    .zip(answers)
                    .for_each(|(index, answer)| batch.answer(index, Ok(answer))),
                Err(Failure::AtFault(error)) if part.len() == 1 => {
                    tracing::warn!(%error, "a request cannot be written");
                    batch.answer(part.start, Err(SubmitError::Failed(error)));
                }
                Err(Failure::AtFault(error)) => {
                    tracing::debug!(%error, requests = part.len(), "a batch failed, its halves are tried apart");
                    let middle = part.start + part.len() / 2;
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
                Err(Failure::Unavailable(reason)) => {
                    for index in parts.drain(..).chain([part]).flatten() {
                        batch.answer(index, Err(SubmitError::Unavailable(reason.clone())));
                    }
                }
                Err(Failure::Indeterminate) => {
                    part.for_each(|index| batch.answer(index, Err(SubmitError::Indeterminate)))
                }
            }
        }
    }

    /// Writes requests as one transaction, and again while it is clear that nothing was written and that it may help.
    async fn write(&mut self, batch: &[W::Request]) -> Result<Vec<W::Answer>, Failure> {
        let (begun, mut retries) = (Instant::now(), 0);
        loop {
            let session = match self.session.take() {
                Some(session) if !session.is_closed() => session,
                _ => self.connect().await.map_err(Failure::Unavailable)?,
            };
            // PostgreSQL keeps the time of its statements; this is for one that is frozen and keeps none.
            let limit = self.options.statement_timeout * 3;
            let Ok(outcome) = tokio::time::timeout(limit, self.attempt(&session, batch)).await else {
                tracing::error!(database = %self.database, "no answer within {limit:?}, the connection is given up");
                self.lost = Some(session.backend);
                self.work.rolled_back();
                return Err(Failure::Indeterminate);
            };
            let (retry, reason) = match outcome {
                Outcome::Committed { answers, found, head } => {
                    self.session = Some(session);
                    self.committed(found, head);
                    return Ok(answers);
                }
                Outcome::RolledBack(error) => {
                    self.session = Some(session);
                    self.work.rolled_back();
                    match error {
                        StoreError::Sql(error) if is_transient(&error) => (true, StoreError::Sql(error)),
                        // No request is at fault, and trying them one by one would only take as long for each.
                        StoreError::Sql(error) if is_out_of_means(&error) => (false, StoreError::Sql(error)),
                        StoreError::Unavailable(_) => (false, error),
                        error => return Err(Failure::AtFault(error)),
                    }
                }
                Outcome::Held(error) => {
                    self.work.rolled_back();
                    let patience = self.options.bulk_patience.saturating_sub(begun.elapsed());
                    let waited = session.waited_for_bulk(patience).await;
                    self.session = Some(session);
                    if patience.is_zero() || !waited.is_ok_and(|waited| waited) {
                        return Err(Failure::Unavailable(error.to_string()));
                    }
                    tracing::debug!("a change of very many events was waited for");
                    continue;
                }
                Outcome::Lost(error) => {
                    // Its process may not have noticed yet, and still hold the head.
                    self.lost = Some(session.backend);
                    self.work.rolled_back();
                    (true, error)
                }
                Outcome::Unknown(answers, in_flight, error) => {
                    tracing::warn!(%error, "the connection was lost at the commit, reading back");
                    self.lost = Some(session.backend);
                    drop(session);
                    if self.read_back(&in_flight).await? {
                        self.committed(in_flight.found, in_flight.head());
                        return Ok(answers);
                    }
                    self.work.rolled_back();
                    (true, error)
                }
            };
            retries += 1;
            if !retry || retries > MOST_RETRIES {
                return Err(Failure::Unavailable(reason.to_string()));
            }
            tracing::debug!(%reason, "nothing was written, trying again");
        }
    }

    /// One attempt: without the lock where that is possible, with it otherwise.
    async fn attempt(&mut self, session: &Session, batch: &[W::Request]) -> Outcome<W::Answer> {
        if let Some(head) = self.head.filter(|_| self.alone) {
            match session.write_from_memory(&mut self.work, batch, head).await {
                None => {}
                // A request is at fault, or what was remembered is wrong: under the lock it shows.
                Some(Outcome::RolledBack(error)) if !matches!(error, StoreError::Unavailable(_)) => {
                    self.work.rolled_back();
                }
                Some(outcome) => return outcome,
            }
        }
        session.write_locked(&mut self.work, batch).await
    }

    fn committed(&mut self, found: Position, head: Position) {
        self.work.committed(head);
        self.alone = self.head.is_none_or(|last| last == found);
        self.head = Some(head);
        publish(&self.positions, head);
    }

    /// Opens a connection. A failure is remembered for a moment, in which it is the answer without another attempt.
    async fn connect(&mut self) -> Result<Session, String> {
        if let Some((since, pause, reason)) = &self.away
            && since.elapsed() < *pause
        {
            return Err(reason.clone());
        }
        self.head = None;
        self.alone = false;
        let opened = tokio::time::timeout(
            OPEN_LIMIT,
            Session::open(&self.database, &mut self.work, self.lost),
        );
        let opened = opened.await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(format!(
                "a new connection was not ready within {OPEN_LIMIT:?}"
            )))
        });
        match opened {
            Ok(session) => {
                if self.away.take().is_some() {
                    tracing::info!(database = %self.database, "the database is back");
                }
                self.lost = None;
                Ok(session)
            }
            Err(error) => {
                let reason = error.to_string();
                let pause = self
                    .away
                    .as_ref()
                    .map_or(SHORTEST_PAUSE, |(_, pause, _)| (*pause * 2).min(LONGEST_PAUSE));
                if self.away.is_none() {
                    tracing::error!(%error, database = %self.database, "cannot connect to the database");
                }
                self.away = Some((Instant::now(), pause, reason.clone()));
                Err(reason)
            }
        }
    }

    /// Finds out whether a batch in flight was committed. Whoever waits in the queue meanwhile is told that the
    /// database is away, as it is.
    async fn read_back(&mut self, batch: &InFlight) -> Result<bool, Failure> {
        let deadline = Instant::now() + self.options.read_back_timeout;
        loop {
            let reason = match self.connect().await {
                Ok(session) => match timeout_at(deadline.into(), session.is_recorded(batch)).await {
                    Ok(Ok(recorded)) => {
                        self.session = Some(session);
                        return Ok(recorded);
                    }
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => {
                        self.lost = Some(session.backend);
                        "the database does not answer".to_owned()
                    }
                },
                Err(reason) => reason,
            };
            if Instant::now() > deadline {
                tracing::error!(%reason, "the outcome of a batch could not be read back");
                return Err(Failure::Indeterminate);
            }
            self.queue.refuse_all(&reason);
            tokio::time::sleep(SHORTEST_PAUSE).await;
        }
    }
}
