//! Reading messages of others: header, question and the records of the answer section, names expanded; or the records of all
//! sections as they lie there.

use zonelog_dns::{Name, Rrtype, Serial};

/// The octets of a message's header (RFC 1035 §4.1.1).
const HEADER: usize = 12;
/// The most octets of a name (RFC 1035 §3.1).
const MAX_NAME: usize = 255;

/// Why octets are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be read: {0}")]
pub struct Malformed(pub(crate) &'static str);

const SHORT: Malformed = Malformed("it ends too early");

/// A message's header, and where its answer section begins.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    octets: &'a [u8],
    /// The id.
    pub id: u16,
    flags: u16,
    /// The question, when there is exactly one.
    pub question: Option<Question>,
    /// How many questions there are.
    pub questions: u16,
    /// How many records are in the answer section.
    pub answers: u16,
    /// How many are in the authority section.
    pub authorities: u16,
    records_at: usize,
}

/// A question (RFC 1035 §4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name asked about.
    pub name: Name,
    /// The QTYPE.
    pub qtype: u16,
    /// The class.
    pub class: u16,
}

impl<'a> Message<'a> {
    /// Reads the header and the question.
    pub fn read(octets: &'a [u8]) -> Result<Self, Malformed> {
        let mut at = 0;
        let mut word = || take_u16(octets, &mut at);
        let (id, flags, questions, answers, authorities, _additionals) =
            (word()?, word()?, word()?, word()?, word()?, word()?);
        let mut at = HEADER;
        let mut question = None;
        for number in 0..questions {
            let (name, qtype, class) = (
                take_name(octets, &mut at)?,
                take_u16(octets, &mut at)?,
                take_u16(octets, &mut at)?,
            );
            question = (number == 0).then_some(Question { name, qtype, class });
        }
        Ok(Self {
            octets,
            id,
            flags,
            question,
            questions,
            answers,
            authorities,
            records_at: at,
        })
    }

    /// Whether it is an answer (QR).
    pub fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// Whether it is authoritative (AA).
    pub fn is_authoritative(&self) -> bool {
        self.flags & 0x0400 != 0
    }

    /// Whether it was cut short (TC).
    pub fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    /// The opcode.
    pub fn opcode(&self) -> u16 {
        (self.flags >> 11) & 0xf
    }

    /// The response code, as far as the header has it.
    pub fn rcode(&self) -> u16 {
        self.flags & 0xf
    }

    /// The records of the answer section, in order. Ends after the first that cannot be read.
    pub fn records(&self) -> impl Iterator<Item = Result<Record, Malformed>> {
        let mut at = self.records_at;
        let mut left = self.answers;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let record = Record::take(self.octets, &mut at);
            if record.is_err() {
                left = 0;
            }
            Some(record)
        })
    }
}

/// A record with every name expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The owner.
    pub owner: Name,
    /// The type.
    pub rrtype: Rrtype,
    /// The class.
    pub class: u16,
    /// The TTL as it came.
    pub ttl: u32,
    /// The data; whether it has the form of its type is not checked.
    pub rdata: Vec<u8>,
}

impl Record {
    fn take(octets: &[u8], at: &mut usize) -> Result<Self, Malformed> {
        let owner = take_name(octets, at)?;
        let rrtype = Rrtype::new(take_u16(octets, at)?);
        let class = take_u16(octets, at)?;
        let ttl = u32::from(take_u16(octets, at)?) << 16 | u32::from(take_u16(octets, at)?);
        let length = usize::from(take_u16(octets, at)?);
        let end = at.checked_add(length).filter(|end| *end <= octets.len());
        let end = end.ok_or(SHORT)?;
        let rdata = expand(octets, rrtype, *at, end)?;
        *at = end;
        Ok(Self {
            owner,
            rrtype,
            class,
            ttl,
            rdata,
        })
    }
}

/// The sections of records (RFC 1035 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The answer section.
    Answer,
    /// The authority section.
    Authority,
    /// The additional section.
    Additional,
}

/// A record as it lies in a message: what it says is not looked at yet.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    message: &'a [u8],
    owner_at: usize,
    data_at: usize,
    /// Where it stands.
    pub section: Section,
    /// The type.
    pub rrtype: Rrtype,
    /// The class, or what a type has in its place.
    pub class: u16,
    /// The TTL, or what a type has in its place.
    pub ttl: u32,
    /// The data.
    pub data: &'a [u8],
}

impl<'a> RawRecord<'a> {
    fn take(message: &'a [u8], at: &mut usize, section: Section) -> Result<Self, Malformed> {
        let owner_at = *at;
        skip_name(message, at)?;
        let rrtype = Rrtype::new(take_u16(message, at)?);
        let class = take_u16(message, at)?;
        let ttl = u32::from(take_u16(message, at)?) << 16 | u32::from(take_u16(message, at)?);
        let length = usize::from(take_u16(message, at)?);
        let data_at = *at;
        let data = message.get(data_at..).and_then(|rest| rest.get(..length));
        *at += length;
        Ok(Self {
            message,
            owner_at,
            data_at,
            section,
            rrtype,
            class,
            ttl,
            data: data.ok_or(SHORT)?,
        })
    }

    /// Whether its owner is the root, written as such.
    pub fn is_at_root(&self) -> bool {
        self.message.get(self.owner_at) == Some(&0)
    }

    /// Its owner.
    pub fn owner(&self) -> Result<Name, Malformed> {
        take_name(self.message, &mut self.owner_at.clone())
    }

    /// The serial in its data, which are those of a SOA.
    pub fn soa_serial(&self) -> Result<Serial, Malformed> {
        let end = self.data_at + self.data.len();
        let within = self.message.get(..end).ok_or(SHORT)?;
        let mut at = self.data_at;
        skip_name(within, &mut at)?;
        skip_name(within, &mut at)?;
        // The serial and four numbers (RFC 1035 §3.3.13).
        let numbers: &[u8; 20] = within
            .get(at..)
            .and_then(|rest| rest.try_into().ok())
            .ok_or(Malformed("a SOA that is none"))?;
        let [a, b, c, d, ..] = *numbers;
        Ok(Serial::new(u32::from_be_bytes([a, b, c, d])))
    }
}

/// The records of a message's three sections, of which there are so many, behind the question; `at` is where they begin. Ends
/// after the first that cannot be read. What stands behind the last is not looked at.
pub fn raw_records(
    message: &[u8],
    mut at: usize,
    counts: [u16; 3],
) -> impl Iterator<Item = Result<RawRecord<'_>, Malformed>> {
    let sections = [Section::Answer, Section::Authority, Section::Additional];
    let places = sections.into_iter().zip(counts);
    let mut places = places.flat_map(|(section, count)| (0..count).map(move |_| section));
    let mut broken = false;
    std::iter::from_fn(move || {
        if broken {
            return None;
        }
        let record = RawRecord::take(message, &mut at, places.next()?);
        broken = record.is_err();
        Some(record)
    })
}

/// How the data of a type is made up, as far as names in it may be compressed: by the types of RFC 1035, and by those
/// whose senders once did it too (RFC 3597 §4).
enum Part {
    Octets(usize),
    Text,
    Name,
}

fn layout(rrtype: Rrtype) -> &'static [Part] {
    use Part::{Name, Octets, Text};
    match rrtype.get() {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME
        2..=5 | 7..=9 | 12 | 39 => &[Name],
        // SOA, MINFO, RP
        6 | 14 | 17 => &[Name, Name],
        // MX, AFSDB, RT, KX
        15 | 18 | 21 | 36 => &[Octets(2), Name],
        // PX
        26 => &[Octets(2), Name, Name],
        // SRV
        33 => &[Octets(6), Name],
        // NAPTR
        35 => &[Octets(4), Text, Text, Text, Name],
        _ => &[],
    }
}

fn expand(octets: &[u8], rrtype: Rrtype, start: usize, end: usize) -> Result<Vec<u8>, Malformed> {
    let within = octets.get(..end).ok_or(SHORT)?;
    let mut rdata = Vec::with_capacity(end - start);
    let mut at = start;
    for part in layout(rrtype) {
        let length = match part {
            Part::Name => {
                take_name_into(within, &mut at, &mut rdata)?;
                continue;
            }
            Part::Octets(length) => *length,
            Part::Text => 1 + usize::from(*within.get(at).ok_or(SHORT)?),
        };
        rdata.extend_from_slice(within.get(at..at + length).ok_or(SHORT)?);
        at += length;
    }
    rdata.extend_from_slice(within.get(at..).ok_or(SHORT)?);
    // Names that were compressed may be longer than the 16 bits of a record's length, but only by an attack.
    if rdata.len() > usize::from(u16::MAX) {
        return Err(Malformed("a record's data is too long"));
    }
    Ok(rdata)
}

fn take_u16(octets: &[u8], at: &mut usize) -> Result<u16, Malformed> {
    let taken = octets.get(*at..).and_then(|rest| rest.first_chunk::<2>());
    *at += 2;
    taken.map(|octets| u16::from_be_bytes(*octets)).ok_or(SHORT)
}

/// Goes past a name that is well formed.
fn skip_name(octets: &[u8], at: &mut usize) -> Result<(), Malformed> {
    if octets.get(*at) == Some(&0) {
        *at += 1;
        return Ok(());
    }
    take_name_into(octets, at, &mut Vec::with_capacity(64))
}

fn take_name(octets: &[u8], at: &mut usize) -> Result<Name, Malformed> {
    let mut wire = Vec::with_capacity(64);
    take_name_into(octets, at, &mut wire)?;
    Name::from_wire(&wire).map_err(|_| Malformed("a name is none"))
}

/// Appends the expanded name. Every pointer must point before the part that it ends, so that none can go in a circle.
fn take_name_into(octets: &[u8], at: &mut usize, name: &mut Vec<u8>) -> Result<(), Malformed> {
    let begin = name.len();
    let mut read = *at;
    let mut part = read;
    let mut end = None;
    loop {
        let length = *octets.get(read).ok_or(SHORT)?;
        match length {
            0 => {
                name.push(0);
                *at = end.unwrap_or(read + 1);
                break;
            }
            1..=63 => {
                let label = octets.get(read..read + 1 + usize::from(length)).ok_or(SHORT)?;
                name.extend_from_slice(label);
                read += label.len();
            }
            0xc0.. => {
                let low = *octets.get(read + 1).ok_or(SHORT)?;
                let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                if target >= part {
                    return Err(Malformed("a name's pointer does not point back"));
                }
                end = end.or(Some(read + 2));
                read = target;
                part = target;
            }
            _ => return Err(Malformed("a name has a label of an unknown kind")),
        }
        // One octet is left for the end.
        if name.len() - begin >= MAX_NAME {
            return Err(Malformed("a name is too long"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header with one record in the answer section, and no question.
    fn with_answer(record: &[u8]) -> Vec<u8> {
        let mut octets = vec![0, 1, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        octets.extend_from_slice(record);
        octets
    }

    #[test]
    fn names_are_expanded_in_owners_and_data() {
        // a.b. MX 5 (c + pointer to b.)
        let mut record = vec![1, b'a', 1, b'b', 0, 0, 15, 0, 1, 0, 0, 0, 9, 0, 6, 0, 5];
        record.extend_from_slice(&[1, b'c', 0xc0, 14]);
        let octets = with_answer(&record);
        let message = Message::read(&octets).unwrap();
        let records: Vec<_> = message.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].owner, Name::parse("a.b.").unwrap());
        assert_eq!((records[0].ttl, records[0].class), (9, 1));
        assert_eq!(records[0].rdata, [0, 5, 1, b'c', 1, b'b', 0]);
    }

    #[test]
    fn pointers_that_go_in_circles_or_forward_are_refused() {
        for pointer in [12_u8, 13, 14, 200] {
            let octets = with_answer(&[1, b'a', 0xc0, pointer, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
            let message = Message::read(&octets).unwrap();
            assert!(message.records().next().unwrap().is_err(), "{pointer}");
        }
    }

    #[test]
    fn a_name_longer_than_a_name_can_be_is_refused() {
        let mut octets = with_answer(&[]);
        for _ in 0..5 {
            octets.push(63);
            octets.extend_from_slice(&[b'x'; 63]);
        }
        octets.push(0);
        let message = Message::read(&octets).unwrap();
        assert_eq!(
            message.records().next(),
            Some(Err(Malformed("a name is too long")))
        );
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(message) = Message::read(&octets) {
                let records = message.records().count();
                prop_assert!(records <= usize::from(message.answers));
            }
        }
    }
}
