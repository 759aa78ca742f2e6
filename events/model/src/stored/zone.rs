//! The stored shapes of zones, recordsets and their events.
//!
//! *Warning:* the shapes are what databases hold. A changed one is a new type version (see [`super`]).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use zonelog_dns::LongSerial;

use super::error::{BadValue, DecodeError};
use super::value::{self, Micros};
use super::{to_text, to_value};
use crate::zone::{Event, Record, Recordset, SoaTimers, Zone};
use crate::{PoolId, RecordsetId, ZoneId};

/// The types of a zone's stream, with the version in which each is written.
pub(super) const TYPES: &[(&str, i16)] = &[
    ("zone_created", 1),
    ("zone_ttl_changed", 1),
    ("zone_email_changed", 1),
    ("zone_description_changed", 1),
    ("zone_deleted", 1),
    ("recordset_created", 1),
    ("recordset_changed", 1),
    ("recordset_deleted", 1),
];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredZone<'a> {
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
            deleted: zone.deleted,
        }
    }
}

impl StoredZone<'_> {
    fn into_zone(self) -> Result<Zone, BadValue> {
        Ok(Zone {
            id: ZoneId::new(self.id),
            name: value::zone_name("name", &self.name)?,
            project: value::project("project", &self.project)?,
            pool: PoolId::new(self.pool),
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
            created_at: self.created_at.0,
            updated_at: self.updated_at.map(|time| time.0),
            deleted: self.deleted,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRecordset<'a> {
    id: Uuid,
    #[serde(borrow)]
    owner: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    rrtype: Cow<'a, str>,
    ttl: Option<i64>,
    records: Vec<Cow<'a, str>>,
    description: Option<Cow<'a, str>>,
    managed: bool,
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
            project: recordset.project.as_str().into(),
            revision: recordset.revision,
            created_at: Micros(recordset.created_at),
            updated_at: recordset.updated_at.map(Micros),
        }
    }
}

impl StoredRecordset<'_> {
    fn into_recordset(self) -> Result<Recordset, BadValue> {
        let rrtype = value::rrtype("type", &self.rrtype)?;
        let record = |text: Cow<'_, str>| {
            Record::parse(rrtype, &text).map_err(|error| BadValue::new("records", &text, error))
        };
        Ok(Recordset {
            id: RecordsetId::new(self.id),
            owner: value::owner_name("owner", &self.owner)?,
            rrtype,
            ttl: self.ttl.map(|ttl| value::ttl("ttl", ttl)).transpose()?,
            records: self.records.into_iter().map(record).collect::<Result<_, _>>()?,
            description: self.description.map(Cow::into_owned),
            managed: self.managed,
            project: value::project("project", &self.project)?,
            revision: self.revision,
            created_at: self.created_at.0,
            updated_at: self.updated_at.map(|time| time.0),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeZone<'a> {
    #[serde(borrow)]
    zone: StoredZone<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TtlChanged {
    before: i64,
    after: i64,
    serial: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailChanged<'a> {
    #[serde(borrow)]
    before: Cow<'a, str>,
    #[serde(borrow)]
    after: Cow<'a, str>,
    serial: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DescriptionChanged<'a> {
    before: Option<Cow<'a, str>>,
    after: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordsetCreated<'a> {
    #[serde(borrow)]
    recordset: StoredRecordset<'a>,
    serial: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordsetChanged<'a> {
    #[serde(borrow)]
    before: StoredRecordset<'a>,
    #[serde(borrow)]
    after: StoredRecordset<'a>,
    serial: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordsetDeleted<'a> {
    #[serde(borrow)]
    before: StoredRecordset<'a>,
    serial: Option<i64>,
}

/// The payload of an event, in the present version of its type.
pub(super) fn encode(event: &Event) -> String {
    match event {
        Event::ZoneCreated { zone } | Event::ZoneDeleted { zone } => {
            to_text(&WholeZone { zone: zone.into() })
        }
        Event::ZoneTtlChanged {
            before,
            after,
            serial,
        } => to_text(&TtlChanged {
            before: before.get().into(),
            after: after.get().into(),
            serial: serial.get(),
        }),
        Event::ZoneEmailChanged {
            before,
            after,
            serial,
        } => to_text(&EmailChanged {
            before: before.into(),
            after: after.into(),
            serial: serial.get(),
        }),
        Event::ZoneDescriptionChanged { before, after } => to_text(&DescriptionChanged {
            before: before.as_deref().map(Cow::Borrowed),
            after: after.as_deref().map(Cow::Borrowed),
        }),
        Event::RecordsetCreated { recordset, serial } => to_text(&RecordsetCreated {
            recordset: recordset.into(),
            serial: serial.map(LongSerial::get),
        }),
        Event::RecordsetChanged {
            before,
            after,
            serial,
        } => to_text(&RecordsetChanged {
            before: before.into(),
            after: after.into(),
            serial: serial.map(LongSerial::get),
        }),
        Event::RecordsetDeleted { before, serial } => to_text(&RecordsetDeleted {
            before: before.into(),
            serial: serial.map(LongSerial::get),
        }),
    }
}

/// Reads a payload in the present version of its type.
pub(super) fn decode(type_name: &str, payload: &str) -> Result<Event, DecodeError> {
    let event = match type_name {
        "zone_created" => {
            let WholeZone { zone } = shape(type_name, payload)?;
            zone.into_zone().map(|zone| Event::ZoneCreated { zone })
        }
        "zone_deleted" => {
            let WholeZone { zone } = shape(type_name, payload)?;
            zone.into_zone().map(|zone| Event::ZoneDeleted { zone })
        }
        "zone_ttl_changed" => ttl_changed(&shape(type_name, payload)?),
        "zone_email_changed" => {
            let EmailChanged {
                before,
                after,
                serial,
            } = shape(type_name, payload)?;
            let serial = LongSerial::from_i64(serial);
            Ok(Event::ZoneEmailChanged {
                before: before.into_owned(),
                after: after.into_owned(),
                serial,
            })
        }
        "zone_description_changed" => {
            let DescriptionChanged { before, after } = shape(type_name, payload)?;
            let (before, after) = (before.map(Cow::into_owned), after.map(Cow::into_owned));
            Ok(Event::ZoneDescriptionChanged { before, after })
        }
        "recordset_created" => {
            let RecordsetCreated { recordset, serial } = shape(type_name, payload)?;
            let serial = serial.map(LongSerial::from_i64);
            recordset
                .into_recordset()
                .map(|recordset| Event::RecordsetCreated { recordset, serial })
        }
        "recordset_changed" => recordset_changed(shape(type_name, payload)?),
        "recordset_deleted" => {
            let RecordsetDeleted { before, serial } = shape(type_name, payload)?;
            let serial = serial.map(LongSerial::from_i64);
            before
                .into_recordset()
                .map(|before| Event::RecordsetDeleted { before, serial })
        }
        _ => return Err(DecodeError::UnknownType(type_name.to_owned())),
    };
    event.map_err(|bad| bad.within(type_name))
}

fn shape<'a, T: Deserialize<'a>>(type_name: &str, payload: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(payload).map_err(|error| DecodeError::shape(type_name, &error))
}

fn ttl_changed(stored: &TtlChanged) -> Result<Event, BadValue> {
    Ok(Event::ZoneTtlChanged {
        before: value::ttl("before", stored.before)?,
        after: value::ttl("after", stored.after)?,
        serial: LongSerial::from_i64(stored.serial),
    })
}

fn recordset_changed(stored: RecordsetChanged<'_>) -> Result<Event, BadValue> {
    Ok(Event::RecordsetChanged {
        before: stored.before.into_recordset()?,
        after: stored.after.into_recordset()?,
        serial: stored.serial.map(LongSerial::from_i64),
    })
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
