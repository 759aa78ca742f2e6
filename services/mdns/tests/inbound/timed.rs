//! What is done at its time: deleted zones are purged, what exists is recorded, processes share the queue.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use futures_util::TryStreamExt;
use uuid::Uuid;
use zonelog_model::ProjectId;
use zonelog_model::zone::{Command, TransferZone, Zone, ZoneKind};
use zonelog_projections::deadline::{self, Kind, Next};
use zonelog_projections::existence::{self, Moves, Within, ZoneExisted};
use zonelog_projections::rebuild::{compare, drop_shadow, rebuild, without_purged};
use zonelog_store::{Database, Feed};
use zonelog_test_parts::{TestDatabase, eventually};

use crate::scripted::Scripted;
use crate::support::PATIENCE;
use crate::world::{World, quick};

async fn rows(world: &World, table: &str, column: &str, zone: Uuid) -> i64 {
    let sql = format!("select count(*) from {table} where {column} = $1");
    world.client.query_one(&sql, &[&zone]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_deleted_zone_is_purged_and_a_rebuild_knows_it() {
    let mut options = quick();
    options.purge_after = Duration::from_millis(300);
    let world = World::with(options).await;
    let primary = Scripted::start("in.test.", 5).await;
    let kept = world.create("kept.test.", ZoneKind::Primary).await;
    let zone = world.secondary("in.test.", &[primary.address]).await;
    world.serves("in.test.", 5).await;
    // A server of a pool that has not heard of the deletion holds the purge back.
    world
        .client
        .execute(
            "insert into server_checkpoint values ('away', $1, 0, now())",
            &[&zone.pool.uuid()],
        )
        .await
        .unwrap();
    world.delete(zone.id).await;
    eventually("the purge is put off", PATIENCE, async || {
        let row = world
            .client
            .query_opt(
                "select attempts from deadline where kind = 'zone_purge' and subject = $1",
                &[&zone.id.uuid()],
            )
            .await
            .unwrap();
        row.is_some_and(|row| row.get::<_, i32>(0) > 0)
    })
    .await;
    assert_eq!(rows(&world, "zone", "id", zone.id.uuid()).await, 1);
    world
        .client
        .batch_execute("delete from server_checkpoint; update deadline set due_at = now()")
        .await
        .unwrap();
    eventually("the zone is purged", PATIENCE, async || {
        rows(&world, "zone", "id", zone.id.uuid()).await == 0
    })
    .await;
    for (table, column) in [
        ("recordset_version", "zone"),
        ("zone_serial", "zone"),
        ("secondary_status", "zone"),
        ("catalog_member", "zone"),
        ("deadline", "subject"),
    ] {
        eventually(format!("nothing is left in {table}"), PATIENCE, async || {
            rows(&world, table, column, zone.id.uuid()).await == 0
        })
        .await;
    }
    assert!(
        rows(&world, "event", "stream", zone.id.uuid()).await > 0,
        "the log keeps it"
    );
    assert_eq!(rows(&world, "zone", "id", kept.id.uuid()).await, 1);

    let feed = Feed::new(&Database::new(world.database.url(), "test").unwrap());
    let owner = world.database.owner().await;
    let mut rebuilt = rebuild(&feed, &owner, "shadow", |_| {}).await.unwrap();
    assert_eq!(compare(&feed, &owner, &mut rebuilt, 20).await.unwrap(), []);
    // Nor does what was purged come back with what takes the place of the live tables.
    let sql = format!("select count(*) from shadow.zone t {}", without_purged("zone"));
    let left: i64 = owner.query_one(&sql, &[]).await.unwrap().get(0);
    assert_eq!(left, 1);
    // What is lost otherwise is told as before.
    owner
        .execute("delete from zone_serial where zone = $1", &[&kept.id.uuid()])
        .await
        .unwrap();
    assert_eq!(compare(&feed, &owner, &mut rebuilt, 20).await.unwrap().len(), 1);
    drop_shadow(&owner, "shadow").await.unwrap();
}

#[tokio::test]
async fn it_is_recorded_how_many_zones_exist() {
    let world = World::new().await;
    let count = async || -> i64 {
        let sql = "select count(*) from zones_existed";
        world.client.query_one(sql, &[]).await.unwrap().get(0)
    };
    eventually("the first period is recorded", PATIENCE, async || {
        count().await == 1
    })
    .await;
    let (one, _) = (
        world.create("one.test.", ZoneKind::Primary).await,
        world.create("two.test.", ZoneKind::Primary).await,
    );
    world.delete(one.id).await;
    world
        .client
        .batch_execute("update deadline set due_at = now() where kind = 'zones_exist'")
        .await
        .unwrap();
    eventually("the second period is recorded", PATIENCE, async || {
        count().await == 2
    })
    .await;
    let row = world
        .client
        .query_one(
            "select zones, period_begin = lag(period_end) over (order by period_end) from zones_existed
             order by period_end desc limit 1",
            &[],
        )
        .await
        .unwrap();
    // The one that is there, and the one that was deleted within the period.
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, Option<bool>>(1)),
        (2, Some(true))
    );
}

/// Which zones existed is told of any period, whenever it is asked: by the log, also of what was purged since.
#[tokio::test]
async fn the_zones_of_a_period_are_told_whatever_became_of_them() {
    let world = World::new().await;
    let pool = Database::new(world.database.url(), "test").unwrap().pool(1);
    let client = pool.get().await.unwrap();
    let periods = async || {
        let within = Within {
            from: None,
            until: None,
            last: 10,
        };
        existence::periods(&client, within).await.unwrap()
    };
    let period_ends = async |count: usize| {
        world
            .client
            .batch_execute("update deadline set due_at = now() where kind = 'zones_exist'")
            .await
            .unwrap();
        eventually(format!("{count} periods are recorded"), PATIENCE, async || {
            periods().await.len() == count
        })
        .await;
    };
    let project = |name: &str| ProjectId::new(name).unwrap();
    let give = async |zone: &Zone| {
        let command = TransferZone {
            zone: zone.id,
            to: project("bob"),
        };
        world.submit(Command::TransferZone(command)).await;
    };
    // What there is of a period, each zone by its name, its project and whether it is gone.
    let told = async |number: usize, of: Option<&ProjectId>| {
        let period = periods().await[number];
        let moves = Moves::after(&client, period.position).await.unwrap();
        let zones = existence::zones(&client, period, of, &moves).await.unwrap();
        let zones: Vec<ZoneExisted> = zones.try_collect().await.unwrap();
        assert!(zones.is_sorted_by_key(|zone| zone.zone));
        if of.is_none() {
            assert_eq!(
                zones.len() as i64,
                period.zones,
                "as many as were counted at its end"
            );
        }
        let shown = zones.iter().map(|zone| {
            let gone = if zone.deleted_at.is_some() { " gone" } else { "" };
            format!("{} {}{gone}", zone.name, zone.project)
        });
        shown.collect::<BTreeSet<String>>()
    };
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<String>>()
    };

    period_ends(1).await;
    let [one, two, three] = [
        world.create("one.test.", ZoneKind::Primary).await,
        world.create("two.test.", ZoneKind::Primary).await,
        world.create("three.test.", ZoneKind::Primary).await,
    ];
    give(&two).await;
    world.delete(one.id).await;
    period_ends(2).await;
    give(&three).await;
    world.create("four.test.", ZoneKind::Primary).await;
    world.delete(two.id).await;
    period_ends(3).await;
    world.delete(three.id).await;

    let second = set(&["one.test. amy gone", "two.test. bob", "three.test. amy"]);
    let third = set(&["two.test. bob gone", "three.test. bob", "four.test. amy"]);
    let check = async || {
        assert_eq!(told(0, None).await, set(&[]));
        assert_eq!(told(1, None).await, second);
        assert_eq!(told(2, None).await, third);
        assert_eq!(
            told(1, Some(&project("amy"))).await,
            set(&["one.test. amy gone", "three.test. amy"])
        );
        assert_eq!(told(2, Some(&project("amy"))).await, set(&["four.test. amy"]));
        assert_eq!(told(2, Some(&project("eve"))).await, set(&[]));
    };
    check().await;
    let all = periods().await;
    assert_eq!((all[1].begin, all[1].after), (all[0].end, all[0].position));
    assert_eq!((all[2].begin, all[2].after), (all[1].end, all[1].position));

    // Their rows go; what is told of the past stays.
    eventually("three deleted zones are purged", PATIENCE, async || {
        let now = "update deadline set due_at = now() where kind = 'zone_purge' and claimed_until is null";
        world.client.batch_execute(now).await.unwrap();
        let left = "select count(*) from zone";
        world.client.query_one(left, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    check().await;
    let second = Within {
        from: Some(all[0].end),
        until: Some(all[1].end),
        last: 10,
    };
    assert_eq!(existence::periods(&client, second).await.unwrap(), [all[1]]);
}

/// Any number of processes claim what is due, each piece once; what a dead one claimed is due again.
#[tokio::test]
async fn processes_share_what_is_due() {
    let database = TestDatabase::new().await;
    let pool = Database::new(database.url(), "test").unwrap().pool(8);
    let subjects: Vec<Uuid> = (1..=200).map(Uuid::from_u128).collect();
    let kind = Kind::SecondaryRefresh;
    let client = pool.get().await.unwrap();
    deadline::wake(&client, kind, &subjects).await.unwrap();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let pool = pool.clone();
        workers.spawn(async move {
            let client = pool.get().await.unwrap();
            let mut claimed = Vec::new();
            loop {
                let due = deadline::claim(&client, kind, 7, Duration::from_secs(60))
                    .await
                    .unwrap();
                if due.is_empty() {
                    return claimed;
                }
                claimed.extend(due);
            }
        });
    }
    let mut all = Vec::new();
    while let Some(claimed) = workers.join_next().await {
        all.extend(claimed.unwrap());
    }
    let distinct: HashSet<Uuid> = all.iter().map(|due| due.subject).collect();
    assert_eq!((all.len(), distinct.len()), (200, 200));
    // One is woken during its work: it is due again at once, and the others are not.
    deadline::wake(&client, kind, &[all[0].subject]).await.unwrap();
    assert!(
        deadline::claim(&client, kind, 9, Duration::from_secs(60))
            .await
            .unwrap()
            .is_empty()
    );
    let hour = Duration::from_secs(3_600);
    for due in &all[..150] {
        assert!(deadline::settle(&client, due, Next::After(hour)).await.unwrap());
    }
    let due = deadline::claim(&client, kind, 9, Duration::from_millis(1))
        .await
        .unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].subject, all[0].subject);
    // That claim runs out, as of a process that died; who comes too late changes nothing.
    eventually("the claim has run out", PATIENCE, async || {
        let again = deadline::claim(&client, kind, 1, hour).await.unwrap();
        again.first().is_some_and(|again| again.subject == due[0].subject)
    })
    .await;
    assert!(!deadline::settle(&client, &due[0], Next::Never).await.unwrap());
    let until = deadline::until_next(&client, kind).await.unwrap().unwrap();
    assert!(
        until > Duration::from_secs(30) && until <= Duration::from_secs(60),
        "{until:?}"
    );
}
