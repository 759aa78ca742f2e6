//! What the log did to a pool's zones after a server's checkpoint.

use tokio_postgres::GenericClient;
use tokio_postgres::types::ToSql;
use zonelog_model::{PoolId, Position, Timestamp};

use super::{DeliveryError, Lease, Statements, ZoneTarget, target};

/// The part of the log after a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// It ends at `through`, and touched these names, each once.
    Zones {
        /// The log's head at the moment of reading.
        through: Position,
        /// The names that it touched.
        zones: Vec<ZoneTarget>,
    },
    /// It holds more events than were asked for: [`park_unread`] takes it in one go.
    TooLong {
        /// The log's head at the moment of reading.
        through: Position,
    },
}

/// Which names of a pool the log touched after a position: its zones' (abandoned ones not, their servers keep them) and
/// those that went to another pool, unless the server serves that one too. `{server}`, `{pool}`, `{after}` and `{upto}` are
/// to be filled in; of what has the same name the
/// live zone counts, else what went last.
const TOUCHED: &str = "select distinct on (name_key) name_key, name, id, content_position, pool_position, serial, hard, gone from ( \
     select name_key, name, id, content_position, pool_position, \
       case when deleted_position is null then serial end as serial, hard_deleted as hard, deleted_position as gone \
     from zone where pool = {pool} and content_position > {after} and content_position <= {upto} and not abandoned \
     union all \
     select d.name_key, d.name, d.zone, d.position, 0, null, false, d.position from zone_departure d \
     where d.pool = {pool} and d.position > {after} and d.position <= {upto} and not {elsewhere} \
   ) t order by name_key, gone desc nulls first";

/// Whether a name (`{key}`) that is no more a pool's (`{pool}`) is one of another pool's that the server is in too. A server's
/// name is its pool's id, a slash, and where it is asked.
const ELSEWHERE: &str = "exists (select from zone o join server_checkpoint c on c.pool = o.pool \
     where o.name_key = {key} and o.deleted_position is null and o.pool <> {pool} \
     and c.server = o.pool || substr({server}, 37))";

pub(super) fn elsewhere_sql(server: &str, pool: &str, key: &str) -> String {
    ELSEWHERE
        .replace("{server}", server)
        .replace("{pool}", pool)
        .replace("{key}", key)
}

pub(super) fn touched_sql(server: &str, pool: &str, after: &str, upto: &str) -> String {
    TOUCHED
        .replace("{elsewhere}", &elsewhere_sql(server, pool, "d.name_key"))
        .replace("{pool}", pool)
        .replace("{after}", after)
        .replace("{upto}", upto)
}

/// Forgets what is known of zones that were abandoned after the position of server `$1`, up to `{upto}`: nothing is to be
/// done for them any more. Part of a statement that holds the lease as `held`, and that writes other rows, `{others}`.
///
/// The rows are looked up one by one, below a limit, and deleted by their places. Of a join PostgreSQL may begin with all that is
/// behind at the server: how much that is changes faster than its statistics.
pub(super) const ABANDONED: &str = "delete from server_zone where ctid = any (array( \
       select o.ctid from zone z cross join lateral ( \
         select ctid from server_zone b where b.server = $1 and b.zone_key = z.name_key and b.zone = z.id limit 1 for update) o \
       where z.abandoned and z.content_position <= {upto} and not {others} \
         and z.content_position > (select c.position from server_checkpoint c where c.server = $1))) \
     and exists (select from held)";

pub(super) fn stretch_sql() -> String {
    format!(
        "select h.position, z.name_key, z.name, z.id, z.content_position, z.pool_position, z.serial, z.hard \
         from feed_head h left join lateral ({}) z on h.position - $2 <= $3 where h.feed = 0",
        touched_sql("$4::text", "$1", "$2", "$2 + $3")
    )
}

/// Reads what the log did to the pool's zones after `after` for one of its servers, if that is at most `limit` events.
///
/// Of several zones that had the same name the live one counts, else the one that went last. A name that went to another
/// pool is to be served no more; a zone that was abandoned is not touched.
pub async fn stretch<C: GenericClient>(
    client: &C,
    statements: &Statements,
    server: &str,
    pool: PoolId,
    after: Position,
    limit: i64,
) -> Result<Stretch, DeliveryError> {
    let rows = client
        .query(&statements.stretch, &[&pool.uuid(), &after, &limit, &server])
        .await?;
    let through = rows.first().map_or(after, |row| row.get(0));
    if through - after > limit {
        return Ok(Stretch::TooLong { through });
    }
    let touched = rows.iter().filter(|row| row.get::<_, Option<&[u8]>>(1).is_some());
    let zones = touched.map(|row| target(row, 1)).collect::<Result<_, _>>()?;
    Ok(Stretch::Zones { through, zones })
}

/// Parks every zone that the log touched after `after` and moves the checkpoint to the head: in one statement, for a
/// stretch too long to hold in memory, or a server that does not answer at all: `error` is said of them, and of what was
/// parked before without a reason. At `after` = 0 only live zones count: a server that is new has nothing to withdraw.
///
/// Returns the new checkpoint; `None` when the lease is lost.
pub async fn park_stretch<C: GenericClient>(
    client: &C,
    lease: &Lease,
    pool: PoolId,
    after: Position,
    error: Option<&str>,
    now: Timestamp,
    next_try: Timestamp,
) -> Result<Option<Position>, DeliveryError> {
    let text = parking(
        "update server_checkpoint c set position = h.position, updated_at = $6 from feed_head h \
         where c.server = $1 and h.feed = 0 and exists (select from held) returning c.position",
    );
    park(client, &text, lease, pool, after, error, now, next_try).await
}

/// Parks every zone that the log touched after `after`, to be tried at once, and leaves the checkpoint where it is: for a
/// stretch too long to hold in memory behind others that are still open.
///
/// Returns the head up to which it did; `None` when the lease is lost.
pub async fn park_unread<C: GenericClient>(
    client: &C,
    lease: &Lease,
    pool: PoolId,
    after: Position,
    now: Timestamp,
) -> Result<Option<Position>, DeliveryError> {
    let text = parking("select h.position from feed_head h where h.feed = 0 and exists (select from held)");
    park(client, &text, lease, pool, after, None, now, now).await
}

/// Executes a [`parking`] statement, which returns the head.
#[expect(clippy::too_many_arguments, reason = "they are the statement's")]
async fn park<C: GenericClient>(
    client: &C,
    statement: &str,
    lease: &Lease,
    pool: PoolId,
    after: Position,
    error: Option<&str>,
    now: Timestamp,
    next_try: Timestamp,
) -> Result<Option<Position>, DeliveryError> {
    let parameters: [&(dyn ToSql + Sync); 7] = [
        &lease.server,
        &lease.token,
        &pool.uuid(),
        &after,
        &error,
        &now,
        &next_try,
    ];
    let row = client.query_opt(statement, &parameters).await?;
    Ok(row.map(|row| row.get(0)))
}

/// The statement that parks what the log touched from after `$4` to its head, for server `$1` under the lease's token `$2`, and
/// ends with `end`, which returns the head.
fn parking(end: &str) -> String {
    let touched = touched_sql(
        "$1",
        "$3",
        "$4",
        "(select h.position from feed_head h where h.feed = 0)",
    );
    let abandoned = ABANDONED
        .replace("{upto}", "(select h.position from feed_head h where h.feed = 0)")
        .replace(
            "{others}",
            "exists (select from touched t where t.name_key = z.name_key)",
        );
    format!(
        "with held as (select 1 from server_lease where server = $1 and token = $2 for share), \
             touched as ({touched}), \
             abandoned as ({abandoned}), \
             complained as (update server_zone b set error = $5::text where b.server = $1 and b.error is null and $5::text is not null \
               and not exists (select from touched t where t.name_key = b.zone_key) and exists (select from held)), \
             parked as (insert into server_zone as b \
                 (server, zone_key, name, zone, position, serial, error, attempts, since, next_try) \
               select $1, t.name_key, t.name, t.id, t.content_position, null, $5, 0, $6, $7 from touched t, held \
               where $4 > 0 or t.gone is null \
               on conflict (server, zone_key) do update set name = excluded.name, zone = excluded.zone, \
                 position = excluded.position, error = coalesce(excluded.error, b.error), \
                 next_try = least(excluded.next_try, b.next_try)) \
             {end}"
    )
}
