//! Imports of zones: master files that were taken in by [`crate::StartImport`] and wait in tables become zones.
//!
//! ```text
//!  claim a waiting import ─▶ parse its text ─▶ decide ─▶ write, chunk by chunk    (parse.rs, write.rs; nothing is locked yet)
//!                         ─▶ lock the log's head ─▶ look whether all is as it was ─▶ append       (write.rs; in the same transaction)
//! ```
//! The zone with all it holds, the import's COMPLETE and the end of its task are one change-set in one transaction: an
//! import is done, or nothing of it is. So a process may be killed at any point, and a connection may be lost at the
//! COMMIT: whoever claims the import next looks under the lock whether it is still PENDING.

mod claim;
mod parse;
mod write;

use std::collections::HashMap;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use zonelog_model::ResourceId;
use zonelog_model::zone::import::undefined_error;
use zonelog_store::{Database, StoreError};

use crate::Central;
use claim::Claim;
use write::Importer;

/// How often an import is tried before it is given up: a database that goes away is not the import's fault.
const MOST_ATTEMPTS: u32 = 5;

/// The pause after a failure, longer with each.
const PAUSE: Duration = Duration::from_millis(500);

/// Takes imports, one at a time, until `shutdown`.
pub(crate) async fn run(central: Central, shutdown: CancellationToken) {
    let work = async {
        let mut attempts = HashMap::new();
        loop {
            // Over a connection that is lost, or none: the next turn opens another.
            if let Err(error) = work_off(&central, &mut attempts).await {
                tracing::warn!(%error, "imports of zones are interrupted, trying again");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

async fn work_off(central: &Central, attempts: &mut HashMap<ResourceId, u32>) -> Result<(), StoreError> {
    let options = &central.options.imports;
    let database = write_limits(&central.database);
    // Claims belong to this connection: when it ends, they do.
    let client = database.connect().await?;
    let importer = Importer::new(central, database.clone());
    loop {
        while let Some(claim) = Claim::next(&client, options.claim).await? {
            let import = claim.import;
            // After that time it may be another's.
            let done = tokio::time::timeout(options.claim, one(&importer, &client, claim)).await;
            let too_slow = |_| {
                Err(StoreError::Unavailable(
                    "it took longer than a claim lasts".to_owned(),
                ))
            };
            match done.unwrap_or_else(too_slow) {
                Ok(()) => {
                    attempts.remove(&import);
                }
                Err(error) => {
                    let tried = attempts.entry(import).or_default();
                    *tried += 1;
                    tracing::warn!(%error, %import, attempt = *tried, "a zone import is interrupted");
                    if *tried >= MOST_ATTEMPTS {
                        attempts.remove(&import);
                        importer
                            .fail(import, undefined_error("It could not be written."))
                            .await?;
                    } else {
                        tokio::time::sleep(PAUSE * *tried).await;
                    }
                }
            }
        }
        // What this process took in is told at once; what others did is found by looking.
        let _ = tokio::time::timeout(options.poll, central.importer.notified()).await;
    }
}

/// The limits of a connection that comes to hold the log's head: a statement that takes longer than this frees it.
pub(crate) fn write_limits(database: &Database) -> Database {
    database
        .clone()
        .with_statement_timeout(Duration::from_secs(10))
        .with_index_plans()
}

async fn one(importer: &Importer<'_>, client: &Client, claim: Claim) -> Result<(), StoreError> {
    let import = claim.import;
    let text = claim.text(client).await?;
    let limits = *importer.central.limits();
    let most = importer.central.options.imports.max_records;
    let parsed = tokio::task::spawn_blocking(move || parse::parse(&text, limits.min_ttl, most)).await;
    match parsed {
        Ok(Ok(zone)) => importer.write(claim, zone).await,
        Ok(Err(message)) => importer.fail(import, message).await,
        Err(panic) => {
            tracing::error!(%panic, %import, "reading a zone import failed");
            importer
                .fail(import, undefined_error("It could not be read."))
                .await
        }
    }
}
