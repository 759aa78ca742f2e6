//! Pools of DNS servers, as Designate's `pools.yaml` describes them.

use std::collections::BTreeMap;

use uuid::Uuid;
use zonelog_dns::Name;

use super::sealed::Sealed;
use crate::ProjectId;

/// A pool of DNS servers that serve the same zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name, up to 50 characters.
    pub name: String,
    /// Free text, up to 160 characters.
    pub description: Option<String>,
    /// The project that it was made for, if any.
    pub project: Option<ProjectId>,
    /// What the scheduler of zones may ask for.
    pub attributes: BTreeMap<String, String>,
    /// The apex NS records of its zones; at least one.
    pub ns_records: Vec<NsRecord>,
    /// The servers that are asked what they serve.
    pub nameservers: Vec<PoolNameserver>,
    /// What is acted on, so that the servers take the zones.
    pub targets: Vec<PoolTarget>,
    /// Who gets a NOTIFY besides, once the servers serve a change.
    pub also_notifies: Vec<HostPort>,
    /// The catalog zone by which its servers learn of zones (RFC 9432), if it has one.
    pub catalog_zone: Option<CatalogZone>,
}

impl Pool {
    /// The names of its NS records in the order of their priority; those of equal priority in the order given.
    pub fn nameserver_names(&self) -> Vec<&Name> {
        let mut records: Vec<_> = self.ns_records.iter().collect();
        records.sort_by_key(|record| record.priority);
        records.into_iter().map(|record| &record.hostname).collect()
    }
}

/// An NS record of a pool's zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NsRecord {
    /// The name server's name.
    pub hostname: Name,
    /// The order, 1 to 10000: the lowest becomes the SOA's MNAME.
    pub priority: u16,
}

/// A server that is asked what it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolNameserver {
    /// An address or a host name.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The key that signs what it is sent.
    pub tsigkey: Option<Uuid>,
}

/// An address or host name with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// An address or a host name.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What is acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolTarget {
    /// `bind9`, `catalog`, `knot`, `nsd4`, `pdns4`, `designate`, `agent`, `fake`, or another backend's name of Designate.
    pub kind: String,
    /// Free text.
    pub description: Option<String>,
    /// The key that signs what it is sent.
    pub tsigkey: Option<Uuid>,
    /// The MiniDNS servers that it transfers zones from.
    pub masters: Vec<HostPort>,
    /// The backend's options, as Designate names them.
    pub options: BTreeMap<String, OptionValue>,
}

/// An option of a pool target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// As given.
    Plain(String),
    /// A secret.
    Sealed(Sealed),
}

/// A pool's catalog zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogZone {
    /// Its name.
    pub name: Name,
    /// The refresh of its SOA in seconds.
    pub refresh: u32,
    /// The secret of the key that its transfers need.
    pub tsig_key: Option<Sealed>,
    /// The algorithm of that key.
    pub tsig_algorithm: Option<String>,
}
