//! Types that point at a name: CNAME, NS, PTR, MX, SOA (RFC 1035 §3.3) and SRV (RFC 2782).

use std::fmt;

use super::RdataError;
use super::octets::Octets;
use super::text_input::TextInput;
use crate::name::{Name, write_wire_name};

pub(super) fn parse_name(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    input.name("target", false)
}

pub(super) fn write_name(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    Some(write_wire_name(f, octets.name()?))
}

/// The exchange may be the root, which says that no mail is taken (RFC 7505).
pub(super) fn parse_mx(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    input.u16("preference")?;
    input.name("exchange", true)
}

pub(super) fn check_mx(octets: &mut Octets<'_>) -> Option<()> {
    octets.u16()?;
    octets.name().map(drop)
}

pub(super) fn write_mx(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    let (preference, exchange) = (octets.u16()?, octets.name()?);
    Some(write!(f, "{preference} ").and_then(|()| write_wire_name(f, exchange)))
}

/// The target may be the root, which says that there is no such service.
pub(super) fn parse_srv(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    input.u16("priority")?;
    input.u16("weight")?;
    input.u16("port")?;
    input.name("target", true)
}

pub(super) fn check_srv(octets: &mut Octets<'_>) -> Option<()> {
    octets.take(6)?;
    octets.name().map(drop)
}

pub(super) fn write_srv(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    let (priority, weight, port) = (octets.u16()?, octets.u16()?, octets.u16()?);
    let target = octets.name()?;
    let written = write!(f, "{priority} {weight} {port} ");
    Some(written.and_then(|()| write_wire_name(f, target)))
}

/// Whether a name begins with two labels that begin with `_`, and goes on after them.
pub(super) fn is_service_owner(owner: &Name) -> bool {
    let mut labels = owner.labels();
    let mut underscored = || {
        labels
            .next()
            .is_some_and(|label| label.len() > 1 && label[0] == b'_')
    };
    underscored() && underscored() && labels.next().is_some()
}

pub(super) fn parse_soa(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    input.name("primary server", true)?;
    soa_mailbox(input)?;
    input.u32("serial")?;
    for field in ["refresh", "retry", "expire", "minimum"] {
        if input.is_api() {
            input.u32(field)?;
        } else {
            input.interval(field)?;
        }
    }
    Ok(())
}

/// The mailbox's first label is the local part of an address and may have any octets.
fn soa_mailbox(input: &mut TextInput<'_>) -> Result<(), RdataError> {
    input.any_name("mailbox")
}

pub(super) fn check_soa(octets: &mut Octets<'_>) -> Option<()> {
    octets.name()?;
    octets.name()?;
    octets.take(20).map(drop)
}

pub(super) fn write_soa(f: &mut fmt::Formatter<'_>, octets: &mut Octets<'_>) -> Option<fmt::Result> {
    let (mname, rname) = (octets.name()?, octets.name()?);
    let mut numbers = [0; 5];
    for number in &mut numbers {
        *number = octets.u32()?;
    }
    let write = |f: &mut fmt::Formatter<'_>| {
        write_wire_name(f, mname)?;
        f.write_str(" ")?;
        write_wire_name(f, rname)?;
        numbers.iter().try_for_each(|number| write!(f, " {number}"))
    };
    Some(write(f))
}
