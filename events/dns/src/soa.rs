//! The start of authority of a zone.

use std::fmt;

use crate::name::{self, Name, NameError};
use crate::rdata::{Rdata, RdataError};
use crate::rrtype::Rrtype;
use crate::serial::Serial;

/// The data of a SOA record (RFC 1035 §3.3.13).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Soa {
    /// The zone's primary server.
    pub mname: Name,
    /// The mailbox of the person responsible, as a name.
    pub rname: Name,
    /// The zone's serial.
    pub serial: Serial,
    /// Seconds between a secondary's refreshes.
    pub refresh: u32,
    /// Seconds between its tries after a refresh that failed.
    pub retry: u32,
    /// Seconds after which it stops answering without a refresh.
    pub expire: u32,
    /// Seconds for which an absence may be cached (RFC 2308 §4).
    pub minimum: u32,
}

impl Soa {
    /// The record data.
    pub fn to_rdata(&self) -> Rdata {
        let mut wire = Vec::with_capacity(self.mname.wire().len() + self.rname.wire().len() + 20);
        wire.extend_from_slice(self.mname.wire());
        wire.extend_from_slice(self.rname.wire());
        for number in [
            self.serial.get(),
            self.refresh,
            self.retry,
            self.expire,
            self.minimum,
        ] {
            wire.extend_from_slice(&number.to_be_bytes());
        }
        Rdata::from_checked(Rrtype::SOA, wire)
    }

    /// Takes the record data apart; fails when it is of another type.
    pub fn from_rdata(rdata: &Rdata) -> Result<Self, RdataError> {
        let wrong = |field| RdataError::BadWire {
            rrtype: Rrtype::SOA,
            field,
        };
        if rdata.rrtype() != Rrtype::SOA {
            return Err(wrong("type"));
        }
        let (mname, rest) = split_name(rdata.wire()).ok_or(wrong("primary server"))?;
        let (rname, rest) = split_name(rest).ok_or(wrong("mailbox"))?;
        let (numbers, []) = rest.as_chunks::<4>() else {
            return Err(wrong("numbers"));
        };
        let [serial, refresh, retry, expire, minimum] = numbers else {
            return Err(wrong("numbers"));
        };
        Ok(Self {
            mname,
            rname,
            serial: Serial::new(u32::from_be_bytes(*serial)),
            refresh: u32::from_be_bytes(*refresh),
            retry: u32::from_be_bytes(*retry),
            expire: u32::from_be_bytes(*expire),
            minimum: u32::from_be_bytes(*minimum),
        })
    }
}

fn split_name(wire: &[u8]) -> Option<(Name, &[u8])> {
    let (name, rest) = wire.split_at(name::wire_length(wire)?);
    Some((Name::from_wire(name).ok()?, rest))
}

impl fmt::Display for Soa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mname,
            rname,
            serial,
            refresh,
            retry,
            expire,
            minimum,
        } = self;
        write!(f, "{mname} {rname} {serial} {refresh} {retry} {expire} {minimum}")
    }
}

/// Why an email address cannot stand in a SOA record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmailError {
    /// Not of the form `local@domain`.
    #[error("{0:?} is not an email address of the form name@example.com")]
    NotAnAddress(String),
    /// Its local part or domain cannot be written as a name.
    #[error("the email address cannot stand in a SOA record: {0}")]
    Name(#[from] NameError),
}

/// The mailbox name of an email address: the local part becomes the first label, so that its dots
/// are escaped when the name is written (RFC 1035 §8).
pub fn rname_from_email(email: &str) -> Result<Name, EmailError> {
    let refused = || EmailError::NotAnAddress(crate::fields::excerpt(email.as_bytes()));
    let (local, domain) = email.split_once('@').ok_or_else(refused)?;
    let unfit = |octet: u8| !octet.is_ascii_graphic() || matches!(octet, b'"' | b'\\' | b'@');
    if local.is_empty() || local.bytes().any(unfit) || domain.is_empty() || domain.ends_with('.') {
        return Err(refused());
    }
    let domain = name::parse_unescaped(&format!("{domain}."))?;
    name::check_characters(&domain, false)?;
    Ok(Name::concat([local.as_bytes()], &domain)?)
}

/// The text that stands for a mailbox name: its email address, or, where none means just this name, the name itself
/// with its final dot. [`rname_from_mailbox`] reads it back.
pub fn mailbox_from_rname(rname: &Name) -> String {
    let address = || {
        let local = std::str::from_utf8(rname.labels().next()?).ok()?;
        let domain = rname.parent()?.to_string();
        let email = format!("{local}@{}", domain.strip_suffix('.')?);
        let read = rname_from_email(&email).ok()?;
        (read.wire() == rname.wire()).then_some(email)
    };
    address().unwrap_or_else(|| rname.to_string())
}

/// The mailbox name of an email address, or of what [`mailbox_from_rname`] wrote in place of one.
pub fn rname_from_mailbox(mailbox: &str) -> Result<Name, EmailError> {
    // No address ends with a dot, and every name does.
    if mailbox.ends_with('.') {
        return Ok(Name::parse(mailbox)?);
    }
    rname_from_email(mailbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mailbox_name_has_a_text() {
        for (rname, text) in [
            (r"first\.last.Example.com.", "first.last@Example.com"),
            ("hostmaster.example.com.", "hostmaster@example.com"),
            ("root.localhost.", "root@localhost"),
            ("root.", "root."),
            (".", "."),
            (r"a\032b.example.com.", r"a\032b.example.com."),
            (r"a\@b.example.com.", r"a\@b.example.com."),
            (r"a.b\.c.example.com.", r"a.b\.c.example.com."),
        ] {
            let rname = Name::parse(rname).unwrap();
            let mailbox = mailbox_from_rname(&rname);
            assert_eq!(
                mailbox,
                Name::parse(text).map_or(text.to_owned(), |name| name.to_string())
            );
            assert_eq!(rname_from_mailbox(&mailbox).unwrap().wire(), rname.wire());
        }
    }

    #[test]
    fn dots_of_the_local_part_are_escaped() {
        let rname = rname_from_email("first.last@example.com").unwrap();
        assert_eq!(rname.to_string(), r"first\.last.example.com.");
        assert_eq!(
            rname_from_email("a+b@example.com").unwrap().to_string(),
            "a+b.example.com."
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for email in [
            "",
            "example.com",
            "@example.com",
            "a@",
            "a b@example.com",
            "a@example.com.",
            "a@b@c.d",
        ] {
            assert!(rname_from_email(email).is_err(), "{email}");
        }
        assert_eq!(
            rname_from_email("a@b..c"),
            Err(EmailError::Name(NameError::EmptyLabel))
        );
        let long = format!("{}@example.com", "a".repeat(64));
        assert_eq!(
            rname_from_email(&long),
            Err(EmailError::Name(NameError::LabelTooLong))
        );
    }

    #[test]
    fn the_data_is_taken_apart_again() {
        let soa = Soa {
            mname: Name::parse("ns1.example.org.").unwrap(),
            rname: rname_from_email("host.master@example.com").unwrap(),
            serial: Serial::new(u32::MAX),
            refresh: 3550,
            retry: 600,
            expire: 86400,
            minimum: 3600,
        };
        let rdata = soa.to_rdata();
        assert_eq!(Soa::from_rdata(&rdata).unwrap(), soa);
        assert_eq!(rdata.to_string(), soa.to_string());
        assert_eq!(Rdata::parse(Rrtype::SOA, &soa.to_string()).unwrap(), rdata);
        assert_eq!(Rdata::from_wire(Rrtype::SOA, rdata.wire()).unwrap(), rdata);
        let other = Rdata::parse(Rrtype::A, "192.0.2.1").unwrap();
        assert!(Soa::from_rdata(&other).is_err());
    }
}
