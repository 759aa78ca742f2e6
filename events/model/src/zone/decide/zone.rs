//! Zones made, changed, deleted and abandoned.

use zonelog_dns::{LongSerial, OwnerName, Rrtype, Serial};

use super::pool::nameservers_of;
use super::{changed, live, next_serial, own_zone};
use crate::Timestamp;
use crate::zone::command::{AbandonZone, CreateZone, DeleteZone, Patch, UpdateZone};
use crate::zone::event::Event;
use crate::zone::facts::Facts;
use crate::zone::origin::ZoneKind;
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
    rules::masters_fit(&command.kind)?;
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
    let serial = first_serial(command, facts, now);
    let zone = Zone {
        id: command.zone,
        name: command.name.clone(),
        project: command.project.clone(),
        pool,
        kind: command.kind.clone(),
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
    if zone.kind.is_secondary() {
        // Its name servers are told by its primary.
        return Ok(vec![Event::ZoneCreated { zone }]);
    }
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

/// The time, or what comes after an earlier zone of the name. A secondary zone has no content yet: 1, as Designate.
fn first_serial(command: &CreateZone, facts: &Facts, now: Timestamp) -> LongSerial {
    if command.kind.is_secondary() {
        let last = facts.last_serial.unwrap_or(LongSerial::from_i64(0));
        return last.next_shown_as(Serial::new(1));
    }
    let now_unix = now.timestamp();
    facts
        .last_serial
        .map_or(LongSerial::first(now_unix), |last| last.next(now_unix))
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
    if let Patch::Set(after) = &command.masters {
        let after = ZoneKind::Secondary {
            masters: after.clone(),
        };
        if let Some(event) = masters_changed(zone, &after)? {
            events.push(event);
        }
    }
    if let Some(after) = changed(&zone.ttl, &command.ttl) {
        rules::zone_is_primary(zone, "ttl")?;
        rules::ttl_is_allowed(*after, command.may_use_low_ttl, &facts.limits)?;
        events.push(Event::ZoneTtlChanged {
            before: zone.ttl,
            after: *after,
            serial,
        });
    }
    if let Some(after) = changed(&zone.email, &command.email) {
        rules::zone_is_primary(zone, "email")?;
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

fn masters_changed(zone: &Zone, after: &ZoneKind) -> Result<Option<Event>, Rejection> {
    if !zone.kind.is_secondary() && after.masters().is_empty() {
        return Ok(None);
    }
    rules::zone_is_secondary(zone)?;
    rules::masters_fit(after)?;
    let (before, after) = (zone.kind.masters(), after.masters());
    let event = Event::ZoneMastersChanged {
        before: before.to_vec(),
        after: after.to_vec(),
    };
    Ok((before != after).then_some(event))
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
