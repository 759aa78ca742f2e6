//! Large lists in seconds: rows of the zone state, as if the events that made the zones had brought them. The log does not
//! have them, so a rebuild would not either: a fixture, for reading alone.

use std::time::Instant;

use tokio_postgres::Client;
use uuid::Uuid;

use crate::Result;

/// SQL: the recordsets `$2` to `$3` of the zone `$1`, as `select` for `recordset_version`.
const RECORDSETS: &str = "
    select z.id, lpad(to_hex(n), 32, '0')::uuid, 'host-' || n || '.dep-' || n % 97 || '.' || z.name,
           z.name_key || convert_to('dep-' || n % 97, 'UTF8') || '\\x00'::bytea || convert_to('host-' || n, 'UTF8')
               || '\\x00'::bytea,
           1, array['192.0.2.' || n % 256], '\\x0004c0000201'::bytea, false, z.project, 1,
           z.created_at + n * interval '1 microsecond', z.serial
    from zone z, generate_series($2::bigint, $3::bigint) n where z.id = $1";

const COLUMNS: &str = "zone, recordset, owner, owner_key, type, records, rdata, managed, project, revision, created_at, \
                       since_serial";

/// Gives a zone so many recordsets.
pub(super) async fn recordsets(owner: &Client, zone: &str, count: i64) -> Result<()> {
    let zone = Uuid::parse_str(zone)?;
    let insert = format!("insert into recordset_version ({COLUMNS}) {RECORDSETS}");
    owner.execute(&insert, &[&zone, &1_i64, &count]).await?;
    owner
        .execute(
            "update zone set recordset_count = $2, record_count = $2 where id = $1",
            &[&zone, &count],
        )
        .await?;
    // What autovacuum does in its time.
    owner.batch_execute("vacuum analyze recordset_version").await?;
    Ok(())
}

/// Makes so many zones like one that is there, below it.
pub(super) async fn zones(owner: &Client, template: &str, count: i64) -> Result<()> {
    let template = Uuid::parse_str(template)?;
    owner
        .execute(
            "insert into zone (id, name, name_key, project, pool, email, ttl, attributes, mname, refresh, retry, expire, \
               minimum, serial, soa_recordset, revision, stream_version, created_at, created_position, \
               content_position, pool_position) \
             select gen_random_uuid(), 'zone-' || n || '.' || z.name, \
               z.name_key || convert_to('zone-' || n, 'UTF8') || '\\x00'::bytea, z.project, z.pool, z.email, z.ttl, \
               z.attributes, z.mname, z.refresh, z.retry, z.expire, z.minimum, z.serial, gen_random_uuid(), 1, 1, \
               z.created_at + n * interval '1 microsecond', z.created_position, z.content_position, z.pool_position \
             from zone z, generate_series(1, $2::bigint) n where z.id = $1",
            &[&template, &count],
        )
        .await?;
    owner
        .execute(
            "update project_usage u set zones = zones + $2 from zone z where z.id = $1 and z.project = u.project",
            &[&template, &count],
        )
        .await?;
    owner.batch_execute("vacuum analyze zone").await?;
    Ok(())
}

/// Writes 50,000 recordset rows into a table like the real one that has as many, with an index of trigrams or without;
/// microseconds a row.
pub(super) async fn bulk_insert(owner: &Client, zone: &str, trigrams: bool) -> Result<f64> {
    const ROWS: i64 = 50_000;
    let zone = Uuid::parse_str(zone)?;
    owner
        .batch_execute(
            "create extension if not exists pg_trgm; drop table if exists bulk; \
             create table bulk (like recordset_version including all)",
        )
        .await?;
    if trigrams {
        let index = "create index on bulk using gin (lower(owner) gin_trgm_ops) where until_serial is null";
        owner.batch_execute(index).await?;
    }
    let insert = format!("insert into bulk ({COLUMNS}) {RECORDSETS}");
    owner.execute(&insert, &[&zone, &1_i64, &ROWS]).await?;
    let start = Instant::now();
    owner.execute(&insert, &[&zone, &(ROWS + 1), &(2 * ROWS)]).await?;
    let time = start.elapsed();
    owner.batch_execute("drop table bulk").await?;
    #[expect(clippy::cast_precision_loss, reason = "fifty thousand")]
    Ok(time.as_secs_f64() * 1e6 / ROWS as f64)
}
