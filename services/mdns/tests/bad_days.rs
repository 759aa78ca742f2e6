//! Clients that do not behave, and a database that is away.
#![allow(clippy::unwrap_used, reason = "a broken part fails the test")]

mod support;

use std::time::Duration;

use support::{
    CONNECTIONS, Change, PATIENCE, Running, ZoneWriter, axfr, options, question, rcode, soa_serial, transfer,
    udp, until_serial,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zonelog_dns::{Name, Rrtype};
use zonelog_mdns::MdnsOptions;
use zonelog_mdns::drain::{Ask, drain};
use zonelog_test_parts::{TestDatabase, TestServer, eventually};

const ZONE: &str = "bad.test.";
const SERVER_FAILURE: u8 = 2;

fn texts(from: usize, to: usize) -> Vec<Change> {
    let long = format!("\"{}\"", "x".repeat(250));
    let text = |at| {
        let records: Vec<String> = (0..20).map(|n| format!("\"{n}\" {long} {long}")).collect();
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        Change::new(&format!("t{at}.{ZONE}"), Rrtype::TXT, &records)
    };
    (from..to).map(text).collect()
}

/// Whether the server ends the connection within the time.
async fn is_closed(stream: &mut TcpStream, within: Duration) -> bool {
    let mut octets = [0; 65536];
    let end = async {
        loop {
            match stream.read(&mut octets).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    };
    tokio::time::timeout(within, end).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_reading_is_dropped_and_others_are_served() {
    let database = TestDatabase::new().await;
    let mut zone = ZoneWriter::create(database.url(), 1, ZONE, 1).await;
    // Some 16 MB: more than the sockets' buffers hold.
    zone.step(&texts(0, 1600)).await;
    let options = MdnsOptions {
        write_timeout: Duration::from_millis(300),
        max_transfers: 1,
        ..options()
    };
    let mini = Running::start(database.url(), options).await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let mut slow = TcpStream::connect(mini.address).await.unwrap();
    let packet = question(ZONE, 252);
    slow.write_u16(packet.len() as u16).await.unwrap();
    slow.write_all(&packet).await.unwrap();
    slow.readable().await.unwrap();
    // The only turn is taken until the slow reader is dropped; then this one is served.
    let name = Name::parse(ZONE).unwrap();
    let address = mini.address;
    let drained = tokio::task::spawn_blocking(move || drain(address, &name, Ask::Axfr, PATIENCE, |_, _| {}));
    assert_eq!(drained.await.unwrap().unwrap().records, 32_004);
    let mut received = 0;
    let mut octets = vec![0; 1 << 20];
    while let Ok(read @ 1..) = slow.read(&mut octets).await {
        received += read;
    }
    assert!(received < 16_000_000, "{received} octets: it got the whole zone");
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_are_dropped() {
    let database = TestDatabase::new().await;
    let zone = ZoneWriter::create(database.url(), 1, ZONE, 1).await;
    let options = MdnsOptions {
        read_timeout: Duration::from_millis(200),
        idle_timeout: Duration::from_millis(200),
        ..options()
    };
    let mini = Running::start(database.url(), options).await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let mut silent = TcpStream::connect(mini.address).await.unwrap();
    let mut half_length = TcpStream::connect(mini.address).await.unwrap();
    half_length.write_all(&[0]).await.unwrap();
    let mut half_message = TcpStream::connect(mini.address).await.unwrap();
    half_message.write_all(&[0, 40, 1, 2, 3]).await.unwrap();
    let mut idle = TcpStream::connect(mini.address).await.unwrap();
    let packet = question(ZONE, 6);
    idle.write_u16(packet.len() as u16).await.unwrap();
    idle.write_all(&packet).await.unwrap();
    idle.read_u16().await.unwrap();
    for stream in [&mut silent, &mut half_length, &mut half_message, &mut idle] {
        assert!(is_closed(stream, PATIENCE).await);
    }
    assert_eq!(axfr(mini.address, ZONE).await.content.len(), 2);
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_servfail_and_heals() {
    let mut server = TestServer::start().await;
    let mut zone = ZoneWriter::create(server.url(), 1, ZONE, 1).await;
    zone.step(&texts(0, 10)).await;
    let other = ZoneWriter::create(server.url(), 2, "other.test.", 5).await;
    let mini = Running::start(server.url(), options()).await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let held = axfr(mini.address, ZONE).await;
    drop((zone, other));
    server.stop().await;
    // What is in memory is served; what is not is SERVFAIL.
    assert_eq!(soa_serial(mini.address, "other.test.").await, Some(5));
    assert_eq!(axfr(mini.address, ZONE).await.content, held.content);
    let error = transfer(mini.address, "other.test.", Ask::Axfr)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("response code 2"), "{error}");
    let answer = udp(mini.address, &question(ZONE, 2), PATIENCE).await.unwrap();
    assert_eq!(rcode(&answer), SERVER_FAILURE);
    // One that starts now knows nothing, and says so.
    let late = Running::start(server.url(), options()).await;
    let answer = udp(late.address, &question(ZONE, 6), PATIENCE).await.unwrap();
    assert_eq!(rcode(&answer), SERVER_FAILURE);
    server.start_again().await;
    for running in [&mini, &late] {
        eventually("the other zone is transferred", PATIENCE, async || {
            transfer(running.address, "other.test.", Ask::Axfr).await.is_ok()
        })
        .await;
    }
    assert_eq!(axfr(late.address, ZONE).await.content, held.content);
    late.stop().await;
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_on_the_same_port_serves_at_once() {
    let database = TestDatabase::new().await;
    let zone = ZoneWriter::create(database.url(), 1, ZONE, 1).await;
    let mini = Running::start(database.url(), options()).await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let (address, content) = (mini.address, axfr(mini.address, ZONE).await.content);
    mini.stop().await;
    let again = Running::start(
        database.url(),
        MdnsOptions {
            listen: vec![address],
            ..options()
        },
    )
    .await;
    until_serial(address, ZONE, zone.serial).await;
    assert_eq!(axfr(address, ZONE).await.content, content);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_followed_while_transfers_have_every_connection() {
    let database = TestDatabase::new().await;
    let zone = ZoneWriter::create(database.url(), 1, ZONE, 1).await;
    let mini = Running::start(database.url(), options()).await;
    until_serial(mini.address, ZONE, zone.serial).await;
    // No recordset can be read, so no transfer gets on.
    let mut locker = zonelog_test_parts::postgres::connect(database.url()).await;
    let lock = locker.transaction().await.unwrap();
    let locked = "lock table recordset_version in access exclusive mode";
    lock.batch_execute(locked).await.unwrap();
    let stuck: Vec<_> = (2..2 + 2 * CONNECTIONS as u128)
        .map(|id| format!("{id}.{ZONE}"))
        .collect();
    let create = "with head as (update feed_head set position = position + 1 returning position),
        made as (insert into zone (id, name, name_key, project, pool, email, ttl, attributes, mname, refresh, retry, expire,
                                   minimum, serial, soa_recordset, revision, stream_version, created_at,
                                   created_position, content_position, pool_position)
                 select gen_random_uuid(), $1, $2, project, pool, email, ttl, attributes, mname, refresh, retry, expire,
                        minimum, serial, soa_recordset, revision, stream_version, created_at,
                        head.position, head.position, head.position
                 from zone, head where name = $3 returning *)
        insert into zone_serial select id, serial, content_position, now(), ttl, mname, email, refresh, retry, expire,
                                       minimum, true from made";
    let writer = zonelog_test_parts::postgres::connect(database.url()).await;
    let mut transfers = Vec::new();
    for name in &stuck {
        let key = Name::parse(name).unwrap().to_key();
        writer.execute(create, &[name, &key, &ZONE]).await.unwrap();
        until_serial(mini.address, name, zone.serial).await;
        let (address, name) = (mini.address, name.clone());
        transfers.push(tokio::spawn(
            async move { transfer(address, &name, Ask::Axfr).await },
        ));
    }
    lock.rollback().await.unwrap();
    for transfer in transfers {
        assert!(transfer.await.unwrap().is_ok());
    }
    mini.stop().await;
}
