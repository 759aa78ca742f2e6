//! What the types cannot say: values that are out of range or do not fit together.

use std::collections::BTreeSet;

use tracing_subscriber::filter::{LevelFilter, Targets};
use zonelog_api::NeutronEndpoint;
use zonelog_mdns::Acl;
use zonelog_model::ProjectId;
use zonelog_model::zone::SchedulerFilter;

use super::place::Places;
use super::{Auth, Config, DatabaseUrl, Problem};

/// The greatest TTL and SOA timer: 2^31 - 1 (RFC 2181 §8).
const MAX_TTL: u32 = 0x7fff_ffff;

/// Every value that cannot be used.
pub(super) fn check(config: &Config, places: &Places<'_>) -> Vec<Problem> {
    let mut found = Found {
        places,
        problems: Vec::new(),
    };
    database(config, &mut found);
    doors(config, &mut found);
    pools(config, &mut found);
    timers(config, &mut found);
    secondary(config, &mut found);
    if !is_level(&config.log.level) {
        let what =
            "is no log level; use error, warn, info, debug or trace, also by part: `info,zonelog_mdns=debug`";
        found.add("log", "level", what);
    }
    found.problems
}

/// `Targets` alone would take any bare word for the name of a part, at level `trace`.
fn is_level(text: &str) -> bool {
    let bare_words_are_levels = text
        .split(',')
        .all(|part| part.contains('=') || part.parse::<LevelFilter>().is_ok());
    bare_words_are_levels && text.parse::<Targets>().is_ok()
}

struct Found<'a> {
    places: &'a Places<'a>,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, section: &str, key: &str, what: impl Into<String>) {
        let place = self.places.of_key(section, key);
        self.problems.push(Problem {
            key: format!("{section}.{key}"),
            place,
            what: what.into(),
        });
    }
}

fn database(config: &Config, found: &mut Found<'_>) {
    let database = &config.database;
    for (key, url) in [("url", &database.url), ("owner_url", &database.owner_url)] {
        if url.as_ref().is_some_and(|url| !is_postgresql(url)) {
            let what = "is no PostgreSQL URL; write postgresql://ROLE:PASSWORD@HOST:PORT/DATABASE";
            found.add("database", key, what);
        }
    }
    if database.url.is_none() && database.owner_url.is_some() {
        found.add("database", "owner_url", "is of no use without database.url");
    }
    if database.data_dir.as_os_str().is_empty() {
        found.add("database", "data_dir", "must name a folder");
    }
    if !(2..=1000).contains(&database.read_connections) {
        found.add("database", "read_connections", "must be 2 to 1000");
    }
}

fn is_postgresql(url: &DatabaseUrl) -> bool {
    url.expose()
        .parse::<tokio_postgres::Config>()
        .is_ok_and(|config| config.get_user().is_some())
}

/// `[keystone]` is looked at only where it is used.
fn keystone(config: &Config, found: &mut Found<'_>) {
    let keystone = &config.keystone;
    if config.api.auth != Auth::Keystone {
        return;
    }
    if keystone.auth_url.is_none() {
        let what = "is missing: say where Keystone is, as in http://controller:5000/v3";
        found.add("keystone", "auth_url", what);
    }
    for (key, url) in [
        ("auth_url", &keystone.auth_url),
        ("www_authenticate_uri", &keystone.www_authenticate_uri),
    ] {
        if let Some(url) = url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            found.add("keystone", key, "must begin with http:// or https://");
        }
    }
    if let Err(what) = keystone.secret() {
        found.add("keystone", "password_file", what);
    }
    if !(1..=600).contains(&keystone.timeout_seconds) {
        found.add("keystone", "timeout_seconds", "must be 1 to 600");
    }
    if !(1..=86_400).contains(&keystone.token_memory_seconds) {
        found.add("keystone", "token_memory_seconds", "must be 1 to 86400");
    }
    if !(1..=10_000_000).contains(&keystone.max_tokens) {
        found.add("keystone", "max_tokens", "must be 1 to 10000000");
    }
}

fn doors(config: &Config, found: &mut Found<'_>) {
    let api = &config.api;
    if api.auth == Auth::None && !api.listen.ip().is_loopback() {
        let what = "`none` lets everybody in, so it needs a loopback address in api.listen; use `tokens`";
        found.add("api", "auth", what);
    }
    if let Some(url) = &api.base_url
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        found.add("api", "base_url", "must begin with http:// or https://");
    }
    if !(1024..=1 << 30).contains(&api.max_body_bytes) {
        found.add("api", "max_body_bytes", "must be 1024 to 1073741824");
    }
    if !(1..=1_000_000).contains(&api.max_connections) {
        found.add("api", "max_connections", "must be 1 to 1000000");
    }
    if api.tls_certificate_file.is_some() != api.tls_key_file.is_some() {
        let what = "belongs with api.tls_key_file: set both, or neither";
        found.add("api", "tls_certificate_file", what);
    }
    if api.rate_limit_per_second == 0 && api.rate_limit_burst > 0 {
        found.add(
            "api",
            "rate_limit_burst",
            "is of no use without api.rate_limit_per_second",
        );
    }
    keystone(config, found);
    let neutron = &config.neutron;
    for endpoint in &neutron.endpoints {
        if let Err(error) = endpoint.parse::<NeutronEndpoint>() {
            found.add("neutron", "endpoints", error.to_string());
        }
    }
    if !["public", "internal", "admin"].contains(&neutron.interface.as_str()) {
        found.add("neutron", "interface", "must be public, internal or admin");
    }
    if !(1..=600).contains(&neutron.timeout_seconds) {
        found.add("neutron", "timeout_seconds", "must be 1 to 600");
    }
    let minidns = &config.minidns;
    if minidns.listen.is_empty() {
        found.add("minidns", "listen", "must have at least one address");
    }
    for (key, value, most) in [
        ("udp_batch", minidns.udp_batch, 1024),
        ("image_budget_mib", minidns.image_budget_mib, 1 << 20),
        ("max_connections", minidns.max_connections, 1_000_000),
        (
            "max_connections_per_address",
            minidns.max_connections_per_address,
            1_000_000,
        ),
        ("max_transfers", minidns.max_transfers, 1_000_000),
        (
            "max_transfers_per_address",
            minidns.max_transfers_per_address,
            1_000_000,
        ),
    ] {
        if !(1..=most).contains(&value) {
            found.add("minidns", key, format!("must be 1 to {most}"));
        }
    }
    if minidns.udp_workers > 1024 {
        found.add("minidns", "udp_workers", "must be 0 (one a processor) to 1024");
    }
    for (key, list) in [
        ("allow_query", &minidns.allow_query),
        ("allow_transfer", &minidns.allow_transfer),
    ] {
        if let Err(error) = Acl::parse(list) {
            found.add("minidns", key, error.to_string());
        }
    }
    let mut taken = BTreeSet::new();
    let listeners = [("api", api.listen), ("metrics", config.metrics.listen)];
    for (section, address) in listeners
        .into_iter()
        .chain(minidns.listen.iter().map(|&a| ("minidns", a)))
    {
        if address.port() != 0 && !taken.insert(address) {
            found.add(
                section,
                "listen",
                format!("{address} is given to two services; each needs its own"),
            );
        }
    }
}

fn pools(config: &Config, found: &mut Found<'_>) {
    let pools = &config.pools;
    if !(1..=100).contains(&pools.threshold_percent) {
        found.add("pools", "threshold_percent", "must be 1 to 100");
    }
    for master in &pools.masters {
        if master.ip().is_unspecified() || master.port() == 0 {
            found.add(
                "pools",
                "masters",
                format!("{master} is no address that a server can send to"),
            );
        }
    }
    let central = &config.central;
    if central.scheduler_filters.is_empty() {
        found.add("central", "scheduler_filters", "must name at least one filter");
    }
    for filter in &central.scheduler_filters {
        if SchedulerFilter::from_label(filter).is_none() {
            let known: Vec<&str> = SchedulerFilter::ALL
                .into_iter()
                .map(SchedulerFilter::label)
                .collect();
            let what = format!("`{filter}` is no filter; there are {}", known.join(", "));
            found.add("central", "scheduler_filters", what);
        }
    }
    if ProjectId::new(central.managed_project.clone()).is_none() {
        let what = format!("a project id has 1 to {} characters", ProjectId::MAX_LENGTH);
        found.add("central", "managed_project", what);
    }
    if let Err(error) = zonelog_dns::rname_from_email(&central.managed_email) {
        found.add(
            "central",
            "managed_email",
            format!("`{}`: {error}", central.managed_email),
        );
    }
    let quotas = &config.quotas;
    for (key, value) in [
        ("zones", quotas.zones),
        ("zone_recordsets", quotas.zone_recordsets),
        ("zone_records", quotas.zone_records),
        ("recordset_records", quotas.recordset_records),
        ("api_export_size", quotas.api_export_size),
    ] {
        if !(-1..=i64::from(i32::MAX)).contains(&value) {
            found.add(
                "quotas",
                key,
                format!("must be 0 to {}, or -1 for no limit", i32::MAX),
            );
        }
    }
    let import = &config.import;
    if !(1024..=1 << 32).contains(&import.max_bytes) {
        found.add("import", "max_bytes", "must be 1024 to 4294967296");
    }
    if !(1..=10_000_000).contains(&import.max_records) {
        found.add("import", "max_records", "must be 1 to 10000000");
    }
    if config.secrets.key_file.is_none() && !config.secrets.previous_key_files.is_empty() {
        found.add(
            "secrets",
            "previous_key_files",
            "is of no use without secrets.key_file, which seals",
        );
    }
}

fn secondary(config: &Config, found: &mut Found<'_>) {
    let secondary = &config.secondary;
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    for (key, value, least, most) in [
        ("max_transfers", count(secondary.max_transfers), 1, 10_000),
        ("query_timeout_ms", secondary.query_timeout_ms, 10, 600_000),
        ("idle_timeout_seconds", secondary.idle_timeout_seconds, 1, 86_400),
        (
            "transfer_timeout_seconds",
            secondary.transfer_timeout_seconds,
            1,
            7 * 86_400,
        ),
        (
            "max_zone_records",
            count(secondary.max_zone_records),
            1,
            100_000_000,
        ),
        // What is gathered is addressed by 32 bits.
        ("max_zone_mib", count(secondary.max_zone_mib), 1, 3_072),
        ("min_refresh_seconds", secondary.min_refresh_seconds, 1, 86_400),
    ] {
        if !(least..=most).contains(&value) {
            found.add("secondary", key, format!("must be {least} to {most}"));
        }
    }
    let years = 100 * 365 * 86_400;
    if config.purge.deleted_zones_after_seconds > years {
        found.add(
            "purge",
            "deleted_zones_after_seconds",
            format!("must be 0 to {years}"),
        );
    }
}

fn timers(config: &Config, found: &mut Found<'_>) {
    let (limits, soa) = (&config.limits, &config.soa);
    for (section, key, value, least) in [
        ("limits", "default_ttl", limits.default_ttl, 1),
        ("limits", "min_ttl", limits.min_ttl, 0),
        ("soa", "refresh_min", soa.refresh_min, 1),
        ("soa", "refresh_max", soa.refresh_max, 1),
        ("soa", "retry", soa.retry, 1),
        ("soa", "expire", soa.expire, 1),
        ("soa", "minimum", soa.minimum, 0),
    ] {
        if !(least..=MAX_TTL).contains(&value) {
            found.add(section, key, format!("must be {least} to {MAX_TTL} seconds"));
        }
    }
    if limits.min_ttl > limits.default_ttl {
        found.add("limits", "min_ttl", "must not be above limits.default_ttl");
    }
    if soa.refresh_min > soa.refresh_max {
        found.add("soa", "refresh_min", "must not be above soa.refresh_max");
    }
    for (key, length) in [
        ("max_zone_name_length", limits.max_zone_name_length),
        ("max_recordset_name_length", limits.max_recordset_name_length),
    ] {
        // A name of 255 octets on the wire has at most 1004 characters, all of them escaped.
        if !(1..=1004).contains(&length) {
            found.add("limits", key, "must be 1 to 1004");
        }
    }
    let reconciler = &config.reconciler;
    for (key, value, least, most) in [
        ("query_timeout_ms", reconciler.query_timeout_ms, 10, 60_000),
        ("rndc_timeout_ms", reconciler.rndc_timeout_ms, 100, 600_000),
        ("park_after_ms", reconciler.park_after_ms, 100, 600_000),
        ("retry_first_ms", reconciler.retry_first_ms, 10, 600_000),
        ("retry_most_ms", reconciler.retry_most_ms, 10, 86_400_000),
        ("catalog_grace_ms", reconciler.catalog_grace_ms, 100, 600_000),
        (
            "sweep_period_seconds",
            reconciler.sweep_period_seconds,
            1,
            31_536_000,
        ),
    ] {
        if !(least..=most).contains(&value) {
            found.add("reconciler", key, format!("must be {least} to {most}"));
        }
    }
    if reconciler.retry_first_ms > reconciler.retry_most_ms {
        found.add(
            "reconciler",
            "retry_first_ms",
            "must not be above reconciler.retry_most_ms",
        );
    }
    if !(1..=10_000).contains(&reconciler.concurrency) {
        found.add("reconciler", "concurrency", "must be 1 to 10000");
    }
}
