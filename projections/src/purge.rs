//! What is removed from the projections after a time. The log keeps everything: a rebuild makes the rows again, and a
//! comparison knows which were purged.

use deadpool_postgres::GenericClient;
use tokio_postgres::Error;
use zonelog_model::ZoneId;

/// The most rows that one statement removes.
const ROWS: i64 = 10_000;

/// How far the purge of a zone has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purged {
    /// Nothing of it is left.
    All,
    /// There is more.
    Some,
    /// A server of the pools may not know yet that it is gone, or it is not deleted: nothing was removed.
    Needed,
}

/// Removes some rows of a deleted zone that no server needs any more. Each call is a statement of its own or a few, so that
/// a purge may be broken off anywhere.
pub async fn some<C: GenericClient>(client: &C, zone: ZoneId) -> Result<Purged, Error> {
    let id = zone.uuid();
    let statement = client
        .prepare_cached(
            "select z.deleted_at is not null
                    and not exists (select from server_checkpoint c where c.position < z.content_position)
                    and not exists (select from server_zone s where s.zone = z.id)
             from zone z where z.id = $1",
        )
        .await?;
    match client.query_opt(&statement, &[&id]).await? {
        None => return Ok(Purged::All),
        Some(row) if !row.get::<_, bool>(0) => return Ok(Purged::Needed),
        Some(_) => {}
    }
    // First of all, so that no comparison takes a purged row for a lost one.
    let statement = client
        .prepare_cached("insert into zone_purged (zone, purged_at) values ($1, now()) on conflict do nothing")
        .await?;
    client.execute(&statement, &[&id]).await?;
    for sql in [
        "delete from recordset_version v using (
             select recordset, since_serial from recordset_version where zone = $1 limit $2) part
         where v.zone = $1 and v.recordset = part.recordset and v.since_serial = part.since_serial",
        "delete from zone_serial v using (select serial from zone_serial where zone = $1 limit $2) part
         where v.zone = $1 and v.serial = part.serial",
    ] {
        let statement = client.prepare_cached(sql).await?;
        if client.execute(&statement, &[&id, &ROWS]).await? > 0 {
            return Ok(Purged::Some);
        }
    }
    for sql in [
        // The catalogs show it no more; where they did, nobody is told by differences from now on.
        "with gone as (
             delete from catalog_member where zone = $1 and until_position is not null returning pool, until_position)
         insert into catalog_purged as p (pool, position) select pool, max(until_position) from gone group by pool
         on conflict (pool) do update set position = greatest(p.position, excluded.position)",
        "delete from zone_share where zone = $1",
        "delete from secondary_status where zone = $1",
        "delete from deadline where kind = 'secondary_refresh' and subject = $1",
        // Of an abandoned one that a catalog still shows its name is needed, until another zone has it.
        "delete from zone z where id = $1 and deleted_at is not null and not exists (
             select from catalog_member m where m.pool = z.pool and m.zone = z.id and m.until_position is null)",
    ] {
        let statement = client.prepare_cached(sql).await?;
        client.execute(&statement, &[&id]).await?;
    }
    Ok(Purged::All)
}
