//! The rules, one function each, with the place where it is written above it.

mod quotas;
mod registry;
mod rights;
mod secondary;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use zonelog_dns::{OwnerName, Rdata, RdataError, Rrtype, Ttl, ZoneName};

use crate::zone::command::CreateZone;
use crate::zone::facts::{Facts, Limits};
use crate::zone::rejection::Rejection;
use crate::zone::state::{Record, Recordset, Zone, ZoneSlice};
use crate::{ProjectId, RecordsetId};

pub(in crate::zone) use quotas::{
    record_quotas_allow, recordset_quota_allows, recordset_records_quota_allows, transfer_quotas_allow,
    zone_quota_allows,
};
pub(in crate::zone) use registry::{
    pool_has_key_it_needs, zone_name_is_below_a_tld, zone_name_is_not_blacklisted,
};
pub(in crate::zone) use rights::{
    actor_owns_recordset, actor_owns_zone, share_is_not_in_use, zone_is_not_shared, zone_is_visible,
};

pub(in crate::zone) use secondary::{
    masters_fit, owner_can_be_transferred, recordsets_are_made_here, zone_is_at, zone_is_primary,
    zone_is_secondary,
};

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 160;
/// The longest key or value of an attribute, in characters.
const MAX_ATTRIBUTE: usize = 50;

type Ruling = Result<(), Rejection>;

// ---- names and values --------------------------------------------------------------------------------------------

/// Designate, `max_zone_name_len`.
pub(in crate::zone) fn zone_name_fits(name: &ZoneName, limits: &Limits) -> Ruling {
    let (length, max) = (name.to_string().len(), limits.max_zone_name_length);
    if length > max {
        return Err(Rejection::InvalidZoneName(format!(
            "Zone name too long: {length} octets, the most is {max}"
        )));
    }
    Ok(())
}

/// Designate, `max_recordset_name_len`.
pub(in crate::zone) fn recordset_name_fits(owner: &OwnerName, limits: &Limits) -> Ruling {
    let (length, max) = (owner.to_string().len(), limits.max_recordset_name_length);
    if length > max {
        return Err(Rejection::InvalidRecordsetName(format!(
            "Recordset name too long: {length} octets, the most is {max}"
        )));
    }
    Ok(())
}

/// Designate's rule for recordset names: letters, digits, `-` and `_`, with `*` as the leftmost label only. A name
/// that was read from the wire or a master file may be wider.
pub(in crate::zone) fn owner_is_well_formed(owner: &OwnerName) -> Ruling {
    owner.check().map_err(Rejection::InvalidName)
}

/// RFC 2782 (SRV) and RFC 6698 §3 (TLSA): the owner begins with `_x._y`. RFC 4592 §4.2: a wildcard NS has no meaning.
pub(in crate::zone) fn owner_fits_type(owner: &OwnerName, rrtype: Rrtype) -> Ruling {
    Rdata::check_owner(rrtype, owner).map_err(Rejection::InvalidOwner)
}

/// RFC 9461 §5.1, and what else depends on the owner and the record together.
pub(in crate::zone) fn record_fits_owner(record: &Record, owner: &OwnerName) -> Result<(), RdataError> {
    record.rdata().check_at(owner)
}

/// Designate, `min_ttl` and the policy `use_low_ttl`.
pub(in crate::zone) fn ttl_is_allowed(ttl: Ttl, may_use_low_ttl: bool, limits: &Limits) -> Ruling {
    if ttl < limits.min_ttl && !may_use_low_ttl {
        return Err(Rejection::InvalidTtl {
            min: limits.min_ttl.get(),
        });
    }
    Ok(())
}

/// RFC 1035 §8: the address becomes the SOA's RNAME.
pub(in crate::zone) fn email_fits_soa(email: &str) -> Ruling {
    zonelog_dns::rname_from_email(email)
        .map(|_| ())
        .map_err(Rejection::InvalidEmail)
}

/// Designate: at most 160 characters.
pub(in crate::zone) fn description_fits(description: Option<&str>) -> Ruling {
    let Some(description) = description else {
        return Ok(());
    };
    text_is_at_most("description", description, MAX_DESCRIPTION)
}

/// Designate: keys and values of at most 50 characters.
pub(in crate::zone) fn attributes_fit(attributes: &BTreeMap<String, String>) -> Ruling {
    for (key, value) in attributes {
        text_is_at_most("attributes", key, MAX_ATTRIBUTE)?;
        text_is_at_most("attributes", value, MAX_ATTRIBUTE)?;
    }
    Ok(())
}

fn text_is_at_most(field: &'static str, text: &str, max: usize) -> Ruling {
    if text.chars().count() > max {
        return Err(Rejection::TextTooLong { field, max });
    }
    text_is_storable(field, text)
}

/// PostgreSQL keeps no NUL in a text or in JSON.
pub(in crate::zone) fn text_is_storable(field: &'static str, text: &str) -> Ruling {
    if text.contains('\0') {
        Err(Rejection::TextWithNul { field })
    } else {
        Ok(())
    }
}

// ---- the zones around --------------------------------------------------------------------------------------------

/// An id names one zone.
pub(in crate::zone) fn zone_is_new(present: Option<&Zone>, command: &CreateZone) -> Ruling {
    match present {
        Some(zone) => Err(Rejection::DuplicateZone {
            name: zone.name.clone(),
            same_project: zone.project == command.project,
        }),
        None => Ok(()),
    }
}

/// RFC 1034 §4.2: a name is the apex of one zone; here whoever owns it, in whatever pool. A pool's catalog zone is one too
/// (RFC 9432 §4).
pub(in crate::zone) fn zone_name_is_free(name: &ZoneName, project: &ProjectId, facts: &Facts) -> Ruling {
    match &facts.same_name {
        Some(zone) => Err(Rejection::DuplicateZone {
            name: name.clone(),
            same_project: zone.project == *project,
        }),
        None if facts.registry.is_catalog(name) => Err(Rejection::DuplicateZone {
            name: name.clone(),
            same_project: false,
        }),
        None => Ok(()),
    }
}

/// Designate: nobody makes a zone below another project's, unless it is shared with them. The nearest zone above
/// decides, because its owner holds the names below it.
pub(in crate::zone) fn zone_is_not_below_anothers(project: &ProjectId, facts: &Facts) -> Ruling {
    match facts.parents.first() {
        Some(parent) if parent.project != *project && !facts.parent_is_shared => {
            Err(Rejection::IllegalChild(parent.clone()))
        }
        _ => Ok(()),
    }
}

/// Designate: nobody makes a zone above another project's.
pub(in crate::zone) fn zone_is_not_above_anothers(project: &ProjectId, facts: &Facts) -> Ruling {
    match &facts.child {
        Some(child) if child.project != *project => Err(Rejection::IllegalParent(child.clone())),
        _ => Ok(()),
    }
}

/// Designate: zones below go first.
pub(in crate::zone) fn zone_has_none_below(facts: &Facts) -> Ruling {
    match &facts.child {
        Some(child) => Err(Rejection::ZoneHasSubZone(child.clone())),
        None => Ok(()),
    }
}

// ---- recordsets --------------------------------------------------------------------------------------------------

/// Designate, `supported_record_type`; the SOA is made from the zone itself.
pub(in crate::zone) fn type_can_be_created(rrtype: Rrtype) -> Ruling {
    if rrtype == Rrtype::SOA {
        return Err(Rejection::SoaIsManaged);
    }
    if !rrtype.is_supported() {
        return Err(Rejection::UnsupportedType(rrtype));
    }
    Ok(())
}

/// RFC 1034 §4.2: a zone holds the names at and below its apex.
pub(in crate::zone) fn owner_is_in_zone(owner: &OwnerName, zone: &Zone) -> Ruling {
    if owner.is_in(&zone.name) {
        return Ok(());
    }
    Err(Rejection::InvalidRecordsetLocation(format!(
        "RecordSet is not contained within its parent zone {}",
        zone.name
    )))
}

/// RFC 1034 §4.2: what is at or below a zone cut belongs to the zone below.
pub(in crate::zone) fn owner_is_not_in_child_zone(owner: &OwnerName, facts: &Facts) -> Ruling {
    match &facts.child {
        Some(child) if owner.is_in(&child.name) => Err(Rejection::InvalidRecordsetLocation(format!(
            "RecordSet belongs in a child zone: {}",
            child.name
        ))),
        _ => Ok(()),
    }
}

/// RFC 2181 §5: one RRset a name and type. (The SOA is no recordset of the slice, and cannot be created.)
pub(in crate::zone) fn recordset_is_new(
    id: RecordsetId,
    owner: &OwnerName,
    rrtype: Rrtype,
    present: &[Recordset],
) -> Ruling {
    if present
        .iter()
        .any(|other| other.id == id || (other.rrtype == rrtype && other.owner == *owner))
    {
        return Err(Rejection::DuplicateRecordset {
            owner: owner.clone(),
            rrtype,
        });
    }
    Ok(())
}

/// RFC 2181 §10.1: the apex has a SOA and NS, so no CNAME can be there.
pub(in crate::zone) fn cname_is_not_at_apex(owner: &OwnerName, rrtype: Rrtype, zone: &Zone) -> Ruling {
    if rrtype == Rrtype::CNAME && is_apex(owner, zone) {
        return Err(Rejection::InvalidRecordsetLocation(
            "CNAME recordsets may not be created at the zone apex".into(),
        ));
    }
    Ok(())
}

/// RFC 1034 §3.6.2, RFC 2181 §10.1: a CNAME is alone at its name. A recordset without records counts, since it may
/// get some at any time.
pub(in crate::zone) fn cname_is_alone(owner: &OwnerName, rrtype: Rrtype, present: &[Recordset]) -> Ruling {
    let clashes = |other: &Recordset| rrtype == Rrtype::CNAME || other.rrtype == Rrtype::CNAME;
    if present
        .iter()
        .any(|other| other.owner == *owner && clashes(other))
    {
        return Err(cname_is_not_alone(owner));
    }
    Ok(())
}

pub(in crate::zone) fn cname_is_not_alone(owner: &OwnerName) -> Rejection {
    Rejection::InvalidRecordsetLocation(format!(
        "CNAME recordsets may not share a name with any other records: {owner}"
    ))
}

/// RFC 2181 §5, for recordsets that come in ascending order: the same owner name and type twice is a duplicate.
pub(in crate::zone) fn import_is_in_order(
    last: (&[u8], Rrtype),
    next: (&[u8], Rrtype),
    owner: &OwnerName,
) -> Ruling {
    let order = (last.0, last.1.get()).cmp(&(next.0, next.1.get()));
    match order {
        Ordering::Less => Ok(()),
        Ordering::Equal => Err(Rejection::DuplicateRecordset {
            owner: owner.clone(),
            rrtype: next.1,
        }),
        Ordering::Greater => Err(Rejection::InvalidRecordsetLocation(format!(
            "{owner} {} comes out of order; sort the recordsets by owner name and type",
            next.1
        ))),
    }
}

/// The apex NS recordset is made from the pool.
pub(in crate::zone) fn apex_ns_is_the_pools(owner: &OwnerName, rrtype: Rrtype, zone: &Zone) -> Ruling {
    if rrtype == Rrtype::NS && is_apex(owner, zone) {
        return Err(Rejection::DuplicateRecordset {
            owner: owner.clone(),
            rrtype,
        });
    }
    Ok(())
}

/// RFC 2181 §10.1: a name has one canonical name.
pub(in crate::zone) fn cname_is_single(rrtype: Rrtype, records: &[Record]) -> Ruling {
    if rrtype == Rrtype::CNAME && records.len() > 1 {
        Err(Rejection::SeveralCnames)
    } else {
        Ok(())
    }
}

/// Why a recordset cannot be edited.
pub(in crate::zone) enum NotEditable {
    Unknown,
    Managed,
}

impl NotEditable {
    pub(in crate::zone) fn rejection(self, id: RecordsetId, managed: Rejection) -> Rejection {
        match self {
            Self::Unknown => Rejection::RecordsetNotFound(id),
            Self::Managed => managed,
        }
    }
}

/// The recordset, if it may be changed or deleted. The SOA and the apex NS follow from the zone and its pool (RFC 1034
/// §4.2.1 wants both), whoever asks; other managed recordsets may be edited with the right to do so.
pub(in crate::zone) fn editable_recordset<'a>(
    slice: &'a ZoneSlice,
    zone: &Zone,
    id: RecordsetId,
    may_edit_managed: bool,
) -> Result<&'a Recordset, NotEditable> {
    if id == zone.soa_recordset {
        return Err(NotEditable::Managed);
    }
    let recordset = slice
        .recordsets
        .iter()
        .find(|recordset| recordset.id == id)
        .ok_or(NotEditable::Unknown)?;
    let is_apex_ns = recordset.rrtype == Rrtype::NS && is_apex(&recordset.owner, zone);
    if is_apex_ns || (recordset.managed && !may_edit_managed) {
        return Err(NotEditable::Managed);
    }
    Ok(recordset)
}

fn is_apex(owner: &OwnerName, zone: &Zone) -> bool {
    let (owner, apex): (&zonelog_dns::Name, &zonelog_dns::Name) = (owner, &zone.name);
    owner == apex
}
