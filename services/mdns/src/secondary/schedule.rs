//! Working off what is due: refreshes of secondary zones, as many at a time as is allowed, shared with other processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use zonelog_central::{Central, ids};
use zonelog_model::{Position, ZoneId};
use zonelog_projections::deadline::{self, Due, Kind, Next};
use zonelog_projections::secondary;
use zonelog_store::Database;

use super::client::ClientOptions;
use super::housekeeping;
use super::refresh::{Refresher, Turn, TurnError};
use super::timers::{self, Happened, TimerBounds};

/// For how long work is claimed; renewed while it goes on, so that the work of a process that died is soon another's.
const CLAIM: Duration = Duration::from_secs(30);
/// How often a claim is renewed.
const RENEWAL: Duration = Duration::from_secs(10);
/// The log is not looked at more often than this.
const PACE: Duration = Duration::from_millis(50);
/// The pause after a failure of ours.
const PAUSE: Duration = Duration::from_secs(1);

/// What [`run`] is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondaryOptions {
    /// How patient we are with primaries, and how much we take.
    pub client: ClientOptions,
    /// The bounds of the zones' own timers.
    pub timers: TimerBounds,
    /// How many zones are refreshed at a time.
    pub concurrency: usize,
    /// How often to look for what is due when nothing tells of it.
    pub poll_interval: Duration,
    /// How long the rows of a deleted zone are kept.
    pub purge_after: Duration,
}

impl Default for SecondaryOptions {
    /// 32 zones at a time; looks every second; deleted zones are kept for 7 days.
    fn default() -> Self {
        Self {
            client: ClientOptions::default(),
            timers: TimerBounds::default(),
            concurrency: 32,
            poll_interval: Duration::from_secs(1),
            purge_after: Duration::from_secs(7 * 86_400),
        }
    }
}

/// Wakes the schedule of this process: somebody put work at once into the queue.
#[derive(Debug, Clone, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// There may be work.
    pub fn nudge(&self) {
        self.0.notify_one();
    }
}

/// Keeps secondary zones refreshed until `shutdown`. Any number of processes may; a database that is away is waited for.
/// `wakeups` shows the log's head whenever it moves.
pub async fn run(
    options: SecondaryOptions,
    central: Central,
    database: Database,
    nudge: Nudge,
    wakeups: watch::Receiver<Position>,
    shutdown: CancellationToken,
) {
    // What is read here is a range of an index each time, also while the tables' statistics are old.
    let pool = database.with_index_plans().pool(4);
    let schedule = Schedule {
        refresher: Arc::new(Refresher {
            central,
            pool: pool.clone(),
            client: options.client,
        }),
        turns: Arc::new(Semaphore::new(options.concurrency.max(1))),
        options: Arc::new(options),
        pool,
        nudge,
        housekept: None,
    };
    schedule.work(wakeups, shutdown).await;
}

struct Schedule {
    refresher: Arc<Refresher>,
    turns: Arc<Semaphore>,
    options: Arc<SecondaryOptions>,
    pool: Pool,
    nudge: Nudge,
    /// When deadlines of other kinds were looked at last.
    housekept: Option<Instant>,
}

impl Schedule {
    async fn work(mut self, mut wakeups: watch::Receiver<Position>, shutdown: CancellationToken) {
        let mut tasks = JoinSet::new();
        let mut woken = true;
        let mut away = false;
        loop {
            wakeups.mark_unchanged();
            let wait = match self.once(&mut tasks).await {
                Ok(wait) => {
                    if std::mem::take(&mut away) {
                        tracing::info!("PostgreSQL is back: secondary zones are refreshed again");
                    }
                    wait
                }
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "secondary zones cannot be refreshed at the moment");
                    }
                    PAUSE
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
                () = self.nudge.0.notified(), if !away => {}
                changed = wakeups.changed(), if woken && !away => {
                    woken = changed.is_ok();
                    // A busy log wakes us with every batch.
                    tokio::time::sleep(PACE).await;
                }
                // Room for more.
                Some(_) = tasks.join_next() => {}
            }
        }
        // What is broken off here is due again when its claim has run out, and nothing of it was written.
        tasks.shutdown().await;
    }

    /// Takes in what the log asks for, and begins what is due. Says for how long there is nothing to do.
    async fn once(&mut self, tasks: &mut JoinSet<()>) -> Result<Duration, TurnError> {
        let mut client = self.pool.get().await?;
        loop {
            let transaction = client.transaction().await?;
            let followed = deadline::follow(&transaction, self.options.purge_after).await?;
            transaction.commit().await?;
            if followed.is_none_or(|followed| followed.position >= followed.head) {
                break;
            }
        }
        let more = if self
            .housekept
            .is_none_or(|at| at.elapsed() >= self.options.poll_interval)
        {
            self.housekept = Some(Instant::now());
            // Nobody waits for it: what goes wrong there is tried again, and keeps no zone from its refresh.
            housekeeping::once(&self.pool).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "deleted zones are not purged at the moment");
                false
            })
        } else {
            false
        };
        let expired = secondary::expired(&client).await?;
        metrics::gauge!("zonelog_secondary_zones_expired").set(expired.len() as f64);
        loop {
            let room = self.turns.available_permits();
            if room == 0 {
                return Ok(self.options.poll_interval);
            }
            let due = deadline::claim(&client, Kind::SecondaryRefresh, room, CLAIM).await?;
            if due.is_empty() {
                break;
            }
            for due in due {
                let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else {
                    break;
                };
                let (refresher, options, pool) = (
                    Arc::clone(&self.refresher),
                    Arc::clone(&self.options),
                    self.pool.clone(),
                );
                tasks.spawn(async move {
                    one(&refresher, &options, &pool, due).await;
                    drop(turn);
                });
            }
        }
        let next = deadline::until_next(&client, Kind::SecondaryRefresh).await?;
        let poll = match more {
            true => Duration::ZERO,
            false => self.options.poll_interval,
        };
        Ok(next.map_or(poll, |next| next.min(poll)))
    }
}

/// One claimed refresh, and what comes after it.
async fn one(refresher: &Refresher, options: &SecondaryOptions, pool: &Pool, due: Due) {
    let zone = ZoneId::new(due.subject);
    metrics::histogram!("zonelog_deadline_late_seconds", "kind" => due.kind.label())
        .record(due.late.as_secs_f64());
    let turn = {
        let mut work = std::pin::pin!(refresher.turn(zone));
        loop {
            tokio::select! {
                turn = &mut work => break turn,
                () = tokio::time::sleep(RENEWAL) => {
                    // Without it another may begin the same, which is not wrong but wasted.
                    if let Ok(client) = pool.get().await {
                        let _ = deadline::renew(&client, &due, CLAIM).await;
                    }
                }
            }
        }
    };
    let next = match turn {
        Ok(turn) => after(turn, &due, options),
        Err(error) => {
            tracing::warn!(%error, %zone, "the refresh of a secondary zone was interrupted");
            Next::Retry(PAUSE)
        }
    };
    let settled = async {
        let client = pool.get().await?;
        deadline::settle(&client, &due, next).await?;
        Ok::<_, TurnError>(())
    };
    if let Err(error) = settled.await {
        // Its claim runs out, and it is due again.
        tracing::warn!(%error, %zone, "the next refresh of a secondary zone is not noted");
    }
}

fn after(turn: Turn, due: &Due, options: &SecondaryOptions) -> Next {
    let chance = ids::random();
    match turn {
        Turn::Gone => Next::Never,
        Turn::Refreshed(held) => Next::After(timers::next(
            Happened::Refreshed,
            Some(held),
            &options.timers,
            chance,
        )),
        Turn::Failed(held) => {
            let failures = due.attempts.saturating_add(1);
            let failed = Happened::Failed { failures };
            Next::Retry(timers::next(failed, held, &options.timers, chance))
        }
        Turn::Again => Next::Retry(PAUSE),
    }
}
