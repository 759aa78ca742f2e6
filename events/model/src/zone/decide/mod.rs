//! From a command to the events it becomes: one function a command, no reading beyond the slice.

mod pool;
mod records;
mod recordset;
mod sharing;
mod zone;

use zonelog_dns::LongSerial;

use super::command::{Command, Patch};
use super::event::Event;
use super::facts::Facts;
use super::refresh;
use super::rejection::Rejection;
use super::rules;
use super::state::{Zone, ZoneSlice};
use crate::{Timestamp, ZoneId};

pub(super) use records::{check_record, merge_equal};
pub(super) use zone::create_zone;

/// Decides a command: the events it becomes, in order, or why it is refused.
///
/// Every event that changes what the zone's servers answer carries the same serial, one step after the zone's last (of a
/// secondary zone its primary's). No
/// events at all means that there is nothing to change: the command is accepted, and the zone stays as it is.
pub fn decide(
    slice: &ZoneSlice,
    command: &Command,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::CreateZone(command) => zone::create_zone(slice, command, facts, now),
        Command::UpdateZone(command) => zone::update_zone(slice, command, facts, now),
        Command::DeleteZone(command) => zone::delete_zone(slice, command, facts),
        Command::AbandonZone(command) => zone::abandon_zone(slice, command, facts),
        Command::CreateRecordset(command) => recordset::create_recordset(slice, command, facts, now),
        Command::UpdateRecordset(command) => recordset::update_recordset(slice, command, facts, now),
        Command::DeleteRecordset(command) => recordset::delete_recordset(slice, command, facts, now),
        Command::ShareZone(command) => sharing::share_zone(slice, command, facts, now),
        Command::UnshareZone(command) => sharing::unshare_zone(slice, command, facts),
        Command::TransferZone(command) => sharing::transfer_zone(slice, command, facts),
        Command::MoveZone(command) => pool::move_zone(slice, command, facts, now),
        Command::AdvanceMove(command) => pool::advance_move(slice, command, facts),
        Command::TakeTransfer(command) => refresh::take_transfer(slice, command, facts, now),
        Command::RewriteNameservers(command) => pool::rewrite_nameservers(slice, command, facts, now),
    }
}

/// The zone, deleted or not, if the actor may know of it: its owner, those it is shared with, and who acts for all
/// projects.
fn seen_zone<'a>(slice: &'a ZoneSlice, id: ZoneId, facts: &Facts) -> Result<&'a Zone, Rejection> {
    slice
        .zone
        .as_ref()
        .filter(|zone| zone.id == id && rules::zone_is_visible(slice, zone, facts))
        .ok_or(Rejection::ZoneNotFound(id))
}

/// The zone, deleted or not, for what only its owner may do, and who acts for all projects.
pub(super) fn own_zone<'a>(slice: &'a ZoneSlice, id: ZoneId, facts: &Facts) -> Result<&'a Zone, Rejection> {
    let zone = seen_zone(slice, id, facts)?;
    rules::actor_owns_zone(zone, facts)?;
    Ok(zone)
}

/// The zone, if it can still be changed.
pub(super) fn live(zone: &Zone) -> Result<&Zone, Rejection> {
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
