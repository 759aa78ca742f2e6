//! A reconciler that can be ended like a process.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zonelog_reconciler::{ReconcilerOptions, Timings, moves, run};
use zonelog_store::Database;

use super::{Member, World, unseal};

/// A reconciler in a runtime of its own, so that it can be killed at any point.
pub(crate) struct Reconciler {
    runtime: Option<Runtime>,
    role: Option<JoinHandle<()>>,
    shutdown: CancellationToken,
}

impl Reconciler {
    /// Gives the default pool these servers, and starts it.
    pub(crate) async fn start(world: &World, holder: &str, servers: &[Member], timings: Timings) -> Self {
        world.serve_by(servers).await;
        Self::with_pools_as_they_are(world, holder, timings)
    }

    pub(crate) fn with_pools_as_they_are(world: &World, holder: &str, timings: Timings) -> Self {
        Self::with_masters(world, holder, timings, vec![world.master])
    }

    /// The servers are to transfer from these addresses, behind which is MiniDNS.
    pub(crate) fn with_masters(
        world: &World,
        holder: &str,
        timings: Timings,
        masters: Vec<SocketAddr>,
    ) -> Self {
        let options = ReconcilerOptions {
            masters,
            unseal: unseal(),
            allow_hmac_md5: false,
            timings,
            holder: holder.to_owned(),
        };
        let database = Database::new(world.database.url(), "reconciler").unwrap();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let shutdown = CancellationToken::new();
        let (wakeups, stop) = (world.central.positions(), shutdown.clone());
        let moves = moves::run(
            options.clone(),
            world.central.clone(),
            database.clone(),
            wakeups.clone(),
            stop.clone(),
        );
        runtime.spawn(moves);
        let role = runtime.spawn(async move { run(options, database, wakeups, stop).await.unwrap() });
        Self {
            runtime: Some(runtime),
            role: Some(role),
            shutdown,
        }
    }

    /// Stops it in good order.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        self.role.take().unwrap().await.unwrap();
    }

    /// Ends it between two instructions: nothing is finished, nothing is given back.
    pub(crate) fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Reconciler {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Not so patient, so that a test need not be.
pub(crate) fn quick() -> Timings {
    Timings {
        park_after: Duration::from_millis(800),
        query_timeout: Duration::from_millis(200),
        retry_first: Duration::from_millis(100),
        retry_most: Duration::from_secs(1),
        probe_most: Duration::from_millis(300),
        lease: Duration::from_secs(2),
        pools: Duration::from_millis(200),
        catalog_grace: Duration::from_millis(1_500),
        ..Timings::default()
    }
}
