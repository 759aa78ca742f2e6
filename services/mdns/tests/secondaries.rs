//! Real secondaries, told by NOTIFY, end with what MiniDNS has.
#![allow(clippy::unwrap_used, reason = "a broken part fails the test")]

mod support;

use std::net::SocketAddr;

use support::{
    Change, PATIENCE, Running, ZoneWriter, assert_same, axfr, notify, options, soa_serial, until_serial,
};
use zonelog_dns::Rrtype;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::knot::{Knot, KnotOptions};
use zonelog_test_parts::nsd::{Nsd, NsdOptions};
use zonelog_test_parts::{TestDatabase, eventually};

const ZONE: &str = "second.test.";

/// Steps that make, change and delete records of many types, some with long names and data.
fn steps() -> Vec<Vec<Change>> {
    let many = |from: usize, to: usize| -> Vec<Change> {
        (from..to)
            .map(|at| {
                Change::new(
                    &format!("h{at}.{ZONE}"),
                    Rrtype::A,
                    &[&format!("10.1.{}.{}", at / 200, at % 200)],
                )
            })
            .collect()
    };
    let gone = |changes: Vec<Change>| -> Vec<Change> {
        changes
            .into_iter()
            .map(|change| Change {
                records: Vec::new(),
                ..change
            })
            .collect()
    };
    let long = format!("\"{}\" \"{}\"", "a".repeat(255), "b".repeat(200));
    vec![
        many(0, 2000),
        vec![
            Change::new(
                ZONE,
                Rrtype::MX,
                &["10 mail.second.test.", "20 MAIL.elsewhere.test."],
            ),
            Change::new(&format!("www.{ZONE}"), Rrtype::CNAME, &["h1.second.test."]),
            Change::new(
                &format!("_sip._udp.{ZONE}"),
                Rrtype::SRV,
                &["1 2 5060 h2.second.test."],
            ),
            Change::new(&format!("text.{ZONE}"), Rrtype::TXT, &[&long, "\"semi;colon\""]),
            Change::new(&format!("*.wild.{ZONE}"), Rrtype::AAAA, &["2001:db8::1"]),
        ],
        vec![
            Change::new(&format!("www.{ZONE}"), Rrtype::CNAME, &[]),
            Change::new(&format!("h3.{ZONE}"), Rrtype::A, &["10.9.9.9", "10.9.9.10"]),
        ],
        vec![Change {
            ttl: Some(5),
            ..Change::new(&format!("h4.{ZONE}"), Rrtype::A, &["10.1.0.4"])
        }],
        gone(many(100, 400)),
        many(5000, 5300),
        Vec::new(),
    ]
}

/// Writes the steps one after the other, tells the secondary, and compares what it holds.
async fn follows(mini: &Running, zone: &mut ZoneWriter, secondary: SocketAddr, by_ixfr: impl Fn() -> bool) {
    for changes in steps() {
        zone.step(&changes).await;
        until_serial(mini.address, ZONE, zone.serial).await;
        let serial = Some(zone.serial as u32);
        eventually(format!("{ZONE} at serial {serial:?}"), PATIENCE, async || {
            notify(secondary, ZONE).await;
            soa_serial(secondary, ZONE).await == serial
        })
        .await;
        let (ours, theirs) = (axfr(mini.address, ZONE).await, axfr(secondary, ZONE).await);
        assert_eq!(ours.drained.serial, theirs.drained.serial);
        assert_same(
            &ours.content,
            &theirs.content,
            &format!("at serial {}", zone.serial),
        );
    }
    assert!(by_ixfr(), "the secondary took no difference");
}

async fn start() -> (TestDatabase, ZoneWriter, Running) {
    let database = TestDatabase::new().await;
    let zone = ZoneWriter::create(database.url(), 1, ZONE, 2_000_000_000).await;
    let mini = Running::start(database.url(), options()).await;
    until_serial(mini.address, ZONE, zone.serial).await;
    (database, zone, mini)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn knot_ends_equal() {
    let (_database, mut zone, mini) = start().await;
    let knot = Knot::start(KnotOptions {
        primary: mini.address,
        zones: vec![ZONE.to_owned()],
    })
    .await
    .unwrap();
    follows(&mini, &mut zone, knot.dns_address(), || {
        knot.log().contains("IXFR, incoming")
    })
    .await;
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nsd_ends_equal() {
    let (_database, mut zone, mini) = start().await;
    let nsd = Nsd::start(NsdOptions {
        primary: mini.address,
        zones: vec![ZONE.to_owned()],
    })
    .await
    .unwrap();
    follows(&mini, &mut zone, nsd.dns_address(), || {
        !nsd.log().contains("error")
    })
    .await;
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bind_ends_equal() {
    let (_database, mut zone, mini) = start().await;
    let config = format!(
        "zone \"{ZONE}\" {{ type secondary; file \"second.db\"; primaries {{ {} port {}; }}; }};",
        mini.address.ip(),
        mini.address.port()
    );
    let bind = Bind::start(BindOptions {
        config,
        ..BindOptions::default()
    })
    .await
    .unwrap();
    follows(&mini, &mut zone, bind.dns_address(), || {
        bind.log().contains("Transfer completed")
    })
    .await;
    mini.stop().await;
}
