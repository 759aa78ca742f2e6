//! The stored shapes of resources and their events.
//!
//! *Warning:* the shapes are what databases hold. A changed one is a new type version (see [`super`]).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use zonelog_dns::LongSerial;

use super::error::{BadValue, DecodeError};
use super::pool::StoredPool;
use super::value::{self, Micros};
use super::{shape, to_text, to_value};
use crate::resource::{
    Blacklist, Body, Event, ExportStatus, ImportStatus, Kind, QuotaOverrides, Resource, Sealed, Tld,
    TransferAccept, TransferRequest, TransferStatus, TsigAlgorithm, TsigKey, TsigScope, ZoneExport,
    ZoneImport,
};
use crate::{ResourceId, ZoneId};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredResource {
    id: Uuid,
    kind: String,
    body: Value,
    revision: i64,
    stream_version: i64,
    created_at: Micros,
    updated_at: Option<Micros>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredTld {
    name: String,
    description: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredBlacklist {
    pattern: String,
    description: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredTsigKey {
    name: String,
    algorithm: String,
    secret: String,
    scope: String,
    resource: Uuid,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredQuotas {
    project: String,
    zones: Option<i64>,
    zone_recordsets: Option<i64>,
    zone_records: Option<i64>,
    recordset_records: Option<i64>,
    api_export_size: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredTransferRequest {
    zone: Uuid,
    zone_name: String,
    project: String,
    target_project: Option<String>,
    key: String,
    description: Option<String>,
    status: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredTransferAccept {
    request: Uuid,
    zone: Uuid,
    project: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredZoneImport {
    project: String,
    status: String,
    message: Option<String>,
    zone: Option<Uuid>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredZoneExport {
    project: String,
    zone: Uuid,
    serial: i64,
    status: String,
    message: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Created {
    resource: StoredResource,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    before: StoredResource,
    after: StoredResource,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deleted {
    before: StoredResource,
}

/// What the name of a resource event's type says.
#[derive(Clone, Copy)]
pub(super) struct EventType {
    kind: Kind,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Created,
    Changed,
    Deleted,
}

impl EventType {
    /// The type of a name; `None` if it is none of a resource.
    pub(super) fn of(type_name: &str) -> Option<Self> {
        let (kind, what) = type_name.rsplit_once('_')?;
        let what = match what {
            "created" => What::Created,
            "changed" => What::Changed,
            "deleted" => What::Deleted,
            _ => return None,
        };
        let kind = Kind::from_label(kind)?;
        Some(Self { kind, what })
    }
}

/// The payload of an event, in the present version of its type.
pub(super) fn encode(event: &Event) -> String {
    match event {
        Event::Created { resource } => to_text(&Created {
            resource: resource.into(),
        }),
        Event::Changed { before, after } => to_text(&Changed {
            before: before.into(),
            after: after.into(),
        }),
        Event::Deleted { before } => to_text(&Deleted {
            before: before.into(),
        }),
    }
}

/// Reads a payload in the present version of its type.
pub(super) fn decode(type_name: &str, event_type: EventType, payload: &str) -> Result<Event, DecodeError> {
    let read = |stored: StoredResource| {
        let kind = event_type.kind.label();
        if stored.kind != kind {
            let bad = BadValue::new("kind", stored.kind, format_args!("not {kind}"));
            return Err(bad.within(type_name));
        }
        stored.into_resource(type_name)
    };
    Ok(match event_type.what {
        What::Created => {
            let Created { resource } = shape(type_name, payload)?;
            Event::Created {
                resource: read(resource)?,
            }
        }
        What::Changed => {
            let Changed { before, after } = shape(type_name, payload)?;
            Event::Changed {
                before: read(before)?,
                after: read(after)?,
            }
        }
        What::Deleted => {
            let Deleted { before } = shape(type_name, payload)?;
            Event::Deleted {
                before: read(before)?,
            }
        }
    })
}

/// A resource as JSON, in the shape that its events have.
pub fn resource_to_value(resource: &Resource) -> Value {
    to_value(&StoredResource::from(resource))
}

/// Reads what [`resource_to_value`] made.
pub fn resource_from_value(value: &Value) -> Result<Resource, DecodeError> {
    let stored =
        StoredResource::deserialize(value).map_err(|error| DecodeError::shape("resource", &error))?;
    stored.into_resource("resource")
}

impl From<&Resource> for StoredResource {
    fn from(resource: &Resource) -> Self {
        Self {
            id: resource.id.uuid(),
            kind: resource.body.kind().label().to_owned(),
            body: body_to_value(&resource.body),
            revision: resource.revision,
            stream_version: resource.stream_version,
            created_at: Micros(resource.created_at),
            updated_at: resource.updated_at.map(Micros),
        }
    }
}

impl StoredResource {
    fn into_resource(self, what: &str) -> Result<Resource, DecodeError> {
        let kind = Kind::from_label(&self.kind)
            .ok_or_else(|| BadValue::new("kind", &self.kind, "not a kind of resource").within(what))?;
        Ok(Resource {
            id: ResourceId::new(self.id),
            body: body_from_value(what, kind, self.body)?,
            revision: self.revision,
            stream_version: self.stream_version,
            created_at: self.created_at.0,
            updated_at: self.updated_at.map(|time| time.0),
        })
    }
}

fn body_to_value(body: &Body) -> Value {
    match body {
        Body::Tld(tld) => to_value(&StoredTld {
            name: tld.name.clone(),
            description: tld.description.clone(),
        }),
        Body::Blacklist(blacklist) => to_value(&StoredBlacklist {
            pattern: blacklist.pattern.clone(),
            description: blacklist.description.clone(),
        }),
        Body::TsigKey(key) => to_value(&StoredTsigKey {
            name: key.name.clone(),
            algorithm: key.algorithm.label().to_owned(),
            secret: key.secret.ciphertext().to_owned(),
            scope: key.scope.label().to_owned(),
            resource: key.resource,
        }),
        Body::Pool(pool) => to_value(&StoredPool::from(pool.as_ref())),
        Body::Quotas(quotas) => to_value(&StoredQuotas {
            project: quotas.project.as_str().to_owned(),
            zones: quotas.zones,
            zone_recordsets: quotas.zone_recordsets,
            zone_records: quotas.zone_records,
            recordset_records: quotas.recordset_records,
            api_export_size: quotas.api_export_size,
        }),
        Body::TransferRequest(request) => to_value(&StoredTransferRequest {
            zone: request.zone.uuid(),
            zone_name: request.zone_name.to_string(),
            project: request.project.as_str().to_owned(),
            target_project: request.target_project.as_ref().map(ToString::to_string),
            key: request.key.ciphertext().to_owned(),
            description: request.description.clone(),
            status: request.status.label().to_owned(),
        }),
        Body::TransferAccept(accept) => to_value(&StoredTransferAccept {
            request: accept.request.uuid(),
            zone: accept.zone.uuid(),
            project: accept.project.as_str().to_owned(),
        }),
        Body::ZoneImport(import) => to_value(&StoredZoneImport {
            project: import.project.as_str().to_owned(),
            status: import.status.label().to_owned(),
            message: import.message.clone(),
            zone: import.zone.map(ZoneId::uuid),
        }),
        Body::ZoneExport(export) => to_value(&StoredZoneExport {
            project: export.project.as_str().to_owned(),
            zone: export.zone.uuid(),
            serial: export.serial.get(),
            status: export.status.label().to_owned(),
            message: export.message.clone(),
        }),
    }
}

fn body_from_value(what: &str, kind: Kind, body: Value) -> Result<Body, DecodeError> {
    read_body(what, kind, body)?.map_err(|bad| bad.within(what))
}

fn read_body(what: &str, kind: Kind, body: Value) -> Result<Result<Body, BadValue>, DecodeError> {
    fn of<T: DeserializeOwned>(what: &str, body: Value) -> Result<T, DecodeError> {
        serde_json::from_value(body).map_err(|error| DecodeError::shape(what, &error))
    }
    Ok(match kind {
        Kind::Tld => {
            let StoredTld { name, description } = of(what, body)?;
            Ok(Body::Tld(Tld { name, description }))
        }
        Kind::Blacklist => {
            let StoredBlacklist { pattern, description } = of(what, body)?;
            Ok(Body::Blacklist(Blacklist { pattern, description }))
        }
        Kind::TsigKey => tsig_key(of(what, body)?),
        Kind::Pool => StoredPool::into_pool(of(what, body)?).map(|pool| Body::Pool(Box::new(pool))),
        Kind::Quotas => quotas(of(what, body)?),
        Kind::TransferRequest => transfer_request(of(what, body)?),
        Kind::TransferAccept => transfer_accept(&of(what, body)?),
        Kind::ZoneImport => zone_import(of(what, body)?),
        Kind::ZoneExport => zone_export(of(what, body)?),
    })
}

fn word<T>(field: &'static str, text: &str, read: fn(&str) -> Option<T>) -> Result<T, BadValue> {
    read(text).ok_or_else(|| BadValue::new(field, text, "not one of its words"))
}

fn tsig_key(stored: StoredTsigKey) -> Result<Body, BadValue> {
    Ok(Body::TsigKey(TsigKey {
        algorithm: word("algorithm", &stored.algorithm, TsigAlgorithm::from_label)?,
        scope: word("scope", &stored.scope, TsigScope::from_label)?,
        name: stored.name,
        secret: Sealed::new(stored.secret),
        resource: stored.resource,
    }))
}

fn quotas(stored: StoredQuotas) -> Result<Body, BadValue> {
    Ok(Body::Quotas(QuotaOverrides {
        project: value::project("project", &stored.project)?,
        zones: stored.zones,
        zone_recordsets: stored.zone_recordsets,
        zone_records: stored.zone_records,
        recordset_records: stored.recordset_records,
        api_export_size: stored.api_export_size,
    }))
}

fn transfer_request(stored: StoredTransferRequest) -> Result<Body, BadValue> {
    let target = stored.target_project.as_deref();
    Ok(Body::TransferRequest(TransferRequest {
        zone: ZoneId::new(stored.zone),
        zone_name: value::zone_name("zone_name", &stored.zone_name)?,
        project: value::project("project", &stored.project)?,
        target_project: target
            .map(|text| value::project("target_project", text))
            .transpose()?,
        status: word("status", &stored.status, TransferStatus::from_label)?,
        key: Sealed::new(stored.key),
        description: stored.description,
    }))
}

fn transfer_accept(stored: &StoredTransferAccept) -> Result<Body, BadValue> {
    Ok(Body::TransferAccept(TransferAccept {
        request: ResourceId::new(stored.request),
        zone: ZoneId::new(stored.zone),
        project: value::project("project", &stored.project)?,
    }))
}

fn zone_import(stored: StoredZoneImport) -> Result<Body, BadValue> {
    Ok(Body::ZoneImport(ZoneImport {
        project: value::project("project", &stored.project)?,
        status: word("status", &stored.status, ImportStatus::from_label)?,
        message: stored.message,
        zone: stored.zone.map(ZoneId::new),
    }))
}

fn zone_export(stored: StoredZoneExport) -> Result<Body, BadValue> {
    Ok(Body::ZoneExport(ZoneExport {
        project: value::project("project", &stored.project)?,
        zone: ZoneId::new(stored.zone),
        serial: LongSerial::from_i64(stored.serial),
        status: word("status", &stored.status, ExportStatus::from_label)?,
        message: stored.message,
    }))
}
