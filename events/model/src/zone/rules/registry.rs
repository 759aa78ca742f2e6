//! What the TLDs, blacklists and pools of the installation say.

use zonelog_dns::ZoneName;

use super::Ruling;
use crate::PoolId;
use crate::zone::facts::Facts;
use crate::zone::registry::Registry;
use crate::zone::rejection::Rejection;

/// Designate: with a TLD in the table, zones lie below one, and none is one itself.
pub(in crate::zone) fn zone_name_is_below_a_tld(name: &ZoneName, registry: &Registry) -> Ruling {
    let tlds = registry.tlds();
    if tlds.contains(name) {
        return Err(Rejection::InvalidZoneName(
            "Zone name cannot be the same as a TLD".into(),
        ));
    }
    if tlds.is_empty() || tlds.holds(name) {
        return Ok(());
    }
    Err(Rejection::InvalidZoneName("Invalid TLD".into()))
}

/// Designate: blacklists and the policy `use_blacklisted_zone`.
pub(in crate::zone) fn zone_name_is_not_blacklisted(
    name: &ZoneName,
    may_use_blacklisted: bool,
    registry: &Registry,
) -> Ruling {
    if may_use_blacklisted || registry.blacklist_of(name).is_none() {
        return Ok(());
    }
    Err(Rejection::InvalidZoneName("Blacklisted zone name".into()))
}

/// See [`crate::zone::RegistryOptions::pool_key_required`].
pub(in crate::zone) fn pool_has_key_it_needs(pool: PoolId, facts: &Facts) -> Ruling {
    if facts.registry.pool_has_key_it_needs(pool) {
        Ok(())
    } else {
        Err(Rejection::PoolWithoutKey(pool))
    }
}
