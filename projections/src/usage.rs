//! How much there is: zones of a project, and all of it.

use deadpool_postgres::GenericClient;
use tokio_postgres::Error;

/// What an installation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Live zones.
    pub zones: i64,
    /// Records of their recordsets, the managed ones not counted.
    pub records: i64,
    /// Projects that have a zone.
    pub tenants: i64,
}

/// The live zones of a project.
pub async fn zones<C: GenericClient>(client: &C, project: &str) -> Result<i64, Error> {
    let statement = client
        .prepare_cached("select zones from project_usage where project = $1")
        .await?;
    let row = client.query_opt(&statement, &[&project]).await?;
    row.map_or(Ok(0), |row| row.try_get(0))
}

/// What the installation holds. Reads every live zone's row.
pub async fn counts<C: GenericClient>(client: &C) -> Result<Counts, Error> {
    let statement = client
        .prepare_cached(
            "select count(*), coalesce(sum(record_count), 0)::bigint, \
               (select count(*) from project_usage where zones > 0) \
             from zone where deleted_at is null",
        )
        .await?;
    let row = client.query_one(&statement, &[]).await?;
    Ok(Counts {
        zones: row.try_get(0)?,
        records: row.try_get(1)?,
        tenants: row.try_get(2)?,
    })
}

/// The projects that have zones, by id, with the number of their live zones.
pub async fn tenants<C: GenericClient>(client: &C) -> Result<Vec<(String, i64)>, Error> {
    let statement = client
        .prepare_cached("select project, zones from project_usage where zones > 0 order by project")
        .await?;
    let rows = client.query(&statement, &[]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

/// The names of a project's live zones, the oldest first.
pub async fn zone_names<C: GenericClient>(client: &C, project: &str) -> Result<Vec<String>, Error> {
    let statement = client
        .prepare_cached(
            "select name from zone where project = $1 and deleted_at is null order by created_at, id",
        )
        .await?;
    let rows = client.query(&statement, &[&project]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
