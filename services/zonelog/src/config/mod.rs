//! The configuration: one TOML file, environment variables over it, defaults under it.
//!
//! It is read as a whole: [`load`] answers with a complete configuration or with every problem at once, each naming
//! the key and where it was set. Unknown keys are refused. A secret comes from the environment or from a file of its
//! own, and no `Debug` form shows one.

mod check;
mod place;
mod secret;
mod sections;
mod unknown;

use std::fmt;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::{Deserialize, Serialize};

pub use self::place::Place;
pub use self::secret::DatabaseUrl;
pub use self::sections::{
    Api, Auth, Central, Database, Import, Keystone, KeystoneSecret, Limits, Log, LogFormat, Metrics, MiniDns,
    Neutron, Pools, Purge, Quotas, Reconciler, Secondary, Secrets, Soa,
};

/// The name before every environment variable that sets a key: `ZONELOG_API__LISTEN` sets `api.listen`.
pub const ENVIRONMENT_PREFIX: &str = "ZONELOG_";

/// Everything that an installation can set. `Config::default()` is what runs without a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the log and its projections are kept.
    pub database: Database,
    /// The REST API.
    pub api: Api,
    /// Keystone, for the tokens of a cloud.
    pub keystone: Keystone,
    /// The network service, for reverse records.
    pub neutron: Neutron,
    /// MiniDNS, the hidden primary.
    pub minidns: MiniDns,
    /// Transfers of secondary zones from their primaries.
    pub secondary: Secondary,
    /// What is removed after a time.
    pub purge: Purge,
    /// The pools of DNS servers that serve the zones.
    pub pools: Pools,
    /// Where zones go.
    pub central: Central,
    /// What users may ask for.
    pub limits: Limits,
    /// How much projects may have.
    pub quotas: Quotas,
    /// Master files that become zones.
    pub import: Import,
    /// How secrets are kept.
    pub secrets: Secrets,
    /// The timers of the SOA records of new zones.
    pub soa: Soa,
    /// How the pool's servers are kept at the log's head.
    pub reconciler: Reconciler,
    /// Structured logs.
    pub log: Log,
    /// Prometheus metrics.
    pub metrics: Metrics,
}

/// One thing that is wrong in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, e.g. `api.listen` or `neutron.endpoints[0].url`.
    pub key: String,
    /// Where it was set.
    pub place: Place,
    /// What is wrong and what to do, in plain words.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Default => write!(f, "{}: {}", self.key, self.what),
            place => write!(f, "{}: {} ({place})", self.key, self.what),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{} is not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and what was expected there.
        message: String,
    },
    /// Keys or values are wrong: all of them.
    #[error("the configuration has {}:{}", count(.0.len()), listed(.0))]
    Wrong(Vec<Problem>),
}

fn count(problems: usize) -> String {
    if problems == 1 {
        "a problem".to_owned()
    } else {
        format!("{problems} problems")
    }
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

/// Reads the file, lays the process's environment over it, and checks the whole.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        // A name or value that is not Unicode cannot be one of ours.
        Some((name.into_string().ok()?, value.into_string().ok()?))
    });
    load_from(file, variables)
}

/// As [`load`], with the environment given.
pub fn load_from(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?,
        None => String::new(),
    };
    let from_file = tree(&Figment::from(Toml::string(&text))).map_err(|error| ConfigError::Syntax {
        path: file.map(Path::to_owned).unwrap_or_default(),
        message: error.to_string().trim_end().to_owned(),
    })?;
    let from_environment = environment_tree(environment);
    let places = place::Places::new(file, &text, &from_environment);

    let mut given = tree(&Figment::from(Tree(from_file)).merge(Tree(from_environment))).unwrap_or_default();
    let mut problems = unknown::remove(&mut given, &shape(), &places);
    let config = typed(given, &places, &mut problems);
    problems.extend(check::check(&config, &places));
    problems.sort_by(|a, b| a.key.cmp(&b.key));
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(ConfigError::Wrong(problems))
    }
}

/// Every key that exists: what unknown keys are told by.
pub fn shape() -> Dict {
    tree(&Figment::from(Serialized::defaults(Config::default()))).unwrap_or_default()
}

/// Turns the tree into the typed configuration. A value of the wrong type is noted and its default taken instead, so
/// that one reading finds every problem.
fn typed(mut given: Dict, places: &place::Places, problems: &mut Vec<Problem>) -> Config {
    loop {
        let figment = Figment::from(Serialized::defaults(Config::default())).merge(Tree(given.clone()));
        let error = match figment.extract::<Config>() {
            Ok(config) => return config,
            Err(error) => error,
        };
        let removed = take(&mut given, &error.path);
        problems.push(Problem {
            key: place::dotted(&error.path),
            place: places.of(&error.path),
            what: error.kind.to_string().replace("``", "`"),
        });
        if !removed {
            // Nothing to take away means that the next try would fail alike.
            return Config::default();
        }
    }
}

/// Takes the value at a path away; from a list, the whole element that holds it.
fn take(dict: &mut Dict, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    match dict.get_mut(first) {
        None => false,
        Some(Value::Dict(_, inner)) if !rest.is_empty() => take(inner, rest),
        Some(Value::Array(_, elements)) if !rest.is_empty() => match rest[0].parse::<usize>() {
            Ok(index) if index < elements.len() => {
                elements.remove(index);
                true
            }
            _ => dict.remove(first).is_some(),
        },
        Some(_) => dict.remove(first).is_some(),
    }
}

/// The variables with our prefix and a section. Others (`ZONELOG_HOME`) belong to the scripts.
fn environment_tree(environment: impl IntoIterator<Item = (String, String)>) -> Dict {
    let mut dict = Dict::new();
    for (name, value) in environment {
        let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
            continue;
        };
        let Some((section, key)) = key.split_once("__") else {
            continue;
        };
        let (section, key) = (
            section.to_ascii_lowercase(),
            key.to_ascii_lowercase().replace("__", "."),
        );
        // figment's own reading of a variable's value: TOML's numbers, booleans and lists, else text.
        let value = value.parse().unwrap_or_else(|_| Value::from(value.as_str()));
        let entry = dict.entry(section).or_insert_with(|| Value::from(Dict::new()));
        if let Value::Dict(_, keys) = entry {
            keys.insert(key, value);
        }
    }
    dict
}

/// A tree of values as a source of configuration.
struct Tree(Dict);

impl Provider for Tree {
    fn metadata(&self) -> Metadata {
        Metadata::named("configuration")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

fn tree(figment: &Figment) -> Result<Dict, Box<figment::Error>> {
    Ok(figment
        .data()
        .map_err(Box::new)?
        .remove(&Profile::Default)
        .unwrap_or_default())
}
