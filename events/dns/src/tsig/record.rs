//! The TSIG record (RFC 8945 §4.2), written and found.

use super::hmac::{Hasher, Mac};
use super::message::Malformed;
use crate::name::Name;

/// The octets of a message's header (RFC 1035 §4.1.1).
pub(super) const HEADER: usize = 12;
const TSIG: u16 = 250;
const ANY: u16 = 255;
/// The octets of a record's type, class, TTL and length of data.
const FIXED: usize = 10;

/// What a TSIG record says, but the MAC and the original id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variables<'a> {
    /// The key's name, in canonical wire form.
    pub(super) key: &'a [u8],
    /// The algorithm's.
    pub(super) algorithm: &'a [u8],
    /// Seconds since 1970; of 48 bits.
    pub(super) time: u64,
    /// By how many seconds the clocks may differ.
    pub(super) fudge: u16,
    /// 0, or why the request was not accepted.
    pub(super) error: u16,
    /// The server's time, for the error BADTIME.
    pub(super) other: &'a [u8],
}

impl Variables<'_> {
    /// Takes them into the HMAC (§4.3.3).
    pub(super) fn hash(&self, hasher: &mut Hasher) {
        hasher.update(self.key);
        hasher.update(&ANY.to_be_bytes());
        hasher.update(&[0; 4]);
        hasher.update(self.algorithm);
        self.hash_timers(hasher);
        hasher.update(&self.error.to_be_bytes());
        hasher.update(&(self.other.len() as u16).to_be_bytes());
        hasher.update(self.other);
    }

    /// Takes the time alone into the HMAC: of the second and later messages of a stream (§5.3.1).
    pub(super) fn hash_timers(&self, hasher: &mut Hasher) {
        hasher.update(&time_octets(self.time));
        hasher.update(&self.fudge.to_be_bytes());
    }

    /// The record.
    pub(super) fn write(&self, mac: &[u8], original_id: [u8; 2], out: &mut Vec<u8>) {
        let data = self.algorithm.len() + 16 + mac.len() + self.other.len();
        out.extend_from_slice(self.key);
        out.extend_from_slice(&TSIG.to_be_bytes());
        out.extend_from_slice(&ANY.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(data as u16).to_be_bytes());
        out.extend_from_slice(self.algorithm);
        out.extend_from_slice(&time_octets(self.time));
        out.extend_from_slice(&self.fudge.to_be_bytes());
        out.extend_from_slice(&(mac.len() as u16).to_be_bytes());
        out.extend_from_slice(mac);
        out.extend_from_slice(&original_id);
        out.extend_from_slice(&self.error.to_be_bytes());
        out.extend_from_slice(&(self.other.len() as u16).to_be_bytes());
        out.extend_from_slice(self.other);
    }
}

/// A time as the record has it: 48 bits.
pub(super) fn time_octets(seconds: u64) -> [u8; 6] {
    let [_, _, a, b, c, d, e, f] = seconds.to_be_bytes();
    [a, b, c, d, e, f]
}

/// A TSIG record as it was found.
#[derive(Clone, Debug)]
pub(super) struct Found<'a> {
    /// Where it begins in its message.
    pub(super) at: usize,
    /// The key's name, in canonical form.
    pub(super) key: Name,
    /// The algorithm's.
    pub(super) algorithm: Name,
    pub(super) time: u64,
    pub(super) fudge: u16,
    pub(super) mac: &'a [u8],
    pub(super) original_id: [u8; 2],
    pub(super) error: u16,
    pub(super) other: &'a [u8],
}

impl Found<'_> {
    pub(super) fn variables(&self) -> Variables<'_> {
        Variables {
            key: self.key.wire(),
            algorithm: self.algorithm.wire(),
            time: self.time,
            fudge: self.fudge,
            error: self.error,
            other: self.other,
        }
    }

    /// Takes the message as it was before it was signed into the HMAC: with the id that it had, and one additional
    /// record less (§4.3.2).
    pub(super) fn hash_message(&self, message: &[u8], hasher: &mut Hasher) {
        let mut header = [0; HEADER];
        header.copy_from_slice(&message[..HEADER]);
        header[..2].copy_from_slice(&self.original_id);
        let additionals = word(message, 10).unwrap_or_default().saturating_sub(1);
        header[10..].copy_from_slice(&additionals.to_be_bytes());
        hasher.update(&header);
        hasher.update(&message[HEADER..self.at]);
    }

    /// Whether its MAC is this one.
    pub(super) fn has_mac(&self, mac: &Mac) -> bool {
        *mac == Mac::new(self.mac)
    }
}

/// Finds the TSIG record of a message: the last of the additional section, and the only one (§5.1).
pub(super) fn find(message: &[u8]) -> Result<Option<Found<'_>>, Malformed> {
    let count = |at| word(message, at).map(usize::from).ok_or(Malformed::Cut);
    let questions = count(4)?;
    let others = count(6)? + count(8)?;
    let records = others + count(10)?;
    let mut at = HEADER;
    for _ in 0..questions {
        at = skip_name(message, at).ok_or(Malformed::Cut)? + 4;
    }
    for number in 1..=records {
        let fixed = skip_name(message, at).ok_or(Malformed::Cut)?;
        let data = fixed + FIXED;
        let (Some(rrtype), Some(length)) = (word(message, fixed), word(message, fixed + 8)) else {
            return Err(Malformed::Cut);
        };
        let end = data + usize::from(length);
        if end > message.len() {
            return Err(Malformed::Cut);
        }
        if rrtype == TSIG {
            if number != records || number <= others {
                return Err(Malformed::Place);
            }
            return record(message, at, fixed, end).map(Some).ok_or(Malformed::Record);
        }
        at = end;
    }
    Ok(None)
}

/// The record whose name is at `at`, whose fixed part is at `fixed`, and which ends at `end`.
fn record(message: &[u8], at: usize, fixed: usize, end: usize) -> Option<Found<'_>> {
    // Class ANY, TTL 0 (§4.2); nothing behind the record.
    if word(message, fixed + 2)? != ANY
        || message.get(fixed + 4..fixed + 8)? != [0; 4]
        || end != message.len()
    {
        return None;
    }
    let mut rest = message.get(fixed + FIXED..end)?;
    let algorithm = crate::name::wire_length(rest)?;
    let algorithm = take(&mut rest, algorithm)?;
    let time = take(&mut rest, 6)?;
    let fudge = take_word(&mut rest)?;
    let mac_length = take_word(&mut rest)?;
    let mac = take(&mut rest, mac_length.into())?;
    let original_id = *take(&mut rest, 2)?.first_chunk()?;
    let error = take_word(&mut rest)?;
    let other_length = take_word(&mut rest)?;
    let other = take(&mut rest, other_length.into())?;
    rest.is_empty().then_some(())?;
    Some(Found {
        at,
        key: expand(message, at)?.to_lowercase(),
        algorithm: Name::from_wire(algorithm).ok()?.to_lowercase(),
        time: time.iter().fold(0, |time, octet| time << 8 | u64::from(*octet)),
        fudge,
        mac,
        original_id,
        error,
        other,
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn take_word(rest: &mut &[u8]) -> Option<u16> {
    take(rest, 2)?.first_chunk().copied().map(u16::from_be_bytes)
}

pub(super) fn word(message: &[u8], at: usize) -> Option<u16> {
    message.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

/// Where the name at `at` ends there.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length if length > 63 => return None,
            length => at += 1 + usize::from(length),
        }
    }
}

/// The name at `at`. Key names should not be compressed, but some servers do so.
fn expand(message: &[u8], mut at: usize) -> Option<Name> {
    let mut wire = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        if length & 0xc0 == 0xc0 {
            let target = (length & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
            // Pointers lead backwards, or they could lead in a circle.
            if target >= at {
                return None;
            }
            at = target;
            continue;
        }
        wire.extend_from_slice(message.get(at..=at + length)?);
        at += 1 + length;
        if length == 0 {
            return Name::from_wire(&wire).ok();
        }
        if wire.len() > crate::name::MAX_NAME {
            return None;
        }
    }
}
