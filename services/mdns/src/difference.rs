//! The answer to an IXFR: what ended and what began between two serials, as one sequence
//! (RFC 1995 §4, condensed as its §5 allows).

use std::collections::HashSet;
use std::sync::Arc;

use zonelog_dns::unpack_rdata;

use crate::chunk::{Chunk, ChunkWriter, RrsetRow, SoaRecord, TooLong};

/// Renders a difference. Rows come by owner and type, what ended before what began.
pub(crate) struct DifferenceWriter {
    writer: ChunkWriter,
    to: SoaRecord,
    ended: Option<HeldRow>,
    began: Vec<HeldRow>,
    began_octets: usize,
    rows: usize,
}

/// A rendered difference.
#[derive(Debug)]
pub(crate) struct Difference {
    /// The whole answer section; the first chunk stands behind the question.
    pub(crate) chunks: Arc<[Arc<Chunk>]>,
    /// Its octets.
    pub(crate) octets: usize,
    /// From how many rows it was made.
    pub(crate) rows: usize,
}

/// A row kept until its turn.
struct HeldRow {
    key: Box<[u8]>,
    owner: Box<[u8]>,
    rrtype: u16,
    ttl: u32,
    rdata: Vec<u8>,
}

impl HeldRow {
    fn new(row: RrsetRow<'_>, rdata: Vec<u8>) -> Self {
        Self {
            key: row.key.into(),
            owner: row.owner.into(),
            rrtype: row.rrtype,
            ttl: row.ttl,
            rdata,
        }
    }

    fn row(&self) -> RrsetRow<'_> {
        let Self {
            key,
            owner,
            rrtype,
            ttl,
            rdata,
        } = self;
        RrsetRow {
            key,
            owner,
            rrtype: *rrtype,
            ttl: *ttl,
            rdata,
        }
    }

    /// Whether the other row is the same RRset at another serial, record by record comparable:
    /// records of different TTLs are different records (RFC 2181 §5.2).
    fn continues_in(&self, row: RrsetRow<'_>) -> bool {
        *self.key == *row.key && self.rrtype == row.rrtype && self.ttl == row.ttl
    }
}

impl DifferenceWriter {
    /// Starts the difference from one SOA to another.
    pub(crate) fn new(from: &SoaRecord, to: SoaRecord) -> Result<Self, TooLong> {
        let mut writer = ChunkWriter::new(Some(&to.apex));
        writer.record(to.record())?;
        writer.record(from.record())?;
        Ok(Self {
            writer,
            to,
            ended: None,
            began: Vec::new(),
            began_octets: 0,
            rows: 0,
        })
    }

    /// A row that was live at the first serial and is not at the second.
    pub(crate) fn ended(&mut self, row: RrsetRow<'_>) -> Result<(), TooLong> {
        self.rows += 1;
        let waiting = self.ended.replace(HeldRow::new(row, row.rdata.to_vec()));
        self.write_ended(waiting)
    }

    /// A row that was not live at the first serial and is at the second.
    pub(crate) fn began(&mut self, row: RrsetRow<'_>) -> Result<(), TooLong> {
        self.rows += 1;
        let mut rdata = row.rdata.to_vec();
        if let Some(mut ended) = self.ended.take() {
            if ended.continues_in(row) {
                rdata = without(row.rdata, &ended.rdata);
                ended.rdata = without(&ended.rdata, row.rdata);
            }
            self.write_ended(Some(ended))?;
        }
        self.began_octets += row.owner.len() + row.key.len() + rdata.len();
        self.began.push(HeldRow::new(row, rdata));
        Ok(())
    }

    /// About how many octets it takes so far.
    pub(crate) fn octets(&self) -> usize {
        self.writer.octets() + self.began_octets
    }

    /// How many rows it was given.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The whole answer.
    pub(crate) fn finish(mut self) -> Result<Difference, TooLong> {
        let waiting = self.ended.take();
        self.write_ended(waiting)?;
        self.writer.record(self.to.record())?;
        for row in &self.began {
            self.writer.rrset(row.row())?;
        }
        self.writer.record(self.to.record())?;
        let octets = self.writer.octets();
        Ok(Difference {
            chunks: self.writer.finish().into(),
            octets,
            rows: self.rows,
        })
    }

    fn write_ended(&mut self, row: Option<HeldRow>) -> Result<(), TooLong> {
        row.map_or(Ok(()), |row| self.writer.rrset(row.row()))
    }
}

/// The packed records that the other set does not have.
fn without(packed: &[u8], other: &[u8]) -> Vec<u8> {
    let other: HashSet<&[u8]> = unpack_rdata(other).collect();
    let mut kept = Vec::new();
    for rdata in unpack_rdata(packed).filter(|rdata| !other.contains(rdata)) {
        // It came out of a 16-bit length.
        kept.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
        kept.extend_from_slice(rdata);
    }
    kept
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
