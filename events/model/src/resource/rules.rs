//! The rules of resources, one function each, with the place where it is written above it.

use zonelog_dns::Name;

use super::body::{Blacklist, Body, Tld};
use super::facts::Facts;
use super::pool_rules::pool_is_valid;
use super::quota::{QuotaOverrides, Quotas};
use super::rejection::Rejection;
use super::task::{ImportStatus, TransferStatus};
use super::tsig::{TsigKey, TsigScope};
use crate::ProjectId;
use crate::zone::ZonePattern;

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 160;
/// The longest name of a TLD and the longest pattern, in characters.
const MAX_NAME: usize = 255;
/// The longest name of a TSIG key, in characters.
const MAX_KEY_NAME: usize = 160;
/// The greatest quota.
const MAX_QUOTA: i64 = 2_147_483_647;

pub(super) type Ruling = Result<(), Rejection>;

pub(super) fn invalid<T>(field: &'static str, reason: impl Into<String>) -> Result<T, Rejection> {
    let reason = reason.into();
    Err(Rejection::Invalid { field, reason })
}

// ---- texts -------------------------------------------------------------------------------------------------------

/// A text of some length that PostgreSQL can keep.
pub(super) fn text_fits(field: &'static str, text: &str, max: usize) -> Ruling {
    if text.is_empty() {
        return invalid(field, "must not be empty");
    }
    text_is_at_most(field, text, max)
}

/// PostgreSQL keeps no NUL in a text or in JSON.
pub(super) fn text_is_at_most(field: &'static str, text: &str, max: usize) -> Ruling {
    if text.chars().count() > max {
        return invalid(field, format!("is too long: the most is {max} characters"));
    }
    if text.contains('\0') {
        return invalid(field, "holds the character U+0000, which cannot be stored");
    }
    Ok(())
}

/// Designate: at most 160 characters.
pub(super) fn description_fits(description: Option<&str>) -> Ruling {
    match description {
        Some(description) => text_is_at_most("description", description, MAX_DESCRIPTION),
        None => Ok(()),
    }
}

// ---- bodies ------------------------------------------------------------------------------------------------------

/// What holds of a body whenever it is written.
pub(super) fn body_is_valid(body: &Body) -> Ruling {
    match body {
        Body::Tld(tld) => tld_is_valid(tld),
        Body::Blacklist(blacklist) => blacklist_is_valid(blacklist),
        Body::TsigKey(key) => key_is_valid(key),
        Body::Pool(pool) => pool_is_valid(pool),
        Body::Quotas(quotas) => quotas_are_valid(quotas),
        Body::TransferRequest(request) => description_fits(request.description.as_deref()),
        Body::ZoneImport(import) => message_is_storable(import.message.as_deref()),
        Body::ZoneExport(export) => message_is_storable(export.message.as_deref()),
        Body::TransferAccept(_) => Ok(()),
    }
}

/// Designate: letters, digits, `-` and `_`, labels of up to 63, no final dot.
fn tld_is_valid(tld: &Tld) -> Ruling {
    text_fits("name", &tld.name, MAX_NAME)?;
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
    };
    if tld.name.ends_with('.') {
        return invalid("name", "must not end with a dot");
    }
    if !tld.name.split('.').all(is_label) || Name::parse(&format!("{}.", tld.name)).is_err() {
        return invalid("name", format!("{:?} is not a domain name", tld.name));
    }
    description_fits(tld.description.as_deref())
}

/// Designate: a pattern compiles.
fn blacklist_is_valid(blacklist: &Blacklist) -> Ruling {
    text_fits("pattern", &blacklist.pattern, MAX_NAME)?;
    if let Err(error) = ZonePattern::compile(&blacklist.pattern) {
        return invalid("pattern", error.to_string());
    }
    description_fits(blacklist.description.as_deref())
}

/// RFC 8945 §4.2: the name of a key is a domain name; in the API it may lack its final dot.
fn key_is_valid(key: &TsigKey) -> Ruling {
    text_fits("name", &key.name, MAX_KEY_NAME)?;
    let absolute = match key.name.strip_suffix('.') {
        Some(_) => key.name.clone(),
        None => format!("{}.", key.name),
    };
    match Name::parse(&absolute) {
        Ok(name) if !name.is_root() => Ok(()),
        Ok(_) => invalid("name", "the root is no name of a key"),
        Err(error) => invalid("name", format!("{:?} is not a domain name: {error}", key.name)),
    }
}

/// Designate: from -1, which is no limit, to 2147483647.
fn quotas_are_valid(quotas: &QuotaOverrides) -> Ruling {
    let limits = [
        ("zones", quotas.zones),
        ("zone_recordsets", quotas.zone_recordsets),
        ("zone_records", quotas.zone_records),
        ("recordset_records", quotas.recordset_records),
        ("api_export_size", quotas.api_export_size),
    ];
    for (field, limit) in limits {
        if limit.is_some_and(|limit| !(-1..=MAX_QUOTA).contains(&limit)) {
            return invalid(field, format!("must be between -1 (no limit) and {MAX_QUOTA}"));
        }
    }
    Ok(())
}

/// What became of a task, in words: a zone's name may be in it, which is longer than a description.
fn message_is_storable(message: Option<&str>) -> Ruling {
    match message {
        Some(message) => text_is_at_most("message", message, 2 * MAX_NAME),
        None => Ok(()),
    }
}

// ---- beginnings and changes --------------------------------------------------------------------------------------

/// Tasks begin at their beginning, and an acceptance comes of [`crate::transfer`] alone.
pub(super) fn body_can_be_created(body: &Body) -> Ruling {
    match body {
        Body::TransferAccept(_) => invalid("key", "an offer is accepted with its key, not by itself"),
        Body::TransferRequest(request) => request.status.is_open(),
        Body::ZoneImport(import) if import.status != ImportStatus::Pending => {
            invalid("status", "an import begins as PENDING")
        }
        _ => Ok(()),
    }
}

/// What was accepted or is done stays as it is.
pub(super) fn body_can_change(body: &Body) -> Ruling {
    match body {
        Body::TransferRequest(request) => request.status.is_open(),
        Body::ZoneImport(import) if import.status != ImportStatus::Pending => invalid(
            "status",
            format!("the import is {} already", import.status.label()),
        ),
        _ => Ok(()),
    }
}

/// Designate: a pool keeps its last NS record.
pub(super) fn change_is_valid(after: &Body) -> Ruling {
    match after {
        Body::Pool(pool) if pool.ns_records.is_empty() => Err(Rejection::LastNsRecord),
        _ => body_is_valid(after),
    }
}

// ---- the world around --------------------------------------------------------------------------------------------

/// Designate (LP 1934120): a key is for a pool or zone that is there.
pub(super) fn named_resource_exists(scope: TsigScope, facts: &Facts) -> Ruling {
    if facts.named_resource_exists {
        return Ok(());
    }
    let scope = match scope {
        TsigScope::Pool => "pool",
        TsigScope::Zone => "zone",
    };
    Err(Rejection::NamedResourceMissing { scope })
}

/// Designate: the owner of a zone offers it.
pub(super) fn zone_is_the_projects(project: &ProjectId, facts: &Facts) -> Ruling {
    match &facts.zone_owner {
        Some(owner) if owner == project => Ok(()),
        _ => Err(Rejection::ZoneNotFound),
    }
}

/// Designate, quota `api_export_size`: the recordsets of a zone to be exported.
pub(super) fn zone_can_be_exported(facts: &Facts) -> Ruling {
    if facts.zone_owner.is_none() {
        return Err(Rejection::ZoneNotFound);
    }
    if Quotas::allows(facts.quotas.api_export_size, facts.zone_recordsets) {
        Ok(())
    } else {
        Err(Rejection::OverQuota {
            quota: "api_export_size",
        })
    }
}

impl TransferStatus {
    /// Refuses what only an offer that is still open takes.
    fn is_open(self) -> Ruling {
        match self {
            Self::Active => Ok(()),
            Self::Complete => Err(Rejection::TransferOver { status: self.label() }),
        }
    }
}
