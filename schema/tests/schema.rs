//! Migrations and their check, on a real PostgreSQL.

use std::collections::BTreeSet;

use zonelog_cluster::Role;
use zonelog_schema::{MIGRATIONS, Migrated, SchemaError, check, check_log_is_protected, describe, migrate};
use zonelog_test_parts::TestDatabase;
use zonelog_test_parts::postgres::connect;

const SERVICE: &str = Role::Service.name();

/// With `BLESS=1` in the environment the description is written anew.
#[tokio::test]
async fn the_description_is_what_the_migrations_make() {
    let database = TestDatabase::without_schema().await;
    let owner = database.owner().await;
    owner.batch_execute("create table schema_migration (number integer primary key, name text not null, digest text not null, applied_at timestamptz not null default now())").await.unwrap();
    for migration in MIGRATIONS {
        owner.batch_execute(migration.sql).await.unwrap();
    }
    let live = describe(&owner).await.unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue.txt");
    if std::env::var_os("BLESS").is_some() {
        let text: String = live.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(file, text).unwrap();
    }
    let text = std::fs::read_to_string(file).unwrap();
    let described: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(
        live, described,
        "run this test with BLESS=1 after a new migration"
    );
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let database = TestDatabase::without_schema().await;
    let mut owner = database.owner().await;
    assert!(matches!(check(&owner).await, Err(SchemaError::Missing)));
    let all = MIGRATIONS.len();
    let number = MIGRATIONS[all - 1].number;
    assert_eq!(
        migrate(&mut owner, SERVICE).await.unwrap(),
        Migrated { applied: all, number }
    );

    let transaction = "select pg_current_xact_id_if_assigned() is null, (select max(xmin::text::bigint) from pg_class), \
                       (select string_agg(m::text, ',' order by number) from schema_migration m)";
    let before = owner.query_one(transaction, &[]).await.unwrap();
    assert_eq!(
        migrate(&mut owner, SERVICE).await.unwrap(),
        Migrated { applied: 0, number }
    );
    let after = owner.query_one(transaction, &[]).await.unwrap();
    assert_eq!(
        before.get::<_, i64>(1),
        after.get::<_, i64>(1),
        "no table was touched"
    );
    assert_eq!(before.get::<_, String>(2), after.get::<_, String>(2));
    check(&owner).await.unwrap();
    check(&database.client().await).await.unwrap();
}

#[tokio::test]
async fn two_migrations_at_once_make_one_schema() {
    let database = TestDatabase::without_schema().await;
    let (mut one, mut other) = (database.owner().await, database.owner().await);
    let (one, other) = tokio::join!(migrate(&mut one, SERVICE), migrate(&mut other, SERVICE));
    let mut applied = [one.unwrap().applied, other.unwrap().applied];
    applied.sort_unstable();
    assert_eq!(applied, [0, MIGRATIONS.len()]);
    check(&database.client().await).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let database = TestDatabase::new().await;
    let mut owner = database.owner().await;
    owner
        .execute(
            "insert into schema_migration (number, name, digest) values (9999, 'from_the_future', 'x')",
            &[],
        )
        .await
        .unwrap();
    for result in [check(&owner).await, migrate(&mut owner, SERVICE).await.map(drop)] {
        let error = result.unwrap_err();
        assert!(matches!(error, SchemaError::Newer { found: 9999, .. }), "{error}");
        assert!(error.to_string().contains("from_the_future"), "{error}");
        assert!(error.to_string().contains("at least as new"), "{error}");
    }
}

#[tokio::test]
async fn an_older_schema_is_refused_until_it_is_migrated() {
    let database = TestDatabase::without_schema().await;
    let mut owner = database.owner().await;
    migrate(&mut owner, SERVICE).await.unwrap();
    // As it was before the last migration, which makes tables, and adds or drops columns.
    let last = MIGRATIONS.last().unwrap();
    for table in last.sql.split("create table ").skip(1) {
        let name = table.split_whitespace().next().unwrap();
        owner.batch_execute(&format!("drop table {name}")).await.unwrap();
    }
    for index in last.sql.split("create index ").skip(1) {
        let name = index.split_whitespace().next().unwrap();
        owner
            .batch_execute(&format!("drop index if exists {name}"))
            .await
            .unwrap();
    }
    for addition in last.sql.split("alter table ").skip(1) {
        let words: Vec<&str> = addition
            .split_whitespace()
            .take(4)
            .map(|word| word.trim_end_matches(';'))
            .collect();
        let back = match words[..] {
            [table, "add", "column", column] => format!("alter table {table} drop column {column}"),
            [table, "drop", "column", column] => format!("alter table {table} add column {column} bigint"),
            _ => panic!("the test knows no way back from {addition:?}"),
        };
        owner.batch_execute(&back).await.unwrap();
    }
    owner
        .execute("delete from schema_migration where number = $1", &[&last.number])
        .await
        .unwrap();
    let error = check(&owner).await.unwrap_err();
    assert!(matches!(error, SchemaError::Older { .. }), "{error}");
    assert!(error.to_string().contains("zonelog migrate"), "{error}");
    assert_eq!(migrate(&mut owner, SERVICE).await.unwrap().applied, 1);
    check(&owner).await.unwrap();
}

#[tokio::test]
async fn an_altered_schema_is_refused_with_what_differs() {
    for (alteration, expected) in [
        (
            "alter table event drop column cause",
            "missing: column event.cause text",
        ),
        (
            "alter table zone add column colour text",
            "not ours: column zone.colour text",
        ),
        (
            "alter table event alter column request_id set not null",
            "missing: column event.request_id text",
        ),
        (
            "drop index zone_live_name",
            "missing: index CREATE UNIQUE INDEX zone_live_name",
        ),
        (
            "alter table event drop constraint event_stream_version_key",
            "missing: constraint event.event_stream",
        ),
        (
            "drop table server_zone",
            "missing: column server_zone.server text not null",
        ),
    ] {
        let database = TestDatabase::new().await;
        let mut owner = database.owner().await;
        owner.batch_execute(alteration).await.unwrap();
        for result in [check(&owner).await, migrate(&mut owner, SERVICE).await.map(drop)] {
            let error = result.unwrap_err();
            assert!(
                matches!(error, SchemaError::Altered { .. }),
                "{alteration}: {error}"
            );
            assert!(error.to_string().contains(expected), "{alteration}: {error}");
        }
    }
    let database = TestDatabase::new().await;
    let owner = database.owner().await;
    owner
        .batch_execute("create index mine on zone (email)")
        .await
        .unwrap();
    check(&owner).await.unwrap();
}

#[tokio::test]
async fn another_text_of_a_migration_is_refused() {
    let database = TestDatabase::new().await;
    let owner = database.owner().await;
    owner
        .execute(
            "update schema_migration set digest = 'other' where number = 2",
            &[],
        )
        .await
        .unwrap();
    let error = check(&owner).await.unwrap_err();
    assert!(
        matches!(error, SchemaError::AnotherText { number: 2, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("zone_state"), "{error}");
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing_behind() {
    let database = TestDatabase::without_schema().await;
    let mut owner = database.owner().await;
    owner
        .batch_execute("create table recordset_version (mine integer)")
        .await
        .unwrap();
    let error = migrate(&mut owner, SERVICE).await.unwrap_err();
    assert!(matches!(error, SchemaError::Failed { number: 2, .. }), "{error}");
    assert!(error.to_string().contains("already exists"), "{error}");
    let row = owner
        .query_one(
            "select to_regclass('zone') is null, to_regclass('event') is null",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(
        (row.get(0), row.get(1)),
        (true, false),
        "migration 1 stands, nothing of 2 does"
    );
    owner.batch_execute("drop table recordset_version").await.unwrap();
    assert_eq!(
        migrate(&mut owner, SERVICE).await.unwrap().applied,
        MIGRATIONS.len() - 1
    );
}

#[tokio::test]
async fn roles_that_cannot_serve_are_refused() {
    let database = TestDatabase::without_schema().await;
    let mut owner = database.owner().await;
    let error = migrate(&mut owner, "nobody_here").await.unwrap_err();
    assert!(
        error.to_string().contains("no database role \"nobody_here\""),
        "{error}"
    );
    for role in [Role::Owner.name(), Role::Superuser.name()] {
        let error = migrate(&mut owner, role).await.unwrap_err();
        assert!(
            matches!(error, SchemaError::LogNotProtected { .. }),
            "{role}: {error}"
        );
    }
    migrate(&mut owner, SERVICE).await.unwrap();
    check_log_is_protected(&database.client().await).await.unwrap();
    assert!(check_log_is_protected(&owner).await.is_err());
    let superuser = connect(&database.superuser_url()).await;
    assert!(check_log_is_protected(&superuser).await.is_err());
}

#[tokio::test]
async fn lost_privileges_come_back_with_the_next_migration() {
    let database = TestDatabase::new().await;
    let mut owner = database.owner().await;
    owner
        .batch_execute("grant delete on event to zonelog_service; revoke insert on zone from zonelog_service")
        .await
        .unwrap();
    let service = database.client().await;
    assert!(check_log_is_protected(&service).await.is_err());
    migrate(&mut owner, SERVICE).await.unwrap();
    check_log_is_protected(&service).await.unwrap();
    let row = service
        .query_one("select has_table_privilege('zone', 'INSERT')", &[])
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
}

#[tokio::test]
async fn the_service_may_make_temporary_tables_whatever_the_public_may() {
    let database = TestDatabase::new().await;
    let mut owner = database.owner().await;
    let superuser = connect(&database.superuser_url()).await;
    let row = superuser
        .query_one("select current_database()::text", &[])
        .await
        .unwrap();
    let name: &str = row.get(0);
    let hardened = format!("revoke temporary on database \"{name}\" from public");
    superuser.batch_execute(&hardened).await.unwrap();
    let service = database.client().await;
    let make = "create temporary table t (n integer); drop table t";
    service.batch_execute(make).await.unwrap_err();
    migrate(&mut owner, SERVICE).await.unwrap();
    service.batch_execute(make).await.unwrap();
    // Somebody else's database.
    let foreign = format!(
        "alter database \"{name}\" owner to {}; revoke temporary on database \"{name}\" from \"{SERVICE}\"; \
         grant all on schema public to {}",
        Role::Superuser.name(),
        Role::Owner.name()
    );
    superuser.batch_execute(&foreign).await.unwrap();
    let error = migrate(&mut owner, SERVICE).await.unwrap_err();
    assert!(matches!(error, SchemaError::NoTemporaryTables { .. }), "{error}");
    assert!(
        error.to_string().contains("grant temporary on database"),
        "{error}"
    );
}

/// What the tables of release 0.1 lack is told by what they hold.
#[tokio::test]
async fn zones_and_records_of_an_older_schema_are_counted() {
    let database = TestDatabase::without_schema().await;
    let mut owner = database.owner().await;
    owner
        .batch_execute(
            "create table schema_migration (number integer primary key, name text not null, digest text not null, \
             applied_at timestamptz not null default now())",
        )
        .await
        .unwrap();
    for migration in &MIGRATIONS[..5] {
        owner.batch_execute(migration.sql).await.unwrap();
        owner
            .execute(
                "insert into schema_migration (number, name, digest) values ($1, $2, $3)",
                &[&migration.number, &migration.name, &migration.digest()],
            )
            .await
            .unwrap();
    }
    let rows = "
        insert into zone (id, name, name_key, project, pool, email, ttl, attributes, mname, refresh, retry, expire,
                          minimum, serial, soa_recordset, revision, stream_version, created_at, created_position,
                          content_position, deleted_position, deleted_at)
        select lpad(n::text, 32, '0')::uuid, n || '.test.', convert_to(n::text, 'UTF8'), 'p', gen_random_uuid(), 'a@b.c', 1,
               '{}', 'ns.', 1, 1, 1, 1, 1, gen_random_uuid(), 1, 1, now(), n, n + 10, case n when 2 then 12 end,
               case n when 2 then now() end
        from generate_series(1, 2) n;
        insert into recordset_version (zone, recordset, owner, owner_key, type, records, rdata, managed, project, revision,
                                       created_at, since_serial, until_serial, since_position)
        select z.id, gen_random_uuid(), 'r', convert_to(n::text, 'UTF8'), 1, array['192.0.2.1', '192.0.2.2'], '', n = 1, 'p',
               1, now(), 1, case n when 2 then 2 end, 1
        from zone z, generate_series(1, 4) n";
    owner.batch_execute(rows).await.unwrap();
    migrate(&mut owner, SERVICE).await.unwrap();
    let zones = owner
        .query(
            "select recordset_count, record_count, pool_position from zone order by name",
            &[],
        )
        .await
        .unwrap();
    let zones: Vec<(i64, i64, i64)> = zones
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    // One recordset is managed, one is not live; the second zone is deleted.
    assert_eq!(zones, [(2, 4, 1), (0, 0, 2)]);
    let usage = owner
        .query_one("select project, zones from project_usage", &[])
        .await
        .unwrap();
    assert_eq!((usage.get::<_, &str>(0), usage.get::<_, i64>(1)), ("p", 1));
}
