//! Any sequence of appends has the outcomes, and leaves the log, of the simplest log there could be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where something is not as expected"
)]

mod support;

use std::collections::HashMap;

use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::*;
use uuid::Uuid;
use zonelog_model::{ChangeId, Position, StreamId, Version};
use zonelog_store::{Append, AppendOutcome, Expected, StreamAppend};
use zonelog_test_parts::TestDatabase;

/// An append as the generator makes it: a change's number, and for each part a stream's number, what is expected
/// (relative to nothing: a guess), and how many events.
#[derive(Clone, Debug)]
struct Plan {
    change: u128,
    parts: Vec<(u128, Option<Version>, usize)>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let part = (1..4_u128, proptest::option::weighted(0.6, 0..6_i64), 1..3_usize);
    (1..30_u128, vec(part, 1..4)).prop_map(|(change, parts)| Plan { change, parts })
}

/// A log in memory.
#[derive(Default)]
struct SimpleLog {
    events: Vec<(StreamId, Version)>,
    changes: HashMap<u128, (Position, Position)>,
}

impl SimpleLog {
    fn version(&self, stream: StreamId) -> Version {
        Version::try_from(self.events.iter().filter(|(other, _)| *other == stream).count()).unwrap()
    }

    fn append(&mut self, plan: &Plan) -> AppendOutcome {
        if let Some(&(first, last)) = self.changes.get(&plan.change) {
            return AppendOutcome::Replayed { first, last };
        }
        let before = self.events.len();
        let mut versions = Vec::new();
        for (stream, expected, count) in &plan.parts {
            let stream = stream_of(*stream);
            let actual = self.version(stream);
            if expected.is_some_and(|expected| expected != actual) {
                self.events.truncate(before);
                return AppendOutcome::Conflict { stream, actual };
            }
            let count = Version::try_from(*count).unwrap();
            self.events.extend((1..=count).map(|n| (stream, actual + n)));
            versions.push(actual + count);
        }
        let first = Position::try_from(before).unwrap() + 1;
        let last = Position::try_from(self.events.len()).unwrap();
        self.changes.insert(plan.change, (first, last));
        AppendOutcome::Appended {
            first,
            last,
            versions,
        }
    }
}

fn stream_of(number: u128) -> StreamId {
    StreamId::new(Uuid::from_u128(number))
}

fn append_of(plan: &Plan) -> Append {
    let parts = plan.parts.iter().map(|(stream, expected, count)| StreamAppend {
        stream: stream_of(*stream),
        expected: expected.map_or(Expected::Any, Expected::Exact),
        events: (0..*count).map(|n| event(format!("{n}"))).collect(),
    });
    Append::new(
        parts.collect(),
        &metadata(ChangeId::new(Uuid::from_u128(plan.change))),
        at(),
    )
}

#[test]
fn the_log_does_what_the_simplest_log_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    // Rounds of appends that are handed in at once, and so share batches; two processes take turns.
    let rounds = vec((vec(plan(), 1..6), any::<bool>()), 1..12);
    runner
        .run(&rounds, |rounds| {
            runtime.block_on(async {
                let database = TestDatabase::new().await;
                let writers = [writer(database.url()), writer(database.url())];
                let mut simple = SimpleLog::default();
                for (plans, second) in &rounds {
                    let writer = &writers[usize::from(*second)];
                    let outcomes = join_all(plans.iter().map(|plan| writer.submit(append_of(plan)))).await;
                    for (plan, outcome) in plans.iter().zip(outcomes) {
                        prop_assert_eq!(outcome.unwrap(), simple.append(plan), "{:?}", plan);
                    }
                }
                let log = whole_log(database.url()).await;
                let log: Vec<_> = log
                    .iter()
                    .map(|recorded| (recorded.stream, recorded.version))
                    .collect();
                prop_assert_eq!(log, simple.events);
                Ok(())
            })
        })
        .unwrap();
}
