//! Says every ten seconds that this process's services run, under the names that Designate's clients look for.

use std::time::Duration;

use chrono::TimeDelta;
use deadpool_postgres::Pool;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use zonelog_central::{clock, ids};
use zonelog_projections::service_status::{self, Beat};
use zonelog_store::Database;

/// The API and the writer behind it.
pub const API: [&str; 2] = ["api", "central"];
/// MiniDNS.
pub const MINIDNS: [&str; 1] = ["mdns"];
/// The reconciler: what it does to servers, and its timers.
pub const RECONCILER: [&str; 2] = ["worker", "producer"];

/// How often a service says that it runs.
const BEAT: Duration = Duration::from_secs(10);
/// How often rows of services that are no more are looked for, and from which age on they go.
const CLEAN: Duration = Duration::from_secs(3600);
const KEPT: TimeDelta = TimeDelta::days(7);
/// How long the last word may take.
const LEAVING: Duration = Duration::from_secs(2);

/// The heartbeat of a process.
#[derive(Debug)]
pub struct Heartbeat {
    connections: Pool,
    services: Vec<&'static str>,
    hostname: String,
}

impl Heartbeat {
    /// Of these services.
    pub fn new(database: &Database, services: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            connections: database.pool(1),
            services: services.into_iter().collect(),
            hostname: hostname(),
        }
    }

    /// Beats until `shutdown`, and then says that the services are stopped. A database that is away is nothing that ends it.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), std::convert::Infallible> {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut clean_at = Instant::now();
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = shutdown.cancelled() => break,
            }
            if let Err(error) = self.beat().await {
                tracing::debug!(%error, "a heartbeat was not written");
            } else if Instant::now() >= clean_at {
                clean_at = Instant::now() + CLEAN;
                if let Err(error) = self.clean().await {
                    tracing::debug!(%error, "old heartbeats were not removed");
                }
            }
        }
        // Who cannot say it is seen to be down after a while.
        if let Ok(Err(error)) = timeout(LEAVING, self.stop()).await {
            tracing::debug!(%error, "the end of the services was not written");
        }
        Ok(())
    }

    async fn beat(&self) -> Result<(), String> {
        let client = self.connections.get().await.map_err(|error| error.to_string())?;
        let nothing = json!({});
        for service_name in &self.services {
            let beat = Beat {
                id: ids::resource_id().uuid(),
                service_name,
                hostname: &self.hostname,
                stats: &nothing,
                capabilities: &nothing,
            };
            let beaten = service_status::heartbeat(&client, &beat, clock::now()).await;
            beaten.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn clean(&self) -> Result<(), String> {
        let client = self.connections.get().await.map_err(|error| error.to_string())?;
        let gone = service_status::clean(&client, clock::now() - KEPT).await;
        gone.map(drop).map_err(|error| error.to_string())
    }

    async fn stop(&self) -> Result<(), String> {
        let client = self.connections.get().await.map_err(|error| error.to_string())?;
        for service_name in &self.services {
            let stopped = service_status::stop(&client, service_name, &self.hostname, clock::now()).await;
            stopped.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// This machine's name.
pub fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name.to_owned()
    }
}
