//! What else is done at its time: rows of deleted zones are removed, and it is recorded how many zones exist.

use std::time::Duration;

use deadpool_postgres::Pool;
use zonelog_model::ZoneId;
use zonelog_projections::deadline::{self, Due, Kind, Next};
use zonelog_projections::existence;
use zonelog_projections::purge::{self, Purged};

use super::refresh::TurnError;

/// How long the work on one zone is claimed: rows are removed some at a time, and it is renewed between.
const CLAIM: Duration = Duration::from_secs(60);
/// How soon to look again at a zone that a server may still have to be told of.
const NEEDED: Duration = Duration::from_secs(3_600);
/// The zones that are purged in one turn, so that refreshes are not kept waiting.
const ZONES: usize = 16;
/// How often it is recorded how many zones exist.
const PERIOD: Duration = Duration::from_secs(3_600);

/// Purges what is due, and records what exists. True when more is due at once.
pub(super) async fn once(pool: &Pool) -> Result<bool, TurnError> {
    let client = pool.get().await?;
    let due = deadline::claim(&client, Kind::ZonePurge, ZONES, CLAIM).await?;
    let more = due.len() == ZONES;
    for due in due {
        let next = purge_one(&client, &due).await?;
        deadline::settle(&client, &due, next).await?;
    }
    deadline::schedule(&client, Kind::ZonesExist, uuid::Uuid::nil(), Duration::ZERO).await?;
    for due in deadline::claim(&client, Kind::ZonesExist, 1, CLAIM).await? {
        existence::record(&client).await?;
        deadline::settle(&client, &due, Next::After(PERIOD)).await?;
    }
    Ok(more)
}

async fn purge_one(client: &deadpool_postgres::Client, due: &Due) -> Result<Next, TurnError> {
    let zone = ZoneId::new(due.subject);
    loop {
        match purge::some(client, zone).await? {
            Purged::All => {
                tracing::info!(%zone, "the rows of a deleted zone are purged; the log keeps it");
                metrics::counter!("zonelog_zones_purged_total").increment(1);
                return Ok(Next::Never);
            }
            Purged::Needed => return Ok(Next::Retry(NEEDED)),
            Purged::Some => {
                deadline::renew(client, due, CLAIM).await?;
            }
        }
    }
}
