//! How the servers stand, as operators see it.

use tokio_postgres::GenericClient;
use zonelog_dns::LongSerial;
use zonelog_model::{PoolId, Position, Timestamp, ZoneId};

use super::control::{COLUMNS, from_row};
use super::stretch::touched_sql;
use super::{Control, DeliveryError, ZoneTarget, target};

/// A server, and all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// The server.
    pub server: String,
    /// Its pool.
    pub pool: PoolId,
    /// Its checkpoint.
    pub position: Position,
    /// When that was written last.
    pub updated_at: Timestamp,
    /// The log's head at the moment of reading.
    pub head: Position,
    /// What it lags behind.
    pub lag: Lag,
    /// Which reconciler works on it; `None`: none does.
    pub holder: Option<String>,
    /// What operators asked for.
    pub control: Control,
}

/// What a server lags behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// How many zones are behind or failing.
    pub behind: i64,
    /// How many of them are failing.
    pub failing: i64,
    /// The time of the oldest change that it was not seen to serve, or since which a zone is behind; `None`: it is in step.
    pub since: Option<Timestamp>,
}

/// SQL: the columns of a [`Lag`], for the row `c` of `server_checkpoint`.
const LAG: &str = "b.behind, b.failing, least(b.since, \
       (select e.recorded_at from event e where e.feed = 0 and e.position = c.position + 1))";

/// SQL: the row `b` that [`LAG`] reads.
const BEHIND: &str = "cross join lateral (select count(*) as behind, count(s.error) as failing, min(s.since) as since \
       from server_zone s where s.server = c.server) b";

fn lag_from_row(row: &tokio_postgres::Row, first: usize) -> Lag {
    Lag {
        behind: row.get(first),
        failing: row.get(first + 1),
        since: row.get(first + 2),
    }
}

/// What one server lags behind; `None` when it is not registered.
pub async fn lag<C: GenericClient>(client: &C, server: &str) -> Result<Option<Lag>, DeliveryError> {
    let text = format!("select {LAG} from server_checkpoint c {BEHIND} where c.server = $1");
    let row = client.query_opt(&text, &[&server]).await?;
    Ok(row.map(|row| lag_from_row(&row, 0)))
}

/// All servers, by name.
pub async fn servers<C: GenericClient>(client: &C) -> Result<Vec<ServerState>, DeliveryError> {
    // A holder is one whose lease has not run out, and whose session is there: as for who would take it over.
    let text = format!(
        "select c.server, c.pool, c.position, c.updated_at, h.position, \
           case when l.expires_at > now() and exists (select from pg_stat_activity a \
             where a.pid = l.backend_pid and a.backend_start = l.backend_start) then l.holder end, {LAG}, {COLUMNS} \
         from server_checkpoint c join feed_head h on h.feed = 0 \
         left join server_lease l on l.server = c.server \
         left join server_control k on k.server = c.server {BEHIND} \
         order by c.server"
    );
    let rows = client.query(&text, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| ServerState {
            server: row.get(0),
            pool: PoolId::new(row.get(1)),
            position: row.get(2),
            updated_at: row.get(3),
            head: row.get(4),
            holder: row.get(5),
            lag: lag_from_row(row, 6),
            control: from_row(row, 9),
        })
        .collect())
}

/// The servers of a pool that were not yet seen to be as the log says, each with the number of zones for which that is so, at
/// the most. Once the pool is gone nobody looks after that any more: what was to go from them stays.
pub async fn unfinished<C: GenericClient>(
    client: &C,
    pool: PoolId,
) -> Result<Vec<(String, usize)>, DeliveryError> {
    // Its catalog shows zones that moved until they are served elsewhere: only then are they to go.
    let sql =
        "select count(*) from catalog_member where pool = $1 and coo is not null and until_position is null";
    let on_the_way: i64 = client.query_one(sql, &[&pool.uuid()]).await?.get(0);
    let mut unfinished = Vec::new();
    for state in servers(client).await? {
        if state.pool != pool {
            continue;
        }
        let touched = touched_since(client, pool, state.position + 1).await?.len();
        let zones = touched + usize::try_from(state.lag.behind + on_the_way).unwrap_or_default();
        if zones > 0 {
            unfinished.push((state.server, zones));
        }
    }
    Ok(unfinished)
}

/// The names of a pool's zones that the log touched from a position on: what a replay from there drives again.
pub async fn touched_since<C: GenericClient>(
    client: &C,
    pool: PoolId,
    from: Position,
) -> Result<Vec<ZoneTarget>, DeliveryError> {
    let touched = touched_sql(
        "''",
        "$1",
        "$2",
        "(select h.position from feed_head h where h.feed = 0)",
    );
    let text = format!(
        "select z.name_key, z.name, z.id, z.content_position, z.pool_position, z.serial, z.hard from ({touched}) z \
         where $2 > 0 or z.gone is null"
    );
    let after = (from - 1).max(0);
    let rows = client.query(&text, &[&pool.uuid(), &after]).await?;
    rows.iter().map(|row| target(row, 0)).collect()
}

/// A zone that is behind or failing at a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BehindZone {
    /// Its name.
    pub name: String,
    /// The zone last known by that name.
    pub zone: ZoneId,
    /// The serial last seen there.
    pub serial: Option<LongSerial>,
    /// When that was seen.
    pub seen_at: Option<Timestamp>,
    /// Since when it is behind.
    pub since: Timestamp,
    /// What went wrong last; `None`: merely behind.
    pub error: Option<String>,
    /// How many tries failed.
    pub attempts: i32,
    /// When it is tried again.
    pub next_try: Timestamp,
}

/// The zones that are behind at a server, at most `limit`: failing ones first, and of these the oldest.
pub async fn behind_at<C: GenericClient>(
    client: &C,
    server: &str,
    limit: i64,
) -> Result<Vec<BehindZone>, DeliveryError> {
    let rows = client
        .query(
            "select name, zone, serial, seen_at, since, error, attempts, next_try from server_zone where server = $1 \
             order by error is null, since, zone_key limit $2",
            &[&server, &limit],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| BehindZone {
            name: row.get(0),
            zone: ZoneId::new(row.get(1)),
            serial: row.get::<_, Option<i64>>(2).map(LongSerial::from_i64),
            seen_at: row.get(3),
            since: row.get(4),
            error: row.get(5),
            attempts: row.get(6),
            next_try: row.get(7),
        })
        .collect())
}
