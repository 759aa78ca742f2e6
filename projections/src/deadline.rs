//! The queue of what is to be done at a time, shared by any number of processes.
//!
//! A row is claimed for a while by one of them (`for update skip locked`). When the work is done it is settled: set to its
//! next time, or removed. Whoever dies leaves its claims to run out. All times are PostgreSQL's, the one clock that all
//! processes share. What was asked for while the work was under way is not lost: it is due again at once.
//!
//! What follows from events of the log (a new secondary zone is to be transferred, a deleted one purged some day) is taken
//! in by [`follow`], which keeps its own position: so nothing is forgotten, whoever was away.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use tokio_postgres::Error;
use uuid::Uuid;
use zonelog_model::Position;

/// The most positions of the log that one turn of [`follow`] takes in.
const STRETCH: i64 = 50_000;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Ask a secondary zone's primaries, and transfer what is newer. The subject is the zone.
    SecondaryRefresh,
    /// Remove what the projections keep of a deleted zone. The subject is the zone.
    ZonePurge,
    /// See a move between two pools with catalog zones to its end. The subject is the zone.
    CatalogMove,
    /// Record how many zones exist. The subject is the installation ([`Uuid::nil`]).
    ZonesExist,
}

impl Kind {
    /// The word that the table has.
    pub const fn label(self) -> &'static str {
        match self {
            Self::SecondaryRefresh => "secondary_refresh",
            Self::ZonePurge => "zone_purge",
            Self::CatalogMove => "catalog_move",
            Self::ZonesExist => "zones_exist",
        }
    }
}

/// Work that the caller has claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What.
    pub kind: Kind,
    /// Of whom.
    pub subject: Uuid,
    /// How often in a row it has failed.
    pub attempts: u32,
    /// How late the caller came.
    pub late: Duration,
    wakes: i64,
    claim: i64,
}

/// What comes after some work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Again after so long; it went well.
    After(Duration),
    /// Again after so long; it failed once more.
    Retry(Duration),
    /// Never: there is no such subject any more.
    Never,
}

/// Asks for work at once, for each subject. Cheap to repeat.
pub async fn wake<C: GenericClient>(client: &C, kind: Kind, subjects: &[Uuid]) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "insert into deadline as d (kind, subject, due_at)
             select $1, s, now() from unnest($2::uuid[]) s group by s order by s
             on conflict (kind, subject) do update set
                 wakes = d.wakes + 1,
                 due_at = case when d.claimed_until > now() then d.due_at else least(d.due_at, now()) end",
        )
        .await?;
    client.execute(&statement, &[&kind.label(), &subjects]).await?;
    Ok(())
}

/// Puts work into the queue unless it is there.
pub async fn schedule<C: GenericClient>(
    client: &C,
    kind: Kind,
    subject: Uuid,
    after: Duration,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "insert into deadline (kind, subject, due_at) values ($1, $2, now() + make_interval(secs => $3))
             on conflict do nothing",
        )
        .await?;
    client
        .execute(&statement, &[&kind.label(), &subject, &after.as_secs_f64()])
        .await?;
    Ok(())
}

/// Claims at most `limit` of what is due, the oldest first, for `time`: after that it is due again, whatever became of the
/// claimer.
pub async fn claim<C: GenericClient>(
    client: &C,
    kind: Kind,
    limit: usize,
    time: Duration,
) -> Result<Vec<Due>, Error> {
    let statement = client
        .prepare_cached(
            "with next as (
                 select kind, subject, due_at from deadline where kind = $1 and due_at <= now()
                 order by due_at limit $2 for update skip locked)
             update deadline d set claim = d.claim + 1, claimed_until = now() + make_interval(secs => $3),
                                   due_at = now() + make_interval(secs => $3)
             from next n where d.kind = n.kind and d.subject = n.subject
             returning d.subject, d.attempts, d.wakes, d.claim, extract(epoch from now() - n.due_at)::float8",
        )
        .await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = client
        .query(&statement, &[&kind.label(), &limit, &time.as_secs_f64()])
        .await?;
    let due = rows.iter().map(|row| Due {
        kind,
        subject: row.get(0),
        attempts: u32::try_from(row.get::<_, i32>(1)).unwrap_or(0),
        wakes: row.get(2),
        claim: row.get(3),
        late: Duration::try_from_secs_f64(row.get(4)).unwrap_or_default(),
    });
    Ok(due.collect())
}

/// Makes a claim last for `time` from now on. False when it had run out and somebody else has claimed since.
pub async fn renew<C: GenericClient>(client: &C, due: &Due, time: Duration) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "update deadline set claimed_until = now() + make_interval(secs => $4),
                                 due_at = now() + make_interval(secs => $4)
             where kind = $1 and subject = $2 and claim = $3",
        )
        .await?;
    let renewed = client
        .execute(
            &statement,
            &[&due.kind.label(), &due.subject, &due.claim, &time.as_secs_f64()],
        )
        .await?;
    Ok(renewed > 0)
}

/// Ends a claim. False when it had run out and somebody else has claimed since: then nothing is written.
pub async fn settle<C: GenericClient>(client: &C, due: &Due, next: Next) -> Result<bool, Error> {
    let (after, attempts) = match next {
        Next::Never => {
            let statement = client
                .prepare_cached("delete from deadline where kind = $1 and subject = $2 and claim = $3")
                .await?;
            let gone = client
                .execute(&statement, &[&due.kind.label(), &due.subject, &due.claim])
                .await?;
            return Ok(gone > 0);
        }
        Next::After(after) => (after, 0),
        Next::Retry(after) => (after, due.attempts.saturating_add(1)),
    };
    let statement = client
        .prepare_cached(
            "update deadline set claimed_until = null, attempts = $4,
                    due_at = case when wakes > $5 then now() else now() + make_interval(secs => $6) end
             where kind = $1 and subject = $2 and claim = $3",
        )
        .await?;
    let attempts = i32::try_from(attempts).unwrap_or(i32::MAX);
    let settled = client
        .execute(
            &statement,
            &[
                &due.kind.label(),
                &due.subject,
                &due.claim,
                &attempts,
                &due.wakes,
                &after.as_secs_f64(),
            ],
        )
        .await?;
    Ok(settled > 0)
}

/// How long until the next work of a kind is due; zero when it is already, nothing when there is none.
pub async fn until_next<C: GenericClient>(client: &C, kind: Kind) -> Result<Option<Duration>, Error> {
    let statement = client
        .prepare_cached(
            "select greatest(0, extract(epoch from due_at - now()))::float8 from deadline
             where kind = $1 order by due_at limit 1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&kind.label()]).await?;
    Ok(row.map(|row| Duration::try_from_secs_f64(row.get(0)).unwrap_or_default()))
}

/// What a turn of [`follow`] has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The position up to which the queue has taken the log in.
    pub position: Position,
    /// The log's head.
    pub head: Position,
    /// How much was put into the queue.
    pub deadlines: u64,
}

/// Takes in what follows from the next events of the log: secondary zones that were made, or have other masters, are to be
/// refreshed at once; deleted zones to be purged after `purge_after`; moves between pools with catalogs to be seen to their
/// end. Nothing is done while another process does it.
///
/// The transaction is the caller's, and should end at once.
pub async fn follow<C: GenericClient>(
    transaction: &C,
    purge_after: Duration,
) -> Result<Option<Followed>, Error> {
    let statement = transaction
        .prepare_cached(
            // Nor does it wait for the disk: what a power cut takes is taken in again, as the position goes with it.
            "select position, set_config('synchronous_commit', 'off', true) from deadline_head
             where feed = 0 for update skip locked",
        )
        .await?;
    let Some(row) = transaction.query_opt(&statement, &[]).await? else {
        return Ok(None);
    };
    let after: Position = row.get(0);
    // A statement of its own: its snapshot has whatever the log's head says.
    let statement = transaction
        .prepare_cached("select position from feed_head where feed = 0")
        .await?;
    let head: Position = transaction.query_one(&statement, &[]).await?.get(0);
    let position = head.min(after.saturating_add(STRETCH));
    if position <= after {
        return Ok(Some(Followed {
            position: after,
            head,
            deadlines: 0,
        }));
    }
    let refresh = transaction
        .prepare_cached(
            "insert into deadline as d (kind, subject, due_at)
             select 'secondary_refresh', z.id, now() from (
                 select distinct stream from event where feed = 0 and position > $1 and position <= $2
                    and type in ('zone_created', 'zone_masters_changed')) e
             join zone z on z.id = e.stream where z.masters is not null and z.deleted_at is null
             order by z.id
             on conflict (kind, subject) do update set
                 wakes = d.wakes + 1,
                 due_at = case when d.claimed_until > now() then d.due_at else least(d.due_at, now()) end",
        )
        .await?;
    let purge = transaction
        .prepare_cached(
            "insert into deadline (kind, subject, due_at)
             select 'zone_purge', z.id, z.deleted_at + make_interval(secs => $3) from (
                 select distinct stream from event where feed = 0 and position > $1 and position <= $2
                    and type in ('zone_deleted', 'zone_abandoned')) e
             join zone z on z.id = e.stream where z.deleted_at is not null
             order by z.id on conflict do nothing",
        )
        .await?;
    let moves = transaction
        .prepare_cached(
            "insert into deadline as d (kind, subject, due_at)
             select distinct 'catalog_move', e.stream, now() from event e
             where feed = 0 and position > $1 and position <= $2 and type = 'zone_moved_to_pool' and payload ? 'coo'
             on conflict (kind, subject) do update set
                 wakes = d.wakes + 1, attempts = 0,
                 due_at = case when d.claimed_until > now() then d.due_at else least(d.due_at, now()) end",
        )
        .await?;
    let refreshed = transaction.execute(&refresh, &[&after, &position]).await?;
    let moved = transaction.execute(&moves, &[&after, &position]).await?;
    let purged = transaction
        .execute(&purge, &[&after, &position, &purge_after.as_secs_f64()])
        .await?;
    let statement = transaction
        .prepare_cached("update deadline_head set position = $1 where feed = 0")
        .await?;
    transaction.execute(&statement, &[&position]).await?;
    Ok(Some(Followed {
        position,
        head,
        deadlines: refreshed + purged + moved,
    }))
}
