//! The stored shapes of zones, recordsets and shares.
//!
//! *Warning:* the shapes are what databases hold. A changed one is a new type version (see [`super`]).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use zonelog_dns::LongSerial;

use super::error::{BadValue, DecodeError};
use super::pool::StoredHostPort;
use super::to_value;
use super::value::{self, Micros};
use crate::zone::{ManagedResource, Record, Recordset, Share, SoaFields, SoaTimers, Zone, ZoneKind};
use crate::{PoolId, RecordsetId, ShareId, ZoneId};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredZone<'a> {
    id: Uuid,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    project: Cow<'a, str>,
    pool: Uuid,
    #[serde(borrow)]
    email: Cow<'a, str>,
    ttl: i64,
    description: Option<Cow<'a, str>>,
    attributes: Cow<'a, BTreeMap<String, String>>,
    #[serde(borrow)]
    primary_nameserver: Cow<'a, str>,
    refresh: u32,
    retry: u32,
    expire: u32,
    minimum: u32,
    serial: i64,
    soa_recordset: Uuid,
    revision: i64,
    stream_version: i64,
    created_at: Micros,
    updated_at: Option<Micros>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transferred_at: Option<Micros>,
    /// Of a secondary zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    masters: Option<Vec<StoredHostPort>>,
    deleted: bool,
}

impl<'a> From<&'a Zone> for StoredZone<'a> {
    fn from(zone: &'a Zone) -> Self {
        Self {
            id: zone.id.uuid(),
            name: zone.name.to_string().into(),
            project: zone.project.as_str().into(),
            pool: zone.pool.uuid(),
            email: zone.email.as_str().into(),
            ttl: zone.ttl.get().into(),
            description: zone.description.as_deref().map(Cow::Borrowed),
            attributes: Cow::Borrowed(&zone.attributes),
            primary_nameserver: zone.primary_nameserver.to_string().into(),
            refresh: zone.timers.refresh,
            retry: zone.timers.retry,
            expire: zone.timers.expire,
            minimum: zone.timers.minimum,
            serial: zone.serial.get(),
            soa_recordset: zone.soa_recordset.uuid(),
            revision: zone.revision,
            stream_version: zone.stream_version,
            created_at: Micros(zone.created_at),
            updated_at: zone.updated_at.map(Micros),
            transferred_at: zone.transferred_at.map(Micros),
            masters: match &zone.kind {
                ZoneKind::Primary => None,
                ZoneKind::Secondary { masters } => Some(masters.iter().map(Into::into).collect()),
            },
            deleted: zone.deleted,
        }
    }
}

impl StoredZone<'_> {
    pub(super) fn into_zone(self) -> Result<Zone, BadValue> {
        Ok(Zone {
            id: ZoneId::new(self.id),
            name: value::zone_name("name", &self.name)?,
            project: value::project("project", &self.project)?,
            pool: PoolId::new(self.pool),
            kind: match self.masters {
                None => ZoneKind::Primary,
                Some(masters) => ZoneKind::Secondary {
                    masters: masters.into_iter().map(Into::into).collect(),
                },
            },
            email: self.email.into_owned(),
            ttl: value::ttl("ttl", self.ttl)?,
            description: self.description.map(Cow::into_owned),
            attributes: self.attributes.into_owned(),
            primary_nameserver: value::name("primary_nameserver", &self.primary_nameserver)?,
            timers: SoaTimers {
                refresh: self.refresh,
                retry: self.retry,
                expire: self.expire,
                minimum: self.minimum,
            },
            serial: LongSerial::from_i64(self.serial),
            soa_recordset: RecordsetId::new(self.soa_recordset),
            revision: self.revision,
            stream_version: self.stream_version,
            recordset_count: 0,
            record_count: 0,
            created_at: self.created_at.0,
            updated_at: self.updated_at.map(|time| time.0),
            transferred_at: self.transferred_at.map(|time| time.0),
            deleted: self.deleted,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredManagedResource<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    region: Option<Cow<'a, str>>,
    #[serde(borrow)]
    project: Cow<'a, str>,
}

impl<'a> From<&'a ManagedResource> for StoredManagedResource<'a> {
    fn from(resource: &'a ManagedResource) -> Self {
        Self {
            kind: resource.kind.as_str().into(),
            id: resource.id.as_str().into(),
            region: resource.region.as_deref().map(Cow::Borrowed),
            project: resource.project.as_str().into(),
        }
    }
}

impl StoredManagedResource<'_> {
    fn into_managed_resource(self) -> Result<ManagedResource, BadValue> {
        Ok(ManagedResource {
            kind: self.kind.into_owned(),
            id: self.id.into_owned(),
            region: self.region.map(Cow::into_owned),
            project: value::project("managed_resource.project", &self.project)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredRecordset<'a> {
    id: Uuid,
    #[serde(borrow)]
    owner: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    rrtype: Cow<'a, str>,
    ttl: Option<i64>,
    records: Vec<Cow<'a, str>>,
    description: Option<Cow<'a, str>>,
    managed: bool,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    managed_resource: Option<StoredManagedResource<'a>>,
    #[serde(borrow)]
    project: Cow<'a, str>,
    revision: i64,
    created_at: Micros,
    updated_at: Option<Micros>,
}

impl<'a> From<&'a Recordset> for StoredRecordset<'a> {
    fn from(recordset: &'a Recordset) -> Self {
        Self {
            id: recordset.id.uuid(),
            owner: recordset.owner.to_string().into(),
            rrtype: recordset
                .rrtype
                .mnemonic()
                .map_or_else(|| recordset.rrtype.to_string().into(), Cow::Borrowed),
            ttl: recordset.ttl.map(|ttl| ttl.get().into()),
            records: recordset
                .records
                .iter()
                .map(|record| Cow::Borrowed(record.text()))
                .collect(),
            description: recordset.description.as_deref().map(Cow::Borrowed),
            managed: recordset.managed,
            managed_resource: recordset.managed_resource.as_deref().map(Into::into),
            project: recordset.project.as_str().into(),
            revision: recordset.revision,
            created_at: Micros(recordset.created_at),
            updated_at: recordset.updated_at.map(Micros),
        }
    }
}

impl StoredRecordset<'_> {
    pub(super) fn into_recordset(self) -> Result<Recordset, BadValue> {
        let rrtype = value::rrtype("type", &self.rrtype)?;
        let record = |text: Cow<'_, str>| {
            Record::kept(rrtype, &text).map_err(|error| BadValue::new("records", &text, error))
        };
        Ok(Recordset {
            id: RecordsetId::new(self.id),
            owner: value::owner_name("owner", &self.owner)?,
            rrtype,
            ttl: self.ttl.map(|ttl| value::ttl("ttl", ttl)).transpose()?,
            records: self.records.into_iter().map(record).collect::<Result<_, _>>()?,
            description: self.description.map(Cow::into_owned),
            managed: self.managed,
            managed_resource: self
                .managed_resource
                .map(StoredManagedResource::into_managed_resource)
                .transpose()?
                .map(Box::new),
            project: value::project("project", &self.project)?,
            revision: self.revision,
            created_at: self.created_at.0,
            updated_at: self.updated_at.map(|time| time.0),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredShare<'a> {
    id: Uuid,
    #[serde(borrow)]
    target_project: Cow<'a, str>,
    #[serde(borrow)]
    project: Cow<'a, str>,
    created_at: Micros,
}

impl<'a> From<&'a Share> for StoredShare<'a> {
    fn from(share: &'a Share) -> Self {
        Self {
            id: share.id.uuid(),
            target_project: share.target_project.as_str().into(),
            project: share.project.as_str().into(),
            created_at: Micros(share.created_at),
        }
    }
}

impl StoredShare<'_> {
    pub(super) fn into_share(self) -> Result<Share, BadValue> {
        Ok(Share {
            id: ShareId::new(self.id),
            target_project: value::project("target_project", &self.target_project)?,
            project: value::project("project", &self.project)?,
            created_at: self.created_at.0,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredSoaFields<'a> {
    #[serde(borrow)]
    primary_nameserver: Cow<'a, str>,
    #[serde(borrow)]
    email: Cow<'a, str>,
    ttl: i64,
    refresh: u32,
    retry: u32,
    expire: u32,
    minimum: u32,
}

impl<'a> From<&'a SoaFields> for StoredSoaFields<'a> {
    fn from(fields: &'a SoaFields) -> Self {
        Self {
            primary_nameserver: fields.primary_nameserver.to_string().into(),
            email: fields.email.as_str().into(),
            ttl: fields.ttl.get().into(),
            refresh: fields.timers.refresh,
            retry: fields.timers.retry,
            expire: fields.timers.expire,
            minimum: fields.timers.minimum,
        }
    }
}

impl StoredSoaFields<'_> {
    pub(super) fn into_soa_fields(self) -> Result<SoaFields, BadValue> {
        Ok(SoaFields {
            primary_nameserver: value::name("primary_nameserver", &self.primary_nameserver)?,
            email: self.email.into_owned(),
            ttl: value::ttl("ttl", self.ttl)?,
            timers: SoaTimers {
                refresh: self.refresh,
                retry: self.retry,
                expire: self.expire,
                minimum: self.minimum,
            },
        })
    }
}

/// A zone as JSON, in the shape that its events have.
pub fn zone_to_value(zone: &Zone) -> Value {
    to_value(&StoredZone::from(zone))
}

/// Reads what [`zone_to_value`] made.
pub fn zone_from_value(value: &Value) -> Result<Zone, DecodeError> {
    let stored = StoredZone::deserialize(value).map_err(|error| DecodeError::shape("zone", &error))?;
    stored.into_zone().map_err(|bad| bad.within("zone"))
}

/// A recordset as JSON, in the shape that its events have.
pub fn recordset_to_value(recordset: &Recordset) -> Value {
    to_value(&StoredRecordset::from(recordset))
}

/// Reads what [`recordset_to_value`] made.
pub fn recordset_from_value(value: &Value) -> Result<Recordset, DecodeError> {
    let stored =
        StoredRecordset::deserialize(value).map_err(|error| DecodeError::shape("recordset", &error))?;
    stored.into_recordset().map_err(|bad| bad.within("recordset"))
}
