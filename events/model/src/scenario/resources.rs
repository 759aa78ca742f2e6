//! Short builders of resources, and registries made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::fixtures::{POOL, ZONE, fnv, project, start, zone_name};
use crate::resource::{
    Blacklist, Body, NsRecord, Pool, QuotaOverrides, Resource, Sealed, Tld, TransferRequest, TransferStatus,
    TsigAlgorithm, TsigKey, TsigScope, ZoneExport, ZoneImport,
};
use crate::zone::{Registry, RegistryOptions};
use crate::{PoolId, ResourceId};

/// A resource as it was made at [`start`]; its id follows from its content.
pub fn resource(body: Body) -> Resource {
    let id = ResourceId::new(Uuid::from_u128(fnv(&format!("{body:?}"))));
    Resource::new(id, body, 0, start())
}

/// A pool's resource: [`POOL`] itself, or another.
pub fn pool_resource(id: PoolId, pool: Pool) -> Resource {
    Resource::new(id.into(), Body::Pool(Box::new(pool)), 0, start())
}

/// A TLD.
pub fn tld(name: &str) -> Body {
    Body::Tld(Tld {
        name: name.to_owned(),
        description: None,
    })
}

/// A blacklist.
pub fn blacklist(pattern: &str) -> Body {
    Body::Blacklist(Blacklist {
        pattern: pattern.to_owned(),
        description: None,
    })
}

/// A key for a pool or zone.
pub fn tsig_key(name: &str, scope: TsigScope, resource: Uuid) -> Body {
    Body::TsigKey(TsigKey {
        name: name.to_owned(),
        algorithm: TsigAlgorithm::HmacSha256,
        secret: Sealed::new("v1:c2VjcmV0".to_owned()),
        scope,
        resource,
    })
}

/// A pool with these NS records, in this order.
#[track_caller]
pub fn pool<'a>(name: &str, nameservers: impl IntoIterator<Item = &'a str>) -> Pool {
    let ns_record = |(priority, text)| NsRecord {
        hostname: super::fixtures::name(text),
        priority,
    };
    Pool {
        name: name.to_owned(),
        description: None,
        project: None,
        attributes: BTreeMap::new(),
        ns_records: (1..).zip(nameservers).map(ns_record).collect(),
        nameservers: Vec::new(),
        targets: Vec::new(),
        also_notifies: Vec::new(),
        catalog_zone: None,
    }
}

/// The pool of [`super::fixtures::facts`].
#[track_caller]
pub fn default_pool() -> Resource {
    pool_resource(POOL, pool("default", ["ns1.example.net.", "ns2.example.net."]))
}

/// Quotas of project `alpha` that follow the defaults: to be filled in.
#[track_caller]
pub fn quotas() -> QuotaOverrides {
    QuotaOverrides {
        project: project("alpha"),
        zones: None,
        zone_recordsets: None,
        zone_records: None,
        recordset_records: None,
        api_export_size: None,
    }
}

/// An offer of the zone `example.com.` by project `alpha` to whoever has the key.
#[track_caller]
pub fn transfer_request() -> TransferRequest {
    TransferRequest {
        zone: ZONE,
        zone_name: zone_name("example.com."),
        project: project("alpha"),
        target_project: None,
        key: Sealed::new("v1:a2V5".to_owned()),
        description: None,
        status: TransferStatus::Active,
    }
}

/// An import of project `alpha` that waits.
#[track_caller]
pub fn zone_import() -> ZoneImport {
    ZoneImport {
        project: project("alpha"),
        status: crate::resource::ImportStatus::Pending,
        message: None,
        zone: None,
    }
}

/// An export of the zone by project `alpha`.
#[track_caller]
pub fn zone_export() -> ZoneExport {
    ZoneExport {
        project: project("alpha"),
        zone: ZONE,
        serial: super::fixtures::serial(0),
        status: crate::resource::ExportStatus::Complete,
        message: None,
    }
}

/// A registry of the default pool and these resources, under Designate's settings, changed.
#[track_caller]
pub fn registry(
    others: impl IntoIterator<Item = Resource>,
    change: impl FnOnce(&mut RegistryOptions),
) -> Arc<Registry> {
    let mut options = RegistryOptions::new(POOL);
    change(&mut options);
    let resources: Vec<_> = std::iter::once(default_pool()).chain(others).collect();
    Arc::new(Registry::new(options, &resources))
}
