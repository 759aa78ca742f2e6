//! The target itself is told of zones, which the server then transfers from a BIND.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use zonelog_dns::{Serial, ZoneName};
use zonelog_reconciler::plan::Observed;
use zonelog_reconciler::targets::{PoolTarget, TargetConfig, ZoneSpec, target_of};
use zonelog_test_parts::eventually;

use super::{Kind, TRANSFER_KEY, master_file, primary_of, zone};
use crate::world::{PATIENCE, look};

const ONE: &str = "one.test.";

fn target(config: &TargetConfig) -> Arc<dyn PoolTarget> {
    target_of("one", config)
}

async fn until(server: SocketAddr, zone: &str, observed: Observed) {
    let seen = async || look(server, zone).await == observed;
    eventually(format!("{zone} at {server}: {observed:?}"), PATIENCE, seen).await;
}

async fn until_served(server: SocketAddr, zone: &str, serial: u32) {
    until(server, zone, Observed::Serving(Serial::new(serial))).await;
}

fn renewed(zone: &ZoneSpec) -> ZoneSpec {
    ZoneSpec {
        renew: true,
        ..zone.clone()
    }
}

pub(super) async fn telling_twice_is_as_telling_once<K: Kind>() {
    let (_bind, primary) = primary_of(&[ONE.into()], 5, None).await;
    let server = K::start(&primary).await;
    let (at, target) = (server.dns_address(), target(&server.config()));
    // Names are written as their owners like.
    let one = zone("One.test.", &primary);
    for hard in [false, true] {
        target.remove_zone(&one.name, hard).await.unwrap();
        for _ in 0..2 {
            target.ensure_zone(&one).await.unwrap();
        }
        until_served(at, ONE, 5).await;
        target.ensure_zone(&renewed(&one)).await.unwrap();
        until_served(at, ONE, 5).await;
        for _ in 0..2 {
            target.remove_zone(&one.name, hard).await.unwrap();
        }
        until(at, ONE, Observed::NotServing).await;
    }
}

pub(super) async fn an_existing_zone_is_adopted_without_a_gap<K: Kind>() {
    let (_bind, primary) = primary_of(&[ONE.into()], 5, None).await;
    let server = K::start(&primary).await;
    let (at, target) = (server.dns_address(), target(&server.config()));
    server.add_by_hand(ONE, primary.address).await;
    // Served for good: while NSD reloads, the process that knows nothing of the zone yet answers too.
    let mut looks = 0;
    let served_for_good = async || {
        let served = look(at, ONE).await == Observed::Serving(Serial::new(5));
        looks = if served { looks + 1 } else { 0 };
        looks == 20
    };
    eventually("the zone is served for good", PATIENCE, served_for_good).await;
    let adopted = Arc::new(AtomicBool::new(false));
    let (looked, first_look) = tokio::sync::oneshot::channel();
    let watching = tokio::spawn({
        let adopted = Arc::clone(&adopted);
        async move {
            let mut looked = Some(looked);
            while !adopted.load(Ordering::Relaxed) {
                assert_eq!(look(at, ONE).await, Observed::Serving(Serial::new(5)));
                looked.take().map(|looked| looked.send(()));
            }
        }
    });
    first_look.await.unwrap();
    let one = zone(ONE, &primary);
    target.ensure_zone(&one).await.unwrap();
    target.ensure_zone(&renewed(&one)).await.unwrap();
    adopted.store(true, Ordering::Relaxed);
    watching.await.unwrap();
    target.remove_zone(&one.name, true).await.unwrap();
    until(at, ONE, Observed::NotServing).await;
}

pub(super) async fn other_masters_are_taken<K: Kind>() {
    let (_old_bind, old) = primary_of(&[ONE.into()], 5, None).await;
    let (_new_bind, new) = primary_of(&[ONE.into()], 6, None).await;
    let mut server = K::start(&old).await;
    let (at, target) = (server.dns_address(), target(&server.config()));
    let one = zone(ONE, &old);
    target.ensure_zone(&one).await.unwrap();
    until_served(at, ONE, 5).await;
    server.masters_become(&new).await;
    let one = ZoneSpec {
        masters: [new.address].into(),
        key: None,
        ..renewed(&one)
    };
    // As the reconciler does while the server stays behind.
    let follows = async || {
        target.ensure_zone(&one).await.unwrap();
        look(at, ONE).await == Observed::Serving(Serial::new(6))
    };
    eventually("the zone comes from its new master", PATIENCE, follows).await;
}

/// Deleted, and made again under the same name with another content and an older serial.
pub(super) async fn a_zone_made_again_starts_from_nothing<K: Kind>() {
    let (mut bind, primary) = primary_of(&[ONE.into()], 9, None).await;
    let server = K::start(&primary).await;
    let (at, target) = (server.dns_address(), target(&server.config()));
    let first = zone(ONE, &primary);
    target.ensure_zone(&first).await.unwrap();
    until_served(at, ONE, 9).await;
    server.write_copies().await;
    target.remove_zone(&first.name, false).await.unwrap();
    until(at, ONE, Observed::NotServing).await;
    bind.stop().await.unwrap();
    std::fs::write(bind.folder().join("primary.one.test"), master_file(5)).unwrap();
    bind.start_again().await.unwrap();
    let again = zone(ONE, &primary);
    target.ensure_zone(&again).await.unwrap();
    // As the reconciler does while the server does not follow.
    let follows = async || {
        let served = look(at, ONE).await == Observed::Serving(Serial::new(5));
        if !served {
            target.ensure_zone(&renewed(&again)).await.unwrap();
        }
        served
    };
    eventually("the new zone is served", PATIENCE, follows).await;
}

pub(super) async fn a_wrong_key_is_told_with_what_to_check_and_without_the_secret<K: Kind>() {
    let (_bind, primary) = primary_of(&[ONE.into()], 5, None).await;
    let server = K::start(&primary).await;
    let Some((config, words)) = server.with_wrong_key() else {
        return;
    };
    let target = target(&config);
    let one = zone(ONE, &primary);
    for error in [
        target.ensure_zone(&one).await.unwrap_err().to_string(),
        target.remove_zone(&one.name, true).await.unwrap_err().to_string(),
    ] {
        assert!(error.starts_with("one: ") && error.contains(words), "{error}");
        assert!(error.contains(&server.control()), "{error}");
        for secret in server.secrets() {
            assert!(!error.contains(&secret), "{error}");
        }
    }
    let shown = format!("{config:?} {target:?} {:?}", server.config());
    for secret in server.secrets() {
        assert!(!shown.contains(&secret), "{shown}");
    }
    assert_eq!(look(server.dns_address(), ONE).await, Observed::NotServing);
}

pub(super) async fn it_is_told_again_after_a_restart<K: Kind>() {
    let (_bind, primary) = primary_of(&[ONE.into(), "two.test.".into()], 5, None).await;
    let mut server = K::start(&primary).await;
    let (at, target) = (server.dns_address(), target(&server.config()));
    let (one, two) = (zone(ONE, &primary), zone("two.test.", &primary));
    target.ensure_zone(&one).await.unwrap();
    until_served(at, ONE, 5).await;
    server.kill().await;
    let error = target.ensure_zone(&two).await.unwrap_err().to_string();
    assert!(
        error.contains(&server.control()) && error.contains("check that"),
        "{error}"
    );
    server.start_again().await;
    // What it was told before is not lost, and the next telling needs nobody's help.
    until_served(at, ONE, 5).await;
    target.ensure_zone(&two).await.unwrap();
    until_served(at, "two.test.", 5).await;
}

pub(super) async fn five_hundred_zones_at_once<K: Kind>() {
    let names: Vec<String> = (0..500).map(|number| format!("z{number}.test.")).collect();
    let (_bind, primary) = primary_of(&names, 5, None).await;
    let server = K::start(&primary).await;
    let (at, target) = (server.dns_address(), target(&server.config()));
    let zones: Vec<ZoneSpec> = names.iter().map(|name| zone(name, &primary)).collect();
    // One that none can take is nobody's trouble but its own.
    let none = ZoneName::parse("never.told.test.").unwrap();
    let told = join_all(zones.iter().map(|zone| target.ensure_zone(zone)));
    let (told, untold) = tokio::join!(told, target.remove_zone(&none, true));
    untold.unwrap();
    told.into_iter().collect::<Result<(), _>>().unwrap();
    for name in &names {
        until_served(at, name, 5).await;
    }
    let removed = join_all(zones.iter().map(|zone| target.remove_zone(&zone.name, true))).await;
    removed.into_iter().collect::<Result<(), _>>().unwrap();
    for name in &names {
        until(at, name, Observed::NotServing).await;
    }
}

pub(super) async fn a_primary_may_want_its_key<K: Kind>() {
    let (_bind, primary) = primary_of(&[ONE.into()], 5, Some(TRANSFER_KEY)).await;
    let server = K::start(&primary).await;
    let (at, target) = (server.dns_address(), target(&server.config()));
    let one = zone(ONE, &primary);
    // Twice: the key is there by then.
    for _ in 0..2 {
        target.ensure_zone(&one).await.unwrap();
        until_served(at, ONE, 5).await;
        target.ensure_zone(&renewed(&one)).await.unwrap();
        target.remove_zone(&one.name, true).await.unwrap();
        until(at, ONE, Observed::NotServing).await;
    }
    assert!(!format!("{one:?}").contains(TRANSFER_KEY.secret));
}
