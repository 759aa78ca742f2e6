//! A server that learns of its zones from its pool's catalog zone (RFC 9432): nobody tells it of single zones, it is told that
//! the catalog changed, once for however many zones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use zonelog_dns::tsig::Key;
use zonelog_dns::{LongSerial, Serial, ZoneName};
use zonelog_model::Position;
use zonelog_projections::catalog::serial_at;

use crate::options::Timings;
use crate::plan::{Observed, is_at_or_past};
use crate::probe::{self, Sockets};

/// The kinds of targets whose servers can take zones from a catalog. In a pool that has one they are not told of single zones.
pub const CATALOG_KINDS: [&str; 4] = ["catalog", "bind9", "knot", "pdns4"];

/// The first pause between two looks, and the longest; it doubles in between.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(64));
/// How often a server may stay silent until it is taken to be away.
const SILENCES: usize = 2;

/// The catalog of a pool at one of its servers.
#[derive(Debug)]
pub struct CatalogFollower {
    /// How messages call the server.
    label: String,
    /// The catalog's name.
    name: ZoneName,
    /// Where the server is asked; `None`: nobody asks it.
    asked: Option<SocketAddr>,
    /// What signs the questions to it.
    key: Option<Arc<Key>>,
    /// Where it takes NOTIFY, and what signs that.
    notify: Vec<Signed>,
    /// Where the server transfers the catalog from, and what signs its requests.
    masters: Vec<Signed>,
    /// What signs questions to masters that want them signed, where the target has no key.
    pool_key: Option<Arc<Key>>,
    query_timeout: Duration,
    notify_again: Vec<Duration>,
    patience: Duration,
    sockets: Sockets,
    /// What was found last. Whoever looks holds it; all others wait for what comes of that.
    last: Mutex<Option<Look>>,
}

/// An address, and what signs what is sent there.
pub(crate) type Signed = (SocketAddr, Option<Arc<Key>>);

/// A look at the catalog, as it ended.
#[derive(Debug)]
struct Look {
    began: Instant,
    /// The serial that the server was seen to have, or to have been told of.
    reached: Result<Serial, String>,
}

/// Whether the server's answer shows how far it is.
enum Shown {
    /// It has come to the serial wanted.
    There,
    /// Not yet, or it does not say.
    Behind(Observed),
    /// It keeps the catalog to itself (Knot does, from whom may not transfer it).
    Hidden,
}

impl CatalogFollower {
    /// Follows a server.
    pub(crate) fn new(
        label: &str,
        name: ZoneName,
        (asked, key): (Option<SocketAddr>, Option<Arc<Key>>),
        (notify, masters): (Vec<Signed>, Vec<Signed>),
        pool_key: Option<Arc<Key>>,
        timings: &Timings,
    ) -> Self {
        Self {
            label: label.to_owned(),
            name,
            asked,
            key,
            notify,
            masters,
            pool_key,
            query_timeout: timings.query_timeout,
            notify_again: timings.notify_again.clone(),
            patience: timings.park_after,
            sockets: Sockets::default(),
            last: Mutex::new(None),
        }
    }

    /// The catalog's name.
    pub fn name(&self) -> &ZoneName {
        &self.name
    }

    /// Whether the server has the catalog as it is now: at which serial. Changes nothing.
    ///
    /// # Errors
    /// Why it has not, and what to check.
    pub async fn check(&self) -> Result<Serial, String> {
        let goal = self.masters_show(serial_at(1)).await?;
        let Some(asked) = self.asked else {
            return Ok(goal);
        };
        match self.shown_by(asked, goal).await {
            Shown::There => Ok(goal),
            shown => Err(self.complaint(&shown, goal)),
        }
    }

    /// Sees to it that the server has the catalog as the log had it at `position`, or later. However many ask at once: the
    /// server is looked at once, and told once.
    ///
    /// # Errors
    /// Why it has not, and what to check.
    pub(crate) async fn bring(&self, position: Position) -> Result<(), String> {
        let wanted = serial_at(position.max(1));
        let asked_at = Instant::now();
        let mut last = self.last.lock().await;
        if let Some(look) = &*last
            && look.began >= asked_at
        {
            match &look.reached {
                Ok(serial) if is_at_or_past(*serial, wanted) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error.clone()),
            }
        }
        let began = Instant::now();
        let reached = self.look(wanted).await;
        let result = reached.as_ref().map(|_| ()).map_err(Clone::clone);
        *last = Some(Look { began, reached });
        result
    }

    /// Waits for the masters, then for the server; tells it while it is behind.
    async fn look(&self, wanted: LongSerial) -> Result<Serial, String> {
        // What the masters show may be further: what is at hand anyway is taken along.
        let goal = self.masters_show(wanted).await?;
        let Some(asked) = self.asked else {
            self.tell().await;
            return Ok(goal);
        };
        let began = Instant::now();
        let (mut told, mut silences, mut pause) = (0, 0, LOOK_AGAIN.0);
        loop {
            let shown = self.shown_by(asked, goal).await;
            if let Shown::There = shown {
                return Ok(goal);
            }
            if let Shown::Behind(Observed::Silent(reason)) = &shown {
                silences += 1;
                if silences >= SILENCES {
                    return Err(format!("{} does not answer ({reason})", self.label));
                }
            }
            let is_due = match usize::checked_sub(told, 1) {
                None => true,
                Some(again) => self
                    .notify_again
                    .get(again)
                    .is_some_and(|after| began.elapsed() >= *after),
            };
            if is_due {
                told += 1;
                pause = LOOK_AGAIN.0;
                let acknowledged = self.tell().await;
                // It has it, though it does not show it: that it follows is seen by its zones.
                if acknowledged && matches!(shown, Shown::Hidden) {
                    return Ok(goal);
                }
            }
            if began.elapsed() >= self.patience {
                return Err(self.complaint(&shown, goal));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN.1);
        }
    }

    async fn shown_by(&self, asked: SocketAddr, goal: Serial) -> Shown {
        let key = self.key.as_deref();
        let mut observed = probe::soa(&self.sockets, asked, &self.name, key, self.query_timeout).await;
        if observed == Observed::NotServing {
            // Some show a catalog over TCP alone.
            observed = probe::soa_over_tcp(asked, &self.name, key, self.query_timeout).await;
        }
        match observed {
            Observed::Serving(serial) if serial == goal || serial.is_newer_than(goal) => Shown::There,
            Observed::NotServing => Shown::Hidden,
            other => Shown::Behind(other),
        }
    }

    /// Sends the server a NOTIFY of the catalog (RFC 1996). Whether it took one.
    async fn tell(&self) -> bool {
        let mut taken = false;
        for (address, key) in &self.notify {
            let told = probe::notify(*address, &self.name, key.as_deref(), self.query_timeout).await;
            taken |= matches!(told, Ok(ResponseCode::NoError));
        }
        taken
    }

    /// Waits until a master shows the serial, or a later one; which it is.
    async fn masters_show(&self, wanted: LongSerial) -> Result<Serial, String> {
        let (began, mut pause) = (Instant::now(), LOOK_AGAIN.0);
        loop {
            let mut last = "there is no master to ask".to_owned();
            for (master, key) in &self.masters {
                let keys = (key.as_deref(), self.pool_key.as_deref());
                last = match probe::master_soa(&self.sockets, *master, &self.name, keys, self.query_timeout)
                    .await
                {
                    Observed::Serving(serial) if is_at_or_past(serial, wanted) => return Ok(serial),
                    Observed::Serving(serial) => format!("{master} shows serial {serial}"),
                    Observed::Silent(reason) => format!("{master} does not answer ({reason})"),
                    other => format!("{master} answers {other:?}"),
                };
            }
            if began.elapsed() >= self.patience {
                return Err(format!(
                    "MiniDNS does not serve the catalog zone {} at serial {wanted}: {last}; check that it runs",
                    self.name
                ));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN.1);
        }
    }

    fn complaint(&self, shown: &Shown, goal: Serial) -> String {
        let (label, name) = (&self.label, &self.name);
        match shown {
            Shown::Hidden => format!(
                "{label} does not have the catalog zone {name}: make it a secondary of MiniDNS there and a catalog \
                 (`catalog-zones` of BIND, `catalog-role: interpret` of Knot, kind Consumer of PowerDNS), and let it take \
                 NOTIFY from here"
            ),
            Shown::Behind(Observed::Serving(serial)) => format!(
                "{label} has the catalog zone {name} at serial {serial}, not {goal}; check in its log whether it can reach \
                 MiniDNS, and takes NOTIFY from here"
            ),
            Shown::Behind(other) => format!(
                "{label} does not serve the catalog zone {name} (serial {goal} is wanted): {other:?}; check in its log why \
                 the transfer from MiniDNS fails"
            ),
            Shown::There => format!("{label} has the catalog zone {name}"),
        }
    }
}
