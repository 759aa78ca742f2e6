//! Zones lent and given to other projects.

use super::{live, own_zone};
use crate::Timestamp;
use crate::zone::command::{ShareZone, TransferZone, UnshareZone};
use crate::zone::event::Event;
use crate::zone::facts::Facts;
use crate::zone::rejection::Rejection;
use crate::zone::rules;
use crate::zone::state::{Share, ZoneSlice};

pub(super) fn share_zone(
    slice: &ZoneSlice,
    command: &ShareZone,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = live(own_zone(slice, command.zone, facts)?)?;
    if command.target_project == zone.project {
        return Err(Rejection::ShareWithOwner);
    }
    let taken = |other: &&Share| other.id == command.share || other.target_project == command.target_project;
    if let Some(other) = slice.shares.iter().find(taken) {
        return Err(Rejection::DuplicateShare { share: other.id });
    }
    let share = Share {
        id: command.share,
        target_project: command.target_project.clone(),
        project: command.project.clone(),
        created_at: now,
    };
    Ok(vec![Event::ZoneShared { share }])
}

pub(super) fn unshare_zone(
    slice: &ZoneSlice,
    command: &UnshareZone,
    facts: &Facts,
) -> Result<Vec<Event>, Rejection> {
    live(own_zone(slice, command.zone, facts)?)?;
    let share = slice.shares.iter().find(|share| share.id == command.share);
    let share = share.ok_or(Rejection::ShareNotFound(command.share))?;
    rules::share_is_not_in_use(facts)?;
    Ok(vec![Event::ZoneUnshared { share: share.clone() }])
}

/// The offer that led here was checked by [`crate::transfer`]. A share with the new owner ends: it would stand in the
/// way of deleting the zone, and say nothing.
pub(super) fn transfer_zone(
    slice: &ZoneSlice,
    command: &TransferZone,
    facts: &Facts,
) -> Result<Vec<Event>, Rejection> {
    let zone = slice.zone.as_ref().filter(|zone| zone.id == command.zone);
    let zone = live(zone.ok_or(Rejection::ZoneNotFound(command.zone))?)?;
    if zone.project == command.to {
        return Ok(Vec::new());
    }
    rules::zone_quota_allows(facts)?;
    let to_itself = slice
        .shares
        .iter()
        .filter(|share| share.target_project == command.to);
    let mut events: Vec<_> = to_itself
        .map(|share| Event::ZoneUnshared { share: share.clone() })
        .collect();
    events.push(Event::ZoneTransferred {
        before: zone.project.clone(),
        after: command.to.clone(),
    });
    Ok(events)
}
