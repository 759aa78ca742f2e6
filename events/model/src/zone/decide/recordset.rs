//! Recordsets made, changed and deleted.

use super::records::{parse_records, records_of_type, same_texts};
use super::{changed, live, next_serial, seen_zone};
use crate::Timestamp;
use crate::zone::command::{CreateRecordset, DeleteRecordset, Patch, UpdateRecordset};
use crate::zone::event::Event;
use crate::zone::facts::Facts;
use crate::zone::rejection::Rejection;
use crate::zone::rules;
use crate::zone::state::{Recordset, ZoneSlice};

pub(super) fn create_recordset(
    slice: &ZoneSlice,
    command: &CreateRecordset,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = live(seen_zone(slice, command.zone, facts)?)?;
    rules::recordsets_are_made_here(zone)?;
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
    if !command.managed {
        rules::recordset_quota_allows(zone, facts)?;
        rules::record_quotas_allow(zone, 0, records.len(), facts)?;
    }
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
        managed: command.managed,
        managed_resource: command.managed_resource.clone().map(Box::new),
        project: command.project.clone(),
        revision: 1,
        created_at: now,
        updated_at: None,
    };
    let serial = (!recordset.records.is_empty()).then(|| next_serial(zone, now));
    Ok(vec![Event::RecordsetCreated { recordset, serial }])
}

pub(super) fn update_recordset(
    slice: &ZoneSlice,
    command: &UpdateRecordset,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = live(seen_zone(slice, command.zone, facts)?)?;
    rules::recordsets_are_made_here(zone)?;
    let before = rules::editable_recordset(slice, zone, command.recordset, command.may_edit_managed)
        .map_err(|refused| refused.rejection(command.recordset, Rejection::ManagedRecordsetUpdate))?;
    rules::actor_owns_recordset(before, zone, facts)?;

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
            if !before.managed && records.len() > before.records.len() {
                rules::record_quotas_allow(zone, before.records.len(), records.len(), facts)?;
            }
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

pub(super) fn delete_recordset(
    slice: &ZoneSlice,
    command: &DeleteRecordset,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = live(seen_zone(slice, command.zone, facts)?)?;
    rules::recordsets_are_made_here(zone)?;
    let before = rules::editable_recordset(slice, zone, command.recordset, command.may_edit_managed)
        .map_err(|refused| refused.rejection(command.recordset, Rejection::ManagedRecordsetDelete))?;
    rules::actor_owns_recordset(before, zone, facts)?;
    let serial = (!before.records.is_empty()).then(|| next_serial(zone, now));
    Ok(vec![Event::RecordsetDeleted {
        before: before.clone(),
        serial,
    }])
}
