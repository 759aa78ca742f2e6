//! `zonelog api`, `zonelog mdns`, `zonelog reconciler`: one role in a process of its own.

use zonelog_schema::check_log_is_protected;
use zonelog_store::Database;

use crate::cli::{At, CommandError};
use crate::compose::{Shared, start_api, start_central, start_mdns, start_reconciler};
use crate::config::Config;
use crate::installation::{InstallationError, configuration, configured, connect};
use crate::shutdown::{Roles, Signals};
use crate::telemetry::{self, Metrics};

/// Runs the REST API.
pub async fn api(at: &At) -> Result<(), CommandError> {
    let mut role = Role::prepare(at, "api").await?;
    let central = start_central(&role.config, &role.database, &role.roles)?;
    let address = start_api(&role.config, &role.database, central, &mut role.roles)?;
    tracing::info!(%address, "API listens");
    role.run().await
}

/// Runs MiniDNS.
pub async fn mdns(at: &At) -> Result<(), CommandError> {
    let mut role = Role::prepare(at, "mdns").await?;
    start_mdns(&role.config, &role.shared(), &mut role.roles).await?;
    role.run().await
}

/// Runs the reconciler.
pub async fn reconciler(at: &At) -> Result<(), CommandError> {
    let mut role = Role::prepare(at, "reconciler").await?;
    start_reconciler(&role.config, None, &role.shared(), &mut role.roles)?;
    role.run().await
}

/// A process with one role, all but started.
struct Role {
    config: Config,
    database: Database,
    roles: Roles,
    signals: Signals,
}

impl Role {
    async fn prepare(at: &At, name: &'static str) -> Result<Self, CommandError> {
        let config = configuration(at)?;
        let signals = Signals::catch()?;
        telemetry::start_logs(&config.log)?;
        let urls = configured(&config).ok_or(InstallationError::NeedsUrl)?;
        let mut roles = Roles::default();
        let metrics = Metrics::bind(config.metrics.listen, name).await?;
        tracing::info!(address = %metrics.local_addr(), "metrics listen");
        roles.start("metrics", metrics.run(roles.shutdown()));
        let client = connect(&urls.service, "zonelog").await?;
        zonelog_schema::check(&client).await?;
        if let Err(error) = check_log_is_protected(&client).await {
            tracing::warn!(%error, "the log is not protected");
        }
        let database = Database::new(urls.service.expose(), &format!("zonelog {name}"))?;
        Ok(Self {
            config,
            database,
            roles,
            signals,
        })
    }

    fn shared(&self) -> Shared {
        Shared::new(self.database.clone(), None, &self.roles)
    }

    async fn run(mut self) -> Result<(), CommandError> {
        Ok(self.roles.run(&mut self.signals).await?)
    }
}
