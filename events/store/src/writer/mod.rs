//! The group-committing writer: many callers' requests in one transaction.

mod committer;
mod queue;
mod session;

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use zonelog_model::Position;

use crate::batch_work::BatchWork;
use crate::database::Database;
use crate::error::SubmitError;
use crate::wake_ups;
use committer::Committer;
use queue::{Job, Queue};

/// The queue and the batches of a [`Writer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// How many requests may wait for their batch.
    pub queue: usize,
    /// The most requests of one batch. Past some 256 latency grows and throughput does not.
    pub max_batch: usize,
    /// The most bytes of one batch, as [`BatchWork::size`] counts; a single request may have more.
    pub max_batch_bytes: usize,
    /// How long a caller waits for room in a full queue.
    pub submit_timeout: Duration,
    /// How long a statement may take: the database is too slow then, and the batch's callers are told so. A server that
    /// does not even say that within three times as long is given up.
    pub statement_timeout: Duration,
    /// How long a batch waits, all in all, behind a change of very many events ([`crate::BulkAppend`]).
    pub bulk_patience: Duration,
    /// How long to try to read back what became of a batch whose connection was lost at the commit.
    pub read_back_timeout: Duration,
}

impl Default for WriterOptions {
    /// 1024 requests wait at most 1 s for room; batches of 256 requests or 4 MiB; statements of 10 s, 25 s behind a bulk
    /// append; 10 s to read back.
    fn default() -> Self {
        Self {
            queue: 1024,
            max_batch: 256,
            max_batch_bytes: 4 << 20,
            submit_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(10),
            bulk_patience: Duration::from_secs(25),
            read_back_timeout: Duration::from_secs(10),
        }
    }
}

/// The door to a process's writer. Any number of writers, in this process and in others, may write to one log; one a
/// process is the fastest.
#[derive(Debug)]
pub struct Writer<W: BatchWork> {
    queue: mpsc::Sender<Job<W>>,
    positions: watch::Receiver<Position>,
    /// The task's own end of `positions`, which goes with it.
    head: Weak<watch::Sender<Position>>,
    submit_timeout: Duration,
}

impl<W: BatchWork> Clone for Writer<W> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            positions: self.positions.clone(),
            head: Weak::clone(&self.head),
            submit_timeout: self.submit_timeout,
        }
    }
}

impl<W: BatchWork> Writer<W> {
    /// Starts the writer's task. It connects by itself, now and whenever the connection is lost. At `shutdown` it takes
    /// no more requests, finishes those that wait, and ends.
    pub fn start(database: Database, work: W, options: WriterOptions, shutdown: CancellationToken) -> Self {
        let (queue, jobs) = mpsc::channel(options.queue.max(1));
        let (head, positions) = watch::channel(0);
        let head = Arc::new(head);
        let submit_timeout = options.submit_timeout;
        wake_ups::spawn_notifier(database.clone(), positions.clone());
        let jobs = Queue::new(jobs, options.max_batch.max(1), options.max_batch_bytes, shutdown);
        let told = Arc::downgrade(&head);
        tokio::spawn(Committer::new(database, work, options, jobs, head).run());
        Self {
            queue,
            positions,
            head: told,
            submit_timeout,
        }
    }

    /// Hands in a request and waits for its answer. When it returns, the request is committed, or nothing of it was
    /// written; the one exception is [`SubmitError::Indeterminate`]. A caller that stops waiting before its batch began
    /// takes its request back.
    ///
    /// # Errors
    /// [`SubmitError`] says whether trying again makes sense.
    pub async fn submit(&self, request: W::Request) -> Result<W::Answer, SubmitError> {
        let begun = Instant::now();
        let (reply, answer) = oneshot::channel();
        let stopping = || SubmitError::Unavailable("the process is stopping".to_owned());
        match self.queue.try_send(Job { request, reply }) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => return Err(stopping()),
            Err(TrySendError::Full(job)) => match self.queue.send_timeout(job, self.submit_timeout).await {
                Ok(()) => {}
                Err(SendTimeoutError::Timeout(_)) => return Err(SubmitError::Overloaded),
                Err(SendTimeoutError::Closed(_)) => return Err(stopping()),
            },
        }
        // No answer at all: the writer's task died in the middle of a batch.
        let answer = answer.await.unwrap_or(Err(SubmitError::Indeterminate));
        metrics::histogram!("zonelog_append_seconds").record(begun.elapsed());
        answer
    }

    /// The position of the log's last event as this writer last moved or saw it: wakes followers of the same process.
    /// The sender goes when the writer has ended.
    pub fn positions(&self) -> watch::Receiver<Position> {
        self.positions.clone()
    }

    /// Tells the followers of this process, and by PostgreSQL those of others, of events that were appended beside the
    /// writer ([`crate::BulkAppend`]).
    pub fn tell(&self, head: Position) {
        if let Some(known) = self.head.upgrade() {
            wake_ups::publish(&known, head);
        }
    }

    /// Waits until the writer has ended after its shutdown: every request has its answer.
    pub async fn ended(&self) {
        let mut positions = self.positions.clone();
        while positions.changed().await.is_ok() {}
    }
}
