//! Moves between two pools that both have a catalog zone, seen to their end (RFC 9432 §4.3.2, change of ownership).
//!
//! ```text
//!  zone moved ─▶ the old catalog shows where it is going (`coo`); the new one shows the zone, unless a server is in both:
//!            ─▶ those servers have the old catalog so          ─▶ shown:  the new catalog shows the zone
//!            ─▶ the new pool's servers were seen to serve it   ─▶ over:   the old catalog shows it no more
//!            ─▶ a server of both pools does not serve it       ─▶ hidden, and shown again
//! ```
//! A server that is in both pools must come to know where the zone is going before it sees the zone in the new catalog:
//! else it takes it for another zone of that name, and passes over it (BIND 9.18 and PowerDNS 4.7 do). Knot DNS 3.2 passes
//! over it in any case; when the old catalog has let the zone go, it takes it up as soon as it comes to the new one again.
//!
//! Each step is an event, so the catalogs stay what the log says. What is to be looked at stands in the deadline queue; who
//! dies in the middle leaves it to the next, and nothing rests on what he knew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Client, Pool, PoolError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use zonelog_central::tsig::{TsigKeys, TsigOptions};
use zonelog_central::{Central, Request, Scope, ids};
use zonelog_dns::ZoneName;
use zonelog_model::resource::Body;
use zonelog_model::zone::{AdvanceMove, Command, MoveStep};
use zonelog_model::{Actor, Door, Metadata, PoolId, Position, ProjectId, ZoneId};
use zonelog_projections::catalog::{self, MovedZone};
use zonelog_projections::deadline::{self, Due, Kind, Next};
use zonelog_projections::resource::{self, ResourceError};
use zonelog_store::Database;

use crate::options::ReconcilerOptions;
use crate::plan::Observed;
use crate::prepare::{ServerConfig, prepare};
use crate::probe::{self, Sockets};
use crate::topology::{ServerSpec, servers};

/// The name under which the log shows who took a step.
const USER: &str = "reconciler";
/// How many moves are looked at at once.
const AT_ONCE: usize = 64;
/// How often the queue is looked at without a wake-up, and when the database is away.
const POLL: Duration = Duration::from_secs(1);
/// The queue is not looked at more often than this.
const PACE: Duration = Duration::from_millis(100);
/// The first pause before another look at servers that are not there yet, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// After so many looks a server of both pools is not waited for: it may be away for long.
const LOOKS: u32 = 20;
/// How often a zone is hidden and shown again for a server that will not take it up.
const MOST_HIDDEN: i64 = 3;

/// Why a move could not be looked at.
#[derive(Debug, thiserror::Error)]
enum MoveError {
    #[error("no connection to PostgreSQL: {0}")]
    Pool(#[from] PoolError),
    #[error("PostgreSQL: {0}")]
    Sql(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Resource(#[from] ResourceError),
    #[error("{0}")]
    Zone(String),
}

/// Sees moves between pools with catalogs to their end, until `shutdown`. Any number of processes may. `wakeups` carries
/// the log's head.
pub async fn run(
    options: ReconcilerOptions,
    central: Central,
    database: Database,
    mut wakeups: watch::Receiver<Position>,
    shutdown: CancellationToken,
) {
    let mover = Arc::new(Mover {
        options,
        central,
        pool: database.with_index_plans().pool(4),
    });
    let mut tasks = JoinSet::new();
    let mut woken = true;
    loop {
        wakeups.mark_unchanged();
        let wait = mover.begin(&mut tasks).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "moves between catalogs cannot be looked at");
            POLL
        });
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = sleep(wait.max(PACE)) => {}
            changed = wakeups.changed(), if woken => {
                woken = changed.is_ok();
                sleep(PACE).await;
            }
        }
        while tasks.try_join_next().is_some() {}
    }
    // What is broken off here is due again when its claim has run out.
    tasks.shutdown().await;
}

struct Mover {
    options: ReconcilerOptions,
    central: Central,
    pool: Pool,
}

/// A server that is in both pools and follows both catalogs: as a member of the old one, and of the new one.
struct InBoth {
    old: ServerConfig,
    new: ServerConfig,
}

impl Mover {
    /// For how long a move is claimed without being renewed: as long as a server's lease is held.
    const fn claim(&self) -> Duration {
        self.options.timings.lease
    }

    /// Begins what is due. Says for how long there is nothing to do.
    async fn begin(self: &Arc<Self>, tasks: &mut JoinSet<()>) -> Result<Duration, MoveError> {
        let client = self.pool.get().await?;
        let room = AT_ONCE.saturating_sub(tasks.len());
        if room == 0 {
            return Ok(POLL);
        }
        for due in deadline::claim(&client, Kind::CatalogMove, room, self.claim()).await? {
            let mover = Arc::clone(self);
            tasks.spawn(async move { mover.one(due).await });
        }
        let next = deadline::until_next(&client, Kind::CatalogMove).await?;
        Ok(next.map_or(POLL, |next| next.min(POLL)))
    }

    /// One claimed look, and what comes after it.
    async fn one(&self, due: Due) {
        let zone = ZoneId::new(due.subject);
        let next = {
            let mut work = std::pin::pin!(self.look(zone, due.attempts));
            loop {
                tokio::select! {
                    next = &mut work => break next,
                    () = sleep(self.claim() / 3) => {
                        if let Ok(client) = self.pool.get().await {
                            // Without it another may begin the same: each step is harmless twice.
                            let _ = deadline::renew(&client, &due, self.claim()).await;
                        }
                    }
                }
            }
        };
        let next = next.unwrap_or_else(|error| {
            tracing::warn!(%zone, %error, "a move between catalogs is looked at again");
            Next::Retry(AGAIN.1)
        });
        let settled = async {
            let client = self.pool.get().await?;
            deadline::settle(&client, &due, next).await?;
            Ok::<_, MoveError>(())
        };
        if let Err(error) = settled.await {
            tracing::warn!(%zone, %error, "a move between catalogs is looked at again when its claim has run out");
        }
    }

    /// Looks how a move stands, and takes the next step if its time has come.
    async fn look(&self, zone: ZoneId, attempts: u32) -> Result<Next, MoveError> {
        let client = self.pool.get().await?;
        let Some(moved) = catalog::moved_zone(&client, zone).await? else {
            return Ok(Next::Never);
        };
        let pools = self.pools(&client).await?;
        let of = |pool| pools.get(&pool).map_or(&[][..], Vec::as_slice);
        let (old, new) = (of(moved.left), of(moved.pool));
        let in_both = self.in_both(old, new).await;
        let again = Next::Retry((AGAIN.0 * 2_u32.saturating_pow(attempts.min(8))).min(AGAIN.1));
        let step = match (moved.until, moved.shown_since) {
            (None, None) => {
                if !self.have(&in_both, Some(moved.since), None).await && attempts < LOOKS {
                    return Ok(again);
                }
                MoveStep::Shown
            }
            (None, Some(since)) => {
                drop(client);
                if !self.is_served(&moved, since, new.len()).await?
                    || !self.have(&in_both, None, Some(since)).await
                {
                    return Ok(again);
                }
                MoveStep::Over
            }
            (Some(_), _) if in_both.is_empty() => return Ok(Next::Never),
            (Some(until), Some(since)) => {
                if !self.have(&in_both, Some(until), Some(since)).await {
                    return Ok(if attempts < LOOKS { again } else { Next::Never });
                }
                self.settle(&in_both).await;
                match self.is_missing(&in_both, &moved).await? {
                    None => return Ok(again),
                    Some(false) => return Ok(Next::Never),
                    Some(true) if moved.hidden >= MOST_HIDDEN => {
                        tracing::error!(
                            zone = moved.name,
                            "a server of two pools does not take up a zone that moved between them"
                        );
                        return Ok(Next::Never);
                    }
                    Some(true) => {}
                }
                return self.step(zone, &moved, MoveStep::Hidden).await;
            }
            (Some(_), None) => {
                if !self.have(&in_both, None, moved.hidden_at).await && attempts < LOOKS {
                    return Ok(again);
                }
                MoveStep::Shown
            }
        };
        self.settle(&in_both).await;
        self.step(zone, &moved, step).await
    }

    /// The servers of each pool.
    async fn pools(&self, client: &Client) -> Result<BTreeMap<PoolId, Vec<ServerSpec>>, MoveError> {
        let options = TsigOptions {
            unseal: self.options.unseal.clone(),
            allow_hmac_md5: self.options.allow_hmac_md5,
        };
        let keys = TsigKeys::read(client, &options).await?;
        let pools = resource::pools(client).await?;
        let pools = pools.iter().filter_map(|pool| {
            let Body::Pool(body) = &pool.body else { return None };
            let id = PoolId::new(pool.id.uuid());
            Some((id, servers(id, body, &keys)))
        });
        Ok(pools.collect())
    }

    /// The servers that are in both pools, and follow both catalogs.
    async fn in_both(&self, old: &[ServerSpec], new: &[ServerSpec]) -> Vec<InBoth> {
        let mut found = Vec::new();
        for member in old {
            let Some(other) = new
                .iter()
                .find(|other| member.asked.is_some() && other.asked == member.asked)
            else {
                continue;
            };
            // One that cannot be prepared is not to be told of anything; its own work says why.
            if let (Ok(old), Ok(new)) = (
                prepare(member, &self.options).await,
                prepare(other, &self.options).await,
            ) && old.catalog.is_some()
                && new.catalog.is_some()
            {
                found.push(InBoth { old, new });
            }
        }
        found
    }

    /// Whether these servers have the old catalog as of a position, and the new one. They are told of it.
    async fn have(&self, servers: &[InBoth], old: Option<Position>, new: Option<Position>) -> bool {
        for server in servers {
            for (config, position) in [(&server.old, old), (&server.new, new)] {
                if let (Some(catalog), Some(position)) = (&config.catalog, position)
                    && let Err(reason) = catalog.bring(position).await
                {
                    tracing::debug!(
                        server = config.name,
                        reason,
                        "a server does not have its catalog yet"
                    );
                    return false;
                }
            }
        }
        true
    }

    /// Gives servers of both pools the time to take up what they have transferred.
    async fn settle(&self, servers: &[InBoth]) {
        if !servers.is_empty() {
            sleep(self.options.timings.catalog_grace).await;
        }
    }

    /// Whether all servers of the new pool were seen to have the zone.
    async fn is_served(&self, moved: &MovedZone, since: Position, servers: usize) -> Result<bool, MoveError> {
        let client = self.pool.get().await?;
        Ok(catalog::is_served_by_all(&client, moved.pool, since, &moved.name_key, servers).await?)
    }

    /// Whether one of these servers does not serve the zone; nothing if one does not say.
    async fn is_missing(&self, servers: &[InBoth], moved: &MovedZone) -> Result<Option<bool>, MoveError> {
        let name = ZoneName::parse(&moved.name).map_err(|error| MoveError::Zone(error.to_string()))?;
        let mut missing = false;
        for InBoth { new, .. } in servers {
            let Some(address) = new.address else { continue };
            match probe::soa(
                &Sockets::default(),
                address,
                &name,
                new.key.as_deref(),
                self.options.timings.query_timeout,
            )
            .await
            {
                Observed::NotServing | Observed::Referred => missing = true,
                Observed::Serving(_) => {}
                Observed::Unclear(_) | Observed::Silent(_) => return Ok(None),
            }
        }
        Ok(Some(missing))
    }

    /// Takes a step.
    async fn step(&self, zone: ZoneId, moved: &MovedZone, step: MoveStep) -> Result<Next, MoveError> {
        let project = ProjectId::new(moved.project.as_str())
            .ok_or_else(|| MoveError::Zone(format!("the project {:?} has no name", moved.project)))?;
        let request = Request {
            command: Command::from(AdvanceMove {
                zone,
                before: moved.left,
                after: moved.pool,
                since: moved.since,
                step,
            })
            .into(),
            metadata: Metadata {
                actor: Actor {
                    user: USER.to_owned(),
                    project,
                    roles: Vec::new(),
                    door: Door::Reconciler,
                },
                change_id: ids::change_id(),
                request_id: None,
                cause: None,
            },
            scope: Scope::AllProjects,
            idempotency: None,
        };
        match self.central.execute(request).await {
            Ok(_) => {
                tracing::info!(
                    zone = moved.name,
                    step = step.label(),
                    "a move between catalogs goes on"
                );
                Ok(Next::After(Duration::ZERO))
            }
            // It was deleted meanwhile, or the database is away: looked at again.
            Err(error) => Err(MoveError::Zone(error.to_string())),
        }
    }
}
