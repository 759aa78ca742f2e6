//! One state of the database for several queries.

use deadpool_postgres::{Client, Transaction};
use tokio_postgres::{Error, IsolationLevel};

/// A transaction in which all queries see the state that the first of them sees.
pub(crate) async fn snapshot(client: &mut Client) -> Result<Transaction<'_>, Error> {
    client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
}
