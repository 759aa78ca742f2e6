//! Applying what is missing.

use tokio_postgres::Client;

use crate::error::SchemaError;
use crate::migrations::{MIGRATIONS, latest};
use crate::{catalogue, check, grants};

/// The key of the lock under which a database is migrated: "zonelog" as bytes. On the write path no such lock is used.
const LOCK: i64 = 0x7a_6f6e_656c_6f67;

/// What [`migrate`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// How many migrations were applied; 0 when all were there.
    pub applied: usize,
    /// The schema's number now.
    pub number: i32,
}

/// Brings the database to this program's schema, and gives `service_role` the privileges that the services need: on
/// the log SELECT and INSERT alone. `owner` is a connection of the role that owns the tables. Two migrations at once
/// wait for each other. Each migration is one transaction.
///
/// # Errors
/// As [`SchemaError`] says; a schema that is newer or altered is left as it is.
pub async fn migrate(owner: &mut Client, service_role: &str) -> Result<Migrated, SchemaError> {
    // A session's lock, not a transaction's: it spans the transactions of all migrations. It goes with the connection.
    owner.execute("select pg_advisory_lock($1)", &[&LOCK]).await?;
    let migrated = apply_missing(owner, service_role).await;
    let unlocked = owner.execute("select pg_advisory_unlock($1)", &[&LOCK]).await;
    let migrated = migrated?;
    unlocked?;
    Ok(migrated)
}

async fn apply_missing(owner: &mut Client, service_role: &str) -> Result<Migrated, SchemaError> {
    grants::role_exists(owner, service_role).await?;
    owner
        .batch_execute(
            "set client_min_messages = warning;
             create table if not exists schema_migration (
                 number     integer     primary key,
                 name       text        not null,
                 digest     text        not null,
                 applied_at timestamptz not null default now()
             )",
        )
        .await?;
    let present = check::applied(owner).await?;
    for migration in &MIGRATIONS[present..] {
        let transaction = owner.transaction().await?;
        let failed = |source| SchemaError::Failed {
            number: migration.number,
            name: migration.name,
            source,
        };
        transaction.batch_execute(migration.sql).await.map_err(failed)?;
        transaction
            .execute(
                "insert into schema_migration (number, name, digest) values ($1, $2, $3)",
                &[&migration.number, &migration.name, &migration.digest()],
            )
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        tracing::info!(
            number = migration.number,
            name = migration.name,
            "schema migrated"
        );
    }
    catalogue::compare(owner).await?;
    grants::grant(owner, service_role).await?;
    grants::grant_temporary_tables(owner, service_role).await?;
    Ok(Migrated {
        applied: MIGRATIONS.len() - present,
        number: latest(),
    })
}
