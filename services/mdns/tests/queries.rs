//! Single questions, over UDP and TCP, good and bad.
#![allow(clippy::unwrap_used, reason = "a broken part fails the test")]

mod support;

use std::time::Duration;

use hickory_proto::op::Message;
use support::{
    Change, PATIENCE, Running, ZoneWriter, answers, axfr, ixfr_question, options, question, rcode, serial_of,
    transfer, udp, until_serial,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zonelog_dns::Rrtype;
use zonelog_mdns::drain::Ask;
use zonelog_test_parts::{TestDatabase, eventually};

const ZONE: &str = "query.test.";
const NO_ERROR: u8 = 0;
const FORMAT_ERROR: u8 = 1;
const NOT_IMPLEMENTED: u8 = 4;
const REFUSED: u8 = 5;
const NOT_AUTHORITATIVE: u8 = 9;

async fn start() -> (TestDatabase, ZoneWriter, Running) {
    let database = TestDatabase::new().await;
    let zone = ZoneWriter::create(database.url(), 1, ZONE, 10).await;
    let mini = Running::start(database.url(), options()).await;
    until_serial(mini.address, ZONE, zone.serial).await;
    (database, zone, mini)
}

async fn over_tcp(mini: &Running, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut stream = TcpStream::connect(mini.address).await.unwrap();
    for packet in packets {
        stream.write_u16(packet.len() as u16).await.unwrap();
        stream.write_all(packet).await.unwrap();
    }
    let mut received = Vec::new();
    for _ in packets {
        let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut answer).await.unwrap();
        received.push(answer);
    }
    received
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_serve_is_answered_and_all_else_refused() {
    let (_database, mut zone, mini) = start().await;
    zone.step(&[Change::new(
        &format!("www.{ZONE}"),
        Rrtype::A,
        &["192.0.2.1", "192.0.2.2"],
    )])
    .await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let ask = async |name: &str, qtype| udp(mini.address, &question(name, qtype), PATIENCE).await.unwrap();
    let soa = ask("QUERY.test.", 6).await;
    assert_eq!(
        (rcode(&soa), answers(&soa), soa[2] & 4),
        (NO_ERROR, 1, 4),
        "authoritative"
    );
    let www = Message::from_vec(&ask(&format!("WWW.{ZONE}"), 1).await).unwrap();
    assert_eq!(www.answers.len(), 2);
    assert!(www.answers.iter().all(|record| record.ttl == 3600));
    for (name, qtype) in [
        ("other.test.", 6),
        ("other.test.", 252),
        (&*format!("www.{ZONE}"), 6),
        (&*format!("www.{ZONE}"), 16),
        (&*format!("none.{ZONE}"), 1),
        (ZONE, 255),
        ("test.", 6),
        (".", 6),
    ] {
        assert_eq!(rcode(&ask(name, qtype).await), REFUSED, "{name} {qtype}");
    }
    let error = transfer(mini.address, "other.test.", Ask::Axfr)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("response code 5"), "{error}");
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ixfr_over_udp_is_one_packet_or_the_soa_alone() {
    let (_database, mut zone, mini) = start().await;
    let before = zone.serial;
    let small = zone
        .step(&[Change::new(&format!("a.{ZONE}"), Rrtype::A, &["192.0.2.1"])])
        .await;
    until_serial(mini.address, ZONE, small).await;
    let answer = udp(mini.address, &ixfr_question(ZONE, before), PATIENCE)
        .await
        .unwrap();
    let message = Message::from_vec(&answer).unwrap();
    assert_eq!(message.answers.len(), 5, "SOA, SOA, SOA, A, SOA");
    assert_eq!(message.queries.len(), 1);
    let long = format!("\"{}\"", "x".repeat(250));
    let records: Vec<Change> = (0..3)
        .map(|at| Change::new(&format!("t{at}.{ZONE}"), Rrtype::TXT, &[&long]))
        .collect();
    let large = zone.step(&records).await;
    until_serial(mini.address, ZONE, large).await;
    let answer = udp(mini.address, &ixfr_question(ZONE, small), PATIENCE)
        .await
        .unwrap();
    assert_eq!(answers(&answer), 1, "more than 512 octets");
    let mut with_edns = ixfr_question(ZONE, small);
    with_edns[11] = 1;
    with_edns.extend([0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]);
    let answer = udp(mini.address, &with_edns, PATIENCE).await.unwrap();
    assert_eq!(answers(&answer), 7, "less than 1232 octets");
    let current = udp(mini.address, &ixfr_question(ZONE, large), PATIENCE)
        .await
        .unwrap();
    assert_eq!(answers(&current), 1, "nothing newer");
    let unknown = udp(mini.address, &ixfr_question(ZONE, 3), PATIENCE)
        .await
        .unwrap();
    assert_eq!(answers(&unknown), 1, "come back over TCP");
    assert_eq!(
        rcode(&udp(mini.address, &question(ZONE, 252), PATIENCE).await.unwrap()),
        FORMAT_ERROR
    );
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_too_long_for_udp_is_truncated_and_whole_over_tcp() {
    let (_database, mut zone, mini) = start().await;
    let texts: Vec<String> = (0..5).map(|at| format!("\"{at}{}\"", "x".repeat(240))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    zone.step(&[Change::new(&format!("long.{ZONE}"), Rrtype::TXT, &texts)])
        .await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let packet = question(&format!("long.{ZONE}"), 16);
    let answer = udp(mini.address, &packet, PATIENCE).await.unwrap();
    assert_eq!((answer[2] & 2, answers(&answer)), (2, 0));
    // Two queries on one connection, sent at once.
    let received = over_tcp(&mini, &[packet, question(ZONE, 6)]).await;
    assert_eq!((answers(&received[0]), answers(&received[1])), (5, 1));
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_packets_are_told_so_or_ignored() {
    let (_database, _zone, mini) = start().await;
    let quiet = Duration::from_millis(100);
    assert_eq!(udp(mini.address, b"short", quiet).await, None);
    let mut answer = question(ZONE, 6);
    answer[2] = 0x80;
    assert_eq!(
        udp(mini.address, &answer, quiet).await,
        None,
        "answers are not answered"
    );
    let mut two = question(ZONE, 6);
    two[5] = 2;
    let mut update = question(ZONE, 6);
    update[2] = 0x28;
    let mut notify = question(ZONE, 6);
    notify[2] = 0x24;
    let mut chaos = question(ZONE, 6);
    *chaos.last_mut().unwrap() = 3;
    let cases = [
        (question(ZONE, 6)[..15].to_vec(), FORMAT_ERROR),
        (two, FORMAT_ERROR),
        (question(ZONE, 251), FORMAT_ERROR),
        (update, NOT_IMPLEMENTED),
        (notify, NOT_AUTHORITATIVE),
        (chaos, REFUSED),
    ];
    for (packet, expected) in cases {
        let answer = udp(mini.address, &packet, PATIENCE).await.unwrap();
        assert_eq!(
            (&answer[..2], rcode(&answer)),
            (&packet[..2], expected),
            "{packet:x?}"
        );
        assert_eq!(
            rcode(&over_tcp(&mini, std::slice::from_ref(&packet)).await[0]),
            expected
        );
    }
    assert_eq!(
        rcode(&udp(mini.address, &question(ZONE, 6), PATIENCE).await.unwrap()),
        NO_ERROR
    );
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_zone_is_refused_and_its_name_can_be_another_zones() {
    let (database, mut zone, mini) = start().await;
    axfr(mini.address, ZONE).await;
    zone.delete().await;
    eventually("the zone is refused", PATIENCE, async || {
        rcode(&udp(mini.address, &question(ZONE, 6), PATIENCE).await.unwrap()) == REFUSED
    })
    .await;
    assert!(transfer(mini.address, ZONE, Ask::Axfr).await.is_err());
    let again = ZoneWriter::create(database.url(), 2, "Query.Test.", 77).await;
    until_serial(mini.address, ZONE, again.serial).await;
    assert_eq!(axfr(mini.address, ZONE).await.content.len(), 2);
    // Another process, started afterwards, sees the same.
    let other = Running::start(database.url(), options()).await;
    until_serial(other.address, ZONE, again.serial).await;
    other.stop().await;
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_up_is_enough_and_dig_understands_us() {
    let database = TestDatabase::new().await;
    let mut zone = ZoneWriter::create(database.url(), 1, ZONE, 10).await;
    let slow = zonelog_mdns::MdnsOptions {
        poll_interval: Duration::from_secs(600),
        ..options()
    };
    let mini = Running::start(database.url(), slow).await;
    until_serial(mini.address, ZONE, 10).await;
    zone.step(&[Change::new(&format!("a.{ZONE}"), Rrtype::A, &["192.0.2.1"])])
        .await;
    mini.wake(2);
    until_serial(mini.address, ZONE, 11).await;
    let dig = async |query: &[&str]| {
        let mut command = tokio::process::Command::new("dig");
        command
            .args(["@127.0.0.1", "-p", &mini.address.port().to_string(), "+tcp", ZONE])
            .args(query);
        let output = command.output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let axfr = dig(&["AXFR"]).await;
    assert!(axfr.contains("XFR size: 5 records"), "{axfr}");
    let ixfr = dig(&["IXFR=10"]).await;
    assert!(ixfr.contains("XFR size: 5 records"), "{ixfr}");
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_not_older_than_the_log_was_known_to_be() {
    let database = TestDatabase::new().await;
    let mut zone = ZoneWriter::create(database.url(), 1, ZONE, 10).await;
    let slow = zonelog_mdns::MdnsOptions {
        poll_interval: Duration::from_secs(600),
        ..options()
    };
    let mini = Running::start(database.url(), slow).await;
    until_serial(mini.address, ZONE, 10).await;
    zone.step(&[]).await;
    let made = ZoneWriter::create(database.url(), 2, "made.test.", 20).await;
    // MiniDNS is told of both, but cannot read them.
    let mut locker = zonelog_test_parts::postgres::connect(database.url()).await;
    let lock = locker.transaction().await.unwrap();
    lock.batch_execute("lock table zone in access exclusive mode")
        .await
        .unwrap();
    mini.wake(3);
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(mini.address).await.unwrap();
    for name in [ZONE, &made.name] {
        socket.send(&question(name, 6)).await.unwrap();
    }
    let mut answer = vec![0; 512];
    let early = tokio::time::timeout(Duration::from_millis(50), socket.recv(&mut answer)).await;
    assert!(early.is_err(), "answered by what was known before");
    lock.rollback().await.unwrap();
    let mut serials = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let length = tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await;
        serials.extend(serial_of(&answer[..length.unwrap().unwrap()]));
    }
    assert_eq!(serials, [11, 20].into());
    // Of a log that does not come no answer waits for ever: it is as old as what is known.
    mini.wake(1_000);
    let answer = udp(mini.address, &question(ZONE, 6), PATIENCE).await.unwrap();
    assert_eq!(serial_of(&answer), Some(11));
    mini.stop().await;
}
