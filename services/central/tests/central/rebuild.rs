//! Making zone state anew, beside the live tables and while they change.

use zonelog_dns::Rrtype;
use zonelog_projections::rebuild::{Progress, RebuildError, Side, compare, drop_shadow, rebuild};
use zonelog_store::{Database, Feed};

use crate::history::{Author, random};
use crate::setup::{AMY, World, create_recordset};

#[tokio::test]
async fn a_comparison_names_what_differs() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let made = world
        .accept(create_recordset(
            zone.id,
            "www.example.org.",
            Rrtype::A,
            &["192.0.2.1"],
            AMY,
        ))
        .await;
    assert!(world.compare().await.is_empty());

    let owner = world.database.owner().await;
    owner
        .batch_execute("update recordset_version set description = 'tampered' where type = 1")
        .await
        .unwrap();
    owner
        .batch_execute("delete from zone_serial where whole")
        .await
        .unwrap();
    let differences = world.compare().await;
    let told: Vec<_> = differences
        .iter()
        .map(|difference| (difference.table, difference.side))
        .collect();
    assert_eq!(
        told,
        [
            ("recordset_version", Side::Live),
            ("recordset_version", Side::Rebuilt),
            ("zone_serial", Side::Rebuilt)
        ]
    );
    assert!(
        differences[0]
            .key
            .contains(&made.recordset.unwrap().id.to_string()),
        "{}",
        differences[0]
    );
    assert!(
        differences[0].to_string().contains("tampered"),
        "{}",
        differences[0]
    );
}

#[tokio::test]
async fn commands_may_go_on_during_a_comparison() {
    let world = World::new().await;
    let mut author = Author::default();
    let mut random = random(3);
    author.write(&[&world.central], &mut random, 20).await;
    let feed = Feed::new(&Database::new(world.database.url(), "test").unwrap());
    let owner = world.database.owner().await;
    let mut steps = Vec::new();
    let mut rebuilt = rebuild(&feed, &owner, "shadow", |progress| steps.push(progress))
        .await
        .unwrap();
    let head = rebuilt.position;
    assert_eq!(steps.last(), Some(&Progress { position: head, head }));
    // The live tables have moved on before the comparison, and move on during it.
    author.write(&[&world.central], &mut random, 20).await;
    let centrals = [&world.central];
    let (differences, ()) = tokio::join!(
        compare(&feed, &owner, &mut rebuilt, 20),
        author.write(&centrals, &mut random, 20)
    );
    let differences = differences.unwrap();
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(rebuilt.position > head);
    drop_shadow(&owner, "shadow").await.unwrap();
    let left = owner
        .query("select from pg_namespace where nspname = 'shadow'", &[])
        .await
        .unwrap();
    assert!(left.is_empty());
}

#[tokio::test]
async fn a_schemas_name_that_needs_quotes_is_refused() {
    let world = World::new().await;
    let owner = world.database.owner().await;
    let feed = Feed::new(&Database::new(world.database.url(), "test").unwrap());
    for name in [
        "",
        "public",
        "pg_shadow",
        "Shadow",
        "a b",
        "a;drop table event",
        "1a",
    ] {
        let refused = rebuild(&feed, &owner, name, |_| {}).await;
        assert!(
            matches!(refused, Err(RebuildError::SchemaName(_))),
            "{name}: {refused:?}"
        );
    }
}
