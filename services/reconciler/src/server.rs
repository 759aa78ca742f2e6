//! Keeping one server at the log's head, for as long as its lease is held.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use zonelog_central::{clock, ids};
use zonelog_model::Position;
use zonelog_projections::delivery::{self, DeliveryError, Lease};
use zonelog_store::{Database, StoreError};

use crate::options::ReconcilerOptions;
use crate::pass::Server;
use crate::sweep::Sweep;
use crate::topology::ServerSpec;
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
    /// The server is not in `server_checkpoint`: another reconciler saw its pool change first.
    #[error("the server is not registered: its pool has just changed")]
    NotRegistered,
    /// Its name leads to another address, or its key is another one.
    #[error("the server's address or key has changed")]
    Moved,
    /// A task of ours panicked.
    #[error("a defect: {0}")]
    Defect(String),
}

/// One server, and what is needed to work on it.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) spec: ServerSpec,
    pub(crate) options: Arc<ReconcilerOptions>,
    pub(crate) database: Database,
    pub(crate) wakeups: watch::Receiver<Position>,
}

impl Keeper {
    /// Works until `shutdown`: takes the lease, works, and starts over after whatever fails.
    pub(crate) async fn keep(self, shutdown: CancellationToken) {
        let name = self.spec.name.as_str();
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
            let server = self.ready(&client, &lease).await?;
            Ok::<_, WorkError>((Arc::new(client), lease, server))
        };
        let (client, lease, server) = tokio::select! {
            begun = begin => begun?,
            // A lease that was just taken ends with its session.
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
        let pool = self.spec.pool;
        let (doubt, found) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let sweep = Sweep {
            server: Arc::clone(&server),
            client: Arc::clone(&client),
            lease: lease.clone(),
            pool,
            doubt: Arc::clone(&doubt),
            found: Arc::clone(&found),
        };
        let mut work = Work::new(
            server,
            Arc::clone(&client),
            lease.clone(),
            pool,
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
        let timings = &self.options.timings;
        let seconds = timings.lease.as_secs_f64();
        let name = &self.spec.name;
        let mut told = false;
        loop {
            if let Some(lease) = delivery::acquire(client, name, &self.options.holder, seconds).await? {
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
            tokio::time::sleep(timings.lease * spread / 400).await;
        }
    }

    /// Waits until the server can be worked on as its pool describes it. Meanwhile every zone that the log touches is set
    /// aside with what is wrong: users see it in their zones' status, operators in `zonelog doctor`.
    async fn ready(&self, client: &Client, lease: &Lease) -> Result<Arc<Server>, WorkError> {
        let timings = &self.options.timings;
        let again = timings.probe_most.min(timings.lease / 3);
        let mut said = None;
        loop {
            let what = match Server::prepare(&self.spec, &self.options).await {
                Ok(server) => {
                    let asked = Instant::now();
                    if !delivery::renew(client, lease, timings.lease.as_secs_f64()).await? {
                        return Err(WorkError::LeaseLost);
                    }
                    server.held_from(asked);
                    if said.is_some() {
                        delivery::wake_all(client, lease, clock::now()).await?;
                    }
                    return Ok(Arc::new(server));
                }
                Err(what) => format!("{}: {what}", self.spec.label()),
            };
            if said.as_ref() != Some(&what) {
                tracing::warn!(server = self.spec.name, what, "a server cannot be worked on");
            }
            let after = delivery::checkpoint(client, &self.spec.name)
                .await?
                .ok_or(WorkError::NotRegistered)?;
            let (pool, now) = (self.spec.pool, clock::now());
            let parked = delivery::park_stretch(client, lease, pool, after, Some(&what), now, now).await?;
            if parked.is_none() || !delivery::renew(client, lease, timings.lease.as_secs_f64()).await? {
                return Err(WorkError::LeaseLost);
            }
            said = Some(what);
            tokio::time::sleep(again).await;
        }
    }
}
