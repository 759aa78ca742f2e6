//! What operators ask for: pauses, resyncs, replays.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use zonelog_central::clock;
use zonelog_projections::delivery;
use zonelog_projections::status::Status;
use zonelog_reconciler::Timings;
use zonelog_reconciler::plan::Observed;
use zonelog_test_parts::bind::Bind;
use zonelog_test_parts::eventually;

use crate::world::{Member, PATIENCE, Reconciler, World, bind, look, quick, server, until_serving};

/// Counts what is sent to a server on its DNS address and its rndc channel, and passes it on.
async fn counted(bind: &Bind) -> (Member, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let channel = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut member = server(bind).with("rndc_port", &channel.local_addr().unwrap().port().to_string());
    member.asked = front.local_addr().unwrap();
    let (dns, rndc) = (bind.dns_address(), bind.rndc_address());
    let count = Arc::clone(&sent);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, client)) = front.recv_from(&mut buffer).await {
            count.fetch_add(1, Ordering::Relaxed);
            let (front, question) = (Arc::clone(&front), buffer[..length].to_vec());
            tokio::spawn(async move {
                let back = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                back.send_to(&question, dns).await.unwrap();
                let mut answer = [0; 4096];
                if let Ok(Ok(length)) = tokio::time::timeout(PATIENCE, back.recv(&mut answer)).await {
                    front.send_to(&answer[..length], client).await.unwrap();
                }
            });
        }
    });
    let count = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = channel.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(rndc).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (member, sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_to_a_paused_server_whoever_works_on_it() {
    let (world, bind) = (World::new().await, bind().await);
    let (member, sent) = counted(&bind).await;
    let timings = Timings {
        sweep_period: Duration::from_secs(1),
        ..quick()
    };
    let reconciler = Reconciler::start(&world, "first", &[member], timings.clone()).await;
    let zone = world.create_zone("paused.test.").await;
    world.until_active(zone.id).await;
    let name = world.server_name().await;
    assert!(
        delivery::pause(&world.client, &name, Some("a move"), clock::now())
            .await
            .unwrap()
    );
    assert!(
        !delivery::pause(&world.client, &name, None, clock::now())
            .await
            .unwrap()
    );

    // It is heeded within a second or so; then there is silence, though the log goes on.
    let quiet = async |sent: &AtomicUsize| {
        let mut last = (sent.load(Ordering::Relaxed), Instant::now());
        eventually("nothing is sent", PATIENCE, async || {
            let now = sent.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            }
            last.1.elapsed() > Duration::from_millis(2_500)
        })
        .await;
    };
    quiet(&sent).await;
    let before = sent.load(Ordering::Relaxed);
    let zone = world.add_record(&zone, "www").await;
    let other = world.create_zone("other.test.").await;
    // Another reconciler honours it too.
    reconciler.kill();
    let second = Reconciler::with_pools_as_they_are(&world, "second", timings);
    eventually("the second has the lease", PATIENCE, async || {
        let row = world.client.query_one("select holder from server_lease", &[]);
        row.await.unwrap().get::<_, String>(0) == "second"
    })
    .await;
    quiet(&sent).await;
    assert_eq!(sent.load(Ordering::Relaxed), before, "something was sent");
    assert_eq!(world.status(zone.id).await, Status::Pending);
    let seen = delivery::convergence(&world.client, zone.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((seen.servers.len(), seen.servers[0].paused), (1, true));
    assert_eq!(seen.servers[0].lag_serials, Some(1));

    assert!(delivery::resume(&world.client, &name).await.unwrap());
    assert!(!delivery::resume(&world.client, &name).await.unwrap());
    world.until_active(zone.id).await;
    world.until_active(other.id).await;
    world.until_converged(&[&bind]).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resync_finds_at_once_what_a_slow_sweep_would() {
    let (world, mut bind) = (World::new().await, bind().await);
    let timings = Timings {
        // So slow that only the resync can have found it.
        sweep_period: Duration::from_secs(86_400),
        ..quick()
    };
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], timings).await;
    let mut zones = Vec::new();
    for number in 0..20 {
        zones.push(world.create_zone(&format!("z{number:02}.resync.test.")).await);
    }
    world.until_converged(&[&bind]).await;
    // One zone goes, behind everybody's back.
    let reconcilers_own = crate::world::target(&bind);
    reconcilers_own.remove_zone(&zones[11].name, true).await.unwrap();
    assert_eq!(
        look(bind.dns_address(), "z11.resync.test.").await,
        Observed::NotServing
    );
    let name = world.server_name().await;
    let resync = world.resync(false).await;
    assert_eq!((resync.asked, resync.behind, resync.failed), (20, 1, 0));
    until_serving(bind.dns_address(), "z11.resync.test.", zones[11].serial).await;
    world.until_converged(&[&bind]).await;

    // While it is away it is not given up, and finished when it is back.
    bind.kill().await.unwrap();
    delivery::ask_resync(&world.client, &name, false, clock::now())
        .await
        .unwrap();
    bind.start_again().await.unwrap();
    let resync = world.until_resynced().await;
    assert!(resync.asked >= 20, "{resync:?}");
    world.until_converged(&[&bind]).await;
}

fn spec(world: &World, zone: &zonelog_model::zone::Zone) -> zonelog_reconciler::targets::ZoneSpec {
    zonelog_reconciler::targets::ZoneSpec {
        name: zone.name.clone(),
        zone: zone.id,
        masters: [world.master].into(),
        key: None,
        renew: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_drives_again_what_was_touched_since() {
    let (world, bind) = (World::new().await, bind().await);
    let timings = Timings {
        sweep_period: Duration::from_secs(86_400),
        ..quick()
    };
    let _reconciler = Reconciler::start(&world, "a", &[server(&bind)], timings).await;
    let untouched = world.create_zone("untouched.test.").await;
    let gone = world.create_zone("gone.test.").await;
    world.until_converged(&[&bind]).await;
    let head: i64 = world
        .client
        .query_one("select position from feed_head", &[])
        .await
        .unwrap()
        .get(0);
    let touched = world.create_zone("touched.test.").await;
    world.delete_zone(gone.id).await;
    world.until_converged(&[&bind]).await;

    let pool = crate::world::pool();
    let listed = delivery::touched_since(&world.client, pool, head + 1)
        .await
        .unwrap();
    let mut listed: Vec<_> = listed
        .iter()
        .map(|zone| (zone.name.to_string(), zone.serial.is_some()))
        .collect();
    listed.sort();
    let expected = [
        ("gone.test.".to_owned(), false),
        ("touched.test.".to_owned(), true),
    ];
    assert_eq!(listed, expected);

    // Behind everybody's back: one that should be there goes, one that should be gone comes.
    let target = crate::world::target(&bind);
    target.remove_zone(&touched.name, true).await.unwrap();
    target.ensure_zone(&spec(&world, &gone)).await.unwrap();
    let name = world.server_name().await;
    delivery::ask_replay(&world.client, &name, head + 1)
        .await
        .unwrap();
    until_serving(bind.dns_address(), "touched.test.", touched.serial).await;
    eventually("the deleted zone is gone again", PATIENCE, async || {
        look(bind.dns_address(), "gone.test.").await == Observed::NotServing
    })
    .await;
    until_serving(bind.dns_address(), "untouched.test.", untouched.serial).await;
    world.until_converged(&[&bind]).await;
    // The sweep may have been quicker than the replay.
    eventually("the replay was taken", PATIENCE, async || {
        let control = delivery::control(&world.client, &name).await.unwrap();
        control.replay_from.is_none()
    })
    .await;
    world.until_converged(&[&bind]).await;
}
