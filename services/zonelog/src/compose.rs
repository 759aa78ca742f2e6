//! From configuration to running roles.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use zonelog_api::{
    Api, ApiOptions, Credential, KeystoneOptions, NeutronOptions, RateLimit, Secret, TlsOptions,
};
use zonelog_central::seal::Sealer;
use zonelog_central::{Central, CentralOptions, ImportOptions, TimerOptions, Unseal};
use zonelog_dns::Ttl;
use zonelog_mdns::secondary::client::ClientOptions;
use zonelog_mdns::secondary::stream::StreamLimits;
use zonelog_mdns::secondary::timers::TimerBounds;
use zonelog_mdns::secondary::{self, SecondaryOptions};
use zonelog_mdns::{Acl, MdnsOptions, MiniDns};
use zonelog_model::resource::Quotas;
use zonelog_model::zone::{Limits, RegistryOptions, SchedulerFilter};
use zonelog_model::{PoolId, ProjectId};
use zonelog_reconciler::{ReconcilerOptions, Timings};
use zonelog_store::{Database, WakeUps};

use crate::cli::CommandError;
use crate::config::{self, Auth, Config, KeystoneSecret};
use crate::heartbeat::{Heartbeat, hostname};
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
pub fn start_central(
    config: &Config,
    sealer: Sealer,
    database: &Database,
    roles: &Roles,
) -> Result<Central, CommandError> {
    Ok(Central::start(
        database.clone(),
        central_options(config, sealer)?,
        roles.afterwards(),
    ))
}

/// Starts the REST API, and what goes on behind it; answers with where it listens.
pub fn start_api(
    config: &Config,
    central: Central,
    shared: &Shared,
    roles: &mut Roles,
) -> Result<SocketAddr, CommandError> {
    central.start_tasks(shared.wakeups.subscribe(), &roles.shutdown());
    let api = Api::bind(api_options(config)?, central, &shared.database)?;
    let address = api.local_addr();
    roles.start("the API", api.run(roles.shutdown()));
    Ok(address)
}

/// Starts MiniDNS, and the refreshes of secondary zones; answers with where it listens.
pub async fn start_mdns(
    config: &Config,
    central: Central,
    sealer: Sealer,
    shared: &Shared,
    roles: &mut Roles,
) -> Result<Vec<SocketAddr>, CommandError> {
    // What builds an image reads a whole zone in one statement: the time that takes is the zone's size, not a fault.
    let database = shared.database.clone().with_statement_timeout(Duration::ZERO);
    let connections = config.database.read_connections;
    let wakeups = shared.wakeups.subscribe();
    let minidns = MiniDns::bind(mdns_options(config)?, &database, connections, wakeups)
        .await?
        .with_secrets(Unseal::with(sealer));
    let addresses = minidns.local_addrs().to_vec();
    let refreshes = secondary::run(
        secondary_options(config),
        central,
        shared.database.clone(),
        minidns.nudge(),
        shared.wakeups.subscribe(),
        roles.shutdown(),
    );
    roles.start("the refreshes of secondary zones", async move {
        refreshes.await;
        Ok::<_, CommandError>(())
    });
    roles.start("MiniDNS", minidns.run(roles.shutdown()));
    Ok(addresses)
}

/// Starts to say that these services run.
pub fn start_heartbeat(services: &[&'static str], database: &Database, roles: &mut Roles) {
    let heartbeat = Heartbeat::new(database, services.iter().copied());
    roles.start("the heartbeat", heartbeat.run(roles.shutdown()));
}

/// Starts the reconciler, and what sees moves between catalogs to their end. `minidns`: where MiniDNS listens in this
/// process, if it does.
pub fn start_reconciler(
    config: &Config,
    central: Central,
    sealer: Sealer,
    minidns: Option<&[SocketAddr]>,
    shared: &Shared,
    roles: &mut Roles,
) -> Result<(), CommandError> {
    let options = reconciler_options(config, sealer, minidns);
    let moves = zonelog_reconciler::moves::run(
        options.clone(),
        central,
        shared.database.clone(),
        shared.wakeups.subscribe(),
        roles.shutdown(),
    );
    roles.start("moves between catalogs", async move {
        moves.await;
        Ok::<_, CommandError>(())
    });
    let run = zonelog_reconciler::run(
        options,
        shared.database.clone(),
        shared.wakeups.subscribe(),
        roles.shutdown(),
    );
    roles.start("the reconciler", run);
    Ok(())
}

/// What the writer is told.
pub fn central_options(config: &Config, sealer: Sealer) -> Result<CentralOptions, CommandError> {
    let (limits, soa, quotas, central) = (&config.limits, &config.soa, &config.quotas, &config.central);
    let limits = Limits {
        default_ttl: Ttl::new(limits.default_ttl.into())?,
        min_ttl: Ttl::new(limits.min_ttl.into())?,
        max_zone_name_length: limits.max_zone_name_length,
        max_recordset_name_length: limits.max_recordset_name_length,
    };
    let registry = RegistryOptions {
        default_pool: PoolId::new(central.default_pool_id),
        scheduler_filters: central
            .scheduler_filters
            .iter()
            .filter_map(|label| SchedulerFilter::from_label(label))
            .collect(),
        pool_key_required: central.pool_key_required,
    };
    Ok(CentralOptions {
        quotas: Quotas {
            zones: quotas.zones,
            zone_recordsets: quotas.zone_recordsets,
            zone_records: quotas.zone_records,
            recordset_records: quotas.recordset_records,
            api_export_size: quotas.api_export_size,
        },
        timers: TimerOptions {
            refresh_min: soa.refresh_min,
            refresh_max: soa.refresh_max,
            retry: soa.retry,
            expire: soa.expire,
            minimum: soa.minimum,
        },
        imports: ImportOptions {
            max_records: config.import.max_records,
            ..ImportOptions::default()
        },
        ..CentralOptions::new(limits, registry, sealer)
    })
}

fn api_options(config: &Config) -> Result<ApiOptions, CommandError> {
    let managed_project = ProjectId::new(config.central.managed_project.clone());
    Ok(ApiOptions {
        listen: config.api.listen,
        auth: match config.api.auth {
            Auth::Tokens => zonelog_api::Auth::Tokens,
            Auth::Keystone => zonelog_api::Auth::Keystone(keystone(&config.keystone)?),
            Auth::None => zonelog_api::Auth::None,
        },
        base_url: config.api.base_url.clone(),
        threshold_percent: config.pools.threshold_percent,
        max_body_bytes: config.api.max_body_bytes,
        stop_timeout: GRACE,
        database_connections: config.database.read_connections,
        max_connections: config.api.max_connections,
        policy_file: config.api.policy_file.clone(),
        proxy_headers: config.api.proxy_headers,
        cors_origins: config.api.cors_origins.clone(),
        maintenance_role: config.api.maintenance_role.clone(),
        disable_file: config.api.disable_file.clone(),
        rate_limit: rate_limit(&config.api),
        tls: tls(&config.api),
        neutron: neutron(&config.neutron)?,
        admin: config.api.admin,
        verify_quota_projects: config.quotas.verify_project,
        max_import_bytes: config.import.max_bytes,
        managed_project: managed_project.ok_or("central.managed_project is no project id")?,
        managed_email: config.central.managed_email.clone(),
        ..ApiOptions::default()
    })
}

/// Keystone as the API asks it; reads the service user's secret.
fn keystone(keystone: &config::Keystone) -> Result<KeystoneOptions, CommandError> {
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {} of [keystone]: {error}", path.display()))?;
        let text = text.trim_end_matches(['\r', '\n']);
        match text.is_empty() {
            true => Err(format!("{} of [keystone] is empty", path.display())),
            false => Ok(Secret::new(text)),
        }
    };
    let credential = match keystone.secret()? {
        KeystoneSecret::Password(file) => Credential::Password {
            username: keystone.username.clone(),
            user_domain: keystone.user_domain.clone(),
            project: keystone.project.clone(),
            project_domain: keystone.project_domain.clone(),
            password: read(file)?,
        },
        KeystoneSecret::Application(id, file) => Credential::Application {
            id: id.to_owned(),
            secret: read(file)?,
        },
    };
    let auth_url = keystone.auth_url.clone();
    Ok(KeystoneOptions {
        www_authenticate_uri: keystone.www_authenticate_uri.clone(),
        ca_file: keystone.ca_file.clone(),
        timeout: Duration::from_secs(keystone.timeout_seconds),
        token_memory: Duration::from_secs(keystone.token_memory_seconds),
        max_tokens: keystone.max_tokens,
        ..KeystoneOptions::new(auth_url.ok_or("keystone.auth_url is missing")?, credential)
    })
}

fn rate_limit(api: &config::Api) -> Option<RateLimit> {
    let per_second = NonZeroU32::new(api.rate_limit_per_second)?;
    let burst = NonZeroU32::new(api.rate_limit_burst).unwrap_or(per_second);
    Some(RateLimit { per_second, burst })
}

fn tls(api: &config::Api) -> Option<TlsOptions> {
    Some(TlsOptions {
        certificate_file: api.tls_certificate_file.clone()?,
        key_file: api.tls_key_file.clone()?,
    })
}

fn neutron(neutron: &config::Neutron) -> Result<NeutronOptions, CommandError> {
    Ok(NeutronOptions {
        endpoints: neutron
            .endpoints
            .iter()
            .map(|endpoint| endpoint.parse())
            .collect::<Result<_, _>>()?,
        interface: neutron.interface.clone(),
        ca_file: neutron.ca_file.clone(),
        timeout: Duration::from_secs(neutron.timeout_seconds),
    })
}

fn mdns_options(config: &Config) -> Result<MdnsOptions, CommandError> {
    let minidns = &config.minidns;
    Ok(MdnsOptions {
        listen: minidns.listen.clone(),
        udp_workers: minidns.udp_workers,
        udp_batch: minidns.udp_batch,
        allow_query: Acl::parse(&minidns.allow_query)?,
        allow_transfer: Acl::parse(&minidns.allow_transfer)?,
        image_budget_bytes: minidns.image_budget_mib << 20,
        max_connections: minidns.max_connections,
        max_connections_per_address: minidns.max_connections_per_address,
        max_transfers: minidns.max_transfers,
        max_transfers_per_address: minidns.max_transfers_per_address,
        ixfr_retention: Duration::from_secs(minidns.ixfr_retention),
        query_enforce_tsig: minidns.query_enforce_tsig,
        allow_hmac_md5: minidns.allow_hmac_md5,
        shutdown_grace: GRACE,
        ..MdnsOptions::default()
    })
}

/// What the refreshes of secondary zones are told.
fn secondary_options(config: &Config) -> SecondaryOptions {
    let (secondary, defaults) = (&config.secondary, SecondaryOptions::default());
    SecondaryOptions {
        client: ClientOptions {
            answer: Duration::from_millis(secondary.query_timeout_ms),
            idle: Duration::from_secs(secondary.idle_timeout_seconds),
            transfer: Duration::from_secs(secondary.transfer_timeout_seconds),
            limits: StreamLimits {
                records: secondary.max_zone_records,
                octets: secondary.max_zone_mib << 20,
            },
        },
        timers: TimerBounds {
            shortest: Duration::from_secs(secondary.min_refresh_seconds),
            ..defaults.timers
        },
        concurrency: secondary.max_transfers,
        purge_after: Duration::from_secs(config.purge.deleted_zones_after_seconds),
        ..defaults
    }
}

/// What the reconciler is told. `minidns`: where MiniDNS listens, where that is known.
pub fn reconciler_options(
    config: &Config,
    sealer: Sealer,
    minidns: Option<&[SocketAddr]>,
) -> ReconcilerOptions {
    ReconcilerOptions {
        masters: masters(config, minidns),
        unseal: Unseal::with(sealer),
        allow_hmac_md5: config.minidns.allow_hmac_md5,
        timings: timings(&config.reconciler),
        holder: format!("{}:{}", hostname(), std::process::id()),
    }
}

/// Where servers reach MiniDNS, whose targets do not say. Addresses that nobody can send to are left out: a target that
/// needs one then says what is missing.
pub fn masters(config: &Config, minidns: Option<&[SocketAddr]>) -> Vec<SocketAddr> {
    let known: &[SocketAddr] = if config.pools.masters.is_empty() {
        // Port 0 was filled in by MiniDNS.
        minidns.unwrap_or(&config.minidns.listen)
    } else {
        &config.pools.masters
    };
    let reachable = |address: &&SocketAddr| !address.ip().is_unspecified() && address.port() != 0;
    known.iter().filter(reachable).copied().collect()
}

/// How patient the reconciler is.
pub fn timings(reconciler: &config::Reconciler) -> Timings {
    Timings {
        query_timeout: Duration::from_millis(reconciler.query_timeout_ms),
        rndc_timeout: Duration::from_millis(reconciler.rndc_timeout_ms),
        park_after: Duration::from_millis(reconciler.park_after_ms),
        retry_first: Duration::from_millis(reconciler.retry_first_ms),
        retry_most: Duration::from_millis(reconciler.retry_most_ms),
        concurrency: reconciler.concurrency,
        sweep_period: Duration::from_secs(reconciler.sweep_period_seconds),
        catalog_grace: Duration::from_millis(reconciler.catalog_grace_ms),
        ..Timings::default()
    }
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
            mdns_options(&config).unwrap(),
        );
        assert_eq!(SecondaryOptions::default(), secondary_options(&config));
        let options = central_options(&config, Sealer::ephemeral()).unwrap();
        assert_eq!(options.timers, TimerOptions::default());
        assert_eq!(options.quotas, Quotas::default());
        assert_eq!(options.imports, ImportOptions::default());
        assert_eq!(
            options.registry,
            RegistryOptions::new(options.registry.default_pool)
        );
        let theirs = ApiOptions {
            stop_timeout: GRACE,
            ..ApiOptions::default()
        };
        assert_eq!(
            format!("{:?}", api_options(&config).unwrap()),
            format!("{theirs:?}")
        );
    }

    #[test]
    fn servers_are_sent_where_minidns_can_be_reached() {
        let mut config = Config::default();
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(masters(&config, None), [address("127.0.0.1:5354")]);
        assert_eq!(
            masters(&config, Some(&[address("127.0.0.1:4711")])),
            [address("127.0.0.1:4711")]
        );
        config.minidns.listen = vec![
            address("0.0.0.0:5354"),
            address("192.0.2.1:0"),
            address("192.0.2.2:53"),
        ];
        assert_eq!(masters(&config, None), [address("192.0.2.2:53")]);
        config.pools.masters = vec![address("192.0.2.9:5354")];
        assert_eq!(masters(&config, None), [address("192.0.2.9:5354")]);
    }
}
