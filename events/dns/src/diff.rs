//! What changed between two states of a zone, record by record (RFC 1995 §4).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::owner_name::OwnerName;
use crate::rdata::Rdata;
use crate::rrset::Rrset;
use crate::rrtype::Rrtype;
use crate::ttl::Ttl;

/// A zone's RRsets in canonical order.
pub type ZoneImage = BTreeMap<(OwnerName, Rrtype), Rrset>;

/// The records to take away from one state of a zone, and those to add after that, to make another.
///
/// A record is its owner, type, TTL and data: a TTL that changes deletes every record of the RRset
/// and adds it with the new one. Both lists are in canonical order and without empty RRsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ZoneDifference {
    /// The records that go, grouped into RRsets.
    pub deleted: Vec<Rrset>,
    /// The records that come, grouped into RRsets.
    pub added: Vec<Rrset>,
}

/// Why a difference does not fit the state it is applied to. The state may be half changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DifferenceError {
    /// A record to delete is not there, or has another TTL.
    #[error("a record to be deleted is not in the zone: {owner} {rrtype}")]
    NotThere {
        /// Its owner name.
        owner: OwnerName,
        /// Its type.
        rrtype: Rrtype,
    },
    /// A record to add is there already.
    #[error("a record to be added is in the zone already: {owner} {rrtype}")]
    AlreadyThere {
        /// Its owner name.
        owner: OwnerName,
        /// Its type.
        rrtype: Rrtype,
    },
    /// A record to add has another TTL than the records of its RRset.
    #[error("a record to be added has another TTL than its RRset: {owner} {rrtype}")]
    OtherTtl {
        /// Its owner name.
        owner: OwnerName,
        /// Its type.
        rrtype: Rrtype,
    },
}

/// The difference that makes `after` of `before`. Neither needs to be in order; neither may name an
/// owner and type twice.
pub fn difference(before: &[Rrset], after: &[Rrset]) -> ZoneDifference {
    let (before, after) = (Records::of(before), Records::of(after));
    ZoneDifference {
        deleted: before.without(&after).into_rrsets(),
        added: after.without(&before).into_rrsets(),
    }
}

impl ZoneDifference {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.added.is_empty()
    }

    /// This difference and a later one as a single step; what comes and goes again leaves no trace
    /// (condensing, RFC 1995 §5).
    #[must_use]
    pub fn then(&self, later: &Self) -> Self {
        let (deleted, added) = (Records::of(&self.deleted), Records::of(&self.added));
        let (then_deleted, then_added) = (Records::of(&later.deleted), Records::of(&later.added));
        let gone = deleted.without(&then_added).and(then_deleted.without(&added));
        let come = added.without(&then_deleted).and(then_added.without(&deleted));
        Self {
            deleted: gone.into_rrsets(),
            added: come.into_rrsets(),
        }
    }

    /// Changes `image` by this difference. Fails when it does not fit, as it then belongs to another state.
    pub fn apply(&self, image: &mut ZoneImage) -> Result<(), DifferenceError> {
        self.deleted.iter().try_for_each(|gone| delete(image, gone))?;
        self.added.iter().try_for_each(|come| add(image, come))
    }
}

fn delete(image: &mut ZoneImage, gone: &Rrset) -> Result<(), DifferenceError> {
    let not_there = || DifferenceError::NotThere {
        owner: gone.owner.clone(),
        rrtype: gone.rrtype,
    };
    let Entry::Occupied(mut entry) = image.entry((gone.owner.clone(), gone.rrtype)) else {
        return Err(not_there());
    };
    let rrset = entry.get_mut();
    if rrset.ttl != gone.ttl {
        return Err(not_there());
    }
    for rdata in &gone.rdata {
        let at = rrset.rdata.binary_search(rdata).map_err(|_| not_there())?;
        rrset.rdata.remove(at);
    }
    if rrset.rdata.is_empty() {
        entry.remove();
    }
    Ok(())
}

fn add(image: &mut ZoneImage, come: &Rrset) -> Result<(), DifferenceError> {
    let (owner, rrtype) = (&come.owner, come.rrtype);
    let rrset = match image.entry((owner.clone(), rrtype)) {
        Entry::Vacant(entry) => {
            entry.insert(come.clone());
            return Ok(());
        }
        Entry::Occupied(entry) => entry.into_mut(),
    };
    if rrset.ttl != come.ttl {
        return Err(DifferenceError::OtherTtl {
            owner: owner.clone(),
            rrtype,
        });
    }
    for rdata in &come.rdata {
        match rrset.rdata.binary_search(rdata) {
            Ok(_) => {
                return Err(DifferenceError::AlreadyThere {
                    owner: owner.clone(),
                    rrtype,
                });
            }
            Err(at) => rrset.rdata.insert(at, rdata.clone()),
        }
    }
    Ok(())
}

/// One record: owner, type, TTL and data.
type Record<'a> = (&'a OwnerName, Rrtype, Ttl, &'a Rdata);

/// Records in canonical order, each once.
struct Records<'a>(Vec<Record<'a>>);

impl<'a> Records<'a> {
    fn of(rrsets: &'a [Rrset]) -> Self {
        let records = rrsets.iter().flat_map(|rrset| {
            rrset
                .rdata
                .iter()
                .map(|rdata| (&rrset.owner, rrset.rrtype, rrset.ttl, rdata))
        });
        Self::sorted(records.collect())
    }

    fn sorted(mut records: Vec<Record<'a>>) -> Self {
        records.sort_unstable();
        records.dedup();
        Self(records)
    }

    /// The records that are not among `others`.
    fn without(&self, others: &Records<'_>) -> Self {
        let mut others = others.0.iter().peekable();
        let kept = self.0.iter().filter(|record| {
            while others.next_if(|other| other < record).is_some() {}
            others.peek() != Some(record)
        });
        Self(kept.copied().collect())
    }

    /// The records of both.
    fn and(self, others: Self) -> Self {
        let mut records = self.0;
        records.extend(others.0);
        Self::sorted(records)
    }

    fn into_rrsets(self) -> Vec<Rrset> {
        let groups = self.0.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2));
        groups
            .map(|records| {
                let (owner, rrtype, ttl, _) = records[0];
                let rdata = records.iter().map(|record| record.3.clone()).collect();
                Rrset {
                    owner: owner.clone(),
                    rrtype,
                    ttl,
                    rdata,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rrset(owner: &str, ttl: i64, addresses: &[&str]) -> Rrset {
        let owner = OwnerName::parse(owner).unwrap();
        let rdata = addresses
            .iter()
            .map(|text| Rdata::parse(Rrtype::A, text).unwrap())
            .collect();
        Rrset::new(owner, Rrtype::A, Ttl::new(ttl).unwrap(), rdata)
    }

    #[test]
    fn only_the_records_that_changed_are_named() {
        let before = [
            rrset("a.example.", 300, &["192.0.2.1", "192.0.2.2"]),
            rrset("b.example.", 300, &["192.0.2.3"]),
        ];
        let after = [
            rrset("A.example.", 300, &["192.0.2.2", "192.0.2.9"]),
            rrset("b.example.", 300, &["192.0.2.3"]),
        ];
        let changed = difference(&before, &after);
        assert_eq!(changed.deleted, [rrset("a.example.", 300, &["192.0.2.1"])]);
        assert_eq!(changed.added, [rrset("a.example.", 300, &["192.0.2.9"])]);
        assert!(difference(&before, &before).is_empty());
    }

    #[test]
    fn a_new_ttl_replaces_every_record() {
        let (before, after) = (
            rrset("a.example.", 300, &["192.0.2.1"]),
            rrset("a.example.", 60, &["192.0.2.1"]),
        );
        let changed = difference(std::slice::from_ref(&before), std::slice::from_ref(&after));
        assert_eq!(
            changed,
            ZoneDifference {
                deleted: vec![before],
                added: vec![after]
            }
        );
    }

    #[test]
    fn a_difference_of_another_state_is_refused() {
        let present = rrset("a.example.", 300, &["192.0.2.1"]);
        let image = || ZoneImage::from([((present.owner.clone(), Rrtype::A), present.clone())]);
        let delete = |gone| {
            ZoneDifference {
                deleted: vec![gone],
                added: vec![],
            }
            .apply(&mut image())
        };
        let add = |come| {
            ZoneDifference {
                deleted: vec![],
                added: vec![come],
            }
            .apply(&mut image())
        };
        let not_there = Err(DifferenceError::NotThere {
            owner: present.owner.clone(),
            rrtype: Rrtype::A,
        });
        assert_eq!(delete(rrset("a.example.", 300, &["192.0.2.2"])), not_there);
        assert_eq!(delete(rrset("a.example.", 60, &["192.0.2.1"])), not_there);
        assert!(delete(rrset("b.example.", 300, &["192.0.2.1"])).is_err());
        assert!(matches!(
            add(present.clone()),
            Err(DifferenceError::AlreadyThere { .. })
        ));
        let other_ttl = add(rrset("a.example.", 60, &["192.0.2.2"]));
        assert!(matches!(other_ttl, Err(DifferenceError::OtherTtl { .. })));
    }
}
