//! What a client may ask, from where, and how much of us it may have.
#![allow(clippy::unwrap_used, reason = "a broken part fails the test")]

mod support;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use support::{
    Change, PATIENCE, Running, ZoneWriter, answers, axfr, ixfr, ixfr_question, options, question, rcode,
    until_serial,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use zonelog_dns::Rrtype;
use zonelog_mdns::drain::Shape;
use zonelog_mdns::{Acl, MdnsError, MdnsOptions, MiniDns};
use zonelog_test_parts::TestDatabase;

const ZONE: &str = "limits.test.";
const NO_ERROR: u8 = 0;
const REFUSED: u8 = 5;
const AXFR: u16 = 252;
const HERE: &str = "127.0.0.1";
/// Another address of this machine.
const THERE: &str = "127.0.0.2";

async fn start(options: MdnsOptions) -> (TestDatabase, ZoneWriter, Running) {
    let database = TestDatabase::new().await;
    let zone = ZoneWriter::create(database.url(), 1, ZONE, 10).await;
    let mini = Running::start(database.url(), options).await;
    (database, zone, mini)
}

/// Asks over UDP from one of our addresses.
async fn udp_from(from: &str, server: SocketAddr, packet: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind((from, 0)).await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(packet).await.unwrap();
    let mut answer = vec![0; 4096];
    let received = tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await;
    answer.truncate(received.unwrap().unwrap());
    answer
}

async fn connect_from(from: &str, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0))
        .unwrap();
    socket.connect(server).await.unwrap()
}

async fn ask(stream: &mut TcpStream, packet: &[u8]) {
    stream.write_u16(packet.len() as u16).await.unwrap();
    stream.write_all(packet).await.unwrap();
}

/// The next message; nothing when the server ended the connection.
async fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let read = async {
        let mut message = vec![0; usize::from(stream.read_u16().await.ok()?)];
        stream.read_exact(&mut message).await.ok()?;
        Some(message)
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap()
}

async fn tcp_from(from: &str, server: SocketAddr, packet: &[u8]) -> Vec<u8> {
    let mut stream = connect_from(from, server).await;
    ask(&mut stream, packet).await;
    read(&mut stream).await.unwrap()
}

/// So much of text that a client which does not read stops us: more than the sockets' buffers hold.
fn sixteen_megabytes() -> Vec<Change> {
    let long = format!("\"{}\"", "x".repeat(250));
    let text = |at| {
        let records: Vec<String> = (0..20).map(|n| format!("\"{n}\" {long} {long}")).collect();
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        Change::new(&format!("t{at}.{ZONE}"), Rrtype::TXT, &records)
    };
    (0..1600).map(text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_lists_hold_for_queries_and_for_transfers_apart() {
    let (_database, zone, mini) = start(MdnsOptions {
        allow_query: Acl::parse(&["127.0.0.1", "2001:db8::/32"]).unwrap(),
        allow_transfer: Acl::parse(&["127.0.0.2/31"]).unwrap(),
        ..options()
    })
    .await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let queries = [question(ZONE, 6), question(ZONE, 2), question("other.test.", 6)];
    let transfers = [question(ZONE, AXFR), ixfr_question(ZONE, zone.serial - 1)];
    for (packet, allowed, refused) in [
        (&queries[0], HERE, THERE),
        (&queries[1], HERE, THERE),
        (&transfers[0], THERE, HERE),
        (&transfers[1], THERE, HERE),
    ] {
        assert_eq!(rcode(&tcp_from(allowed, mini.address, packet).await), NO_ERROR);
        assert_eq!(rcode(&tcp_from(refused, mini.address, packet).await), REFUSED);
    }
    for (packet, allowed, refused) in [(&queries[0], HERE, THERE), (&transfers[1], THERE, HERE)] {
        assert_eq!(rcode(&udp_from(allowed, mini.address, packet).await), NO_ERROR);
        let answer = udp_from(refused, mini.address, packet).await;
        assert_eq!((rcode(&answer), answers(&answer)), (REFUSED, 0));
    }
    // Nobody learns from a refusal which zones there are.
    assert_eq!(rcode(&udp_from(THERE, mini.address, &queries[2]).await), REFUSED);
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_its_share_of_the_connections_and_no_more() {
    let (_database, zone, mini) = start(MdnsOptions {
        max_connections: 8,
        max_connections_per_address: 2,
        ..options()
    })
    .await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let soa = question(ZONE, 6);
    let mut held = [
        connect_from(HERE, mini.address).await,
        connect_from(HERE, mini.address).await,
    ];
    for stream in &mut held {
        ask(stream, &soa).await;
        assert_eq!(rcode(&read(stream).await.unwrap()), NO_ERROR);
    }
    let mut third = connect_from(HERE, mini.address).await;
    assert_eq!(read(&mut third).await, None, "the third of two");
    assert_eq!(rcode(&tcp_from(THERE, mini.address, &soa).await), NO_ERROR);
    // Those it has are served on, and one given back is free again.
    let [first, mut second] = held;
    ask(&mut second, &soa).await;
    assert_eq!(rcode(&read(&mut second).await.unwrap()), NO_ERROR);
    drop(first);
    zonelog_test_parts::eventually("a connection is free again", PATIENCE, async || {
        let mut stream = connect_from(HERE, mini.address).await;
        // The server may have closed it already.
        let sent = stream
            .write_all(&[&[0, soa.len() as u8][..], &soa].concat())
            .await;
        sent.is_ok() && read(&mut stream).await.is_some()
    })
    .await;
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greedy_address_waits_for_itself_while_others_transfer() {
    let (_database, mut zone, mini) = start(MdnsOptions {
        max_transfers: 4,
        max_transfers_per_address: 2,
        transfer_wait: Duration::from_millis(300),
        write_timeout: Duration::from_secs(60),
        ..options()
    })
    .await;
    zone.step(&sixteen_megabytes()).await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let transfer = question(ZONE, AXFR);
    // Two that begin and are not read: they keep their turns.
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = connect_from(HERE, mini.address).await;
        ask(&mut stream, &transfer).await;
        stream.readable().await.unwrap();
        held.push(stream);
    }
    let refused = tcp_from(HERE, mini.address, &transfer).await;
    assert_eq!(rcode(&refused), 2, "SERVFAIL after the wait for a turn");
    let other = tcp_from(THERE, mini.address, &transfer).await;
    assert_eq!((rcode(&other), answers(&other) > 0), (NO_ERROR, true));
    // An answer of one message needs no turn, whoever asks.
    let soa = tcp_from(HERE, mini.address, &question(ZONE, 6)).await;
    assert_eq!(rcode(&soa), NO_ERROR);
    held.pop();
    zonelog_test_parts::eventually("a turn is free again", PATIENCE, async || {
        rcode(&tcp_from(HERE, mini.address, &transfer).await) == NO_ERROR
    })
    .await;
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_connections_are_taken_the_one_idle_for_longest_makes_room() {
    let (_database, zone, mini) = start(MdnsOptions {
        max_connections: 3,
        ..options()
    })
    .await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let soa = question(ZONE, 6);
    let mut half = connect_from(HERE, mini.address).await;
    half.write_all(&[0, 40, 1, 2, 3]).await.unwrap();
    let mut used = Vec::new();
    for _ in 0..2 {
        let mut stream = connect_from(HERE, mini.address).await;
        ask(&mut stream, &soa).await;
        read(&mut stream).await.unwrap();
        used.push(stream);
    }
    assert_eq!(rcode(&tcp_from(THERE, mini.address, &soa).await), NO_ERROR);
    assert_eq!(read(&mut half).await, None, "it waited for longest");
    for stream in &mut used {
        ask(stream, &soa).await;
        assert_eq!(rcode(&read(stream).await.unwrap()), NO_ERROR, "it was used since");
    }
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_and_does_not_read_is_dropped() {
    let (_database, zone, mini) = start(MdnsOptions {
        write_timeout: Duration::from_millis(200),
        ..options()
    })
    .await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let mut stream = connect_from(HERE, mini.address).await;
    let soa = question(ZONE, 6);
    let thousand = [&[0, soa.len() as u8][..], &soa].concat().repeat(1000);
    // The answers fill the buffers of both sides, then ours is the patience that ends.
    let asking = async { while stream.write_all(&thousand).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, asking).await.unwrap();
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ixfr_reaches_as_far_back_as_the_retention() {
    let (database, mut zone, mini) = start(MdnsOptions {
        ixfr_retention: Duration::from_secs(3600),
        ..options()
    })
    .await;
    let first = zone.serial;
    let second = zone
        .step(&[Change::new(&format!("a.{ZONE}"), Rrtype::A, &["192.0.2.1"])])
        .await;
    let third = zone
        .step(&[Change::new(&format!("a.{ZONE}"), Rrtype::A, &["192.0.2.2"])])
        .await;
    // The first serial was replaced two hours ago, the second just now.
    let client = zonelog_test_parts::postgres::connect(database.url()).await;
    client
        .batch_execute(&format!(
            "update zone_serial set recorded_at = recorded_at - interval '2 hours' where serial <= {second}"
        ))
        .await
        .unwrap();
    until_serial(mini.address, ZONE, third).await;
    let old = ixfr(mini.address, ZONE, first).await;
    assert_eq!(old.drained.shape, Shape::Whole);
    assert_eq!(old.content, axfr(mini.address, ZONE).await.content);
    let recent = ixfr(mini.address, ZONE, second).await;
    assert_eq!(
        recent.drained.shape,
        Shape::Difference,
        "long the latest, and replaced just now"
    );
    // Over UDP, what is out of reach is the SOA alone: the client comes back over TCP.
    let answer = udp_from(HERE, mini.address, &ixfr_question(ZONE, first)).await;
    assert_eq!((rcode(&answer), answers(&answer)), (NO_ERROR, 1));
    let answer = udp_from(HERE, mini.address, &ixfr_question(ZONE, second)).await;
    assert_eq!((rcode(&answer), answers(&answer)), (NO_ERROR, 6));
    // Another process without a limit has all of it.
    let other = Running::start(database.url(), options()).await;
    until_serial(other.address, ZONE, third).await;
    assert_eq!(
        ixfr(other.address, ZONE, first).await.drained.shape,
        Shape::Difference
    );
    other.stop().await;
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_udp_worker_answers_and_nobody_else_gets_the_port() {
    let (database, zone, mini) = start(MdnsOptions {
        udp_workers: 4,
        ..options()
    })
    .await;
    until_serial(mini.address, ZONE, zone.serial).await;
    // The system chooses the worker by the client's port: a hundred ports reach each of the four.
    let soa = question(ZONE, 6);
    let clients = (0..100).map(|_| udp_from(HERE, mini.address, &soa));
    for answer in futures_util::future::join_all(clients).await {
        assert_eq!((rcode(&answer), answers(&answer)), (NO_ERROR, 1));
    }
    // Many at once from one client: each gets its own answer.
    let socket = UdpSocket::bind((HERE, 0)).await.unwrap();
    socket.connect(mini.address).await.unwrap();
    for id in 0..50_u8 {
        let mut packet = soa.clone();
        packet[1] = id;
        socket.send(&packet).await.unwrap();
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut answer = [0; 512];
    while seen.len() < 50 {
        let length = tokio::time::timeout(PATIENCE, socket.recv(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(answers(&answer[..length]), 1);
        seen.insert(answer[1]);
    }
    // Sockets that share a port would take each other's queries: a second MiniDNS is refused it.
    let connections = zonelog_store::Database::new(database.url(), "mdns").unwrap();
    let taken = MdnsOptions {
        listen: vec![mini.address],
        ..options()
    };
    let second = MiniDns::bind(taken, &connections, 8, tokio::sync::watch::channel(0).1).await;
    assert!(matches!(second, Err(MdnsError::Listen { .. })), "{second:?}");
    mini.stop().await;
}
