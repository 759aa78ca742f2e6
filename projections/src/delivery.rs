//! What the pools' name servers were seen to serve: `server_checkpoint`, `server_zone`, and the lease under which a
//! reconciler works on a server. Every statement is set-based: one for a stretch of the log, however many zones it touched.
//!
//! The truth a server is measured by is the table `zone`, whose `content_position` is the log folded to the last event of
//! each zone. A statement has one snapshot, and an append writes `event`, `feed_head` and `zone` in one transaction;
//! so what [`stretch`] reads is exactly the zones touched up to the head that it returns.

use tokio_postgres::types::ToSql;
use tokio_postgres::{GenericClient, Row};
use zonelog_dns::{LongSerial, NameError, ZoneName};
use zonelog_model::{PoolId, Position, Timestamp, ZoneId};

/// Why the tables could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The database refused or is away.
    #[error("the delivery tables: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// A row holds what no zone can be called.
    #[error("a row of the zone tables holds the name {name:?}: {source}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: NameError,
    },
}

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

/// The right to work on a server. Of all leases of a server, only that with the highest token can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The server.
    pub server: String,
    /// The fencing token.
    pub token: i64,
}

/// What a server must come to, for one zone name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneTarget {
    /// The name's canonical sort key: what `server_zone` is keyed by.
    pub zone_key: Vec<u8>,
    /// The name.
    pub name: ZoneName,
    /// The zone last known by that name.
    pub zone: ZoneId,
    /// The log position of the zone's last change of content (or its deletion).
    pub position: Position,
    /// The log position at which the zone came to the pool: its creation, or its last move.
    pub created: Position,
    /// The serial that it must serve; `None`: the zone is deleted or went to another pool, and must not be served.
    pub serial: Option<LongSerial>,
    /// The zone was deleted with its file: the server is to keep no copy, whatever its targets' options say.
    pub hard: bool,
}

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
    /// It holds more events than were asked for: [`park_stretch`] takes it in one go.
    TooLong {
        /// The log's head at the moment of reading.
        through: Position,
    },
}

/// A row of `server_zone` to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// What the server should have come to.
    pub target: ZoneTarget,
    /// The serial last seen there, if any was.
    pub seen: Option<LongSerial>,
    /// What went wrong; `None`: merely behind.
    pub error: Option<String>,
    /// How many tries failed.
    pub attempts: i32,
    /// When to try again.
    pub next_try: Timestamp,
}

/// A row of `server_zone` that waits for its next try, with what the zone is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What the server must come to, as of now.
    pub target: ZoneTarget,
    /// How many tries failed.
    pub attempts: i32,
    /// When to try again.
    pub next_try: Timestamp,
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

/// How many zones are behind at a server, and how many of them are failing.
pub async fn behind<C: GenericClient>(client: &C, server: &str) -> Result<(i64, i64), DeliveryError> {
    let row = client
        .query_one(
            "select count(*), count(error) from server_zone where server = $1",
            &[&server],
        )
        .await?;
    Ok((row.get(0), row.get(1)))
}

/// Takes the lease of a server for `seconds`, if nobody else holds it: it ran out by PostgreSQL's clock, or its holder's
/// database session is gone. `client` is the session of the new holder.
pub async fn acquire<C: GenericClient>(
    client: &C,
    server: &str,
    holder: &str,
    seconds: f64,
) -> Result<Option<Lease>, DeliveryError> {
    let row = client
        .query_opt(
            "with me as (select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()) \
             insert into server_lease as l (server, token, holder, backend_pid, backend_start, expires_at) \
             select $1, 1, $2, me.pid, me.backend_start, now() + make_interval(secs => $3) from me \
             on conflict (server) do update set token = l.token + 1, holder = excluded.holder, \
               backend_pid = excluded.backend_pid, backend_start = excluded.backend_start, \
               expires_at = excluded.expires_at \
             where l.expires_at <= now() or not exists (select from pg_stat_activity a \
               where a.pid = l.backend_pid and a.backend_start = l.backend_start) \
             returning token",
            &[&server, &holder, &seconds],
        )
        .await?;
    Ok(row.map(|row| Lease {
        server: server.to_owned(),
        token: row.get(0),
    }))
}

/// Holds a lease for `seconds` more. False: another has it now.
pub async fn renew<C: GenericClient>(client: &C, lease: &Lease, seconds: f64) -> Result<bool, DeliveryError> {
    let renewed = client
        .execute(
            "update server_lease set expires_at = now() + make_interval(secs => $3) where server = $1 and token = $2",
            &[&lease.server, &lease.token, &seconds],
        )
        .await?;
    Ok(renewed == 1)
}

/// Gives a lease back, so that another need not wait for its end.
pub async fn release<C: GenericClient>(client: &C, lease: &Lease) -> Result<(), DeliveryError> {
    client
        .execute(
            "update server_lease set expires_at = now() where server = $1 and token = $2",
            &[&lease.server, &lease.token],
        )
        .await?;
    Ok(())
}

/// Which names of a pool the log touched after a position: its zones' (abandoned ones not, their servers keep them) and
/// those that went to another pool. `{pool}`, `{after}` and `{upto}` are to be filled in; of what has the same name the
/// live zone counts, else what went last.
const TOUCHED: &str = "select distinct on (name_key) name_key, name, id, content_position, pool_position, serial, hard, gone from ( \
     select name_key, name, id, content_position, pool_position, \
       case when deleted_position is null then serial end as serial, hard_deleted as hard, deleted_position as gone \
     from zone where pool = {pool} and content_position > {after} and content_position <= {upto} and not abandoned \
     union all \
     select name_key, name, zone, position, 0, null, false, position from zone_departure \
     where pool = {pool} and position > {after} and position <= {upto} \
   ) t order by name_key, gone desc nulls first";

fn touched_sql(pool: &str, after: &str, upto: &str) -> String {
    TOUCHED
        .replace("{pool}", pool)
        .replace("{after}", after)
        .replace("{upto}", upto)
}

/// Forgets what is known of zones that were abandoned after the position of server `$1`, up to `{upto}`: nothing is to be
/// done for them any more. Part of a statement that holds the lease as `held`, and that writes other rows, `{others}`.
const ABANDONED: &str = "delete from server_zone b using zone z, server_checkpoint c \
     where c.server = $1 and z.abandoned and z.content_position > c.position and z.content_position <= {upto} \
     and b.server = $1 and b.zone_key = z.name_key and b.zone = z.id and not {others} \
     and exists (select from held)";

/// Reads what the log did to the pool's zones after `after`, if that is at most `limit` events.
///
/// Of several zones that had the same name the live one counts, else the one that went last. A name that went to another
/// pool is to be served no more; a zone that was abandoned is not touched.
pub async fn stretch<C: GenericClient>(
    client: &C,
    pool: PoolId,
    after: Position,
    limit: i64,
) -> Result<Stretch, DeliveryError> {
    let text = format!(
        "select h.position, z.name_key, z.name, z.id, z.content_position, z.pool_position, z.serial, z.hard \
         from feed_head h left join lateral ({}) z on h.position - $2 <= $3 where h.feed = 0",
        touched_sql("$1", "$2", "$2 + $3")
    );
    let rows = client.query(&text, &[&pool.uuid(), &after, &limit]).await?;
    let through = rows.first().map_or(after, |row| row.get(0));
    if through - after > limit {
        return Ok(Stretch::TooLong { through });
    }
    let touched = rows.iter().filter(|row| row.get::<_, Option<&[u8]>>(1).is_some());
    let zones = touched.map(|row| target(row, 1)).collect::<Result<_, _>>()?;
    Ok(Stretch::Zones { through, zones })
}

/// Parks every zone that the log touched after `after` and moves the checkpoint to the head: in one statement, for a
/// stretch too long to hold in memory, or a server that does not answer at all. At `after` = 0 only live zones count:
/// a server that is new has nothing to withdraw.
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
    let touched = touched_sql(
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
    let text = format!(
        "with held as (select 1 from server_lease where server = $1 and token = $2 for share), \
             touched as ({touched}), \
             abandoned as ({abandoned}), \
             parked as (insert into server_zone as b \
                 (server, zone_key, name, zone, position, serial, error, attempts, since, next_try) \
               select $1, t.name_key, t.name, t.id, t.content_position, null, $5, 0, $6, $7 from touched t, held \
               where $4 > 0 or t.gone is null \
               on conflict (server, zone_key) do update set name = excluded.name, zone = excluded.zone, \
                 position = excluded.position, error = coalesce(excluded.error, b.error), \
                 next_try = least(excluded.next_try, b.next_try)) \
             update server_checkpoint c set position = h.position, updated_at = $6 from feed_head h \
             where c.server = $1 and h.feed = 0 and exists (select from held) returning c.position"
    );
    let row = client
        .query_opt(
            &text,
            &[
                &lease.server,
                &lease.token,
                &pool.uuid(),
                &after,
                &error,
                &now,
                &next_try,
            ],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Writes what was seen: `confirmed` zones (key and the position they reached) are behind no more, `parked` ones are,
/// and the checkpoint moves to `checkpoint` (never back). No name may be in both. One statement, so the checkpoint never
/// passes a zone that is neither confirmed nor parked.
///
/// False: the lease is lost, and nothing was written.
pub async fn record<C: GenericClient>(
    client: &C,
    lease: &Lease,
    now: Timestamp,
    checkpoint: Position,
    confirmed: &[(Vec<u8>, Position)],
    parked: &[Parked],
) -> Result<bool, DeliveryError> {
    let (keys, reached): (Vec<&[u8]>, Vec<Position>) = confirmed
        .iter()
        .map(|(key, position)| (key.as_slice(), *position))
        .unzip();
    let column = |value: fn(&Parked) -> i64| parked.iter().map(value).collect::<Vec<_>>();
    let parked_keys: Vec<&[u8]> = parked.iter().map(|row| row.target.zone_key.as_slice()).collect();
    let names: Vec<String> = parked.iter().map(|row| row.target.name.to_string()).collect();
    let zones: Vec<uuid::Uuid> = parked.iter().map(|row| row.target.zone.uuid()).collect();
    let positions = column(|row| row.target.position);
    let serials: Vec<Option<i64>> = parked.iter().map(|row| row.seen.map(LongSerial::get)).collect();
    let errors: Vec<Option<&str>> = parked.iter().map(|row| row.error.as_deref()).collect();
    let attempts: Vec<i32> = parked.iter().map(|row| row.attempts).collect();
    let tries: Vec<Timestamp> = parked.iter().map(|row| row.next_try).collect();
    let parameters: [&(dyn ToSql + Sync); 14] = [
        &lease.server,
        &lease.token,
        &now,
        &checkpoint,
        &keys,
        &reached,
        &parked_keys,
        &names,
        &zones,
        &positions,
        &serials,
        &errors,
        &attempts,
        &tries,
    ];
    let abandoned = ABANDONED
        .replace("{upto}", "$4")
        .replace("{others}", "z.name_key = any ($7)");
    let text = format!(
        "with held as (select 1 from server_lease where server = $1 and token = $2 for share), \
             abandoned as ({abandoned}), \
             caught_up as (delete from server_zone b using unnest($5::bytea[], $6::bigint[]) as s(key, reached) \
               where b.server = $1 and b.zone_key = s.key and b.position <= s.reached \
               and exists (select from held)), \
             parked as (insert into server_zone as b \
                 (server, zone_key, name, zone, position, serial, error, attempts, since, next_try) \
               select $1, p.key, p.name, p.zone, p.position, p.serial, p.error, p.attempts, $3, p.next_try \
               from unnest($7::bytea[], $8::text[], $9::uuid[], $10::bigint[], $11::bigint[], $12::text[], \
                 $13::integer[], $14::timestamptz[]) \
                 as p(key, name, zone, position, serial, error, attempts, next_try), held \
               on conflict (server, zone_key) do update set name = excluded.name, zone = excluded.zone, \
                 position = excluded.position, serial = coalesce(excluded.serial, b.serial), \
                 error = excluded.error, attempts = excluded.attempts, next_try = excluded.next_try \
               where b.position <= excluded.position) \
             update server_checkpoint set position = greatest(position, $4), updated_at = $3 \
             where server = $1 and exists (select from held)"
    );
    let written = client.execute(&text, &parameters).await?;
    Ok(written == 1)
}

/// Writes zones that were found behind at a server by looking, and not by an event: to be tried at once. A zone that is
/// known to be behind stays as it is. Returns how many are new.
pub async fn found_behind<C: GenericClient>(
    client: &C,
    lease: &Lease,
    now: Timestamp,
    found: &[(ZoneTarget, Option<LongSerial>)],
) -> Result<u64, DeliveryError> {
    let keys: Vec<&[u8]> = found
        .iter()
        .map(|(target, _)| target.zone_key.as_slice())
        .collect();
    let names: Vec<String> = found.iter().map(|(target, _)| target.name.to_string()).collect();
    let zones: Vec<uuid::Uuid> = found.iter().map(|(target, _)| target.zone.uuid()).collect();
    let positions: Vec<Position> = found.iter().map(|(target, _)| target.position).collect();
    let serials: Vec<Option<i64>> = found.iter().map(|(_, seen)| seen.map(LongSerial::get)).collect();
    Ok(client
        .execute(
            "with held as (select 1 from server_lease where server = $1 and token = $2 for share) \
             insert into server_zone (server, zone_key, name, zone, position, serial, error, attempts, since, next_try) \
             select $1, f.key, f.name, f.zone, f.position, f.serial, null, 0, $3, $3 \
             from unnest($4::bytea[], $5::text[], $6::uuid[], $7::bigint[], $8::bigint[]) \
               as f(key, name, zone, position, serial), held \
             on conflict (server, zone_key) do nothing",
            &[&lease.server, &lease.token, &now, &keys, &names, &zones, &positions, &serials],
        )
        .await?)
}

/// How many live zones a pool has.
pub async fn zone_count<C: GenericClient>(client: &C, pool: PoolId) -> Result<i64, DeliveryError> {
    let row = client
        .query_one(
            "select count(*) from zone where pool = $1 and deleted_position is null",
            &[&pool.uuid()],
        )
        .await?;
    Ok(row.get(0))
}

/// The zones behind at a server, those to be tried soonest first: at most `limit`, including ones whose time has not
/// come. What they must come to is read from the zones as they are now; for those that were abandoned there is nothing to
/// come to.
pub async fn waiting<C: GenericClient>(
    client: &C,
    server: &str,
    pool: PoolId,
    limit: i64,
) -> Result<Vec<Waiting>, DeliveryError> {
    let rows = client
        .query(
            "select b.attempts, b.next_try, b.zone_key, coalesce(z.name, b.name), coalesce(z.id, b.zone), \
               greatest(z.content_position, b.position), coalesce(z.pool_position, 0), z.serial, \
               z.id is null and exists (select from zone d where d.id = b.zone and d.hard_deleted) \
             from server_zone b left join zone z \
             on z.name_key = b.zone_key and z.deleted_position is null and z.pool = $2 \
             where b.server = $1 \
               and (z.id is not null or not exists (select from zone a where a.id = b.zone and a.abandoned)) \
             order by b.next_try limit $3",
            &[&server, &pool.uuid(), &limit],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Waiting {
                target: target(row, 2)?,
                attempts: row.get(0),
                next_try: row.get(1),
            })
        })
        .collect()
}

/// Makes every zone that is behind at a server due at `now`: the server answers again.
pub async fn wake_all<C: GenericClient>(
    client: &C,
    lease: &Lease,
    now: Timestamp,
) -> Result<u64, DeliveryError> {
    Ok(client
        .execute(
            "with held as (select 1 from server_lease where server = $1 and token = $2 for share) \
             update server_zone set next_try = $3 where server = $1 and next_try > $3 and exists (select from held)",
            &[&lease.server, &lease.token, &now],
        )
        .await?)
}

/// A page of the pool's live zones in canonical order of their names, after the name with the key `after` (empty: from
/// the start): those whose last change is at or before `through`, and that are not known to be behind at the server. For a sweep over
/// what it should serve.
pub async fn settled_zones<C: GenericClient>(
    client: &C,
    server: &str,
    pool: PoolId,
    through: Position,
    after: &[u8],
    limit: i64,
) -> Result<Vec<ZoneTarget>, DeliveryError> {
    let rows = client
        .query(
            "select name_key, name, id, content_position, pool_position, serial, false from zone \
             where pool = $1 and deleted_position is null and content_position <= $2 and name_key > $3 \
             and not exists (select from server_zone b where b.server = $5 and b.zone_key = name_key) \
             order by name_key limit $4",
            &[&pool.uuid(), &through, &after, &limit, &server],
        )
        .await?;
    rows.iter().map(|row| target(row, 0)).collect()
}

/// The pool's live zones that changed last, at or before `through`, and that are not known to be behind at the server: a
/// sample that tells whether it lost its zones.
pub async fn recent_zones<C: GenericClient>(
    client: &C,
    server: &str,
    pool: PoolId,
    through: Position,
    limit: i64,
) -> Result<Vec<ZoneTarget>, DeliveryError> {
    let rows = client
        .query(
            "select name_key, name, id, content_position, pool_position, serial, false from zone \
             where pool = $1 and deleted_position is null and content_position <= $2 \
             and not exists (select from server_zone b where b.server = $4 and b.zone_key = name_key) \
             order by content_position desc limit $3",
            &[&pool.uuid(), &through, &limit, &server],
        )
        .await?;
    rows.iter().map(|row| target(row, 0)).collect()
}

/// Reads key, name, zone, position, creation, serial and whether the deletion is a hard one from the columns at `first`.
fn target(row: &Row, first: usize) -> Result<ZoneTarget, DeliveryError> {
    let name: &str = row.get(first + 1);
    let parsed = ZoneName::parse(name).map_err(|source| DeliveryError::Name {
        name: name.to_owned(),
        source,
    })?;
    Ok(ZoneTarget {
        zone_key: row.get(first),
        name: parsed,
        zone: ZoneId::new(row.get(first + 2)),
        position: row.get(first + 3),
        created: row.get(first + 4),
        serial: row.get::<_, Option<i64>>(first + 5).map(LongSerial::from_i64),
        hard: row.get(first + 6),
    })
}
