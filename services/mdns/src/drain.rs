//! A client of transfers that does nothing but read them: for benchmarks, where a client that
//! prints would hide the server's pace, and for whoever compares what two servers hold.
//!
//! It blocks, on purpose: a thread that reads into one large buffer is the fastest reader there is.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use zonelog_dns::{Name, Serial, tsig};

/// How much is read at a time.
const BUFFER: usize = 4 << 20;
const SOA: u16 = 6;

/// What to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The whole zone.
    Axfr,
    /// What changed since this serial.
    Ixfr(Serial),
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drained {
    /// Which kind of answer it was.
    pub shape: Shape,
    /// The serial transferred to.
    pub serial: Serial,
    /// How many messages.
    pub messages: usize,
    /// How many records, SOAs included.
    pub records: usize,
    /// How many octets, lengths before the messages included.
    pub octets: usize,
    /// From the connection's start to the first octet.
    pub first_octet: Duration,
    /// From the connection's start to the last octet.
    pub total: Duration,
}

/// The kinds of answer to a request for a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The SOA alone: nothing is newer.
    SoaAlone,
    /// The whole zone.
    Whole,
    /// Differences.
    Difference,
}

/// What a record of a transfer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The SOA that begins or ends the transfer, or separates its parts.
    Soa,
    /// A record of the zone.
    Content,
    /// A record that ended.
    Deleted,
    /// A record that began.
    Added,
}

/// A record where it stands in its message.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    message: &'a [u8],
    owner_at: usize,
    rdata_at: usize,
    /// The type's number.
    pub rrtype: u16,
    /// The TTL in seconds.
    pub ttl: u32,
    /// The data as it stands, perhaps with compressed names in it.
    pub rdata: &'a [u8],
}

impl RecordView<'_> {
    /// The owner in wire form, uncompressed, as spelled.
    pub fn owner(&self) -> Vec<u8> {
        expand(self.message, self.owner_at)
            .map(|(name, _)| name)
            .unwrap_or_default()
    }

    /// The data with its names uncompressed.
    pub fn expanded_rdata(&self) -> Vec<u8> {
        let end = self.rdata_at + self.rdata.len();
        let (fixed, names) = match self.rrtype {
            2 | 3 | 4 | 5 | 7 | 8 | 9 | 12 => (0, 1),
            6 | 14 => (0, 2),
            15 => (2, 1),
            _ => return self.rdata.to_vec(),
        };
        let mut at = self.rdata_at + fixed;
        let mut data = self.message[self.rdata_at..at.min(end)].to_vec();
        for _ in 0..names {
            let Some((name, next)) = expand(self.message, at) else {
                return self.rdata.to_vec();
            };
            data.extend(name);
            at = next;
        }
        data.extend_from_slice(self.message.get(at..end).unwrap_or_default());
        data
    }
}

/// Asks a server for a transfer over TCP and reads it to its end, showing each record to `visit`.
/// No read may take longer than `timeout`.
pub fn drain(
    server: SocketAddr,
    zone: &Name,
    ask: Ask,
    timeout: Duration,
    visit: impl FnMut(Part, RecordView<'_>),
) -> Result<Drained, Error> {
    drain_answer(server, &request(zone, ask), ask, timeout, visit)
}

/// The same with a signed request (RFC 8945), at a time in seconds since 1970. The signatures of the answer are read over:
/// who has to know whether they are right verifies them.
pub fn drain_signed(
    server: SocketAddr,
    zone: &Name,
    ask: Ask,
    (key, now): (&tsig::Key, u64),
    timeout: Duration,
    visit: impl FnMut(Part, RecordView<'_>),
) -> Result<Drained, Error> {
    let mut request = request(zone, ask);
    tsig::sign(&mut request, key, now, None);
    drain_answer(server, &request, ask, timeout, visit)
}

fn drain_answer(
    server: SocketAddr,
    request: &[u8],
    ask: Ask,
    timeout: Duration,
    mut visit: impl FnMut(Part, RecordView<'_>),
) -> Result<Drained, Error> {
    let start = Instant::now();
    let mut stream = TcpStream::connect_timeout(&server, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_nodelay(true)?;
    stream.write_all(&with_length(request))?;
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    let mut progress = Progress {
        ask,
        state: State::Start,
        serial: Serial::new(0),
        messages: 0,
        records: 0,
    };
    let mut octets = 0;
    let mut first_octet = Duration::ZERO;
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                "the server ended the connection inside the transfer",
            ));
        }
        if octets == 0 {
            first_octet = start.elapsed();
        }
        octets += read;
        filled += read;
        let mut at = 0;
        while let Some(message) = framed(&buffer[at..filled]) {
            at += 2 + message.len();
            if let Some(shape) = progress.message(message, &mut visit)? {
                let Progress {
                    serial,
                    messages,
                    records,
                    ..
                } = progress;
                let total = start.elapsed();
                return Ok(Drained {
                    shape,
                    serial,
                    messages,
                    records,
                    octets,
                    first_octet,
                    total,
                });
            }
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
    }
}

fn framed(octets: &[u8]) -> Option<&[u8]> {
    let (length, rest) = octets.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

/// A request.
fn request(zone: &Name, ask: Ask) -> Vec<u8> {
    let (qtype, authorities) = match ask {
        Ask::Axfr => (252_u16, 0_u8),
        Ask::Ixfr(_) => (251, 1),
    };
    let mut message = vec![0x5a, 0x4c, 0, 0, 0, 1, 0, 0, 0, authorities, 0, 0];
    message.extend_from_slice(zone.wire());
    message.extend_from_slice(&qtype.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    if let Ask::Ixfr(serial) = ask {
        // The owner is a pointer to the question; MNAME and RNAME are the root (RFC 1995 §3 asks
        // for no more than the serial).
        message.extend_from_slice(&[0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0]);
        message.extend_from_slice(&serial.get().to_be_bytes());
        message.extend_from_slice(&[0; 16]);
    }
    message
}

/// A message with its length before it (RFC 1035 §4.2.2).
fn with_length(message: &[u8]) -> Vec<u8> {
    // A request is of a few hundred octets.
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

struct Progress {
    ask: Ask,
    state: State,
    serial: Serial,
    messages: usize,
    records: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    /// The first SOA was read.
    Opened,
    Content,
    Deleting,
    Adding,
    End(Shape),
}

impl Progress {
    /// Takes in a message; says which kind the transfer was when it is the last.
    fn message(
        &mut self,
        message: &[u8],
        visit: &mut impl FnMut(Part, RecordView<'_>),
    ) -> Result<Option<Shape>, Error> {
        self.messages += 1;
        let bad = || Error::new(ErrorKind::InvalidData, "the server sent a malformed message");
        let word = |at: usize| message.get(at..at + 2).map(|w| u16::from_be_bytes([w[0], w[1]]));
        let rcode = word(2).ok_or_else(bad)? & 0xf;
        if rcode != 0 {
            return Err(Error::other(format!(
                "the server answered with response code {rcode}"
            )));
        }
        let (questions, answers) = (word(4).ok_or_else(bad)?, word(6).ok_or_else(bad)?);
        let mut at = 12;
        for _ in 0..questions {
            at = skip_name(message, at).ok_or_else(bad)? + 4;
        }
        for _ in 0..answers {
            let owner_at = at;
            let fixed = skip_name(message, at).ok_or_else(bad)?;
            let [t0, t1, _, _, l0, l1, l2, l3, r0, r1] = *message.get(fixed..fixed + 10).ok_or_else(bad)?
            else {
                return Err(bad());
            };
            let rdata_at = fixed + 10;
            at = rdata_at + usize::from(u16::from_be_bytes([r0, r1]));
            let rdata = message.get(rdata_at..at).ok_or_else(bad)?;
            let ttl = u32::from_be_bytes([l0, l1, l2, l3]);
            let rrtype = u16::from_be_bytes([t0, t1]);
            let part = self.record(rrtype, message, rdata_at).ok_or_else(bad)?;
            self.records += 1;
            visit(
                part,
                RecordView {
                    message,
                    owner_at,
                    rdata_at,
                    rrtype,
                    ttl,
                    rdata,
                },
            );
        }
        Ok(match self.state {
            State::End(shape) => Some(shape),
            // One record in the first message of an answer to IXFR: nothing is newer (RFC 1995 §4).
            State::Opened if matches!(self.ask, Ask::Ixfr(_)) => Some(Shape::SoaAlone),
            _ => None,
        })
    }

    fn record(&mut self, rrtype: u16, message: &[u8], rdata_at: usize) -> Option<Part> {
        if rrtype != SOA {
            let (state, part) = match self.state {
                State::Opened | State::Content => (State::Content, Part::Content),
                State::Deleting => (State::Deleting, Part::Deleted),
                State::Adding => (State::Adding, Part::Added),
                State::Start | State::End(_) => return None,
            };
            self.state = state;
            return Some(part);
        }
        let serial_at = skip_name(message, skip_name(message, rdata_at)?)?;
        let serial = message.get(serial_at..)?.first_chunk::<4>()?;
        let serial = Serial::new(u32::from_be_bytes(*serial));
        self.state = match self.state {
            State::Start => {
                self.serial = serial;
                State::Opened
            }
            // An empty zone in AXFR, or the older serial of a difference.
            State::Opened if self.ask == Ask::Axfr || serial == self.serial => State::End(Shape::Whole),
            State::Opened => State::Deleting,
            State::Content => State::End(Shape::Whole),
            State::Deleting => State::Adding,
            State::Adding if serial == self.serial => State::End(Shape::Difference),
            State::Adding => State::Deleting,
            State::End(_) => return None,
        };
        Some(Part::Soa)
    }
}

/// Where the name at `at` ends.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

/// The name at `at`, uncompressed, and where it ends there.
fn expand(message: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let mut name = Vec::new();
    let mut end = None;
    loop {
        let length = usize::from(*message.get(at)?);
        if length & 0xc0 == 0xc0 {
            let target = (length & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
            end.get_or_insert(at + 2);
            // Pointers lead backwards, or they could lead in a circle.
            if target >= at {
                return None;
            }
            at = target;
            continue;
        }
        name.extend_from_slice(message.get(at..at + 1 + length)?);
        if name.len() > 255 {
            return None;
        }
        at += 1 + length;
        if length == 0 {
            return Some((name, end.unwrap_or(at)));
        }
    }
}
