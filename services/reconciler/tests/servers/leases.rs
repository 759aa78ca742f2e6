//! Several reconcilers: one works on a server at a time, and one that lost its lease changes nothing.

use zonelog_central::clock;
use zonelog_projections::delivery::{self, Statements};
use zonelog_test_parts::eventually;

use crate::world::{PATIENCE, Reconciler, World, bind, quick, server};

async fn holder(world: &World) -> Option<String> {
    let row = world.client.query_opt("select holder from server_lease", &[]);
    row.await.unwrap().map(|row| row.get(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_takes_over_from_a_reconciler_that_was_killed() {
    let (world, bind) = (World::new().await, bind().await);
    let first = Reconciler::start(&world, "first", &[server(&bind)], quick()).await;
    eventually("the first works", PATIENCE, async || {
        holder(&world).await.as_deref() == Some("first")
    })
    .await;
    let _second = Reconciler::start(&world, "second", &[server(&bind)], quick()).await;
    let zone = world.create_zone("lease.test.").await;
    world.until_active(zone.id).await;
    assert_eq!(holder(&world).await.as_deref(), Some("first"));
    first.kill();
    let zone = world.add_record(&zone, "www").await;
    world.until_active(zone.id).await;
    assert_eq!(holder(&world).await.as_deref(), Some("second"));
    world.until_converged(&[&bind]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconciler_that_is_stopped_gives_its_lease_back() {
    let (world, bind) = (World::new().await, bind().await);
    let first = Reconciler::start(&world, "first", &[server(&bind)], quick()).await;
    eventually("the first works", PATIENCE, async || {
        holder(&world).await.as_deref() == Some("first")
    })
    .await;
    let zone = world.create_zone("stop.test.").await;
    world.until_active(zone.id).await;
    first.stop().await;
    let row = world
        .client
        .query_one("select expires_at <= now() from server_lease", &[])
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_the_lease_writes_nothing() {
    let world = World::new().await;
    let (one, two) = (world.database.client().await, world.database.client().await);
    let now = clock::now();
    delivery::register(&one, crate::world::pool(), &["one".to_owned()], now)
        .await
        .unwrap();
    let old = delivery::acquire(&one, "one", "first", 0.05)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        delivery::acquire(&two, "one", "second", 60.0).await.unwrap(),
        None
    );
    let mut new = None;
    // It holds on to its session, but not to its time.
    while new.is_none() {
        new = delivery::acquire(&two, "one", "second", 60.0).await.unwrap();
    }
    let new = new.unwrap();
    assert!(new.token > old.token);
    assert!(!delivery::renew(&one, &old, 60.0).await.unwrap());
    let statements = Statements::prepare(&one).await.unwrap();
    assert!(
        !delivery::record(&one, &statements, &old, now, 5, &[], &[])
            .await
            .unwrap()
    );
    let error = Some("away");
    let parked = delivery::park_stretch(&one, &old, crate::world::pool(), 0, error, now, now)
        .await
        .unwrap();
    assert_eq!(parked, None);
    assert_eq!(delivery::checkpoint(&one, "one").await.unwrap(), Some(0));
    let statements = Statements::prepare(&two).await.unwrap();
    assert!(
        delivery::record(&two, &statements, &new, now, 5, &[], &[])
            .await
            .unwrap()
    );
    assert_eq!(delivery::checkpoint(&two, "one").await.unwrap(), Some(5));
    // A session that ends gives its lease up at once.
    drop(two);
    let free = async || {
        delivery::acquire(&one, "one", "first", 60.0)
            .await
            .unwrap()
            .is_some()
    };
    eventually("the lease is free", PATIENCE, free).await;
}
