//! What a partial update makes of a body.

use super::body::{Blacklist, Body, Tld};
use super::command::Change;
use super::quota::QuotaOverrides;
use super::task::{TransferRequest, ZoneImport};
use super::tsig::TsigKey;
use crate::zone::Patch;

/// The body after the change; of another kind than the change's, the body as it is.
pub(super) fn changed(body: &Body, change: &Change) -> Body {
    match (body, change) {
        (Body::Tld(tld), Change::Tld { name, description }) => Body::Tld(Tld {
            name: patched(&tld.name, name),
            description: patched(&tld.description, description),
        }),
        (Body::Blacklist(blacklist), Change::Blacklist { pattern, description }) => {
            Body::Blacklist(Blacklist {
                pattern: patched(&blacklist.pattern, pattern),
                description: patched(&blacklist.description, description),
            })
        }
        (
            Body::TsigKey(key),
            Change::TsigKey {
                name,
                algorithm,
                secret,
                scope,
                resource,
            },
        ) => Body::TsigKey(TsigKey {
            name: patched(&key.name, name),
            algorithm: patched(&key.algorithm, algorithm),
            secret: patched(&key.secret, secret),
            scope: patched(&key.scope, scope),
            resource: patched(&key.resource, resource),
        }),
        (Body::Pool(_), Change::Pool(pool)) => Body::Pool(pool.clone()),
        (
            Body::Quotas(quotas),
            Change::Quotas {
                zones,
                zone_recordsets,
                zone_records,
                recordset_records,
                api_export_size,
            },
        ) => Body::Quotas(QuotaOverrides {
            project: quotas.project.clone(),
            zones: limit(quotas.zones, zones),
            zone_recordsets: limit(quotas.zone_recordsets, zone_recordsets),
            zone_records: limit(quotas.zone_records, zone_records),
            recordset_records: limit(quotas.recordset_records, recordset_records),
            api_export_size: limit(quotas.api_export_size, api_export_size),
        }),
        (Body::TransferRequest(request), Change::TransferRequest { description }) => {
            Body::TransferRequest(TransferRequest {
                description: patched(&request.description, description),
                ..request.clone()
            })
        }
        (
            Body::ZoneImport(import),
            Change::ZoneImport {
                status,
                message,
                zone,
            },
        ) => Body::ZoneImport(ZoneImport {
            project: import.project.clone(),
            status: *status,
            message: message.clone(),
            zone: *zone,
        }),
        _ => body.clone(),
    }
}

fn patched<T: Clone>(present: &T, patch: &Patch<T>) -> T {
    match patch {
        Patch::Set(value) => value.clone(),
        Patch::Keep => present.clone(),
    }
}

fn limit(present: Option<i64>, patch: &Patch<i64>) -> Option<i64> {
    match patch {
        Patch::Set(limit) => Some(*limit),
        Patch::Keep => present,
    }
}
