//! What the types cannot say: values that are out of range or do not fit together.

use std::collections::BTreeSet;

use tracing_subscriber::filter::{LevelFilter, Targets};

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
    pool(config, &mut found);
    timers(config, &mut found);
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

    fn element(&mut self, list: &str, index: usize, key: &str, what: impl Into<String>) {
        let path = ["pool", list, &index.to_string(), key].map(str::to_owned);
        let mut place = self.places.of(&path);
        if place == super::Place::Default {
            place = self.places.of(&path[..3]);
        }
        self.problems.push(Problem {
            key: format!("pool.{list}[{index}].{key}"),
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
    let minidns = &config.minidns;
    if minidns.listen.is_empty() {
        found.add("minidns", "listen", "must have at least one address");
    }
    for (key, value, most) in [
        ("image_budget_mib", minidns.image_budget_mib, 1 << 20),
        ("max_connections", minidns.max_connections, 1_000_000),
        ("max_transfers", minidns.max_transfers, 1_000_000),
    ] {
        if !(1..=most).contains(&value) {
            found.add("minidns", key, format!("must be 1 to {most}"));
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

fn pool(config: &Config, found: &mut Found<'_>) {
    let pool = &config.pool;
    if !(1..=100).contains(&pool.threshold_percent) {
        found.add("pool", "threshold_percent", "must be 1 to 100");
    }
    if pool.nameservers.is_empty() {
        found.add(
            "pool",
            "nameservers",
            "must have at least one name: a zone needs NS records",
        );
    }
    for (index, nameserver) in pool.nameservers.iter().enumerate() {
        if !nameserver.hostname.ends_with('.') || nameserver.hostname.parse::<zonelog_dns::Name>().is_err() {
            let what = format!(
                "`{}` is no absolute DNS name; write it with its final dot",
                nameserver.hostname
            );
            found.element("nameservers", index, "hostname", what);
        }
    }
    if !pool.servers.is_empty() && pool.masters.is_empty() {
        for listen in &config.minidns.listen {
            // A port of 0 is filled in by `zonelog up`.
            if listen.ip().is_unspecified() {
                let what = format!(
                    "say where the servers reach MiniDNS: {listen} in minidns.listen is no address to send to"
                );
                found.add("pool", "masters", what);
            }
        }
    }
    for master in &pool.masters {
        if master.ip().is_unspecified() || master.port() == 0 {
            found.add(
                "pool",
                "masters",
                format!("{master} is no address that a server can send to"),
            );
        }
    }
    let mut names = BTreeSet::new();
    for (index, server) in pool.servers.iter().enumerate() {
        if server.name.is_empty() || server.name.chars().any(char::is_control) {
            found.element("servers", index, "name", "must name the server");
        } else if !names.insert(&server.name) {
            found.element(
                "servers",
                index,
                "name",
                format!("`{}` is the name of two servers", server.name),
            );
        }
        for (key, address) in [("address", server.address), ("rndc_address", server.rndc_address)] {
            if address.ip().is_unspecified() || address.port() == 0 {
                found.element(
                    "servers",
                    index,
                    key,
                    format!("{address} is no address to send to"),
                );
            }
        }
        if let Err(what) = server.key_source() {
            found.element("servers", index, "rndc_key_file", what);
        }
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
