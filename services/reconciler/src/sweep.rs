//! The sweep: asks a server for zones that it should serve, though no event says that something changed. It finds what no
//! event can tell, above all a server that lost its disk.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_postgres::Client;
use zonelog_central::clock;
use zonelog_dns::LongSerial;
use zonelog_model::PoolId;
use zonelog_projections::delivery::{self, Lease, ZoneTarget};

use crate::pass::Server;
use crate::plan::{Observed, is_at_or_past, serial_seen};
use crate::probe;
use crate::server::WorkError;

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
    /// Told when the server may have lost zones: it is asked for a sample, and for all if any of that is missing.
    pub(crate) doubt: Arc<Notify>,
    /// Told when zones were found behind.
    pub(crate) found: Arc<Notify>,
}

/// What a page of the sweep showed.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    missing: bool,
    silent: bool,
}

impl Sweep {
    /// Sweeps until something fails; never returns `Ok`.
    pub(crate) async fn run(&self) -> Result<(), WorkError> {
        if self.server.config.address.is_none() {
            // There is nobody to ask.
            return std::future::pending().await;
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
                if seen.missing && !quick {
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
        match timeout(pause, self.doubt.notified()).await {
            Ok(()) => self.sample().await,
            Err(_) => Ok(false),
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
        Ok(self.check(zones).await?.missing)
    }

    /// Asks for each zone and writes those that are behind.
    async fn check(&self, zones: Vec<ZoneTarget>) -> Result<Seen, WorkError> {
        let patience = self.server.timings.query_timeout;
        let Some(address) = self.server.config.address else {
            return Ok(Seen::default());
        };
        let mut answers = stream::iter(zones)
            .map(|zone| async move {
                let key = self.server.config.key.as_deref();
                let observed = probe::soa(address, &zone.name, key, patience).await;
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
                    seen.missing = true;
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
        if !behind.is_empty() {
            let new = delivery::found_behind(&*self.client, &self.lease, clock::now(), &behind).await?;
            if new > 0 {
                tracing::info!(
                    server = self.lease.server,
                    zones = new,
                    "zones that a name server does not serve as it should"
                );
                self.found.notify_one();
            }
        }
        Ok(seen)
    }
}
