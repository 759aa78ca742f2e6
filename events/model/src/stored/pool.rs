//! The stored shape of pools.
//!
//! *Warning:* the shape is what databases hold. A changed one is a new type version (see [`super`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::BadValue;
use super::value;
use crate::resource::{
    CatalogZone, HostPort, NsRecord, OptionValue, Pool, PoolNameserver, PoolTarget, Sealed,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredPool {
    name: String,
    description: Option<String>,
    project: Option<String>,
    attributes: BTreeMap<String, String>,
    ns_records: Vec<StoredNsRecord>,
    nameservers: Vec<StoredNameserver>,
    targets: Vec<StoredTarget>,
    also_notifies: Vec<StoredHostPort>,
    catalog_zone: Option<StoredCatalogZone>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredNsRecord {
    hostname: String,
    priority: u16,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredNameserver {
    host: String,
    port: u16,
    tsigkey: Option<Uuid>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredHostPort {
    host: String,
    port: u16,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredTarget {
    kind: String,
    description: Option<String>,
    tsigkey: Option<Uuid>,
    masters: Vec<StoredHostPort>,
    options: BTreeMap<String, StoredOption>,
}

/// `{"plain": ..}` or `{"sealed": ..}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredOption {
    Plain(String),
    Sealed(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCatalogZone {
    name: String,
    refresh: u32,
    tsig_key: Option<String>,
    tsig_algorithm: Option<String>,
}

impl From<&HostPort> for StoredHostPort {
    fn from(place: &HostPort) -> Self {
        Self {
            host: place.host.clone(),
            port: place.port,
        }
    }
}

impl From<StoredHostPort> for HostPort {
    fn from(stored: StoredHostPort) -> Self {
        Self {
            host: stored.host,
            port: stored.port,
        }
    }
}

impl From<&PoolTarget> for StoredTarget {
    fn from(target: &PoolTarget) -> Self {
        let option = |(name, value): (&String, &OptionValue)| {
            let value = match value {
                OptionValue::Plain(text) => StoredOption::Plain(text.clone()),
                OptionValue::Sealed(sealed) => StoredOption::Sealed(sealed.ciphertext().to_owned()),
            };
            (name.clone(), value)
        };
        Self {
            kind: target.kind.clone(),
            description: target.description.clone(),
            tsigkey: target.tsigkey,
            masters: target.masters.iter().map(Into::into).collect(),
            options: target.options.iter().map(option).collect(),
        }
    }
}

impl From<StoredTarget> for PoolTarget {
    fn from(stored: StoredTarget) -> Self {
        let option = |(name, value)| {
            let value = match value {
                StoredOption::Plain(text) => OptionValue::Plain(text),
                StoredOption::Sealed(ciphertext) => OptionValue::Sealed(Sealed::new(ciphertext)),
            };
            (name, value)
        };
        Self {
            kind: stored.kind,
            description: stored.description,
            tsigkey: stored.tsigkey,
            masters: stored.masters.into_iter().map(Into::into).collect(),
            options: stored.options.into_iter().map(option).collect(),
        }
    }
}

impl From<&Pool> for StoredPool {
    fn from(pool: &Pool) -> Self {
        let ns_record = |record: &NsRecord| StoredNsRecord {
            hostname: record.hostname.to_string(),
            priority: record.priority,
        };
        let nameserver = |server: &PoolNameserver| StoredNameserver {
            host: server.host.clone(),
            port: server.port,
            tsigkey: server.tsigkey,
        };
        let catalog_zone = |catalog: &CatalogZone| StoredCatalogZone {
            name: catalog.name.to_string(),
            refresh: catalog.refresh,
            tsig_key: catalog
                .tsig_key
                .as_ref()
                .map(|sealed| sealed.ciphertext().to_owned()),
            tsig_algorithm: catalog.tsig_algorithm.clone(),
        };
        Self {
            name: pool.name.clone(),
            description: pool.description.clone(),
            project: pool.project.as_ref().map(ToString::to_string),
            attributes: pool.attributes.clone(),
            ns_records: pool.ns_records.iter().map(ns_record).collect(),
            nameservers: pool.nameservers.iter().map(nameserver).collect(),
            targets: pool.targets.iter().map(Into::into).collect(),
            also_notifies: pool.also_notifies.iter().map(Into::into).collect(),
            catalog_zone: pool.catalog_zone.as_ref().map(catalog_zone),
        }
    }
}

impl StoredPool {
    pub(super) fn into_pool(self) -> Result<Pool, BadValue> {
        let project = self.project.as_deref();
        let ns_record = |stored: StoredNsRecord| {
            Ok(NsRecord {
                hostname: value::name("hostname", &stored.hostname)?,
                priority: stored.priority,
            })
        };
        let nameserver = |stored: StoredNameserver| PoolNameserver {
            host: stored.host,
            port: stored.port,
            tsigkey: stored.tsigkey,
        };
        let catalog_zone = |stored: StoredCatalogZone| {
            Ok(CatalogZone {
                name: value::name("catalog_zone", &stored.name)?,
                refresh: stored.refresh,
                tsig_key: stored.tsig_key.map(Sealed::new),
                tsig_algorithm: stored.tsig_algorithm,
            })
        };
        Ok(Pool {
            name: self.name,
            description: self.description,
            project: project.map(|text| value::project("project", text)).transpose()?,
            attributes: self.attributes,
            ns_records: self
                .ns_records
                .into_iter()
                .map(ns_record)
                .collect::<Result<_, _>>()?,
            nameservers: self.nameservers.into_iter().map(nameserver).collect(),
            targets: self.targets.into_iter().map(Into::into).collect(),
            also_notifies: self.also_notifies.into_iter().map(Into::into).collect(),
            catalog_zone: self.catalog_zone.map(catalog_zone).transpose()?,
        })
    }
}
