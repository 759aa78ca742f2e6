//! The loop of one server: reads stretches of the log, starts tries, writes what was seen.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, sleep, sleep_until};
use tokio_postgres::Client;
use zonelog_central::{clock, ids};
use zonelog_dns::ZoneName;
use zonelog_model::{PoolId, Position, Timestamp};
use zonelog_projections::delivery::{self, DeliveryError, Lease, Statements, Stretch};

use crate::measure::measure;
use crate::options::Timings;
use crate::pass::{Outcome, Report, Server};
use crate::plan::Observed;
use crate::server::{Signals, WorkError, renew};
use crate::tracker::{Lane, Start, Tracker};

/// How many zones may be on their way at once, and how many stretches: beyond that the log is not read on.
const ON_THEIR_WAY: usize = 4_096;
const OPEN_STRETCHES: usize = 4_096;
/// How many rows of zones that were set aside are read at a time.
const WAITING_PAGE: usize = 4_096;
/// Below this number of them on their way, more are read.
const WAITING_LOW: usize = 2_048;
/// How long after a write the next one may begin: so many times as long as it took, but no longer than this.
const WRITE_REST: u32 = 3;
const LONGEST_WRITE_REST: Duration = Duration::from_millis(50);
/// How often the log is looked at without a wake-up.
const SLOW_POLL: Duration = Duration::from_secs(1);
/// The first pause between two probes of a server that does not answer.
const FIRST_PROBE: Duration = Duration::from_millis(100);
/// A name that no server serves (RFC 2606 §2): whatever is answered, the server is there.
const ANY_NAME: &str = "zonelog.invalid.";

/// What a write came to: the checkpoint in it, and whether the lease was still held.
type Written = (Position, Result<bool, DeliveryError>);

/// Whether the server answers at all.
#[derive(Debug)]
enum Health {
    Up,
    Down {
        error: String,
        probe_at: Instant,
        pause: Duration,
    },
}

/// The work on one server under one lease.
pub(crate) struct Work {
    server: Arc<Server>,
    client: Arc<Client>,
    statements: Statements,
    lease: Lease,
    pool: PoolId,
    wakeups: watch::Receiver<Position>,
    signals: Signals,
    tracker: Tracker,
    passes: JoinSet<(Start, Report)>,
    /// How many tries are under way, by lane.
    running: [usize; 3],
    health: Health,
    /// Up to where the checkpoint is written.
    written: Position,
    /// At most one write.
    writing: JoinSet<Written>,
    /// Whether zones may be set aside that were not read, or are to be read again: while there are none, their table is not.
    any_aside: bool,
    /// When zones that were set aside are to be looked at.
    retry_at: Option<Instant>,
    look: bool,
}

impl Work {
    pub(crate) fn new(
        server: Arc<Server>,
        (client, statements): (Arc<Client>, Statements),
        lease: Lease,
        pool: PoolId,
        wakeups: watch::Receiver<Position>,
        checkpoint: Position,
        signals: Signals,
    ) -> Self {
        Self {
            server,
            client,
            statements,
            lease,
            pool,
            wakeups,
            signals,
            tracker: Tracker::at(checkpoint),
            passes: JoinSet::new(),
            running: [0; 3],
            health: Health::Up,
            written: checkpoint,
            writing: JoinSet::new(),
            any_aside: true,
            retry_at: Some(Instant::now()),
            look: true,
        }
    }

    /// Works until something fails; never returns `Ok`.
    pub(crate) async fn run(&mut self) -> Result<(), WorkError> {
        let timings = self.server.timings.clone();
        let found = Arc::clone(&self.signals.found);
        let mut wakeups = self.wakeups.clone();
        let mut woken = true;
        let mut poll = tokio::time::interval(SLOW_POLL);
        let mut renewal = tokio::time::interval(timings.lease / 3);
        for ticks in [&mut poll, &mut renewal] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        if self.tracker.checkpoint() == 0 {
            // A server that is new, or the first start: the live zones, whatever the log's length.
            self.park_stretch(None).await?;
        }
        loop {
            if self.look {
                self.look().await?;
            }
            self.start();
            self.write();
            let probe_at = match &self.health {
                Health::Down { probe_at, .. } => Some(*probe_at),
                Health::Up => None,
            };
            let (retry_at, up) = (self.retry_at, probe_at.is_none());
            tokio::select! {
                Some(ended) = self.passes.join_next(), if !self.passes.is_empty() => {
                    let (start, report) = ended.map_err(|error| WorkError::Defect(error.to_string()))?;
                    self.ended(start, report).await?;
                }
                Some(written) = self.writing.join_next(), if !self.writing.is_empty() => self.wrote(written)?,
                changed = wakeups.changed(), if woken => {
                    woken = changed.is_ok();
                    self.look = self.look || *wakeups.borrow_and_update() > self.tracker.read();
                }
                _ = poll.tick() => {
                    self.look = true;
                    let head = *wakeups.borrow();
                    self.measure(head).await?;
                    self.heed().await?;
                }
                _ = renewal.tick() => {
                    renew(&self.client, &self.lease, &self.server.term, timings.lease).await?;
                }
                () = found.notified() => {
                    self.any_aside = true;
                    self.retry_at = Some(Instant::now());
                }
                () = at(retry_at), if up => self.read_waiting().await?,
                () = at(probe_at) => self.probe_again().await?,
            }
        }
    }

    /// Up to where the checkpoint is written.
    pub(crate) const fn written(&self) -> Position {
        self.written
    }

    /// Heeds what operators ask for.
    async fn heed(&mut self) -> Result<(), WorkError> {
        let control = delivery::control(&*self.client, &self.lease.server).await?;
        if control.paused.is_some() || control.replay_from.is_some() {
            return Err(WorkError::Asked);
        }
        if control.resync.is_some_and(|resync| resync.done_at.is_none()) {
            self.signals.resync.notify_one();
        }
        Ok(())
    }

    /// Stops what is under way.
    pub(crate) async fn stop(&mut self) {
        self.passes.shutdown().await;
    }

    /// Ends in good order: what was seen is written.
    pub(crate) async fn leave(&mut self) -> Result<(), WorkError> {
        self.stop().await;
        self.flush().await
    }

    /// Reads on in the log.
    async fn look(&mut self) -> Result<(), WorkError> {
        if let Health::Down { error, .. } = &self.health {
            let error = error.clone();
            self.look = false;
            return self.park_stretch(Some(&error)).await;
        }
        if self.tracker.open_stretches() >= OPEN_STRETCHES || self.tracker.on_their_way() >= ON_THEIR_WAY {
            return Ok(());
        }
        self.look = false;
        let limit = self.server.timings.stretch;
        match delivery::stretch(
            &*self.client,
            &self.statements,
            &self.lease.server,
            self.pool,
            self.tracker.read(),
            limit,
        )
        .await?
        {
            Stretch::Zones { through, zones } if through > self.tracker.read() => {
                tracing::debug!(
                    server = self.lease.server,
                    through,
                    zones = zones.len(),
                    "a stretch of the log"
                );
                self.tracker.take(through, zones);
            }
            Stretch::Zones { .. } => {}
            Stretch::TooLong { .. } => self.park_unread().await?,
        }
        Ok(())
    }

    /// Sets aside what was not read yet, in one statement. What is on its way goes on.
    async fn park_unread(&mut self) -> Result<(), WorkError> {
        let (after, now) = (self.tracker.read(), clock::now());
        let through = delivery::park_unread(&*self.client, &self.lease, self.pool, after, now).await?;
        let through = through.ok_or(WorkError::LeaseLost)?;
        self.tracker.take(through, Vec::new());
        self.any_aside = true;
        self.retry_at = Some(Instant::now());
        Ok(())
    }

    /// Sets aside everything from the checkpoint to the head, in one statement. What is on its way is given up.
    async fn park_stretch(&mut self, error: Option<&str>) -> Result<(), WorkError> {
        self.passes.shutdown().await;
        self.running = [0; 3];
        self.flush().await?;
        let (after, now) = (self.tracker.checkpoint(), clock::now());
        let through =
            delivery::park_stretch(&*self.client, &self.lease, self.pool, after, error, now, now).await?;
        let through = through.ok_or(WorkError::LeaseLost)?;
        self.tracker = Tracker::at(through);
        self.written = through;
        self.any_aside = true;
        self.retry_at = Some(Instant::now());
        Ok(())
    }

    /// Starts tries as long as there is room. Some room is kept for changes of zones that the server knows, so that they
    /// need not wait behind many that are new to it, and some for those, which need not wait behind zones that fail again
    /// and again.
    fn start(&mut self) {
        if matches!(self.health, Health::Down { .. }) {
            return;
        }
        let room = self.server.timings.concurrency.max(8);
        while self.passes.len() < room {
            let [_, told, again] = self.running;
            let lanes = [
                Some(Lane::Changed),
                (told + again < room * 7 / 8).then_some(Lane::Told),
                (told + again < room * 7 / 8 && again < room * 3 / 4).then_some(Lane::Again),
            ];
            let Some(start) = self.tracker.start(lanes.into_iter().flatten()) else {
                break;
            };
            self.running[start.lane as usize] += 1;
            let server = Arc::clone(&self.server);
            self.passes.spawn(async move {
                let report = server.bring(&start.target, start.attempts, start.is_new()).await;
                (start, report)
            });
        }
    }

    async fn ended(&mut self, start: Start, report: Report) -> Result<(), WorkError> {
        self.running[start.lane as usize] -= 1;
        if report.missing && start.lane == Lane::Changed && start.target.created <= self.written {
            // It served this zone once: what else did it lose?
            self.signals.doubt.notify_one();
        }
        let outcome = match report.outcome {
            Outcome::Silent => match self.probe().await {
                Some(reason) if !self.server.was_heard() => return self.go_down(reason).await,
                _ => {
                    let error = format!("{} did not answer for this zone", self.server.config.label);
                    Outcome::Behind {
                        seen: None,
                        error: Some(error),
                    }
                }
            },
            outcome => outcome,
        };
        if let Outcome::Behind { error, .. } = &outcome {
            let (server, zone) = (&self.lease.server, &start.target.name);
            tracing::debug!(server, %zone, attempts = start.attempts + 1, ?error, "a zone is set aside");
        }
        let next_try =
            clock::now() + pause_after(&self.server.timings, start.attempts, ids::random_below(65));
        self.tracker.finish(&start.target, outcome, next_try);
        Ok(())
    }

    /// Why the server is taken to be away; `None`: it answers.
    async fn probe(&self) -> Option<String> {
        let any = ZoneName::parse(ANY_NAME).ok()?;
        match self.server.ask(self.server.config.address?, &any).await {
            Observed::Silent(why) => Some(why),
            _ => None,
        }
    }

    async fn go_down(&mut self, reason: String) -> Result<(), WorkError> {
        let (server, label) = (&self.lease.server, &self.server.config.label);
        tracing::warn!(
            server,
            reason,
            "a name server does not answer; its zones wait until it is back"
        );
        let error = format!("{label} does not answer ({reason}); check that it runs");
        self.park_stretch(Some(&error)).await?;
        self.health = Health::Down {
            error,
            probe_at: Instant::now() + FIRST_PROBE,
            pause: FIRST_PROBE,
        };
        Ok(())
    }

    async fn probe_again(&mut self) -> Result<(), WorkError> {
        let away = self.probe().await;
        let Health::Down { probe_at, pause, .. } = &mut self.health else {
            return Ok(());
        };
        if away.is_some() {
            if self.server.has_moved().await {
                return Err(WorkError::Moved);
            }
            *pause = (*pause * 3 / 2).min(self.server.timings.probe_most);
            *probe_at = Instant::now() + *pause;
            return Ok(());
        }
        tracing::info!(
            server = self.lease.server,
            "a name server answers again; what it missed follows"
        );
        self.health = Health::Up;
        delivery::wake_all(&*self.client, &self.lease, clock::now()).await?;
        self.retry_at = Some(Instant::now());
        self.look = true;
        // It may have come back without its disk.
        self.signals.doubt.notify_one();
        Ok(())
    }

    /// Takes zones whose time has come, and notes when the next one's does.
    async fn read_waiting(&mut self) -> Result<(), WorkError> {
        self.retry_at = None;
        if self.tracker.on_their_way_again() >= WAITING_LOW {
            return Ok(());
        }
        let rows = delivery::waiting(
            &*self.client,
            &self.statements,
            &self.lease.server,
            self.pool,
            i64::try_from(WAITING_PAGE).unwrap_or(i64::MAX),
        )
        .await?;
        self.any_aside = rows.len() >= WAITING_PAGE;
        let now = clock::now();
        for row in rows {
            let wait = due_in(&self.server.timings, row.next_try, now);
            if !wait.is_zero() {
                let at = Instant::now() + wait;
                self.retry_at = Some(self.retry_at.map_or(at, |planned| planned.min(at)));
                continue;
            }
            self.any_aside |= !self.tracker.take_again(row);
        }
        Ok(())
    }

    /// Begins to write what was seen since the last write, if none is under way.
    fn write(&mut self) {
        if !self.writing.is_empty() {
            return;
        }
        let Some(write) = self.tracker.take_write(self.written) else {
            return;
        };
        let (client, lease) = (Arc::clone(&self.client), self.lease.clone());
        let statements = self.statements.clone();
        let checkpoint = write.checkpoint;
        self.any_aside |= !write.parked.is_empty();
        self.writing.spawn(async move {
            let (began, now) = (Instant::now(), clock::now());
            let (confirmed, parked) = (&write.confirmed, &write.parked);
            let held =
                delivery::record(&*client, &statements, &lease, now, checkpoint, confirmed, parked).await;
            // What is seen meanwhile is gathered: where much is going on, one write after the other would take PostgreSQL's time.
            sleep((began.elapsed() * WRITE_REST).min(LONGEST_WRITE_REST)).await;
            (checkpoint, held)
        });
    }

    fn wrote(&mut self, written: Result<Written, JoinError>) -> Result<(), WorkError> {
        let (checkpoint, held) = written.map_err(|error| WorkError::Defect(error.to_string()))?;
        if !held? {
            return Err(WorkError::LeaseLost);
        }
        self.written = self.written.max(checkpoint);
        // There may be more zones behind than were read, and those just written have their own times.
        if self.any_aside && self.tracker.on_their_way_again() < WAITING_LOW {
            self.retry_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Writes until nothing is left to write.
    async fn flush(&mut self) -> Result<(), WorkError> {
        self.write();
        while let Some(written) = self.writing.join_next().await {
            self.wrote(written)?;
            self.write();
        }
        Ok(())
    }

    async fn measure(&self, head: Position) -> Result<(), WorkError> {
        let name = &self.lease.server;
        measure(&self.client, name, (self.written, head), false).await?;
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        let unread = (head - self.tracker.read()).max(0) as f64;
        metrics::gauge!("zonelog_feed_lag_events", "role" => "reconciler").set(unread);
        Ok(())
    }
}

/// Waits until then; for ever when there is no such time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The pause after one more failure than `attempts`: doubling, and shortened by up to half of it (`spread` 64 to 0), so that
/// zones that failed together do not come back together.
pub(crate) fn pause_after(timings: &Timings, attempts: i32, spread: u32) -> Duration {
    let doubled = timings.retry_first.saturating_mul(1 << attempts.clamp(0, 16));
    let pause = doubled.min(timings.retry_most);
    pause * (64 + spread.min(64)) / 128
}

/// How long until a zone that was set aside is tried again. A time farther away than the longest pause was written by a
/// clock that has been set back since: it has come.
pub(crate) fn due_in(timings: &Timings, next_try: Timestamp, now: Timestamp) -> Duration {
    let wait = (next_try - now).to_std().unwrap_or_default();
    if wait > timings.retry_most {
        Duration::ZERO
    } else {
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_its_limit_and_is_spread() {
        let timings = Timings::default();
        for attempts in 0..100 {
            let most = timings
                .retry_first
                .saturating_mul(1 << attempts.min(16))
                .min(timings.retry_most);
            let pause = pause_after(&timings, attempts, attempts as u32 % 65);
            assert!(pause <= most && pause >= most / 2, "{attempts}: {pause:?}");
        }
        assert_eq!(
            pause_after(&timings, i32::MAX, 64).max(timings.retry_most),
            timings.retry_most
        );
    }
}
