//! Keeping the heads at the log's head.
//!
//! Zones carry the log position of their latest content, in an index. So what happened after a
//! position is one query whose answer is as long as the zones that changed, however many events
//! there were. It reads the projection, which is written in the transaction of the events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zonelog_model::Position;
use zonelog_projections::catalog::{Catalog, CatalogError, catalogs};
use zonelog_projections::{secondary, transfer};

use crate::answer::Service;
use crate::heads::{Table, enter};
use crate::reader::ReadError;
use crate::snapshot::snapshot;

/// The pauses between attempts while PostgreSQL is away.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Follows until the shutdown. `wakeups` shows the log's head; correctness does not rest on it.
pub(crate) async fn follow(
    service: Arc<Service>,
    mut wakeups: watch::Receiver<Position>,
    shutdown: CancellationToken,
) {
    let mut position = None;
    let mut pause = SHORTEST_PAUSE;
    let mut wakeups_end = false;
    // No event says that a secondary zone has expired, only the clock.
    let mut expiries = Instant::now();
    loop {
        wakeups.mark_unchanged();
        let step = match position {
            None => load(&service).await,
            Some(position) => catch_up(&service, position).await,
        };
        let step = match step {
            Ok(reached) if expiries.elapsed() >= service.options().poll_interval => {
                expiries = Instant::now();
                expire(&service).await.map(|()| reached)
            }
            step => step,
        };
        service.reader.observe("following the log", &step);
        let wait = match step {
            Ok(reached) => {
                position = reached;
                pause = SHORTEST_PAUSE;
                report_lag(&wakeups, reached);
                if let Some(reached) = reached {
                    service.lag.reached(reached);
                }
                if reached.is_none() {
                    Duration::ZERO
                } else {
                    service.options().poll_interval
                }
            }
            Err(_) => {
                service.lag.lost();
                pause = (pause * 2).min(LONGEST_PAUSE);
                pause
            }
        };
        let failed = pause > SHORTEST_PAUSE;
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            changed = wakeups.changed(), if !wakeups_end && !failed => wakeups_end = changed.is_err(),
        }
    }
}

fn report_lag(wakeups: &watch::Receiver<Position>, reached: Option<Position>) {
    let lag = (*wakeups.borrow() - reached.unwrap_or(0)).max(0);
    metrics::gauge!("zonelog_feed_lag_events", "role" => "mdns").set(lag as f64);
}

/// Reads all heads, and the position at which they stand.
async fn load(service: &Service) -> Result<Option<Position>, ReadError> {
    let mut client = service.reader.follower().await?;
    let transaction = snapshot(&mut client).await?;
    transaction
        .batch_execute("set local statement_timeout = 0")
        .await?;
    let position = transfer::projected_position(&transaction).await?;
    let mut table = Table::new();
    {
        let mut heads = std::pin::pin!(transfer::live_heads(&transaction).await?);
        while let Some(head) = heads.next().await {
            tokio::task::consume_budget().await;
            match head? {
                Ok(head) => enter(&mut table, &head),
                Err(error) => tracing::error!(%error, "zone not served"),
            }
        }
    }
    let catalogs = catalogs(&transaction).await?;
    let expired = secondary::expired(&transaction).await?;
    transaction.commit().await?;
    service.heads.expire(expired);
    let zones = table.len();
    service.heads.replace(table);
    service.heads.replace_catalogs(served(catalogs));
    tracing::info!(zones, position, "MiniDNS serves");
    Ok(Some(position))
}

/// Takes in what changed after a position; returns the new one, or nothing when everything has to be
/// read again.
async fn catch_up(service: &Service, position: Position) -> Result<Option<Position>, ReadError> {
    let client = service.reader.follower().await?;
    // In this order: a catalog must not show a member before the member is served, or a server that comes for it at once is
    // refused and comes back late.
    let catalogs = catalogs(&client).await?;
    let (reached, changed) = transfer::heads_after(&client, position).await?;
    if reached < position {
        tracing::error!(
            position,
            reached,
            "the log is shorter than it was: reading all zones again"
        );
        return Ok(None);
    }
    let heads = changed.iter().filter_map(|head| match head {
        Ok(head) => Some(head),
        Err(error) => {
            tracing::error!(%error, "zone left as it was");
            None
        }
    });
    let zones = service.heads.apply(heads);
    service.heads.replace_catalogs(served(catalogs));
    metrics::gauge!("zonelog_mdns_zones").set(zones as f64);
    Ok(Some(reached))
}

/// The catalogs that can be served: each name once, of the pool with the lowest id.
fn served(catalogs: Vec<Result<Catalog, CatalogError>>) -> Vec<Catalog> {
    let mut served: Vec<Catalog> = catalogs
        .into_iter()
        .filter_map(|catalog| {
            catalog
                .inspect_err(|error| tracing::error!(%error, "catalog zone not served"))
                .ok()
        })
        .collect();
    served.sort_by_key(|catalog| (catalog.zone.name.to_key(), catalog.pool));
    served.dedup_by(|later, kept| {
        let is_same = later.zone.name == kept.zone.name;
        if is_same {
            let (name, pool, other) = (&kept.zone.name, kept.pool, later.pool);
            tracing::error!(%name, %pool, %other, "two pools have one catalog zone; the second's is not served");
        }
        is_same
    });
    served
}

/// Takes in which secondary zones have expired, and which not any more.
async fn expire(service: &Service) -> Result<(), ReadError> {
    let client = service.reader.follower().await?;
    let expired = secondary::expired(&client).await?;
    service.heads.expire(expired);
    Ok(())
}
