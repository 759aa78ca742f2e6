//! How much a project may have.

use super::Ruling;
use crate::resource::Quotas;
use crate::zone::facts::Facts;
use crate::zone::rejection::Rejection;
use crate::zone::state::Zone;

fn within(quota: &'static str, limit: i64, count: i64) -> Ruling {
    if Quotas::allows(limit, count) {
        Ok(())
    } else {
        Err(Rejection::OverQuota { quota })
    }
}

/// Designate, quota `zones`: one more for the project that will own the zone.
pub(in crate::zone) fn zone_quota_allows(facts: &Facts) -> Ruling {
    within("zones", facts.quotas.zones, facts.project_zones + 1)
}

/// Designate, quota `zone_recordsets`: one more in the zone.
pub(in crate::zone) fn recordset_quota_allows(zone: &Zone, facts: &Facts) -> Ruling {
    within(
        "zone_recordsets",
        facts.quotas.zone_recordsets,
        zone.recordset_count + 1,
    )
}

/// Designate, quotas `recordset_records` and `zone_records`: a recordset of so many records before and after.
pub(in crate::zone) fn record_quotas_allow(
    zone: &Zone,
    before: usize,
    after: usize,
    facts: &Facts,
) -> Ruling {
    let count = |records: usize| i64::try_from(records).unwrap_or(i64::MAX);
    let (before, after) = (count(before), count(after));
    let in_zone = zone.record_count.saturating_add(after.saturating_sub(before));
    within("zone_records", facts.quotas.zone_records, in_zone)?;
    within("recordset_records", facts.quotas.recordset_records, after)
}

/// Designate, quota `recordset_records`, of a recordset that a transfer makes grow.
pub(in crate::zone) fn recordset_records_quota_allows(
    before: usize,
    after: usize,
    quotas: &Quotas,
) -> Ruling {
    if after <= before {
        return Ok(());
    }
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    within("recordset_records", quotas.recordset_records, after)
}

/// Designate, quotas `zone_recordsets` and `zone_records`, of a zone that a transfer makes grow from so many recordsets
/// and records.
pub(in crate::zone) fn transfer_quotas_allow(before: (i64, i64), after: &Zone, quotas: &Quotas) -> Ruling {
    if after.recordset_count > before.0 {
        within("zone_recordsets", quotas.zone_recordsets, after.recordset_count)?;
    }
    if after.record_count > before.1 {
        within("zone_records", quotas.zone_records, after.record_count)?;
    }
    Ok(())
}
