//! Pools as a `pools.yaml`, secrets hidden. What is printed can be read again.

use std::fmt::Write as _;

use zonelog_model::resource::{HostPort, OptionValue, Pool, PoolTarget};

use super::{HIDDEN, Present};

/// Prints pools. Writing to a String cannot fail, so what `write!` answers is passed over.
pub fn print(pools: &[Present]) -> String {
    let mut text = "---\n".to_owned();
    if pools.is_empty() {
        text.push_str("[]\n");
    }
    for Present { id, pool } in pools {
        one(&mut text, &id.uuid().to_string(), pool);
    }
    text
}

fn one(text: &mut String, id: &str, pool: &Pool) {
    let _ = writeln!(text, "- id: {id}\n  name: {}", scalar(&pool.name));
    if let Some(description) = &pool.description {
        let _ = writeln!(text, "  description: {}", scalar(description));
    }
    head(text, "  attributes", pool.attributes.is_empty(), "{}");
    for (key, value) in &pool.attributes {
        let _ = writeln!(text, "    {}: {}", scalar(key), scalar(value));
    }
    head(text, "  ns_records", pool.ns_records.is_empty(), "[]");
    for record in &pool.ns_records {
        let hostname = scalar(&record.hostname.to_string());
        let _ = writeln!(
            text,
            "    - hostname: {hostname}\n      priority: {}",
            record.priority
        );
    }
    head(text, "  nameservers", pool.nameservers.is_empty(), "[]");
    for server in &pool.nameservers {
        let _ = writeln!(
            text,
            "    - host: {}\n      port: {}",
            scalar(&server.host),
            server.port
        );
        if let Some(key) = server.tsigkey {
            let _ = writeln!(text, "      tsigkey_id: {key}");
        }
    }
    head(text, "  targets", pool.targets.is_empty(), "[]");
    for target in &pool.targets {
        one_target(text, target);
    }
    head(text, "  also_notifies", pool.also_notifies.is_empty(), "[]");
    places(text, "    ", &pool.also_notifies);
    if let Some(zone) = &pool.catalog_zone {
        let name = scalar(&zone.name.to_string());
        let _ = writeln!(text, "  catalog_zone:\n    catalog_zone_fqdn: {name}");
        let _ = writeln!(text, "    catalog_zone_refresh: {}", zone.refresh);
        if zone.tsig_key.is_some() {
            let _ = writeln!(text, "    catalog_zone_tsig_key: {}", scalar(HIDDEN));
        }
        if let Some(algorithm) = &zone.tsig_algorithm {
            let _ = writeln!(text, "    catalog_zone_tsig_algorithm: {}", scalar(algorithm));
        }
    }
}

fn one_target(text: &mut String, target: &PoolTarget) {
    let _ = writeln!(text, "    - type: {}", scalar(&target.kind));
    if let Some(description) = &target.description {
        let _ = writeln!(text, "      description: {}", scalar(description));
    }
    if let Some(key) = target.tsigkey {
        let _ = writeln!(text, "      tsigkey_id: {key}");
    }
    head(text, "      masters", target.masters.is_empty(), "[]");
    places(text, "        ", &target.masters);
    head(text, "      options", target.options.is_empty(), "{}");
    for (name, value) in &target.options {
        let value = match value {
            OptionValue::Plain(value) => value,
            OptionValue::Sealed(_) => HIDDEN,
        };
        let _ = writeln!(text, "        {}: {}", scalar(name), scalar(value));
    }
}

fn places(text: &mut String, indent: &str, places: &[HostPort]) {
    for HostPort { host, port } in places {
        let _ = writeln!(text, "{indent}- host: {}\n{indent}  port: {port}", scalar(host));
    }
}

fn head(text: &mut String, key: &str, is_empty: bool, empty: &str) {
    let value = if is_empty {
        format!(" {empty}")
    } else {
        String::new()
    };
    let _ = writeln!(text, "{key}:{value}");
}

/// A word as it is where YAML takes it for nothing else; else quoted as in JSON, which YAML reads alike (YAML 1.2 §1.3).
fn scalar(text: &str) -> String {
    let taken = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
        && !taken.contains(&text.to_ascii_lowercase().as_str());
    let is_number = text.len() < 10 && !text.starts_with('0') && text.bytes().all(|c| c.is_ascii_digit());
    if is_plain || (is_number && !text.is_empty()) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}
