//! A and AAAA (RFC 1035 §3.4.1, RFC 3596).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::RdataError;
use super::octets::Octets;
use super::text_input::TextInput;
use crate::fields::excerpt;

pub(super) fn parse_a(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    let address: Ipv4Addr = parse(input, "IPv4")?;
    input.wire.extend_from_slice(&address.octets());
    Ok(())
}

pub(super) fn parse_aaaa(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    let address: Ipv6Addr = parse(input, "IPv6")?;
    input.wire.extend_from_slice(&address.octets());
    Ok(())
}

fn parse<T: FromStr>(input: &mut TextInput<'_>, family: &'static str) -> Result<T, RdataError> {
    let raw = input.fields.require("address")?.raw;
    std::str::from_utf8(raw)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| RdataError::BadAddress {
            family,
            value: excerpt(raw),
        })
}

pub(super) fn write_a(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    Some(write!(f, "{}", Ipv4Addr::from(octets.array::<4>()?)))
}

pub(super) fn write_aaaa(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    Some(write!(f, "{}", Ipv6Addr::from(octets.array::<16>()?)))
}
