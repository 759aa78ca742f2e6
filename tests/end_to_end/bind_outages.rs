//! What a name server may suffer: away during changes, without its disk, deaf for NOTIFYs. It ends at the head.

use std::net::{Ipv4Addr, SocketAddr};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::net::UdpSocket;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_tests::{Zonelog, ZonelogOptions};

use crate::{until_equal, until_status};

#[tokio::test(flavor = "multi_thread")]
async fn servers_converge_after_bind_was_away() {
    let mut bind = Bind::start(BindOptions::default()).await.expect("BIND starts");
    let zonelog = Zonelog::up(&[&bind], &ZonelogOptions::default()).await;
    let rest = zonelog.rest();
    let kept = rest.create_zone("kept.example.").await;
    let deleted = rest.create_zone("deleted.example.").await;
    until_equal(zonelog.minidns(), bind.dns_address(), "kept.example.").await;
    until_equal(zonelog.minidns(), bind.dns_address(), "deleted.example.").await;

    bind.kill().await.expect("BIND can be killed");
    for number in 0..100 {
        rest.create_recordset(&kept, &format!("h{number}.kept.example."), "A", &["192.0.2.1"])
            .await;
    }
    let mut made = Vec::new();
    for number in 0..20 {
        made.push((
            rest.create_zone(&format!("made{number}.example.")).await,
            format!("made{number}.example."),
        ));
    }
    let path = format!("/v2/zones/{deleted}");
    let answer = rest
        .send(Method::DELETE, &path, &Value::Null)
        .await
        .expect("an answer");
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_ne!(
        rest.status(&path).await,
        "404",
        "nobody has seen BIND let the zone go"
    );

    bind.start_again().await.expect("BIND starts again");
    let content = until_equal(zonelog.minidns(), bind.dns_address(), "kept.example.").await;
    assert_eq!(content.iter().filter(|line| line.starts_with('h')).count(), 100);
    for (id, name) in &made {
        until_status(&rest, &format!("/v2/zones/{id}"), "ACTIVE").await;
        until_equal(zonelog.minidns(), bind.dns_address(), name).await;
    }
    until_status(&rest, &path, "404").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_converge_after_bind_lost_its_disk() {
    let mut bind = Bind::start(BindOptions::default()).await.expect("BIND starts");
    let zonelog = Zonelog::up(&[&bind], &ZonelogOptions::default()).await;
    let rest = zonelog.rest();
    let mut zones = Vec::new();
    for number in 0..10 {
        let name = format!("disk{number}.example.");
        let zone = rest.create_zone(&name).await;
        rest.create_recordset(&zone, &format!("www.{name}"), "A", &["192.0.2.1"])
            .await;
        zones.push((zone, name));
    }
    for (_, name) in &zones {
        until_equal(zonelog.minidns(), bind.dns_address(), name).await;
    }

    bind.wipe().await.expect("BIND can be wiped");
    bind.start_again().await.expect("BIND starts again");
    // Nobody touches the zones: no event tells that the server is empty.
    for (zone, name) in &zones {
        until_equal(zonelog.minidns(), bind.dns_address(), name).await;
        until_status(&rest, &format!("/v2/zones/{zone}"), "ACTIVE").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_converge_without_a_single_notify() {
    let bind = Bind::start(BindOptions::default()).await.expect("BIND starts");
    let proxy = notify_swallowing_proxy(bind.dns_address()).await;
    let options = ZonelogOptions {
        server_address: Some(proxy),
        ..ZonelogOptions::default()
    };
    let zonelog = Zonelog::up(&[&bind], &options).await;
    let rest = zonelog.rest();
    let zone = rest.create_zone("deaf.example.").await;
    until_status(&rest, &format!("/v2/zones/{zone}"), "ACTIVE").await;
    let recordset = rest
        .create_recordset(&zone, "www.deaf.example.", "A", &["192.0.2.1"])
        .await;
    until_status(
        &rest,
        &format!("/v2/zones/{zone}/recordsets/{recordset}"),
        "ACTIVE",
    )
    .await;
    let content = until_equal(zonelog.minidns(), bind.dns_address(), "deaf.example.").await;
    assert!(
        content.contains("www.deaf.example. 3600 IN A 192.0.2.1"),
        "{content:#?}"
    );
}

/// Passes every DNS message to `server` and its answers back, but NOTIFYs (opcode 4, RFC 1996 §3) vanish.
async fn notify_swallowing_proxy(server: SocketAddr) -> SocketAddr {
    let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port");
    let address = front.local_addr().expect("a bound address");
    tokio::spawn(async move {
        let front = std::sync::Arc::new(front);
        let mut packet = vec![0; 65_535];
        while let Ok((length, client)) = front.recv_from(&mut packet).await {
            let is_notify = length > 2 && (packet[2] >> 3) & 0xf == 4;
            if is_notify {
                continue;
            }
            let (front, query) = (front.clone(), packet[..length].to_vec());
            tokio::spawn(async move {
                let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
                    .await
                    .expect("a free port");
                let mut answer = vec![0; 65_535];
                back.connect(server).await.expect("an address");
                let _ = back.send(&query).await;
                let patience = std::time::Duration::from_secs(2);
                if let Ok(Ok(length)) = tokio::time::timeout(patience, back.recv(&mut answer)).await {
                    let _ = front.send_to(&answer[..length], client).await;
                }
            });
        }
    });
    address
}
