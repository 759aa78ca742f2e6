//! Refusing a schema that this program must not run on.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::catalogue;
use crate::error::SchemaError;
use crate::migrations::{MIGRATIONS, latest};

/// Checks that the database has exactly this program's schema: all migrations, none that is newer, each with this
/// program's text, and tables that are what the migrations make. Additional indexes are allowed. Reads only.
///
/// # Errors
/// The first thing that is wrong, as a sentence that says what to do.
pub async fn check(client: &Client) -> Result<(), SchemaError> {
    let found = applied(client).await?;
    match found {
        0 => Err(SchemaError::Missing),
        found if found < MIGRATIONS.len() => Err(SchemaError::Older {
            found: MIGRATIONS[found - 1].number,
            needed: latest(),
        }),
        _ => catalogue::compare(client).await,
    }
}

/// How many of [`MIGRATIONS`] the database has; what it has must be the first ones, with the same text.
pub(crate) async fn applied(client: &Client) -> Result<usize, SchemaError> {
    let rows = match client
        .query(
            "select number, name, digest from schema_migration order by number",
            &[],
        )
        .await
    {
        Ok(rows) => rows,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Err(SchemaError::Missing),
        Err(error) => return Err(error.into()),
    };
    if let Some(last) = rows.last()
        && last.get::<_, i32>(0) > latest()
    {
        return Err(SchemaError::Newer {
            found: last.get(0),
            name: last.get(1),
            known: latest(),
        });
    }
    for (migration, row) in MIGRATIONS.iter().zip(&rows) {
        if row.get::<_, i32>(0) != migration.number || row.get::<_, &str>(2) != migration.digest() {
            return Err(SchemaError::AnotherText {
                number: migration.number,
                name: migration.name,
            });
        }
    }
    Ok(rows.len())
}
