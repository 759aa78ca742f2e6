//! What a secondary zone's primary has, taken over in one change-set, RRset by RRset in constant memory.
//!
//! ```text
//! let (mut refresh, first) = Refresh::begin(&zone, &transfer, quotas, now)?;     // ZoneRefreshedFromPrimary
//! for change in changes_in_canonical_order { append(refresh.rrset(change, present)?) }
//! refresh.finish()?;
//! ```
//! All events carry the primary's serial, as the log counts it ([`zonelog_dns::LongSerial::at_or_after`]). What the zone
//! holds is the primary's affair: of the rules for recordsets only those are kept without which there would be no zone,
//! and the quotas of its owner.

use std::collections::HashMap;

use zonelog_dns::{LongSerial, OwnerName, Rdata, Rrtype, Soa, Ttl};

use super::decide::{live, merge_equal, own_zone};
use super::event::Event;
use super::facts::Facts;
use super::origin::SoaFields;
use super::rejection::Rejection;
use super::rules;
use super::state::{Record, Recordset, Zone, ZoneSlice};
use crate::resource::Quotas;
use crate::{RecordsetId, Timestamp, ZoneId};

/// A transfer of a secondary zone from its primary, without the RRsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The zone.
    pub zone: ZoneId,
    /// The zone's serial when the changes were worked out: at another one they would not fit.
    pub expected: LongSerial,
    /// The primary's SOA.
    pub soa: Soa,
    /// The TTL of that SOA.
    pub soa_ttl: Ttl,
}

/// What a transfer says of the records of one owner name and type, other than the SOA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RrsetChange {
    /// The id of the recordset, should it be a new one.
    pub recordset: RecordsetId,
    /// The owner name.
    pub owner: OwnerName,
    /// The type.
    pub rrtype: Rrtype,
    /// Its TTL and all its data as the primary has them; `None`: the primary has no such records (any more).
    pub after: Option<(Ttl, Vec<Rdata>)>,
}

/// Takes over a transfer of few changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeTransfer {
    /// The transfer.
    pub transfer: Transfer,
    /// What changes, in ascending order of the owner names' keys ([`zonelog_dns::Name::to_key`]), those of one owner name
    /// in ascending order of their types.
    pub changes: Vec<RrsetChange>,
}

/// A transfer being taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    quotas: Quotas,
    now: Timestamp,
    serial: LongSerial,
    counts_before: (i64, i64),
    /// The zone with the counts of what was taken over so far.
    zone: Zone,
    last: Option<(Vec<u8>, Rrtype)>,
}

impl Refresh {
    /// Decides whether the zone can be taken over, and its SOA. `None`: the zone is at the primary's serial, so that
    /// there is nothing to take.
    pub fn begin(
        zone: &Zone,
        transfer: &Transfer,
        quotas: Quotas,
        now: Timestamp,
    ) -> Result<Option<(Self, Event)>, Rejection> {
        let zone = live(zone)?;
        rules::zone_is_secondary(zone)?;
        rules::zone_is_at(zone, transfer.expected)?;
        let serial = match zone.transferred_at {
            Some(_) => zone.serial.at_or_after(transfer.soa.serial),
            // What the zone began with was nobody's content.
            None => zone.serial.next_shown_as(transfer.soa.serial),
        };
        if serial == zone.serial {
            return Ok(None);
        }
        let event = Event::ZoneRefreshedFromPrimary {
            before: zone.soa_fields(),
            after: SoaFields::of(&transfer.soa, transfer.soa_ttl),
            serial,
        };
        let refresh = Self {
            quotas,
            now,
            serial,
            counts_before: (zone.recordset_count, zone.record_count),
            zone: zone.clone(),
            last: None,
        };
        Ok(Some((refresh, event)))
    }

    /// The serial of the whole change-set.
    pub const fn serial(&self) -> LongSerial {
        self.serial
    }

    /// The zone with the counts of what was taken over so far.
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Decides the next RRset; `present` is the live recordset of its owner name and type. `None`: nothing changes.
    ///
    /// They come in the order that [`TakeTransfer::changes`] says. It is how what is told twice is found without
    /// remembering names, so that one out of order is refused.
    pub fn rrset(
        &mut self,
        change: RrsetChange,
        present: Option<&Recordset>,
    ) -> Result<Option<Event>, Rejection> {
        rules::owner_can_be_transferred(&change, &self.zone)?;
        let key = change.owner.to_key();
        if let Some((last_key, last_rrtype)) = &self.last {
            let (last, next) = (
                (last_key.as_slice(), *last_rrtype),
                (key.as_slice(), change.rrtype),
            );
            rules::import_is_in_order(last, next, &change.owner)?;
        }
        self.last = Some((key, change.rrtype));
        let serial = Some(self.serial);
        let after = change.after.filter(|(_, rdata)| !rdata.is_empty());
        let event = match (present, after) {
            (None, None) => return Ok(None),
            (Some(before), None) => {
                self.count(before, -1);
                Event::RecordsetDeleted {
                    before: before.clone(),
                    serial,
                }
            }
            (None, Some((ttl, rdata))) => {
                let recordset = Recordset {
                    id: change.recordset,
                    owner: change.owner,
                    rrtype: change.rrtype,
                    ttl: Some(ttl),
                    records: records(rdata),
                    description: None,
                    managed: false,
                    managed_resource: None,
                    project: self.zone.project.clone(),
                    revision: 1,
                    created_at: self.now,
                    updated_at: None,
                };
                rules::recordset_records_quota_allows(0, recordset.records.len(), &self.quotas)?;
                self.count(&recordset, 1);
                Event::RecordsetCreated { recordset, serial }
            }
            (Some(before), Some((ttl, rdata))) => {
                let records = records(rdata);
                let is_same = before.ttl == Some(ttl) && same_data(&before.records, &records);
                if is_same {
                    return Ok(None);
                }
                rules::recordset_records_quota_allows(before.records.len(), records.len(), &self.quotas)?;
                let after = Recordset {
                    owner: change.owner,
                    ttl: Some(ttl),
                    records,
                    revision: before.revision + 1,
                    updated_at: Some(self.now),
                    ..before.clone()
                };
                self.count(before, -1);
                self.count(&after, 1);
                Event::RecordsetChanged {
                    before: before.clone(),
                    after,
                    serial,
                }
            }
        };
        Ok(Some(event))
    }

    /// Decides whether the zone's owner may have what it has become. Returns by how much the numbers of its recordsets
    /// and of their records have changed.
    pub fn finish(self) -> Result<(i64, i64), Rejection> {
        let (recordsets, records) = self.counts_before;
        rules::transfer_quotas_allow((recordsets, records), &self.zone, &self.quotas)?;
        Ok((
            self.zone.recordset_count - recordsets,
            self.zone.record_count - records,
        ))
    }

    fn count(&mut self, recordset: &Recordset, times: i64) {
        let records = i64::try_from(recordset.records.len()).unwrap_or(i64::MAX);
        self.zone.recordset_count += times;
        self.zone.record_count = self
            .zone
            .record_count
            .saturating_add(times.saturating_mul(records));
    }
}

fn records(rdata: Vec<Rdata>) -> Vec<Record> {
    merge_equal(rdata.into_iter().map(Record::of).collect())
}

/// Whether two recordsets hold the same data, in whatever order; names that differ in their spelling are other data.
fn same_data(left: &[Record], right: &[Record]) -> bool {
    fn sorted(records: &[Record]) -> Vec<&[u8]> {
        let mut wires: Vec<&[u8]> = records.iter().map(|record| record.rdata().wire()).collect();
        wires.sort_unstable();
        wires
    }
    left.len() == right.len() && sorted(left) == sorted(right)
}

pub(super) fn take_transfer(
    slice: &ZoneSlice,
    command: &TakeTransfer,
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let zone = own_zone(slice, command.transfer.zone, facts)?;
    let Some((mut refresh, first)) = Refresh::begin(zone, &command.transfer, facts.quotas, now)? else {
        return Ok(Vec::new());
    };
    let present: HashMap<(&OwnerName, Rrtype), &Recordset> = slice
        .recordsets
        .iter()
        .map(|recordset| ((&recordset.owner, recordset.rrtype), recordset))
        .collect();
    let mut events = vec![first];
    for change in &command.changes {
        let present = present.get(&(&change.owner, change.rrtype)).copied();
        events.extend(refresh.rrset(change.clone(), present)?);
    }
    refresh.finish()?;
    Ok(events)
}
