//! Values as columns: what a statement with `unnest` takes.

use std::collections::BTreeMap;

use zonelog_dns::{Rdata, Ttl, pack_rdata};
use zonelog_model::resource::HostPort;
use zonelog_model::zone::{Record, ZoneKind};

/// One column of the rows that a statement takes.
pub(super) type Column<T> = Vec<T>;

/// One field of each row.
pub(super) fn column<'a, R, T>(rows: &'a [R], field: impl Fn(&'a R) -> T) -> Column<T> {
    rows.iter().map(field).collect()
}

/// A TTL as its column has it: at most 2^31-1.
pub(super) fn ttl(ttl: Ttl) -> i32 {
    seconds(ttl.get())
}

/// Seconds as their column has them; more than 2^31-1 (RFC 2308 and RFC 1035 need none such) count as that.
pub(super) fn seconds(seconds: u32) -> i32 {
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

/// Records in the form that `recordset_version.rdata` has, in the order of the recordset.
pub(super) fn packed(records: &[Record]) -> Vec<u8> {
    let rdata: Vec<Rdata> = records.iter().map(|record| record.rdata().clone()).collect();
    pack_rdata(&rdata)
}

/// Attributes as JSON text.
pub(super) fn attributes(attributes: &BTreeMap<String, String>) -> String {
    let object = attributes
        .iter()
        .map(|(key, value)| (key.clone(), value.clone().into()))
        .collect();
    serde_json::Value::Object(object).to_string()
}

/// The masters of a secondary zone as JSON text, in the shape that its events have; nothing of a primary zone.
pub(super) fn masters(kind: &ZoneKind) -> Option<String> {
    let ZoneKind::Secondary { masters } = kind else {
        return None;
    };
    Some(masters_list(masters))
}

/// Masters as JSON text.
pub(super) fn masters_list(masters: &[HostPort]) -> String {
    let list = masters
        .iter()
        .map(|master| serde_json::json!({ "host": master.host, "port": master.port }))
        .collect();
    serde_json::Value::Array(list).to_string()
}

/// Texts as the literal of one `text[]`: `unnest` flattens an array of arrays, but not one of literals.
pub(super) fn text_array<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut literal = String::from("{");
    for text in texts {
        if literal.len() > 1 {
            literal.push(',');
        }
        literal.push('"');
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(character);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_literal_quotes_each_text() {
        assert_eq!(text_array([].into_iter()), "{}");
        assert_eq!(
            text_array(["10 mx.example.", r#""a \" b" "c""#].into_iter()),
            r#"{"10 mx.example.","\"a \\\" b\" \"c\""}"#
        );
        assert_eq!(text_array(["NULL", "{", ""].into_iter()), r#"{"NULL","{",""}"#);
    }

    #[test]
    fn seconds_that_no_column_holds_are_cut() {
        assert_eq!(seconds(u32::MAX), i32::MAX);
        assert_eq!(seconds(3_600), 3_600);
    }
}
