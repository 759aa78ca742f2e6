//! The records of a transfer, packed into one buffer: some 20 octets a record besides owner and data, however many there
//! are. They come in any order and leave in canonical order, RRset by RRset.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use zonelog_dns::{Name, OwnerName, Rdata, RdataError, Rrset, Rrtype, Ttl};

/// Records, and whether each is added or deleted.
#[derive(Debug, Default)]
pub struct Gathered {
    octets: Vec<u8>,
    entries: Vec<Entry>,
    /// The owner added last: primaries send the records of one owner one after the other.
    last_owner: Option<Owner>,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    at: u32,
    key: u16,
    wire: u16,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    owner: Owner,
    rdata: u32,
    rdata_length: u16,
    rrtype: u16,
    ttl: u32,
    added: bool,
}

/// There is no room for more: the buffer is addressed by 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Gathered {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many octets they take in memory, roughly.
    pub fn octets(&self) -> usize {
        self.octets.len() + self.entries.len() * size_of::<Entry>()
    }

    /// Takes a record whose data was checked.
    pub fn push(&mut self, owner: &Name, ttl: u32, rdata: &Rdata, added: bool) -> Result<(), Full> {
        let owner = self.owner(owner)?;
        let at = u32::try_from(self.octets.len()).map_err(|_| Full)?;
        self.octets.extend_from_slice(rdata.wire());
        self.entries.push(Entry {
            owner,
            rdata: at,
            // Data is never longer.
            rdata_length: rdata.wire().len() as u16,
            rrtype: rdata.rrtype().get(),
            ttl,
            added,
        });
        Ok(())
    }

    fn owner(&mut self, name: &Name) -> Result<Owner, Full> {
        if let Some(last) = self.last_owner
            && self.wire(last) == name.wire()
        {
            return Ok(last);
        }
        let key = name.to_key();
        let at = u32::try_from(self.octets.len()).map_err(|_| Full)?;
        // A name has at most 255 octets, and its key at most twice as many.
        let owner = Owner {
            at,
            key: key.len() as u16,
            wire: name.wire().len() as u16,
        };
        self.octets.extend_from_slice(&key);
        self.octets.extend_from_slice(name.wire());
        self.last_owner = Some(owner);
        Ok(owner)
    }

    /// Brings the records into canonical order of owners, then types; what came first of one RRset stays first.
    pub fn sort(&mut self) {
        let Self { octets, entries, .. } = self;
        entries.sort_by(|one, other| {
            slice(octets, one.owner.at, one.owner.key)
                .cmp(slice(octets, other.owner.at, other.owner.key))
                .then(one.rrtype.cmp(&other.rrtype))
        });
    }

    /// The RRsets, once the records are sorted.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        self.entries
            .chunk_by(|one, other| self.place(one) == self.place(other))
            .filter_map(|entries| entries.first().map(|first| (first, entries)))
            .map(|(first, entries)| Group {
                gathered: self,
                key: self.place(first).0,
                rrtype: Rrtype::new(first.rrtype),
                entries,
            })
    }

    /// The RRset of so many sorted records from one on; nothing when there are none.
    pub fn group(&self, start: usize, count: usize) -> Option<Group<'_>> {
        let entries = self.entries.get(start..start.checked_add(count)?)?;
        let first = entries.first()?;
        Some(Group {
            gathered: self,
            key: self.place(first).0,
            rrtype: Rrtype::new(first.rrtype),
            entries,
        })
    }

    fn place(&self, entry: &Entry) -> (&[u8], u16) {
        (slice(&self.octets, entry.owner.at, entry.owner.key), entry.rrtype)
    }

    fn wire(&self, owner: Owner) -> &[u8] {
        let at = owner.at as usize + usize::from(owner.key);
        self.octets
            .get(at..at + usize::from(owner.wire))
            .unwrap_or_default()
    }
}

fn slice(octets: &[u8], at: u32, length: u16) -> &[u8] {
    let at = at as usize;
    octets.get(at..at + usize::from(length)).unwrap_or_default()
}

/// What a transfer says of one owner and type.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    gathered: &'a Gathered,
    /// The owner's canonical sort key.
    pub key: &'a [u8],
    /// The type.
    pub rrtype: Rrtype,
    entries: &'a [Entry],
}

/// A difference that does not fit what we have (RFC 1995 §4): what it deletes is not there, or what it adds is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A record to be deleted that is not there.
    #[error("the difference deletes a {1} record at {0} that is not there")]
    NotThere(OwnerName, Rrtype),
    /// A record to be added that is there.
    #[error("the difference adds a {1} record at {0} that is there already")]
    There(OwnerName, Rrtype),
    /// Data that was checked is damaged: it cannot be.
    #[error("a record of the transfer cannot be read again: {0}")]
    Rdata(#[from] RdataError),
    /// A name that was checked is damaged: it cannot be.
    #[error("an owner name of the transfer cannot be read again")]
    Owner,
}

impl Group<'_> {
    /// How many records there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Where it stands among other owners and types.
    pub fn cmp_place(&self, key: &[u8], rrtype: Rrtype) -> Ordering {
        self.key.cmp(key).then(self.rrtype.get().cmp(&rrtype.get()))
    }

    /// The owner, as the primary spelled it last.
    pub fn owner(&self) -> Result<OwnerName, Unfit> {
        let last = self.entries.last().ok_or(Unfit::Owner)?;
        let name = Name::from_wire(self.gathered.wire(last.owner)).map_err(|_| Unfit::Owner)?;
        Ok(OwnerName::from_name(name))
    }

    /// The RRset of a whole zone. Should its records have different TTLs, it has the least (RFC 2181 §5.2).
    pub fn rrset(&self) -> Result<Rrset, Unfit> {
        let ttl = self
            .entries
            .iter()
            .map(|entry| entry.ttl)
            .min()
            .unwrap_or_default();
        let rdata = self
            .entries
            .iter()
            .map(|entry| self.rdata(entry))
            .collect::<Result<_, _>>()?;
        Ok(Rrset::new(self.owner()?, self.rrtype, Ttl::from_wire(ttl), rdata))
    }

    /// What becomes of the RRset that we have (nothing: none) by a difference; nothing when no record is left.
    pub fn apply(&self, held: Option<(Ttl, Vec<Rdata>)>) -> Result<Option<Rrset>, Unfit> {
        let (mut ttl, rdata) = held.map_or((None, Vec::new()), |(ttl, rdata)| (Some(ttl), rdata));
        let mut rdata: BTreeSet<Rdata> = rdata.into_iter().collect();
        for entry in self.entries {
            let record = self.rdata(entry)?;
            if entry.added {
                if !rdata.insert(record) {
                    return Err(Unfit::There(self.owner()?, self.rrtype));
                }
                ttl = Some(Ttl::from_wire(entry.ttl));
            } else if !rdata.remove(&record) {
                return Err(Unfit::NotThere(self.owner()?, self.rrtype));
            }
        }
        let Some(ttl) = ttl.filter(|_| !rdata.is_empty()) else {
            return Ok(None);
        };
        let rdata = rdata.into_iter().collect();
        Ok(Some(Rrset::new(self.owner()?, self.rrtype, ttl, rdata)))
    }

    fn rdata(&self, entry: &Entry) -> Result<Rdata, Unfit> {
        let wire = slice(&self.gathered.octets, entry.rdata, entry.rdata_length);
        Ok(Rdata::from_wire(self.rrtype, wire)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn a(text: &str) -> Rdata {
        Rdata::parse(Rrtype::A, text).unwrap()
    }

    #[test]
    fn records_leave_in_canonical_order_as_rrsets() {
        let mut gathered = Gathered::default();
        for (owner, ttl, address) in [
            ("z.example.", 5, "192.0.2.3"),
            ("A.example.", 9, "192.0.2.2"),
            ("b.a.example.", 5, "192.0.2.4"),
            ("a.Example.", 7, "192.0.2.1"),
            ("a.example.", 8, "192.0.2.1"),
        ] {
            gathered.push(&name(owner), ttl, &a(address), true).unwrap();
        }
        gathered.sort();
        let rrsets: Vec<Rrset> = gathered.groups().map(|group| group.rrset().unwrap()).collect();
        let owners: Vec<String> = rrsets.iter().map(|rrset| rrset.owner.to_string()).collect();
        assert_eq!(owners, ["a.example.", "b.a.example.", "z.example."]);
        assert_eq!(rrsets[0].rdata, [a("192.0.2.1"), a("192.0.2.2")]);
        assert_eq!(rrsets[0].ttl.get(), 7);
    }

    #[test]
    fn a_difference_is_held_against_what_we_have() {
        let held = || Some((Ttl::from_wire(60), vec![a("192.0.2.1"), a("192.0.2.2")]));
        let apply = |changes: &[(bool, u32, &str)], held| {
            let mut gathered = Gathered::default();
            for (added, ttl, address) in changes {
                gathered
                    .push(&name("a.example."), *ttl, &a(address), *added)
                    .unwrap();
            }
            gathered.sort();
            let mut groups = gathered.groups();
            let applied = groups.next().unwrap().apply(held);
            assert!(groups.next().is_none());
            applied
        };
        let left = apply(&[(false, 60, "192.0.2.1")], held()).unwrap().unwrap();
        assert_eq!((left.ttl.get(), left.rdata.len()), (60, 1));
        // A new TTL is the same data deleted and added.
        let changes = [
            (false, 60, "192.0.2.1"),
            (false, 60, "192.0.2.2"),
            (true, 90, "192.0.2.1"),
            (true, 90, "192.0.2.2"),
        ];
        let after = apply(&changes, held()).unwrap().unwrap();
        assert_eq!((after.ttl.get(), after.rdata.len()), (90, 2));
        assert_eq!(apply(&changes[..2], held()), Ok(None));
        assert!(matches!(
            apply(&[(false, 60, "192.0.2.9")], held()),
            Err(Unfit::NotThere(..))
        ));
        assert!(matches!(
            apply(&[(true, 60, "192.0.2.1")], held()),
            Err(Unfit::There(..))
        ));
        assert!(apply(&[(true, 60, "192.0.2.9")], None).unwrap().is_some());
    }
}
