//! Reading a list's names, and what the log says happened to them since.

use std::pin::pin;

use deadpool_postgres::Client;
use futures_util::TryStreamExt;
use tokio_postgres::{Error, Row};
use uuid::Uuid;
use zonelog_model::{Event, Timestamp, stored, zone};

use super::set::{self, Base, Key, NameSet};
use super::{BUDGET, List, MOST_CHANGES, MOST_EVENTS, SMALL};

/// What happened to the names of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// There is one more.
    Created { key: Key, name: String },
    /// One is gone.
    Deleted(Uuid),
}

/// What happened since a version of a list.
pub(super) enum Since {
    /// These changes lead to the version `at`.
    Changes { at: i64, changes: Vec<Change> },
    /// Too much, or something that is told better by the tables.
    TooMany,
    /// The list is no more.
    Gone,
}

/// Whether a list is so small that PostgreSQL searches it well; a list that is gone is.
pub(super) async fn is_small(client: &Client, list: &List) -> Result<bool, Error> {
    let row = match list {
        List::Zone(zone) => {
            let text = "select recordset_count from zone where id = $1 and deleted_at is null";
            let statement = client.prepare_cached(text).await?;
            client.query_opt(&statement, &[zone]).await?
        }
        List::Zones(Some(project)) => {
            let text = "select zones from project_usage where project = $1";
            let statement = client.prepare_cached(text).await?;
            client.query_opt(&statement, &[project]).await?
        }
        List::Zones(None) => {
            let text = "select count(*) from (select from zone where deleted_at is null limit $1) z";
            let statement = client.prepare_cached(text).await?;
            client.query_opt(&statement, &[&SMALL]).await?
        }
    };
    Ok(row.map_or(Ok(0), |row| row.try_get::<_, i64>(0))? < SMALL)
}

/// Reads all names of a list in the order of creation, and the version that they are of, in one snapshot. `None`: the
/// list is empty or gone, or would not fit in memory.
pub(super) async fn load(client: &Client, list: &List) -> Result<Option<(i64, NameSet)>, Error> {
    // Each row tells the version: it is one statement, and so one snapshot. The order is an index's.
    let text = match list {
        List::Zone(_) => {
            "select (select z.stream_version from zone z where z.id = $1 and z.deleted_at is null), v.recordset, v.owner, \
               v.created_at \
             from recordset_version v where v.zone = $1 and v.until_serial is null order by v.created_at, v.recordset"
        }
        List::Zones(Some(_)) => {
            "select (select position from feed_head where feed = 0), z.id, z.name, z.created_at from zone z \
             where z.deleted_at is null and z.project = $1 order by z.created_at, z.id"
        }
        List::Zones(None) => {
            "select (select position from feed_head where feed = 0), z.id, z.name, z.created_at from zone z \
             where z.deleted_at is null order by z.created_at, z.id"
        }
    };
    let statement = client.prepare_cached(text).await?;
    let rows = match list {
        List::Zone(zone) => client.query_raw(&statement, [zone]).await?,
        List::Zones(Some(project)) => client.query_raw(&statement, [project]).await?,
        List::Zones(None) => client.query_raw(&statement, [0_i64; 0]).await?,
    };
    let mut rows = pin!(rows);
    let mut base = Base::default();
    let mut at = None;
    while let Some(row) = rows.try_next().await? {
        let Some(version) = row.try_get(0)? else {
            return Ok(None);
        };
        at = Some(version);
        let key = set::key(row.try_get::<_, Timestamp>(3)?, row.try_get(1)?);
        let name: &str = row.try_get(2)?;
        if name.contains('\n') || !base.push(key, name) || base.bytes() > BUDGET {
            return Ok(None);
        }
    }
    Ok(at.map(|at| (at, NameSet::new(base))))
}

/// What happened to a list since a version.
pub(super) async fn changes(client: &Client, list: &List, at: i64) -> Result<Since, Error> {
    let most = MOST_CHANGES + 1;
    let rows = match list {
        List::Zone(zone) => {
            let text = "select z.stream_version, e.stream, e.type, e.type_version, e.payload::text from zone z \
                 left join lateral (select * from event e where e.stream = z.id and e.version > $2 \
                 and e.type in ('recordset_created', 'recordset_deleted') order by e.version limit $3) e on true \
                 where z.id = $1 and z.deleted_at is null";
            let statement = client.prepare_cached(text).await?;
            client.query(&statement, &[zone, &at, &most]).await?
        }
        List::Zones(_) => {
            let text = "select h.position, e.stream, e.type, e.type_version, e.payload::text from feed_head h \
                 left join lateral (select * from event e where e.feed = 0 and e.position > $1 \
                 and e.position <= $1 + $3 and e.type in ('zone_created', 'zone_deleted', 'zone_abandoned', \
                 'zone_transferred') order by e.position limit $2) e on true where h.feed = 0";
            let statement = client.prepare_cached(text).await?;
            client.query(&statement, &[&at, &most, &MOST_EVENTS]).await?
        }
    };
    let Some(first) = rows.first() else {
        return Ok(Since::Gone);
    };
    let now: i64 = first.try_get(0)?;
    let too_far = matches!(list, List::Zones(_)) && now - at > MOST_EVENTS;
    if too_far || i64::try_from(rows.len()).unwrap_or(i64::MAX) > MOST_CHANGES {
        return Ok(Since::TooMany);
    }
    let mut changes = Vec::new();
    for row in &rows {
        let Some(stream) = row.try_get::<_, Option<Uuid>>(1)? else {
            break;
        };
        match change(list, stream, row)? {
            Told::Change(change) => changes.push(change),
            Told::Nothing => {}
            Told::AskTables => return Ok(Since::TooMany),
        }
    }
    Ok(Since::Changes { at: now, changes })
}

enum Told {
    Change(Change),
    Nothing,
    /// It changes the list, but does not tell all that the list must know.
    AskTables,
}

fn change(list: &List, stream: Uuid, row: &Row) -> Result<Told, Error> {
    let decoded = stored::decode(row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
    let Ok(Event::Zone(event)) = decoded else {
        return Ok(Told::AskTables);
    };
    let of_list = |project: &str| match list {
        List::Zones(Some(wanted)) => wanted == project,
        List::Zones(None) | List::Zone(_) => true,
    };
    Ok(match event {
        zone::Event::RecordsetCreated { recordset, .. } => Told::Change(Change::Created {
            key: set::key(recordset.created_at, recordset.id.uuid()),
            name: recordset.owner.to_string(),
        }),
        zone::Event::RecordsetDeleted { before, .. } => Told::Change(Change::Deleted(before.id.uuid())),
        zone::Event::ZoneCreated { zone } if of_list(zone.project.as_str()) => {
            Told::Change(Change::Created {
                key: set::key(zone.created_at, stream),
                name: zone.name.to_string(),
            })
        }
        zone::Event::ZoneDeleted { zone, .. } | zone::Event::ZoneAbandoned { zone }
            if of_list(zone.project.as_str()) =>
        {
            Told::Change(Change::Deleted(stream))
        }
        zone::Event::ZoneTransferred { before, after } => match list {
            List::Zones(Some(project)) if [before.as_str(), after.as_str()].contains(&project.as_str()) => {
                Told::AskTables
            }
            _ => Told::Nothing,
        },
        _ => Told::Nothing,
    })
}
