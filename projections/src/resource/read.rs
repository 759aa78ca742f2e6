//! Rows into the values of the domain, and single look-ups.

use deadpool_postgres::GenericClient;
use serde_json::{Value, json};
use thiserror::Error;
use tokio_postgres::Row;
use uuid::Uuid;
use zonelog_model::resource::{Body, Kind, QuotaOverrides, Resource};
use zonelog_model::{Timestamp, stored};

use crate::zone_state::RowError;

/// What [`resource_from_row`] reads, in its order: 7 columns of `resource` under the alias `r`.
pub const RESOURCE_COLUMNS: &str =
    "r.id, r.kind, r.body, r.revision, r.stream_version, r.created_at, r.updated_at";

/// Why there is no resource, or no list of them.
#[derive(Debug, Error)]
pub enum ResourceError {
    /// The marker is no object of the list.
    #[error("the marker {0} is not in the list")]
    MarkerNotFound(Uuid),
    /// A row does not mean what its table says.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The database refused or is away.
    #[error("resources could not be read")]
    Database(#[from] tokio_postgres::Error),
}

/// The resource in a row whose columns from `first` on are [`RESOURCE_COLUMNS`].
pub fn resource_from_row(row: &Row, first: usize) -> Result<Resource, RowError> {
    let read = || -> Result<Value, tokio_postgres::Error> {
        Ok(json!({
            "id": row.try_get::<_, Uuid>(first)?,
            "kind": row.try_get::<_, &str>(first + 1)?,
            "body": row.try_get::<_, Value>(first + 2)?,
            "revision": row.try_get::<_, i64>(first + 3)?,
            "stream_version": row.try_get::<_, i64>(first + 4)?,
            "created_at": row.try_get::<_, Timestamp>(first + 5)?,
            "updated_at": row.try_get::<_, Option<Timestamp>>(first + 6)?,
        }))
    };
    let wrong = |reason: String| RowError {
        table: "resource",
        id: row
            .try_get::<_, Uuid>(first)
            .map_or_else(|_| "without an id".to_owned(), |id| id.to_string()),
        column: "body",
        reason,
    };
    let value = read().map_err(|error| wrong(error.to_string()))?;
    stored::resource_from_value(&value).map_err(|error| wrong(error.to_string()))
}

/// The resource of a kind and id, whoever it belongs to.
pub async fn find<C: GenericClient>(
    client: &C,
    kind: Kind,
    id: Uuid,
) -> Result<Option<Resource>, ResourceError> {
    let text = format!("select {RESOURCE_COLUMNS} from resource r where r.id = $1 and r.kind = $2");
    let statement = client.prepare_cached(&text).await?;
    let row = client.query_opt(&statement, &[&id, &kind.label()]).await?;
    Ok(row.map(|row| resource_from_row(&row, 0)).transpose()?)
}

/// All pools, the oldest first.
pub async fn pools<C: GenericClient>(client: &C) -> Result<Vec<Resource>, ResourceError> {
    all(client, Kind::Pool).await
}

/// All TSIG keys, the oldest first.
pub async fn tsig_keys<C: GenericClient>(client: &C) -> Result<Vec<Resource>, ResourceError> {
    all(client, Kind::TsigKey).await
}

async fn all<C: GenericClient>(client: &C, kind: Kind) -> Result<Vec<Resource>, ResourceError> {
    let text =
        format!("select {RESOURCE_COLUMNS} from resource r where r.kind = $1 order by r.created_at, r.id");
    let statement = client.prepare_cached(&text).await?;
    let rows = client.query(&statement, &[&kind.label()]).await?;
    rows.iter().map(|row| Ok(resource_from_row(row, 0)?)).collect()
}

/// What was set for a project; `None`: all of it follows the installation's defaults.
pub async fn quotas<C: GenericClient>(
    client: &C,
    project: &str,
) -> Result<Option<QuotaOverrides>, ResourceError> {
    let text = format!("select {RESOURCE_COLUMNS} from resource r where r.kind = $1 and r.name_key = $2");
    let statement = client.prepare_cached(&text).await?;
    let row = client
        .query_opt(&statement, &[&Kind::Quotas.label(), &project])
        .await?;
    let resource = row.map(|row| resource_from_row(&row, 0)).transpose()?;
    Ok(resource.and_then(|resource| match resource.body {
        Body::Quotas(quotas) => Some(quotas),
        _ => None,
    }))
}
