//! From a packet to what it asks, or to the error it deserves. Pure, and safe against any octets.
//!
//! The header and the question are read here, because their octets are sent back as they came
//! (RFC 1035 §7.3; spelling too, on which resolvers rely). Everything behind the question is read
//! by hickory-proto.

use hickory_proto::op::Message;
use hickory_proto::rr::RData;
use zonelog_dns::{Name, Rrtype, Serial};

use crate::keys::Signature;
use crate::message::{Edns, HEADER, OUR_PAYLOAD, Rcode};

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

/// The part of a request that goes into its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The message id.
    pub id: u16,
    /// The opcode, in the place it has in the flags.
    pub(crate) opcode_bits: u16,
    /// The recursion-desired bit, which is copied (RFC 1035 §4.1.1).
    pub(crate) recursion_desired: bool,
    /// The question section as it came; empty when it could not be read.
    pub(crate) question: Box<[u8]>,
    /// The request's EDNS, when it had any (RFC 6891 §6.1.1: then the answer has it too).
    pub(crate) edns: Option<Edns>,
    /// The request's signature, once it was verified: then the answer is signed (RFC 8945 §5.3).
    pub(crate) signature: Option<Box<Signature>>,
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
    pub(crate) fn envelope_mut(&mut self) -> Option<&mut Envelope> {
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
    let Ok(message) = Message::from_vec(packet) else {
        return Classified::Refuse(envelope, Rcode::FORMAT_ERROR);
    };
    if let Some(edns) = &message.edns {
        envelope.edns = Some(Edns {
            payload: edns.max_payload(),
            dnssec_ok: edns.flags().dnssec_ok,
        });
        if edns.version() > 0 {
            return Classified::Refuse(envelope, Rcode::BAD_VERSION);
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
        let serial = message.answers.iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some(Serial::new(soa.serial)),
            _ => None,
        });
        return Classified::Query(Query {
            envelope,
            name: question.name,
            asked: Asked::Notify { serial },
        });
    }
    let asked = match question.qtype {
        AXFR => Asked::Axfr,
        IXFR => match held_serial(&message, &question.name) {
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

/// The serial in the SOA of an IXFR request's authority section (RFC 1995 §3); the record must be
/// the only one, and the zone's.
fn held_serial(message: &Message, zone: &Name) -> Option<Serial> {
    let [record] = message.authorities.as_slice() else {
        return None;
    };
    let RData::SOA(soa) = &record.data else {
        return None;
    };
    let owner: Vec<u8> = record
        .name
        .iter()
        .flat_map(|label| std::iter::once(label.len() as u8).chain(label.iter().copied()))
        .chain([0])
        .collect();
    let same = owner.eq_ignore_ascii_case(zone.wire());
    same.then(|| Serial::new(soa.serial))
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

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
