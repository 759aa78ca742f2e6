//! What an event does to a slice: assignment, after a look whether it fits.

use thiserror::Error;

use super::event::Event;
use super::origin::ZoneKind;
use super::state::{Recordset, Share, Zone, ZoneSlice};
use crate::{Timestamp, Version, ZoneId};

/// An event that does not fit the state before it: the log or what was read from it is damaged, or events were left out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("event {event} of version {version} does not fit {}: {why}", zone_text(.zone))]
pub struct Inconsistent {
    /// The event's type name.
    pub event: &'static str,
    /// The version that the event was to have.
    pub version: Version,
    /// The zone of the slice, or the one that the event would have made.
    pub zone: Option<ZoneId>,
    /// What does not fit.
    pub why: &'static str,
}

fn zone_text(zone: &Option<ZoneId>) -> String {
    zone.map_or_else(
        || "a zone that does not exist".to_owned(),
        |id| format!("zone {id}"),
    )
}

/// Applies an event to the slice of its zone; on an error the slice is as it was.
///
/// `at` is when the event was recorded and `version` its place in the zone's stream. `first_of_change` tells the first
/// event of a change-set from those that follow: a change-set moves the zone's revision once, however many events it has.
pub fn apply(
    slice: &mut ZoneSlice,
    event: &Event,
    at: Timestamp,
    version: Version,
    first_of_change: bool,
) -> Result<(), Inconsistent> {
    fit(slice, event, version, first_of_change).map_err(|why| Inconsistent {
        event: event.type_name(),
        version,
        zone: zone_of(slice, event),
        why,
    })?;
    if let Event::ZoneCreated { zone } = event {
        slice.zone = Some(zone.clone());
        return Ok(());
    }
    // `fit` has seen a zone; without one there is nothing to assign to.
    let Some(zone) = slice.zone.as_mut() else {
        return Ok(());
    };
    let recordsets = &mut slice.recordsets;
    match event {
        Event::ZoneCreated { .. } => {}
        Event::ZoneTtlChanged { after, .. } => zone.ttl = *after,
        Event::ZoneEmailChanged { after, .. } => zone.email.clone_from(after),
        Event::ZoneDescriptionChanged { after, .. } => zone.description.clone_from(after),
        Event::ZoneDeleted { .. } | Event::ZoneAbandoned { .. } => {
            zone.deleted = true;
            zone.recordset_count = 0;
            zone.record_count = 0;
            recordsets.clear();
        }
        Event::ZoneShared { share } => slice.shares.push(share.clone()),
        Event::ZoneUnshared { share } => slice.shares.retain(|present| present.id != share.id),
        Event::ZoneTransferred { before, after } => {
            zone.project.clone_from(after);
            let handed_over = recordsets
                .iter_mut()
                .filter(|recordset| recordset.project == *before);
            handed_over.for_each(|recordset| recordset.project.clone_from(after));
        }
        Event::ZoneMovedToPool { after, .. } => zone.pool = *after,
        Event::ZoneMoveAdvanced { .. } => {}
        Event::ZonePrimaryNameserverChanged { after, .. } => zone.primary_nameserver.clone_from(after),
        Event::ZoneMastersChanged { after, .. } => {
            zone.kind = ZoneKind::Secondary {
                masters: after.clone(),
            };
        }
        Event::ZoneRefreshedFromPrimary { after, .. } => {
            zone.primary_nameserver.clone_from(&after.primary_nameserver);
            zone.email.clone_from(&after.email);
            zone.ttl = after.ttl;
            zone.timers = after.timers;
            zone.transferred_at = Some(at);
        }
        Event::RecordsetCreated { recordset, .. } => {
            count(zone, recordset, 1);
            recordsets.push(recordset.clone());
        }
        Event::RecordsetChanged { before, after, .. } => {
            count(zone, before, -1);
            count(zone, after, 1);
            if let Some(recordset) = recordsets.iter_mut().find(|recordset| recordset.id == after.id) {
                recordset.clone_from(after);
            }
        }
        Event::RecordsetDeleted { before, .. } => {
            count(zone, before, -1);
            recordsets.retain(|recordset| recordset.id != before.id);
        }
    }
    if let Some(serial) = event.serial() {
        zone.serial = serial;
    }
    if first_of_change {
        zone.revision += 1;
        zone.updated_at = Some(at);
    }
    zone.stream_version = version;
    Ok(())
}

/// Counts a recordset in (`1`) or out (`-1`); managed ones do not count.
fn count(zone: &mut Zone, recordset: &Recordset, times: i64) {
    if !recordset.managed {
        let records = i64::try_from(recordset.records.len()).unwrap_or(i64::MAX);
        zone.recordset_count += times;
        zone.record_count = zone.record_count.saturating_add(times.saturating_mul(records));
    }
}

fn zone_of(slice: &ZoneSlice, event: &Event) -> Option<ZoneId> {
    match event {
        Event::ZoneCreated { zone } => Some(zone.id),
        _ => slice.zone.as_ref().map(|zone| zone.id),
    }
}

fn fit(
    slice: &ZoneSlice,
    event: &Event,
    version: Version,
    first_of_change: bool,
) -> Result<(), &'static str> {
    if let Event::ZoneCreated { zone } = event {
        ensure(slice.zone.is_none(), "the zone exists")?;
        ensure(
            first_of_change,
            "the creation is not the first event of its change",
        )?;
        return ensure(
            zone.stream_version == version,
            "the zone's own version is another",
        );
    }
    let zone = slice.zone.as_ref().ok_or("the zone does not exist")?;
    ensure(!zone.deleted, "the zone is deleted")?;
    ensure(version == zone.stream_version + 1, "it is not the next version")?;
    serial_fits(zone, event, first_of_change)?;
    match event {
        Event::ZoneCreated { .. } => Ok(()),
        Event::ZoneTtlChanged { before, .. } => ensure(*before == zone.ttl, "the TTL before is another"),
        Event::ZoneEmailChanged { before, .. } => {
            ensure(*before == zone.email, "the email before is another")
        }
        Event::ZoneDescriptionChanged { before, .. } => {
            ensure(*before == zone.description, "the description before is another")
        }
        Event::ZoneDeleted { zone: before, .. } | Event::ZoneAbandoned { zone: before } => {
            ensure(before.id == zone.id, "it is another zone's")
        }
        Event::ZoneShared { share } => {
            let taken = |other: &Share| other.id == share.id || other.target_project == share.target_project;
            ensure(!slice.shares.iter().any(taken), "the share exists")
        }
        Event::ZoneUnshared { share } => ensure(slice.shares.contains(share), "the share does not exist"),
        Event::ZoneTransferred { before, .. } => {
            ensure(*before == zone.project, "the owner before is another")
        }
        Event::ZoneMovedToPool { before, .. } => ensure(*before == zone.pool, "the pool before is another"),
        Event::ZoneMoveAdvanced { before, after, .. } => {
            ensure(*after == zone.pool && *before != zone.pool, "the pool is another")
        }
        Event::ZonePrimaryNameserverChanged { before, .. } => ensure(
            *before == zone.primary_nameserver,
            "the primary name server before is another",
        ),
        Event::ZoneMastersChanged { before, .. } => ensure(
            zone.kind.is_secondary() && *before == zone.kind.masters(),
            "the masters before are others",
        ),
        Event::ZoneRefreshedFromPrimary { before, .. } => ensure(
            zone.kind.is_secondary() && *before == zone.soa_fields(),
            "the SOA before is another",
        ),
        Event::RecordsetCreated { recordset, .. } => {
            let taken = |other: &Recordset| {
                other.id == recordset.id
                    || (other.rrtype == recordset.rrtype && other.owner == recordset.owner)
            };
            ensure(!slice.recordsets.iter().any(taken), "the recordset exists")
        }
        Event::RecordsetChanged { before, after, .. } => {
            ensure(before.id == after.id, "before and after are different recordsets")?;
            holds(slice, before)
        }
        Event::RecordsetDeleted { before, .. } => holds(slice, before),
    }
}

/// The events of a change-set share one serial, newer than any before.
fn serial_fits(zone: &Zone, event: &Event, first_of_change: bool) -> Result<(), &'static str> {
    match event.serial() {
        Some(serial) if first_of_change => {
            ensure(serial > zone.serial, "its serial is not newer than the zone's")
        }
        Some(serial) => ensure(serial >= zone.serial, "its serial is older than the zone's"),
        None => Ok(()),
    }
}

fn holds(slice: &ZoneSlice, before: &Recordset) -> Result<(), &'static str> {
    let present = slice
        .recordsets
        .iter()
        .find(|recordset| recordset.id == before.id);
    let present = present.ok_or("the recordset does not exist")?;
    ensure(present == before, "the recordset before is another")
}

fn ensure(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}
