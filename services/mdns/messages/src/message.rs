//! The fixed parts of the messages we send: header, question, EDNS.

use zonelog_dns::tsig;

use crate::request::Envelope;

/// The octets of a message's header (RFC 1035 §4.1.1).
pub const HEADER: usize = 12;
/// The UDP payload that we send and offer: what passes unsplit (DNS flag day 2020).
pub const OUR_PAYLOAD: u16 = 1232;
/// The octets of an OPT record without options (RFC 6891 §6.1.2).
const OPT: usize = 11;

/// A response code, extended ones included (RFC 6895 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rcode(u16);

impl Rcode {
    /// No error.
    pub const NO_ERROR: Self = Self(0);
    /// The request cannot be understood.
    pub const FORMAT_ERROR: Self = Self(1);
    /// We failed.
    pub const SERVER_FAILURE: Self = Self(2);
    /// The opcode is not served.
    pub const NOT_IMPLEMENTED: Self = Self(4);
    /// We do not serve that.
    pub const REFUSED: Self = Self(5);
    /// Not authoritative, or not authorised (RFC 8945).
    pub const NOT_AUTHORITATIVE: Self = Self(9);
    /// An EDNS version that we do not know (RFC 6891 §9).
    pub const BAD_VERSION: Self = Self(16);

    /// The code's number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The code's mnemonic (IANA DNS parameters), as it is counted.
    pub const fn mnemonic(self) -> &'static str {
        match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            4 => "NOTIMP",
            5 => "REFUSED",
            9 => "NOTAUTH",
            16 => "BADVERS",
            _ => "OTHER",
        }
    }
}

/// What a request's OPT record says (RFC 6891 §6.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// The longest UDP answer the client takes, in octets.
    pub payload: u16,
    /// Whether the client wants DNSSEC records; copied (RFC 3225 §3).
    pub dnssec_ok: bool,
}

impl Envelope {
    /// The header of an answer with `answers` records, `first` of its stream or a later one (which
    /// has neither question nor OPT; RFC 5936 §2.2).
    pub fn header(&self, shape: Shape) -> [u8; HEADER] {
        let Shape {
            rcode,
            answers,
            truncated,
            first,
        } = shape;
        let authoritative = rcode == Rcode::NO_ERROR;
        let flags = 0x8000
            | self.opcode_bits
            | u16::from(authoritative) << 10
            | u16::from(truncated) << 9
            | u16::from(self.recursion_desired) << 8
            | (rcode.get() & 0xf);
        let questions = u16::from(first && !self.question.is_empty());
        let additionals = u16::from(first && self.edns.is_some());
        let mut header = [0; HEADER];
        for (at, word) in [self.id, flags, questions, answers, 0, additionals]
            .into_iter()
            .enumerate()
        {
            header[2 * at..2 * at + 2].copy_from_slice(&word.to_be_bytes());
        }
        header
    }

    /// The OPT record of an answer; empty when the request had none.
    pub fn opt(&self, rcode: Rcode) -> Vec<u8> {
        let Some(edns) = &self.edns else { return Vec::new() };
        let [payload_high, payload_low] = OUR_PAYLOAD.to_be_bytes();
        let dnssec_ok = if edns.dnssec_ok { 0x80 } else { 0 };
        let rcode_high = (rcode.get() >> 4) as u8;
        // Root, type 41, payload, extended rcode, version 0, flags, no options.
        vec![
            0,
            0,
            41,
            payload_high,
            payload_low,
            rcode_high,
            0,
            dnssec_ok,
            0,
            0,
            0,
        ]
    }

    /// How many octets the answer takes besides its records.
    pub fn overhead(&self) -> usize {
        let opt = if self.edns.is_some() { OPT } else { 0 };
        let signature = self.signature.as_ref();
        let tsig = signature.map_or(0, |signature| signature.key.record_length());
        HEADER + self.question.len() + opt + tsig
    }

    /// A whole answer in one message. `records` were rendered to stand right behind the question.
    pub fn answer(&self, rcode: Rcode, answers: u16, records: &[u8]) -> Vec<u8> {
        self.message(
            Shape {
                rcode,
                answers,
                truncated: false,
                first: true,
            },
            records,
        )
    }

    /// An answer without records.
    pub fn empty(&self, rcode: Rcode) -> Vec<u8> {
        self.answer(rcode, 0, &[])
    }

    /// An answer that says: ask again over TCP (RFC 2181 §9).
    pub fn truncated(&self) -> Vec<u8> {
        let shape = Shape {
            rcode: Rcode::NO_ERROR,
            answers: 0,
            truncated: true,
            first: true,
        };
        self.message(shape, &[])
    }

    fn message(&self, shape: Shape, records: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.overhead() + records.len());
        message.extend_from_slice(&self.header(shape));
        message.extend_from_slice(&self.question);
        message.extend_from_slice(records);
        message.extend_from_slice(&self.opt(shape.rcode));
        if let Some(signature) = &self.signature {
            tsig::sign(&mut message, &signature.key, signature.at, Some(&signature.mac));
        }
        message
    }
}

/// What the header of an answer says, besides what it copies from the request.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The response code.
    pub rcode: Rcode,
    /// How many records are in the answer section.
    pub answers: u16,
    /// Whether more would have been there (TC).
    pub truncated: bool,
    /// Whether it is the first message of its stream, or the only one.
    pub first: bool,
}
