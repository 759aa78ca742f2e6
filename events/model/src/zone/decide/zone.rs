//! Zones made, changed, deleted and abandoned.

use zonelog_dns::{LongSerial, OwnerName, Rrtype};

use super::pool::nameservers_of;
use super::{changed, live, next_serial, own_zone};
use crate::Timestamp;
use crate::zone::command::{AbandonZone, CreateZone, DeleteZone, UpdateZone};
use crate::zone::event::Event;
use crate::zone::facts::Facts;
use crate::zone::rejection::Rejection;
use crate::zone::rules;
use crate::zone::scheduler::{self, Choice};
use crate::zone::state::{Recordset, Share, Zone, ZoneSlice};

pub(in crate::zone) fn create_zone(
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
    rules::zone_quota_allows(facts)?;
    rules::zone_name_is_below_a_tld(&command.name, &facts.registry)?;
    rules::zone_name_is_not_blacklisted(&command.name, command.may_use_blacklisted, &facts.registry)?;
    rules::zone_is_new(slice.zone.as_ref(), command)?;
    rules::zone_name_is_free(&command.name, &command.project, facts)?;
    rules::zone_is_not_below_anothers(&command.project, facts)?;
    rules::zone_is_not_above_anothers(&command.project, facts)?;

    let choice = Choice {
        attributes: &command.attributes,
        may_force_pool: command.may_force_pool,
        random: facts.random,
    };
    let (pool, nameservers) = scheduler::choose(&facts.registry, &choice)?;
    rules::pool_has_key_it_needs(pool, facts)?;
    let apex = OwnerName::from(command.name.clone());
    let (primary_nameserver, nameservers) = nameservers_of(pool, nameservers, &apex)?;
    let now_unix = now.timestamp();
    let first = LongSerial::first(now_unix);
    let serial = facts.last_serial.map_or(first, |last| last.next(now_unix));
    let zone = Zone {
        id: command.zone,
        name: command.name.clone(),
        project: command.project.clone(),
        pool,
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
        recordset_count: 0,
        record_count: 0,
        created_at: now,
        updated_at: None,
        transferred_at: None,
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
        managed_resource: None,
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

pub(super) fn update_zone(
    slice: &ZoneSlice,
    command: &UpdateZone,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = live(own_zone(slice, command.zone, facts)?)?;
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

pub(super) fn delete_zone(
    slice: &ZoneSlice,
    command: &DeleteZone,
    facts: &Facts,
) -> Result<Vec<Event>, Rejection> {
    let zone = own_zone(slice, command.zone, facts)?;
    if zone.deleted {
        return Ok(Vec::new());
    }
    rules::zone_has_none_below(facts)?;
    rules::zone_is_not_shared(slice, command.delete_shares)?;
    let mut events = unshared(slice);
    events.push(Event::ZoneDeleted {
        zone: uncounted(zone),
        hard: command.hard,
    });
    Ok(events)
}

/// A zone can be abandoned with its shares: it is an operator who does it, and nobody can use them any more.
pub(super) fn abandon_zone(
    slice: &ZoneSlice,
    command: &AbandonZone,
    facts: &Facts,
) -> Result<Vec<Event>, Rejection> {
    let zone = live(own_zone(slice, command.zone, facts)?)?;
    rules::zone_has_none_below(facts)?;
    let mut events = unshared(slice);
    events.push(Event::ZoneAbandoned {
        zone: uncounted(zone),
    });
    Ok(events)
}

fn unshared(slice: &ZoneSlice) -> Vec<Event> {
    let unshared = |share: &Share| Event::ZoneUnshared { share: share.clone() };
    slice.shares.iter().map(unshared).collect()
}

/// The zone as the events of its end show it.
fn uncounted(zone: &Zone) -> Zone {
    Zone {
        recordset_count: 0,
        record_count: 0,
        ..zone.clone()
    }
}
