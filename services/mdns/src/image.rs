//! A zone in memory, at one serial: rendered chunks in canonical order. Pure.

use std::ops::Range;
use std::sync::Arc;

use crate::chunk::{Chunk, SoaRecord};

/// A zone at one serial, ready to be sent. Copying it copies pointers only.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// The serial, as the log has it.
    pub(crate) serial: i64,
    /// The SOA and the records; the first is rendered to stand behind the question.
    pub(crate) chunks: Arc<[Arc<Chunk>]>,
    /// The SOA again, which ends the transfer.
    pub(crate) tail: Arc<Chunk>,
    /// What it takes in memory and on the wire.
    pub(crate) octets: usize,
}

/// What a chunk takes besides its records: two reference counts, lengths and keys.
const CHUNK_OVERHEAD: usize = 128;
/// The mean length under which an image is rendered anew, to join chunks that deletions emptied.
const SPARSE: usize = 4096;

impl Image {
    /// The image of these chunks.
    pub(crate) fn new(serial: i64, soa: &SoaRecord, chunks: Vec<Arc<Chunk>>) -> Self {
        let octets = chunks.iter().map(|chunk| chunk.body.len() + CHUNK_OVERHEAD).sum();
        Self {
            serial,
            tail: soa.tail(),
            chunks: chunks.into(),
            octets,
        }
    }

    /// Which runs of chunks have to be rendered anew when the rows at `keys` (sorted) changed.
    /// `None`: so many that the whole zone should be.
    ///
    /// The first chunk is always among them, because the SOA stands in it. A run begins and ends
    /// where the owner changes, so that its rows are a range of keys.
    pub(crate) fn stale<K: AsRef<[u8]>>(&self, keys: &[K]) -> Option<Vec<Run>> {
        let chunks = &self.chunks;
        if chunks.len() > 4 && self.octets / chunks.len() < SPARSE {
            return None;
        }
        let mut stale = vec![false; chunks.len()];
        *stale.first_mut()? = true;
        for key in keys {
            let key = key.as_ref();
            let end = chunks.partition_point(|chunk| *chunk.first_key <= *key);
            // A key in the gap between two chunks goes to the one before it.
            let mut at = end.saturating_sub(1);
            stale[at] = true;
            while at > 0 && *chunks[at - 1].last_key >= *key {
                at -= 1;
                stale[at] = true;
            }
        }
        let joined = |left: usize| chunks[left].last_key == chunks[left + 1].first_key;
        for left in 0..chunks.len() - 1 {
            stale[left + 1] |= stale[left] && joined(left);
        }
        for left in (0..chunks.len() - 1).rev() {
            stale[left] |= stale[left + 1] && joined(left);
        }
        if chunks.len() > 4 && stale.iter().filter(|stale| **stale).count() * 2 > chunks.len() {
            return None;
        }
        Some(self.runs(&stale))
    }

    fn runs(&self, stale: &[bool]) -> Vec<Run> {
        let mut runs = Vec::new();
        let mut from = 0;
        while from < stale.len() {
            if !stale[from] {
                from += 1;
                continue;
            }
            let to = stale[from..]
                .iter()
                .position(|stale| !stale)
                .map_or(stale.len(), |n| from + n);
            let lower = if from == 0 {
                Vec::new()
            } else {
                self.chunks[from].first_key.to_vec()
            };
            let upper = self.chunks.get(to).map(|chunk| chunk.first_key.to_vec());
            runs.push(Run {
                chunks: from..to,
                lower,
                upper,
            });
            from = to;
        }
        runs
    }

    /// The image with the chunks of each run replaced, at the new serial.
    pub(crate) fn replace(
        &self,
        serial: i64,
        soa: &SoaRecord,
        replaced: Vec<(Run, Vec<Arc<Chunk>>)>,
    ) -> Self {
        let mut chunks = Vec::with_capacity(self.chunks.len() + replaced.len());
        let mut at = 0;
        for (run, new) in replaced {
            chunks.extend_from_slice(&self.chunks[at..run.chunks.start]);
            chunks.extend(new);
            at = run.chunks.end;
        }
        chunks.extend_from_slice(&self.chunks[at..]);
        Self::new(serial, soa, chunks)
    }
}

/// Chunks that follow each other, and the range of owner keys that they alone hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// Their places in the image.
    pub(crate) chunks: Range<usize>,
    /// The first key of the range; empty: from the start.
    pub(crate) lower: Vec<u8>,
    /// The key before which it ends; `None`: to the end.
    pub(crate) upper: Option<Vec<u8>>,
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
