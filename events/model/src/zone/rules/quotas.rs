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
