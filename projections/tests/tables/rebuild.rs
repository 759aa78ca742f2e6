//! *rebuild_equals_live*, for all that happens to zones and resources.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use uuid::Uuid;
use zonelog_model::resource::{self, Body, Tld};
use zonelog_model::zone::{self, Record};
use zonelog_model::{Event, ResourceId, ZoneId};

use crate::world::{World, project};

const PROJECTS: [&str; 3] = ["p", "q", "r"];

/// What a random step does, by its number; each leads to a change that the rules would allow.
async fn step(world: &mut World, zones: &mut Vec<ZoneId>, what: u8, which: usize) {
    let someone = PROJECTS[which % PROJECTS.len()];
    let Some(zone) = (!zones.is_empty()).then(|| zones[which % zones.len()]) else {
        let name = format!("z{}.test.", world.id().as_u128());
        zones.push(world.zone(&name, someone).await);
        return;
    };
    let name = world.of(zone).name.to_string();
    match what {
        0 => {
            let name = format!("z{}.test.", world.id().as_u128());
            zones.push(world.zone(&name, someone).await);
        }
        1..=3 => {
            let owner = format!("r{}.{name}", world.id().as_u128());
            world.recordset(zone, &owner, someone).await;
        }
        4 | 5 => {
            let Some(before) = pick(world, zone, which) else {
                return;
            };
            let mut after = before.clone();
            let address = format!("192.0.2.{}", before.records.len() + 1);
            after
                .records
                .push(Record::parse(before.rrtype, &address).unwrap());
            after.revision += 1;
            let serial = Some(world.next_serial(zone));
            let event = zone::Event::RecordsetChanged {
                before,
                after,
                serial,
            };
            world.change(zone, vec![event]).await;
        }
        6 => {
            let Some(before) = pick(world, zone, which) else {
                return;
            };
            let serial = Some(world.next_serial(zone));
            world
                .change(zone, vec![zone::Event::RecordsetDeleted { before, serial }])
                .await;
        }
        7 => {
            if !world.slices[&zone]
                .shares
                .iter()
                .any(|share| share.target_project.as_str() == someone)
            {
                world.share(zone, someone).await;
            }
        }
        8 => {
            if let Some(share) = world.slices[&zone].shares.first().cloned() {
                world
                    .change(zone, vec![zone::Event::ZoneUnshared { share }])
                    .await;
            }
        }
        9 | 10 => {
            if world.of(zone).project.as_str() != someone {
                let event = world.transferred(zone, someone);
                world.change(zone, vec![event]).await;
            }
        }
        11 => {
            let pool = Uuid::from_u128(7 + which as u128 % 3);
            if world.of(zone).pool.uuid() != pool {
                let event = world.moved(zone, pool);
                world.change(zone, vec![event]).await;
            }
        }
        12 => {
            let event = if which.is_multiple_of(2) {
                world.deleted(zone)
            } else {
                world.abandoned(zone)
            };
            zones.retain(|other| *other != zone);
            world.change(zone, vec![event]).await;
        }
        _ => {
            let id = ResourceId::new(world.id());
            let body = Body::Tld(Tld {
                name: format!("tld{}", id.uuid().as_u128()),
                description: None,
            });
            let before = world.create(id, body).await;
            if which.is_multiple_of(2) {
                world.resource(resource::Event::Deleted { before }).await;
            }
        }
    }
}

fn pick(world: &World, zone: ZoneId, which: usize) -> Option<zone::Recordset> {
    let recordsets = &world.slices[&zone].recordsets;
    (!recordsets.is_empty()).then(|| recordsets[which % recordsets.len()].clone())
}

#[tokio::test]
async fn rebuild_equals_live() {
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[5; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    let mut world = World::new().await;
    let mut zones = Vec::new();
    for _ in 0..600 {
        let (what, which) = (0u8..15, 0usize..1000).new_tree(&mut runner).unwrap().current();
        step(&mut world, &mut zones, what, which).await;
    }
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
    for (table, least) in [
        ("zone where abandoned", 1_i64),
        ("zone where deleted_at is not null and not abandoned", 1),
        ("zone_departure", 1),
        ("zone_share", 1),
        ("resource", 1),
        ("project_usage", 3),
        ("recordset_version where until_serial is not null", 20),
    ] {
        let count: i64 = world.one(&format!("select count(*) from {table}")).await;
        assert!(count >= least, "{table}: {count}");
    }
    // The counter of zones is their number.
    let wrong: i64 = world
        .one(
            "select count(*) from project_usage u where zones <> \
             (select count(*) from zone z where z.project = u.project and z.deleted_at is null)",
        )
        .await;
    assert_eq!(wrong, 0);
    let wrong: i64 = world
        .one(
            "select count(*) from zone z where z.deleted_at is null and (recordset_count, record_count) <> \
             (select count(*), coalesce(sum(cardinality(records)), 0) from recordset_version v \
              where v.zone = z.id and v.until_serial is null and not managed)",
        )
        .await;
    assert_eq!(wrong, 0);
}

#[tokio::test]
async fn one_batch_of_many_changes_is_as_many_batches() {
    let mut world = World::new().await;
    let zone = world.new_zone("a.test.", "p");
    let id = zone.id;
    let mut changes = Vec::new();
    let mut one = world.new_recordset("one.a.test.", "p");
    let two = world.new_recordset("two.a.test.", "friend");
    let serial = |serial| Some(zonelog_dns::LongSerial::from_i64(serial));
    let of_zone = |events: Vec<zone::Event>| -> Vec<(Uuid, Event)> {
        events
            .into_iter()
            .map(|event| (id.uuid(), Event::Zone(event)))
            .collect()
    };
    let transferred = |before: &str, after: &str| zone::Event::ZoneTransferred {
        before: project(before),
        after: project(after),
    };
    changes.push(of_zone(vec![
        zone::Event::ZoneCreated { zone },
        zone::Event::RecordsetCreated {
            recordset: one.clone(),
            serial: serial(100),
        },
    ]));
    changes.push(of_zone(vec![zone::Event::RecordsetCreated {
        recordset: two,
        serial: serial(101),
    }]));
    changes.push(of_zone(vec![transferred("p", "q")]));
    one.project = project("q");
    let mut after = one.clone();
    after
        .records
        .push(Record::parse(one.rrtype, "192.0.2.2").unwrap());
    changes.push(of_zone(vec![zone::Event::RecordsetChanged {
        before: one,
        after: after.clone(),
        serial: serial(102),
    }]));
    changes.push(of_zone(vec![transferred("q", "p")]));
    after.project = project("p");
    changes.push(of_zone(vec![zone::Event::RecordsetDeleted {
        before: after,
        serial: serial(103),
    }]));
    world.append(changes).await;
    assert!(world.compare().await.is_empty());
    let owners = world
        .client
        .query(
            "select project, since_serial from recordset_version order by since_serial, owner",
            &[],
        )
        .await
        .unwrap();
    let owners: Vec<(String, i64)> = owners.iter().map(|row| (row.get(0), row.get(1))).collect();
    let owner = |project: &str, since| (project.to_owned(), since);
    assert_eq!(owners, [owner("q", 100), owner("friend", 101), owner("p", 102)]);
}

#[tokio::test]
async fn names_may_be_swapped_in_one_batch() {
    let mut world = World::new().await;
    let tld = |name: &str| {
        Body::Tld(Tld {
            name: name.into(),
            description: None,
        })
    };
    let a = world.create(ResourceId::new(Uuid::from_u128(1)), tld("a")).await;
    let b = world.create(ResourceId::new(Uuid::from_u128(2)), tld("b")).await;
    let now = world.now();
    let a_as_c = a.changed_to(tld("c"), now);
    let b_as_a = b.changed_to(tld("a"), now);
    let a_as_b = a_as_c.changed_to(tld("b"), now);
    let changed = |before: &resource::Resource, after: &resource::Resource| {
        let event = resource::Event::Changed {
            before: before.clone(),
            after: after.clone(),
        };
        vec![(after.id.uuid(), Event::from(event))]
    };
    let head = world
        .append(vec![
            changed(&a, &a_as_c),
            changed(&b, &b_as_a),
            changed(&a_as_c, &a_as_b),
        ])
        .await;
    assert_eq!(world.one::<i64>("select position from registry_head").await, head);
    let names: Vec<String> = world
        .one("select array_agg(name_key order by id) from resource")
        .await;
    assert_eq!(names, ["b", "a"]);
    world.resource(resource::Event::Deleted { before: a_as_b }).await;
    assert_eq!(world.one::<i64>("select count(*) from resource").await, 1);
    assert!(world.compare().await.is_empty());
}
