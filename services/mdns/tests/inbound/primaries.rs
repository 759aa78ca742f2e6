//! BIND, Knot and NSD as primaries: a change there is in the log as events and is served here.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::primary::{Primary, PrimaryKind, PrimaryOptions};

use crate::support;
use crate::world::{World, master_file};

const ZONE: &str = "in.test.";
const OTHER_SECRET: &str = "YW5vdGhlciBzZWNyZXQgb2YgdGhlIHRlc3RzIGhlcmU=";
const SECRET: &str = "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiB0cmFuc2ZlcnM=";

/// A BIND that is the primary of the zone and sends NOTIFY to an address.
async fn bind(notify: SocketAddr, records: &str, zone_options: &str, config: &str) -> Bind {
    Bind::start(BindOptions {
        primary_zones: vec![(ZONE.to_owned(), master_file(ZONE, 10, records))],
        zone_options: format!(
            "notify explicit; also-notify {{ {} port {}; }}; {zone_options}",
            notify.ip(),
            notify.port()
        ),
        config: config.to_owned(),
        ..BindOptions::default()
    })
    .await
    .unwrap()
}

/// Sends a dynamic update (RFC 2136).
pub(crate) async fn nsupdate(server: SocketAddr, commands: &str) {
    let mut child = Command::new("nsupdate")
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let text = format!(
        "server {} {}\nzone {ZONE}\n{commands}\nsend\n",
        server.ip(),
        server.port()
    );
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).await.unwrap();
    drop(input);
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_change_at_bind_is_in_the_log_and_served_by_the_pool() {
    let world = World::new().await;
    let primary = bind(
        world.address,
        "www A 192.0.2.1\ngone A 192.0.2.9\n",
        "max-ixfr-ratio unlimited;",
        "",
    )
    .await;
    let zone = world.secondary(ZONE, &[primary.dns_address()]).await;
    world.equals(ZONE, primary.dns_address()).await;
    // A server of the pool, whose primary is MiniDNS.
    let server = Bind::start(BindOptions {
        config: format!(
            "zone \"{ZONE}\" {{ type secondary; file \"s\"; primaries {{ {} port {}; }}; }};",
            world.address.ip(),
            world.address.port()
        ),
        ..BindOptions::default()
    })
    .await
    .unwrap();
    support::until_serial(server.dns_address(), ZONE, 10).await;

    // NOTIFY brings it here long before the hour of the zone's refresh is over.
    nsupdate(
        primary.dns_address(),
        "add www.in.test. 60 A 192.0.2.2\ndel gone.in.test. A\nadd new.in.test. 30 TXT \"a\" \"b\"",
    )
    .await;
    world.serves(ZONE, 11).await;
    world.equals(ZONE, primary.dns_address()).await;
    let causes = world.causes(zone.id).await;
    assert_eq!(causes.len(), 2, "{causes:?}");
    assert!(causes[0].starts_with("AXFR from 127.0.0.1:"), "{causes:?}");
    assert!(causes[1].starts_with("IXFR from 127.0.0.1:"), "{causes:?}");
    // Each change is an event of its own, before and after in it.
    let rows = world
        .client
        .query(
            "select type from event where stream = $1 and actor ->> 'door' = 'primary'
                and change_id = (select change_id from event where stream = $1 order by version desc limit 1)
             order by type",
            &[&zone.id.uuid()],
        )
        .await
        .unwrap();
    let types: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        types,
        [
            "recordset_changed",
            "recordset_created",
            "recordset_deleted",
            "zone_refreshed_from_primary"
        ]
    );
    support::notify(server.dns_address(), ZONE).await;
    support::until_serial(server.dns_address(), ZONE, 11).await;
    let (ours, theirs) = (
        support::axfr(primary.dns_address(), ZONE).await,
        support::axfr(server.dns_address(), ZONE).await,
    );
    support::assert_same(
        &ours.content,
        &theirs.content,
        "the primary and the pool's server",
    );
}

#[tokio::test]
async fn many_changes_at_bind_end_in_the_same_zone() {
    let world = World::new().await;
    let mut records = String::new();
    for number in 0..2_000 {
        writeln!(records, "n{number} A 192.0.2.{}", number % 250).unwrap();
    }
    let primary = bind(world.address, &records, "max-ixfr-ratio unlimited;", "").await;
    let zone = world.secondary(ZONE, &[primary.dns_address()]).await;
    world.equals(ZONE, primary.dns_address()).await;
    for turn in 0..20 {
        let mut commands = String::new();
        for number in 0..50 {
            let name = (turn * 37 + number) % 2_000;
            writeln!(commands, "del n{name}.in.test. A").unwrap();
            if number % 3 != 0 {
                writeln!(commands, "add n{name}.in.test. {} A 192.0.2.{turn}", 60 + turn).unwrap();
            }
        }
        nsupdate(primary.dns_address(), &commands).await;
    }
    world.equals(ZONE, primary.dns_address()).await;
    let causes = world.causes(zone.id).await;
    assert!(causes.len() >= 2, "{causes:?}");
    assert!(
        causes[1..].iter().all(|cause| cause.starts_with("IXFR")),
        "{causes:?}"
    );
}

async fn by_files(kind: PrimaryKind) {
    let world = World::new().await;
    let file = |serial, records: &str| master_file(ZONE, serial, records);
    let primary = Primary::start(PrimaryOptions {
        kind,
        zone: ZONE.to_owned(),
        master_file: file(20, "a A 192.0.2.1\nb A 192.0.2.2\nmail MX 5 a\n"),
        notify: world.address,
        key: None,
    })
    .await
    .unwrap();
    let zone = world.secondary(ZONE, &[primary.dns_address()]).await;
    world.equals(ZONE, primary.dns_address()).await;
    primary
        .change(&file(
            21,
            "a A 192.0.2.1\na A 192.0.2.7\nmail MX 5 a\n_sip._tcp SRV 1 2 3 a\n",
        ))
        .await
        .unwrap();
    world.serves(ZONE, 21).await;
    world.equals(ZONE, primary.dns_address()).await;
    assert_eq!(world.causes(zone.id).await.len(), 2);
}

#[tokio::test]
async fn a_change_at_knot_is_served_here() {
    by_files(PrimaryKind::Knot).await;
}

#[tokio::test]
async fn a_change_at_nsd_is_served_here() {
    by_files(PrimaryKind::Nsd).await;
}

#[tokio::test]
async fn a_primary_that_wants_signatures_gets_them() {
    let world = World::new().await;
    let config = format!("key \"in-key\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};");
    let mut records = String::new();
    for number in 0..3_000 {
        writeln!(records, "n{number} TXT \"{}\"", "x".repeat(200)).unwrap();
    }
    // Several messages, each of them signed.
    let primary = bind(
        world.address,
        &records,
        "allow-transfer { key in-key; };",
        &config,
    )
    .await;
    let zone = world.secondary(ZONE, &[primary.dns_address()]).await;
    world.fails(zone.id, "REFUSED").await;
    assert_eq!(world.rcode(ZONE).await, Some(2));
    world.zone_key(zone.id, "in-key", SECRET).await;
    world.serves(ZONE, 10).await;
    nsupdate(primary.dns_address(), "add more.in.test. 60 A 192.0.2.2").await;
    world.serves(ZONE, 11).await;
    assert_eq!(world.causes(zone.id).await.len(), 2);
}

#[tokio::test]
async fn a_wrong_key_is_told() {
    let world = World::new().await;
    let config = format!("key \"in-key\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};");
    let primary = bind(world.address, "", "", &config).await;
    let zone = world
        .create_keyed(ZONE, primary.dns_address(), "in-key", OTHER_SECRET)
        .await;
    world.fails(zone.id, "BADSIG").await;
    let other = "other.test.";
    let zone = world
        .create_keyed(other, primary.dns_address(), "no-key", SECRET)
        .await;
    world.fails(zone.id, "BADKEY").await;
    assert_eq!(world.rcode(ZONE).await, Some(2));
}
