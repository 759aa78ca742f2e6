//! NOTIFY in (RFC 1996): who may, and what it is answered.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use zonelog_dns::Name;
use zonelog_dns::tsig::{self, Algorithm, Key, Secret};
use zonelog_mdns::MdnsOptions;
use zonelog_model::zone::ZoneKind;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::eventually;

use crate::primaries::nsupdate;
use crate::scripted::{Scripted, Step};
use crate::support::{self, PATIENCE};
use crate::world::{World, master_file, quick};

/// A NOTIFY, with the serial in its answer section if it says one.
fn notification(zone: &str, serial: Option<u32>) -> Vec<u8> {
    let mut packet = support::question(zone, 6);
    packet[2] = 0x24;
    if let Some(serial) = serial {
        packet[7] = 1;
        packet.extend_from_slice(&[0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0]);
        packet.extend_from_slice(&serial.to_be_bytes());
        packet.extend_from_slice(&[0; 16]);
    }
    packet
}

/// The answer to a NOTIFY from an address.
async fn answered(server: SocketAddr, from: &str, packet: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind((from, 0)).await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(packet).await.unwrap();
    let mut answer = vec![0; 512];
    let received = tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await;
    answer.truncate(received.unwrap().unwrap());
    // The same id and question, opcode NOTIFY, QR.
    assert_eq!(answer[..2], packet[..2]);
    assert_eq!(answer[2] & 0xf8, 0xa0);
    answer
}

/// The response code to a NOTIFY from an address.
async fn told(server: SocketAddr, from: &str, zone: &str, serial: Option<u32>) -> u8 {
    support::rcode(&answered(server, from, &notification(zone, serial)).await)
}

#[tokio::test]
async fn only_a_zones_masters_may_tell_of_changes() {
    let world = World::new().await;
    let primary = Scripted::start("in.test.", 5).await;
    let zone = world.secondary("in.test.", &[primary.address]).await;
    world.create("ours.test.", ZoneKind::Primary).await;
    world.serves("in.test.", 5).await;
    eventually("the primary zone is served", PATIENCE, async || {
        world.rcode("ours.test.").await == Some(0)
    })
    .await;
    let before = world.refreshes(zone.id).await;
    // Another address than the master's; a zone of our own; one that nobody has.
    assert_eq!(told(world.address, "127.0.0.2", "in.test.", None).await, 5);
    assert_eq!(told(world.address, "127.0.0.1", "ours.test.", None).await, 9);
    assert_eq!(told(world.address, "127.0.0.1", "nobody.test.", None).await, 9);
    // Its master says that it has what we have.
    assert_eq!(told(world.address, "127.0.0.1", "in.test.", Some(5)).await, 0);
    assert_eq!(told(world.address, "127.0.0.1", "in.test.", Some(4)).await, 0);
    assert_eq!(world.refreshes(zone.id).await, before, "nobody is asked");
    // And that it has more, or does not say.
    primary.set_serial(6);
    assert_eq!(told(world.address, "127.0.0.1", "in.test.", Some(6)).await, 0);
    world.serves("in.test.", 6).await;
    primary.set_serial(7);
    assert_eq!(told(world.address, "127.0.0.1", "in.test.", None).await, 0);
    world.serves("in.test.", 7).await;
}

#[tokio::test]
async fn what_is_told_during_a_transfer_is_not_forgotten() {
    let world = World::with(quick()).await;
    let primary = Scripted::start("in.test.", 5).await;
    // The transfer of serial 5 takes a while; meanwhile there is serial 6.
    primary.next_transfer(Step::Wait(Duration::from_millis(300)));
    world.secondary("in.test.", &[primary.address]).await;
    eventually("the transfer has begun", PATIENCE, async || {
        primary.transfers() > 0
    })
    .await;
    primary.set_serial(6);
    // The head's serial is not known before the first transfer, and nothing but the master decides.
    assert_eq!(told(world.address, "127.0.0.1", "in.test.", Some(6)).await, 0);
    world.serves("in.test.", 6).await;
}

const SECRET: &str = "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiBub3RpZmljYXRpb25z";
const OTHER_SECRET: &str = "YW5vdGhlciBzZWNyZXQgb2YgdGhlIHRlc3RzIGhlcmU=";

fn key(name: &str, secret: &str) -> Key {
    Key {
        name: Name::parse(name).unwrap(),
        algorithm: Algorithm::HmacSha256,
        secret: Secret::from_base64(secret).unwrap(),
    }
}

fn now() -> u64 {
    zonelog_central::clock::now().timestamp() as u64
}

/// What a signed NOTIFY is answered: the response code, and the error of the TSIG record.
async fn told_signed(server: SocketAddr, zone: &str, key: &Key, at: u64) -> (u8, u16) {
    let mut packet = notification(zone, Some(11));
    let mac = tsig::sign(&mut packet, key, at, None);
    let answer = answered(server, "127.0.0.1", &packet).await;
    let signed = tsig::read(&answer)
        .unwrap()
        .expect("the answer has a TSIG record");
    // BADSIG and BADKEY are told without a signature (RFC 8945 §5.2), everything else with one.
    if ![16, 17].contains(&signed.error()) {
        assert!(signed.verify(key, at, Some(&mac)).is_ok());
    }
    (support::rcode(&answer), signed.error())
}

/// BIND signs its NOTIFYs, and MiniDNS takes signed requests alone.
#[tokio::test]
async fn a_signed_notify_is_taken_when_the_key_is_the_zones() {
    let mdns = MdnsOptions {
        query_enforce_tsig: true,
        ..support::options()
    };
    let world = World::with_mdns(quick(), mdns).await;
    let (zone_name, to) = ("in.test.", world.address);
    let primary = Bind::start(BindOptions {
        primary_zones: vec![(zone_name.to_owned(), master_file(zone_name, 10, ""))],
        zone_options: format!(
            "notify explicit; also-notify {{ {} port {} key in-key; }}; allow-transfer {{ key in-key; }};",
            to.ip(),
            to.port()
        ),
        config: format!("key \"in-key\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};"),
        ..BindOptions::default()
    })
    .await
    .unwrap();
    let master = primary.dns_address();
    let zone = world.create_keyed(zone_name, master, "in-key", SECRET).await;
    let other = world
        .create_keyed("other.test.", master, "other-key", OTHER_SECRET)
        .await;
    world.holds(zone.id, 10).await;
    let (right, others) = (key("in-key.", SECRET), key("other-key.", OTHER_SECRET));
    for (name, key) in [(zone_name, &right), ("other.test.", &others)] {
        eventually(format!("{} is known", key.name), PATIENCE, async || {
            let mut packet = support::question(name, 6);
            tsig::sign(&mut packet, key, now(), None);
            let answer = support::udp(to, &packet, PATIENCE).await.unwrap();
            // The other zone has come from nobody: SERVFAIL.
            [0, 2].contains(&support::rcode(&answer)) && tsig::read(&answer).unwrap().is_some()
        })
        .await;
    }

    let before = world.refreshes(zone.id).await;
    assert_eq!(
        told(to, "127.0.0.1", zone_name, Some(11)).await,
        5,
        "unsigned: REFUSED"
    );
    let (no_key, wrong_secret) = (key("no-key.", SECRET), key("in-key.", OTHER_SECRET));
    for (key, at, answer) in [
        (&no_key, now(), (9, 17)),
        (&wrong_secret, now(), (9, 16)),
        (&right, now() - 1_000, (9, 18)),
        // Another zone's key: REFUSED, which is signed.
        (&others, now(), (5, 0)),
    ] {
        assert_eq!(told_signed(to, zone_name, key, at).await, answer, "{}", key.name);
    }
    assert_eq!(world.refreshes(zone.id).await, before, "nobody is asked");

    assert_eq!(told_signed(to, zone_name, &right, now()).await, (0, 0));
    let after = world.refreshes(zone.id).await;
    assert_eq!(after.asked_for, before.asked_for + 1);
    assert!(after.begun > before.begun, "{before:?} {after:?}");
    nsupdate(master, "add www.in.test. 60 A 192.0.2.2").await;
    world.holds(zone.id, 11).await;
    assert!(
        world.error(other.id).await.is_some(),
        "the other zone's primary does not have it"
    );
}
