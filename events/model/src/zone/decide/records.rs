//! Lists of records as users give them.

use std::collections::HashSet;

use zonelog_dns::{OwnerName, RdataError, Rrtype};

use crate::zone::rejection::Rejection;
use crate::zone::rules;
use crate::zone::state::Record;

/// Reads the texts of an owner's records; those with equal record data are merged.
pub(super) fn parse_records(
    rrtype: Rrtype,
    owner: &OwnerName,
    texts: &[String],
) -> Result<Vec<Record>, Rejection> {
    let records = texts
        .iter()
        .enumerate()
        .map(|(index, text)| parse_record(rrtype, owner, index, text));
    Ok(merge_equal(records.collect::<Result<_, _>>()?))
}

/// Takes an owner's records that were read already; one that was read as another type is read again as this one.
pub(super) fn records_of_type(
    rrtype: Rrtype,
    owner: &OwnerName,
    records: &[Record],
) -> Result<Vec<Record>, Rejection> {
    let records = records.iter().enumerate().map(|(index, record)| {
        if record.rdata().rrtype() != rrtype {
            return parse_record(rrtype, owner, index, record.text());
        }
        check_record(record, owner, index)?;
        Ok(record.clone())
    });
    Ok(merge_equal(records.collect::<Result<_, _>>()?))
}

fn parse_record(rrtype: Rrtype, owner: &OwnerName, index: usize, text: &str) -> Result<Record, Rejection> {
    let record = Record::parse(rrtype, text).map_err(invalid_record(index, rrtype, text))?;
    check_record(&record, owner, index)?;
    Ok(record)
}

pub(in crate::zone) fn check_record(
    record: &Record,
    owner: &OwnerName,
    index: usize,
) -> Result<(), Rejection> {
    rules::text_is_storable("records", record.text())?;
    let rrtype = record.rdata().rrtype();
    rules::record_fits_owner(record, owner).map_err(invalid_record(index, rrtype, record.text()))
}

fn invalid_record(index: usize, rrtype: Rrtype, text: &str) -> impl FnOnce(RdataError) -> Rejection {
    move |error| Rejection::InvalidRecord {
        index,
        rrtype,
        text: text.to_owned(),
        error,
    }
}

/// Keeps the first of each group of records with equal record data (RFC 2181 §5: an RRset has no duplicates).
pub(in crate::zone) fn merge_equal(records: Vec<Record>) -> Vec<Record> {
    let mut seen = HashSet::with_capacity(records.len());
    let is_first: Vec<bool> = records.iter().map(|record| seen.insert(record.rdata())).collect();
    drop(seen);
    records
        .into_iter()
        .zip(is_first)
        .filter_map(|(record, is_first)| is_first.then_some(record))
        .collect()
}

pub(super) fn same_texts(left: &[Record], right: &[Record]) -> bool {
    left.len() == right.len() && sorted_texts(left) == sorted_texts(right)
}

fn sorted_texts(records: &[Record]) -> Vec<&str> {
    let mut texts: Vec<&str> = records.iter().map(Record::text).collect();
    texts.sort_unstable();
    texts
}
