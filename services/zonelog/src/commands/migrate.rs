//! `zonelog migrate`: brings the database's tables to this version.

use crate::cli::{At, CommandError};
use crate::installation::{Urls, configuration, connect, urls};
use crate::output;

/// Runs the command.
pub async fn run(at: &At) -> Result<(), CommandError> {
    let config = configuration(at)?;
    let migrated = migrate(&urls(&config)?).await?;
    let number = migrated.number;
    output::line(&match migrated.applied {
        0 => format!("the schema is at {number} already"),
        1 => format!("applied 1 migration; the schema is at {number}"),
        applied => format!("applied {applied} migrations; the schema is at {number}"),
    })?;
    Ok(())
}

/// Migrates as the owner, for the service's role.
pub async fn migrate(urls: &Urls) -> Result<zonelog_schema::Migrated, CommandError> {
    let service: tokio_postgres::Config = urls.service.expose().parse()?;
    let role = service.get_user().ok_or("database.url names no role")?;
    let mut owner = connect(&urls.owner, "zonelog migrate").await?;
    Ok(zonelog_schema::migrate(&mut owner, role).await?)
}
