//! A pool's catalog zone (RFC 9432) is served, transferred and followed as any zone.
#![allow(clippy::unwrap_used, reason = "a broken part fails the test")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use support::{
    Content, PATIENCE, Running, ZoneWriter, answers, assert_same, axfr, ixfr, ixfr_question, options,
    question, rcode, soa_serial, udp, until_serial,
};
use tokio_postgres::Client;
use uuid::Uuid;
use zonelog_dns::Name;
use zonelog_mdns::MdnsOptions;
use zonelog_mdns::drain::Shape;
use zonelog_model::ZoneId;
use zonelog_projections::purge::{self, Purged};
use zonelog_store::Database;
use zonelog_test_parts::{TestDatabase, eventually};

const CATALOG: &str = "catalog.example.";
const POOL: Uuid = Uuid::from_u128(7);

/// Writes a pool and its members as the projections do, each at a position of its own.
struct Pool {
    client: Client,
}

impl Pool {
    async fn of(database: &TestDatabase) -> Self {
        Self {
            client: database.client().await,
        }
    }

    async fn step(&self, sql: &str) -> i64 {
        let position = "(select position from feed_head)";
        let sql = sql.replace("{position}", position);
        let sql = format!("begin; update feed_head set position = position + 1; {sql}; commit");
        self.client.batch_execute(&sql).await.unwrap();
        let head = self.client.query_one("select position from feed_head", &[]);
        head.await.unwrap().get(0)
    }

    /// Describes it, with a catalog of this name.
    async fn describe(&self, name: &str, refresh: u32) -> i64 {
        self.describe_pool(POOL, name, refresh).await
    }

    /// Describes a pool.
    async fn describe_pool(&self, pool: Uuid, name: &str, refresh: u32) -> i64 {
        let body = json!({
            "name": "default", "description": null, "project": null, "attributes": {}, "ns_records": [],
            "nameservers": [], "targets": [], "also_notifies": [],
            "catalog_zone": {"name": name, "refresh": refresh, "tsig_key": null, "tsig_algorithm": null},
        });
        self.step(&format!(
            "insert into resource (id, kind, name_key, body, revision, stream_version, created_at, position)
             values ('{pool}', 'pool', '{pool}', '{body}', 1, 1, now(), {{position}})
             on conflict (id) do update set body = excluded.body, position = excluded.position"
        ))
        .await
    }

    async fn join(&self, zone: u128, name: &str, group: Option<&str>) -> i64 {
        let zone = Uuid::from_u128(zone);
        let group = group.map_or("null".to_owned(), |group| format!("'{group}'"));
        let key = hex(&Name::parse(name).unwrap().to_key());
        self.step(&format!(
            "insert into catalog_member values ('{POOL}', '{zone}', '{name}', '\\x{key}', {group}, {{position}}, null)"
        ))
        .await
    }

    async fn leave(&self, zone: u128) -> i64 {
        let zone = Uuid::from_u128(zone);
        self.step(&format!(
            "update catalog_member set until_position = {{position}} where zone = '{zone}' and until_position is null"
        ))
        .await
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn wire(name: &str) -> String {
    hex(Name::parse(name).unwrap().to_lowercase().wire())
}

/// What a catalog with these members holds.
fn expected(members: &BTreeMap<u128, (&str, Option<&str>)>) -> Content {
    let mut content = Content::from([
        format!("{CATALOG} 0 2 {}", wire("invalid.")),
        format!("version.{CATALOG} 0 16 0132"),
    ]);
    for (zone, (name, group)) in members {
        let label = format!("{}.zones.{CATALOG}", Uuid::from_u128(*zone));
        content.insert(format!("{label} 0 12 {}", wire(name)));
        if let Some(group) = group {
            let text = [&[group.len() as u8], group.as_bytes()].concat();
            content.insert(format!("group.{label} 0 16 {}", hex(&text)));
        }
    }
    content
}

#[tokio::test]
async fn every_serial_is_transferred_whole_and_by_its_differences() {
    let database = TestDatabase::new().await;
    let pool = Pool::of(&database).await;
    let running = Running::start(database.url(), options()).await;
    assert_eq!(soa_serial(running.address, CATALOG).await, None);
    let mut members = BTreeMap::new();
    let mut seen = vec![(pool.describe(CATALOG, 60).await, expected(&members))];
    for (zone, name, group) in [
        (9, "last.example.", None),
        (1, "first.example.", Some("gold")),
        (5, "Middle.example.", None),
    ] {
        members.insert(zone, (name, group));
        seen.push((pool.join(zone, name, group).await, expected(&members)));
        until_serial(running.address, CATALOG, seen.last().unwrap().0).await;
        assert_same(
            &axfr(running.address, CATALOG).await.content,
            &seen.last().unwrap().1,
            "AXFR",
        );
    }
    members.remove(&1);
    seen.push((pool.leave(1).await, expected(&members)));
    // The same name again is another member.
    members.insert(2, ("first.example.", Some("gold")));
    seen.push((
        pool.join(2, "first.example.", Some("gold")).await,
        expected(&members),
    ));
    let (head, last) = seen.last().unwrap();
    until_serial(running.address, CATALOG, *head).await;
    assert_same(&axfr(running.address, CATALOG).await.content, last, "AXFR");
    for (serial, content) in &seen[..seen.len() - 1] {
        let received = ixfr(running.address, CATALOG, *serial).await;
        assert_eq!(received.drained.shape, Shape::Difference, "from {serial}");
        let mut content = content.clone();
        for gone in &received.deleted {
            assert!(content.remove(gone), "{gone} was not there at {serial}");
        }
        content.extend(received.added);
        assert_same(&content, last, &format!("IXFR from {serial}"));
    }
    // Another description is answered by the whole catalog.
    let described = pool.describe(CATALOG, 30).await;
    until_serial(running.address, CATALOG, described).await;
    let received = ixfr(running.address, CATALOG, *head).await;
    assert_eq!(received.drained.shape, Shape::Whole);
    assert_same(&received.content, last, "the whole catalog");
    let answer = udp(
        running.address,
        &ixfr_question(CATALOG, described),
        Duration::from_secs(1),
    )
    .await
    .unwrap();
    assert_eq!((rcode(&answer), answers(&answer)), (0, 1));
    running.stop().await;
}

#[tokio::test]
async fn its_records_are_answered_and_another_name_takes_its_place() {
    let database = TestDatabase::new().await;
    let pool = Pool::of(&database).await;
    pool.describe("Old.example.", 60).await;
    pool.join(1, "one.example.", Some("gold")).await;
    let running = Running::start(database.url(), options()).await;
    eventually("it is served", PATIENCE, async || {
        soa_serial(running.address, "old.example.").await.is_some()
    })
    .await;
    let member = format!("{}.zones.old.example.", Uuid::from_u128(1));
    let stranger = format!("{}.zones.old.example.", Uuid::from_u128(2));
    for (name, qtype, count) in [
        ("version.old.example.", 16, 1),
        ("old.example.", 2, 1),
        (member.as_str(), 12, 1),
        (&format!("group.{member}"), 16, 1),
        (&format!("group.{member}"), 12, 0),
        (&stranger, 12, 0),
        ("other.old.example.", 16, 0),
    ] {
        let answer = udp(running.address, &question(name, qtype), Duration::from_secs(1))
            .await
            .unwrap();
        let expected = if count == 0 { 5 } else { 0 };
        assert_eq!((rcode(&answer), answers(&answer)), (expected, count), "{name}");
    }
    let serial = pool.describe("new.example.", 60).await;
    until_serial(running.address, "new.example.", serial).await;
    assert_eq!(soa_serial(running.address, "old.example.").await, None);
    running.stop().await;
}

/// What `minidns.ixfr_retention` says holds for catalogs too.
#[tokio::test]
async fn ixfr_of_a_catalog_reaches_as_far_back_as_the_retention() {
    let database = TestDatabase::new().await;
    let pool = Pool::of(&database).await;
    pool.describe(CATALOG, 60).await;
    let first = pool.join(1, "one.example.", None).await;
    let second = pool.join(2, "two.example.", None).await;
    let third = pool.leave(1).await;
    // The first serial was replaced two hours ago, the second just now.
    let owner = database.owner().await;
    for (position, hours) in [(second, 2), (third, 0)] {
        owner
            .batch_execute(&format!(
                "insert into event (feed, position, stream, version, type, type_version, payload, project, actor, change_id,
                                    recorded_at)
                 values (0, {position}, gen_random_uuid(), 1, 'zone_created', 1, '{{}}', 'p', '{{}}', gen_random_uuid(),
                         now() - interval '{hours} hours')"
            ))
            .await
            .unwrap();
    }
    let short = MdnsOptions {
        ixfr_retention: Duration::from_secs(3_600),
        ..options()
    };
    for (options, of_first) in [(short, Shape::Whole), (options(), Shape::Difference)] {
        let running = Running::start(database.url(), options).await;
        until_serial(running.address, CATALOG, third).await;
        let received = ixfr(running.address, CATALOG, first).await;
        assert_eq!(received.drained.shape, of_first);
        let received = ixfr(running.address, CATALOG, second).await;
        assert_eq!(received.drained.shape, Shape::Difference);
        assert_eq!((received.deleted.len(), received.added.len()), (1, 0));
        running.stop().await;
    }
}

/// Members that left long ago are purged with their zones: no difference reaches back over them, and the serial stays.
#[tokio::test]
async fn a_catalog_whose_old_members_were_purged_is_sent_whole_to_who_knows_them() {
    let database = TestDatabase::new().await;
    let pool = Pool::of(&database).await;
    let zone = ZoneWriter::create(database.url(), 1, "one.example.", 1_000_000).await;
    let described = pool.describe(CATALOG, 60).await;
    let first = pool.join(1, "one.example.", None).await;
    let second = pool.join(2, "two.example.", None).await;
    let last = pool.leave(1).await;
    let running = Running::start(database.url(), options()).await;
    until_serial(running.address, CATALOG, last).await;
    let connections = Database::new(database.url(), "purge").unwrap().pool(1);
    let client = connections.get().await.unwrap();
    client
        .batch_execute(&format!(
            "update zone set deleted_at = now(), deleted_position = {last} where id = '{}'",
            zone.id
        ))
        .await
        .unwrap();
    let id = ZoneId::new(zone.id);
    while purge::some(&client, id).await.unwrap() != Purged::All {}
    let members = client.query_one("select count(*) from catalog_member", &[]).await;
    assert_eq!(members.unwrap().get::<_, i64>(0), 1);
    // Another process, that never saw them.
    let other = Running::start(database.url(), options()).await;
    until_serial(other.address, CATALOG, last).await;
    let content = expected(&BTreeMap::from([(2, ("two.example.", None))]));
    for known in [described, first, second] {
        let received = ixfr(other.address, CATALOG, known).await;
        assert_eq!(received.drained.shape, Shape::Whole, "from {known}");
        assert_same(&received.content, &content, "the whole catalog");
    }
    let next = pool.join(3, "three.example.", None).await;
    until_serial(other.address, CATALOG, next).await;
    let received = ixfr(other.address, CATALOG, last).await;
    assert_eq!(received.drained.shape, Shape::Difference);
    assert_eq!((received.deleted.len(), received.added.len()), (0, 1));
    other.stop().await;
    running.stop().await;
}

/// Two pools with one catalog: that of the pool with the lower id is served, whole, until it has another name.
#[tokio::test]
async fn a_name_that_two_pools_catalogs_have_is_that_of_one() {
    let database = TestDatabase::new().await;
    let pool = Pool::of(&database).await;
    let other = Uuid::from_u128(8);
    pool.describe_pool(other, CATALOG, 60).await;
    let running = Running::start(database.url(), options()).await;
    eventually("the one is served", PATIENCE, async || {
        soa_serial(running.address, CATALOG).await.is_some()
    })
    .await;
    pool.describe(CATALOG, 60).await;
    let head = pool.join(1, "one.example.", None).await;
    until_serial(running.address, CATALOG, head).await;
    let members = BTreeMap::from([(1, ("one.example.", None))]);
    assert_same(
        &axfr(running.address, CATALOG).await.content,
        &expected(&members),
        "the first pool's",
    );
    // What happens in the other pool changes nothing.
    pool.describe_pool(other, CATALOG, 30).await;
    let next = pool.join(2, "two.example.", None).await;
    until_serial(running.address, CATALOG, next).await;
    let received = ixfr(running.address, CATALOG, head).await;
    assert_eq!((received.deleted.len(), received.added.len()), (0, 1));
    // The first gives the name up.
    pool.describe("elsewhere.example.", 60).await;
    eventually("the other's is served", PATIENCE, async || {
        axfr(running.address, CATALOG).await.content == expected(&BTreeMap::new())
    })
    .await;
    running.stop().await;
}

/// A pool is given a catalog with the name of a zone that there is: the catalog is served, and the zone again when the
/// catalog has another name.
#[tokio::test]
async fn a_catalog_hides_the_zone_that_has_its_name() {
    let database = TestDatabase::new().await;
    let pool = Pool::of(&database).await;
    let zone = ZoneWriter::create(database.url(), 99, CATALOG, 1_000_000).await;
    let running = Running::start(database.url(), options()).await;
    until_serial(running.address, CATALOG, zone.serial).await;
    let whole = axfr(running.address, CATALOG).await.content;
    let head = pool.describe(CATALOG, 60).await;
    until_serial(running.address, CATALOG, head).await;
    assert_same(
        &axfr(running.address, CATALOG).await.content,
        &expected(&BTreeMap::new()),
        "the catalog",
    );
    pool.describe("elsewhere.example.", 60).await;
    until_serial(running.address, CATALOG, zone.serial).await;
    assert_same(&axfr(running.address, CATALOG).await.content, &whole, "the zone");
    running.stop().await;
}

/// One member more of ten thousand is a difference of a few records.
#[tokio::test]
async fn ten_thousand_members_are_one_transfer_and_the_next_a_small_one() {
    let database = TestDatabase::new().await;
    let pool = Pool::of(&database).await;
    pool.describe(CATALOG, 60).await;
    let running = Running::start(database.url(), options()).await;
    // Each at a position of its own, as the log has them.
    let many = format!(
        "insert into catalog_member
         select '{POOL}', gen_random_uuid(), 'z' || n || '.example.', convert_to('z' || n, 'UTF8'), null,
                {{position}} - 1 + n, null
         from generate_series(1, 10000) n;
         update feed_head set position = position + 9999"
    );
    let head = pool.step(&many).await;
    until_serial(running.address, CATALOG, head).await;
    let received = axfr(running.address, CATALOG).await;
    assert_eq!(received.content.len(), 10_002);
    let next = pool.join(1, "one-more.example.", None).await;
    until_serial(running.address, CATALOG, next).await;
    let received = ixfr(running.address, CATALOG, head).await;
    assert_eq!(received.drained.shape, Shape::Difference);
    assert_eq!((received.deleted.len(), received.added.len()), (0, 1));
    assert!(
        received.drained.octets < 1_000,
        "{} octets",
        received.drained.octets
    );
    // All the way in one step, and from the middle.
    let middle = ixfr(running.address, CATALOG, head - 5_000).await;
    assert_eq!((middle.deleted.len(), middle.added.len()), (0, 5_001));
    running.stop().await;
}
