//! What only Knot's configuration knows: transactions that are open, refused, or about items that are not there.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use zonelog_dns::ZoneName;
use zonelog_model::ZoneId;
use zonelog_reconciler::plan::Observed;
use zonelog_reconciler::targets::{KnotConfig, PoolTarget, TargetConfig, ZoneSpec, target_of};
use zonelog_test_parts::knot::Knot;

use crate::world::look;

async fn knot() -> Knot {
    Knot::start_with_database().await.unwrap()
}

fn config(knot: &Knot) -> KnotConfig {
    KnotConfig {
        socket: knot.control_socket(),
        template: None,
        remotes: Vec::new(),
        timeout: Duration::from_secs(1),
        clean_zone_file: true,
    }
}

fn target(config: KnotConfig) -> Arc<dyn PoolTarget> {
    target_of("one", &TargetConfig::Knot(config))
}

fn zone(name: &str) -> ZoneSpec {
    ZoneSpec {
        name: ZoneName::parse(name).unwrap(),
        zone: ZoneId::new(uuid::Uuid::from_u128(7)),
        masters: ["127.0.0.1:1".parse().unwrap()].into(),
        key: None,
        renew: false,
    }
}

#[tokio::test]
async fn a_transaction_that_somebody_has_open_is_waited_for_and_never_ended() {
    let knot = knot().await;
    let target = target(config(&knot));
    let one = zone("one.test.");
    knot.knotc(&["conf-begin"]).await.unwrap();
    knot.knotc(&["conf-set", "zone[theirs.test]"]).await.unwrap();
    let error = target.ensure_zone(&one).await.unwrap_err().to_string();
    assert!(error.contains("knotc conf-commit"), "{error}");
    let (told, committed) = tokio::join!(target.ensure_zone(&one), knot.knotc(&["conf-commit"]));
    committed.unwrap();
    told.unwrap();
    let zones = knot.knotc(&["conf-read", "zone.domain"]).await.unwrap();
    assert!(
        zones.contains("theirs.test.") && zones.contains("one.test."),
        "{zones}"
    );
}

/// As a reconciler leaves it that is killed in the middle.
#[tokio::test]
async fn a_transaction_of_ours_that_was_left_open_is_ended() {
    let knot = knot().await;
    let target = target(config(&knot));
    target.ensure_zone(&zone("one.test.")).await.unwrap();
    for arguments in [
        &["conf-begin"][..],
        &["conf-set", "zone[half.test]"],
        &[
            "conf-set",
            "zone[half.test].comment",
            "zonelog 00000000-0000-0000-0000-000000000000",
        ],
    ] {
        knot.knotc(arguments).await.unwrap();
    }
    target.ensure_zone(&zone("two.test.")).await.unwrap();
    let zones = knot.knotc(&["conf-read", "zone.domain"]).await.unwrap();
    assert!(
        zones.contains("two.test.") && !zones.contains("half.test."),
        "{zones}"
    );
}

/// A zone of the server's own, whose settings Knot only refuses when all is committed.
#[tokio::test]
async fn what_knot_refuses_for_one_zone_spoils_no_other() {
    let knot = knot().await;
    let told = target(config(&knot));
    let wrong = target(KnotConfig {
        template: Some("no-such-template".to_owned()),
        ..config(&knot)
    });
    let error = wrong
        .ensure_zone(&zone("one.test."))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("one.test.") && error.contains("template"),
        "{error}"
    );
    // Nothing stays open, and nothing of it came through.
    told.ensure_zone(&zone("there.test.")).await.unwrap();
    let zones = knot.knotc(&["conf-read", "zone.domain"]).await.unwrap();
    assert!(!zones.contains("one.test."), "{zones}");
    // Zones that are there need no template, so of a batch only the new one is refused.
    let zones = [zone("there.test."), zone("new.test."), zone("there.test.")];
    let told = join_all(zones.iter().map(|zone| wrong.ensure_zone(zone))).await;
    let went: Vec<bool> = told.iter().map(Result::is_ok).collect();
    assert_eq!(went, [true, false, true]);
    assert_eq!(look(knot.dns_address(), "new.test.").await, Observed::NotServing);
}

#[tokio::test]
async fn knots_own_remotes_are_used_where_they_are_named() {
    let knot = knot().await;
    for arguments in [
        &["conf-begin"][..],
        &["conf-set", "remote[hidden]"],
        &["conf-set", "remote[hidden].address", "127.0.0.1@1"],
        &["conf-commit"],
    ] {
        knot.knotc(arguments).await.unwrap();
    }
    let by_name = |remote: &str| {
        target(KnotConfig {
            remotes: vec![remote.to_owned()],
            ..config(&knot)
        })
    };
    by_name("hidden").ensure_zone(&zone("one.test.")).await.unwrap();
    let settings = knot.knotc(&["conf-read", "zone.master"]).await.unwrap();
    assert!(settings.contains("hidden"), "{settings}");
    let other = by_name("no-such-remote");
    let error = other
        .ensure_zone(&zone("two.test."))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("remotes"), "{error}");
}

#[tokio::test]
async fn what_is_no_knot_is_told_with_what_to_check() {
    let folder = tempfile::tempdir().unwrap();
    let mute = folder.path().join("mute.sock");
    let listener = tokio::net::UnixListener::bind(&mute).unwrap();
    let nobody = folder.path().join("nobody.sock");
    for (socket, words) in [(mute, "within 0.3 s"), (nobody, "check that knotd runs")] {
        let told = target(KnotConfig {
            socket: socket.clone(),
            template: None,
            remotes: Vec::new(),
            timeout: Duration::from_millis(300),
            clean_zone_file: true,
        });
        let error = told
            .ensure_zone(&zone("one.test."))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(words) && error.contains(&*socket.to_string_lossy()),
            "{error}"
        );
    }
    drop(listener);
}
