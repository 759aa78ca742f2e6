//! What happens to whole zones, and rarely: they change hands, are shared, leave a pool. Each statement is sent only when
//! it has rows, so that a batch of recordsets pays nothing for them.

use futures_util::try_join;
use tokio_postgres::{Client, Statement};
use zonelog_model::zone::Share;
use zonelog_model::{ProjectId, ShareId, ZoneId};

use super::delta::{Departed, HandedOver};
use super::rows;
use super::write::{WriteError, run};

/// The prepared statements of one connection.
#[derive(Clone)]
pub(super) struct OwnershipWriter {
    hand_over: Statement,
    unshare: Statement,
    share: Statement,
    count: Statement,
    depart: Statement,
}

impl OwnershipWriter {
    pub(super) async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let (hand_over, unshare, share, count, depart) = try_join!(
            client.prepare(HAND_OVER),
            client.prepare(UNSHARE),
            client.prepare(SHARE),
            client.prepare(COUNT),
            client.prepare(DEPART),
        )?;
        Ok(Self {
            hand_over,
            unshare,
            share,
            count,
            depart,
        })
    }

    /// Gives the new owner every live version that the old one made in the zone.
    pub(super) async fn hand_over(
        &self,
        client: &Client,
        zones: &[HandedOver<'_>],
    ) -> Result<(), WriteError> {
        if !zones.is_empty() {
            let ids = rows::column(zones, |row| row.zone.uuid());
            let before = rows::column(zones, |row| row.before.as_str());
            let after = rows::column(zones, |row| row.after.as_str());
            client.execute(&self.hand_over, &[&ids, &before, &after]).await?;
        }
        Ok(())
    }

    pub(super) async fn unshare(&self, client: &Client, shares: &[ShareId]) -> Result<(), WriteError> {
        let ids = rows::column(shares, |share| share.uuid());
        run(client, &self.unshare, "zone_share", shares.len(), &[&ids]).await
    }

    pub(super) async fn share(&self, client: &Client, shares: &[(ZoneId, &Share)]) -> Result<(), WriteError> {
        run(
            client,
            &self.share,
            "zone_share",
            shares.len(),
            &[
                &rows::column(shares, |(_, share)| share.id.uuid()),
                &rows::column(shares, |(zone, _)| zone.uuid()),
                &rows::column(shares, |(_, share)| share.target_project.as_str()),
                &rows::column(shares, |(_, share)| share.project.as_str()),
                &rows::column(shares, |(_, share)| share.created_at),
            ],
        )
        .await
    }

    pub(super) async fn count(&self, client: &Client, usage: &[(&ProjectId, i64)]) -> Result<(), WriteError> {
        if !usage.is_empty() {
            let projects = rows::column(usage, |(project, _)| project.as_str());
            let changes = rows::column(usage, |(_, by)| *by);
            client.execute(&self.count, &[&projects, &changes]).await?;
        }
        Ok(())
    }

    pub(super) async fn depart(&self, client: &Client, departed: &[Departed]) -> Result<(), WriteError> {
        if !departed.is_empty() {
            let pools = rows::column(departed, |row| row.pool.uuid());
            let zones = rows::column(departed, |row| row.zone.uuid());
            let positions = rows::column(departed, |row| row.position);
            client
                .execute(&self.depart, &[&pools, &zones, &positions])
                .await?;
        }
        Ok(())
    }
}

/// Neither `is not distinct from` nor `coalesce` asks an index: the one by project would read all that the project ever
/// made, and those of live versions could be taken whole, by a plan made while they were empty. What is left are indexes that
/// begin with the zone.
const HAND_OVER: &str = "
    update recordset_version v set project = u.after
    from unnest($1::uuid[], $2::text[], $3::text[]) as u (zone, before, after)
    where v.zone = u.zone and v.project is not distinct from u.before
      and coalesce(v.until_serial, -1) = -1";

const UNSHARE: &str = "delete from zone_share s where s.id = any ($1::uuid[])";

const SHARE: &str = "
    insert into zone_share (id, zone, target_project, project, created_at)
    select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])";

/// Not `on conflict`: that would hold the row proposed for the insertion, a negative change, against the table's check.
const COUNT: &str = "
    with u as (select * from unnest($1::text[], $2::bigint[]) as u (project, change)),
    counted as (
        update project_usage p set zones = p.zones + u.change from u where p.project = u.project returning p.project)
    insert into project_usage (project, zones)
    select u.project, u.change from u where not exists (select from counted c where c.project = u.project)";

const DEPART: &str = "
    insert into zone_departure (pool, name_key, name, zone, position)
    select distinct on (u.pool, z.name_key) u.pool, z.name_key, z.name, z.id, u.position
    from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as u (pool, zone, position)
    join zone z on z.id = u.zone
    order by u.pool, z.name_key, u.position desc
    on conflict (pool, name_key) do update
    set name = excluded.name, zone = excluded.zone, position = excluded.position";
