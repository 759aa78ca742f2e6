//! The rules of pools: Designate's limits of what stands in `pools.yaml`.

use super::pool::{HostPort, Pool, PoolTarget};
use super::rules::{Ruling, description_fits, invalid, text_fits, text_is_at_most};

/// The longest name of a pool, and the longest key or value of an attribute, in characters.
const MAX_NAME: usize = 50;
/// The longest host name, in characters.
const MAX_HOST: usize = 255;
/// The longest value of a target's option, in characters.
const MAX_OPTION: usize = 255;
/// The priorities of NS records.
const PRIORITIES: std::ops::RangeInclusive<u16> = 1..=10_000;
/// The greatest refresh of an SOA (RFC 2181 §8: the greatest TTL; larger ones mean nothing more).
const MAX_REFRESH: u32 = 2_147_483_647;

/// What holds of every pool.
pub(super) fn pool_is_valid(pool: &Pool) -> Ruling {
    text_fits("name", &pool.name, MAX_NAME)?;
    description_fits(pool.description.as_deref())?;
    for (key, value) in &pool.attributes {
        text_fits("attributes", key, MAX_NAME)?;
        text_is_at_most("attributes", value, MAX_NAME)?;
    }
    ns_records_are_valid(pool)?;
    for server in &pool.nameservers {
        place_is_valid("nameservers", &server.host, server.port)?;
    }
    for place in &pool.also_notifies {
        host_port_is_valid("also_notifies", place)?;
    }
    for target in &pool.targets {
        target_is_valid(target)?;
    }
    if pool
        .catalog_zone
        .as_ref()
        .is_some_and(|catalog| catalog.refresh > MAX_REFRESH)
    {
        return invalid(
            "catalog_zone",
            format!("the refresh must be at most {MAX_REFRESH}"),
        );
    }
    Ok(())
}

/// RFC 1034 §4.2.1: a zone has name servers, and each is named once.
fn ns_records_are_valid(pool: &Pool) -> Ruling {
    if pool.ns_records.is_empty() {
        return invalid("ns_records", "must hold at least one NS record");
    }
    for (index, record) in pool.ns_records.iter().enumerate() {
        if !PRIORITIES.contains(&record.priority) {
            let reason = format!("priority {} is not between 1 and 10000", record.priority);
            return invalid("ns_records", reason);
        }
        if record.hostname.is_root() {
            return invalid("ns_records", "the root is no name of a name server");
        }
        let earlier = pool.ns_records.iter().take(index);
        if earlier.clone().any(|other| other.hostname == record.hostname) {
            return invalid("ns_records", format!("{} is named twice", record.hostname));
        }
    }
    Ok(())
}

fn target_is_valid(target: &PoolTarget) -> Ruling {
    text_fits("targets", &target.kind, MAX_NAME)?;
    description_fits(target.description.as_deref())?;
    for master in &target.masters {
        host_port_is_valid("masters", master)?;
    }
    for (name, value) in &target.options {
        text_fits("options", name, MAX_OPTION)?;
        if let super::OptionValue::Plain(text) = value {
            text_is_at_most("options", text, MAX_OPTION)?;
        }
    }
    Ok(())
}

fn host_port_is_valid(field: &'static str, place: &HostPort) -> Ruling {
    place_is_valid(field, &place.host, place.port)
}

fn place_is_valid(field: &'static str, host: &str, port: u16) -> Ruling {
    text_fits(field, host, MAX_HOST)?;
    if host.chars().any(char::is_whitespace) {
        return invalid(field, format!("{host:?} is neither an address nor a host name"));
    }
    if port == 0 {
        return invalid(field, "the port must be between 1 and 65535");
    }
    Ok(())
}
