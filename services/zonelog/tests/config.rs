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
fn unknown_sections_variables_and_keys_of_lists_are_refused_too() {
    let said = refusal(
        "[sink]\n[[pool.servers]]\nname = \"a\"\nrndc_key_file = \"/k\"\nadress = \"127.0.0.1:53\"\n",
        &[
            ("ZONELOG_API__PORT", "1"),
            ("ZONELOG_HOME", "/not/ours"),
            ("PATH", "/bin"),
        ],
    );
    assert!(said.starts_with("the configuration has 3 problems:"), "{said}");
    assert!(said.contains("sink: there is no such key"), "{said}");
    assert!(
        said.contains("pool.servers[0].adress: there is no such key; did you mean `address`?"),
        "{said}"
    );
    assert!(said.contains("api.port: there is no such key"), "{said}");
    assert!(
        said.contains("(environment variable ZONELOG_API__PORT)"),
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
[minidns]
listen = []
image_budget_mib = 0
[pool]
id = "not-a-uuid"
threshold_percent = 101
nameservers = [{ hostname = "ns1.example.org" }]
[[pool.servers]]
name = "a"
rndc_address = "0.0.0.0:953"
rndc_key_file = "/etc/zonelog/rndc.key"
[[pool.servers]]
name = "a"
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
        "pool.id: ",
        "pool.threshold_percent: must be 1 to 100",
        "pool.nameservers[0].hostname: `ns1.example.org` is no absolute DNS name",
        "pool.servers[0].rndc_address: 0.0.0.0:953 is no address",
        "pool.servers[1].name: `a` is the name of two servers",
        "pool.servers[1].rndc_key_file: is missing",
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
    assert!(
        said.contains("line 19"),
        "the second server's own line is named:\n{said}"
    );
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

    let key =
        file("key \"k\" {\n  algorithm hmac-sha256; // as BIND wants it\n  secret \"aHVudGVyMg==\";\n};\n");
    let text = format!(
        "[[pool.servers]]\nname = \"a\"\nrndc_key_file = {:?}\n",
        key.path().display().to_string()
    );
    let key = load(&text, &[]).unwrap().pool.servers[0].rndc_key().unwrap();
    assert_eq!((key.name.as_str(), key.secret.as_str()), ("k", "aHVudGVyMg=="));
    assert!(!format!("{key:?}").contains("hunter2") && !format!("{key:?}").contains("aHVudGVyMg"));
}

#[test]
fn a_key_file_without_a_key_says_so() {
    for (text, what) in [
        ("", "has no secret"),
        (
            "key \"k\" { algorithm hmac-sha256; secret \"%%%\"; };",
            "is not Base64",
        ),
        (
            "key \"k\" { algorithm rot13; secret \"aGk=\"; };",
            "its algorithm is none of",
        ),
    ] {
        let key = file(text);
        let said = zonelog::config::RndcKey::read(key.path())
            .unwrap_err()
            .to_string();
        assert!(said.contains(what), "{said}");
    }
}
