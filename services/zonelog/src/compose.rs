//! From configuration to running roles.

use std::net::SocketAddr;
use std::time::Duration;

use zonelog_api::{Api, ApiOptions, NameServer};
use zonelog_central::{Central, CentralOptions, TimerOptions};
use zonelog_dns::{Name, Ttl};
use zonelog_mdns::{MdnsOptions, MiniDns};
use zonelog_model::PoolId;
use zonelog_model::zone::{Limits, PoolFacts};
use zonelog_reconciler::{PoolConfig, ReconcilerOptions, RndcSecret, ServerConfig, TargetConfig, Timings};
use zonelog_store::{Database, WakeUps, WriterOptions};

use crate::cli::CommandError;
use crate::config::{Auth, Config, Reconciler, Server};
use crate::shutdown::Roles;

/// How long roles finish what they have begun once they are asked to stop; below [`crate::shutdown::DEADLINE`].
const GRACE: Duration = Duration::from_secs(3);

/// What the roles of a process share: the database, and the wake-ups of its log.
#[derive(Debug)]
pub struct Shared {
    database: Database,
    wakeups: WakeUps,
}

impl Shared {
    /// `central`: the writer of this process, if it has one; it is heard sooner than PostgreSQL.
    pub fn new(database: Database, central: Option<&Central>, roles: &Roles) -> Self {
        let wakeups = WakeUps::start(
            database.clone(),
            central.map(Central::positions),
            roles.afterwards(),
        );
        Self { database, wakeups }
    }
}

/// Starts the writer. It ends after the roles: what they have begun is still written.
pub fn start_central(config: &Config, database: &Database, roles: &Roles) -> Result<Central, CommandError> {
    Ok(Central::start(
        database.clone(),
        central_options(config)?,
        roles.afterwards(),
    ))
}

/// Starts the REST API; answers with where it listens.
pub fn start_api(
    config: &Config,
    database: &Database,
    central: Central,
    roles: &mut Roles,
) -> Result<SocketAddr, CommandError> {
    let api = Api::bind(api_options(config), central, database)?;
    let address = api.local_addr();
    roles.start("the API", api.run(roles.shutdown()));
    Ok(address)
}

/// Starts MiniDNS; answers with where it listens.
pub async fn start_mdns(
    config: &Config,
    shared: &Shared,
    roles: &mut Roles,
) -> Result<Vec<SocketAddr>, CommandError> {
    // What builds an image reads a whole zone in one statement: the time that takes is the zone's size, not a fault.
    let database = shared.database.clone().with_statement_timeout(Duration::ZERO);
    let pool = database.pool(config.database.read_connections);
    let minidns = MiniDns::bind(mdns_options(config), pool, shared.wakeups.subscribe()).await?;
    let addresses = minidns.local_addrs().to_vec();
    roles.start("MiniDNS", minidns.run(roles.shutdown()));
    Ok(addresses)
}

/// Starts the reconciler. `minidns`: where MiniDNS listens in this process, if it does.
pub fn start_reconciler(
    config: &Config,
    minidns: Option<&[SocketAddr]>,
    shared: &Shared,
    roles: &mut Roles,
) -> Result<(), CommandError> {
    let options = reconciler_options(config, minidns)?;
    let run = zonelog_reconciler::run(
        options,
        shared.database.clone(),
        shared.wakeups.subscribe(),
        roles.shutdown(),
    );
    roles.start("the reconciler", run);
    Ok(())
}

fn central_options(config: &Config) -> Result<CentralOptions, CommandError> {
    let limits = &config.limits;
    let soa = &config.soa;
    Ok(CentralOptions {
        limits: Limits {
            default_ttl: Ttl::new(limits.default_ttl.into())?,
            min_ttl: Ttl::new(limits.min_ttl.into())?,
            max_zone_name_length: limits.max_zone_name_length,
            max_recordset_name_length: limits.max_recordset_name_length,
        },
        pool: PoolFacts {
            id: PoolId::new(config.pool.id),
            nameservers: nameservers(config)?,
        },
        timers: TimerOptions {
            refresh_min: soa.refresh_min,
            refresh_max: soa.refresh_max,
            retry: soa.retry,
            expire: soa.expire,
            minimum: soa.minimum,
        },
        writer: WriterOptions::default(),
    })
}

/// In the order of their priority; names of equal priority in the order given.
fn nameservers(config: &Config) -> Result<Vec<Name>, CommandError> {
    let mut sorted: Vec<_> = config.pool.nameservers.iter().collect();
    sorted.sort_by_key(|nameserver| nameserver.priority);
    Ok(sorted
        .into_iter()
        .map(|nameserver| Name::parse(&nameserver.hostname))
        .collect::<Result<_, _>>()?)
}

fn api_options(config: &Config) -> ApiOptions {
    ApiOptions {
        listen: config.api.listen,
        auth: match config.api.auth {
            Auth::Tokens => zonelog_api::Auth::Tokens,
            Auth::None => zonelog_api::Auth::None,
        },
        base_url: config.api.base_url.clone(),
        threshold_percent: config.pool.threshold_percent,
        nameservers: config
            .pool
            .nameservers
            .iter()
            .map(|nameserver| NameServer {
                hostname: nameserver.hostname.clone(),
                priority: nameserver.priority,
            })
            .collect(),
        max_body_bytes: config.api.max_body_bytes,
        stop_timeout: GRACE,
        database_connections: config.database.read_connections,
        ..ApiOptions::default()
    }
}

fn mdns_options(config: &Config) -> MdnsOptions {
    MdnsOptions {
        listen: config.minidns.listen.clone(),
        image_budget_bytes: config.minidns.image_budget_mib << 20,
        max_connections: config.minidns.max_connections,
        max_transfers: config.minidns.max_transfers,
        shutdown_grace: GRACE,
        ..MdnsOptions::default()
    }
}

fn reconciler_options(
    config: &Config,
    minidns: Option<&[SocketAddr]>,
) -> Result<ReconcilerOptions, CommandError> {
    let masters = match (&config.pool.masters, minidns) {
        (masters, _) if !masters.is_empty() => masters.clone(),
        // Port 0 was filled in by MiniDNS.
        (_, Some(minidns)) => minidns.to_vec(),
        (_, None) if config.minidns.listen.iter().any(|listen| listen.port() == 0) => {
            return Err(
                "pool.masters is empty, and minidns.listen has no port that another process could know"
                    .into(),
            );
        }
        (_, None) => config.minidns.listen.clone(),
    };
    let servers = config.pool.servers.iter().map(server).collect::<Result<_, _>>()?;
    Ok(ReconcilerOptions {
        pool: PoolConfig {
            id: PoolId::new(config.pool.id),
            threshold_percent: config.pool.threshold_percent,
            masters,
            servers,
        },
        timings: timings(&config.reconciler),
        holder: holder(),
    })
}

/// A server as the reconciler knows it; reads its key.
pub fn server(server: &Server) -> Result<ServerConfig, CommandError> {
    let key = server
        .rndc_key()
        .map_err(|error| format!("server {}: {error}", server.name))?;
    Ok(ServerConfig {
        name: server.name.clone(),
        address: server.address,
        target: TargetConfig::Bind9 {
            rndc_address: server.rndc_address,
            key_name: key.name,
            algorithm: key.algorithm.name().parse()?,
            secret: RndcSecret::from_base64(&key.secret)?,
        },
    })
}

/// How patient the reconciler is.
pub fn timings(reconciler: &Reconciler) -> Timings {
    Timings {
        query_timeout: Duration::from_millis(reconciler.query_timeout_ms),
        rndc_timeout: Duration::from_millis(reconciler.rndc_timeout_ms),
        park_after: Duration::from_millis(reconciler.park_after_ms),
        retry_first: Duration::from_millis(reconciler.retry_first_ms),
        retry_most: Duration::from_millis(reconciler.retry_most_ms),
        concurrency: reconciler.concurrency,
        sweep_period: Duration::from_secs(reconciler.sweep_period_seconds),
        ..Timings::default()
    }
}

/// This process, for whoever reads the leases: host and process id.
fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}:{}", host.trim(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The configuration says what the defaults are, and so do the roles: they must say the same.
    #[test]
    fn the_defaults_are_those_of_the_roles() {
        let config = Config::default();
        assert_eq!(timings(&config.reconciler), Timings::default());
        assert_eq!(
            MdnsOptions {
                shutdown_grace: GRACE,
                ..MdnsOptions::default()
            },
            mdns_options(&config),
        );
        let (ours, theirs) = (api_options(&config), ApiOptions::default());
        assert_eq!(
            (
                ours.listen,
                ours.auth,
                ours.threshold_percent,
                ours.max_body_bytes,
                ours.database_connections
            ),
            (
                theirs.listen,
                theirs.auth,
                theirs.threshold_percent,
                theirs.max_body_bytes,
                theirs.database_connections
            ),
        );
        assert_eq!(central_options(&config).unwrap().timers, TimerOptions::default());
    }

    #[test]
    fn nameservers_stand_in_the_order_of_their_priority() {
        let mut config = Config::default();
        config.pool.nameservers = [("b.example.", 2), ("c.example.", 1), ("a.example.", 2)]
            .map(|(hostname, priority)| crate::config::Nameserver {
                hostname: hostname.to_owned(),
                priority,
            })
            .to_vec();
        let names: Vec<String> = nameservers(&config)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["c.example.", "b.example.", "a.example."]);
    }
}
