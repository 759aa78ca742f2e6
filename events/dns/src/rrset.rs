//! RRsets, and the packed form in which their data is kept in the database.

use crate::owner_name::OwnerName;
use crate::rdata::Rdata;
use crate::rrtype::Rrtype;
use crate::ttl::Ttl;

/// The records of one owner name and type (RFC 2181 §5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rrset {
    /// The name the records stand at.
    pub owner: OwnerName,
    /// The type of all of them.
    pub rrtype: Rrtype,
    /// The TTL of all of them (RFC 2181 §5.2).
    pub ttl: Ttl,
    /// Their data in canonical order (RFC 4034 §6.3), each once.
    pub rdata: Vec<Rdata>,
}

impl Rrset {
    /// The RRset of these records, all of type `rrtype`: sorted canonically, duplicates removed.
    pub fn new(owner: OwnerName, rrtype: Rrtype, ttl: Ttl, mut rdata: Vec<Rdata>) -> Self {
        debug_assert!(rdata.iter().all(|rdata| rdata.rrtype() == rrtype));
        rdata.sort();
        rdata.dedup();
        Self {
            owner,
            rrtype,
            ttl,
            rdata,
        }
    }
}

/// Packs rdata for the database: each as its length in 16 bits, big-endian, and its octets.
pub fn pack_rdata(rdata: &[Rdata]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(rdata.iter().map(|rdata| 2 + rdata.wire().len()).sum());
    for rdata in rdata {
        // No rdata is longer: every way to make one checks it.
        packed.extend_from_slice(&(rdata.wire().len() as u16).to_be_bytes());
        packed.extend_from_slice(rdata.wire());
    }
    packed
}

/// The wire forms that [`pack_rdata`] put together. Octets cut short end the iterator early;
/// [`packed_count`] tells such octets from whole ones.
pub fn unpack_rdata(packed: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = packed;
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first_chunk()?;
        let (wire, tail) = tail.split_at_checked(u16::from_be_bytes(*length).into())?;
        rest = tail;
        Some(wire)
    })
}

/// How many rdata are packed in these octets; nothing when they are cut short.
pub fn packed_count(packed: &[u8]) -> Option<usize> {
    let (mut count, mut octets) = (0, 0);
    for wire in unpack_rdata(packed) {
        count += 1;
        octets += 2 + wire.len();
    }
    (octets == packed.len()).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rdata(text: &str) -> Rdata {
        Rdata::parse(Rrtype::NS, text).unwrap()
    }

    #[test]
    fn data_is_sorted_and_each_kept_once() {
        let owner = OwnerName::parse("example.com.").unwrap();
        let data = ["b.example.", "A.example.", "a.example."].map(rdata).to_vec();
        let rrset = Rrset::new(owner, Rrtype::NS, Ttl::new(300).unwrap(), data);
        assert_eq!(rrset.rdata, [rdata("a.example."), rdata("b.example.")]);
        assert_eq!(rrset.rdata[0].to_string(), "A.example.");
    }

    #[test]
    fn packed_data_comes_back_and_damage_shows() {
        let data = ["a.example.", "b.example."].map(rdata);
        let packed = pack_rdata(&data);
        assert_eq!(packed_count(&packed), Some(2));
        assert!(unpack_rdata(&packed).eq(data.iter().map(Rdata::wire)));
        assert_eq!(packed_count(&packed[..packed.len() - 1]), None);
        assert_eq!(packed_count(&[&packed[..], &[0]].concat()), None);
        assert_eq!(packed_count(&[]), Some(0));
    }
}
