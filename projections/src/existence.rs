//! Which zones existed in a period: what Designate's `dns.zone.exists` tells whoever meters.
//!
//! At its time only the end of a period is written down: the time, the position of the log, and a total that costs what
//! projects there are. From one position to the next is a period, so periods have neither gaps nor overlaps, however late
//! one was recorded. Which zones existed in it is read when somebody asks ([`zones`]), and is the same whenever that is: a
//! zone exists in a period when it was made before the period's end and not deleted before its begin, by positions of the
//! log. What became of it afterwards (deleted, purged, given to another project, moved to another pool) changes nothing.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use futures_util::{Stream, TryStreamExt, future};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};
use uuid::Uuid;
use zonelog_model::stored::{self, DecodeError};
use zonelog_model::{Event, PoolId, Position, ProjectId, Timestamp, ZoneId, zone};

/// A period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its begin.
    pub begin: Timestamp,
    /// Its end.
    pub end: Timestamp,
    /// The position of the log at its begin.
    pub after: Position,
    /// The position of the log at its end.
    pub position: Position,
    /// How many zones existed, those counted that were deleted within it. (Not those whose rows were purged within it, too.)
    pub zones: i64,
}

/// Records how many zones existed since the last time, the first time: exist. It costs what projects there are and what was
/// deleted since, and not what zones there are.
pub async fn record<C: GenericClient>(client: &C) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "insert into zones_existed (period_end, period_begin, position, zones)
             select now(), coalesce(l.period_end, now()), f.position,
                    coalesce((select sum(zones) from project_usage), 0)
                    + case when l.position is null then 0 else (
                        select count(*) from zone z
                        where z.deleted_position is not null and z.content_position > l.position) end
             from feed_head f
             left join (select period_end, position from zones_existed order by period_end desc limit 1) l on true
             where f.feed = 0 on conflict do nothing",
        )
        .await?;
    client.execute(&statement, &[]).await?;
    Ok(())
}

/// Which periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within {
    /// Those that end after this.
    pub from: Option<Timestamp>,
    /// Those that end at this or before.
    pub until: Option<Timestamp>,
    /// The last so many of them.
    pub last: i64,
}

/// The recorded periods, the earliest first.
pub async fn periods<C: GenericClient>(client: &C, within: Within) -> Result<Vec<Period>, Error> {
    let statement = client
        .prepare_cached(
            "select e.period_begin, e.period_end, coalesce(before.position, e.position), e.position, e.zones
             from (select * from zones_existed
                   where ($1::timestamptz is null or period_end > $1) and ($2::timestamptz is null or period_end <= $2)
                   order by period_end desc limit $3) e
             left join lateral (select position from zones_existed where period_end < e.period_end
                                order by period_end desc limit 1) before on true
             order by e.period_end",
        )
        .await?;
    let rows = client
        .query(&statement, &[&within.from, &within.until, &within.last])
        .await?;
    let read = |row: &Row| Period {
        begin: row.get(0),
        end: row.get(1),
        after: row.get(2),
        position: row.get(3),
        zones: row.get(4),
    };
    Ok(rows.iter().map(read).collect())
}

/// Why it cannot be told which zones existed.
#[derive(Debug, thiserror::Error)]
pub enum ExistenceError {
    /// PostgreSQL.
    #[error(transparent)]
    Database(#[from] Error),
    /// An event that cannot be read.
    #[error(transparent)]
    Event(#[from] DecodeError),
    /// A project that is none.
    #[error("the zone {0} has no project that can be one")]
    Project(ZoneId),
    /// An event that is not the one that ends a zone.
    #[error("the zone {0} was purged, and its last event is not its deletion")]
    Purged(ZoneId),
}

/// A zone that existed in a period, as it was at the period's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneExisted {
    /// Its id.
    pub zone: ZoneId,
    /// Its name.
    pub name: String,
    /// The project that it belonged to.
    pub project: ProjectId,
    /// The pool that it was in.
    pub pool: PoolId,
    /// Whether it is a secondary zone.
    pub secondary: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was deleted, if that was within the period.
    pub deleted_at: Option<Timestamp>,
}

/// What zones changed after a position: to whom and where they belonged before. One walk over that part of the log.
#[derive(Clone, Debug, Default)]
pub struct Moves(HashMap<ZoneId, Vec<(Position, Before)>>);

#[derive(Clone, Debug)]
enum Before {
    Project(ProjectId),
    Pool(PoolId),
}

impl Moves {
    /// Reads what came after `position`.
    pub async fn after<C: GenericClient>(client: &C, position: Position) -> Result<Self, ExistenceError> {
        let rows = client.query_raw(
            "select stream, position, type, type_version, payload::text from event
             where feed = 0 and position > $1 and type in ('zone_transferred', 'zone_moved_to_pool') order by position",
            [&position],
        );
        let mut rows = std::pin::pin!(rows.await?);
        let mut moves = Self::default();
        while let Some(row) = rows.try_next().await? {
            let before = match stored::decode(row.get(2), row.get(3), row.get(4))? {
                Event::Zone(zone::Event::ZoneTransferred { before, .. }) => Before::Project(before),
                Event::Zone(zone::Event::ZoneMovedToPool { before, .. }) => Before::Pool(before),
                _ => continue,
            };
            let of_zone = moves.0.entry(ZoneId::new(row.get(0))).or_default();
            of_zone.push((row.get(1), before));
        }
        Ok(moves)
    }

    /// Makes a zone what it was at a position.
    fn undo(&self, zone: &mut ZoneExisted, position: Position) {
        let moves = self.0.get(&zone.zone).into_iter().flatten().rev();
        for (_, before) in moves.take_while(|(at, _)| *at > position) {
            match before {
                Before::Project(project) => zone.project = project.clone(),
                Before::Pool(pool) => zone.pool = *pool,
            }
        }
    }
}

/// The zones that existed in a period, by their ids; all, or those that belonged to a project. `moves` must reach back to
/// the period's end. A stream: nothing is held of it.
pub async fn zones<'a, C: GenericClient>(
    client: &C,
    period: Period,
    project: Option<&'a ProjectId>,
    moves: &'a Moves,
) -> Result<impl Stream<Item = Result<ZoneExisted, ExistenceError>> + 'a, Error> {
    let moved: Vec<Uuid> = moves.0.keys().map(|zone| zone.uuid()).collect();
    let wanted = project.map(ProjectId::as_str);
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&period.after, &period.position, &period.begin, &wanted, &moved];
    let rows = client
        .query_raw(
            // Whoever is purged was deleted before, and the purge of a zone ends with its row.
            "select z.id, z.name, z.project, z.pool, z.masters is not null, z.created_at,
                    case when z.deleted_position <= $2 then z.deleted_at end, null, null::smallint, null, null::bigint,
                    null::timestamptz
             from zone z
             where z.created_position <= $2 and (z.deleted_position is null or z.deleted_position > $1)
                and ($4::text is null or z.project = $4 or z.id = any($5::uuid[]))
             union all
             select p.zone, null, null, null, null, null, null, e.type, e.type_version, e.payload::text, e.position,
                    e.recorded_at
             from zone_purged p
             join event c on c.stream = p.zone and c.version = 1
             cross join lateral (select * from event e where e.stream = p.zone order by e.version desc limit 1) e
             where p.purged_at >= $3 and c.position <= $2 and e.position > $1
                and not exists (select from zone z where z.id = p.zone)
             order by 1",
            parameters,
        )
        .await?;
    let zones = rows.map_err(ExistenceError::from).and_then(move |row| {
        let zone = read(&row, period.position).map(|mut zone| {
            moves.undo(&mut zone, period.position);
            zone
        });
        future::ready(zone)
    });
    Ok(zones.try_filter(move |zone| future::ready(project.is_none_or(|project| *project == zone.project))))
}

/// A zone as it is now, or as it was when it was deleted.
fn read(row: &Row, end: Position) -> Result<ZoneExisted, ExistenceError> {
    let id = ZoneId::new(row.get(0));
    let Some(type_name) = row.get::<_, Option<&str>>(7) else {
        let project: &str = row.get(2);
        return Ok(ZoneExisted {
            zone: id,
            name: row.get(1),
            project: ProjectId::new(project).ok_or(ExistenceError::Project(id))?,
            pool: PoolId::new(row.get(3)),
            secondary: row.get(4),
            created_at: row.get(5),
            deleted_at: row.get(6),
        });
    };
    let Event::Zone(zone::Event::ZoneDeleted { zone, .. } | zone::Event::ZoneAbandoned { zone }) =
        stored::decode(type_name, row.get(8), row.get(9))?
    else {
        return Err(ExistenceError::Purged(id));
    };
    let deleted_within = row.get::<_, Position>(10) <= end;
    Ok(ZoneExisted {
        zone: id,
        name: zone.name.to_string(),
        project: zone.project,
        pool: zone.pool,
        secondary: zone.kind.is_secondary(),
        created_at: zone.created_at,
        deleted_at: deleted_within.then(|| row.get(11)),
    })
}
