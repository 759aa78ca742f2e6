//! Who may do what with a zone and its recordsets.

use super::Ruling;
use crate::zone::facts::Facts;
use crate::zone::rejection::Rejection;
use crate::zone::state::{Recordset, Zone, ZoneSlice};

/// Designate: a zone is there for its owner, for those it is shared with, and for who acts for all projects.
pub(in crate::zone) fn zone_is_visible(slice: &ZoneSlice, zone: &Zone, facts: &Facts) -> bool {
    let actor = &facts.actor;
    actor.all_projects
        || actor.project == zone.project
        || slice
            .shares
            .iter()
            .any(|share| share.target_project == actor.project)
}

/// A share is a right to recordsets, not to the zone.
pub(in crate::zone) fn actor_owns_zone(zone: &Zone, facts: &Facts) -> Ruling {
    if facts.actor.all_projects || facts.actor.project == zone.project {
        Ok(())
    } else {
        Err(Rejection::Forbidden)
    }
}

/// Designate: the zone's owner changes all recordsets, those it is shared with their own.
pub(in crate::zone) fn actor_owns_recordset(recordset: &Recordset, zone: &Zone, facts: &Facts) -> Ruling {
    if facts.actor.project == recordset.project {
        Ok(())
    } else {
        actor_owns_zone(zone, facts)
    }
}

/// Designate: shares go before the zone does, or with it when that is asked for.
pub(in crate::zone) fn zone_is_not_shared(slice: &ZoneSlice, delete_shares: bool) -> Ruling {
    if slice.shares.is_empty() || delete_shares {
        Ok(())
    } else {
        Err(Rejection::ZoneIsShared)
    }
}

/// Designate: a project keeps its share as long as it has something in the zone or below.
pub(in crate::zone) fn share_is_not_in_use(facts: &Facts) -> Ruling {
    if facts.target_has_recordsets {
        return Err(Rejection::SharedZoneHasRecordsets);
    }
    match &facts.child {
        Some(child) => Err(Rejection::SharedZoneHasSubZone(child.clone())),
        None => Ok(()),
    }
}
