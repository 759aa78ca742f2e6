//! What others change while a change of many is written, before it holds the log's head.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::Client;
use zonelog_central::{Accepted, ExecuteError, Request, ids};
use zonelog_model::ResourceId;
use zonelog_model::resource::{self, Body, ImportStatus, QuotaOverrides};
use zonelog_model::zone::{RrsetChange, Transfer, Zone};
use zonelog_test_parts::eventually;

use crate::imports::{ended, importing, master_file, start};
use crate::quotas::overrides;
use crate::secondary::{hosts, metadata, secondary, sorted, to};
use crate::setup::{AMY, World, create_zone, delete_zone, request, zone_row};

const LONG: Duration = Duration::from_secs(60);

/// The log's head, held by somebody else: who wants it waits, in the order in which they came.
struct Held<'a> {
    world: &'a World,
    holder: Client,
}

impl<'a> Held<'a> {
    async fn new(world: &'a World) -> Self {
        let holder = world.database.client().await;
        let hold = "begin; select position from feed_head where feed = 0 for update";
        holder.batch_execute(hold).await.unwrap();
        Self { world, holder }
    }

    /// Waits until so many wait.
    async fn waiting(&self, wanted: i64) {
        eventually("they wait for the log's head", LONG, async || {
            let waiting = "pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
            self.world.count(waiting).await == wanted
        })
        .await;
    }

    /// Hands in a command, which waits as the first.
    async fn first(&self, request: Request) -> JoinHandle<Result<Accepted, ExecuteError>> {
        let central = self.world.central.clone();
        let first = tokio::spawn(async move { central.execute(request).await });
        self.waiting(1).await;
        first
    }

    async fn free(self) {
        self.holder.batch_execute("commit").await.unwrap();
    }
}

/// Takes a transfer, which waits as the second with all that it wrote.
async fn second(
    held: &Held<'_>,
    transfer: Transfer,
    changes: Vec<RrsetChange>,
) -> JoinHandle<Result<Accepted, ExecuteError>> {
    let central = held.world.central.clone();
    let changes = sorted(changes);
    let second = tokio::spawn(async move { central.take_transfer(transfer, metadata(), changes).await });
    held.waiting(2).await;
    second
}

fn label(result: Result<Accepted, ExecuteError>) -> &'static str {
    match result {
        Err(ExecuteError::Rejected(rejection)) => rejection.label(),
        other => panic!("not refused: {other:?}"),
    }
}

/// The versions of a zone's recordsets.
async fn versions(world: &World, zone: &Zone) -> i64 {
    world
        .count(&format!("recordset_version where zone = '{}'", zone.id.uuid()))
        .await
}

#[tokio::test]
async fn a_zone_that_is_made_while_one_of_its_name_is_imported_stays() {
    let world = World::new().await;
    let import = ids::resource_id();
    let text = master_file("example.org.", 20);
    world.central.execute(start(import, &text, AMY)).await.unwrap();
    let held = Held::new(&world).await;
    let first = held.first(create_zone("example.org.", AMY)).await;
    let _importing = importing(&world, |_| {});
    held.waiting(2).await;
    held.free().await;
    first.await.unwrap().unwrap();
    let done = ended(&world, import).await;
    assert_eq!((done.status, done.zone), (ImportStatus::Error, None));
    assert_eq!(done.message.as_deref(), Some("Duplicate zone."));
    assert_eq!(
        (world.count("zone").await, world.count("recordset_version").await),
        (1, 1)
    );
    assert_eq!(world.compare().await, []);
}

#[tokio::test]
async fn an_import_keeps_to_quotas_that_were_set_while_it_was_written() {
    let world = World::new().await;
    let import = ids::resource_id();
    let text = master_file("example.org.", 20);
    world.central.execute(start(import, &text, AMY)).await.unwrap();
    let held = Held::new(&world).await;
    let own = QuotaOverrides {
        zone_recordsets: Some(5),
        ..overrides(AMY)
    };
    let quotas = resource::Command::Create {
        id: ResourceId::of_quotas(&own.project),
        body: Body::Quotas(own),
    };
    let first = held.first(request(quotas, AMY)).await;
    let _importing = importing(&world, |_| {});
    held.waiting(2).await;
    held.free().await;
    first.await.unwrap().unwrap();
    let done = ended(&world, import).await;
    assert_eq!((done.status, done.zone), (ImportStatus::Error, None));
    assert_eq!(
        done.message.as_deref(),
        Some("Quota exceeded during zone import.")
    );
    assert_eq!(
        (world.count("zone").await, world.count("recordset_version").await),
        (0, 0)
    );
    assert_eq!(world.compare().await, []);
}

#[tokio::test]
async fn a_zone_that_is_deleted_while_it_is_transferred_stays_deleted() {
    let world = World::new().await;
    let zone = secondary(&world, "example.org.").await;
    let held = Held::new(&world).await;
    let first = held.first(delete_zone(zone.id, AMY)).await;
    let second = second(&held, to(&zone, 100), hosts(0..1_300, 60)).await;
    held.free().await;
    first.await.unwrap().unwrap();
    assert_eq!(label(second.await.unwrap()), "bad_request");
    assert_eq!(versions(&world, &zone).await, 0);
    assert_eq!(world.compare().await, []);
}

#[tokio::test]
async fn of_two_transfers_of_one_zone_the_second_is_to_be_worked_out_anew() {
    let world = World::new().await;
    let zone = secondary(&world, "example.org.").await;
    let held = Held::new(&world).await;
    let central = world.central.clone();
    let small = to(&zone, 50);
    let first = tokio::spawn(async move { central.take_transfer(small, metadata(), Vec::new()).await });
    held.waiting(1).await;
    let second = second(&held, to(&zone, 100), hosts(0..1_300, 60)).await;
    held.free().await;
    first.await.unwrap().unwrap();
    assert_eq!(label(second.await.unwrap()), "zone_moved_on");
    assert_eq!(versions(&world, &zone).await, 0);
    assert_eq!(world.compare().await, []);
}

/// They lock each other out: the small one holds the head and wants to write what the large one has written already.
#[tokio::test]
async fn of_two_transfers_of_the_same_content_one_is_taken() {
    let world = World::new().await;
    let zone = secondary(&world, "example.org.").await;
    let held = Held::new(&world).await;
    let central = world.central.clone();
    let small = to(&zone, 50);
    let changes = sorted(hosts(0..10, 60));
    let first = tokio::spawn(async move { central.take_transfer(small, metadata(), changes).await });
    held.waiting(1).await;
    let second = second(&held, to(&zone, 100), hosts(0..1_300, 60)).await;
    held.free().await;
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    let zone = zone_row(&world.client, zone.id).await;
    let taken = match (&first, &second) {
        (Ok(_), Err(_)) => 11,
        (Err(_), Ok(_)) => 1_301,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (zone.recordset_count, versions(&world, &zone).await),
        (taken, taken)
    );
    assert_eq!(world.compare().await, []);
}
