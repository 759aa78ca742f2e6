//! What only NSD's configuration knows: patterns, and zones of its own.

use std::sync::Arc;
use std::time::Duration;

use zonelog_dns::ZoneName;
use zonelog_model::ZoneId;
use zonelog_reconciler::targets::{Nsd4Channel, Nsd4Config, PoolTarget, TargetConfig, ZoneSpec, target_of};
use zonelog_test_parts::nsd::{Nsd, NsdPattern};

async fn nsd() -> Nsd {
    let pattern = NsdPattern {
        primary: "127.0.0.1:1".parse().unwrap(),
        key: None,
    };
    Nsd::start_with_control(&pattern, None).await.unwrap()
}

fn target(nsd: &Nsd, pattern: &str) -> Arc<dyn PoolTarget> {
    target_of(
        "one",
        &TargetConfig::Nsd4(Nsd4Config {
            channel: Nsd4Channel::Socket(nsd.control_socket()),
            pattern: pattern.to_owned(),
            timeout: Duration::from_secs(5),
        }),
    )
}

fn zone(name: &str, renew: bool) -> ZoneSpec {
    ZoneSpec {
        name: ZoneName::parse(name).unwrap(),
        zone: ZoneId::new(uuid::Uuid::from_u128(7)),
        masters: ["127.0.0.1:1".parse().unwrap()].into(),
        key: None,
        renew,
    }
}

#[tokio::test]
async fn a_pattern_that_nsd_does_not_have_is_told_with_what_to_do() {
    let nsd = nsd().await;
    let target = target(&nsd, "slave");
    let error = target
        .ensure_zone(&zone("one.test.", false))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("pattern slave does not exist") && error.contains("option pattern"),
        "{error}"
    );
}

#[tokio::test]
async fn a_zone_that_was_added_with_another_pattern_gets_ours_when_it_does_not_follow() {
    let nsd = nsd().await;
    // The way in which the operator had it.
    let other = NsdPattern {
        primary: "127.0.0.1:2".parse().unwrap(),
        key: None,
    };
    let mut nsd = nsd;
    nsd.add_pattern("other", &other).await.unwrap();
    nsd.nsd_control(&["addzone", "one.test", "other"]).await.unwrap();
    let target = target(&nsd, "secondary");
    for (renew, pattern) in [(false, "other"), (true, "secondary")] {
        target.ensure_zone(&zone("one.test.", renew)).await.unwrap();
        let status = nsd.nsd_control(&["zonestatus", "one.test"]).await.unwrap();
        assert!(status.contains(&format!("pattern: {pattern}")), "{status}");
    }
}
