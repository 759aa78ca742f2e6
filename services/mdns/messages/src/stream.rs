//! The stream of messages in which a zone comes in: AXFR (RFC 5936 §2.2), IXFR (RFC 1995 §4), or an IXFR that is answered
//! as an AXFR. Pure: a message goes in, and it is said whether more are to come, or why the stream is refused.
//!
//! ```text
//!  AXFR   SOA(n) record record ... SOA(n)
//!  IXFR   SOA(n) SOA(h) deleted ... SOA(h+1) added ... SOA(h+1) deleted ... SOA(n) added ... SOA(n)
//! ```
//! Nothing of a stream counts before its last SOA was seen.

use zonelog_dns::{Name, Rdata, Rrtype, Serial, Soa, Ttl};

use super::gathered::Gathered;
use super::wire::{Malformed, Message, Record};

/// The QTYPEs (RFC 1995 §3, RFC 5936 §2).
pub(crate) const IXFR: u16 = 251;
pub(crate) const AXFR: u16 = 252;
/// Class IN.
const IN: u16 = 1;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The whole zone.
    Axfr,
    /// What changed since the serial that we hold.
    Ixfr {
        /// The serial that we hold.
        held: Serial,
    },
}

impl Asked {
    /// Its QTYPE.
    pub const fn qtype(self) -> u16 {
        match self {
            Self::Axfr => AXFR,
            Self::Ixfr { .. } => IXFR,
        }
    }
}

/// How much a primary may send us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// The most records.
    pub records: usize,
    /// The most octets in memory.
    pub octets: usize,
}

impl Default for StreamLimits {
    /// 5,000,000 records; 1 GiB.
    fn default() -> Self {
        Self {
            records: 5_000_000,
            octets: 1 << 30,
        }
    }
}

/// Why a stream is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// A message that is none.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Not an answer, or one to somebody else.
    #[error("a message is no answer to our request ({0})")]
    Foreign(&'static str),
    /// The primary says no.
    #[error("the primary answers {}", rcode_mnemonic(*.0))]
    Rcode(u16),
    /// A message was cut short, which over TCP none can be.
    #[error("a message is marked as cut short")]
    Truncated,
    /// A message without records.
    #[error("a message has no records")]
    Empty,
    /// The first record is not the zone's SOA.
    #[error("the first record is not the zone's SOA, but {1} at {0}")]
    NoSoa(Name, Rrtype),
    /// A SOA that stands where none can.
    #[error("there is a SOA at {0}, which is not the zone's name")]
    ForeignSoa(Name),
    /// The last SOA is not the first one.
    #[error("the stream begins with serial {0} and ends with another SOA, of serial {1}")]
    SoaMismatch(Serial, Serial),
    /// A difference that does not go on from where it should.
    #[error("a difference begins at serial {1} and not at {0}")]
    WrongStep(Serial, Serial),
    /// A difference that leads back.
    #[error("a difference leads from serial {0} to {1}, which is not newer")]
    Backwards(Serial, Serial),
    /// A record of another class.
    #[error("a record at {0} has class {1}, and not IN")]
    Class(Name, u16),
    /// A type that no zone can have.
    #[error("there is a record of type {1} at {0}, which no zone can hold")]
    Meta(Name, Rrtype),
    /// Data that does not have the form of its type.
    #[error("a record at {0} cannot be read: {1}")]
    Rdata(Name, String),
    /// More than the limit.
    #[error("the zone is larger than the limit of {0} records or {1} MiB")]
    TooLarge(usize, usize),
    /// Records after the end.
    #[error("there are records after the last SOA")]
    Trailing,
}

/// The mnemonic of a response code (IANA DNS parameters).
fn rcode_mnemonic(rcode: u16) -> String {
    match rcode {
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        3 => "NXDOMAIN".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        9 => "NOTAUTH".to_owned(),
        other => format!("with response code {other}"),
    }
}

/// What came in.
#[derive(Debug)]
pub enum Received {
    /// The primary has nothing newer than what we hold.
    UpToDate {
        /// Its serial.
        serial: Serial,
    },
    /// The whole zone.
    Whole(Content),
    /// What changed since the serial that we hold.
    Difference(Content),
}

/// A zone's content, or what changed in it.
#[derive(Debug)]
pub struct Content {
    /// The SOA that it leads to.
    pub soa: Soa,
    /// That SOA's TTL.
    pub soa_ttl: Ttl,
    /// The records without SOA, in canonical order.
    pub records: Gathered,
    /// How many records were not taken, as they are outside the zone.
    pub outside: usize,
}

/// A stream on its way.
#[derive(Debug)]
pub struct Stream {
    zone: Name,
    id: u16,
    asked: Asked,
    limits: StreamLimits,
    first: Option<(Soa, Ttl)>,
    state: State,
    gathered: Gathered,
    outside: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing came yet.
    Start,
    /// The first SOA came: what follows tells what kind of stream it is.
    Opened,
    /// Records of the whole zone.
    Whole,
    /// Records that a difference deletes, which begins at this serial.
    Deleting { from: Serial },
    /// Records that a difference adds, which leads to this serial.
    Adding { to: Serial },
    /// The last SOA came, or the only one.
    Ended { kind: Kind },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    UpToDate,
    Whole,
    Difference,
}

impl Stream {
    /// Awaits the answer to a request with this id.
    pub fn new(zone: Name, id: u16, asked: Asked, limits: StreamLimits) -> Self {
        Self {
            zone,
            id,
            asked,
            limits,
            first: None,
            state: State::Start,
            gathered: Gathered::default(),
            outside: 0,
        }
    }

    /// Whether the last record came.
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// The serial that the primary has, once its first SOA came.
    pub fn serial(&self) -> Option<Serial> {
        self.first.as_ref().map(|(soa, _)| soa.serial)
    }

    /// Takes the next message. True when it was the last.
    pub fn message(&mut self, octets: &[u8]) -> Result<bool, StreamError> {
        let message = Message::read(octets)?;
        self.envelope(&message)?;
        let mut records = 0;
        for record in message.records() {
            records += 1;
            self.record(record?)?;
        }
        if records == 0 {
            return Err(StreamError::Empty);
        }
        Ok(self.is_complete())
    }

    /// What came, once the stream is complete; nothing before.
    pub fn finish(mut self) -> Option<Received> {
        let State::Ended { kind } = self.state else {
            return None;
        };
        let (soa, soa_ttl) = self.first?;
        if kind == Kind::UpToDate {
            return Some(Received::UpToDate { serial: soa.serial });
        }
        self.gathered.sort();
        let content = Content {
            soa,
            soa_ttl,
            records: self.gathered,
            outside: self.outside,
        };
        Some(match kind {
            Kind::Difference => Received::Difference(content),
            _ => Received::Whole(content),
        })
    }

    /// RFC 5936 §2.2.1 and §2.2.2: what header and question of each message must say.
    fn envelope(&self, message: &Message<'_>) -> Result<(), StreamError> {
        if self.is_complete() {
            return Err(StreamError::Trailing);
        }
        if message.id != self.id {
            return Err(StreamError::Foreign("another id"));
        }
        if !message.is_response() || message.opcode() != 0 {
            return Err(StreamError::Foreign("no response"));
        }
        if message.rcode() != 0 {
            return Err(StreamError::Rcode(message.rcode()));
        }
        if message.is_truncated() {
            return Err(StreamError::Truncated);
        }
        // Only the first message must repeat the question; should another, it is the same one.
        let ours = match &message.question {
            Some(question) => {
                question.name == self.zone
                    && question.qtype == self.asked.qtype()
                    && question.class == IN
                    && message.questions == 1
            }
            None => message.questions == 0,
        };
        if !ours {
            return Err(StreamError::Foreign("another question"));
        }
        Ok(())
    }

    fn record(&mut self, record: Record) -> Result<(), StreamError> {
        let Record {
            owner,
            rrtype,
            class,
            ttl,
            rdata,
        } = record;
        if class != IN {
            return Err(StreamError::Class(owner, class));
        }
        // OPT, and the types of requests and signatures (RFC 6895 §3.1): none is data of a zone.
        if rrtype.get() == 0 || rrtype.get() == 41 || (128..=255).contains(&rrtype.get()) {
            return Err(StreamError::Meta(owner, rrtype));
        }
        let ttl = Ttl::from_wire(ttl);
        let rdata = Rdata::from_wire(rrtype, &rdata)
            .map_err(|error| StreamError::Rdata(owner.clone(), error.to_string()))?;
        if rrtype == Rrtype::SOA {
            if owner != self.zone {
                return Err(StreamError::ForeignSoa(owner));
            }
            let soa = Soa::from_rdata(&rdata)
                .map_err(|error| StreamError::Rdata(owner.clone(), error.to_string()))?;
            return self.soa(soa, ttl);
        }
        self.state = match self.state {
            State::Start => return Err(StreamError::NoSoa(owner, rrtype)),
            State::Opened => State::Whole,
            State::Ended { .. } => return Err(StreamError::Trailing),
            other => other,
        };
        if !owner.is_at_or_below(&self.zone) {
            self.outside += 1;
            // Kept from going on for ever all the same.
            return self.check_limits();
        }
        let added = !matches!(self.state, State::Deleting { .. });
        self.gathered
            .push(&owner, ttl.get(), &rdata, added)
            .map_err(|_| self.too_large())?;
        self.check_limits()
    }

    fn soa(&mut self, soa: Soa, ttl: Ttl) -> Result<(), StreamError> {
        let Some((first, _)) = &self.first else {
            let serial = soa.serial;
            self.first = Some((soa, ttl));
            self.state = match self.asked {
                // RFC 1995 §4: a single SOA, when there is nothing newer.
                Asked::Ixfr { held } if !serial.is_newer_than(held) => State::Ended { kind: Kind::UpToDate },
                _ => State::Opened,
            };
            return Ok(());
        };
        let last = first.serial;
        self.state = match self.state {
            State::Start => return Err(StreamError::Trailing),
            State::Opened => match self.asked {
                Asked::Ixfr { held } if soa.serial != last => {
                    if soa.serial != held {
                        return Err(StreamError::WrongStep(held, soa.serial));
                    }
                    State::Deleting { from: held }
                }
                _ => Self::end(first, &soa, Kind::Whole)?,
            },
            State::Whole => Self::end(first, &soa, Kind::Whole)?,
            State::Deleting { from } => {
                if !soa.serial.is_newer_than(from) {
                    return Err(StreamError::Backwards(from, soa.serial));
                }
                State::Adding { to: soa.serial }
            }
            State::Adding { to } if to == last => Self::end(first, &soa, Kind::Difference)?,
            State::Adding { to } if to == soa.serial => State::Deleting { from: to },
            State::Adding { to } => return Err(StreamError::WrongStep(to, soa.serial)),
            State::Ended { .. } => return Err(StreamError::Trailing),
        };
        Ok(())
    }

    fn end(first: &Soa, last: &Soa, kind: Kind) -> Result<State, StreamError> {
        if first == last {
            Ok(State::Ended { kind })
        } else {
            Err(StreamError::SoaMismatch(first.serial, last.serial))
        }
    }

    fn check_limits(&self) -> Result<(), StreamError> {
        let records = self.gathered.len() + self.outside;
        if records > self.limits.records || self.gathered.octets() > self.limits.octets {
            return Err(self.too_large());
        }
        Ok(())
    }

    fn too_large(&self) -> StreamError {
        StreamError::TooLarge(self.limits.records, self.limits.octets >> 20)
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
