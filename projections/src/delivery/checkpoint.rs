//! `server_checkpoint`: which servers there are, and how far each has come.

use tokio_postgres::GenericClient;
use zonelog_model::{PoolId, Position, Timestamp};

use super::DeliveryError;

/// How far a server has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The server's name in the configuration.
    pub server: String,
    /// Its pool.
    pub pool: PoolId,
    /// The log position up to which it is known to serve what the log says, but for its rows in `server_zone`.
    pub position: Position,
    /// When that was last written.
    pub updated_at: Timestamp,
}

/// Registers the pool's servers: new ones start at position 0, those no longer listed are forgotten with all that is
/// known of them, those that come from another pool start again.
pub async fn register<C: GenericClient>(
    client: &C,
    pool: PoolId,
    servers: &[String],
    now: Timestamp,
) -> Result<(), DeliveryError> {
    client
        .execute(
            "with gone as (delete from server_checkpoint \
               where pool = $1 and server <> all ($2) returning server), \
             forgotten as (delete from server_zone b using gone where b.server = gone.server), \
             unasked as (delete from server_control k using gone where k.server = gone.server), \
             moved as (delete from server_zone b using server_checkpoint c \
               where c.server = b.server and c.server = any ($2) and c.pool <> $1) \
             insert into server_checkpoint (server, pool, position, updated_at) \
             select server, $1, 0, $3 from unnest($2::text[]) server \
             on conflict (server) do update set pool = excluded.pool, position = 0, updated_at = excluded.updated_at \
             where server_checkpoint.pool <> excluded.pool",
            &[&pool.uuid(), &servers, &now],
        )
        .await?;
    Ok(())
}

/// The checkpoints of all servers, by name.
pub async fn checkpoints<C: GenericClient>(client: &C) -> Result<Vec<Checkpoint>, DeliveryError> {
    let rows = client
        .query(
            "select server, pool, position, updated_at from server_checkpoint order by server",
            &[],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Checkpoint {
            server: row.get(0),
            pool: PoolId::new(row.get(1)),
            position: row.get(2),
            updated_at: row.get(3),
        })
        .collect())
}

/// The checkpoint of one server; `None` when it is not registered.
pub async fn checkpoint<C: GenericClient>(
    client: &C,
    server: &str,
) -> Result<Option<Position>, DeliveryError> {
    let row = client
        .query_opt(
            "select position from server_checkpoint where server = $1",
            &[&server],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}
