//! Imports of zones: what they make, what they say, and that nothing accepted is lost.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zonelog_central::{Central, CentralOptions, ImportRights, StartImport, ids};
use zonelog_model::ResourceId;
use zonelog_model::resource::{self, Body, ImportStatus, Kind, Quotas, ZoneImport};
use zonelog_projections::resource::{RESOURCE_COLUMNS, resource_from_row};
use zonelog_test_parts::eventually;

use crate::setup::{AMY, BOB, World, central_with, keyed, project, request};

const LONG: Duration = Duration::from_secs(120);

/// The variable that makes a copy of this program an importer of its database.
const IMPORT_IN: &str = "ZONELOG_TEST_IMPORT_IN";

pub(crate) fn start(import: ResourceId, text: &str, by: &str) -> zonelog_central::Request {
    let command = StartImport {
        import,
        project: project(by),
        text: text.to_owned().into(),
        attributes: BTreeMap::new(),
        rights: ImportRights::default(),
    };
    request(command, by)
}

/// A master file with two records a host: `2 * hosts` in all.
pub(crate) fn master_file(origin: &str, hosts: usize) -> String {
    let mut text = format!(
        "$ORIGIN {origin}\n$TTL 3600\n@ SOA ns.elsewhere.net. jo.example.net. 1 2 3 4 5\n@ NS ns.elsewhere.net.\n"
    );
    for host in 0..hosts {
        let (a, b) = (host >> 8 & 255, host & 255);
        let _ = writeln!(text, "h{host} A 10.0.{a}.{b}\nh{host} 60 TXT \"host {host}\"");
    }
    text
}

async fn import(world: &World, id: ResourceId) -> Option<ZoneImport> {
    let query = format!("select {RESOURCE_COLUMNS} from resource r where r.id = $1");
    let found = world.client.query_opt(&query, &[&id.uuid()]).await.unwrap();
    found.map(|row| match resource_from_row(&row, 0).unwrap().body {
        Body::ZoneImport(import) => import,
        other => panic!("{other:?}"),
    })
}

pub(crate) async fn ended(world: &World, id: ResourceId) -> ZoneImport {
    eventually("the import has ended", LONG, async || {
        import(world, id)
            .await
            .is_some_and(|import| import.status != ImportStatus::Pending)
    })
    .await;
    import(world, id).await.unwrap()
}

/// A Central that imports, with what ends it.
pub(crate) fn importing(
    world: &World,
    change: impl FnOnce(&mut CentralOptions),
) -> (Central, CancellationToken, watch::Sender<i64>) {
    let central = central_with(world.database.url(), |options| {
        // A page that is cut anywhere.
        options.imports.chunk = 7;
        change(options);
    });
    let shutdown = CancellationToken::new();
    let (sender, wake_ups) = watch::channel(0);
    central.start_tasks(wake_ups, &shutdown);
    (central, shutdown, sender)
}

#[tokio::test]
async fn a_master_file_becomes_a_zone_in_one_change() {
    let world = World::new().await;
    let (central, _shutdown, _wake_ups) = importing(&world, |_| {});
    let id = ids::resource_id();
    let text = master_file("Example.ORG.", 25);
    let accepted = central
        .execute(keyed(start(id, &text, AMY), "k", 1))
        .await
        .unwrap();
    let pending = accepted.resource().unwrap();
    assert!(
        matches!(&pending.body, Body::ZoneImport(import) if import.status == ImportStatus::Pending && import.zone.is_none())
    );
    let again = keyed(start(ids::resource_id(), &text, AMY), "k", 1);
    assert_eq!(
        central.execute(again).await.unwrap().resource(),
        Some(pending),
        "a retry starts no other import"
    );

    let done = ended(&world, id).await;
    assert_eq!(done.status, ImportStatus::Complete);
    assert_eq!(done.message.as_deref(), Some("Example.ORG. imported"));
    let row = world
        .client
        .query_one(
            "select id, email, ttl, recordset_count, record_count, revision, mname, stream_version from zone",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(
        Some(row.get::<_, uuid::Uuid>(0)),
        done.zone.map(|zone| zone.uuid())
    );
    assert_eq!(row.get::<_, String>(1), "jo@example.net");
    assert_eq!(
        (row.get::<_, i32>(2), row.get::<_, i64>(3), row.get::<_, i64>(4)),
        (3_600, 50, 50)
    );
    assert_eq!(
        (row.get::<_, i64>(5), row.get::<_, String>(6)),
        (1, "ns1.example.net.".to_owned())
    );
    assert_eq!(row.get::<_, i64>(7), 52);
    assert_eq!(world.count("zone_serial").await, 1);
    assert_eq!(world.count("recordset_version").await, 51);
    let one_change = "(select distinct change_id, actor ->> 'user' from event where type <> 'pool_created' and type <> 'zone_import_created')";
    assert_eq!(world.count(&format!("{one_change} c")).await, 1);
    assert_eq!(
        world.count("import_task").await + world.count("import_body").await,
        0
    );
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
    // The zone is one like any other.
    let zone = done.zone.unwrap();
    let more = crate::setup::create_recordset(
        zone,
        "new.example.org.",
        zonelog_dns::Rrtype::A,
        &["192.0.2.1"],
        AMY,
    );
    central.execute(more).await.unwrap();
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn a_failed_import_says_why_and_leaves_nothing() {
    let world = World::new().await;
    world.zone("taken.org.").await;
    let (central, _shutdown, _wake_ups) = importing(&world, |options| {
        options.quotas = Quotas {
            zone_recordsets: 10,
            ..Quotas::UNLIMITED
        };
        options.limits.min_ttl = zonelog_dns::Ttl::new(60).unwrap();
    });
    let clash = format!("{}h0 CNAME elsewhere.net.\n", master_file("clash.org.", 1));
    for (text, message) in [
        (
            "nonsense".to_owned(),
            "The $ORIGIN statement is required and must be the first statement in the zonefile.",
        ),
        (
            "$ORIGIN a.org.\n@ 60 A 192.0.2.1\n".to_owned(),
            "An SOA record is required.",
        ),
        ("$ORIGIN a.org.\nx 60 A x\n".to_owned(), "Malformed zonefile."),
        (master_file("taken.org.", 1), "Duplicate zone."),
        (
            master_file("sub.taken.org.", 6),
            "Quota exceeded during zone import.",
        ),
        (
            format!("{}low 5 A 192.0.2.1\n", master_file("low.org.", 1)),
            "TTL is below the minimum: 60",
        ),
        (
            clash,
            "An undefined error occurred. CNAME recordsets may not share a name with any other records: h0.clash.org.",
        ),
    ] {
        let id = ids::resource_id();
        central.execute(start(id, &text, AMY)).await.unwrap();
        let done = ended(&world, id).await;
        assert_eq!((done.status, done.zone), (ImportStatus::Error, None));
        assert_eq!(done.message.as_deref(), Some(message));
    }
    // Below another project's zone.
    let id = ids::resource_id();
    central
        .execute(start(id, &master_file("x.taken.org.", 1), BOB))
        .await
        .unwrap();
    let message = ended(&world, id).await.message.unwrap();
    assert_eq!(
        message,
        "An undefined error occurred. Unable to create subzone in another tenants zone"
    );
    assert_eq!(world.count("zone").await, 1);
    assert_eq!(
        world.count("import_task").await + world.count("import_body").await,
        0
    );
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn several_importers_take_each_import_once_and_deleted_ones_not_at_all() {
    let world = World::new().await;
    let imports: Vec<_> = (0..12).map(|_| ids::resource_id()).collect();
    for (number, id) in imports.iter().enumerate() {
        let text = master_file(&format!("z{number}.org."), 20);
        world.central.execute(start(*id, &text, AMY)).await.unwrap();
    }
    let kind = Kind::ZoneImport;
    let delete = resource::Command::Delete {
        id: imports[11],
        kind,
    };
    world.central.execute(request(delete, AMY)).await.unwrap();
    assert_eq!(world.count("import_task").await, 11);
    assert_eq!(world.count("import_body").await, 11);
    let _importers = [(); 3].map(|()| importing(&world, |_| {}));
    for id in &imports[..11] {
        assert_eq!(ended(&world, *id).await.status, ImportStatus::Complete);
    }
    assert_eq!(world.count("event where type = 'zone_created'").await, 11);
    assert_eq!(world.count("event where type = 'zone_import_changed'").await, 11);
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn imports_outlive_connections_that_are_cut_at_any_point() {
    let world = World::new().await;
    let imports: Vec<_> = (0..6).map(|_| ids::resource_id()).collect();
    for (number, id) in imports.iter().enumerate() {
        let text = master_file(&format!("z{number}.org."), 400);
        world.central.execute(start(*id, &text, AMY)).await.unwrap();
    }
    let (_central, _shutdown, _wake_ups) = importing(&world, |_| {});
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()
                 and query ~ '^\\s*(copy|commit|update feed_head)'";
    let mut cuts = 0;
    while cuts < 8 && world.count("import_task").await > 0 {
        cuts += world.client.query(cut, &[]).await.unwrap().len();
    }
    assert!(cuts > 0, "no connection was met while it wrote");
    for id in &imports {
        let done = ended(&world, *id).await;
        let given_up =
            done.message.as_deref() == Some("An undefined error occurred. It could not be written.");
        assert!((done.status == ImportStatus::Complete) != given_up, "{done:?}");
        let zone = done.zone.map(|zone| zone.uuid());
        let rows = "select count(*) from recordset_version where zone = $1";
        let rows: i64 = world.client.query_one(rows, &[&zone]).await.unwrap().get(0);
        assert_eq!(rows, if given_up { 0 } else { 801 });
    }
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn small_commands_go_on_beside_an_import() {
    let world = World::new().await;
    let (central, _shutdown, _wake_ups) = importing(&world, |options| options.imports.chunk = 1_000);
    let id = ids::resource_id();
    central
        .execute(start(id, &master_file("large.org.", 5_000), AMY))
        .await
        .unwrap();
    let zone = world.zone("small.org.").await;
    let hosts = (0..50).map(|host| {
        let owner = format!("h{host}.small.org.");
        world.accept(crate::setup::create_recordset(
            zone.id,
            &owner,
            zonelog_dns::Rrtype::A,
            &["192.0.2.1"],
            AMY,
        ))
    });
    join_all(hosts).await;
    assert_eq!(ended(&world, id).await.status, ImportStatus::Complete);
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The other process of the test below: imports what it finds, until it is killed.
#[test]
fn importer_to_be_killed() {
    let Ok(url) = std::env::var(IMPORT_IN) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let central = central_with(&url, |options| options.imports.chunk = 50);
        let (_sender, wake_ups) = watch::channel(0);
        central.start_tasks(wake_ups, &CancellationToken::new());
        std::future::pending::<()>().await;
    });
}

fn other_process(url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "imports::importer_to_be_killed"])
        .env(IMPORT_IN, url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_killed_process_leaves_its_import_to_the_next() {
    let world = World::new().await;
    let id = ids::resource_id();
    let text = master_file("large.org.", 5_000);
    world.central.execute(start(id, &text, AMY)).await.unwrap();
    let events = world.count("event").await;
    let mut child = other_process(world.database.url());
    let writing = "pg_stat_activity where datname = current_database() and query ~ '^\\s*copy'";
    eventually("the other process writes", LONG, async || {
        world.count(writing).await > 0
    })
    .await;
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(import(&world, id).await.unwrap().status, ImportStatus::Pending);
    assert_eq!(world.count("event").await, events, "nothing of it is there");
    let (_central, _shutdown, _wake_ups) = importing(&world, |options| {
        options.imports.chunk = 4_000;
        // The claim of the dead is not waited for.
        options.imports.claim = Duration::from_secs(3_600);
    });
    assert_eq!(ended(&world, id).await.status, ImportStatus::Complete);
    assert_eq!(world.count("recordset_version").await, 10_001);
    assert!(world.compare().await.is_empty());
}
