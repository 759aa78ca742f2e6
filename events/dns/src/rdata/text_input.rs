//! Reading the text of rdata field by field, writing the wire form as it goes.

use data_encoding::{BASE64, DecodeError, Encoding, HEXLOWER_PERMISSIVE};

use super::RdataError;
use crate::fields::{Field, Fields, decode, excerpt};
use crate::name::{Name, NameError, check_characters};
use crate::ttl::Ttl;

/// A record's text being read, and the wire form made of it so far.
pub(super) struct TextInput<'a> {
    pub(super) fields: Fields<'a>,
    pub(super) wire: Vec<u8>,
    /// In a master file the name that others are relative to; nothing for the API's stricter rules.
    origin: Option<&'a Name>,
}

impl<'a> TextInput<'a> {
    pub(super) fn api(text: &'a str) -> Self {
        Self {
            fields: Fields::new(text.as_bytes()),
            wire: Vec::with_capacity(32),
            origin: None,
        }
    }

    pub(super) fn master_file(fields: Fields<'a>, origin: &'a Name) -> Self {
        Self {
            fields,
            wire: Vec::with_capacity(32),
            origin: Some(origin),
        }
    }

    /// Whether Designate's rules hold, and not only those of the wire.
    pub(super) fn is_api(&self) -> bool {
        self.origin.is_none()
    }

    /// Reads a number in decimal. The API takes only the shortest way to write it.
    pub(super) fn number(&mut self, field: &'static str, least: u32, most: u32) -> Result<u32, RdataError> {
        let raw = self.fields.require(field)?.raw;
        let number = (!self.is_api() || raw == b"0" || raw.first() != Some(&b'0'))
            .then(|| decimal(raw))
            .flatten()
            .filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| RdataError::BadNumber {
            field,
            value: excerpt(raw),
            least,
            most,
        })
    }

    /// An octet for which the API allows less than the wire does.
    pub(super) fn u8_up_to(&mut self, field: &'static str, most: u8) -> Result<(), RdataError> {
        let most = if self.is_api() { most } else { u8::MAX };
        let number = self.number(field, 0, most.into())?;
        self.wire.push(number as u8);
        Ok(())
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<(), RdataError> {
        let number = self.number(field, 0, u16::MAX.into())?;
        self.wire.extend_from_slice(&(number as u16).to_be_bytes());
        Ok(())
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<(), RdataError> {
        let number = self.number(field, 0, u32::MAX)?;
        self.wire.extend_from_slice(&number.to_be_bytes());
        Ok(())
    }

    /// A domain name. The API wants it absolute and of the characters of a zone name; whether it
    /// may be the root depends on the type.
    pub(super) fn name(&mut self, field: &'static str, root: bool) -> Result<(), RdataError> {
        let raw = self.fields.require(field)?.raw;
        let bad = |reason| RdataError::BadName {
            field,
            value: excerpt(raw),
            reason,
        };
        let name = Name::parse_octets(raw, self.origin).map_err(bad)?;
        if self.is_api() {
            if name.is_root() && !root {
                return Err(bad(NameError::TooFewLabels));
            }
            if raw.contains(&b'\\') {
                return Err(bad(NameError::BadCharacter('\\')));
            }
            check_characters(&name, false).map_err(bad)?;
        }
        self.wire.extend_from_slice(name.wire());
        Ok(())
    }

    /// A domain name of any octets; the API wants it absolute.
    pub(super) fn any_name(&mut self, field: &'static str) -> Result<(), RdataError> {
        let raw = self.fields.require(field)?.raw;
        let name = Name::parse_octets(raw, self.origin);
        let name = name.map_err(|reason| RdataError::BadName {
            field,
            value: excerpt(raw),
            reason,
        })?;
        self.wire.extend_from_slice(name.wire());
        Ok(())
    }

    /// A number of seconds, for which a master file may use the units of a TTL.
    pub(super) fn interval(&mut self, field: &'static str) -> Result<(), RdataError> {
        let units = self
            .fields
            .clone()
            .next()?
            .and_then(|field| Ttl::parse_octets(field.raw).ok());
        let Some(ttl) = units else { return self.u32(field) };
        self.fields.require(field)?;
        self.wire.extend_from_slice(&ttl.get().to_be_bytes());
        Ok(())
    }

    /// A character-string: a length octet and up to 255 octets (RFC 1035 §3.3).
    pub(super) fn string(&mut self, raw: &[u8]) -> Result<(), RdataError> {
        let start = self.wire.len();
        self.wire.push(0);
        let length = decode(raw, &mut self.wire)?;
        self.wire[start] = u8::try_from(length).map_err(|_| RdataError::StringTooLong)?;
        Ok(())
    }

    /// All fields that are left, joined, in hexadecimal.
    pub(super) fn hex(&mut self, field: &'static str) -> Result<usize, RdataError> {
        self.encoded(
            field,
            &HEXLOWER_PERMISSIVE,
            "an even number of hexadecimal digits",
        )
    }

    /// All fields that are left, joined, in Base64.
    pub(super) fn base64(&mut self, field: &'static str) -> Result<usize, RdataError> {
        self.encoded(field, &BASE64, "in Base64")
    }

    fn encoded(
        &mut self,
        field: &'static str,
        encoding: &Encoding,
        expected: &'static str,
    ) -> Result<usize, RdataError> {
        let first = self.fields.require(field)?;
        let decoded = match self.fields.next()? {
            None => decode_to(encoding, first.raw, &mut self.wire),
            Some(second) => {
                let mut joined = [first.raw, second.raw].concat();
                while let Some(Field { raw, .. }) = self.fields.next()? {
                    joined.extend_from_slice(raw);
                }
                decode_to(encoding, &joined, &mut self.wire)
            }
        };
        match decoded {
            Ok(length) if length > 0 => Ok(length),
            _ => Err(RdataError::BadEncoding { field, expected }),
        }
    }
}

/// Decodes `encoded` to the end of `wire`; returns how many octets that were.
pub(super) fn decode_to(
    encoding: &Encoding,
    encoded: &[u8],
    wire: &mut Vec<u8>,
) -> Result<usize, DecodeError> {
    let start = wire.len();
    wire.resize(start + encoding.decode_len(encoded.len())?, 0);
    match encoding.decode_mut(encoded, &mut wire[start..]) {
        Ok(length) => {
            wire.truncate(start + length);
            Ok(length)
        }
        Err(partial) => Err(partial.error),
    }
}

/// A number of decimal digits only, at most ten of them that count.
pub(super) fn decimal(raw: &[u8]) -> Option<u32> {
    if raw.is_empty() || !raw.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(raw).ok()?.parse().ok()
}
