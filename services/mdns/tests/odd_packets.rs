//! EDNS in all its forms, and packets that no client sends: answered or dropped as the RFCs say, and never an end of us.
#![allow(clippy::unwrap_used, reason = "a broken part fails the test")]

mod support;

use std::time::Duration;

use hickory_proto::op::Message;
use support::{PATIENCE, Running, ZoneWriter, answers, options, question, rcode, udp, until_serial};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zonelog_test_parts::TestDatabase;

const ZONE: &str = "odd.test.";
const NO_ERROR: u8 = 0;
const FORMAT_ERROR: u8 = 1;
const NOT_IMPLEMENTED: u8 = 4;
const REFUSED: u8 = 5;

async fn start() -> (TestDatabase, Running) {
    let database = TestDatabase::new().await;
    let zone = ZoneWriter::create(database.url(), 1, ZONE, 10).await;
    let mini = Running::start(database.url(), options()).await;
    until_serial(mini.address, ZONE, zone.serial).await;
    (database, mini)
}

/// An OPT record (RFC 6891 §6.1.2) with these options, each a code and its data.
fn opt(version: u8, flags: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut data = Vec::new();
    for (code, value) in options {
        data.extend_from_slice(&code.to_be_bytes());
        data.extend_from_slice(&(value.len() as u16).to_be_bytes());
        data.extend_from_slice(value);
    }
    let mut record = vec![0, 0, 41, 0x10, 0, 0, version];
    record.extend_from_slice(&flags.to_be_bytes());
    record.extend_from_slice(&(data.len() as u16).to_be_bytes());
    record.extend_from_slice(&data);
    record
}

/// The SOA query with these records behind it, all of them additional.
fn soa_with(additionals: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = question(ZONE, 6);
    packet[11] = additionals.len() as u8;
    packet.extend(additionals.concat());
    packet
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_that_we_do_not_know_are_ignored_and_cookies_among_them() {
    let (_database, mini) = start().await;
    let cases: &[&[(u16, &[u8])]] = &[
        &[],
        // COOKIE (RFC 7873 §4): a client's alone, and with a server's. A server that does not have cookies does as if they
        // were not there (§5.2.1).
        &[(10, &[7; 8])],
        &[(10, &[7; 16])],
        &[(10, &[7; 40])],
        // NSID, EXPIRE, padding, chain, key tag, a local one, the reserved ones.
        &[(3, &[])],
        &[(9, &[])],
        &[(12, &[0; 200])],
        &[(13, &[0])],
        &[(14, &[0, 1])],
        &[(65001, &[1, 2, 3])],
        &[(0, &[]), (65535, &[0; 32])],
        // The client's subnet (RFC 7871), also of no family, as `dig +subnet=0` has it, and of one that nobody knows.
        &[(8, &[0, 1, 24, 0, 192, 0, 2])],
        &[(8, &[0, 0, 0, 0])],
        &[(8, &[0, 99, 24, 0, 1])],
        // The same option twice.
        &[(10, &[7; 8]), (10, &[8; 8])],
        // The timeout of TCP (RFC 7828) over UDP, where it must be ignored.
        &[(11, &[])],
        &[(11, &[0, 100])],
    ];
    for options in cases {
        let answer = udp(mini.address, &soa_with(&[opt(0, 0, options)]), PATIENCE)
            .await
            .unwrap();
        assert_eq!((rcode(&answer), answers(&answer)), (NO_ERROR, 1), "{options:?}");
        let message = Message::from_vec(&answer).unwrap();
        let edns = message.edns.unwrap();
        assert_eq!((edns.version(), edns.max_payload()), (0, 1232));
        assert!(
            edns.options().as_ref().is_empty(),
            "no option of ours: {options:?}"
        );
    }
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edns_is_answered_as_its_rfc_says() {
    let (_database, mini) = start().await;
    let ask = async |packet: Vec<u8>| udp(mini.address, &packet, PATIENCE).await.unwrap();
    // An answer to a query without EDNS has none (RFC 6891 §7).
    let plain = Message::from_vec(&ask(question(ZONE, 6)).await).unwrap();
    assert!(plain.edns.is_none());
    // A version that we do not know: BADVERS (16, of which 0 is in the header), with our version 0 (§6.1.3).
    for version in [1, 255] {
        let answer = ask(soa_with(&[opt(version, 0, &[])])).await;
        assert_eq!((rcode(&answer), answers(&answer)), (0, 0));
        let ttl = &answer[answer.len() - 6..answer.len() - 2];
        assert_eq!((ttl[0], ttl[1]), (1, 0), "extended code 16, version 0");
    }
    // DO is copied (RFC 3225 §3); the other flags are not.
    let answer = ask(soa_with(&[opt(0, 0xffff, &[])])).await;
    assert_eq!(answer[answer.len() - 4..answer.len() - 2], [0x80, 0]);
    // More than one OPT (§6.1.1), or one that does not stand at the root: FORMERR.
    assert_eq!(
        rcode(&ask(soa_with(&[opt(0, 0, &[]), opt(0, 0, &[])])).await),
        FORMAT_ERROR
    );
    let mut elsewhere = vec![0xc0, 12];
    elsewhere.extend_from_slice(&opt(0, 0, &[])[1..]);
    assert_eq!(rcode(&ask(soa_with(&[elsewhere])).await), FORMAT_ERROR);
    // A client's subnet that cannot be one: too short, more octets than its prefix, bits behind it, a scope (RFC 7871 §6);
    // and a cookie of a length that none has (RFC 7873 §5.2.2). What is wrong is told to whoever sent it.
    let subnets: [&[u8]; 4] = [
        &[0],
        &[0, 1, 24, 0, 192, 0, 2, 1],
        &[0, 1, 20, 0, 192, 0, 0x1f],
        &[0, 1, 24, 24, 192, 0, 2],
    ];
    let cookies = [0, 1, 7, 9, 15, 41].map(|length| vec![7; length]);
    let bad = subnets.iter().map(|subnet| (8, *subnet));
    for option in bad.chain(cookies.iter().map(|cookie| (10, cookie.as_slice()))) {
        let answer = ask(soa_with(&[opt(0, 0, &[(3, &[]), option])])).await;
        assert_eq!(
            (rcode(&answer), answers(&answer)),
            (FORMAT_ERROR, 0),
            "{option:?}"
        );
        assert!(Message::from_vec(&answer).unwrap().edns.is_some(), "{option:?}");
    }
    // Options that end before their length.
    let mut cut = opt(0, 0, &[(10, &[7; 8])]);
    let at = cut.len() - 9;
    cut[at] = 200;
    assert_eq!(rcode(&ask(soa_with(&[cut])).await), FORMAT_ERROR);
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bits_and_counts_that_nobody_sets_harm_nobody() {
    let (_database, mini) = start().await;
    let ask = async |packet: Vec<u8>| udp(mini.address, &packet, PATIENCE).await;
    // RD, CD and AD, the reserved bit, an RCODE, AA and TC in a query: read over. RD is copied.
    for (octet, bits) in [
        (2, 0x01),
        (3, 0x10),
        (3, 0x20),
        (3, 0x40),
        (3, 0x0f),
        (2, 0x04),
        (2, 0x02),
    ] {
        let mut packet = question(ZONE, 6);
        packet[octet] |= bits;
        let answer = ask(packet).await.unwrap();
        assert_eq!(
            (rcode(&answer), answers(&answer)),
            (NO_ERROR, 1),
            "{octet} {bits:x}"
        );
        assert_eq!(
            answer[2] & 0x03,
            bits & u8::from(octet == 2) & 1,
            "{octet} {bits:x}"
        );
        assert_eq!(answer[3] & 0xf0, 0, "{octet} {bits:x}");
    }
    // Every opcode is answered, and none but a query gets records.
    for opcode in 1..16_u8 {
        let mut packet = question(ZONE, 6);
        packet[2] = opcode << 3;
        let answer = ask(packet).await.unwrap();
        assert_eq!(answer[2] >> 3, 16 | opcode, "the opcode comes back");
        assert_eq!(answers(&answer), 0);
        if opcode != 4 {
            assert_eq!(rcode(&answer), NOT_IMPLEMENTED);
        }
    }
    // Counts that promise more than there is, in each section.
    for section in [4, 6, 8, 10] {
        for count in [2, 0xff, 0xffff_u16] {
            let mut packet = question(ZONE, 6);
            packet[section..section + 2].copy_from_slice(&count.to_be_bytes());
            assert_eq!(
                rcode(&ask(packet).await.unwrap()),
                FORMAT_ERROR,
                "{section} {count}"
            );
        }
    }
    // No question at all (RFC 9619).
    let mut none = question(ZONE, 6);
    none[5] = 0;
    assert_eq!(rcode(&ask(none).await.unwrap()), FORMAT_ERROR);
    // A name that points at itself, one that points behind the packet, a label of a reserved kind, one too long.
    let head = &question(ZONE, 6)[..12];
    let long = [[63; 64].repeat(4), vec![0]].concat();
    for name in [
        vec![0xc0, 12],
        vec![0xff, 0xff],
        vec![0x40, 0],
        vec![0x80, 0],
        long,
    ] {
        let packet = [head, &name, &[0, 6, 0, 1]].concat();
        assert_eq!(rcode(&ask(packet).await.unwrap()), FORMAT_ERROR, "{name:x?}");
    }
    // QTYPEs of the meta kind (RFC 6895 §3.1), and class ANY.
    for qtype in [0, 41, 128, 249, 250, 253, 254, 65535] {
        assert_eq!(
            rcode(&ask(question(ZONE, qtype)).await.unwrap()),
            REFUSED,
            "{qtype}"
        );
    }
    let mut any = question(ZONE, 6);
    *any.last_mut().unwrap() = 255;
    assert_eq!(rcode(&ask(any).await.unwrap()), REFUSED);
    // Nothing, next to nothing, and the longest that there can be.
    assert_eq!(udp(mini.address, &[], Duration::from_millis(50)).await, None);
    assert_eq!(udp(mini.address, &[0; 11], Duration::from_millis(50)).await, None);
    let mut longest = question(ZONE, 6);
    longest.resize(65_507, 0);
    assert!(ask(longest).await.is_some_and(|answer| answer.len() < 512));
    assert_eq!(rcode(&ask(question(ZONE, 6)).await.unwrap()), NO_ERROR);
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_random_packets_are_survived() {
    let (_database, mini) = start().await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(mini.address).await.unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let valid = soa_with(&[opt(0, 0, &[(10, &[7; 8])])]);
    for at in 0..100_000 {
        // A valid packet with some octets changed and some length cut, so that it is read far into.
        let mut packet = valid.clone();
        for _ in 0..next() % 4 {
            let place = next() as usize % packet.len();
            packet[place] = next() as u8;
        }
        packet.truncate(packet.len() - next() as usize % 3 * (next() as usize % packet.len()) / 2);
        // The queue of the system may be full for a moment.
        let _ = socket.send(&packet).await;
        if at % 1000 == 0 {
            let answer = udp(mini.address, &question(ZONE, 6), PATIENCE).await.unwrap();
            assert_eq!(rcode(&answer), NO_ERROR);
        }
    }
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tcp_an_empty_message_ends_the_connection_and_others_go_on() {
    let (_database, mini) = start().await;
    for bad in [
        vec![0, 0],
        vec![0, 3, 1, 2, 3],
        [&[0xff, 0xff][..], &[0x80; 65535]].concat(),
    ] {
        let mut stream = TcpStream::connect(mini.address).await.unwrap();
        stream.write_all(&bad).await.unwrap();
        let mut rest = Vec::new();
        let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(end.is_ok() && rest.is_empty(), "{} octets", bad.len());
    }
    assert_eq!(
        rcode(&udp(mini.address, &question(ZONE, 6), PATIENCE).await.unwrap()),
        NO_ERROR
    );
    mini.stop().await;
}
