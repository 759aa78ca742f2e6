//! Message bodies, rendered once and sent to anybody.
//!
//! A transfer is a list of chunks; each is the answer section of one message. The first has room
//! before it for the question, which is as long as the zone's name whoever asks; the others stand
//! right behind the header. So a chunk's compression pointers hold in every transfer, and sending
//! it is writing a header with the request's id in front of it.

use std::sync::Arc;

use zonelog_dns::{Rdata, unpack_rdata};

use crate::message::HEADER;
use crate::record::{POINTER_REACH, Record, RecordWriter};

/// The longest message: what pointers reach. A longer message would be compressed worse, and
/// receivers are no faster with it. Only a record that does not fit makes a message longer.
const MESSAGE: usize = POINTER_REACH;
/// The longest message that there can be over TCP (RFC 1035 §4.2.2).
const LONGEST: usize = u16::MAX as usize;
/// Left free in the first message for the OPT record.
const OPT_ROOM: usize = 16;

/// The answer section of one message of a transfer.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The records.
    pub(crate) body: Box<[u8]>,
    /// How many they are.
    pub(crate) records: u16,
    /// The canonical key of the owner of its first record of the zone's rows; empty when it has none.
    pub(crate) first_key: Box<[u8]>,
    /// The same of its last.
    pub(crate) last_key: Box<[u8]>,
}

/// The octets before the records of the first message: header, question name, type and class.
pub(crate) fn first_base(apex: &[u8]) -> usize {
    HEADER + apex.len() + 4
}

/// A row of the zone as it is rendered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RrsetRow<'a> {
    /// The owner's canonical key.
    pub(crate) key: &'a [u8],
    /// The owner's wire form.
    pub(crate) owner: &'a [u8],
    /// The type's number.
    pub(crate) rrtype: u16,
    /// The TTL in force.
    pub(crate) ttl: u32,
    /// The records' data, packed.
    pub(crate) rdata: &'a [u8],
}

/// A record that no DNS message can hold.
#[derive(Debug, thiserror::Error)]
#[error("a record of type {rrtype} is too long for a DNS message ({octets} octets of data)")]
pub(crate) struct TooLong {
    pub(crate) rrtype: u16,
    pub(crate) octets: usize,
}

/// Renders records into chunks.
pub(crate) struct ChunkWriter {
    writer: RecordWriter,
    done: Vec<Arc<Chunk>>,
    octets: usize,
    first: bool,
    keyed: bool,
    first_key: Vec<u8>,
    last_key: Vec<u8>,
}

impl ChunkWriter {
    /// Starts with the chunk that stands behind the header and question of the zone `apex`, or,
    /// without one, with a later chunk.
    pub(crate) fn new(apex: Option<&[u8]>) -> Self {
        Self {
            writer: RecordWriter::new(apex.map_or(HEADER, first_base)),
            done: Vec::new(),
            octets: 0,
            first: apex.is_some(),
            keyed: false,
            first_key: Vec::new(),
            last_key: Vec::new(),
        }
    }

    /// Writes the records of a row.
    pub(crate) fn rrset(&mut self, row: RrsetRow<'_>) -> Result<(), TooLong> {
        for rdata in unpack_rdata(row.rdata) {
            self.record(Record {
                owner: row.owner,
                rrtype: row.rrtype,
                ttl: row.ttl,
                rdata,
            })?;
            if !self.keyed {
                self.keyed = true;
                self.first_key.extend_from_slice(row.key);
                self.last_key.extend_from_slice(row.key);
            } else if self.last_key != row.key {
                self.last_key.clear();
                self.last_key.extend_from_slice(row.key);
            }
        }
        Ok(())
    }

    /// Writes one record that belongs to no row, as the SOA does.
    pub(crate) fn record(&mut self, record: Record<'_>) -> Result<(), TooLong> {
        let limit = if self.first { MESSAGE - OPT_ROOM } else { MESSAGE };
        if self.writer.push(record, limit) {
            return Ok(());
        }
        if self.writer.records() > 0 {
            self.cut();
            if self.writer.push(record, MESSAGE) {
                return Ok(());
            }
        }
        // Alone in its message: that may be as long as a message can be.
        self.writer.reset(HEADER);
        if self.writer.push(record, LONGEST) {
            return Ok(());
        }
        Err(TooLong {
            rrtype: record.rrtype,
            octets: record.rdata.len(),
        })
    }

    /// How many octets are rendered so far.
    pub(crate) fn octets(&self) -> usize {
        self.octets + self.writer.body().len()
    }

    /// The chunks. There are none when nothing was written.
    pub(crate) fn finish(mut self) -> Vec<Arc<Chunk>> {
        if self.writer.records() > 0 {
            self.cut();
        }
        self.done
    }

    fn cut(&mut self) {
        self.octets += self.writer.body().len();
        self.done.push(Arc::new(Chunk {
            body: self.writer.body().into(),
            records: self.writer.records(),
            first_key: self.first_key.as_slice().into(),
            last_key: self.last_key.as_slice().into(),
        }));
        self.writer.reset(HEADER);
        self.first = false;
        self.keyed = false;
        self.first_key.clear();
        self.last_key.clear();
    }
}

/// The SOA record of a zone at a serial, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SoaRecord {
    /// The apex, in wire form.
    pub(crate) apex: Arc<[u8]>,
    /// The zone's TTL, which is the SOA's.
    pub(crate) ttl: u32,
    /// The data.
    pub(crate) rdata: Rdata,
}

impl SoaRecord {
    /// It as a record.
    pub(crate) fn record(&self) -> Record<'_> {
        let rrtype = self.rdata.rrtype().get();
        Record {
            owner: &self.apex,
            rrtype,
            ttl: self.ttl,
            rdata: self.rdata.wire(),
        }
    }

    /// It alone, as the last message of a transfer.
    pub(crate) fn tail(&self) -> Arc<Chunk> {
        let mut writer = RecordWriter::new(HEADER);
        // Two names and five numbers: it always fits.
        writer.push(self.record(), LONGEST);
        Arc::new(Chunk {
            body: writer.body().into(),
            records: writer.records(),
            first_key: Box::default(),
            last_key: Box::default(),
        })
    }

    /// It alone, to stand right behind a question about the apex: the owner is a pointer to the
    /// question's name, and nothing else is compressed.
    pub(crate) fn behind_question(&self) -> Vec<u8> {
        behind_question(self.record())
    }
}

/// A record whose owner is the name in the question before it.
pub(crate) fn behind_question(record: Record<'_>) -> Vec<u8> {
    let mut octets = Vec::with_capacity(12 + record.rdata.len());
    // A pointer to octet 12, where the question begins.
    octets.extend_from_slice(&[0xc0, 12]);
    octets.extend_from_slice(&record.rrtype.to_be_bytes());
    octets.extend_from_slice(&[0, 1]);
    octets.extend_from_slice(&record.ttl.to_be_bytes());
    // Rdata is at most 65535 octets long wherever it comes from.
    octets.extend_from_slice(&(record.rdata.len() as u16).to_be_bytes());
    octets.extend_from_slice(record.rdata);
    octets
}
