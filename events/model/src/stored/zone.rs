//! The stored shapes of a zone's events.
//!
//! *Warning:* the shapes are what databases hold. A changed one is a new type version (see [`super`]).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zonelog_dns::LongSerial;

use super::error::{BadValue, DecodeError};
use super::pool::StoredHostPort;
use super::value;
use super::zone_state::{StoredRecordset, StoredShare, StoredSoaFields, StoredZone};
use super::{shape, to_text};
use crate::PoolId;
use crate::zone::{ChangeOfOwnership, Event, MoveStep};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeZone<'a> {
    #[serde(borrow)]
    zone: StoredZone<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneDeleted<'a> {
    #[serde(borrow)]
    zone: StoredZone<'a>,
    /// It came later than the rest: stored only when set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hard: bool,
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeShare<'a> {
    #[serde(borrow)]
    share: StoredShare<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transferred<'a> {
    #[serde(borrow)]
    before: Cow<'a, str>,
    #[serde(borrow)]
    after: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MovedToPool<'a> {
    before: Uuid,
    after: Uuid,
    /// Null came later, with secondary zones.
    serial: Option<i64>,
    /// It came later than the rest: stored only when there is one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    coo: Option<StoredChangeOfOwnership<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredChangeOfOwnership<'a> {
    #[serde(borrow)]
    catalog: Cow<'a, str>,
    waits: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveAdvanced<'a> {
    before: Uuid,
    after: Uuid,
    since: i64,
    #[serde(borrow)]
    step: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MastersChanged {
    before: Vec<StoredHostPort>,
    after: Vec<StoredHostPort>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshedFromPrimary<'a> {
    #[serde(borrow)]
    before: StoredSoaFields<'a>,
    #[serde(borrow)]
    after: StoredSoaFields<'a>,
    serial: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NameserverChanged<'a> {
    #[serde(borrow)]
    before: Cow<'a, str>,
    #[serde(borrow)]
    after: Cow<'a, str>,
    serial: i64,
}

/// The payload of an event, in the present version of its type.
pub(super) fn encode(event: &Event) -> String {
    match event {
        Event::ZoneCreated { zone } | Event::ZoneAbandoned { zone } => {
            to_text(&WholeZone { zone: zone.into() })
        }
        Event::ZoneDeleted { zone, hard } => to_text(&ZoneDeleted {
            zone: zone.into(),
            hard: *hard,
        }),
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
        Event::ZoneShared { share } | Event::ZoneUnshared { share } => {
            to_text(&WholeShare { share: share.into() })
        }
        Event::ZoneTransferred { before, after } => to_text(&Transferred {
            before: before.as_str().into(),
            after: after.as_str().into(),
        }),
        Event::ZoneMovedToPool {
            before,
            after,
            serial,
            coo,
        } => to_text(&MovedToPool {
            before: before.uuid(),
            after: after.uuid(),
            serial: serial.map(LongSerial::get),
            coo: coo.as_ref().map(|coo| StoredChangeOfOwnership {
                catalog: coo.catalog.to_string().into(),
                waits: coo.waits,
            }),
        }),
        Event::ZoneMoveAdvanced {
            before,
            after,
            since,
            step,
        } => to_text(&MoveAdvanced {
            before: before.uuid(),
            after: after.uuid(),
            since: *since,
            step: step.label().into(),
        }),
        Event::ZoneMastersChanged { before, after } => to_text(&MastersChanged {
            before: before.iter().map(Into::into).collect(),
            after: after.iter().map(Into::into).collect(),
        }),
        Event::ZoneRefreshedFromPrimary {
            before,
            after,
            serial,
        } => to_text(&RefreshedFromPrimary {
            before: before.into(),
            after: after.into(),
            serial: serial.get(),
        }),
        Event::ZonePrimaryNameserverChanged {
            before,
            after,
            serial,
        } => to_text(&NameserverChanged {
            before: before.to_string().into(),
            after: after.to_string().into(),
            serial: serial.get(),
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
            let ZoneDeleted { zone, hard } = shape(type_name, payload)?;
            zone.into_zone().map(|zone| Event::ZoneDeleted { zone, hard })
        }
        "zone_abandoned" => {
            let WholeZone { zone } = shape(type_name, payload)?;
            zone.into_zone().map(|zone| Event::ZoneAbandoned { zone })
        }
        "zone_shared" => {
            let WholeShare { share } = shape(type_name, payload)?;
            share.into_share().map(|share| Event::ZoneShared { share })
        }
        "zone_unshared" => {
            let WholeShare { share } = shape(type_name, payload)?;
            share.into_share().map(|share| Event::ZoneUnshared { share })
        }
        "zone_transferred" => transferred(&shape(type_name, payload)?),
        "zone_moved_to_pool" => {
            let MovedToPool {
                before,
                after,
                serial,
                coo,
            } = shape::<MovedToPool<'_>>(type_name, payload)?;
            let coo = coo.map(|coo| {
                Ok(ChangeOfOwnership {
                    catalog: value::name("coo.catalog", &coo.catalog)?,
                    waits: coo.waits,
                })
            });
            coo.transpose().map(|coo| Event::ZoneMovedToPool {
                before: PoolId::new(before),
                after: PoolId::new(after),
                serial: serial.map(LongSerial::from_i64),
                coo,
            })
        }
        "zone_move_advanced" => {
            let MoveAdvanced {
                before,
                after,
                since,
                step,
            } = shape::<MoveAdvanced<'_>>(type_name, payload)?;
            let known = MoveStep::from_label(&step);
            let step = known.ok_or_else(|| BadValue::new("step", &step, "it is no step of a move"));
            step.map(|step| Event::ZoneMoveAdvanced {
                before: PoolId::new(before),
                after: PoolId::new(after),
                since,
                step,
            })
        }
        "zone_masters_changed" => {
            let MastersChanged { before, after } = shape(type_name, payload)?;
            Ok(Event::ZoneMastersChanged {
                before: before.into_iter().map(Into::into).collect(),
                after: after.into_iter().map(Into::into).collect(),
            })
        }
        "zone_refreshed_from_primary" => refreshed(shape(type_name, payload)?),
        "zone_primary_nameserver_changed" => nameserver_changed(&shape(type_name, payload)?),
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

fn ttl_changed(stored: &TtlChanged) -> Result<Event, BadValue> {
    Ok(Event::ZoneTtlChanged {
        before: value::ttl("before", stored.before)?,
        after: value::ttl("after", stored.after)?,
        serial: LongSerial::from_i64(stored.serial),
    })
}

fn transferred(stored: &Transferred<'_>) -> Result<Event, BadValue> {
    Ok(Event::ZoneTransferred {
        before: value::project("before", &stored.before)?,
        after: value::project("after", &stored.after)?,
    })
}

fn nameserver_changed(stored: &NameserverChanged<'_>) -> Result<Event, BadValue> {
    Ok(Event::ZonePrimaryNameserverChanged {
        before: value::name("before", &stored.before)?,
        after: value::name("after", &stored.after)?,
        serial: LongSerial::from_i64(stored.serial),
    })
}

fn refreshed(stored: RefreshedFromPrimary<'_>) -> Result<Event, BadValue> {
    Ok(Event::ZoneRefreshedFromPrimary {
        before: stored.before.into_soa_fields()?,
        after: stored.after.into_soa_fields()?,
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
