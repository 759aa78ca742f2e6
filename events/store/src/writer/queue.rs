//! The requests that wait, and how they are gathered into batches.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::batch_work::BatchWork;
use crate::error::SubmitError;

/// A batch waits for company at most this long, however slow the last commit was.
const LONGEST_LINGER: Duration = Duration::from_millis(1);

/// A request and who waits for its answer.
pub(super) struct Job<W: BatchWork> {
    pub(super) request: W::Request,
    pub(super) reply: Reply<W>,
}

/// Where an answer goes.
pub(super) type Reply<W> = oneshot::Sender<Result<<W as BatchWork>::Answer, SubmitError>>;

/// The requests of a batch, and beside each its caller.
pub(super) struct Batch<W: BatchWork> {
    pub(super) requests: Vec<W::Request>,
    pub(super) replies: Vec<Option<Reply<W>>>,
    bytes: usize,
}

/// The receiving end of the bounded queue.
pub(super) struct Queue<W: BatchWork> {
    jobs: mpsc::Receiver<Job<W>>,
    max_batch: usize,
    max_bytes: usize,
    shutdown: CancellationToken,
    /// How many requests the last two batches had.
    last: [usize; 2],
    /// Taken from the queue, but too large for the batch that was being gathered.
    left_over: Option<Job<W>>,
}

impl<W: BatchWork> Queue<W> {
    pub(super) const fn new(
        jobs: mpsc::Receiver<Job<W>>,
        max_batch: usize,
        max_bytes: usize,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            jobs,
            max_batch,
            max_bytes,
            shutdown,
            last: [0; 2],
            left_over: None,
        }
    }

    /// The next batch; `None` when the writer is to end and nobody waits any more. `last_commit` is how long the last
    /// batch took.
    pub(super) async fn next(&mut self, last_commit: Duration) -> Option<Batch<W>> {
        let first = match self.left_over.take() {
            Some(job) => job,
            None => self.first().await?,
        };
        let mut batch = Batch {
            requests: Vec::new(),
            replies: Vec::new(),
            bytes: 0,
        };
        batch.push(first);
        // Callers that got their answers from the last batch are about to ask again. A batch that starts without them
        // makes them wait for two; so wait for as many as there were, a little.
        let expected = self.last[0].max(self.last[1]).min(self.max_batch);
        let until = Instant::now() + (last_commit / 8).min(LONGEST_LINGER);
        while self.gather(&mut batch) && batch.requests.len() < expected && Instant::now() < until {
            tokio::task::yield_now().await;
        }
        self.last = [self.last[1], batch.requests.len()];
        metrics::gauge!("zonelog_queue_depth").set(u32::try_from(self.jobs.len()).unwrap_or(u32::MAX));
        metrics::histogram!("zonelog_batch_size")
            .record(u32::try_from(batch.requests.len()).unwrap_or(u32::MAX));
        Some(batch)
    }

    /// Waits for a request whose caller still waits for it.
    async fn first(&mut self) -> Option<Job<W>> {
        loop {
            let job = tokio::select! {
                biased;
                job = self.jobs.recv() => job?,
                () = self.shutdown.cancelled(), if !self.jobs.is_closed() => {
                    self.jobs.close();
                    continue;
                }
            };
            if !job.reply.is_closed() {
                return Some(job);
            }
        }
    }

    /// Takes what waits; false when the batch is full.
    fn gather(&mut self, batch: &mut Batch<W>) -> bool {
        while batch.requests.len() < self.max_batch {
            let Ok(job) = self.jobs.try_recv() else {
                return true;
            };
            // Nobody waits for the answer any more: the request was taken back.
            if job.reply.is_closed() {
                continue;
            }
            if batch.bytes + W::size(&job.request) > self.max_bytes {
                self.left_over = Some(job);
                return false;
            }
            batch.push(job);
        }
        false
    }

    /// Tells everyone who waits that the database is away.
    pub(super) fn refuse_all(&mut self, reason: &str) {
        while let Some(job) = self.left_over.take().or_else(|| self.jobs.try_recv().ok()) {
            let _ = job.reply.send(Err(SubmitError::Unavailable(reason.to_owned())));
        }
    }
}

impl<W: BatchWork> Batch<W> {
    fn push(&mut self, job: Job<W>) {
        self.bytes += W::size(&job.request);
        self.requests.push(job.request);
        self.replies.push(Some(job.reply));
    }

    /// Answers the caller of request `index`. That nobody listens any more is no concern.
    pub(super) fn answer(&mut self, index: usize, answer: Result<W::Answer, SubmitError>) {
        if let Some(reply) = self.replies[index].take() {
            let _ = reply.send(answer);
        }
    }
}
