//! What a server should serve though no event says so, and what was found by looking.

use tokio_postgres::GenericClient;
use zonelog_dns::LongSerial;
use zonelog_model::{PoolId, Position, Timestamp};

use super::{DeliveryError, Lease, ZoneTarget, target};

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
             insert into server_zone \
               (server, zone_key, name, zone, position, serial, error, attempts, since, next_try, seen_at) \
             select $1, f.key, f.name, f.zone, f.position, f.serial, null, 0, $3, $3, \
               case when f.serial is not null then $3::timestamptz end \
             from unnest($4::bytea[], $5::text[], $6::uuid[], $7::bigint[], $8::bigint[]) \
               as f(key, name, zone, position, serial), held \
             on conflict (server, zone_key) do nothing",
            &[
                &lease.server,
                &lease.token,
                &now,
                &keys,
                &names,
                &zones,
                &positions,
                &serials,
            ],
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

/// A page of the pool's names in canonical order, after the name with the key `after` (empty: from the start): those whose
/// last change is at or before `through`, and that are not known to be behind at the server. For a sweep over what it should
/// serve, and over what it should not: also names deleted after `deleted_since`, for a command that came late may have
/// brought them back. Older ones not, as a server's owner may have given such a name a use of their own.
pub async fn settled_zones<C: GenericClient>(
    client: &C,
    server: &str,
    pool: PoolId,
    through: Position,
    deleted_since: Timestamp,
    after: &[u8],
    limit: i64,
) -> Result<Vec<ZoneTarget>, DeliveryError> {
    let rows = client
        .query(
            "select distinct on (name_key) name_key, name, id, content_position, pool_position, \
               case when deleted_position is null then serial end, hard_deleted \
             from zone z where pool = $1 and content_position <= $2 and name_key > $3 and not abandoned \
             and (deleted_position is null or deleted_at > $6 and not exists ( \
               select from zone live where live.name_key = z.name_key and live.deleted_position is null)) \
             and not exists (select from server_zone b where b.server = $5 and b.zone_key = name_key) \
             order by name_key, content_position desc limit $4",
            &[&pool.uuid(), &through, &after, &limit, &server, &deleted_since],
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

/// A page of the pool's live zones in canonical order of their names, after the name with the key `after` (empty: from
/// the start), whatever is known of them at any server.
pub async fn live_zones<C: GenericClient>(
    client: &C,
    pool: PoolId,
    after: &[u8],
    limit: i64,
) -> Result<Vec<ZoneTarget>, DeliveryError> {
    let rows = client
        .query(
            "select name_key, name, id, content_position, pool_position, serial, false from zone \
             where pool = $1 and deleted_position is null and name_key > $2 order by name_key limit $3",
            &[&pool.uuid(), &after, &limit],
        )
        .await?;
    rows.iter().map(|row| target(row, 0)).collect()
}
