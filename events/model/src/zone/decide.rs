//! From a command to the events it becomes: one function a command, no reading beyond the slice.

use std::collections::HashSet;

use zonelog_dns::{LongSerial, OwnerName, RdataError, Rrtype};

use super::command::{
    Command, CreateRecordset, CreateZone, DeleteRecordset, DeleteZone, Patch, UpdateRecordset, UpdateZone,
};
use super::event::Event;
use super::facts::Facts;
use super::rejection::Rejection;
use super::rules;
use super::state::{Record, Recordset, Zone, ZoneSlice};
use crate::{Timestamp, ZoneId};

/// Decides a command: the events it becomes, in order, or why it is refused.
///
/// Every event that changes what the zone's servers answer carries the same serial, one step after the zone's last. No
/// events at all means that there is nothing to change: the command is accepted, and the zone stays as it is.
pub fn decide(
    slice: &ZoneSlice,
    command: &Command,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::CreateZone(command) => create_zone(slice, command, facts, now),
        Command::UpdateZone(command) => update_zone(slice, command, facts, now),
        Command::DeleteZone(command) => delete_zone(slice, command, facts),
        Command::CreateRecordset(command) => create_recordset(slice, command, facts, now),
        Command::UpdateRecordset(command) => update_recordset(slice, command, facts, now),
        Command::DeleteRecordset(command) => delete_recordset(slice, command, now),
    }
}

fn create_zone(
    slice: &ZoneSlice,
    command: &CreateZone,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    rules::zone_name_fits(&command.name, &facts.limits)?;
    if let Some(ttl) = command.ttl {
        rules::ttl_is_allowed(ttl, command.may_use_low_ttl, &facts.limits)?;
    }
    rules::email_fits_soa(&command.email)?;
    rules::description_fits(command.description.as_deref())?;
    rules::attributes_fit(&command.attributes)?;
    rules::zone_is_new(slice.zone.as_ref(), command)?;
    rules::zone_name_is_free(&command.name, &command.project, facts)?;
    rules::zone_is_not_below_anothers(&command.project, facts)?;
    rules::zone_is_not_above_anothers(&command.project, facts)?;

    let apex = OwnerName::from(command.name.clone());
    let nameservers = apex_nameservers(&apex, facts)?;
    let primary_nameserver = facts
        .pool
        .nameservers
        .first()
        .ok_or(Rejection::NoNameservers(facts.pool.id))?
        .clone();
    let now_unix = now.timestamp();
    let first = LongSerial::first(now_unix);
    let serial = facts.last_serial.map_or(first, |last| last.next(now_unix));
    let zone = Zone {
        id: command.zone,
        name: command.name.clone(),
        project: command.project.clone(),
        pool: facts.pool.id,
        email: command.email.clone(),
        ttl: command.ttl.unwrap_or(facts.limits.default_ttl),
        description: command.description.clone(),
        attributes: command.attributes.clone(),
        primary_nameserver,
        timers: command.timers,
        serial,
        soa_recordset: command.soa_recordset,
        revision: 1,
        stream_version: 1,
        created_at: now,
        updated_at: None,
        deleted: false,
    };
    let apex_ns = Recordset {
        id: command.ns_recordset,
        owner: apex,
        rrtype: Rrtype::NS,
        ttl: None,
        records: nameservers,
        description: None,
        managed: true,
        project: command.project.clone(),
        revision: 1,
        created_at: now,
        updated_at: None,
    };
    Ok(vec![
        Event::ZoneCreated { zone },
        Event::RecordsetCreated {
            recordset: apex_ns,
            serial: Some(serial),
        },
    ])
}

fn update_zone(
    slice: &ZoneSlice,
    command: &UpdateZone,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = live_zone(slice, command.zone)?;
    let serial = next_serial(zone, now);
    let mut events = Vec::new();
    if let Some(after) = changed(&zone.ttl, &command.ttl) {
        rules::ttl_is_allowed(*after, command.may_use_low_ttl, &facts.limits)?;
        events.push(Event::ZoneTtlChanged {
            before: zone.ttl,
            after: *after,
            serial,
        });
    }
    if let Some(after) = changed(&zone.email, &command.email) {
        rules::email_fits_soa(after)?;
        events.push(Event::ZoneEmailChanged {
            before: zone.email.clone(),
            after: after.clone(),
            serial,
        });
    }
    if let Some(after) = changed(&zone.description, &command.description) {
        rules::description_fits(after.as_deref())?;
        events.push(Event::ZoneDescriptionChanged {
            before: zone.description.clone(),
            after: after.clone(),
        });
    }
    Ok(events)
}

fn delete_zone(slice: &ZoneSlice, command: &DeleteZone, facts: &Facts) -> Result<Vec<Event>, Rejection> {
    let zone = known_zone(slice, command.zone)?;
    if zone.deleted {
        return Ok(Vec::new());
    }
    rules::zone_has_none_below(facts)?;
    Ok(vec![Event::ZoneDeleted { zone: zone.clone() }])
}

fn create_recordset(
    slice: &ZoneSlice,
    command: &CreateRecordset,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = live_zone(slice, command.zone)?;
    rules::type_can_be_created(command.rrtype)?;
    rules::owner_is_well_formed(&command.owner)?;
    rules::recordset_name_fits(&command.owner, &facts.limits)?;
    rules::owner_fits_type(&command.owner, command.rrtype)?;
    if let Some(ttl) = command.ttl {
        rules::ttl_is_allowed(ttl, command.may_use_low_ttl, &facts.limits)?;
    }
    rules::description_fits(command.description.as_deref())?;
    let records = records_of_type(command.rrtype, &command.owner, &command.records)?;
    rules::cname_is_single(command.rrtype, &records)?;
    rules::owner_is_in_zone(&command.owner, zone)?;
    rules::owner_is_not_in_child_zone(&command.owner, facts)?;
    rules::recordset_is_new(
        command.recordset,
        &command.owner,
        command.rrtype,
        &slice.recordsets,
    )?;
    rules::cname_is_not_at_apex(&command.owner, command.rrtype, zone)?;
    rules::cname_is_alone(&command.owner, command.rrtype, &slice.recordsets)?;

    let recordset = Recordset {
        id: command.recordset,
        owner: command.owner.clone(),
        rrtype: command.rrtype,
        ttl: command.ttl,
        records,
        description: command.description.clone(),
        managed: false,
        project: command.project.clone(),
        revision: 1,
        created_at: now,
        updated_at: None,
    };
    let serial = (!recordset.records.is_empty()).then(|| next_serial(zone, now));
    Ok(vec![Event::RecordsetCreated { recordset, serial }])
}

fn update_recordset(
    slice: &ZoneSlice,
    command: &UpdateRecordset,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = live_zone(slice, command.zone)?;
    let before = rules::editable_recordset(slice, zone, command.recordset, command.may_edit_managed)
        .map_err(|refused| refused.rejection(command.recordset, Rejection::ManagedRecordsetUpdate))?;

    let mut after = before.clone();
    if let Some(ttl) = changed(&before.ttl, &command.ttl) {
        if let Some(ttl) = *ttl {
            rules::ttl_is_allowed(ttl, command.may_use_low_ttl, &facts.limits)?;
        }
        after.ttl = *ttl;
    }
    if let Patch::Set(texts) = &command.records {
        let records = parse_records(before.rrtype, &before.owner, texts)?;
        rules::cname_is_single(before.rrtype, &records)?;
        // Records are a set: the same ones in another order are no change.
        if !same_texts(&before.records, &records) {
            after.records = records;
        }
    }
    if let Some(description) = changed(&before.description, &command.description) {
        rules::description_fits(description.as_deref())?;
        after.description.clone_from(description);
    }
    if after == *before {
        return Ok(Vec::new());
    }
    after.revision += 1;
    after.updated_at = Some(now);

    // A TTL of its own that equals the zone's makes a step as well: the RRs are the same at this serial, but which
    // version of the recordset they come from is not, and it decides what a later change of the zone's TTL does.
    let makes_rrs = !(before.records.is_empty() && after.records.is_empty());
    let content_changed = before.ttl != after.ttl || before.records != after.records;
    let serial = (makes_rrs && content_changed).then(|| next_serial(zone, now));
    Ok(vec![Event::RecordsetChanged {
        before: before.clone(),
        after,
        serial,
    }])
}

fn delete_recordset(
    slice: &ZoneSlice,
    command: &DeleteRecordset,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = live_zone(slice, command.zone)?;
    let before = rules::editable_recordset(slice, zone, command.recordset, command.may_edit_managed)
        .map_err(|refused| refused.rejection(command.recordset, Rejection::ManagedRecordsetDelete))?;
    let serial = (!before.records.is_empty()).then(|| next_serial(zone, now));
    Ok(vec![Event::RecordsetDeleted {
        before: before.clone(),
        serial,
    }])
}

/// The zone, deleted or not.
fn known_zone(slice: &ZoneSlice, id: ZoneId) -> Result<&Zone, Rejection> {
    slice
        .zone
        .as_ref()
        .filter(|zone| zone.id == id)
        .ok_or(Rejection::ZoneNotFound(id))
}

/// The zone, if it can still be changed.
fn live_zone(slice: &ZoneSlice, id: ZoneId) -> Result<&Zone, Rejection> {
    let zone = known_zone(slice, id)?;
    if zone.deleted {
        Err(Rejection::ZoneIsDeleting)
    } else {
        Ok(zone)
    }
}

fn next_serial(zone: &Zone, now: Timestamp) -> LongSerial {
    zone.serial.next(now.timestamp())
}

/// The new value of a field, if it is another one.
fn changed<'a, T: PartialEq>(present: &T, patch: &'a Patch<T>) -> Option<&'a T> {
    match patch {
        Patch::Set(value) if value != present => Some(value),
        Patch::Set(_) | Patch::Keep => None,
    }
}

/// The records of a new zone's apex NS recordset.
fn apex_nameservers(apex: &OwnerName, facts: &Facts) -> Result<Vec<Record>, Rejection> {
    let texts: Vec<String> = facts.pool.nameservers.iter().map(ToString::to_string).collect();
    parse_records(Rrtype::NS, apex, &texts)
}

/// Reads the texts of an owner's records; those with equal record data are merged.
fn parse_records(rrtype: Rrtype, owner: &OwnerName, texts: &[String]) -> Result<Vec<Record>, Rejection> {
    let records = texts
        .iter()
        .enumerate()
        .map(|(index, text)| parse_record(rrtype, owner, index, text));
    Ok(merge_equal(records.collect::<Result<_, _>>()?))
}

/// Takes an owner's records that were read already; one that was read as another type is read again as this one.
fn records_of_type(rrtype: Rrtype, owner: &OwnerName, records: &[Record]) -> Result<Vec<Record>, Rejection> {
    let records = records.iter().enumerate().map(|(index, record)| {
        if record.rdata().rrtype() != rrtype {
            return parse_record(rrtype, owner, index, record.text());
        }
        check_record(record, owner, index)?;
        Ok(record.clone())
    });
    Ok(merge_equal(records.collect::<Result<_, _>>()?))
}

fn parse_record(rrtype: Rrtype, owner: &OwnerName, index: usize, text: &str) -> Result<Record, Rejection> {
    let record = Record::parse(rrtype, text).map_err(invalid_record(index, rrtype, text))?;
    check_record(&record, owner, index)?;
    Ok(record)
}

fn check_record(record: &Record, owner: &OwnerName, index: usize) -> Result<(), Rejection> {
    rules::text_is_storable("records", record.text())?;
    let rrtype = record.rdata().rrtype();
    rules::record_fits_owner(record, owner).map_err(invalid_record(index, rrtype, record.text()))
}

fn invalid_record(index: usize, rrtype: Rrtype, text: &str) -> impl FnOnce(RdataError) -> Rejection {
    move |error| Rejection::InvalidRecord {
        index,
        rrtype,
        text: text.to_owned(),
        error,
    }
}

/// Keeps the first of each group of records with equal record data (RFC 2181 §5: an RRset has no duplicates).
fn merge_equal(records: Vec<Record>) -> Vec<Record> {
    let mut seen = HashSet::with_capacity(records.len());
    let is_first: Vec<bool> = records.iter().map(|record| seen.insert(record.rdata())).collect();
    drop(seen);
    records
        .into_iter()
        .zip(is_first)
        .filter_map(|(record, is_first)| is_first.then_some(record))
        .collect()
}

fn same_texts(left: &[Record], right: &[Record]) -> bool {
    left.len() == right.len() && sorted_texts(left) == sorted_texts(right)
}

fn sorted_texts(records: &[Record]) -> Vec<&str> {
    let mut texts: Vec<&str> = records.iter().map(Record::text).collect();
    texts.sort_unstable();
    texts
}
