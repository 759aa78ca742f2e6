//! Which zones a pool's catalog shows: the table `catalog_member`, which [`crate::catalog`] reads.

use futures_util::try_join;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::delta::{Joined, Left};
use super::rows;
use super::write::WriteError;

/// The prepared statements of one connection.
#[derive(Clone)]
pub(super) struct MembershipWriter {
    leave: Statement,
    join: Statement,
    take_over: Statement,
}

impl MembershipWriter {
    pub(super) async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let (leave, join, take_over) = try_join!(
            client.prepare(LEAVE),
            client.prepare(JOIN),
            client.prepare(TAKE_OVER),
        )?;
        Ok(Self {
            leave,
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
    where m.pool = u.pool and m.zone = u.zone and m.until_position is null";

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
