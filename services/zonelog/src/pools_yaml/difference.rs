//! What a change of a pool comes to, in words for people. Secrets are not shown.

use std::collections::BTreeMap;

use zonelog_model::resource::{HostPort, OptionValue, Pool, PoolTarget};

use super::HIDDEN;

/// The differences between two descriptions of a pool, each a line.
pub fn differences(before: &Pool, after: &Pool) -> Vec<String> {
    let mut lines = Vec::new();
    if before.description != after.description {
        let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "(none)".to_owned());
        lines.push(format!(
            "description: {} -> {}",
            shown(&before.description),
            shown(&after.description)
        ));
    }
    list(&mut lines, "attributes", &attributes(before), &attributes(after));
    list(&mut lines, "ns_records", &ns_records(before), &ns_records(after));
    list(
        &mut lines,
        "nameservers",
        &nameservers(before),
        &nameservers(after),
    );
    let (old, new) = (targets(before), targets(after));
    list(&mut lines, "targets", &old, &new);
    if old == new && before.targets != after.targets {
        lines.push("targets: a secret, or what describes one, is changed".to_owned());
    }
    list(
        &mut lines,
        "also_notifies",
        &before.also_notifies.iter().map(place).collect::<Vec<_>>(),
        &after.also_notifies.iter().map(place).collect::<Vec<_>>(),
    );
    if before.catalog_zone != after.catalog_zone {
        lines.push(match (&before.catalog_zone, &after.catalog_zone) {
            (None, Some(zone)) => format!("catalog_zone: + {}", zone.name),
            (Some(zone), None) => format!("catalog_zone: - {}", zone.name),
            _ => "catalog_zone: changed".to_owned(),
        });
    }
    lines
}

/// What went and what came; the order alone is told when nothing else is.
fn list(lines: &mut Vec<String>, key: &str, before: &[String], after: &[String]) {
    let known = lines.len();
    let gone = before.iter().filter(|&item| !after.contains(item));
    lines.extend(gone.map(|item| format!("{key}: - {item}")));
    let new = after.iter().filter(|&item| !before.contains(item));
    lines.extend(new.map(|item| format!("{key}: + {item}")));
    if lines.len() == known && before != after {
        lines.push(format!("{key}: another order"));
    }
}

fn attributes(pool: &Pool) -> Vec<String> {
    pairs(&pool.attributes)
}

fn pairs(map: &BTreeMap<String, String>) -> Vec<String> {
    map.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

fn ns_records(pool: &Pool) -> Vec<String> {
    let of = |record: &zonelog_model::resource::NsRecord| {
        format!("{} (priority {})", record.hostname, record.priority)
    };
    pool.ns_records.iter().map(of).collect()
}

fn nameservers(pool: &Pool) -> Vec<String> {
    let of = |server: &zonelog_model::resource::PoolNameserver| match server.tsigkey {
        None => format!("{} port {}", server.host, server.port),
        Some(key) => format!("{} port {} key {key}", server.host, server.port),
    };
    pool.nameservers.iter().map(of).collect()
}

fn targets(pool: &Pool) -> Vec<String> {
    pool.targets.iter().map(target).collect()
}

fn target(target: &PoolTarget) -> String {
    let options: BTreeMap<String, String> = target
        .options
        .iter()
        .map(|(name, value)| match value {
            OptionValue::Plain(value) => (name.clone(), value.clone()),
            OptionValue::Sealed(_) => (name.clone(), HIDDEN.to_owned()),
        })
        .collect();
    let mut words = vec![target.kind.clone()];
    words.extend(pairs(&options));
    if !target.masters.is_empty() {
        let masters: Vec<String> = target.masters.iter().map(place).collect();
        words.push(format!("masters {}", masters.join(", ")));
    }
    words.extend(target.tsigkey.map(|key| format!("key {key}")));
    words.join(" ")
}

fn place(place: &HostPort) -> String {
    format!("{} port {}", place.host, place.port)
}
