//! What a batch of requests does, in the phases of its transaction.

use std::future::{Future, ready};

use tokio_postgres::Client;
use zonelog_model::Position;

use crate::appending::Appending;
use crate::error::StoreError;

/// The work of a [`crate::Writer`]: how a batch of requests becomes events, side rows and answers.
///
/// A batch is one transaction:
/// ```text
///   BEGIN · lock the head · load      one round trip; the statements of `load` stand behind the lock
///   decide                            in memory
///   INSERT events · write             one round trip
///   COMMIT                            only after `write` was content; with the INSERT when it had nothing to write
/// ```
/// When a phase fails, all is rolled back, [`Self::rolled_back`] is called, and the batch is tried again in halves until
/// the request at fault is alone. The connection's loss is survived too. So `load` and `decide` may be called several
/// times with the same requests, and must not count on having been called before.
pub trait BatchWork: Send + 'static {
    /// What a caller asks.
    type Request: Send + Sync + 'static;
    /// What a caller gets.
    type Answer: Send + 'static;

    /// A connection was opened: the place to prepare statements and to set the session's settings. The connection has
    /// [`crate::Database::with_index_plans`].
    fn connected(&mut self, client: &Client) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Loads what [`Self::decide`] needs. Polled right behind the statements that begin the transaction and lock the
    /// head, before their answers: what it sends at its first poll costs no round trip of its own, and sees all that
    /// was committed before the lock was had.
    fn load(
        &mut self,
        client: &Client,
        batch: &[Self::Request],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Decides each request in turn, over what those before it in the batch did; pushes the events; returns an answer
    /// for each request, in their order. The head is locked: be quick.
    ///
    /// # Errors
    /// Only for what is no answer: then nothing of the batch is written.
    fn decide(
        &mut self,
        appending: &mut Appending<'_>,
        batch: &[Self::Request],
    ) -> Result<Vec<Self::Answer>, StoreError>;

    /// Writes projections and side rows in the same transaction, for [`Appending::events`]; called also when there are
    /// none. Polled right behind the INSERT of the events: what it sends at its first poll costs no round trip of its
    /// own. The transaction is committed only after it returned `Ok`.
    fn write(&mut self, appending: &Appending<'_>) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = appending;
        ready(Ok(()))
    }

    /// Decides without loading and without a lock, from what the work remembers of the log as of [`Appending::head`]:
    /// then the batch is one round trip. The events are written only if the head still stands there. `None`: it cannot,
    /// or some answer would say no (which nobody checks without the lock); then the work is as it was before. Work that needs [`Self::write`] must not.
    fn decide_from_memory(
        &mut self,
        appending: &mut Appending<'_>,
        batch: &[Self::Request],
    ) -> Option<Vec<Self::Answer>> {
        let _ = (appending, batch);
        None
    }

    /// What was decided is committed; `head` is the position of the last event now.
    fn committed(&mut self, head: Position) {
        let _ = head;
    }

    /// What was decided is not in the log; what the work remembers may be out of date.
    fn rolled_back(&mut self) {}

    /// About how many bytes a request will write; a batch is closed at [`crate::WriterOptions::max_batch_bytes`].
    fn size(request: &Self::Request) -> usize {
        let _ = request;
        0
    }
}
