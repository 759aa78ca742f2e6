//! The status rule stands twice, as a function and as SQL: they agree on random tables.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a broken part fails the test"
)]

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio_postgres::Client;
use uuid::Uuid;
use zonelog_dns::LongSerial;
use zonelog_projections::status::{
    Action, Behind, Change, ERROR_AFTER_SECONDS, ServerView, Status, recordset_action_sql,
    recordset_status_sql, status, zone_action_sql, zone_gone_sql, zone_status_sql,
};
use zonelog_test_parts::TestDatabase;

/// One server: its checkpoint, and its row in `server_zone` as serial and whether there is an error.
type ServerRow = (i64, Option<(Option<i64>, bool)>);

/// A zone with a recordset, as their rows have them, and the servers of the pool.
#[derive(Clone, Debug)]
struct Tables {
    servers: Vec<ServerRow>,
    threshold: i32,
    position: i64,
    deleted: bool,
    /// A live zone took the name of the deleted one.
    taken: bool,
    revision: i64,
    since: (i64, i64),
    empty: bool,
    /// The log knows the pool, and that it has no targets; else, that it has one.
    without_targets: bool,
    abandoned: bool,
}

fn tables() -> impl Strategy<Value = Tables> {
    let row = prop::option::of((prop::option::of(0i64..6), any::<bool>()));
    let servers = prop::collection::vec((0i64..6, row), 0..6);
    let threshold = prop_oneof![
        Just(0),
        Just(1),
        Just(33),
        Just(50),
        Just(66),
        Just(67),
        Just(100)
    ];
    let zone = (0i64..6, any::<bool>(), any::<bool>(), 1i64..3);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (servers, threshold, zone, (0i64..6, 0i64..6), flags).prop_map(
        |(servers, threshold, (position, deleted, taken, revision), since, flags)| Tables {
            servers,
            threshold,
            position,
            deleted,
            taken: taken && deleted,
            revision,
            since,
            empty: flags.0,
            without_targets: flags.1,
            abandoned: flags.2 && deleted,
        },
    )
}

/// Fills the tables: two pools, so that a server of the other one does not count.
async fn fill(client: &Client, tables: &Tables) {
    let (zone, pool, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let Tables {
        position, revision, ..
    } = tables;
    let reset = "delete from zone; delete from recordset_version; delete from zone_serial; delete from server_checkpoint; delete from server_zone; \
         delete from resource;";
    client.batch_execute(reset).await.unwrap();
    let targets = if tables.without_targets { "[]" } else { "[{}]" };
    let known = format!(
        "insert into resource (id, kind, body, revision, stream_version, created_at, position) \
         values ('{pool}', 'pool', '{{\"targets\": {targets}}}', 1, 1, now(), 1)"
    );
    client.batch_execute(&known).await.unwrap();
    let insert = "insert into zone (id, name, name_key, project, pool, email, ttl, attributes, mname, refresh, retry, expire, \
        minimum, serial, soa_recordset, revision, stream_version, created_at, created_position, content_position, \
        pool_position, deleted_position, abandoned) values ($1, 'a.test.', '\\x01', 'p', $2, 'h@a.test', 1, '{}', 'ns.', 1, 1, 1, 1, 1, $1, $3, 1, \
        now(), 1, $4, 1, $5, $6)";
    let deleted = tables.deleted.then_some(*position);
    client
        .execute(
            insert,
            &[&zone, &pool, revision, position, &deleted, &tables.abandoned],
        )
        .await
        .unwrap();
    if tables.taken {
        client
            .execute(
                insert,
                &[&Uuid::from_u128(4), &pool, &1i64, &9i64, &None::<i64>, &false],
            )
            .await
            .unwrap();
    }
    let records: &[&str] = if tables.empty { &[] } else { &["192.0.2.1"] };
    client
        .execute(
            "insert into recordset_version (zone, recordset, owner, owner_key, type, records, rdata, managed, project, \
             revision, created_at, since_serial) \
             values ($1, $1, 'www', '\\x02', 1, $2, '', false, 'p', $3, now(), $4)",
            &[&zone, &records, revision, &tables.since.1],
        )
        .await
        .unwrap();
    client
        .execute(
            "insert into zone_serial (zone, serial, position, recorded_at, ttl, mname, email, refresh, retry, expire, \
             minimum, whole) values ($1, $2, $3, now(), 1, 'ns.', 'h@a.test', 1, 1, 1, 1, false)",
            &[&zone, &tables.since.1, &tables.since.0],
        )
        .await
        .unwrap();
    for (number, (checkpoint, row)) in tables.servers.iter().enumerate() {
        let name = format!("s{number}");
        let register = "insert into server_checkpoint values ($1, $2, $3, now())";
        client
            .execute(register, &[&name, &pool, checkpoint])
            .await
            .unwrap();
        if let Some((serial, failing)) = row {
            // An error of this moment, or none: neither is failing yet.
            let error = (*failing || number % 2 == 0).then_some("it fails");
            let seconds = if *failing { ERROR_AFTER_SECONDS + 1 } else { 0 };
            let insert = "insert into server_zone values ($1, '\\x01', 'a.test.', $2, 1, $3, $4, 0, \
                 now() - $5 * interval '1 second', now())";
            #[expect(clippy::cast_precision_loss, reason = "a minute")]
            let seconds = seconds as f64;
            client
                .execute(insert, &[&name, &zone, serial, &error, &seconds])
                .await
                .unwrap();
        }
    }
    client
        .execute(
            "insert into server_checkpoint values ('elsewhere', $1, 0, now())",
            &[&other],
        )
        .await
        .unwrap();
}

fn views(tables: &Tables) -> Vec<ServerView> {
    let behind = |(serial, failing): (Option<i64>, bool)| Behind {
        serial: serial.map(LongSerial::from_i64),
        failing,
    };
    let view = |(checkpoint, row): &ServerRow| ServerView {
        checkpoint: *checkpoint,
        behind: row.map(behind),
    };
    tables.servers.iter().map(view).collect()
}

#[tokio::test]
async fn the_function_and_the_sql_agree() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let zone_status = zone_status_sql("z", "$1::integer");
    let recordset_status = recordset_status_sql("z", "r", "$1::integer");
    let query = format!(
        "select {zone_status}, {}, {recordset_status}, {}, {} from zone z, recordset_version r \
         where z.id = r.zone",
        zone_action_sql("z", &zone_status),
        recordset_action_sql("r", &recordset_status),
        zone_gone_sql("z", "$1::integer"),
    );
    let query = client.prepare(&query).await.unwrap();
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let tables = tables().new_tree(&mut runner).unwrap().current();
        fill(&client, &tables).await;
        let row = client.query_one(&query, &[&tables.threshold]).await.unwrap();
        let threshold = u8::try_from(tables.threshold).unwrap();
        let zone = Change {
            position: tables.position,
            since_serial: None,
        };
        let zone = status(&views(&tables), threshold, zone, tables.without_targets);
        let since = Change {
            position: tables.since.0,
            since_serial: Some(LongSerial::from_i64(tables.since.1)),
        };
        let recordset = if tables.empty {
            Status::Active
        } else {
            status(&views(&tables), threshold, since, tables.without_targets)
        };
        let gone = tables.deleted && (zone == Status::Active || tables.taken || tables.abandoned);
        let expected = (
            zone.label(),
            Action::of(zone, tables.deleted, tables.revision).label(),
            recordset.label(),
            Action::of(recordset, false, tables.revision).label(),
            gone,
        );
        let actual: (&str, &str, &str, &str, bool) =
            (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
        assert_eq!(actual, expected, "{tables:?}");
        seen.insert((zone.label(), recordset.label()));
    }
    // A pool that cannot reach the threshold any more is in ERROR for both, unless the recordset is there already.
    assert_eq!(
        seen.len(),
        6,
        "every pair of statuses that can be came up: {seen:?}"
    );
}
