//! Which zones a pool's catalog shows: the table `catalog_member`, which [`crate::catalog`] reads.

use futures_util::try_join;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use zonelog_dns::Name;
use zonelog_model::PoolId;

use super::delta::{Joined, Left, OnTheWay};
use super::rows;
use super::write::WriteError;

/// The prepared statements of one connection.
#[derive(Clone)]
pub(super) struct MembershipWriter {
    leave: Statement,
    go: Statement,
    join: Statement,
    take_over: Statement,
}

impl MembershipWriter {
    pub(super) async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let (leave, go, join, take_over) = try_join!(
            client.prepare(LEAVE),
            client.prepare(GO),
            client.prepare(JOIN),
            client.prepare(TAKE_OVER),
        )?;
        Ok(Self {
            leave,
            go,
            join,
            take_over,
        })
    }

    pub(super) async fn leave(&self, client: &Client, left: &[Left]) -> Result<(), WriteError> {
        if !left.is_empty() {
            let pools = rows::column(left, |row| row.pool.uuid());
            let zones = rows::column(left, |row| row.zone.uuid());
            let positions = rows::column(left, |row| row.position);
            client.execute(&self.leave, &[&pools, &zones, &positions]).await?;
        }
        Ok(())
    }

    /// Zones on their way from pool to pool, after those that left.
    pub(super) async fn go(&self, client: &Client, rows: &[OnTheWay<'_>]) -> Result<(), WriteError> {
        if !rows.is_empty() {
            let zones = rows::column(rows, |row| row.zone.uuid());
            let left = rows::column(rows, |row| row.left.map(|(pool, _)| pool.uuid()));
            let since = rows::column(rows, |row| row.left.and_then(|(_, since)| since));
            let to = rows::column(rows, |row| row.to.map(PoolId::uuid));
            let coo = rows::column(rows, |row| row.coo.map(Name::to_string));
            let positions = rows::column(rows, |row| row.position);
            let waits = rows::column(rows, |row| row.waits);
            let parameters: [&(dyn ToSql + Sync); 7] = [&zones, &left, &since, &to, &coo, &waits, &positions];
            client.execute(&self.go, &parameters).await?;
        }
        Ok(())
    }

    /// After the zones' own rows, which tell their names.
    pub(super) async fn join(&self, client: &Client, joined: &[Joined]) -> Result<(), WriteError> {
        if !joined.is_empty() {
            let pools = rows::column(joined, |row| row.pool.uuid());
            let zones = rows::column(joined, |row| row.zone.uuid());
            let since = rows::column(joined, |row| row.since);
            let until = rows::column(joined, |row| row.until);
            let join: [&(dyn ToSql + Sync); 4] = [&pools, &zones, &since, &until];
            let take_over = &join[..3];
            try_join!(
                client.execute(&self.join, &join),
                client.execute(&self.take_over, take_over),
            )?;
        }
        Ok(())
    }
}

const LEAVE: &str = "
    update catalog_member m set until_position = u.position
    from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as u (pool, zone, position)
    where m.pool = u.pool and m.zone = u.zone and m.until_position is null and m.coo is null";

/// Of a zone that moves: its row in the pool that it left, and those in pools that it left earlier, which show where it was
/// going. They show where it is going now, or end. Of a zone whose move is over: that one. Of one that is no more: all.
///
/// Where one ends, and the zone does not come back, the pool's servers are to serve the name no more.
const GO: &str = "
    with u as (
        select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::boolean[],
                      $7::bigint[])
            as u (zone, left_pool, since, to_pool, coo, waits, position)),
    here as (
        update catalog_member m set until_position = u.position from u
        where m.pool = u.left_pool and m.zone = u.zone and m.until_position is null and m.coo is null
          and u.to_pool is not null
        returning m.pool, m.zone, m.name, m.name_key, m.catalog_group, m.coo as was, u.to_pool, u.coo, u.waits,
                  u.position),
    earlier as (
        update catalog_member m set until_position = u.position from u
        where m.zone = u.zone and m.until_position is null and m.coo is not null
          and (u.since is null or (m.pool = u.left_pool and m.since_position = u.since))
        returning m.pool, m.zone, m.name, m.name_key, m.catalog_group, m.coo as was, u.to_pool, u.coo, u.waits,
                  u.position),
    ended as (select * from here union all select * from earlier),
    goes_on as (
        insert into catalog_member (pool, zone, name, name_key, catalog_group, since_position, coo)
        select pool, zone, name, name_key, catalog_group, position, case when pool is distinct from to_pool then coo end
        from ended where coo is not null and (pool is distinct from to_pool or waits))
    insert into zone_departure (pool, name_key, name, zone, position)
    select pool, name_key, name, zone, position from ended
    where was is not null and coo is null and pool is distinct from to_pool
    on conflict (pool, name_key) do update
    set name = excluded.name, zone = excluded.zone, position = excluded.position";

const JOIN: &str = "
    insert into catalog_member (pool, zone, name, name_key, catalog_group, since_position, until_position)
    select u.pool, z.id, z.name, z.name_key, nullif(z.attributes ->> 'catalog_group', ''), u.since, u.until
    from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) as u (pool, zone, since, until)
    join zone z on z.id = u.zone";

/// A name that was abandoned belongs to the next zone that has it: a catalog shows a name once (RFC 9432 §4.1).
const TAKE_OVER: &str = "
    update catalog_member m set until_position = t.position
    from (select u.pool, a.id, min(u.since) as position
          from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as u (pool, zone, since)
          join zone z on z.id = u.zone
          join zone a on a.name_key = z.name_key and a.abandoned and a.deleted_position < u.since
          group by u.pool, a.id) t
    where m.pool = t.pool and m.zone = t.id and m.until_position is null";
