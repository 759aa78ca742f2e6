//! `server_zone`: the zones that are behind at a server, written together with its checkpoint.

use tokio_postgres::GenericClient;
use tokio_postgres::types::ToSql;
use zonelog_dns::LongSerial;
use zonelog_model::{PoolId, Position, Timestamp};

use super::stretch::{ABANDONED, elsewhere_sql};
use super::{DeliveryError, Lease, Statements, ZoneTarget, target};

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

/// What it costs follows from what it writes, not from how many zones are behind, as with [`ABANDONED`]. A row that somebody
/// sets aside anew meanwhile stays. It does not wait for the disk, of which appends have more need: what a power cut takes is
/// seen again, as the checkpoint goes with it.
pub(super) fn record_sql() -> String {
    let abandoned = ABANDONED
        .replace("{upto}", "$4")
        .replace("{others}", "z.name_key = any ($7)");
    format!(
        "with held as (select set_config('synchronous_commit', 'off', true) from server_lease \
               where server = $1 and token = $2 for share), \
             abandoned as ({abandoned}), \
             caught_up as (delete from server_zone where ctid = any (array( \
                 select o.ctid from unnest($5::bytea[], $6::bigint[]) as s(key, reached) cross join lateral ( \
                   select ctid from server_zone b \
                   where b.server = $1 and b.zone_key = s.key and b.position <= s.reached limit 1 for update) o)) \
               and exists (select from held)), \
             parked as (insert into server_zone as b \
                 (server, zone_key, name, zone, position, serial, error, attempts, since, next_try, seen_at) \
               select $1, p.key, p.name, p.zone, p.position, p.serial, p.error, p.attempts, $3, p.next_try, \
                 case when p.serial is not null then $3::timestamptz end \
               from unnest($7::bytea[], $8::text[], $9::uuid[], $10::bigint[], $11::bigint[], $12::text[], \
                 $13::integer[], $14::timestamptz[]) \
                 as p(key, name, zone, position, serial, error, attempts, next_try), held \
               on conflict (server, zone_key) do update set name = excluded.name, zone = excluded.zone, \
                 position = excluded.position, serial = coalesce(excluded.serial, b.serial), \
                 error = excluded.error, attempts = excluded.attempts, next_try = excluded.next_try, \
                 seen_at = coalesce(excluded.seen_at, b.seen_at) \
               where b.position <= excluded.position) \
             update server_checkpoint set position = greatest(position, $4), updated_at = $3 \
             where server = $1 and exists (select from held)"
    )
}

/// Writes what was seen: `confirmed` zones (key and the position they reached) are behind no more, `parked` ones are,
/// and the checkpoint moves to `checkpoint` (never back). No name may be in both. One statement, so the checkpoint never
/// passes a zone that is neither confirmed nor parked.
///
/// False: the lease is lost, and nothing was written.
pub async fn record<C: GenericClient>(
    client: &C,
    statements: &Statements,
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
    let written = client.execute(&statements.record, &parameters).await?;
    Ok(written == 1)
}

/// Reads no more of `zone` than the rows that are taken, whatever the planner knows of either table: PostgreSQL joins each row
/// on its own where the other side has a limit.
pub(super) fn waiting_sql() -> String {
    format!(
        "select b.attempts, b.next_try, b.zone_key, coalesce(z.name, b.name), coalesce(z.id, b.zone), \
           greatest(z.content_position, b.position), coalesce(z.pool_position, 0), z.serial, \
           z.id is null and exists (select from zone d where d.id = b.zone and d.hard_deleted), \
           z.id is null and (exists (select from zone a where a.id = b.zone and a.abandoned) or {}) \
         from (select * from server_zone where server = $1 order by next_try limit $3) b \
         left join lateral (select * from zone o where o.name_key = b.zone_key and o.deleted_position is null and o.pool = $2 \
           limit 1) z on true \
         order by b.next_try",
        elsewhere_sql("$1", "$2", "b.zone_key")
    )
}

/// The zones behind at a server, those to be tried soonest first: at most `limit`, including ones whose time has not
/// come. What they must come to is read from the zones as they are now; those that were abandoned, for which there is nothing
/// to come to, and those that the server serves in another pool by now are forgotten here.
pub async fn waiting<C: GenericClient>(
    client: &C,
    statements: &Statements,
    server: &str,
    pool: PoolId,
    limit: i64,
) -> Result<Vec<Waiting>, DeliveryError> {
    let rows = client
        .query(&statements.waiting, &[&server, &pool.uuid(), &limit])
        .await?;
    let (over, rows): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.get::<_, bool>(9));
    if !over.is_empty() {
        let keys: Vec<&[u8]> = over.iter().map(|row| row.get(2)).collect();
        let forget = "delete from server_zone where server = $1 and zone_key = any ($2)";
        client.execute(forget, &[&server, &keys]).await?;
    }
    rows.into_iter()
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
