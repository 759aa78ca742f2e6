//! The zones of a pool come to the name servers that the pool names now, whoever changed it, and whatever dies meanwhile.
//!
//! `pool_nameservers` remembers up to which version of a pool's stream its zones follow it. At the start and at each
//! change of the registry the pools that have moved on are looked at: if one of their events since then changed the name
//! servers, the zones that differ are rewritten, and then, and only then, the version is remembered. For a pool that
//! changed in other ways no zone is looked at.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_dns::Name;
use zonelog_model::resource::{self, Body, Resource};
use zonelog_model::{Event, Metadata, PoolId, Recorded, ResourceId, Version};
use zonelog_store::{Feed, StoreError};

use crate::request::ExecuteError;
use crate::rewrite::unavailable;
use crate::{Central, ids};

/// Pools that have moved on since their zones were last known to follow. Pools are
/// few: all are looked at.
const MOVED_ON: &str = "
    select r.id, coalesce(n.version, 0), r.stream_version
    from resource r left join pool_nameservers n on n.pool = r.id
    where r.kind = 'pool' and r.stream_version > coalesce(n.version, 0) and ($1::uuid is null or r.id = $1)
    order by r.id";

/// One process works on a pool at a time. The lock goes with the session, so a process that dies leaves none behind.
const LOCK: &str = "select pg_try_advisory_lock(hashtextextended('pool_nameservers ' || $1::uuid, 0))";
const UNLOCK: &str = "select pg_advisory_unlock(hashtextextended('pool_nameservers ' || $1::uuid, 0))";

const REMEMBER: &str = "
    insert into pool_nameservers as n (pool, version) values ($1, $2)
    on conflict (pool) do update set version = greatest(n.version, excluded.version)";

/// Events of a pool read at a time.
const PAGE: usize = 200;

/// How soon to look again at a pool that another process works on.
const ANOTHERS: Duration = Duration::from_secs(1);

/// The shortest time between two looks: TLDs and blacklists change the registry too.
const BREATH: Duration = Duration::from_millis(100);

/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(2);

/// Follows the pools until `shutdown`.
pub(crate) async fn run(central: Central, shutdown: CancellationToken) {
    let work = async {
        loop {
            // Over a connection that is lost, or none: the next turn opens another, and goes on where this one was.
            if let Err(error) = follow(&central).await {
                tracing::warn!(%error, "zones do not have their pool's name servers yet, trying again");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

async fn follow(central: &Central) -> Result<(), ExecuteError> {
    let mut registries = central.registries();
    let feed = Feed::new(&central.database);
    let client = central.database.connect().await.map_err(unavailable)?;
    loop {
        registries.mark_unchanged();
        let mut is_anothers = false;
        for pool in moved_on(&client, None).await? {
            is_anothers |= !alone(central, &feed, &client, pool.id).await?;
        }
        if is_anothers {
            tokio::time::sleep(ANOTHERS).await;
        } else {
            tokio::time::sleep(BREATH).await;
            // Its sender lives as long as `central`.
            let _ = registries.changed().await;
        }
    }
}

/// A pool that has moved on.
struct MovedOn {
    id: PoolId,
    /// The version that its zones are known to follow.
    known: Version,
    present: Version,
}

async fn moved_on(client: &Client, pool: Option<PoolId>) -> Result<Vec<MovedOn>, ExecuteError> {
    let pool = pool.map(PoolId::uuid);
    let rows = client.query(MOVED_ON, &[&pool]).await.map_err(unavailable)?;
    let read = rows.iter().map(|row| {
        Ok(MovedOn {
            id: PoolId::new(row.try_get::<_, Uuid>(0)?),
            known: row.try_get(1)?,
            present: row.try_get(2)?,
        })
    });
    read.collect::<Result<_, tokio_postgres::Error>>()
        .map_err(unavailable)
}

/// Brings a pool's zones up to it, unless another process is at it: false.
async fn alone(central: &Central, feed: &Feed, client: &Client, pool: PoolId) -> Result<bool, ExecuteError> {
    let locked = client
        .query_one(LOCK, &[&pool.uuid()])
        .await
        .map_err(unavailable)?;
    if !locked.try_get(0).map_err(unavailable)? {
        return Ok(false);
    }
    // An error drops the connection, and with it the lock.
    if let Some(pool) = moved_on(client, Some(pool)).await?.pop() {
        bring(central, feed, client, &pool).await?;
    }
    client
        .query_one(UNLOCK, &[&pool.uuid()])
        .await
        .map_err(unavailable)?;
    Ok(true)
}

async fn bring(central: &Central, feed: &Feed, client: &Client, pool: &MovedOn) -> Result<(), ExecuteError> {
    if let Some(change) = last_renaming(feed, pool).await.map_err(ExecuteError::Failed)? {
        let metadata = Metadata {
            change_id: ids::change_id(),
            cause: Some(format!(
                "change {} of pool {}",
                change.metadata.change_id, pool.id
            )),
            ..(*change.metadata).clone()
        };
        let zones = central.rewrite_nameservers(pool.id, &metadata, |_| {}).await?;
        tracing::info!(pool = %pool.id, zones, "zones have their pool's new name servers");
    }
    client
        .execute(REMEMBER, &[&pool.id.uuid(), &pool.present])
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// The last event since then that gave the pool other name servers.
async fn last_renaming(feed: &Feed, pool: &MovedOn) -> Result<Option<Recorded>, StoreError> {
    let stream = ResourceId::from(pool.id).into();
    let (mut after, mut last) = (pool.known, None);
    while after < pool.present {
        let page = feed.stream(stream, after, PAGE).await?;
        let Some(end) = page.last() else { break };
        after = end.version;
        last = page.into_iter().rfind(renames).or(last);
    }
    Ok(last)
}

fn renames(recorded: &Recorded) -> bool {
    let Event::Resource(event) = &recorded.event else {
        return false;
    };
    let resource::Event::Changed { before, after } = &**event else {
        return false;
    };
    names(before) != names(after)
}

fn names(pool: &Resource) -> Vec<&Name> {
    match &pool.body {
        Body::Pool(pool) => pool.nameserver_names(),
        _ => Vec::new(),
    }
}
