//! From the text of a master file to the zone that it describes.

use zonelog_dns::{
    MasterFileErrorKind, MasterFileReader, MasterRecord, Name, OwnerName, Rdata, Rrtype, Soa, Ttl, ZoneName,
};
use zonelog_model::zone::Record;
use zonelog_model::zone::import::{ImportedRecordset, undefined_error};

use crate::ids;

/// What Designate's clients know an import's failures by.
const NO_ORIGIN: &str = "The $ORIGIN statement is required and must be the first statement in the zonefile.";
const MALFORMED: &str = "Malformed zonefile.";
const NO_SOA: &str = "An SOA record is required.";

/// The zone of a master file. The SOA's serial and timers are not taken over, nor the NS records of the apex: these are
/// the pool's.
#[derive(Debug)]
pub(super) struct ParsedZone {
    pub(super) name: ZoneName,
    /// The responsible person's address, from the SOA.
    pub(super) email: String,
    /// The SOA's TTL, or the lowest allowed if that is more.
    pub(super) ttl: Ttl,
    /// In the order that [`zonelog_model::zone::import::Import`] wants.
    pub(super) recordsets: Vec<ImportedRecordset>,
}

/// A record and where it belongs in the order.
struct Placed {
    owner_key: Vec<u8>,
    record: MasterRecord,
}

/// Reads a master file. The error is the import's message.
pub(super) fn parse(text: &[u8], min_ttl: Ttl, max_records: usize) -> Result<ParsedZone, String> {
    let mut reader = MasterFileReader::new(text, None);
    let mut origin = None;
    let mut soa = None;
    let mut records = Vec::new();
    while let Some(read) = reader.next() {
        let record = read.map_err(|error| {
            tracing::debug!(%error, "a zone import cannot be read");
            match error.kind {
                MasterFileErrorKind::NoOrigin | MasterFileErrorKind::NoOwner if origin.is_none() => NO_ORIGIN,
                _ => MALFORMED,
            }
        })?;
        let origin = origin.get_or_insert_with(|| reader.origin().cloned());
        let origin = origin.as_ref().ok_or(NO_ORIGIN)?;
        // What lies elsewhere is passed over, as name servers do.
        if !record.owner.is_at_or_below(origin) {
            continue;
        }
        let is_apex = record.owner == *origin;
        match record.rrtype {
            Rrtype::SOA if is_apex => soa = Some(record),
            Rrtype::SOA => {}
            Rrtype::NS if is_apex => {}
            _ => {
                if records.len() == max_records {
                    return Err(undefined_error(&format!(
                        "The zonefile has more than {max_records} records, the most that one import takes."
                    )));
                }
                records.push(Placed {
                    owner_key: record.owner.to_key(),
                    record,
                });
            }
        }
    }
    let origin = origin.flatten().ok_or(NO_ORIGIN)?;
    let soa = soa.ok_or(NO_SOA)?;
    let content = Soa::from_rdata(&soa.rdata).map_err(|_| MALFORMED)?;
    let ttl = soa.ttl.or_else(|| Ttl::new(content.minimum.into()).ok());
    Ok(ParsedZone {
        name: ZoneName::from_name(origin).map_err(|error| undefined_error(&error.to_string()))?,
        email: email(&content.rname)?,
        ttl: ttl.unwrap_or(min_ttl).max(min_ttl),
        recordsets: recordsets(records)?,
    })
}

/// RFC 1035 §8: the first label is the local part, dots in it and all.
fn email(rname: &Name) -> Result<String, String> {
    let local = rname
        .labels()
        .next()
        .and_then(|label| std::str::from_utf8(label).ok());
    let domain = rname.parent().map(|domain| domain.to_string());
    match (local, domain) {
        (Some(local), Some(domain)) => Ok(format!("{local}@{}", domain.trim_end_matches('.'))),
        _ => Err(undefined_error("The SOA names no responsible person.")),
    }
}

/// The records of one owner name and type together, wherever in the file they stood.
fn recordsets(mut records: Vec<Placed>) -> Result<Vec<ImportedRecordset>, String> {
    records.sort_by(|one, other| {
        let place = |placed: &Placed| placed.record.rrtype.get();
        one.owner_key
            .cmp(&other.owner_key)
            .then_with(|| place(one).cmp(&place(other)))
    });
    let mut recordsets: Vec<ImportedRecordset> = Vec::with_capacity(records.len());
    let mut last_key = Vec::new();
    for Placed { owner_key, record } in records {
        let MasterRecord {
            owner,
            ttl,
            rrtype,
            rdata,
            ..
        } = record;
        let text = text_of(&rdata)?;
        match recordsets.last_mut() {
            Some(last) if last_key == owner_key && last.rrtype == rrtype => {
                // RFC 2181 §5.2: one TTL for all; where a file has several, the lowest.
                last.ttl = match (last.ttl, ttl) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
                last.records.push(text);
            }
            _ => recordsets.push(ImportedRecordset {
                recordset: ids::recordset_id(),
                owner: OwnerName::from_name(owner),
                rrtype,
                ttl,
                records: vec![text],
            }),
        }
        last_key = owner_key;
    }
    recordsets.shrink_to_fit();
    number(&mut recordsets);
    Ok(recordsets)
}

/// Gives the recordsets their ids in ascending order: in that of their rows, so that each index grows at one place.
fn number(recordsets: &mut [ImportedRecordset]) {
    let mut ids: Vec<_> = recordsets.iter().map(|recordset| recordset.recordset).collect();
    ids.sort_unstable();
    for (recordset, id) in recordsets.iter_mut().zip(ids) {
        recordset.recordset = id;
    }
}

/// The record as the API would have taken it: what a master file may say is more.
fn text_of(rdata: &Rdata) -> Result<Record, String> {
    let text = rdata.to_string();
    Record::parse(rdata.rrtype(), &text)
        .map_err(|error| undefined_error(&format!("'{text}' is not a '{}' Record: {error}", rdata.rrtype())))
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
