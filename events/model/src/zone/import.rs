//! A zone with all its recordsets in one change-set, decided RRset by RRset in constant memory.
//!
//! ```text
//! let (mut import, first) = Import::begin(&create_zone, &facts, now)?;      // ZoneCreated, the apex NS
//! for rrset in rrsets_in_canonical_order { append(import.recordset(&rrset)?) }   // RecordsetCreated, same serial
//! ```
//! The events of one import are one change-set, at the serial of the zone's creation, and may be appended in chunks
//! within one transaction.

use zonelog_dns::{LongSerial, OwnerName, Rrtype, Ttl};

use super::command::CreateZone;
use super::decide::{check_record, create_zone, merge_equal};
use super::event::Event;
use super::facts::Facts;
use super::rejection::Rejection;
use super::rules;
use super::state::{Record, Recordset, Zone, ZoneSlice};
use crate::{RecordsetId, Timestamp};

/// A recordset to be imported: all records of one owner name and type. SOA and apex NS are none: they are the zone's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedRecordset {
    /// The new recordset's id.
    pub recordset: RecordsetId,
    /// The owner name.
    pub owner: OwnerName,
    /// The type.
    pub rrtype: Rrtype,
    /// The TTL; `None` follows the zone's.
    pub ttl: Option<Ttl>,
    /// The records; equal ones are merged.
    pub records: Vec<Record>,
}

/// A zone being imported.
#[derive(Clone, Debug)]
pub struct Import<'a> {
    facts: &'a Facts,
    may_use_low_ttl: bool,
    now: Timestamp,
    /// The zone with the counts of what was imported so far.
    zone: Zone,
    last: Option<Last>,
}

/// The recordset before, for what neighbours at one owner name may not be.
#[derive(Clone, Debug)]
struct Last {
    owner: OwnerName,
    key: Vec<u8>,
    rrtype: Rrtype,
}

impl<'a> Import<'a> {
    /// Decides the zone's creation: the events of the zone and of its apex NS recordset. `facts` are those of the
    /// creation, with the quotas of the project that will own the zone.
    pub fn begin(
        command: &CreateZone,
        facts: &'a Facts,
        now: Timestamp,
    ) -> Result<(Self, Vec<Event>), Rejection> {
        let events = create_zone(&ZoneSlice::default(), command, facts, now)?;
        let Some(Event::ZoneCreated { zone }) = events.first() else {
            return Err(Rejection::ZoneNotFound(command.zone));
        };
        let import = Self {
            facts,
            may_use_low_ttl: command.may_use_low_ttl,
            now,
            zone: zone.clone(),
            last: None,
        };
        Ok((import, events))
    }

    /// The zone with the counts of what was imported so far.
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The serial of the whole import.
    pub const fn serial(&self) -> LongSerial {
        self.zone.serial
    }

    /// Decides the next recordset. They come in ascending order of the owner names' keys ([`zonelog_dns::Name::to_key`]),
    /// and those of one owner name one after the other in ascending order of their types; the order is how a CNAME's
    /// neighbours and recordsets given twice are found without remembering names, so that one out of order is refused.
    pub fn recordset(&mut self, rrset: ImportedRecordset) -> Result<Event, Rejection> {
        let (zone, limits) = (&self.zone, &self.facts.limits);
        let ImportedRecordset {
            recordset,
            owner,
            rrtype,
            ttl,
            records,
        } = rrset;
        rules::type_can_be_created(rrtype)?;
        rules::owner_is_well_formed(&owner)?;
        rules::recordset_name_fits(&owner, limits)?;
        rules::owner_fits_type(&owner, rrtype)?;
        if let Some(ttl) = ttl {
            rules::ttl_is_allowed(ttl, self.may_use_low_ttl, limits)?;
        }
        for (index, record) in records.iter().enumerate() {
            check_record(record, &owner, index)?;
        }
        let records = merge_equal(records);
        rules::cname_is_single(rrtype, &records)?;
        rules::recordset_quota_allows(zone, self.facts)?;
        rules::record_quotas_allow(zone, 0, records.len(), self.facts)?;
        rules::owner_is_in_zone(&owner, zone)?;
        rules::cname_is_not_at_apex(&owner, rrtype, zone)?;
        rules::apex_ns_is_the_pools(&owner, rrtype, zone)?;
        let key = owner.to_key();
        if let Some(last) = &self.last {
            rules::import_is_in_order((&last.key, last.rrtype), (&key, rrtype), &owner)?;
            let is_cname = rrtype == Rrtype::CNAME || last.rrtype == Rrtype::CNAME;
            if is_cname && last.key == key {
                return Err(rules::cname_is_not_alone(&last.owner));
            }
        }

        self.zone.recordset_count += 1;
        self.zone.record_count += i64::try_from(records.len()).unwrap_or(i64::MAX);
        self.last = Some(Last {
            owner: owner.clone(),
            key,
            rrtype,
        });
        let serial = (!records.is_empty()).then_some(self.zone.serial);
        let recordset = Recordset {
            id: recordset,
            owner,
            rrtype,
            ttl,
            records,
            description: None,
            managed: false,
            managed_resource: None,
            project: self.zone.project.clone(),
            revision: 1,
            created_at: self.now,
            updated_at: None,
        };
        Ok(Event::RecordsetCreated { recordset, serial })
    }

    /// The events of many recordsets, made when they are taken; it ends after the first refusal.
    pub fn recordsets(
        mut self,
        rrsets: impl IntoIterator<Item = ImportedRecordset>,
    ) -> impl Iterator<Item = Result<Event, Rejection>> {
        let mut refused = false;
        rrsets.into_iter().map_while(move |rrset| {
            if refused {
                return None;
            }
            let event = self.recordset(rrset);
            refused = event.is_err();
            Some(event)
        })
    }
}

/// The longest message of an import, in characters of what went wrong.
const MAX_REASON: usize = 130;

/// What an import's `message` says of a refusal, in Designate's words.
pub fn message(rejection: &Rejection) -> String {
    match rejection {
        Rejection::DuplicateZone { .. } => "Duplicate zone.".to_owned(),
        Rejection::OverQuota { .. } => "Quota exceeded during zone import.".to_owned(),
        Rejection::InvalidTtl { .. } => rejection.to_string(),
        _ => undefined_error(&rejection.to_string()),
    }
}

/// What an import's `message` says of an error that has no words of its own.
pub fn undefined_error(reason: &str) -> String {
    let reason: String = reason.chars().take(MAX_REASON).collect();
    format!("An undefined error occurred. {reason}")
}

/// What an import's `message` says when the zone is there.
pub fn success(zone: &Zone) -> String {
    format!("{} imported", zone.name)
}
