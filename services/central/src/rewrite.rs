//! All zones of a pool brought up to the NS records that the pool has now.

use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio_postgres::Client;
use uuid::Uuid;
use zonelog_model::zone::{self, RewriteNameservers};
use zonelog_model::{Metadata, PoolId, ZoneId};

use crate::request::{ExecuteError, Rejection, Request, Scope};
use crate::{Central, ids};

/// Zones read at a time.
const PAGE: i64 = 500;

/// Commands under way at a time: a batch of the writer, and room for those of others.
const AT_ONCE: usize = 64;

/// How often a command that found the queue full is tried again, and the pause before.
const MOST_RETRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

const ZONES: &str =
    "select id from zone where pool = $1 and deleted_at is null and id > $2 order by id limit $3";

impl Central {
    /// Rewrites the apex NS recordset and the SOA's MNAME of every zone of a pool whose NS records have changed, page by
    /// page, each zone a change of its own with `metadata`'s actor. `progress` is told how many zones were looked at so
    /// far. Returns how many changed.
    ///
    /// A zone that is up to date is left alone, so that it can be run again at any time: after an error, or when the
    /// process was killed in the middle of it.
    pub async fn rewrite_nameservers(
        &self,
        pool: PoolId,
        metadata: &Metadata,
        mut progress: impl FnMut(usize),
    ) -> Result<usize, ExecuteError> {
        let client = self.database.connect().await.map_err(unavailable)?;
        let (mut last, mut seen, mut changed) = (Uuid::nil(), 0, 0);
        loop {
            let page = zones(&client, pool, last).await?;
            let Some(end) = page.last() else {
                return Ok(changed);
            };
            last = end.uuid();
            seen += page.len();
            let rewritten: Vec<bool> = stream::iter(page)
                .map(|zone| self.rewrite(zone, metadata))
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            changed += rewritten.into_iter().filter(|changed| *changed).count();
            progress(seen);
        }
    }

    /// Whether the zone had to be changed. One that is gone meanwhile had not.
    async fn rewrite(&self, zone: ZoneId, metadata: &Metadata) -> Result<bool, ExecuteError> {
        let mut retries = 0;
        loop {
            let request = Request {
                command: zone::Command::from(RewriteNameservers { zone }).into(),
                metadata: Metadata {
                    change_id: ids::change_id(),
                    ..metadata.clone()
                },
                scope: Scope::AllProjects,
                idempotency: None,
            };
            match self.execute(request).await {
                Ok(done) => return Ok(done.position.is_some()),
                Err(ExecuteError::Rejected(rejection)) if is_gone(&rejection) => return Ok(false),
                Err(ExecuteError::Overloaded) if retries < MOST_RETRIES => {
                    retries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

async fn zones(client: &Client, pool: PoolId, after: Uuid) -> Result<Vec<ZoneId>, ExecuteError> {
    let rows = client
        .query(ZONES, &[&pool.uuid(), &after, &PAGE])
        .await
        .map_err(unavailable)?;
    rows.iter()
        .map(|row| Ok(ZoneId::new(row.try_get(0).map_err(unavailable)?)))
        .collect()
}

const fn is_gone(rejection: &Rejection) -> bool {
    matches!(
        rejection,
        Rejection::Zone(zone::Rejection::ZoneNotFound(_) | zone::Rejection::ZoneIsDeleting)
    )
}

fn unavailable(error: impl std::fmt::Display) -> ExecuteError {
    ExecuteError::Unavailable(error.to_string())
}
