//! Resource records into messages, with names compressed.

/// Pointers reach only so far (RFC 1035 §4.1.4: 14 bits).
pub(crate) const POINTER_REACH: usize = 0x4000;
/// Slots of the table of names; a message within the reach of pointers has fewer names than
/// three quarters of them.
const SLOTS: usize = 4096;
/// Types whose rdata holds names that may be compressed: those of RFC 1035, and no other
/// (RFC 3597 §4). NS, MD, MF, CNAME, MB, MG, MR, PTR hold one name.
const ONE_NAME: [u16; 8] = [2, 3, 4, 5, 7, 8, 9, 12];
const SOA: u16 = 6;
const MINFO: u16 = 14;
const MX: u16 = 15;

/// The records of one message, behind `base` octets of header (and question).
///
/// Names are compressed against names written before, with regard to case, so that every spelling
/// arrives as it was given.
pub(crate) struct RecordWriter {
    octets: Vec<u8>,
    base: usize,
    records: u16,
    names: Names,
}

/// A place to come back to when a record turns out to be too long.
#[derive(Clone, Copy)]
struct Mark(usize);

impl RecordWriter {
    /// An empty message whose records begin at octet `base`.
    pub(crate) fn new(base: usize) -> Self {
        Self {
            octets: vec![0; base],
            base,
            records: 0,
            names: Names::new(),
        }
    }

    /// Starts the next message, keeping the memory.
    pub(crate) fn reset(&mut self, base: usize) {
        self.octets.clear();
        self.octets.resize(base, 0);
        self.base = base;
        self.records = 0;
        self.names.clear();
    }

    /// How many records were written.
    pub(crate) fn records(&self) -> u16 {
        self.records
    }

    /// The records, without what stands before them.
    pub(crate) fn body(&self) -> &[u8] {
        &self.octets[self.base..]
    }

    /// Writes a record, unless the message would then be longer than `limit` octets; says whether
    /// it was written. A record refused leaves names in the table: only [`Self::reset`] may follow.
    pub(crate) fn push(&mut self, record: Record<'_>, limit: usize) -> bool {
        if self.records == u16::MAX {
            return false;
        }
        let mark = Mark(self.octets.len());
        self.name(record.owner);
        self.octets.extend_from_slice(&record.rrtype.to_be_bytes());
        self.octets.extend_from_slice(&[0, 1]);
        self.octets.extend_from_slice(&record.ttl.to_be_bytes());
        let length_at = self.octets.len();
        self.octets.extend_from_slice(&[0, 0]);
        self.rdata(record.rrtype, record.rdata);
        let length = self.octets.len() - length_at - 2;
        let Ok(length) = u16::try_from(length) else {
            return self.back_to(mark);
        };
        if self.octets.len() > limit {
            return self.back_to(mark);
        }
        self.octets[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        self.records += 1;
        true
    }

    fn back_to(&mut self, mark: Mark) -> bool {
        self.octets.truncate(mark.0);
        false
    }

    fn rdata(&mut self, rrtype: u16, rdata: &[u8]) {
        let rest = match rrtype {
            _ if ONE_NAME.contains(&rrtype) => self.leading_name(rdata),
            MX => match rdata.split_at_checked(2) {
                Some((preference, exchange)) => {
                    self.octets.extend_from_slice(preference);
                    self.leading_name(exchange)
                }
                None => rdata,
            },
            SOA | MINFO => {
                let rest = self.leading_name(rdata);
                self.leading_name(rest)
            }
            _ => rdata,
        };
        self.octets.extend_from_slice(rest);
    }

    /// Writes the name that `octets` begin with, and gives back the rest. Octets that do not begin
    /// with a name are left as they are.
    fn leading_name<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let Some(length) = name_length(octets) else {
            return octets;
        };
        let (name, rest) = octets.split_at(length);
        self.name(name);
        rest
    }

    /// Writes a well-formed uncompressed name.
    fn name(&mut self, wire: &[u8]) {
        let mut starts = [0_u8; 128];
        let mut count = 0;
        let mut at = 0;
        while let Some(length) = wire.get(at).filter(|length| **length != 0) {
            starts[count] = at as u8;
            count += 1;
            at += 1 + usize::from(*length);
        }
        let mut hashes = [0_u32; 128];
        let mut hash = 0x811c_9dc5;
        for label in (0..count).rev() {
            let start = usize::from(starts[label]);
            let end = start + 1 + usize::from(wire[start]);
            for octet in &wire[start..end] {
                hash = (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193);
            }
            hashes[label] = hash;
        }
        for label in 0..count {
            let start = usize::from(starts[label]);
            match self.names.find(hashes[label], &self.octets, &wire[start..]) {
                Found::At(offset) => {
                    self.octets.extend_from_slice(&(0xc000 | offset).to_be_bytes());
                    return;
                }
                Found::Free(slot) => {
                    if self.octets.len() < POINTER_REACH {
                        self.names.put(slot, hashes[label], self.octets.len() as u16);
                    }
                    let end = start + 1 + usize::from(wire[start]);
                    self.octets.extend_from_slice(&wire[start..end]);
                }
                Found::Full => {
                    let end = start + 1 + usize::from(wire[start]);
                    self.octets.extend_from_slice(&wire[start..end]);
                }
            }
        }
        self.octets.push(0);
    }
}

/// A record to be written: owner and rdata uncompressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) owner: &'a [u8],
    pub(crate) rrtype: u16,
    pub(crate) ttl: u32,
    pub(crate) rdata: &'a [u8],
}

/// How many octets the uncompressed name at the start takes.
pub(crate) fn name_length(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*octets.get(at)?);
        at += 1 + length;
        if length > 63 || at > 255 {
            return None;
        }
        if length == 0 {
            return Some(at);
        }
    }
}

/// Where the names of a message stand: an open-addressed table of (hash's high half, offset).
/// Offset 0 is a free slot, as the header stands there.
struct Names {
    slots: Box<[(u16, u16)]>,
    used: usize,
}

enum Found {
    At(u16),
    Free(usize),
    Full,
}

impl Names {
    fn new() -> Self {
        Self {
            slots: vec![(0, 0); SLOTS].into(),
            used: 0,
        }
    }

    fn clear(&mut self) {
        self.slots.fill((0, 0));
        self.used = 0;
    }

    fn find(&self, hash: u32, message: &[u8], name: &[u8]) -> Found {
        let tag = (hash >> 16) as u16;
        let mut slot = (hash ^ (hash >> 15)) as usize % SLOTS;
        loop {
            let (found, offset) = self.slots[slot];
            if offset == 0 {
                return if self.used < SLOTS / 4 * 3 {
                    Found::Free(slot)
                } else {
                    Found::Full
                };
            }
            if found == tag && is_name_at(message, usize::from(offset), name) {
                return Found::At(offset);
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    fn put(&mut self, slot: usize, hash: u32, offset: u16) {
        self.slots[slot] = ((hash >> 16) as u16, offset);
        self.used += 1;
    }
}

/// Whether the possibly compressed name at `at` is `name`, to the letter.
fn is_name_at(message: &[u8], mut at: usize, mut name: &[u8]) -> bool {
    loop {
        let Some(&length) = message.get(at) else {
            return false;
        };
        if length & 0xc0 == 0xc0 {
            // Our own pointers always lead backwards, so this ends.
            let Some(&low) = message.get(at + 1) else {
                return false;
            };
            at = usize::from(length & 0x3f) << 8 | usize::from(low);
            continue;
        }
        let end = 1 + usize::from(length);
        let (Some(ours), Some(theirs)) = (message.get(at..at + end), name.get(..end)) else {
            return false;
        };
        if ours != theirs {
            return false;
        }
        if length == 0 {
            return true;
        }
        at += end;
        name = &name[end..];
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
