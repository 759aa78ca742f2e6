//! Parts that refuse, lose or hide.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use zonelog_projections::status::Status;
use zonelog_test_parts::eventually;

use crate::world::{Member, PATIENCE, Reconciler, World, bind, quick, server};

/// Passes DNS on to `server`, all but NOTIFY, which it swallows and counts.
async fn notify_swallower(server: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let (address, swallowed) = (front.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&swallowed);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, client)) = front.recv_from(&mut buffer).await {
            // The opcode (RFC 1035 §4.1.1).
            if buffer[2] >> 3 & 15 == 4 {
                count.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let (front, question) = (Arc::clone(&front), buffer[..length].to_vec());
            tokio::spawn(async move {
                let back = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                back.send_to(&question, server).await.unwrap();
                let mut answer = [0; 4096];
                if let Ok(Ok(length)) =
                    tokio::time::timeout(Duration::from_secs(5), back.recv(&mut answer)).await
                {
                    front.send_to(&answer[..length], client).await.unwrap();
                }
            });
        }
    });
    (address, swallowed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_follows_though_every_notify_is_lost() {
    let (world, bind) = (World::new().await, bind().await);
    let (address, swallowed) = notify_swallower(bind.dns_address()).await;
    let member = Member {
        asked: address,
        ..server(&bind)
    };
    let _reconciler = Reconciler::start(&world, "a", &[member], quick()).await;
    let zone = world.create_zone("lost.test.").await;
    world.until_active(zone.id).await;
    let zone = world.add_record(&zone, "www").await;
    world.until_active(zone.id).await;
    assert!(swallowed.load(Ordering::Relaxed) >= 4);
    world.until_converged(&[&bind]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rndc_that_refuses_is_an_error_of_the_zone_and_nothing_else() {
    let (world, good, bad) = (World::new().await, bind().await, bind().await);
    let servers = [server(&good), server(&bad).with("rndc_secret", "b3RoZXI=")];
    let reconciler = Reconciler::start(&world, "a", &servers, quick()).await;
    let zone = world.create_zone("refused.test.").await;
    let error = world.until_error("rndc key").await;
    assert!(
        error.contains(&bad.dns_address().to_string()) && error.contains(&bad.rndc_address().to_string()),
        "{error}"
    );
    assert_eq!(world.status(zone.id).await, Status::Pending);
    world.a_minute_passes().await;
    assert_eq!(world.status(zone.id).await, Status::Error);
    drop(reconciler);
    // The operator puts it right.
    let servers = [server(&good), server(&bad)];
    let _reconciler = Reconciler::start(&world, "a", &servers, quick()).await;
    world.until_active(zone.id).await;
    world.until_converged(&[&good, &bad]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_no_more_in_the_pool_is_forgotten() {
    let (world, one, mut two) = (World::new().await, bind().await, bind().await);
    let servers = [server(&one), server(&two)];
    let reconciler = Reconciler::start(&world, "a", &servers, quick()).await;
    let zone = world.create_zone("kept.test.").await;
    world.until_active(zone.id).await;
    two.kill().await.unwrap();
    let zone = world.add_record(&zone, "www").await;
    world.until_error("does not answer").await;
    drop(reconciler);
    let _reconciler = Reconciler::start(&world, "a", &[server(&one)], quick()).await;
    world.until_active(zone.id).await;
    world.until_converged(&[&one]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_follow_again_after_minidns_was_away() {
    let (mut world, bind) = (World::new().await, bind().await);
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], quick()).await;
    let zone = world.create_zone("away.test.").await;
    world.until_active(zone.id).await;
    let before = bind.log().len();
    world.stop_minidns().await;
    let zone = world.add_record(&zone, "www").await;
    let new = world.create_zone("new.away.test.").await;
    let error = world.until_error("MiniDNS does not serve").await;
    assert!(error.contains(&world.master.to_string()), "{error}");
    // BIND finds out too, and leaves such a primary alone for a while.
    let away = async || {
        let notified =
            zonelog_reconciler::probe::notify(bind.dns_address(), &zone.name, None, Duration::from_secs(1))
                .await;
        assert!(notified.is_ok());
        let log = bind.log();
        let since = &log[before..];
        [
            "refresh: failure trying primary",
            "refresh: retry limit for primary",
            "refresh: unexpected",
            "failed to connect",
        ]
        .iter()
        .any(|words| since.contains(words))
    };
    eventually("BIND says that its primary is away", PATIENCE, away).await;
    world.start_minidns().await;
    world.until_active(zone.id).await;
    world.until_active(new.id).await;
    world.until_converged(&[&bind]).await;
}
