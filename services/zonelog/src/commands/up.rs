//! `zonelog up`: every role in one process, with a PostgreSQL of its own unless one is configured.

use std::io::IsTerminal;
use std::path::Path;

use zonelog_api::TokenSecret;
use zonelog_central::ids;
use zonelog_cluster::{Cluster, ClusterOptions, DATABASE, Role};
use zonelog_model::ProjectId;
use zonelog_projections::api_token;
use zonelog_store::Database;

use crate::cli::{At, CommandError};
use crate::commands::{migrate, token};
use crate::compose::{Shared, start_api, start_central, start_heartbeat, start_mdns, start_reconciler};
use crate::config::{Auth, Config, DatabaseUrl};
use crate::installation::{Running, Urls, configuration, configured, connect, write_secret};
use crate::output;
use crate::shutdown::{Roles, Signals};
use crate::telemetry::{self, Metrics};
use crate::{heartbeat, pools, sealing};

/// The project and the role of the administrator's token.
const ADMIN: &str = "admin";

/// Runs the command until a signal.
pub async fn run(at: &At) -> Result<(), CommandError> {
    let mut config = configuration(at)?;
    let mut signals = Signals::catch()?;
    telemetry::start_logs(&config.log)?;
    let data = &config.database.data_dir;
    std::fs::create_dir_all(data).map_err(|error| format!("cannot make {}: {error}", data.display()))?;
    let data = data
        .canonicalize()
        .map_err(|error| format!("cannot find {}: {error}", data.display()))?;
    config.database.data_dir.clone_from(&data);

    let (cluster, urls) = match configured(&config) {
        Some(urls) => (None, urls),
        None => {
            let starting = Cluster::start(ClusterOptions::new(data.join("postgresql")));
            let cluster = tokio::select! {
                cluster = starting => cluster?,
                signal = signals.next() => return Err(format!("ended by {signal} while PostgreSQL was starting").into()),
            };
            tracing::info!(pid = cluster.pid(), log = %cluster.log_file().display(), "PostgreSQL runs");
            let url = |role| DatabaseUrl::new(cluster.url(role, DATABASE));
            let urls = Urls {
                service: url(Role::Service),
                owner: url(Role::Owner),
            };
            (Some(cluster), urls)
        }
    };
    let done = roles(&config, &urls, &data, &mut signals, cluster).await;
    Running::remove(&data);
    done
}

async fn roles(
    config: &Config,
    urls: &Urls,
    data: &Path,
    signals: &mut Signals,
    mut cluster: Option<Cluster>,
) -> Result<(), CommandError> {
    let migrated = migrate::migrate(urls).await?;
    tracing::info!(
        number = migrated.number,
        applied = migrated.applied,
        "schema checked"
    );
    let client = connect(&urls.service, "zonelog up").await?;
    sealing::make_key(config, data, &client).await?;
    let sealer = sealing::sealer(config)?;
    drop(client);

    let mut roles = Roles::default();
    // Ports first: who starts a second Zonelog learns it before anything is touched.
    let metrics = Metrics::bind(config.metrics.listen, "up").await?;
    let metrics_address = metrics.local_addr();
    let database = Database::new(urls.service.expose(), "zonelog up")?;
    let central = start_central(config, sealer.clone(), &database, &roles)?;
    pools::take_up_file(config, &database, &central).await?;
    let shared = Shared::new(database.clone(), Some(&central), &roles);
    let minidns = start_mdns(config, central.clone(), sealer.clone(), &shared, &mut roles).await?;
    let api = start_api(config, central.clone(), &shared, &mut roles)?;
    start_reconciler(config, central, sealer, Some(&minidns), &shared, &mut roles)?;
    let services = [&heartbeat::API[..], &heartbeat::MINIDNS, &heartbeat::RECONCILER].concat();
    start_heartbeat(&services, &database, &mut roles);

    Running {
        pid: std::process::id(),
        api,
        minidns: minidns.clone(),
        metrics: metrics_address,
        url: urls.service.clone(),
        owner_url: urls.owner.clone(),
    }
    .write(data)?;
    if config.api.auth == Auth::Tokens {
        first_token(urls, data).await?;
    }
    // Last, as its /healthz says that all of this is there.
    roles.start("metrics", metrics.run(roles.shutdown()));
    tracing::info!(%api, ?minidns, metrics = %metrics_address, "Zonelog runs");

    // The roles end first and PostgreSQL last, which they need to finish what they have begun.
    let ended = async {
        match &mut cluster {
            Some(cluster) => cluster.exited().await,
            None => std::future::pending().await,
        }
    };
    let shutdown = roles.shutdown();
    let done = {
        let run = roles.run(signals);
        tokio::pin!(run);
        tokio::select! {
            done = &mut run => done.map_err(CommandError::from),
            status = ended => {
                let status = status.map(|status| status.to_string()).unwrap_or_default();
                tracing::error!(status, "PostgreSQL ended by itself");
                shutdown.cancel();
                let _ = run.await;
                Err(format!("PostgreSQL ended by itself ({status}); its log is in {}", data.join("postgresql").display()).into())
            }
        }
    };
    let stopped = match cluster {
        Some(cluster) => cluster.stop().await.map_err(CommandError::from),
        None => Ok(()),
    };
    done.and(stopped)
}

/// At the first start: an administrator's token, in a file for this user alone, and shown once on a terminal.
async fn first_token(urls: &Urls, data: &Path) -> Result<(), CommandError> {
    let client = connect(&urls.service, "zonelog up").await?;
    if !api_token::list(&client).await?.is_empty() {
        return Ok(());
    }
    let secret = TokenSecret::new(ids::token_bytes());
    let path = data.join("admin-token");
    // The file first: a token that nobody has would lock everybody out.
    write_secret(&path, &format!("{}\n", secret.reveal()))?;
    let project = ProjectId::new(ADMIN).ok_or("the administrator's project has no valid id")?;
    token::store(
        &client,
        &secret,
        project,
        "first administrator".to_owned(),
        vec![ADMIN.to_owned()],
        None,
    )
    .await?;
    // A terminal forgets; a journal or a file that output goes to does not.
    if std::io::stdout().is_terminal() {
        output::line(&format!(
            "administrator's token (X-Auth-Token), shown this once: {}",
            secret.reveal()
        ))?;
    }
    output::line(&format!("the administrator's token is in {}", path.display()))?;
    Ok(output::flush()?)
}
