//! `zonelog api`, `zonelog mdns`, `zonelog reconciler`: one role in a process of its own.

use zonelog_central::Central;
use zonelog_central::seal::Sealer;
use zonelog_schema::check_log_is_protected;
use zonelog_store::Database;

use crate::cli::{At, CommandError};
use crate::compose::{Shared, start_api, start_central, start_heartbeat, start_mdns, start_reconciler};
use crate::config::Config;
use crate::installation::{InstallationError, configuration, configured, connect};
use crate::shutdown::{Roles, Signals};
use crate::telemetry::{self, Metrics};
use crate::{heartbeat, pools, sealing};

/// Runs the REST API.
pub async fn api(at: &At) -> Result<(), CommandError> {
    let mut role = Role::prepare(at, "api").await?;
    let central = start_central(&role.config, role.sealer.clone(), &role.database, &role.roles)?;
    pools::take_up_file(&role.config, &role.database, &central).await?;
    let shared = role.shared(Some(&central));
    let address = start_api(&role.config, central, &shared, &mut role.roles)?;
    tracing::info!(%address, "API listens");
    role.run(&heartbeat::API).await
}

/// Runs MiniDNS.
pub async fn mdns(at: &At) -> Result<(), CommandError> {
    let mut role = Role::prepare(at, "mdns").await?;
    let sealer = role.sealer.clone();
    // What comes in by transfers of secondary zones is written here.
    let central = start_central(&role.config, sealer.clone(), &role.database, &role.roles)?;
    let shared = role.shared(Some(&central));
    start_mdns(&role.config, central, sealer, &shared, &mut role.roles).await?;
    role.run(&heartbeat::MINIDNS).await
}

/// Runs the reconciler.
pub async fn reconciler(at: &At) -> Result<(), CommandError> {
    let mut role = Role::prepare(at, "reconciler").await?;
    let sealer = role.sealer.clone();
    // What follows of moves between catalogs is written here.
    let central = start_central(&role.config, sealer.clone(), &role.database, &role.roles)?;
    let shared = role.shared(Some(&central));
    start_reconciler(&role.config, central, sealer, None, &shared, &mut role.roles)?;
    role.run(&heartbeat::RECONCILER).await
}

/// A process with one role, all but started.
struct Role {
    config: Config,
    sealer: Sealer,
    database: Database,
    metrics: Metrics,
    roles: Roles,
    signals: Signals,
}

impl Role {
    async fn prepare(at: &At, name: &'static str) -> Result<Self, CommandError> {
        let config = configuration(at)?;
        let signals = Signals::catch()?;
        telemetry::start_logs(&config.log)?;
        let urls = configured(&config).ok_or(InstallationError::NeedsUrl)?;
        let roles = Roles::default();
        let metrics = Metrics::bind(config.metrics.listen, name).await?;
        tracing::info!(address = %metrics.local_addr(), "metrics listen");
        let client = connect(&urls.service, "zonelog").await?;
        zonelog_schema::check(&client).await?;
        if let Err(error) = check_log_is_protected(&client).await {
            tracing::warn!(%error, "the log is not protected");
        }
        let sealer = sealing::sealer_for(&config, &client).await?;
        let database = Database::new(urls.service.expose(), &format!("zonelog {name}"))?;
        Ok(Self {
            config,
            sealer,
            database,
            metrics,
            roles,
            signals,
        })
    }

    fn shared(&self, central: Option<&Central>) -> Shared {
        Shared::new(self.database.clone(), central, &self.roles)
    }

    async fn run(mut self, services: &[&'static str]) -> Result<(), CommandError> {
        start_heartbeat(services, &self.database, &mut self.roles);
        // Last, as its /healthz says that all of this is there.
        self.roles
            .start("metrics", self.metrics.run(self.roles.shutdown()));
        Ok(self.roles.run(&mut self.signals).await?)
    }
}
