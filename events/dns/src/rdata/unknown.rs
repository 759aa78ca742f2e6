//! Data of types without a form of their own (RFC 3597 §5): `\# LENGTH HEX`.

use std::fmt;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use super::octets::Octets;
use super::text_input::{decimal, decode_to};
use super::{MAX_RDATA, Rdata, RdataError};
use crate::fields::{Fields, excerpt};
use crate::rrtype::Rrtype;

/// Reads the fields from `\#` on. Data of a known type must have that type's form.
pub(super) fn parse(rrtype: Rrtype, mut fields: Fields<'_>) -> Result<Rdata, RdataError> {
    fields.require("\\#")?;
    let raw = fields.require("length")?.raw;
    let most = MAX_RDATA as u32;
    let length = decimal(raw)
        .filter(|length| *length <= most)
        .ok_or_else(|| RdataError::BadNumber {
            field: "length",
            value: excerpt(raw),
            least: 0,
            most,
        })?;
    let mut digits = Vec::new();
    while let Some(field) = fields.next()? {
        digits.extend_from_slice(field.raw);
    }
    let mut wire = Vec::new();
    match decode_to(&HEXLOWER_PERMISSIVE, &digits, &mut wire) {
        Ok(octets) if octets == length as usize => Rdata::from_wire(rrtype, &wire),
        _ => Err(RdataError::BadEncoding {
            field: "data",
            expected: "as many octets in hexadecimal as the length says",
        }),
    }
}

pub(super) fn write(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    let wire = octets.rest();
    Some(write!(f, "\\# {}", wire.len()).and_then(|()| {
        if wire.is_empty() {
            return Ok(());
        }
        f.write_str(" ")?;
        write_hex(f, wire)
    }))
}

/// Writes octets in lower-case hexadecimal.
pub(super) fn write_hex(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    write!(f, "{}", HEXLOWER.encode_display(octets))
}
