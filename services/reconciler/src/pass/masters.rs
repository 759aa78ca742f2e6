//! What the masters show, which servers transfer from: MiniDNS, that is. A server that asks before they show what the log has
//! finds nothing new.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::{Instant, sleep};
use zonelog_dns::tsig::Key;
use zonelog_dns::{LongSerial, Serial};
use zonelog_projections::delivery::ZoneTarget;

use super::Server;
use crate::plan::{Observed, is_at_or_past};
use crate::probe;
use crate::traffic::LOOK_AGAIN;

/// What to check when MiniDNS refuses a question without a signature.
const UNSIGNED: &str = "check that it has the zone; where it wants questions signed (`minidns.query_enforce_tsig`), make a TSIG \
                        key of scope POOL for the pool, or name one as the target's tsigkey_id";

impl Server {
    /// Waits until a master shows the serial: a server that asks before that would find nothing new. Without masters there
    /// is nothing to wait for.
    ///
    /// MiniDNS follows the log in its order, so a master that shows a zone's change shows all from before it. Of many zones
    /// that changed only the last are asked for; one that is tried again is asked for itself.
    pub(super) async fn masters_show(
        &self,
        zone: &ZoneTarget,
        wanted: LongSerial,
        attempts: i32,
    ) -> Result<(), String> {
        let position = zone.position.max(zone.created);
        let masters = self.masters();
        let started = Instant::now();
        let mut pause = LOOK_AGAIN.0;
        loop {
            let (mut last, mut hint) = (None, "check that it runs");
            for (master, key) in &masters {
                let _turn = self.traffic.question().await;
                if attempts == 0 && position <= self.masters_at.load(Ordering::Relaxed) {
                    return Ok(());
                }
                last = Some(match self.ask_master(*master, key.as_deref(), zone).await {
                    Observed::Serving(serial) if is_at_or_past(serial, wanted) => {
                        self.masters_at.fetch_max(position, Ordering::Relaxed);
                        return Ok(());
                    }
                    Observed::Serving(serial) => format!("{master} shows serial {serial}"),
                    Observed::Silent(reason) => format!("{master} does not answer ({reason})"),
                    other => {
                        if key.is_none() && self.config.pool_key.is_none() && other == Observed::NotServing {
                            hint = UNSIGNED;
                        }
                        format!("{master} answers {other:?}")
                    }
                });
            }
            let Some(last) = last else {
                return Ok(());
            };
            if started.elapsed() >= self.timings.park_after {
                return Err(format!("MiniDNS does not serve serial {wanted}: {last}; {hint}"));
            }
            sleep(pause).await;
            pause = (pause * 2).min(self.traffic.longest_pause());
        }
    }

    /// The masters of all targets, each once, with the key of the target.
    fn masters(&self) -> Vec<(SocketAddr, Option<Arc<Key>>)> {
        let mut masters: Vec<(SocketAddr, Option<Arc<Key>>)> = Vec::new();
        for target in &self.config.targets {
            for &master in target.masters.iter() {
                if masters.iter().all(|(known, _)| *known != master) {
                    masters.push((master, target.key.clone()));
                }
            }
        }
        masters
    }

    /// Asks a master as the target with this key does.
    async fn ask_master(&self, master: SocketAddr, key: Option<&Key>, zone: &ZoneTarget) -> Observed {
        let keys = (key, self.config.pool_key.as_deref());
        probe::master_soa(
            &self.sockets,
            master,
            &zone.name,
            keys,
            self.timings.query_timeout,
        )
        .await
    }

    /// Whether a master is at `serial` or past it. Without masters there is nobody to ask.
    pub(super) async fn some_master_has(&self, zone: &ZoneTarget, serial: Serial) -> bool {
        let masters = self.masters();
        for (master, key) in &masters {
            let _turn = self.traffic.question().await;
            let observed = self.ask_master(*master, key.as_deref(), zone).await;
            if let Observed::Serving(shown) = observed
                && !serial.is_newer_than(shown)
            {
                return true;
            }
        }
        masters.is_empty()
    }
}
