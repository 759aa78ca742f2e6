//! Telling BIND, through a rndc channel of our own.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use zonelog_dns::ZoneName;
use zonelog_dns::tsig::{Algorithm, Secret};
use zonelog_model::ZoneId;
use zonelog_reconciler::plan::Observed;
use zonelog_reconciler::targets::{Bind9Config, RndcKey, TargetConfig, ZoneSpec, target_of};
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::eventually;

use crate::world::{PATIENCE, bind, bind9, look, target};

fn spec(name: &str, master: SocketAddr, renew: bool) -> ZoneSpec {
    ZoneSpec {
        name: ZoneName::parse(name).unwrap(),
        zone: ZoneId::new(uuid::Uuid::from_u128(7)),
        masters: [master].into(),
        key: None,
        renew,
    }
}

async fn primary(serial: u32) -> Bind {
    let text = format!("@ 60 SOA ns h {serial} 3600 60 600 60\n@ 60 NS ns.other.\n");
    let primary_zones = vec![("one.test".to_owned(), text)];
    Bind::start(BindOptions {
        primary_zones,
        ..BindOptions::default()
    })
    .await
    .unwrap()
}

async fn until(bind: &Bind, observed: Observed) {
    let seen = async || look(bind.dns_address(), "one.test.").await == observed;
    eventually(format!("{observed:?}"), PATIENCE, seen).await;
}

#[tokio::test]
async fn provisioning_and_withdrawing_are_idempotent_with_every_kind_of_key() {
    let primary = primary(5).await;
    for algorithm in Algorithm::ALL {
        let options = BindOptions {
            rndc_algorithm: algorithm.label().to_owned(),
            ..BindOptions::default()
        };
        let bind = Bind::start(options).await.unwrap();
        let target = target(&bind);
        let zone = spec("One.test.", primary.dns_address(), false);
        target.remove_zone(&zone.name, false).await.unwrap();
        for _ in 0..2 {
            target.ensure_zone(&zone).await.unwrap();
        }
        until(&bind, Observed::Serving(zonelog_dns::Serial::new(5))).await;
        for _ in 0..2 {
            target.remove_zone(&zone.name, false).await.unwrap();
        }
        assert_eq!(look(bind.dns_address(), "one.test.").await, Observed::NotServing);
    }
}

#[tokio::test]
async fn a_zone_with_old_masters_gets_the_new_ones() {
    let (old, new, bind) = (primary(5).await, primary(6).await, bind().await);
    let target = target(&bind);
    target
        .ensure_zone(&spec("one.test.", old.dns_address(), false))
        .await
        .unwrap();
    until(&bind, Observed::Serving(zonelog_dns::Serial::new(5))).await;
    target
        .ensure_zone(&spec("one.test.", new.dns_address(), false))
        .await
        .unwrap();
    assert_eq!(
        look(bind.dns_address(), "one.test.").await,
        Observed::Serving(zonelog_dns::Serial::new(5))
    );
    target
        .ensure_zone(&spec("one.test.", new.dns_address(), true))
        .await
        .unwrap();
    until(&bind, Observed::Serving(zonelog_dns::Serial::new(6))).await;
}

#[tokio::test]
async fn the_channel_comes_back_after_named_was_restarted() {
    let mut bind = bind().await;
    let target = target(&bind);
    let zone = ZoneName::parse("one.test.").unwrap();
    target.remove_zone(&zone, false).await.unwrap();
    bind.kill().await.unwrap();
    let error = target.remove_zone(&zone, false).await.unwrap_err().to_string();
    assert!(
        error.contains(&bind.rndc_address().to_string()) && error.contains("check that named runs"),
        "{error}"
    );
    bind.start_again().await.unwrap();
    target.remove_zone(&zone, false).await.unwrap();
}

#[tokio::test]
async fn each_failure_is_told_with_what_to_check_and_without_the_secret() {
    let bind = bind().await;
    let good = bind9(&bind);
    let (rndc_address, algorithm, secret) = (good.rndc_address, good.key.algorithm, good.key.secret.clone());
    let other = Secret::from_base64("b3RoZXI=").unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        closed.local_addr().unwrap()
    };
    let cases = [
        (rndc_address, algorithm, other, "compare algorithm and secret"),
        (rndc_address, Algorithm::HmacSha512, secret.clone(), "hmac-sha512"),
        (rndc_address, Algorithm::HmacMd5, secret.clone(), "hmac-md5"),
        (nobody, algorithm, secret.clone(), "check that named runs"),
        (
            mute.local_addr().unwrap(),
            algorithm,
            secret.clone(),
            "within 0.3 s",
        ),
    ];
    for (rndc_address, algorithm, secret, words) in cases {
        let config = TargetConfig::Bind9(Bind9Config {
            rndc_address,
            key: RndcKey {
                algorithm,
                secret,
                ..good.key.clone()
            },
            timeout: Duration::from_millis(300),
            ..good.clone()
        });
        let target = target_of("one", &config);
        let error = target
            .remove_zone(&ZoneName::parse("one.test.").unwrap(), false)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("one: ") && error.contains(words), "{error}");
        assert!(error.contains(&rndc_address.to_string()), "{error}");
        assert!(!error.contains(bind.rndc_secret()) && !format!("{config:?}").contains(bind.rndc_secret()));
    }
}

#[tokio::test]
async fn a_bind_that_takes_no_new_zones_says_so() {
    let bind = bind().await;
    // Its configuration as many have it.
    let file = bind.folder().join("named.conf");
    let text = std::fs::read_to_string(&file)
        .unwrap()
        .replace("allow-new-zones yes", "allow-new-zones no");
    std::fs::write(&file, text).unwrap();
    let mut bind = bind;
    bind.stop().await.unwrap();
    bind.start_again().await.unwrap();
    let target = target(&bind);
    let error = target
        .ensure_zone(&spec("one.test.", bind.dns_address(), false))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("allow-new-zones yes"), "{error}");
}
