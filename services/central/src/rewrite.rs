//! All zones of a pool brought up to the NS records that the pool has now.

use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio_postgres::Client;
use uuid::Uuid;
use zonelog_model::resource::Body;
use zonelog_model::zone::{self, RewriteNameservers};
use zonelog_model::{Metadata, PoolId, ZoneId};
use zonelog_projections::resource::{RESOURCE_COLUMNS, resource_from_row};
use zonelog_store::StoreError;

use crate::request::{ExecuteError, Rejection, Request, Scope};
use crate::{Central, ids};

/// Zones read at a time.
const PAGE: i64 = 500;

/// Commands under way at a time: a batch of the writer, and room for those of others.
const AT_ONCE: usize = 64;

/// How often a command that found the queue full is tried again, and the pause before.
const MOST_RETRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// The zones of a pool whose MNAME or apex NS recordset is another than the pool's. What differs in its spelling alone
/// is found too; its rewriting changes nothing.
const ZONES: &str = "
    select z.id
    from zone z
    left join recordset_version n
      on n.zone = z.id and n.owner_key = z.name_key and n.type = 2 and n.until_serial is null
    where z.pool = $1 and z.deleted_at is null and z.id > $2 and z.masters is null
      and (z.mname <> $4 or not (n.records @> $5::text[] and n.records <@ $5::text[]))
    order by z.id limit $3";

impl Central {
    /// Rewrites the apex NS recordset and the SOA's MNAME of every zone of a pool whose NS records have changed, page by
    /// page, each zone a change of its own with `metadata`'s actor. `progress` is told how many zones were found to
    /// differ so far. Returns how many changed.
    ///
    /// A zone that is up to date is left alone, so that it can be run again at any time. The tasks of
    /// [`Self::start_tasks`] do it by themselves after each change of a pool's NS records, and go on with what was
    /// interrupted.
    pub async fn rewrite_nameservers(
        &self,
        pool: PoolId,
        metadata: &Metadata,
        mut progress: impl FnMut(usize),
    ) -> Result<usize, ExecuteError> {
        let database = self.database.clone().with_index_plans();
        let client = database.connect().await.map_err(unavailable)?;
        let names = nameservers(&client, pool).await?;
        if names.is_empty() {
            return Ok(0);
        }
        let (mut last, mut seen, mut changed) = (Uuid::nil(), 0, 0);
        loop {
            let page = zones(&client, pool, &names, last).await?;
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

/// The name servers of a pool, first the MNAME of its zones; none if it is gone.
async fn nameservers(client: &Client, pool: PoolId) -> Result<Vec<String>, ExecuteError> {
    let statement = format!("select {RESOURCE_COLUMNS} from resource r where r.id = $1");
    let row = client
        .query_opt(&statement, &[&pool.uuid()])
        .await
        .map_err(unavailable)?;
    let Some(row) = row else {
        return Ok(Vec::new());
    };
    let resource = resource_from_row(&row, 0)
        .map_err(|error| ExecuteError::Failed(StoreError::decode(format!("pool {pool}"), error)))?;
    let Body::Pool(pool) = resource.body else {
        return Ok(Vec::new());
    };
    Ok(pool.nameserver_names().iter().map(ToString::to_string).collect())
}

async fn zones(
    client: &Client,
    pool: PoolId,
    names: &[String],
    after: Uuid,
) -> Result<Vec<ZoneId>, ExecuteError> {
    let rows = client
        .query(ZONES, &[&pool.uuid(), &after, &PAGE, &names.first(), &names])
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

pub(crate) fn unavailable(error: impl std::fmt::Display) -> ExecuteError {
    ExecuteError::Unavailable(error.to_string())
}
