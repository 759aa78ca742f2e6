//! The role: one task a server, for as long as the process lives.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use zonelog_central::clock;
use zonelog_model::{PoolId, Position};
use zonelog_projections::delivery;
use zonelog_store::Database;

use crate::options::ReconcilerOptions;
use crate::pass::Server;
use crate::server::{Keeper, WorkError};
use crate::targets::target_of;

/// The pause before a database that is away is tried again.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

/// Why the reconciler does not run.
#[derive(Debug, thiserror::Error)]
pub enum ReconcilerError {
    /// Checkpoints are kept by name.
    #[error("two servers of the pool are called {0:?}; give each its own name")]
    NameTwice(String),
    /// Servers must be told where to transfer from.
    #[error("the pool has servers, but no masters: name the addresses of MiniDNS as the servers reach them")]
    NoMasters,
    /// A task failed in a way that it cannot: a defect.
    #[error("the work on a server ended: {0}")]
    Defect(String),
}

/// Keeps all servers of the pool at the log's head, until `shutdown`.
///
/// `wakeups` carries the log's head; missed or lost wake-ups only cost time. A database that is away is waited for.
///
/// # Errors
/// [`ReconcilerError`], for a pool that cannot be one.
pub async fn run(
    options: ReconcilerOptions,
    database: Database,
    wakeups: watch::Receiver<Position>,
    shutdown: CancellationToken,
) -> Result<(), ReconcilerError> {
    let ReconcilerOptions {
        pool,
        timings,
        holder,
    } = options;
    // What is read here is a range of an index each time, also while the tables' statistics are old.
    let database = database.with_index_plans();
    let mut names = BTreeSet::new();
    if let Some(twice) = pool
        .servers
        .iter()
        .find(|server| !names.insert(server.name.clone()))
    {
        return Err(ReconcilerError::NameTwice(twice.name.clone()));
    }
    if pool.masters.is_empty() && !pool.servers.is_empty() {
        return Err(ReconcilerError::NoMasters);
    }
    let names: Vec<String> = names.into_iter().collect();
    while let Err(error) = register(&database, pool.id, &names).await {
        tracing::warn!(%error, "the pool's servers cannot be registered yet");
        tokio::select! {
            () = tokio::time::sleep(DATABASE_PAUSE) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
    let masters: Arc<[_]> = pool.masters.into();
    let mut tasks = JoinSet::new();
    for config in pool.servers {
        let target = target_of(&config, &timings);
        let server = Arc::new(Server {
            config,
            target,
            masters: Arc::clone(&masters),
            timings: timings.clone(),
        });
        let keeper = Keeper {
            server,
            pool: pool.id,
            database: database.clone(),
            wakeups: wakeups.clone(),
            holder: holder.clone(),
        };
        tasks.spawn(keeper.keep(shutdown.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| ReconcilerError::Defect(error.to_string()))?;
    }
    shutdown.cancelled().await;
    Ok(())
}

async fn register(database: &Database, pool: PoolId, names: &[String]) -> Result<(), WorkError> {
    let client = database.connect().await?;
    Ok(delivery::register(&client, pool, names, clock::now()).await?)
}
