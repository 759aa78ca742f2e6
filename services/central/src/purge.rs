//! Takes away what is kept beside the log for a time only: answers for retries, and records of refused commands.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use zonelog_model::Timestamp;
use zonelog_store::{Database, StoreError};

use crate::clock;
use crate::options::PurgeOptions;

/// A pause between two statements, so that a long purge leaves the database to those who wait for it.
const BREATH: Duration = Duration::from_millis(20);

/// How long one turn may take before its connection is given up.
const LIMIT: Duration = Duration::from_secs(300);

/// Both find their rows by the index on `recorded_at`. Two processes that want the same rows do no harm.
const IDEMPOTENCY_KEYS: &str = "
    delete from idempotency_key k using (
        select project, key from idempotency_key where recorded_at < $1 order by recorded_at limit $2) old
    where k.project = old.project and k.key = old.key";
const REFUSALS: &str = "
    delete from refusal r using (
        select id from refusal where recorded_at < $1 order by recorded_at limit $2) old
    where r.id = old.id";

/// Purges now and then until `shutdown`. A database that is away is tried again at the next turn.
pub(crate) async fn run(database: Database, options: PurgeOptions, shutdown: CancellationToken) {
    let work = async {
        loop {
            let turn = tokio::time::timeout(LIMIT, once(&database, &options)).await;
            let too_slow = |_| Err(StoreError::Unavailable(format!("it took longer than {LIMIT:?}")));
            match turn.unwrap_or_else(too_slow) {
                Ok((0, 0)) => {}
                Ok((idempotency_keys, refusals)) => {
                    tracing::debug!(idempotency_keys, refusals, "purged what was kept long enough");
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot purge what was kept long enough, trying again later")
                }
            }
            tokio::time::sleep(options.every).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

/// Removes all that is too old: how many answers for retries, how many refusals.
async fn once(database: &Database, options: &PurgeOptions) -> Result<(u64, u64), StoreError> {
    let client = database.connect().await?;
    let now = clock::now();
    let keys = remove(
        &client,
        IDEMPOTENCY_KEYS,
        before(now, options.idempotency_keys),
        options.batch,
    )
    .await?;
    let refusals = remove(&client, REFUSALS, before(now, options.refusals), options.batch).await?;
    Ok((keys, refusals))
}

async fn remove(client: &Client, statement: &str, before: Timestamp, batch: u32) -> Result<u64, StoreError> {
    let batch = batch.max(1);
    let statement = client.prepare(statement).await?;
    let mut removed = 0;
    loop {
        let count = client.execute(&statement, &[&before, &i64::from(batch)]).await?;
        removed += count;
        if count < u64::from(batch) {
            return Ok(removed);
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// So long ago; the beginning of time when that is before it.
fn before(now: Timestamp, age: Duration) -> Timestamp {
    let age = chrono::TimeDelta::from_std(age).unwrap_or(chrono::TimeDelta::MAX);
    now.checked_sub_signed(age).unwrap_or(Timestamp::UNIX_EPOCH)
}
