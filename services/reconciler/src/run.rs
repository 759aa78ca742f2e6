//! The role: follows the pools in the log, and keeps one task for each of their servers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Client, PoolError};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use zonelog_central::clock;
use zonelog_central::tsig::{TsigKeys, TsigOptions};
use zonelog_model::resource::Body;
use zonelog_model::{PoolId, Position};
use zonelog_projections::delivery::{self, DeliveryError};
use zonelog_projections::resource::{self, ResourceError};
use zonelog_store::Database;

use crate::options::ReconcilerOptions;
use crate::server::Keeper;
use crate::topology::{ServerSpec, servers};

/// The pause before a database that is away is tried again.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);
/// The pools are not looked at more often than this, however busy the log is.
const PACE: Duration = Duration::from_millis(200);
/// How long the work on a server that is no more may take to end in good order.
const LEAVING: Duration = Duration::from_secs(6);

/// Why the reconciler does not run.
#[derive(Debug, thiserror::Error)]
pub enum ReconcilerError {
    /// A task failed in a way that it cannot: a defect.
    #[error("the work on a server ended: {0}")]
    Defect(String),
}

/// Why the pools could not be read or their servers not registered.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error("the database: {0}")]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    #[error(transparent)]
    Resource(#[from] ResourceError),
    #[error("the head of the registries: {0}")]
    Database(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Defect(#[from] ReconcilerError),
}

/// Keeps all servers of all pools at the log's head, until `shutdown`.
///
/// `wakeups` carries the log's head; missed or lost wake-ups only cost time. A database that is away is waited for. Pools
/// that are made, changed or deleted are taken up as they are.
///
/// # Errors
/// [`ReconcilerError`], for a defect.
pub async fn run(
    options: ReconcilerOptions,
    database: Database,
    wakeups: watch::Receiver<Position>,
    shutdown: CancellationToken,
) -> Result<(), ReconcilerError> {
    let mut fleet = Fleet {
        options: Arc::new(options),
        // What is read here is a range of an index each time, also while the tables' statistics are old.
        database: database
            .with_index_plans()
            .with_setting("plan_cache_mode", "force_generic_plan"),
        wakeups,
        shutdown: shutdown.clone(),
        position: None,
        running: BTreeMap::new(),
        tasks: JoinSet::new(),
    };
    while !shutdown.is_cancelled() {
        match fleet.follow().await {
            Ok(()) => break,
            Err(FollowError::Defect(defect)) => return Err(defect),
            Err(error) => {
                tracing::warn!(%error, "the pools cannot be followed at the moment");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(DATABASE_PAUSE) => {}
            () = shutdown.cancelled() => {}
        }
    }
    while let Some(ended) = fleet.tasks.join_next().await {
        fleet.ended(ended)?;
    }
    Ok(())
}

/// The servers that are worked on.
struct Fleet {
    options: Arc<ReconcilerOptions>,
    database: Database,
    wakeups: watch::Receiver<Position>,
    shutdown: CancellationToken,
    /// The log position of the registry that was read last.
    position: Option<Position>,
    running: BTreeMap<String, Running>,
    tasks: JoinSet<String>,
}

/// The work on one server.
struct Running {
    spec: ServerSpec,
    stop: CancellationToken,
    task: AbortHandle,
}

impl Fleet {
    /// Follows the pools until `shutdown`.
    async fn follow(&mut self) -> Result<(), FollowError> {
        let connections = self.database.pool(1);
        let client = tokio::select! {
            client = connections.get() => client?,
            () = self.shutdown.cancelled() => return Ok(()),
        };
        let mut wakeups = self.wakeups.clone();
        let mut woken = true;
        loop {
            self.look(&client).await?;
            let (soonest, latest) = (Instant::now() + PACE, Instant::now() + self.options.timings.pools);
            tokio::select! {
                changed = wakeups.changed(), if woken => {
                    woken = changed.is_ok();
                    tokio::select! {
                        () = sleep_until(soonest) => {}
                        () = self.shutdown.cancelled() => return Ok(()),
                    }
                    wakeups.borrow_and_update();
                }
                () = sleep_until(latest) => {}
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    // Nobody asked it to: it is started again with the next look.
                    self.ended(ended)?;
                    self.position = None;
                }
                () = self.shutdown.cancelled() => return Ok(()),
            }
        }
    }

    /// Reads the pools if they changed since they were read last.
    async fn look(&mut self, client: &Client) -> Result<(), FollowError> {
        let row = client.query_opt("select position from registry_head where feed = 0", &[]);
        let position: Position = row.await?.map_or(0, |row| row.get(0));
        if self.position == Some(position) {
            return Ok(());
        }
        let keys = TsigOptions {
            unseal: self.options.unseal.clone(),
            allow_hmac_md5: self.options.allow_hmac_md5,
        };
        let keys = TsigKeys::read(client, &keys).await?;
        let mut wanted = BTreeMap::new();
        let mut pools: BTreeMap<PoolId, Vec<String>> = BTreeMap::new();
        // The pool of a server whose pool is gone has no servers.
        for known in delivery::checkpoints(&***client).await? {
            pools.entry(known.pool).or_default();
        }
        for pool in resource::pools(client).await? {
            let Body::Pool(body) = &pool.body else { continue };
            let id = PoolId::new(pool.id.uuid());
            let servers = servers(id, body, &keys);
            pools.insert(id, servers.iter().map(|server| server.name.clone()).collect());
            wanted.extend(servers.into_iter().map(|server| (server.name.clone(), server)));
        }
        self.stop_others(&wanted).await?;
        let now = clock::now();
        for (pool, names) in &pools {
            delivery::register(&***client, *pool, names, now).await?;
        }
        let running = self.running.len();
        for (name, spec) in wanted {
            if !self.running.contains_key(&name) {
                self.start(spec);
            }
        }
        if self.position.is_none() || self.running.len() != running {
            tracing::info!(position, servers = self.running.len(), "the pools were taken up");
        }
        // Read before the pools: what came in between is read again.
        self.position = Some(position);
        Ok(())
    }

    /// Ends the work on servers that are no more, or are described otherwise.
    async fn stop_others(&mut self, wanted: &BTreeMap<String, ServerSpec>) -> Result<(), ReconcilerError> {
        let mut leaving: BTreeSet<String> = BTreeSet::new();
        for (name, running) in &self.running {
            if wanted.get(name) != Some(&running.spec) {
                running.stop.cancel();
                leaving.insert(name.clone());
            }
        }
        let end = Instant::now() + LEAVING;
        while !leaving.is_empty() {
            match tokio::time::timeout_at(end, self.tasks.join_next()).await {
                Ok(Some(ended)) => {
                    let name = self.ended(ended)?;
                    leaving.remove(&name);
                }
                Ok(None) => break,
                Err(_) => {
                    for name in &leaving {
                        if let Some(running) = self.running.remove(name) {
                            running.task.abort();
                        }
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    fn ended(&mut self, ended: Result<String, tokio::task::JoinError>) -> Result<String, ReconcilerError> {
        match ended {
            Ok(name) => {
                self.running.remove(&name);
                Ok(name)
            }
            // One that took too long to leave, and is gone from our books.
            Err(error) if error.is_cancelled() => Ok(String::new()),
            Err(error) => Err(ReconcilerError::Defect(error.to_string())),
        }
    }

    fn start(&mut self, spec: ServerSpec) {
        let stop = self.shutdown.child_token();
        let keeper = Keeper {
            spec: spec.clone(),
            options: Arc::clone(&self.options),
            database: self.database.clone(),
            wakeups: self.wakeups.clone(),
        };
        let (name, stopped) = (spec.name.clone(), stop.clone());
        let task = self.tasks.spawn(async move {
            keeper.keep(stopped).await;
            name
        });
        self.running
            .insert(spec.name.clone(), Running { spec, stop, task });
    }
}
