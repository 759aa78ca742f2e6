//! Laws of incoming streams, and the streams that must be refused.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use zonelog_dns::{Name, Rdata, Rrtype, Serial, Soa, Ttl};

use super::*;

const ID: u16 = 77;

type Item = (Name, Ttl, Rdata);

fn zone() -> Name {
    Name::parse("zone.test.").unwrap()
}

fn soa(serial: u32) -> Item {
    let soa = Soa {
        mname: Name::parse("ns.zone.test.").unwrap(),
        rname: Name::parse("host.zone.test.").unwrap(),
        serial: Serial::new(serial),
        refresh: 5,
        retry: 6,
        expire: 7,
        minimum: 8,
    };
    (zone(), Ttl::from_wire(300), soa.to_rdata())
}

fn a(owner: &str, address: u8) -> Item {
    let rdata = Rdata::from_wire(Rrtype::A, &[192, 0, 2, address]).unwrap();
    (Name::parse(owner).unwrap(), Ttl::from_wire(60), rdata)
}

/// A message with these records, and the question if it is the first.
fn message(asked: Asked, first: bool, items: &[Item]) -> Vec<u8> {
    let mut octets = Vec::new();
    for word in [ID, 0x8400, u16::from(first), items.len() as u16, 0, 0] {
        octets.extend_from_slice(&word.to_be_bytes());
    }
    if first {
        octets.extend_from_slice(zone().wire());
        octets.extend_from_slice(&asked.qtype().to_be_bytes());
        octets.extend_from_slice(&[0, 1]);
    }
    for (owner, ttl, rdata) in items {
        octets.extend_from_slice(owner.wire());
        octets.extend_from_slice(&rdata.rrtype().get().to_be_bytes());
        octets.extend_from_slice(&[0, 1]);
        octets.extend_from_slice(&ttl.get().to_be_bytes());
        octets.extend_from_slice(&(rdata.wire().len() as u16).to_be_bytes());
        octets.extend_from_slice(rdata.wire());
    }
    octets
}

/// Cuts a stream of records into messages after each of these numbers of records, again and again.
fn messages(asked: Asked, items: &[Item], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut made = Vec::new();
    let mut rest = items;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let cut = cuts.next().copied().unwrap_or(1).clamp(1, rest.len());
        let (part, others) = rest.split_at(cut);
        made.push(message(asked, made.is_empty(), part));
        rest = others;
    }
    made
}

fn receive(asked: Asked, messages: &[Vec<u8>]) -> Result<Option<Received>, StreamError> {
    let mut stream = Stream::new(zone(), ID, asked, StreamLimits::default());
    for message in messages {
        stream.message(message)?;
    }
    Ok(stream.finish())
}

fn refused(asked: Asked, items: &[Item]) -> StreamError {
    receive(asked, &messages(asked, items, &[3])).unwrap_err()
}

const HELD: Asked = Asked::Ixfr { held: Serial::new(5) };

#[test]
fn a_single_soa_that_is_not_newer_says_up_to_date() {
    for serial in [5, 4, 5_u32.wrapping_sub(100)] {
        let received = receive(HELD, &messages(HELD, &[soa(serial)], &[1])).unwrap();
        assert!(matches!(received, Some(Received::UpToDate { serial: s }) if s.get() == serial));
    }
    // A newer one may be a message with one record: more are to come.
    assert!(receive(HELD, &messages(HELD, &[soa(6)], &[1])).unwrap().is_none());
}

#[test]
fn an_ixfr_may_be_answered_by_the_whole_zone() {
    let items = [soa(9), a("a.zone.test.", 1), soa(9)];
    let received = receive(HELD, &messages(HELD, &items, &[1])).unwrap();
    assert!(matches!(received, Some(Received::Whole(content)) if content.records.len() == 1));
    // Even by one that has nothing but its SOA.
    let received = receive(HELD, &messages(HELD, &[soa(9), soa(9)], &[2])).unwrap();
    assert!(matches!(received, Some(Received::Whole(content)) if content.records.is_empty()));
}

#[test]
fn records_outside_the_zone_are_not_taken() {
    let items = [soa(9), a("zone.test.", 1), a("other.test.", 2), soa(9)];
    let received = receive(Asked::Axfr, &messages(Asked::Axfr, &items, &[9])).unwrap();
    let Some(Received::Whole(content)) = received else {
        panic!("not whole");
    };
    assert_eq!((content.records.len(), content.outside), (1, 1));
}

#[test]
fn bad_streams_are_refused_with_the_reason() {
    let (axfr, x) = (Asked::Axfr, || a("x.zone.test.", 1));
    assert!(matches!(refused(axfr, &[x(), soa(9)]), StreamError::NoSoa(..)));
    assert!(matches!(
        refused(axfr, &[soa(9), x(), soa(8)]),
        StreamError::SoaMismatch(..)
    ));
    assert!(matches!(
        refused(axfr, &[soa(9), x(), soa(9), x()]),
        StreamError::Trailing
    ));
    let mut elsewhere = soa(9);
    elsewhere.0 = Name::parse("other.test.").unwrap();
    assert!(matches!(refused(axfr, &[elsewhere]), StreamError::ForeignSoa(_)));
    // Differences that do not join.
    assert!(matches!(
        refused(HELD, &[soa(9), soa(4), soa(9), soa(9)]),
        StreamError::WrongStep(..)
    ));
    assert!(matches!(
        refused(HELD, &[soa(9), soa(5), soa(4), x()]),
        StreamError::Backwards(..)
    ));
    assert!(matches!(
        refused(HELD, &[soa(9), soa(5), soa(7), x(), soa(6)]),
        StreamError::WrongStep(..)
    ));
    // Types that no zone can hold.
    let mut meta = x();
    meta.2 = Rdata::from_wire(Rrtype::OPT, &[]).unwrap();
    assert!(matches!(refused(axfr, &[soa(9), meta]), StreamError::Meta(..)));
}

#[test]
fn headers_are_looked_at() {
    let good = message(Asked::Axfr, true, &[soa(9), soa(9)]);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut octets = good.clone();
        change(&mut octets);
        receive(Asked::Axfr, &[octets])
    };
    assert!(with(&|_| {}).unwrap().is_some());
    assert!(matches!(with(&|m| m[0] = 1), Err(StreamError::Foreign(_))));
    assert!(matches!(with(&|m| m[2] = 0x04), Err(StreamError::Foreign(_))));
    assert!(matches!(with(&|m| m[3] = 5), Err(StreamError::Rcode(5))));
    assert!(matches!(with(&|m| m[2] |= 2), Err(StreamError::Truncated)));
    assert!(matches!(with(&|m| m[13] = b'y'), Err(StreamError::Foreign(_))));
    assert!(matches!(
        with(&|m| m.truncate(40)),
        Err(StreamError::Malformed(_))
    ));
    let empty = message(Asked::Axfr, true, &[]);
    assert!(matches!(receive(Asked::Axfr, &[empty]), Err(StreamError::Empty)));
}

#[test]
fn a_zone_without_end_is_refused() {
    let limits = StreamLimits {
        records: 10,
        octets: 1 << 20,
    };
    for owner in ["x.zone.test.", "x.other.test."] {
        let mut stream = Stream::new(zone(), ID, Asked::Axfr, limits);
        stream.message(&message(Asked::Axfr, true, &[soa(9)])).unwrap();
        let ended = (0..20).find_map(|number| {
            stream
                .message(&message(Asked::Axfr, false, &[a(owner, number)]))
                .err()
        });
        assert_eq!(ended, Some(StreamError::TooLarge(10, 1)));
    }
}

/// Versions of a zone: which of a few records each has.
fn versions() -> impl Strategy<Value = Vec<BTreeSet<(u8, u8)>>> {
    let version = proptest::collection::btree_set((0_u8..6, 0_u8..4), 0..12);
    proptest::collection::vec(version, 2..5)
}

fn item(&(owner, address): &(u8, u8)) -> Item {
    a(&format!("n{owner}.zone.test."), address)
}

/// What a zone holds: owner and type, and the data.
type Image = BTreeMap<(Vec<u8>, u16), (Ttl, Vec<Rdata>)>;

fn image(version: &BTreeSet<(u8, u8)>) -> Image {
    let mut image = Image::new();
    for (owner, ttl, rdata) in version.iter().map(item) {
        let place = (owner.to_key(), rdata.rrtype().get());
        image.entry(place).or_insert((ttl, Vec::new())).1.push(rdata);
    }
    image
}

fn whole(content: &Content) -> Image {
    let rrsets = content.records.groups().map(|group| group.rrset().unwrap());
    rrsets
        .map(|rrset| {
            (
                (rrset.owner.to_key(), rrset.rrtype.get()),
                (rrset.ttl, rrset.rdata),
            )
        })
        .collect()
}

fn apply(content: &Content, mut image: Image) -> Image {
    for group in content.records.groups() {
        let place = (group.key.to_vec(), group.rrtype.get());
        if let Some(rrset) = group.apply(image.remove(&place)).unwrap() {
            image.insert(place, (rrset.ttl, rrset.rdata));
        }
    }
    image
}

fn ixfr_of(versions: &[BTreeSet<(u8, u8)>], first: u32) -> Vec<Item> {
    let serial = |at: usize| first.wrapping_add(at as u32);
    let last = serial(versions.len() - 1);
    let mut items = vec![soa(last)];
    for (at, pair) in versions.windows(2).enumerate() {
        items.push(soa(serial(at)));
        items.extend(pair[0].difference(&pair[1]).map(item));
        items.push(soa(serial(at + 1)));
        items.extend(pair[1].difference(&pair[0]).map(item));
    }
    items.push(soa(last));
    items
}

proptest! {
    /// However the records are ordered and cut into messages, the zone is the same.
    #[test]
    fn a_whole_zone_comes_in_as_it_is(
        (version, order) in proptest::collection::btree_set((0_u8..6, 0_u8..4), 0..20)
            .prop_flat_map(|set| { let list: Vec<_> = set.iter().copied().collect(); (Just(set), Just(list).prop_shuffle()) }),
        cuts in proptest::collection::vec(1_usize..5, 1..4),
    ) {
        let mut items = vec![soa(9)];
        items.extend(order.iter().map(item));
        items.push(soa(9));
        let received = receive(Asked::Axfr, &messages(Asked::Axfr, &items, &cuts)).unwrap();
        let Some(Received::Whole(content)) = received else { panic!("not whole") };
        prop_assert_eq!(whole(&content), image(&version));
    }

    /// The version that we hold and the difference make the primary's version, over the serials' wrap too.
    #[test]
    fn a_difference_leads_to_the_new_version(
        versions in versions(),
        first in prop_oneof![Just(5_u32), Just(u32::MAX - 1), any::<u32>()],
        cuts in proptest::collection::vec(1_usize..5, 1..4),
    ) {
        let asked = Asked::Ixfr { held: Serial::new(first) };
        let received = receive(asked, &messages(asked, &ixfr_of(&versions, first), &cuts)).unwrap();
        let Some(Received::Difference(content)) = received else { panic!("not a difference") };
        let after = apply(&content, image(&versions[0]));
        prop_assert_eq!(after, image(&versions[versions.len() - 1]));
    }

    /// A stream that is cut anywhere before its last record is never complete.
    #[test]
    fn a_cut_stream_is_never_complete(versions in versions(), cut in any::<prop::sample::Index>()) {
        let items = ixfr_of(&versions, 5);
        let items = &items[..cut.index(items.len())];
        if !items.is_empty() {
            let received = receive(HELD, &messages(HELD, items, &[2])).unwrap();
            prop_assert!(received.is_none());
        }
    }

    /// Whatever is done to its octets, a stream is taken or refused.
    #[test]
    fn damage_never_panics(
        versions in versions(),
        at in any::<prop::sample::Index>(),
        octet in any::<u8>(),
        which in any::<prop::sample::Index>(),
    ) {
        let mut all = messages(HELD, &ixfr_of(&versions, 5), &[3, 1]);
        let message = which.get_mut(&mut all);
        *at.get_mut(message) = octet;
        let _ = receive(HELD, &all);
    }
}
