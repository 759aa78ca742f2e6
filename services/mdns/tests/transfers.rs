//! What transfers carry: a serial names one content, and differences lead from one to the next.
#![allow(clippy::unwrap_used, reason = "a broken part fails the test")]

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use support::{
    Change, Content, Received, Running, ZoneWriter, assert_same, axfr, ixfr, options, until_serial,
};
use zonelog_dns::Rrtype;
use zonelog_mdns::drain::Shape;
use zonelog_test_parts::TestDatabase;

const ZONE: &str = "example.test.";

fn hosts(from: usize, to: usize) -> Vec<Change> {
    let host = |at| {
        Change::new(
            &format!("h{at}.{ZONE}"),
            Rrtype::A,
            &[&format!("10.{}.{}.1", at / 256, at % 256)],
        )
    };
    (from..to).map(host).collect()
}

fn apply(mut content: Content, difference: &Received) -> Content {
    for record in &difference.deleted {
        assert!(content.remove(record), "{record} was not there");
    }
    for record in &difference.added {
        assert!(content.insert(record.clone()), "{record} was there already");
    }
    content
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_serial_names_one_content() {
    let database = TestDatabase::new().await;
    let mut zone = ZoneWriter::create(database.url(), 1, ZONE, 100).await;
    zone.step(&hosts(0, 3000)).await;
    let mini = Running::start(database.url(), options()).await;
    until_serial(mini.address, ZONE, 101).await;
    let writer = tokio::spawn(async move {
        for step in 0..120_usize {
            let at = step * 7919 % 3000;
            let mut changes = hosts(at, at + 1);
            changes[0].records = vec![format!("192.0.2.{}", step % 250)];
            if step % 3 == 0 {
                changes.push(Change::new(
                    &format!("h{}.{ZONE}", (at + 1) % 3000),
                    Rrtype::A,
                    &[],
                ));
            }
            if step % 5 == 0 {
                changes.push(Change::new(&format!("new{step}.{ZONE}"), Rrtype::TXT, &["\"x\""]));
            }
            zone.step(&changes).await;
        }
        zone
    });
    let mut seen: BTreeMap<u32, Content> = BTreeMap::new();
    let mut transfers = 0;
    while !writer.is_finished() {
        let (left, right) = tokio::join!(axfr(mini.address, ZONE), axfr(mini.address, ZONE));
        for received in [left, right] {
            transfers += 1;
            let serial = received.drained.serial.get();
            let first = seen.entry(serial).or_insert_with(|| received.content.clone());
            assert_same(first, &received.content, &format!("serial {serial}"));
        }
    }
    let zone = writer.await.unwrap();
    until_serial(mini.address, ZONE, zone.serial).await;
    let last = axfr(mini.address, ZONE).await;
    assert_eq!(i64::from(last.drained.serial.get()), zone.serial);
    assert!(seen.len() > 2, "{} serials in {transfers} transfers", seen.len());
    // An image that was updated step by step equals one built at once.
    let fresh = Running::start(database.url(), options()).await;
    until_serial(fresh.address, ZONE, zone.serial).await;
    assert_same(
        &axfr(fresh.address, ZONE).await.content,
        &last.content,
        "built anew and updated",
    );
    // And every serial that was seen leads to the last by one difference.
    for (serial, content) in seen {
        let difference = ixfr(fresh.address, ZONE, i64::from(serial)).await;
        if i64::from(serial) == zone.serial {
            assert_eq!(difference.drained.shape, Shape::SoaAlone);
        } else {
            assert_eq!(difference.drained.shape, Shape::Difference);
            assert_same(
                &apply(content, &difference),
                &last.content,
                "after the difference",
            );
        }
    }
    fresh.stop().await;
    mini.stop().await;
}

/// Owners and types that a random history changes, with at most three records each.
fn step() -> impl Strategy<Value = Vec<Change>> {
    let change = (
        0_u8..8,
        0_u8..3,
        proptest::option::of(60_i32..63),
        proptest::collection::btree_set(0_u8..4, 0..4),
    );
    proptest::collection::vec(change, 0..5).prop_map(|changes| {
        let mut unique = BTreeMap::new();
        for (owner, kind, ttl, records) in changes {
            let spelled = if records.len() == 2 { "Deep" } else { "deep" };
            let owner = if owner == 0 {
                ZONE.to_owned()
            } else {
                format!("n{owner}.{spelled}.{ZONE}")
            };
            let (rrtype, records): (_, Vec<String>) = match kind {
                0 => (
                    Rrtype::A,
                    records.iter().map(|at| format!("192.0.2.{at}")).collect(),
                ),
                1 => (
                    Rrtype::MX,
                    records.iter().map(|at| format!("{at} mx{at}.{ZONE}")).collect(),
                ),
                _ => (
                    Rrtype::TXT,
                    records
                        .iter()
                        .map(|at| format!("\"{}\"", "t".repeat(usize::from(*at) * 60)))
                        .collect(),
                ),
            };
            unique.insert(
                (owner.to_lowercase(), rrtype),
                Change {
                    owner,
                    rrtype,
                    ttl,
                    records,
                },
            );
        }
        unique.into_values().collect()
    })
}

#[test]
fn ixfr_equals_axfr() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let histories = proptest::collection::vec(step(), 1..8);
    runner
        .run(&histories, |history| {
            runtime
                .block_on(check_history(&history))
                .map_err(TestCaseError::fail)
        })
        .unwrap();
}

async fn check_history(history: &[Vec<Change>]) -> Result<(), String> {
    let database = TestDatabase::new().await;
    // The wire's serial wraps on the way.
    let mut zone = ZoneWriter::create(database.url(), 2, ZONE, (1 << 32) - 3).await;
    let mini = Running::start(database.url(), options()).await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let mut contents = vec![(zone.serial, axfr(mini.address, ZONE).await.content)];
    for changes in history {
        zone.step(changes).await;
        until_serial(mini.address, ZONE, zone.serial).await;
        contents.push((zone.serial, axfr(mini.address, ZONE).await.content));
        let (_, now) = contents.last().unwrap();
        for (serial, before) in &contents[..contents.len() - 1] {
            let difference = ixfr(mini.address, ZONE, *serial).await;
            if difference.drained.shape != Shape::Difference {
                return Err(format!(
                    "{:?} from {serial} to {}",
                    difference.drained.shape, zone.serial
                ));
            }
            if apply(before.clone(), &difference) != *now {
                return Err(format!(
                    "the difference from {serial} to {} is wrong",
                    zone.serial
                ));
            }
        }
    }
    mini.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_changes_all_is_answered_by_the_whole_zone() {
    let database = TestDatabase::new().await;
    let mut zone = ZoneWriter::create(database.url(), 3, ZONE, 1).await;
    let before = zone.step(&hosts(0, 10)).await;
    let mini = Running::start(database.url(), options()).await;
    until_serial(mini.address, ZONE, before).await;
    axfr(mini.address, ZONE).await;
    let whole = zone.step_ttl(77).await;
    let after = zone.step(&hosts(10, 11)).await;
    until_serial(mini.address, ZONE, after).await;
    let across = ixfr(mini.address, ZONE, before).await;
    assert_eq!(across.drained.shape, Shape::Whole);
    assert_eq!(across.content, axfr(mini.address, ZONE).await.content);
    assert!(
        across.content.iter().all(|record| record.contains(". 77 ")),
        "the TTL of the zone is the records'"
    );
    assert_eq!(
        ixfr(mini.address, ZONE, whole).await.drained.shape,
        Shape::Difference
    );
    // A serial that the zone never had.
    assert_eq!(
        ixfr(mini.address, ZONE, 0x8000_0010).await.drained.shape,
        Shape::Whole
    );
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_difference_larger_than_the_zone_is_answered_by_the_whole_zone() {
    let database = TestDatabase::new().await;
    let mut zone = ZoneWriter::create(database.url(), 4, ZONE, 1).await;
    let before = zone.step(&hosts(0, 4000)).await;
    let deletions: Vec<Change> = hosts(0, 3990)
        .into_iter()
        .map(|change| Change {
            records: Vec::new(),
            ..change
        })
        .collect();
    let after = zone.step(&deletions).await;
    let mini = Running::start(database.url(), options()).await;
    until_serial(mini.address, ZONE, after).await;
    let received = ixfr(mini.address, ZONE, before).await;
    assert_eq!(received.drained.shape, Shape::Whole);
    assert_eq!(received.content.len(), 12);
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_past_the_budget_are_built_again() {
    let database = TestDatabase::new().await;
    let mut first = ZoneWriter::create(database.url(), 5, ZONE, 1).await;
    first.step(&hosts(0, 500)).await;
    let second = ZoneWriter::create(database.url(), 6, "other.test.", 9).await;
    let options = zonelog_mdns::MdnsOptions {
        image_budget_bytes: 1,
        ..options()
    };
    let mini = Running::start(database.url(), options).await;
    until_serial(mini.address, ZONE, first.serial).await;
    until_serial(mini.address, "other.test.", second.serial).await;
    for _ in 0..3 {
        assert_eq!(axfr(mini.address, ZONE).await.content.len(), 502);
        assert_eq!(axfr(mini.address, "other.test.").await.content.len(), 2);
    }
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_missed_many_changes_catches_up() {
    let database = TestDatabase::new().await;
    let mut zone = ZoneWriter::create(database.url(), 7, ZONE, 1).await;
    zone.step(&hosts(0, 3000)).await;
    let mini = Running::start(database.url(), options()).await;
    until_serial(mini.address, ZONE, zone.serial).await;
    axfr(mini.address, ZONE).await;
    // Few owners, and more versions than the image looks at; and at last one change far from them.
    for step in 0..45 {
        let mut changes = hosts(0, 100);
        for change in &mut changes {
            change.records = vec![format!("192.0.2.{step}")];
        }
        zone.step(&changes).await;
    }
    zone.step(&[Change::new(&format!("zzz.{ZONE}"), Rrtype::A, &["192.0.2.1"])])
        .await;
    until_serial(mini.address, ZONE, zone.serial).await;
    let fresh = Running::start(database.url(), options()).await;
    until_serial(fresh.address, ZONE, zone.serial).await;
    let (held, anew) = (axfr(mini.address, ZONE).await, axfr(fresh.address, ZONE).await);
    assert_same(&held.content, &anew.content, "caught up and built anew");
    fresh.stop().await;
    mini.stop().await;
}
