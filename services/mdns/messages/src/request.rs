//! From a packet to what it asks, or to the error it deserves.
//!
//! The octets of the question are sent back as they came (RFC 1035 §7.3; spelling too, on which resolvers rely).

use std::sync::Arc;

use zonelog_dns::tsig::{Key, Mac};
use zonelog_dns::{Name, Rrtype, Serial};

use crate::message::{Edns, HEADER, OUR_PAYLOAD, Rcode};
use crate::wire::{Malformed, RawRecord, Section, raw_records};

/// The QTYPEs that are not types of records (RFC 1995 §3, RFC 5936 §2, RFC 1035 §3.2.3).
const IXFR: u16 = 251;
const AXFR: u16 = 252;
const ANY: u16 = 255;
/// Class IN (RFC 1035 §3.2.4), the only one served.
const IN: u16 = 1;
/// The longest UDP answer without EDNS (RFC 1035 §4.2.1).
const PLAIN_UDP: u16 = 512;

/// What a well-formed query asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The zone's SOA record.
    Soa,
    /// The whole zone (RFC 5936).
    Axfr,
    /// What changed since this serial (RFC 1995).
    Ixfr {
        /// The serial that the client has.
        serial: Serial,
    },
    /// The RRset of another type.
    Rrset(Rrtype),
    /// All that there is at a name (QTYPE `*`), which is never answered.
    Any,
    /// Nothing: it is told that a zone changed at its primary (RFC 1996).
    Notify {
        /// The serial that the primary has, if it says so. Anybody may have written it: a hint, and not more.
        serial: Option<Serial>,
    },
}

impl Asked {
    /// Whether it is a request for a transfer.
    pub fn is_transfer(self) -> bool {
        matches!(self, Self::Axfr | Self::Ixfr { .. })
    }

    /// The word under which the question is counted.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Soa => "soa",
            Self::Axfr => "axfr",
            Self::Ixfr { .. } => "ixfr",
            Self::Notify { .. } => "notify",
            Self::Rrset(_) | Self::Any => "other",
        }
    }
}

/// A signature that was verified. The answer is signed with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The key.
    pub key: Arc<Key>,
    /// The request's MAC, which goes into the answer's.
    pub mac: Mac,
    /// When it was verified, in seconds since 1970.
    pub at: u64,
}

/// The part of a request that goes into its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The message id.
    pub id: u16,
    /// The opcode, in the place it has in the flags.
    pub opcode_bits: u16,
    /// The recursion-desired bit, which is copied (RFC 1035 §4.1.1).
    pub recursion_desired: bool,
    /// The question section as it came; empty when it could not be read.
    pub question: Box<[u8]>,
    /// The request's EDNS, when it had any (RFC 6891 §6.1.1: then the answer has it too).
    pub edns: Option<Edns>,
    /// The request's signature, once it was verified: then the answer is signed (RFC 8945 §5.3).
    pub signature: Option<Box<Signature>>,
}

/// A query that can be answered.
#[derive(Debug, Clone)]
pub struct Query {
    /// What goes into the answer.
    pub envelope: Envelope,
    /// The name asked about.
    pub name: Name,
    /// What is asked.
    pub asked: Asked,
}

impl Query {
    /// The longest answer that the client takes over UDP: never more than we send (1232 octets,
    /// which no path splits).
    pub fn udp_room(&self) -> usize {
        let client = self.envelope.edns.as_ref().map_or(PLAIN_UDP, |edns| edns.payload);
        usize::from(client.clamp(PLAIN_UDP, OUR_PAYLOAD))
    }
}

/// What a packet turned out to be.
#[derive(Debug, Clone)]
pub enum Classified {
    /// A query to be answered.
    Query(Query),
    /// A request that is answered by an error alone.
    Refuse(Envelope, Rcode),
    /// Nothing that may be answered: too short, or an answer itself.
    Drop,
}

impl Classified {
    /// What goes into the answer, if there is to be one.
    pub fn envelope_mut(&mut self) -> Option<&mut Envelope> {
        match self {
            Self::Query(query) => Some(&mut query.envelope),
            Self::Refuse(envelope, _) => Some(envelope),
            Self::Drop => None,
        }
    }
}

/// Reads a packet. Never fails: what cannot be read is refused or dropped. A signature is not looked at.
pub fn classify(packet: &[u8]) -> Classified {
    let Some((header, body)) = packet.split_at_checked(HEADER) else {
        return Classified::Drop;
    };
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let flags = word(2);
    // An answer to an answer could go on for ever.
    if flags & 0x8000 != 0 {
        return Classified::Drop;
    }
    let mut envelope = Envelope {
        id: word(0),
        opcode_bits: flags & 0x7800,
        recursion_desired: flags & 0x0100 != 0,
        question: Box::default(),
        edns: None,
        signature: None,
    };
    let opcode = (flags >> 11) & 0xf;
    if !matches!(opcode, 0 | 4) {
        return Classified::Refuse(envelope, Rcode::NOT_IMPLEMENTED);
    }
    // RFC 9619: a query has one question.
    let question = match word(4) {
        1 => Question::read(body),
        _ => None,
    };
    let Some(question) = question else {
        return Classified::Refuse(envelope, Rcode::FORMAT_ERROR);
    };
    envelope.question = body[..question.octets].into();
    let counts = [word(6), word(8), word(10)];
    let Ok(behind) = Behind::read(packet, HEADER + question.octets, counts) else {
        return Classified::Refuse(envelope, Rcode::FORMAT_ERROR);
    };
    if let Some(opt) = &behind.opt {
        envelope.edns = Some(opt.edns());
        if opt.version() > 0 {
            return Classified::Refuse(envelope, Rcode::BAD_VERSION);
        }
        if !options::are_well_formed(opt.data) {
            return Classified::Refuse(envelope, Rcode::FORMAT_ERROR);
        }
    }
    if question.class != IN {
        return Classified::Refuse(envelope, Rcode::REFUSED);
    }
    if opcode == 4 {
        // Of other types nothing was ever told (RFC 1996 §3.6).
        if Rrtype::new(question.qtype) != Rrtype::SOA {
            return Classified::Refuse(envelope, Rcode::NOT_IMPLEMENTED);
        }
        let serial = match behind.told.as_ref().map(RawRecord::soa_serial).transpose() {
            Ok(serial) => serial,
            Err(Malformed(_)) => return Classified::Refuse(envelope, Rcode::FORMAT_ERROR),
        };
        return Classified::Query(Query {
            envelope,
            name: question.name,
            asked: Asked::Notify { serial },
        });
    }
    let asked = match question.qtype {
        AXFR => Asked::Axfr,
        IXFR => match behind.held_serial(&question.name) {
            Some(serial) => Asked::Ixfr { serial },
            None => return Classified::Refuse(envelope, Rcode::FORMAT_ERROR),
        },
        ANY => Asked::Any,
        qtype if Rrtype::new(qtype) == Rrtype::SOA => Asked::Soa,
        qtype => Asked::Rrset(Rrtype::new(qtype)),
    };
    Classified::Query(Query {
        envelope,
        name: question.name,
        asked,
    })
}

/// What counts of the records behind the question.
#[derive(Default)]
struct Behind<'a> {
    /// The OPT record (RFC 6891 §6.1.1).
    opt: Option<Opt<'a>>,
    /// The first SOA of the answer section: what a NOTIFY tells.
    told: Option<RawRecord<'a>>,
    /// The first record of the authority section.
    authority: Option<RawRecord<'a>>,
    /// How many are in that section.
    authorities: u16,
}

impl<'a> Behind<'a> {
    fn read(packet: &'a [u8], at: usize, counts: [u16; 3]) -> Result<Self, Malformed> {
        let mut behind = Self::default();
        for record in raw_records(packet, at, counts) {
            let record = record?;
            match (record.section, record.rrtype) {
                (Section::Additional, Rrtype::OPT) => {
                    if behind.opt.is_some() || !record.is_at_root() {
                        return Err(Malformed("more than one OPT record, or not at the root"));
                    }
                    behind.opt = Some(Opt {
                        payload: record.class,
                        ttl: record.ttl,
                        data: record.data,
                    });
                }
                (_, Rrtype::OPT) => return Err(Malformed("an OPT record in a section where none may be")),
                (Section::Answer, Rrtype::SOA) => behind.told = behind.told.or(Some(record)),
                (Section::Authority, _) => {
                    behind.authorities += 1;
                    behind.authority = behind.authority.or(Some(record));
                }
                _ => {}
            }
        }
        Ok(behind)
    }

    /// The serial in the SOA of an IXFR request's authority section (RFC 1995 §3); the record must be the only one, and the
    /// zone's.
    fn held_serial(&self, zone: &Name) -> Option<Serial> {
        let record = self.authority.filter(|record| {
            self.authorities == 1
                && record.rrtype == Rrtype::SOA
                && record.owner().is_ok_and(|owner| owner == *zone)
        });
        record?.soa_serial().ok()
    }
}

/// An OPT record (RFC 6891 §6.1.2, §6.1.3).
struct Opt<'a> {
    payload: u16,
    ttl: u32,
    data: &'a [u8],
}

impl Opt<'_> {
    fn version(&self) -> u32 {
        (self.ttl >> 16) & 0xff
    }

    fn edns(&self) -> Edns {
        Edns {
            payload: self.payload,
            dnssec_ok: self.ttl & 0x8000 != 0,
        }
    }
}

/// The one question of a request.
struct Question {
    name: Name,
    qtype: u16,
    class: u16,
    /// How many octets it takes.
    octets: usize,
}

impl Question {
    /// Reads an uncompressed question. (A pointer has nothing to point to in the first name.)
    fn read(body: &[u8]) -> Option<Self> {
        let mut end = 0;
        loop {
            let length = usize::from(*body.get(end)?);
            if length > 63 {
                return None;
            }
            end += 1 + length;
            if length == 0 {
                break;
            }
        }
        let name = Name::from_wire(body.get(..end)?).ok()?;
        let [a, b, c, d] = *body.get(end..end + 4)? else {
            return None;
        };
        let (qtype, class) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Some(Self {
            name,
            qtype,
            class,
            octets: end + 4,
        })
    }
}

mod options;

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
