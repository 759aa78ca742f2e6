//! The configuration: what is refused, and how plainly.
#![allow(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use figment::value::{Dict, Value};
use zonelog::config::{Config, ConfigError, load_from, shape};

const SAMPLE: &str = include_str!("../../../ops/config/zonelog.toml");

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load_at(file(text).path(), environment)
}

fn load_at(path: &Path, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load_from(
        Some(path),
        environment
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned())),
    )
}

fn refusal(text: &str, environment: &[(&str, &str)]) -> String {
    load(text, environment).unwrap_err().to_string()
}

fn keys(dict: &Dict, path: &str, found: &mut BTreeSet<String>) {
    for (key, value) in dict {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match value {
            Value::Dict(_, inner) => keys(inner, &path, found),
            Value::Array(_, elements) => match elements.first() {
                Some(Value::Dict(_, inner)) => keys(inner, &path, found),
                _ => drop(found.insert(path)),
            },
            _ => drop(found.insert(path)),
        }
    }
}

#[test]
fn the_sample_is_the_defaults() {
    assert_eq!(load(SAMPLE, &[]).unwrap(), Config::default());
}

#[test]
fn the_sample_names_every_key() {
    use figment::providers::{Format, Toml};
    let all: String = SAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') && !key.is_empty() => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let parsed: Dict = figment::Figment::from(Toml::string(&all)).extract().unwrap();
    let (mut in_sample, mut known) = (BTreeSet::new(), BTreeSet::new());
    keys(&parsed, "", &mut in_sample);
    keys(&shape(), "", &mut known);
    assert_eq!(in_sample, known);
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_what_was_meant() {
    let file = file("[log]\nlevel = \"info\"\n\n[api]\nlisen = \"127.0.0.1:9001\"\n");
    let said = load_at(file.path(), &[]).unwrap_err().to_string();
    let place = format!("({}, line 5)", file.path().display());
    assert!(
        said.contains("api.lisen: there is no such key; did you mean `listen`?"),
        "{said}"
    );
    assert!(said.contains(&place), "{said}");
}

#[test]
fn unknown_sections_and_variables_are_refused_too() {
    let said = refusal(
        "[sink]\n[pools]\nfiel = \"pools.yaml\"\n",
        &[
            ("ZONELOG_API__PORT", "1"),
            ("ZONELOG_HOME", "/not/ours"),
            ("PATH", "/bin"),
        ],
    );
    assert!(said.starts_with("the configuration has 3 problems:"), "{said}");
    assert!(said.contains("sink: there is no such key"), "{said}");
    assert!(
        said.contains("pools.fiel: there is no such key; did you mean `file`?"),
        "{said}"
    );
    assert!(said.contains("api.port: there is no such key"), "{said}");
    assert!(
        said.contains("(environment variable ZONELOG_API__PORT)"),
        "{said}"
    );
}

#[test]
fn the_old_sections_of_pools_say_what_replaces_them() {
    let said = refusal("[pool]\nid = \"a\"\n[[pool.servers]]\nname = \"a\"\n", &[]);
    assert!(said.starts_with("the configuration has a problem:"), "{said}");
    assert!(
        said.contains("pool: ") && said.contains("pools.yaml") && said.contains("zonelog pool update"),
        "{said}"
    );
}

#[test]
fn the_environment_goes_before_the_file() {
    let config = load(
        "[api]\nlisten = \"127.0.0.1:1111\"\nmax_body_bytes = 2048\n",
        &[
            ("ZONELOG_API__LISTEN", "127.0.0.1:2222"),
            ("ZONELOG_MINIDNS__LISTEN", "[\"127.0.0.1:3333\", \"[::1]:3333\"]"),
            ("ZONELOG_LIMITS__MIN_TTL", "60"),
        ],
    )
    .unwrap();
    assert_eq!(config.api.listen.port(), 2222);
    assert_eq!(config.api.max_body_bytes, 2048);
    assert_eq!(config.minidns.listen.len(), 2);
    assert_eq!(config.limits.min_ttl, 60);
}

#[test]
fn every_wrong_value_is_named_at_once() {
    let said = refusal(
        r#"
[database]
url = "mysql://root@localhost/zonelog"
read_connections = 0
[api]
listen = "0.0.0.0:9001"
auth = "none"
max_body_bytes = "big"
base_url = "dns.example.org"
tls_certificate_file = "/etc/zonelog/tls.crt"
rate_limit_burst = 5
[minidns]
listen = []
image_budget_mib = 0
[pools]
threshold_percent = 101
masters = ["0.0.0.0:5354"]
[central]
default_pool_id = "not-a-uuid"
scheduler_filters = ["defualt_pool"]
managed_email = "nobody"
[quotas]
zones = -2
[import]
max_records = 0
[secrets]
previous_key_files = ["/etc/zonelog/old-key"]
[neutron]
endpoints = ["http://127.0.0.1:9696"]
interface = "outside"
[limits]
min_ttl = 7200
[soa]
refresh_min = 4000
expire = 4294967295
[log]
format = "xml"
level = "loud"
"#,
        &[("ZONELOG_METRICS__LISTEN", "nine")],
    );
    for key in [
        "database.url: is no PostgreSQL URL",
        "database.read_connections: must be 2 to 1000",
        "api.auth: `none` lets everybody in",
        "api.base_url: must begin with http",
        "api.max_body_bytes: invalid type",
        "minidns.listen: must have at least one",
        "minidns.image_budget_mib: must be 1 to",
        "api.tls_certificate_file: belongs with api.tls_key_file",
        "api.rate_limit_burst: is of no use",
        "pools.threshold_percent: must be 1 to 100",
        "pools.masters: 0.0.0.0:5354 is no address",
        "central.default_pool_id: ",
        "central.scheduler_filters: `defualt_pool` is no filter; there are ",
        "central.managed_email: `nobody`",
        "quotas.zones: must be 0 to 2147483647, or -1",
        "import.max_records: must be 1 to",
        "secrets.previous_key_files: is of no use",
        "neutron.endpoints: ",
        "neutron.interface: must be public, internal or admin",
        "limits.min_ttl: must not be above",
        "soa.refresh_min: must not be above",
        "soa.expire: must be 1 to 2147483647",
        "log.format: unknown variant: found `xml`",
        "log.level: is no log level",
        "metrics.listen: ",
    ] {
        assert!(said.contains(key), "no `{key}` in:\n{said}");
    }
    assert!(
        said.contains("environment variable ZONELOG_METRICS__LISTEN"),
        "{said}"
    );
    assert!(said.contains("line 7"), "{said}");
}

/// Each key of MiniDNS and of secondary zones: its name, what is wrong, and what to write instead.
#[test]
fn every_wrong_value_of_minidns_is_named() {
    let said = refusal(
        r#"
[minidns]
listen = ["127.0.0.1:5354", "127.0.0.1:5354"]
udp_workers = 1025
udp_batch = 0
allow_query = ["192.0.2.0/33"]
allow_transfer = ["192.0.2.1/24"]
image_budget_mib = 0
max_connections = 0
max_connections_per_address = 0
max_transfers = 1000001
max_transfers_per_address = 0
ixfr_retention = -1
query_enforce_tsig = "yes"
allow_hmac_md5 = 1
enforce_tsig = true
[secondary]
max_transfers = 0
query_timeout_ms = 1
idle_timeout_seconds = 0
transfer_timeout_seconds = 0
max_zone_records = 0
max_zone_mib = 0
min_refresh_seconds = 999999999999
[purge]
deleted_zones_after_seconds = 99999999999
"#,
        &[("ZONELOG_MINIDNS__MAX_TRANSFERS", "many")],
    );
    for key in [
        "minidns.listen: 127.0.0.1:5354 is given to two services; each needs its own",
        "minidns.udp_workers: must be 0 (one a processor) to 1024",
        "minidns.udp_batch: must be 1 to 1024",
        "minidns.allow_query: `192.0.2.0/33` is neither an address nor a prefix such as 192.0.2.0/24 or 2001:db8::/32",
        "minidns.allow_transfer: `192.0.2.1/24` has bits set behind its prefix; write 192.0.2.0/24",
        "minidns.image_budget_mib: must be 1 to 1048576",
        "minidns.max_connections: must be 1 to 1000000",
        "minidns.max_connections_per_address: must be 1 to 1000000",
        "minidns.max_transfers: invalid type: found string \"many\", expected",
        "minidns.max_transfers_per_address: must be 1 to 1000000",
        "minidns.ixfr_retention: ",
        "minidns.query_enforce_tsig: invalid type: found string \"yes\", expected a boolean",
        "minidns.allow_hmac_md5: invalid type: found ",
        "minidns.enforce_tsig: there is no such key",
        "secondary.max_transfers: must be 1 to",
        "secondary.query_timeout_ms: must be ",
        "secondary.idle_timeout_seconds: must be ",
        "secondary.transfer_timeout_seconds: must be ",
        "secondary.max_zone_records: must be ",
        "secondary.max_zone_mib: must be ",
        "secondary.min_refresh_seconds: must be ",
        "purge.deleted_zones_after_seconds: must be 0 to 3153600000",
        "environment variable ZONELOG_MINIDNS__MAX_TRANSFERS",
    ] {
        assert!(said.contains(key), "no `{key}` in:\n{said}");
    }
    let at = |line: u32| format!("line {line})");
    assert!(said.contains(&at(4)) && said.contains(&at(13)), "{said}");
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_one_sentence() {
    let said = load_at(Path::new("/nonexistent/zonelog.toml"), &[])
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with("cannot read the configuration /nonexistent/zonelog.toml: "),
        "{said}"
    );
    let said = refusal("[api]\nlisten = 127.0.0.1\n", &[]);
    assert!(
        said.contains("is not valid TOML") && said.contains("line 2"),
        "{said}"
    );
}

#[test]
fn no_secret_is_shown() {
    let config = load(
        "",
        &[(
            "ZONELOG_DATABASE__URL",
            "postgresql://u:hunter2@localhost/zonelog",
        )],
    )
    .unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let said = refusal(
        "",
        &[("ZONELOG_DATABASE__URL", "postgresq://u:hunter2@localhost/zonelog")],
    );
    assert!(!said.contains("hunter2"), "{said}");
}
