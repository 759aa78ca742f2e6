//! What follows for a zone from the pool it is in.

use zonelog_dns::{LongSerial, Name, OwnerName, Rrtype};

use super::records::{parse_records, same_texts};
use super::{live, next_serial, own_zone};
use crate::resource::{Pool, PoolNameserver};
use crate::zone::command::{AdvanceMove, MoveZone, RewriteNameservers};
use crate::zone::event::{ChangeOfOwnership, Event};
use crate::zone::facts::Facts;
use crate::zone::rejection::Rejection;
use crate::zone::rules;
use crate::zone::scheduler::{self, Choice};
use crate::zone::state::{Record, Recordset, Zone, ZoneSlice};
use crate::{PoolId, Timestamp};

pub(super) fn move_zone(
    slice: &ZoneSlice,
    command: &MoveZone,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = live(own_zone(slice, command.zone, facts)?)?;
    let (id, pool) = match command.pool {
        Some(id) => (id, facts.registry.pool(id).ok_or(Rejection::PoolNotFound(id))?),
        None => {
            let choice = Choice {
                attributes: &zone.attributes,
                may_force_pool: true,
                random: facts.random,
            };
            scheduler::choose(&facts.registry, &choice)?
        }
    };
    if id == zone.pool {
        return Err(Rejection::SamePool(id));
    }
    rules::pool_has_key_it_needs(id, facts)?;
    let coo = facts
        .registry
        .pool(zone.pool)
        .and_then(|left| change_of_ownership(left, pool));
    let moved = |serial| Event::ZoneMovedToPool {
        before: zone.pool,
        after: id,
        serial,
        coo: coo.clone(),
    };
    if zone.kind.is_secondary() {
        return Ok(vec![moved(None)]);
    }
    let serial = next_serial(zone, now);
    let mut events = vec![moved(Some(serial))];
    events.extend(nameserver_changes(slice, zone, (id, pool), serial, now)?);
    Ok(events)
}

/// What a move between two pools means for those who follow their catalogs; nothing where one of them has none.
fn change_of_ownership(left: &Pool, to: &Pool) -> Option<ChangeOfOwnership> {
    let (left_catalog, catalog) = (left.catalog_zone.as_ref()?, to.catalog_zone.as_ref()?);
    if left_catalog.name == catalog.name {
        return None;
    }
    let is_same = |a: &PoolNameserver, b: &PoolNameserver| {
        a.port == b.port && (a.host.trim_end_matches('.')).eq_ignore_ascii_case(b.host.trim_end_matches('.'))
    };
    let in_both = |server| to.nameservers.iter().any(|other| is_same(server, other));
    Some(ChangeOfOwnership {
        catalog: catalog.name.clone(),
        waits: left.nameservers.iter().any(in_both),
    })
}

pub(super) fn advance_move(
    slice: &ZoneSlice,
    command: &AdvanceMove,
    facts: &Facts,
) -> Result<Vec<Event>, Rejection> {
    let zone = live(own_zone(slice, command.zone, facts)?)?;
    let AdvanceMove {
        before,
        after,
        since,
        step,
        ..
    } = *command;
    if zone.pool != after || before == after {
        return Ok(Vec::new());
    }
    Ok(vec![Event::ZoneMoveAdvanced {
        before,
        after,
        since,
        step,
    }])
}

pub(super) fn rewrite_nameservers(
    slice: &ZoneSlice,
    command: &RewriteNameservers,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = live(own_zone(slice, command.zone, facts)?)?;
    if zone.kind.is_secondary() {
        return Ok(Vec::new());
    }
    let pool = facts
        .registry
        .pool(zone.pool)
        .ok_or(Rejection::PoolNotFound(zone.pool))?;
    nameserver_changes(slice, zone, (zone.pool, pool), next_serial(zone, now), now)
}

/// What the NS records of a pool change in a zone: the SOA's MNAME, the apex NS recordset, both or nothing.
fn nameserver_changes(
    slice: &ZoneSlice,
    zone: &Zone,
    (id, pool): (PoolId, &Pool),
    serial: LongSerial,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let apex = OwnerName::from(zone.name.clone());
    let (primary, records) = nameservers_of(id, pool, &apex)?;
    let mut events = Vec::new();
    if primary != zone.primary_nameserver {
        events.push(Event::ZonePrimaryNameserverChanged {
            before: zone.primary_nameserver.clone(),
            after: primary,
            serial,
        });
    }
    let is_apex_ns = |recordset: &&Recordset| recordset.rrtype == Rrtype::NS && recordset.owner == apex;
    if let Some(before) = slice.recordsets.iter().find(is_apex_ns)
        && !same_texts(&before.records, &records)
    {
        let after = Recordset {
            records,
            revision: before.revision + 1,
            updated_at: Some(now),
            ..before.clone()
        };
        events.push(Event::RecordsetChanged {
            before: before.clone(),
            after,
            serial: Some(serial),
        });
    }
    Ok(events)
}

/// The primary name server of a pool's zones, and the records of their apex NS recordset.
pub(super) fn nameservers_of(
    id: PoolId,
    pool: &Pool,
    apex: &OwnerName,
) -> Result<(Name, Vec<Record>), Rejection> {
    let names = pool.nameserver_names();
    let texts: Vec<String> = names.iter().map(ToString::to_string).collect();
    let primary = names.into_iter().next().ok_or(Rejection::NoNameservers(id))?;
    Ok((primary.clone(), parse_records(Rrtype::NS, apex, &texts)?))
}
