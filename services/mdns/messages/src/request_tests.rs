use proptest::prelude::*;

use super::*;

/// A query about `zone.test.`, with what follows the question given as octets.
fn packet(flags: u16, counts: [u16; 4], qtype: u16, class: u16, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0xab, 0xcd];
    packet.extend(flags.to_be_bytes());
    packet.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    packet.extend(b"\x04Zone\x04test\0");
    packet.extend(qtype.to_be_bytes());
    packet.extend(class.to_be_bytes());
    packet.extend(rest);
    packet
}

fn plain(qtype: u16) -> Vec<u8> {
    packet(0x0100, [1, 0, 0, 0], qtype, 1, &[])
}

/// An SOA record as an IXFR request has it, its owner a pointer to octet `owner`.
fn soa(owner: u8, serial: u32) -> Vec<u8> {
    let mut record = vec![0xc0, owner, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0];
    record.extend(serial.to_be_bytes());
    record.extend([0; 16]);
    record
}

fn opt(payload: u16, version: u8) -> Vec<u8> {
    let [high, low] = payload.to_be_bytes();
    vec![0, 0, 41, high, low, 0, version, 0x80, 0, 0, 0]
}

fn query(packet: &[u8]) -> Query {
    match classify(packet) {
        Classified::Query(query) => query,
        other => panic!("not a query: {other:?}"),
    }
}

fn refusal(packet: &[u8]) -> Rcode {
    match classify(packet) {
        Classified::Refuse(_, rcode) => rcode,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn questions_are_told_apart() {
    assert_eq!(query(&plain(6)).asked, Asked::Soa);
    assert_eq!(query(&plain(252)).asked, Asked::Axfr);
    assert_eq!(query(&plain(255)).asked, Asked::Any);
    assert_eq!(query(&plain(1)).asked, Asked::Rrset(Rrtype::A));
    let ixfr = packet(0, [1, 0, 1, 0], 251, 1, &soa(12, 4_000_000_000));
    assert_eq!(
        query(&ixfr).asked,
        Asked::Ixfr {
            serial: Serial::new(4_000_000_000)
        }
    );
    assert_eq!(query(&ixfr).name, Name::parse("zone.TEST.").unwrap());
}

#[test]
fn the_answer_repeats_id_opcode_question_and_recursion_bit() {
    let query = query(&plain(6));
    let answer = query.envelope.empty(Rcode::REFUSED);
    assert_eq!(answer[..4], [0xab, 0xcd, 0x81, 0x05]);
    assert_eq!(answer[12..], plain(6)[12..]);
}

#[test]
fn an_ixfr_request_needs_the_soa_of_its_zone() {
    let without = plain(251);
    let twice = packet(0, [1, 0, 2, 0], 251, 1, &[soa(12, 1), soa(12, 2)].concat());
    // Octet 17 is where `test.` begins: the SOA of another zone.
    let other_zone = packet(0, [1, 0, 1, 0], 251, 1, &soa(17, 1));
    for request in [without, twice, other_zone] {
        assert_eq!(refusal(&request), Rcode::FORMAT_ERROR);
    }
}

#[test]
fn edns_is_repeated_and_bounds_the_answer() {
    assert_eq!(query(&plain(6)).udp_room(), 512);
    for (payload, room) in [(0, 512), (600, 600), (4096, 1232)] {
        let query = query(&packet(0, [1, 0, 0, 1], 6, 1, &opt(payload, 0)));
        assert_eq!(query.udp_room(), room, "{payload}");
        let answer = query.envelope.empty(Rcode::NO_ERROR);
        // DO is copied, our own payload is offered, and the additional section counts one.
        assert_eq!(
            answer[answer.len() - 11..],
            [0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0]
        );
        assert_eq!(answer[11], 1);
    }
}

#[test]
fn a_newer_edns_version_is_badvers() {
    let Classified::Refuse(envelope, rcode) = classify(&packet(0, [1, 0, 0, 1], 6, 1, &opt(1232, 1))) else {
        panic!("not refused");
    };
    assert_eq!(rcode, Rcode::BAD_VERSION);
    let answer = envelope.empty(rcode);
    assert_eq!(answer[3] & 0xf, 0, "the low half of 16");
    assert_eq!(answer[answer.len() - 6], 1, "the high half of 16");
}

#[test]
fn a_notify_may_say_a_serial() {
    let told = |sections, records: &[u8]| match classify(&packet(0x2400, sections, 6, 1, records)) {
        Classified::Query(query) => query.asked,
        other => panic!("{other:?}"),
    };
    assert_eq!(told([1, 0, 0, 0], &[]), Asked::Notify { serial: None });
    let mut soa = vec![0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0];
    soa.extend_from_slice(&7_u32.to_be_bytes());
    soa.extend_from_slice(&[0; 16]);
    let serial = Some(Serial::new(7));
    assert_eq!(told([1, 1, 0, 0], &soa), Asked::Notify { serial });
}

#[test]
fn what_is_not_for_us_is_refused_by_the_right_code() {
    assert_eq!(
        refusal(&packet(0, [1, 0, 0, 0], 6, 3, &[])),
        Rcode::REFUSED,
        "class CHAOS"
    );
    assert_eq!(
        refusal(&packet(0x2000, [1, 0, 0, 0], 1, 1, &[])),
        Rcode::NOT_IMPLEMENTED,
        "NOTIFY of another type than SOA"
    );
    assert_eq!(
        refusal(&packet(0x2800, [1, 0, 0, 0], 6, 1, &[])),
        Rcode::NOT_IMPLEMENTED,
        "UPDATE"
    );
    assert_eq!(
        refusal(&packet(0, [0, 0, 0, 0], 6, 1, &[])),
        Rcode::FORMAT_ERROR,
        "no question"
    );
    assert_eq!(
        refusal(&packet(0, [2, 0, 0, 0], 6, 1, &[])),
        Rcode::FORMAT_ERROR,
        "two questions"
    );
    assert_eq!(refusal(&plain(6)[..20]), Rcode::FORMAT_ERROR, "cut short");
}

/// What others can read we read, and it says the same.
fn agrees_with_another_reader(packet: &[u8]) {
    use hickory_proto::op::Message;
    use hickory_proto::rr::RData;
    let Ok(theirs) = Message::from_vec(packet) else {
        return;
    };
    let (envelope, asked) = match classify(packet) {
        Classified::Query(query) => (query.envelope, Some(query.asked)),
        Classified::Refuse(envelope, _) => (envelope, None),
        Classified::Drop => return,
    };
    if let (Some(ours), Some(theirs)) = (&envelope.edns, &theirs.edns) {
        assert_eq!(ours.payload.max(512), theirs.max_payload());
        assert_eq!(ours.dnssec_ok, theirs.flags().dnssec_ok);
    }
    let soa = |data: &RData| match data {
        RData::SOA(soa) => Some(Serial::new(soa.serial)),
        _ => None,
    };
    match asked {
        Some(Asked::Ixfr { serial }) => {
            assert_eq!(theirs.authorities.len(), 1);
            assert_eq!(soa(&theirs.authorities[0].data), Some(serial));
        }
        Some(Asked::Notify { serial }) => {
            assert_eq!(theirs.answers.iter().find_map(|record| soa(&record.data)), serial);
        }
        _ => {}
    }
}

#[test]
fn answers_and_scraps_are_dropped() {
    assert!(matches!(
        classify(&packet(0x8000, [1, 0, 0, 0], 6, 1, &[])),
        Classified::Drop
    ));
    assert!(matches!(classify(&plain(6)[..11]), Classified::Drop));
    assert!(matches!(classify(&[]), Classified::Drop));
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        classify(&octets);
    }

    #[test]
    fn no_mutation_of_a_request_makes_it_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        length in any::<prop::sample::Index>(),
    ) {
        let rest = [soa(12, 7), opt(1232, 0)].concat();
        let mut packet = packet(0, [1, 0, 1, 1], 251, 1, &rest);
        for (at, octet) in changes {
            let at = at.index(packet.len());
            packet[at] = octet;
        }
        agrees_with_another_reader(&packet);
        packet.truncate(length.index(packet.len() + 1));
        if let Classified::Refuse(envelope, rcode) = classify(&packet) {
            prop_assert_eq!(&envelope.empty(rcode)[..2], &packet[..2]);
        }
    }
}
