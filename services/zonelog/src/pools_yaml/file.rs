//! The file's shape. Unknown keys are refused; every error has its line.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use uuid::Uuid;
use zonelog_dns::Name;
use zonelog_model::PoolId;
use zonelog_model::resource::{
    CatalogZone, HostPort, NsRecord, OptionValue, Pool, PoolNameserver, PoolTarget,
};

/// The port of DNS (RFC 1035 §4.2), and the one that MiniDNS has by default.
const DNS_PORT: u16 = 53;
const MINIDNS_PORT: u16 = 5354;
/// The longest name of a pool, and the longest description, in characters.
const LONGEST_NAME: usize = 50;
const LONGEST_DESCRIPTION: usize = 160;
/// The refresh of a catalog zone's SOA, in seconds, where the file does not say.
const CATALOG_REFRESH: u32 = 60;

/// What is wrong with the file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct FileError {
    /// From 1.
    pub line: u64,
    /// From 1.
    pub column: u64,
    /// What is wrong, and what to do.
    pub what: String,
}

impl FileError {
    fn at(location: Location, what: impl Into<String>) -> Self {
        Self {
            line: location.line(),
            column: location.column(),
            what: what.into(),
        }
    }
}

/// A pool as the file has it: its secrets are still in clear, so it has no `Debug` form.
#[derive(Clone, PartialEq, Eq)]
pub struct PoolDraft {
    /// Its id, if the file names it.
    pub id: Option<PoolId>,
    /// What it is to be: options in clear.
    pub pool: Pool,
    /// The secret of the catalog zone's key, in clear.
    pub catalog_key: Option<String>,
}

/// Reads a file.
///
/// # Errors
/// The first thing that is wrong.
pub fn read(text: &str) -> Result<Vec<PoolDraft>, FileError> {
    let pools: Vec<FilePool> = serde_saphyr::from_str(text).map_err(|error| {
        let what = error.without_snippet().to_string();
        let what = what.split(" at line ").next().unwrap_or_default().to_owned();
        let what = if what == "expected sequence start" && error.location().is_some_and(|at| at.line() == 1) {
            "the file must be a list of pools: each begins with `- name: ...`".to_owned()
        } else {
            what
        };
        FileError {
            line: error.location().map_or(1, |at| at.line()),
            column: error.location().map_or(1, |at| at.column()),
            what,
        }
    })?;
    let mut drafts: Vec<PoolDraft> = Vec::with_capacity(pools.len());
    for pool in pools {
        let at = pool.name.referenced;
        let draft = pool.draft()?;
        for other in &drafts {
            if other.pool.name == draft.pool.name {
                return Err(FileError::at(
                    at,
                    format!("there are two pools {:?}", draft.pool.name),
                ));
            }
            if draft.id.is_some() && other.id == draft.id {
                return Err(FileError::at(at, "another pool of the file has the same id"));
            }
            let catalog = |draft: &PoolDraft| draft.pool.catalog_zone.as_ref().map(|zone| zone.name.clone());
            if catalog(&draft).is_some() && catalog(other) == catalog(&draft) {
                let what = format!(
                    "pool {:?} has the same catalog zone: each pool needs one of its own",
                    other.pool.name
                );
                return Err(FileError::at(at, what));
            }
        }
        drafts.push(draft);
    }
    Ok(drafts)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePool {
    id: Option<Spanned<String>>,
    name: Spanned<String>,
    description: Option<Spanned<String>>,
    attributes: Option<BTreeMap<String, String>>,
    ns_records: Option<Vec<FileNsRecord>>,
    nameservers: Option<Vec<FileNameserver>>,
    targets: Option<Vec<FileTarget>>,
    also_notifies: Option<Vec<FilePlace>>,
    catalog_zone: Option<FileCatalogZone>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileNsRecord {
    hostname: Spanned<String>,
    priority: Spanned<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileNameserver {
    host: Spanned<String>,
    port: Option<u16>,
    tsigkey_id: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePlace {
    host: Spanned<String>,
    port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTarget {
    #[serde(rename = "type")]
    kind: Spanned<String>,
    description: Option<String>,
    tsigkey_id: Option<Spanned<String>>,
    masters: Option<Vec<FilePlace>>,
    options: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileCatalogZone {
    catalog_zone_fqdn: Spanned<String>,
    catalog_zone_refresh: Option<u32>,
    catalog_zone_tsig_key: Option<String>,
    catalog_zone_tsig_algorithm: Option<String>,
}

impl FilePool {
    fn draft(self) -> Result<PoolDraft, FileError> {
        let at = self.name.referenced;
        let name = self.name.value;
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return Err(FileError::at(
                at,
                format!("a pool's name has 1 to {LONGEST_NAME} characters"),
            ));
        }
        if let Some(description) = &self.description
            && description.value.chars().count() > LONGEST_DESCRIPTION
        {
            let what = format!("a description has at most {LONGEST_DESCRIPTION} characters");
            return Err(FileError::at(description.referenced, what));
        }
        let ns_records = self.ns_records.unwrap_or_default();
        if ns_records.is_empty() {
            let what =
                format!("pool {name:?} needs ns_records: at least one name for the NS records of its zones");
            return Err(FileError::at(at, what));
        }
        let mut nameservers: Vec<PoolNameserver> = Vec::new();
        for nameserver in self.nameservers.unwrap_or_default() {
            let at = nameserver.host.referenced;
            let nameserver = PoolNameserver {
                host: host(nameserver.host)?,
                port: port(nameserver.port, DNS_PORT, at)?,
                tsigkey: uuid(nameserver.tsigkey_id)?,
            };
            let same =
                |other: &PoolNameserver| other.host == nameserver.host && other.port == nameserver.port;
            if nameservers.iter().any(same) {
                return Err(FileError::at(at, "this name server stands in the list already"));
            }
            nameservers.push(nameserver);
        }
        let catalog_key = self
            .catalog_zone
            .as_ref()
            .and_then(|zone| zone.catalog_zone_tsig_key.clone());
        let pool = Pool {
            name,
            description: self.description.map(|description| description.value),
            project: None,
            attributes: self.attributes.unwrap_or_default(),
            ns_records: ns_records
                .into_iter()
                .map(FileNsRecord::read)
                .collect::<Result<_, _>>()?,
            nameservers,
            targets: each(self.targets, FileTarget::read)?,
            also_notifies: each(self.also_notifies, |place| place.read(DNS_PORT))?,
            catalog_zone: self.catalog_zone.map(FileCatalogZone::read).transpose()?,
        };
        let id = uuid(self.id)?.map(PoolId::new);
        Ok(PoolDraft {
            id,
            pool,
            catalog_key,
        })
    }
}

impl FileNsRecord {
    fn read(self) -> Result<NsRecord, FileError> {
        let priority = self.priority.value;
        if !(1..=10_000).contains(&priority) {
            return Err(FileError::at(
                self.priority.referenced,
                "a priority is 1 to 10000",
            ));
        }
        Ok(NsRecord {
            hostname: name(self.hostname)?,
            priority,
        })
    }
}

impl FilePlace {
    fn read(self, default: u16) -> Result<HostPort, FileError> {
        let at = self.host.referenced;
        Ok(HostPort {
            host: host(self.host)?,
            port: port(self.port, default, at)?,
        })
    }
}

impl FileTarget {
    fn read(self) -> Result<PoolTarget, FileError> {
        if self.kind.value.is_empty() {
            return Err(FileError::at(
                self.kind.referenced,
                "a target needs a type, e.g. bind9",
            ));
        }
        let options = self.options.unwrap_or_default().into_iter();
        Ok(PoolTarget {
            kind: self.kind.value,
            description: self.description,
            tsigkey: uuid(self.tsigkey_id)?,
            masters: each(self.masters, |place| place.read(MINIDNS_PORT))?,
            options: options
                .filter_map(|(name, value)| Some((name, OptionValue::Plain(value?))))
                .collect(),
        })
    }
}

impl FileCatalogZone {
    fn read(self) -> Result<CatalogZone, FileError> {
        Ok(CatalogZone {
            name: name(self.catalog_zone_fqdn)?,
            refresh: self.catalog_zone_refresh.unwrap_or(CATALOG_REFRESH),
            tsig_key: None,
            tsig_algorithm: self.catalog_zone_tsig_algorithm,
        })
    }
}

fn each<F, T>(list: Option<Vec<F>>, read: impl Fn(F) -> Result<T, FileError>) -> Result<Vec<T>, FileError> {
    list.unwrap_or_default().into_iter().map(read).collect()
}

/// An absolute DNS name.
fn name(given: Spanned<String>) -> Result<Name, FileError> {
    let text = given.value;
    if !text.ends_with('.') {
        let what = format!("{text:?} is no absolute DNS name: write it with its final dot");
        return Err(FileError::at(given.referenced, what));
    }
    Name::parse(&text)
        .map_err(|error| FileError::at(given.referenced, format!("{text:?} is no DNS name: {error}")))
}

/// An address or a host name.
fn host(given: Spanned<String>) -> Result<String, FileError> {
    let text = given.value;
    let bare = text.trim_end_matches('.');
    let is_name = !bare.is_empty()
        && bare.len() <= 253
        && bare
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if is_name || text.parse::<IpAddr>().is_ok() {
        return Ok(text);
    }
    let what = format!("{text:?} is neither an address nor a host name; a port stands in `port`");
    Err(FileError::at(given.referenced, what))
}

fn port(given: Option<u16>, default: u16, at: Location) -> Result<u16, FileError> {
    match given {
        Some(0) => Err(FileError::at(at, "its port is 0, which nobody listens on")),
        given => Ok(given.unwrap_or(default)),
    }
}

fn uuid(given: Option<Spanned<String>>) -> Result<Option<Uuid>, FileError> {
    given
        .map(|given| {
            let what = format!("{:?} is no UUID", given.value);
            given
                .value
                .parse()
                .map_err(|_| FileError::at(given.referenced, what))
        })
        .transpose()
}
