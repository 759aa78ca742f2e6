//! Keeping one server at the log's head, for as long as its lease is held.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use zonelog_central::ids;
use zonelog_model::{PoolId, Position};
use zonelog_projections::delivery::{self, DeliveryError, Lease};
use zonelog_store::{Database, StoreError};

use crate::pass::Server;
use crate::sweep::Sweep;
use crate::work::Work;

/// The shortest and the longest pause after the database failed.
const DATABASE_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long the last write may take when the process stops.
const LEAVING: Duration = Duration::from_secs(5);

/// Why the work on a server ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// The database cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The delivery tables cannot be read or written.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// Another reconciler has the server now.
    #[error("another reconciler took the lease")]
    LeaseLost,
    /// The server is not in `server_checkpoint`: another reconciler runs with a configuration without it.
    #[error("the server is not registered; do all reconcilers run with the same configuration?")]
    NotRegistered,
    /// A task of ours panicked.
    #[error("a defect: {0}")]
    Defect(String),
}

/// One server, and what is needed to work on it.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) server: Arc<Server>,
    pub(crate) pool: PoolId,
    pub(crate) database: Database,
    pub(crate) wakeups: watch::Receiver<Position>,
    pub(crate) holder: String,
}

impl Keeper {
    /// Works until `shutdown`: takes the lease, works, and starts over after whatever fails.
    pub(crate) async fn keep(self, shutdown: CancellationToken) {
        let name = self.server.config.name.as_str();
        let mut pause = DATABASE_PAUSE.0;
        while !shutdown.is_cancelled() {
            match self.hold(&shutdown, &mut pause).await {
                Ok(()) => break,
                Err(error) => tracing::warn!(server = name, %error, "the work on a server starts over"),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
            pause = (pause * 2).min(DATABASE_PAUSE.1);
        }
    }

    async fn hold(&self, shutdown: &CancellationToken, pause: &mut Duration) -> Result<(), WorkError> {
        let begin = async {
            let client = self.database.connect().await?;
            let lease = self.wait_for_lease(&client).await?;
            Ok::<_, WorkError>((Arc::new(client), lease))
        };
        let (client, lease) = tokio::select! {
            begun = begin => begun?,
            () = shutdown.cancelled() => return Ok(()),
        };
        *pause = DATABASE_PAUSE.0;
        let name = &lease.server;
        let checkpoint = delivery::checkpoint(&*client, name)
            .await?
            .ok_or(WorkError::NotRegistered)?;
        tracing::info!(
            server = name,
            checkpoint,
            token = lease.token,
            "working on a server"
        );
        let (doubt, found) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let sweep = Sweep {
            server: Arc::clone(&self.server),
            client: Arc::clone(&client),
            lease: lease.clone(),
            pool: self.pool,
            doubt: Arc::clone(&doubt),
            found: Arc::clone(&found),
        };
        let mut work = Work::new(
            Arc::clone(&self.server),
            Arc::clone(&client),
            lease.clone(),
            self.pool,
            self.wakeups.clone(),
            checkpoint,
            (doubt, found),
        );
        let ended = tokio::select! {
            ended = work.run() => ended,
            ended = sweep.run() => ended,
            () = shutdown.cancelled() => Ok(()),
        };
        if ended.is_ok() {
            let leaving = async {
                work.leave().await?;
                Ok::<_, WorkError>(delivery::release(&*client, &lease).await?)
            };
            // What is not written is seen again by whoever works next.
            if let Ok(left) = tokio::time::timeout(LEAVING, leaving).await {
                left?;
            }
        }
        ended
    }

    async fn wait_for_lease(&self, client: &Client) -> Result<Lease, WorkError> {
        let seconds = self.server.timings.lease.as_secs_f64();
        let name = &self.server.config.name;
        let mut told = false;
        loop {
            if let Some(lease) = delivery::acquire(client, name, &self.holder, seconds).await? {
                return Ok(lease);
            }
            if !told {
                tracing::info!(
                    server = name,
                    "another reconciler works on this server; standing by"
                );
                told = true;
            }
            // Spread out, so that several do not ask in step.
            let spread = 75 + ids::random_below(50);
            tokio::time::sleep(self.server.timings.lease * spread / 400).await;
        }
    }
}
