//! The sweep: asks a server for zones that it should serve, though no event says that something changed. It finds what no
//! event can tell, above all a server that lost its disk.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_postgres::Client;
use zonelog_central::clock;
use zonelog_dns::LongSerial;
use zonelog_model::PoolId;
use zonelog_projections::delivery::{self, Lease, Resync, ZoneTarget};

use crate::pass::Server;
use crate::plan::{Observed, is_at_or_past, serial_seen};
use crate::server::{Signals, WorkError};
use crate::tracker::ZoneKey;

/// How many zones are asked for before the pace is kept again, in a slow sweep.
const SLOW_PAGE: i64 = 16;
/// How many are read at a time in a quick one, and how many questions are open at once.
const QUICK_PAGE: i64 = 512;
const AT_ONCE: usize = 32;
/// How many zones tell whether a server lost what it had.
const SAMPLE: i64 = 32;
/// For how long after its deletion a name is looked after: a command that was on its way to the server may have brought
/// the zone back.
const DELETED: Duration = Duration::from_secs(86_400);
/// The slowest pace: with few zones each is asked for more often than the period wants.
const SLOWEST: Duration = Duration::from_millis(500);
/// The pause when the server does not answer at all.
const SILENCE: Duration = Duration::from_secs(1);

/// The sweep over one server, under the lease of its work.
pub(crate) struct Sweep {
    pub(crate) server: Arc<Server>,
    pub(crate) client: Arc<Client>,
    pub(crate) lease: Lease,
    pub(crate) pool: PoolId,
    /// When the server may have lost zones, it is asked for a sample, and for all if any of that is missing. When an
    /// operator asks for a resync, it is asked for all in any case.
    pub(crate) signals: Signals,
}

/// What a page of the sweep showed.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Zones that it does not serve at all.
    missing: Vec<ZoneKey>,
    /// How many are missing or old.
    behind: usize,
    silent: bool,
}

impl Sweep {
    /// Sweeps until something fails; never returns `Ok`.
    pub(crate) async fn run(&self) -> Result<(), WorkError> {
        self.resync().await?;
        if self.server.config.address.is_none() {
            // There is nobody to ask; its targets may be told again.
            loop {
                self.signals.resync.notified().await;
                self.resync().await?;
            }
        }
        let mut quick = self.sample().await?;
        let mut complaint = None;
        loop {
            let began = Instant::now();
            let pace = self.pace().await?;
            let mut after = Vec::new();
            loop {
                complaint = self.look_at_catalog(complaint).await;
                let limit = if quick { QUICK_PAGE } else { SLOW_PAGE };
                let page = self.page(&after, limit).await?;
                let Some(last) = page.last() else { break };
                let last = last.zone_key.clone();
                let asked = u32::try_from(page.len()).unwrap_or(u32::MAX);
                let seen = self.check(page).await?;
                if !seen.silent {
                    // A page that met with silence is asked for again.
                    after = last;
                }
                if !seen.missing.is_empty() && !quick {
                    tracing::warn!(
                        server = self.lease.server,
                        "a name server lost zones; asking for all of them"
                    );
                    (quick, after) = (true, Vec::new());
                }
                let pause = match (seen.silent, quick) {
                    (true, _) => SILENCE,
                    (false, true) => Duration::ZERO,
                    (false, false) => pace.saturating_mul(asked),
                };
                if self.wait(pause).await? && !quick {
                    (quick, after) = (true, Vec::new());
                }
            }
            let period = self.server.timings.sweep_period;
            let rest = if quick {
                period.saturating_sub(began.elapsed())
            } else {
                SLOWEST
            };
            quick = self.wait(rest).await?;
        }
    }

    /// Sees to it that the server has its pool's catalog, though no zone may wait for it; says once what is wrong with it.
    async fn look_at_catalog(&self, said: Option<String>) -> Option<String> {
        let catalog = self.server.config.catalog.as_ref()?;
        let wrong = catalog.bring(0).await.err();
        if let Some(reason) = &wrong
            && said != wrong
        {
            tracing::warn!(
                server = self.lease.server,
                reason,
                "a name server does not have its catalog"
            );
        }
        wrong
    }

    /// Waits, unless there is doubt: true when all zones are to be asked for at once.
    async fn wait(&self, pause: Duration) -> Result<bool, WorkError> {
        let end = Instant::now() + pause;
        loop {
            tokio::select! {
                () = self.signals.doubt.notified() => return self.sample().await,
                () = self.signals.resync.notified() => self.resync().await?,
                () = sleep_until(end) => return Ok(false),
            }
        }
    }

    /// The time for one zone.
    async fn pace(&self) -> Result<Duration, WorkError> {
        let zones = delivery::zone_count(&*self.client, self.pool).await?;
        let zones = u32::try_from(zones.max(1)).unwrap_or(u32::MAX);
        Ok((self.server.timings.sweep_period / zones).min(SLOWEST))
    }

    async fn page(&self, after: &[u8], limit: i64) -> Result<Vec<ZoneTarget>, WorkError> {
        let through = delivery::checkpoint(&*self.client, &self.lease.server).await?;
        let through = through.ok_or(WorkError::NotRegistered)?;
        Ok(delivery::settled_zones(
            &*self.client,
            &self.lease.server,
            self.pool,
            through,
            clock::now() - DELETED,
            after,
            limit,
        )
        .await?)
    }

    /// Asks for the zones that changed last: whether any is missing.
    async fn sample(&self) -> Result<bool, WorkError> {
        let through = delivery::checkpoint(&*self.client, &self.lease.server).await?;
        let through = through.ok_or(WorkError::NotRegistered)?;
        let zones =
            delivery::recent_zones(&*self.client, &self.lease.server, self.pool, through, SAMPLE).await?;
        Ok(!self.check(zones).await?.missing.is_empty())
    }

    /// Asks for each zone and writes those that are behind.
    async fn check(&self, zones: Vec<ZoneTarget>) -> Result<Seen, WorkError> {
        let Some(address) = self.server.config.address else {
            return Ok(Seen::default());
        };
        let mut answers = stream::iter(zones)
            .map(|zone| async move {
                let observed = self.server.ask(address, &zone.name).await;
                (zone, observed)
            })
            .buffer_unordered(AT_ONCE);
        let (mut seen, mut behind) = (Seen::default(), Vec::<(ZoneTarget, Option<LongSerial>)>::new());
        while let Some((zone, observed)) = answers.next().await {
            let Some(wanted) = zone.serial else {
                if matches!(observed, Observed::Serving(_) | Observed::Unclear(_)) {
                    behind.push((zone, None));
                }
                continue;
            };
            match observed {
                Observed::Serving(serial) if is_at_or_past(serial, wanted) => {}
                Observed::Serving(serial) => behind.push((zone, Some(serial_seen(serial, wanted)))),
                Observed::NotServing => {
                    seen.missing.push(zone.zone_key.clone());
                    behind.push((zone, None));
                }
                Observed::Referred | Observed::Unclear(_) => behind.push((zone, None)),
                // Silence is not "gone"; who works on the server finds out whether it is away.
                Observed::Silent(_) => {
                    seen.silent = true;
                    break;
                }
            }
        }
        seen.behind = behind.len();
        if !behind.is_empty() {
            let new = delivery::found_behind(&*self.client, &self.lease, clock::now(), &behind).await?;
            if new > 0 {
                tracing::info!(
                    server = self.lease.server,
                    zones = new,
                    "zones that a name server does not serve as it should"
                );
                self.signals.found.notify_one();
            }
        }
        Ok(seen)
    }

    /// Does what is left of a resync, if an operator asked for one: the server is asked for every zone at once, and told
    /// to transfer each anew if that was asked for. What is done is written after each page, so another goes on from there.
    async fn resync(&self) -> Result<(), WorkError> {
        let name = &self.lease.server;
        loop {
            let control = delivery::control(&*self.client, name).await?;
            let Some(mut resync) = control.resync.filter(|resync| resync.done_at.is_none()) else {
                return Ok(());
            };
            if resync.after.is_empty() {
                tracing::info!(
                    server = name,
                    resync.retransfer,
                    "a server is asked for every zone"
                );
                // What is known to be behind need not be asked for: it is tried at once.
                delivery::wake_all(&*self.client, &self.lease, clock::now()).await?;
                self.signals.found.notify_one();
            }
            let page = delivery::live_zones(&*self.client, self.pool, &resync.after, QUICK_PAGE).await?;
            match page.last() {
                Some(last) => resync.after.clone_from(&last.zone_key),
                None => {
                    resync.done_at = Some(clock::now());
                    let Resync {
                        asked,
                        behind,
                        failed,
                        ..
                    } = resync;
                    tracing::info!(
                        server = name,
                        asked,
                        behind,
                        failed,
                        "a server was asked for every zone"
                    );
                }
            }
            if !self.resync_page(&mut resync, page).await? {
                // It does not answer now: the same page again.
                sleep(SILENCE).await;
                continue;
            }
            if !delivery::record_resync(&*self.client, &self.lease, &resync).await? {
                // Another resync was asked for, and the next round begins it; or the lease is lost, which who renews it finds.
                sleep(SILENCE).await;
            }
        }
    }

    /// Asks for a page of zones, and makes those that the server has be transferred anew if wanted. False: it is silent.
    async fn resync_page(&self, resync: &mut Resync, page: Vec<ZoneTarget>) -> Result<bool, WorkError> {
        let through = delivery::checkpoint(&*self.client, &self.lease.server).await?;
        let through = through.ok_or(WorkError::NotRegistered)?;
        resync.asked += count(page.len());
        if self.server.config.address.is_none() {
            // Nobody can be asked: its targets are told of every zone.
            resync.behind += count(page.len());
            let all: Vec<_> = page.into_iter().map(|zone| (zone, None)).collect();
            delivery::found_behind(&*self.client, &self.lease, clock::now(), &all).await?;
            self.signals.found.notify_one();
            return Ok(true);
        }
        // What the log did after the checkpoint is on its way anyhow.
        let settled = page.iter().filter(|zone| zone.position <= through).cloned();
        let seen = self.check(settled.collect()).await?;
        if seen.silent {
            return Ok(false);
        }
        resync.behind += count(seen.behind);
        if resync.retransfer {
            let there = page
                .into_iter()
                .filter(|zone| !seen.missing.contains(&zone.zone_key));
            let mut told = stream::iter(there)
                .map(|zone| async move { self.server.retransfer(&zone).await })
                .buffer_unordered(AT_ONCE);
            while let Some(told) = told.next().await {
                if let Err(error) = told {
                    resync.failed += 1;
                    resync.error = Some(error.to_string());
                }
            }
        }
        Ok(true)
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
