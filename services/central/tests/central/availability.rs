//! The database goes away and comes back.

use std::time::Duration;

use futures_util::future::join_all;
use zonelog_central::ExecuteError;
use zonelog_dns::Rrtype;
use zonelog_test_parts::postgres::connect;
use zonelog_test_parts::{TestServer, eventually};

use crate::setup::{AMY, Done, POOL, central, create_pool, create_recordset, create_zone};

#[tokio::test]
async fn without_the_database_commands_are_unavailable_and_leave_nothing() {
    let mut server = TestServer::start().await;
    let central = central(server.url());
    central.execute(create_pool(POOL, "default")).await.unwrap();
    let zone = central.execute(create_zone("example.org.", AMY)).await.unwrap();
    let zone = Done::of(zone).zone;
    server.stop().await;

    let attempts = (0..20).map(|host| {
        let owner = format!("h{host}.example.org.");
        central.execute(create_recordset(zone.id, &owner, Rrtype::A, &["192.0.2.1"], AMY))
    });
    for result in join_all(attempts).await {
        assert!(matches!(result, Err(ExecuteError::Unavailable(_))), "{result:?}");
    }

    server.start_again().await;
    let client = connect(server.url()).await;
    let counts = client
        .query_one("select (select count(*) from event), (select count(*) from recordset_version), position from feed_head", &[])
        .await
        .unwrap();
    let counts = [0, 1, 2].map(|column| counts.get::<_, i64>(column));
    assert_eq!(counts, [3, 1, 3], "the pool, the zone, its NS, and nothing more");

    eventually(
        "the writer has connected again",
        Duration::from_secs(30),
        async || {
            let again = create_recordset(zone.id, "www.example.org.", Rrtype::A, &["192.0.2.1"], AMY);
            match central.execute(again).await {
                Ok(_) => true,
                Err(ExecuteError::Unavailable(_)) => false,
                Err(error) => panic!("{error}"),
            }
        },
    )
    .await;
}
