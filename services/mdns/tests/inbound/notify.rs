//! NOTIFY in (RFC 1996): who may, and what it is answered.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use zonelog_model::zone::ZoneKind;
use zonelog_test_parts::eventually;

use crate::scripted::{Scripted, Step};
use crate::support::{self, PATIENCE};
use crate::world::{World, quick};

/// The response code to a NOTIFY from an address, with the serial in its answer section if it says one.
async fn told(server: SocketAddr, from: &str, zone: &str, serial: Option<u32>) -> u8 {
    let mut packet = support::question(zone, 6);
    packet[2] = 0x24;
    if let Some(serial) = serial {
        packet[7] = 1;
        packet.extend_from_slice(&[0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0]);
        packet.extend_from_slice(&serial.to_be_bytes());
        packet.extend_from_slice(&[0; 16]);
    }
    let socket = UdpSocket::bind((from, 0)).await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(&packet).await.unwrap();
    let mut answer = [0; 512];
    let received = tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await;
    let length = received.unwrap().unwrap();
    let answer = &answer[..length];
    // The same id and question, opcode NOTIFY, QR.
    assert_eq!(answer[..2], packet[..2]);
    assert_eq!(answer[2] & 0xf8, 0xa0);
    support::rcode(answer)
}

#[tokio::test]
async fn only_a_zones_masters_may_tell_of_changes() {
    let world = World::new().await;
    let primary = Scripted::start("in.test.", 5).await;
    world.secondary("in.test.", &[primary.address]).await;
    world.create("ours.test.", ZoneKind::Primary).await;
    world.serves("in.test.", 5).await;
    eventually("the primary zone is served", PATIENCE, async || {
        world.rcode("ours.test.").await == Some(0)
    })
    .await;
    let asked = primary.asked();
    // Another address than the master's; a zone of our own; one that nobody has.
    assert_eq!(told(world.address, "127.0.0.2", "in.test.", None).await, 5);
    assert_eq!(told(world.address, "127.0.0.1", "ours.test.", None).await, 9);
    assert_eq!(told(world.address, "127.0.0.1", "nobody.test.", None).await, 9);
    // Its master says that it has what we have.
    assert_eq!(told(world.address, "127.0.0.1", "in.test.", Some(5)).await, 0);
    assert_eq!(told(world.address, "127.0.0.1", "in.test.", Some(4)).await, 0);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(primary.asked(), asked, "nobody was asked");
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
