use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;
use zonelog_dns::{Name, OwnerName, Rrtype, Ttl, ZoneName};
use zonelog_model::zone::{Record, SoaTimers, Zone};
use zonelog_model::{Actor, Door, Metadata, PoolId, ProjectId, ShareId, StreamId, Timestamp};

use super::*;

const ZONE: Uuid = Uuid::from_u128(1);

/// A log in the making: each call of `change` is one change-set of one zone.
#[derive(Default)]
struct Log {
    events: Vec<Recorded>,
    changes: u128,
    position: Position,
}

impl Log {
    /// The same log, of which the tables have seen what is written so far.
    fn on(mut self) -> Self {
        self.events.clear();
        self
    }

    fn change(mut self, events: impl IntoIterator<Item = zone::Event>) -> Self {
        self.changes += 1;
        let project = ProjectId::new("p").unwrap();
        let actor = Actor {
            user: "amy".into(),
            project,
            roles: Vec::new(),
            door: Door::Api,
        };
        let change_id = ChangeId::new(Uuid::from_u128(self.changes));
        let metadata = Arc::new(Metadata {
            actor,
            change_id,
            request_id: None,
            cause: None,
        });
        for event in events {
            self.position += 1;
            self.events.push(Recorded {
                position: self.position,
                stream: StreamId::new(ZONE),
                version: self.position,
                recorded_at: at(self.position),
                metadata: Arc::clone(&metadata),
                event: Event::Zone(event),
            });
        }
        self
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

fn serial(serial: i64) -> LongSerial {
    LongSerial::from_i64(serial)
}

fn ttl(seconds: i64) -> Ttl {
    Ttl::new(seconds).unwrap()
}

fn a_zone() -> Zone {
    Zone {
        id: ZoneId::new(ZONE),
        name: ZoneName::parse("example.org.").unwrap(),
        project: ProjectId::new("p").unwrap(),
        pool: PoolId::new(Uuid::from_u128(9)),
        kind: zone::ZoneKind::Primary,
        email: "a@example.org".into(),
        ttl: ttl(3_600),
        description: None,
        attributes: BTreeMap::new(),
        primary_nameserver: Name::parse("ns1.example.net.").unwrap(),
        timers: SoaTimers {
            refresh: 1,
            retry: 2,
            expire: 3,
            minimum: 4,
        },
        serial: serial(100),
        soa_recordset: RecordsetId::new(Uuid::from_u128(8)),
        revision: 1,
        stream_version: 1,
        recordset_count: 0,
        record_count: 0,
        created_at: at(1),
        updated_at: None,
        transferred_at: None,
        deleted: false,
    }
}

fn a_recordset(address: &str) -> Recordset {
    Recordset {
        id: RecordsetId::new(Uuid::from_u128(2)),
        owner: OwnerName::parse("www.example.org.").unwrap(),
        rrtype: Rrtype::A,
        ttl: None,
        records: vec![Record::parse(Rrtype::A, address).unwrap()],
        description: None,
        managed: false,
        managed_resource: None,
        project: ProjectId::new("p").unwrap(),
        revision: 1,
        created_at: at(1),
        updated_at: None,
    }
}

fn empty_recordset() -> Recordset {
    Recordset {
        records: Vec::new(),
        ..a_recordset("192.0.2.1")
    }
}

fn created(recordset: &Recordset, at: Option<i64>) -> zone::Event {
    zone::Event::RecordsetCreated {
        recordset: recordset.clone(),
        serial: at.map(serial),
    }
}

fn changed(before: &Recordset, after: &Recordset, at: Option<i64>) -> zone::Event {
    zone::Event::RecordsetChanged {
        before: before.clone(),
        after: after.clone(),
        serial: at.map(serial),
    }
}

fn deleted(before: &Recordset, at: Option<i64>) -> zone::Event {
    zone::Event::RecordsetDeleted {
        before: before.clone(),
        serial: at.map(serial),
    }
}

/// Since, until (outer `None`: live) and the first record of a version.
type Made<'a> = (Option<i64>, Option<Option<i64>>, &'a str);

/// The one step of a stretch.
fn step(log: &Log) -> Step<'_> {
    let mut delta = ZoneStateDelta::of(&log.events);
    assert_eq!(delta.steps.len(), 1);
    delta.steps.remove(0)
}

fn made<'a>(delta: &Step<'a>) -> Vec<Made<'a>> {
    let until = |end: End| match end {
        End::Live => None,
        End::Ended(until) => Some(until.map(LongSerial::get)),
    };
    let text = |row: &VersionMade<'a>| row.recordset.records.first().map_or("", |record| record.text());
    delta
        .made
        .iter()
        .map(|row| (row.since.map(LongSerial::get), until(row.end), text(row)))
        .collect()
}

fn ended(delta: &Step<'_>) -> Vec<Option<i64>> {
    delta
        .ended
        .iter()
        .map(|row| row.until.map(LongSerial::get))
        .collect()
}

fn serials(delta: &Step<'_>) -> Vec<(i64, Position, bool)> {
    delta
        .serials
        .iter()
        .map(|row| (row.serial.get(), row.position, row.whole))
        .collect()
}

#[test]
fn nothing_comes_of_nothing() {
    assert!(ZoneStateDelta::of(&[]).is_empty());
}

fn project(id: &str) -> ProjectId {
    ProjectId::new(id).unwrap()
}

fn transferred(before: &str, after: &str) -> zone::Event {
    zone::Event::ZoneTransferred {
        before: project(before),
        after: project(after),
    }
}

#[test]
fn a_transfer_is_written_after_what_came_before_it() {
    let (zone, one, two) = (a_zone(), a_recordset("192.0.2.1"), a_recordset("192.0.2.2"));
    let log = Log::default()
        .change([zone::Event::ZoneCreated { zone }, created(&one, Some(100))])
        .change([transferred("p", "q")])
        .change([changed(&one, &two, Some(101))])
        .change([transferred("q", "r")]);
    let delta = ZoneStateDelta::of(&log.events);
    let owners: Vec<_> = delta
        .steps
        .iter()
        .map(|step| {
            step.handed_over
                .iter()
                .map(|row| row.after.as_str())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(owners, [vec![], vec!["q"], vec!["r"]]);
    let usage = |step: &Step<'_>| -> Vec<(String, i64)> {
        let row = |(project, by): &(&ProjectId, i64)| (project.to_string(), *by);
        step.usage.iter().map(row).collect()
    };
    assert_eq!(
        usage(&delta.steps[1]),
        [("p".to_owned(), -1), ("q".to_owned(), 1)]
    );
    let changes: Vec<_> = delta.steps.iter().map(|step| step.zones[0].changes).collect();
    assert_eq!(changes, [0, 2, 1]);
}

#[test]
fn a_change_that_spans_steps_counts_once() {
    let log = Log::default().change([
        zone::Event::ZoneUnshared { share: a_share(1) },
        transferred("p", "q"),
    ]);
    let delta = ZoneStateDelta::of(&log.events);
    let changes: Vec<_> = delta.steps.iter().map(|step| step.zones[0].changes).collect();
    assert_eq!(changes, [1, 0]);
    assert_eq!(delta.steps[1].zones[0].stream_version, 2);
}

fn a_share(id: u128) -> Share {
    Share {
        id: ShareId::new(Uuid::from_u128(id)),
        target_project: project("friend"),
        project: project("p"),
        created_at: at(1),
    }
}

#[test]
fn a_share_that_comes_and_goes_leaves_nothing() {
    let (one, two) = (a_share(1), a_share(2));
    let log = Log::default()
        .change([zone::Event::ZoneUnshared { share: one.clone() }])
        .change([zone::Event::ZoneShared { share: two.clone() }])
        .change([zone::Event::ZoneUnshared { share: two }])
        .change([zone::Event::ZoneShared { share: a_share(3) }]);
    let step = step(&log);
    assert_eq!(step.unshared, [one.id]);
    assert_eq!(step.shared, [(ZoneId::new(ZONE), &a_share(3))]);
}

#[test]
fn only_what_is_not_managed_counts() {
    let one = a_recordset("192.0.2.1");
    let managed = Recordset {
        id: RecordsetId::new(Uuid::from_u128(3)),
        managed: true,
        ..one.clone()
    };
    let mut two = one.clone();
    two.records.push(Record::parse(Rrtype::A, "192.0.2.9").unwrap());
    let log = Log::default()
        .change([created(&one, Some(101)), created(&managed, Some(101))])
        .change([changed(&one, &two, Some(102))]);
    let counts = |log: &Log| {
        let step = step(log);
        (step.zones[0].recordsets, step.zones[0].records)
    };
    assert_eq!(counts(&log), (1, 2));
    let log = log
        .change([deleted(&two, Some(103))])
        .change([deleted(&managed, Some(104))]);
    assert_eq!(counts(&log), (0, 0));
}

#[test]
fn a_project_whose_zone_comes_and_goes_is_still_counted() {
    let zone = a_zone();
    let log = Log::default()
        .change([zone::Event::ZoneCreated { zone: zone.clone() }])
        .change([zone::Event::ZoneAbandoned { zone }]);
    let step = step(&log);
    assert_eq!(step.usage, [(&project("p"), 0)]);
    assert!(step.zones[0].abandoned && step.zones[0].deleted.is_some());
}

#[test]
fn a_zone_departs_from_each_pool_that_it_leaves() {
    let pool = |id| PoolId::new(Uuid::from_u128(id));
    let moved = |before, after, at| zone::Event::ZoneMovedToPool {
        before: pool(before),
        after: pool(after),
        serial: Some(serial(at)),
        coo: None,
    };
    let log = Log::default()
        .change([moved(1, 2, 101)])
        .change([moved(2, 1, 102)])
        .change([moved(1, 3, 103)]);
    // What a move leaves behind is told by the tables: each is a step.
    let delta = ZoneStateDelta::of(&log.events);
    let steps = delta.steps.iter();
    let departed: Vec<_> = steps
        .clone()
        .flat_map(|step| step.departed.iter().map(|row| (row.pool, row.position)))
        .collect();
    assert_eq!(departed, [(pool(1), 1), (pool(2), 2), (pool(1), 3)]);
    let pools: Vec<_> = steps.map(|step| step.zones[0].pool).collect();
    assert_eq!(
        pools,
        [Some((pool(2), 1)), Some((pool(1), 2)), Some((pool(3), 3))]
    );
}

#[test]
fn a_recordset_that_comes_changes_and_goes_in_one_stretch_is_two_ended_rows() {
    let (one, two) = (a_recordset("192.0.2.1"), a_recordset("192.0.2.2"));
    let log = Log::default()
        .change([created(&one, Some(101))])
        .change([changed(&one, &two, Some(102))])
        .change([deleted(&two, Some(103))]);
    let delta = step(&log);
    assert_eq!(
        made(&delta),
        [
            (Some(101), Some(Some(102)), "192.0.2.1"),
            (Some(102), Some(Some(103)), "192.0.2.2")
        ]
    );
    assert!(delta.ended.is_empty() && delta.altered.is_empty());
    assert_eq!(
        serials(&delta),
        [(101, 1, false), (102, 2, false), (103, 3, false)]
    );
    let zone = &delta.zones[0];
    assert_eq!(
        (zone.serial, zone.changes, zone.stream_version),
        (Some(serial(103)), 3, 3)
    );
    assert_eq!((zone.content_position, zone.updated_at), (Some(3), Some(at(3))));
}

#[test]
fn the_same_over_several_stretches_ends_the_rows_in_the_table() {
    let (one, two) = (a_recordset("192.0.2.1"), a_recordset("192.0.2.2"));
    let log = Log::default().change([created(&one, Some(101))]);
    assert_eq!(made(&step(&log)), [(Some(101), None, "192.0.2.1")]);
    let log = log.on().change([changed(&one, &two, Some(102))]);
    let delta = step(&log);
    assert_eq!(
        (ended(&delta), made(&delta)),
        (vec![Some(102)], vec![(Some(102), None, "192.0.2.2")])
    );
    let log = log.on().change([deleted(&two, Some(103))]);
    let delta = step(&log);
    assert_eq!((ended(&delta), made(&delta)), (vec![Some(103)], vec![]));
}

#[test]
fn a_change_of_words_alone_alters_the_live_row() {
    let one = a_recordset("192.0.2.1");
    let two = Recordset {
        description: Some("new".into()),
        revision: 2,
        updated_at: Some(at(2)),
        ..one.clone()
    };
    let log = Log::default().change([changed(&one, &two, None)]);
    let delta = step(&log);
    assert_eq!(
        delta.altered,
        [VersionAltered {
            zone: ZoneId::new(ZONE),
            after: &two
        }]
    );
    assert!(delta.serials.is_empty() && delta.made.is_empty() && delta.ended.is_empty());
    let zone = &delta.zones[0];
    assert_eq!(
        (zone.serial, zone.content_position, zone.changes),
        (None, None, 1)
    );

    // The latest words count, also on a version that is made in the same stretch.
    let three = Recordset {
        description: Some("newer".into()),
        ..two.clone()
    };
    let log = log.change([changed(&two, &three, None)]);
    assert_eq!(
        step(&log).altered,
        [VersionAltered {
            zone: ZoneId::new(ZONE),
            after: &three
        }]
    );
    let log = Log::default()
        .change([created(&one, Some(101))])
        .change([changed(&one, &three, None)]);
    let delta = step(&log);
    assert!(delta.altered.is_empty());
    assert_eq!((delta.made.len(), delta.made[0].recordset), (1, &three));
}

#[test]
fn an_altered_row_that_ends_in_the_same_stretch_is_both() {
    let one = a_recordset("192.0.2.1");
    let two = Recordset {
        description: Some("new".into()),
        ..one.clone()
    };
    let log = Log::default()
        .change([changed(&one, &two, None)])
        .change([deleted(&two, Some(102))]);
    let delta = step(&log);
    assert_eq!((delta.altered.len(), ended(&delta)), (1, vec![Some(102)]));
}

#[test]
fn a_recordset_without_records_begins_and_ends_at_the_present_serial() {
    let empty = empty_recordset();
    let log = Log::default()
        .change([created(&empty, None)])
        .change([deleted(&empty, None)]);
    assert_eq!(made(&step(&log)), [(None, Some(None), "")]);

    let full = a_recordset("192.0.2.1");
    let log = Log::default()
        .change([deleted(&full, Some(105))])
        .change([created(&empty, None)])
        .change([changed(&empty, &full, Some(106))]);
    let delta = step(&log);
    assert_eq!(
        made(&delta),
        [(Some(105), Some(Some(106)), ""), (Some(106), None, "192.0.2.1")]
    );
}

#[test]
fn a_zone_comes_with_its_first_serial_whole() {
    let (zone, recordset) = (a_zone(), a_recordset("192.0.2.1"));
    let log = Log::default().change([
        zone::Event::ZoneCreated { zone: zone.clone() },
        created(&recordset, Some(100)),
    ]);
    let delta = step(&log);
    assert_eq!(serials(&delta), [(100, 2, true)]);
    assert_eq!(
        (delta.serials[0].ttl, delta.serials[0].email),
        (Some(ttl(3_600)), Some("a@example.org"))
    );
    assert_eq!(delta.serials[0].timers, Some(zone.timers));
    let row = &delta.zones[0];
    assert_eq!(row.created, Some((&zone, 1)));
    assert_eq!(
        (
            row.changes,
            row.updated_at,
            row.stream_version,
            row.content_position
        ),
        (0, None, 2, Some(2))
    );
}

#[test]
fn a_step_of_the_zones_ttl_is_whole_and_one_of_its_email_is_not() {
    let ttl_changed = zone::Event::ZoneTtlChanged {
        before: ttl(3_600),
        after: ttl(60),
        serial: serial(101),
    };
    let email_changed = |at| zone::Event::ZoneEmailChanged {
        before: "a@example.org".into(),
        after: "b@example.org".into(),
        serial: serial(at),
    };
    let log = Log::default()
        .change([ttl_changed.clone(), email_changed(101)])
        .change([email_changed(102)]);
    let delta = step(&log);
    assert_eq!(serials(&delta), [(101, 2, true), (102, 3, false)]);
    // The serial's row says all that its change-set did.
    assert_eq!(
        (delta.serials[0].ttl, delta.serials[0].email),
        (Some(ttl(60)), Some("b@example.org"))
    );
    assert_eq!((delta.zones[0].ttl, delta.zones[0].changes), (Some(ttl(60)), 2));

    let log = Log::default().change([email_changed(101), ttl_changed]);
    assert_eq!(serials(&step(&log)), [(101, 2, true)]);
}

#[test]
fn a_serial_before_a_change_of_the_email_keeps_the_old_one() {
    let one = a_recordset("192.0.2.1");
    let email_changed = zone::Event::ZoneEmailChanged {
        before: "a@example.org".into(),
        after: "b@example.org".into(),
        serial: serial(102),
    };
    let log = Log::default()
        .change([created(&one, Some(101))])
        .change([email_changed]);
    let delta = step(&log);
    assert_eq!(
        (delta.serials[0].email, delta.serials[1].email),
        (None, Some("b@example.org"))
    );
}

#[test]
fn deleting_a_zone_touches_its_row_alone() {
    let log = Log::default().change([zone::Event::ZoneDeleted {
        zone: a_zone(),
        hard: false,
    }]);
    let delta = step(&log);
    let row = &delta.zones[0];
    assert_eq!(
        (row.deleted, row.content_position, row.serial),
        (Some((1, at(1))), Some(1), None)
    );
    assert!(delta.serials.is_empty() && delta.ended.is_empty() && delta.made.is_empty());
}

#[test]
fn a_change_of_the_description_makes_no_serial() {
    let event = zone::Event::ZoneDescriptionChanged {
        before: Some("old".into()),
        after: None,
    };
    let log = Log::default().change([event]);
    let delta = step(&log);
    assert_eq!(
        (delta.zones[0].description, delta.zones[0].changes),
        (Some(None), 1)
    );
    assert!(delta.serials.is_empty());
}
