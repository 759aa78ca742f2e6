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

type Outcome = JoinHandle<Result<Accepted, ExecuteError>>;

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
    async fn first(&self, request: Request) -> Outcome {
        let central = self.world.central.clone();
        let first = tokio::spawn(async move { central.execute(request).await });
        self.waiting(1).await;
        first
    }

    /// Takes a transfer, which waits as the `place`th with all that it wrote.
    async fn transfer(&self, place: i64, transfer: Transfer, changes: Vec<RrsetChange>) -> Outcome {
        let (central, changes) = (self.world.central.clone(), sorted(changes));
        let taken = tokio::spawn(async move { central.take_transfer(transfer, metadata(), changes).await });
        self.waiting(place).await;
        taken
    }

    async fn free(self) {
        self.holder.batch_execute("commit").await.unwrap();
    }
}

/// The versions of a zone's recordsets.
async fn versions(world: &World, zone: &Zone) -> i64 {
    world
        .count(&format!("recordset_version where zone = '{}'", zone.id.uuid()))
        .await
}

/// How an import of 20 hosts of `example.org.` ends when a command is accepted while it is written; it leaves so many zones
/// and versions of recordsets.
async fn refused_import(meanwhile: Request, left: (i64, i64)) -> String {
    let world = World::new().await;
    let import = ids::resource_id();
    let text = master_file("example.org.", 20);
    world.central.execute(start(import, &text, AMY)).await.unwrap();
    let held = Held::new(&world).await;
    let first = held.first(meanwhile).await;
    let _importing = importing(&world, |_| {});
    held.waiting(2).await;
    held.free().await;
    first.await.unwrap().unwrap();
    let done = ended(&world, import).await;
    assert_eq!((done.status, done.zone), (ImportStatus::Error, None));
    let counts = (world.count("zone").await, world.count("recordset_version").await);
    assert_eq!(counts, left);
    assert_eq!(world.compare().await, []);
    done.message.unwrap()
}

#[tokio::test]
async fn a_zone_that_is_made_while_one_of_its_name_is_imported_stays() {
    let message = refused_import(create_zone("example.org.", AMY), (1, 1)).await;
    assert_eq!(message, "Duplicate zone.");
}

#[tokio::test]
async fn an_import_keeps_to_quotas_that_were_set_while_it_was_written() {
    let own = QuotaOverrides {
        zone_recordsets: Some(5),
        ..overrides(AMY)
    };
    let quotas = resource::Command::Create {
        id: ResourceId::of_quotas(&own.project),
        body: Body::Quotas(own),
    };
    let message = refused_import(request(quotas, AMY), (0, 0)).await;
    assert_eq!(message, "Quota exceeded during zone import.");
}

/// What refuses a transfer of 1,300 hosts when something is accepted while it is written; it leaves no version.
async fn refused_transfer(world: &World, zone: &Zone, held: Held<'_>, first: Outcome) -> &'static str {
    let second = held.transfer(2, to(zone, 100), hosts(0..1_300, 60)).await;
    held.free().await;
    first.await.unwrap().unwrap();
    let label = match second.await.unwrap() {
        Err(ExecuteError::Rejected(rejection)) => rejection.label(),
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(versions(world, zone).await, 0);
    assert_eq!(world.compare().await, []);
    label
}

#[tokio::test]
async fn a_zone_that_is_deleted_while_it_is_transferred_stays_deleted() {
    let world = World::new().await;
    let zone = secondary(&world, "example.org.").await;
    let held = Held::new(&world).await;
    let first = held.first(delete_zone(zone.id, AMY)).await;
    assert_eq!(refused_transfer(&world, &zone, held, first).await, "bad_request");
}

#[tokio::test]
async fn of_two_transfers_of_one_zone_the_second_is_to_be_worked_out_anew() {
    let world = World::new().await;
    let zone = secondary(&world, "example.org.").await;
    let held = Held::new(&world).await;
    let first = held.transfer(1, to(&zone, 50), Vec::new()).await;
    assert_eq!(
        refused_transfer(&world, &zone, held, first).await,
        "zone_moved_on"
    );
}

/// They lock each other out: the small one holds the head and wants to write what the large one has written already.
#[tokio::test]
async fn of_two_transfers_of_the_same_content_one_is_taken() {
    let world = World::new().await;
    let zone = secondary(&world, "example.org.").await;
    let held = Held::new(&world).await;
    let first = held.transfer(1, to(&zone, 50), hosts(0..10, 60)).await;
    let second = held.transfer(2, to(&zone, 100), hosts(0..1_300, 60)).await;
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
