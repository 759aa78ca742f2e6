//! One try to bring one zone at one server to what the log says: look, plan, act, look again.

mod masters;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use zonelog_dns::tsig::Key;
use zonelog_dns::{LongSerial, ZoneName};
use zonelog_model::Position;
use zonelog_projections::delivery::ZoneTarget;

use crate::arrivals::Order;
use crate::options::{ReconcilerOptions, Timings};
use crate::plan::{Desired, Observed, Situation, Step, passed_over, plan, serial_seen, waited};
use crate::prepare::{ServerConfig, prepare};
use crate::probe::{self, Asked, Sockets};
use crate::targets::{TargetError, ZoneSpec};
use crate::term::Term;
use crate::topology::ServerSpec;
use crate::traffic::{LOOK_AGAIN, Traffic};

/// How often a server may stay silent until it is taken to be away.
const SILENCES: usize = 2;
/// From this many failed tries on, a zone that merely follows too slowly counts as failing.
const PATIENT_TRIES: i32 = 3;
/// How many times [`Timings::notify_told`] a server may take to come by itself where a NOTIFY would hold it up.
const HELD_UP: u32 = 2;
/// A server that is worked on.
#[derive(Debug)]
pub(crate) struct Server {
    /// As its pool describes it.
    pub(crate) spec: ServerSpec,
    /// How it is reached, and who is told for it.
    pub(crate) config: ServerConfig,
    /// What the reconciler was told.
    pub(crate) options: Arc<ReconcilerOptions>,
    /// How patient to be.
    pub(crate) timings: Timings,
    /// Until when it may be told anything.
    pub(crate) term: Term,
    /// What is going on with it.
    pub(crate) traffic: Traffic,
    sockets: Sockets,
    /// The log position up to which a master was seen to show what the log has.
    masters_at: AtomicI64,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The server was seen to be as the log says: at or past this serial, or without the zone.
    Settled {
        /// The serial seen.
        seen: Option<LongSerial>,
    },
    /// It is not, yet.
    Behind {
        /// The serial last seen.
        seen: Option<LongSerial>,
        /// What went wrong; `None`: merely too slow.
        error: Option<String>,
    },
    /// The server does not answer at all.
    Silent,
}

/// What a try found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// The server did not serve the zone at the first look, though it should.
    pub(crate) missing: bool,
}

impl Server {
    /// Prepares it, from its pool's description.
    pub(crate) async fn prepare(
        spec: &ServerSpec,
        options: &Arc<ReconcilerOptions>,
        term: &Term,
    ) -> Result<Self, String> {
        let config = prepare(spec, options).await?;
        let mut timings = options.timings.clone();
        if config.is_held_up_by_notify() {
            timings.notify_told *= HELD_UP;
        }
        let comes = match &config.catalog {
            Some(_) => Order::ItsOwn,
            None => Order::AsTold,
        };
        Ok(Self {
            spec: spec.clone(),
            config,
            options: Arc::clone(options),
            timings,
            term: term.clone(),
            traffic: Traffic::new(comes),
            sockets: Sockets::default(),
            masters_at: AtomicI64::new(0),
        })
    }

    /// Whether its names lead elsewhere by now, or its keys are others.
    pub(crate) async fn has_moved(&self) -> bool {
        match prepare(&self.spec, &self.options).await {
            Ok(config) => !self.config.is_same(&config),
            // What cannot be looked up now may still be where it was.
            Err(_) => false,
        }
    }

    /// Tries once. It takes at most a little longer than [`Timings::park_after`] for waiting, and as much again when the
    /// target had to be told.
    ///
    /// `new`: the server cannot serve the zone yet, so it is told without being asked first.
    pub(crate) async fn bring(&self, zone: &ZoneTarget, attempts: i32, new: bool) -> Report {
        let _underway = self.traffic.begin_try();
        let desired = zone.serial.map_or(Desired::Absent, Desired::Serving);
        if let Desired::Serving(serial) = desired
            && let Err(error) = self.masters_show(zone, serial, attempts).await
        {
            return Report {
                outcome: Outcome::Behind {
                    seen: None,
                    error: Some(error),
                },
                missing: false,
            };
        }
        let report = match self.config.address {
            Some(address) => self.follow(address, zone, desired, attempts, new).await,
            None => self.take_their_word(zone, desired, attempts).await,
        };
        if matches!(report.outcome, Outcome::Settled { .. }) {
            for &address in &self.config.also_notifies {
                self.notify(address, zone, None);
            }
        }
        report
    }

    /// A server that nobody asks is as its targets were told.
    async fn take_their_word(&self, zone: &ZoneTarget, desired: Desired, attempts: i32) -> Report {
        let told = match desired {
            Desired::Serving(_) => self.ensure(zone, attempts > 0).await,
            Desired::Absent => self.remove(zone).await,
        };
        let outcome = match told {
            Ok(()) => {
                if zone.serial.is_some() {
                    self.notify_targets(zone);
                }
                Outcome::Settled { seen: zone.serial }
            }
            Err(error) => Outcome::Behind {
                seen: None,
                error: Some(error.to_string()),
            },
        };
        Report {
            outcome,
            missing: false,
        }
    }

    /// Refuses to tell the server anything once another may be working on it.
    fn check_term(&self) -> Result<(), TargetError> {
        if self.term.holds() {
            return Ok(());
        }
        Err(TargetError {
            server: self.config.label.clone(),
            reason: "nothing was told, as the lease on the server was not renewed in time; check that the database answers \
                     and that this process is not held up"
                .to_owned(),
        })
    }

    /// Makes the server transfer a zone anew.
    pub(crate) async fn retransfer(&self, zone: &ZoneTarget) -> Result<(), TargetError> {
        let Some(serial) = zone.serial else {
            return Ok(());
        };
        let mut told = false;
        for target in &self.config.targets {
            self.check_term()?;
            if let Some(done) = target.told.retransfer_zone(&zone.name, serial.wire()) {
                done.await?;
                told = true;
            }
        }
        if told {
            return Ok(());
        }
        Err(TargetError {
            server: self.config.label.clone(),
            reason:
                "such a server cannot be told to transfer a zone anew; delete its copy there, then resync"
                    .to_owned(),
        })
    }

    async fn ensure(&self, zone: &ZoneTarget, renew: bool) -> Result<(), TargetError> {
        for target in &self.config.targets {
            let spec = ZoneSpec {
                name: zone.name.clone(),
                zone: zone.zone,
                masters: target.masters.clone(),
                key: target.key.clone(),
                renew,
            };
            self.check_term()?;
            target.told.ensure_zone(&spec).await?;
        }
        self.show_catalog(zone.created).await
    }

    /// Sees to it that the server has its pool's catalog as it was at a position, or later, if that is how it learns of zones.
    async fn show_catalog(&self, position: Position) -> Result<(), TargetError> {
        let Some(catalog) = &self.config.catalog else {
            return Ok(());
        };
        catalog.bring(position).await.map_err(|reason| TargetError {
            server: format!("catalog zone {}", catalog.name()),
            reason,
        })
    }

    async fn remove(&self, zone: &ZoneTarget) -> Result<(), TargetError> {
        for target in &self.config.targets {
            self.check_term()?;
            target.told.remove_zone(&zone.name, zone.hard).await?;
        }
        self.show_catalog(zone.position).await
    }

    /// Asks the server for a zone's SOA as anybody does, when it is its turn.
    pub(crate) async fn ask(&self, address: SocketAddr, name: &ZoneName) -> Observed {
        self.ask_in_turn(address, name, Asked::Plainly).await
    }

    /// Asks the server for the SOA of a zone that may change meanwhile.
    async fn look(&self, address: SocketAddr, name: &ZoneName) -> Observed {
        let asked = match self.keeps_answers(name) {
            true => Asked::PastCache,
            false => Asked::Plainly,
        };
        self.ask_in_turn(address, name, asked).await
    }

    async fn ask_in_turn(&self, address: SocketAddr, name: &ZoneName, asked: Asked) -> Observed {
        let (key, patience) = (self.config.key.as_deref(), self.timings.query_timeout);
        let _turn = self.traffic.question().await;
        let observed = probe::soa_asked(&self.sockets, address, name, asked, key, patience).await;
        if !matches!(observed, Observed::Silent(_)) {
            self.traffic.answered();
        }
        observed
    }

    fn keeps_answers(&self, name: &ZoneName) -> bool {
        let targets = &self.config.targets;
        targets
            .iter()
            .any(|target| target.told.forget_answers(name).is_some())
    }

    /// Makes a server that keeps its answers forget them when it answers anybody else otherwise than us.
    async fn forget_answers(
        &self,
        address: SocketAddr,
        zone: &ZoneTarget,
        observed: &Observed,
    ) -> Result<(), TargetError> {
        if !self.keeps_answers(&zone.name) || self.ask(address, &zone.name).await == *observed {
            return Ok(());
        }
        for target in &self.config.targets {
            self.check_term()?;
            if let Some(done) = target.told.forget_answers(&zone.name) {
                done.await?;
            }
        }
        Ok(())
    }

    /// Whether the server answered anything just now.
    pub(crate) fn was_heard(&self) -> bool {
        self.traffic.was_heard(self.timings.query_timeout)
    }

    async fn follow(
        &self,
        address: SocketAddr,
        zone: &ZoneTarget,
        desired: Desired,
        attempts: i32,
        mut new: bool,
    ) -> Report {
        let timings = &self.timings;
        let (mut started, mut first_notify) = (Instant::now(), None::<Instant>);
        let (mut told, mut notified, mut silences, mut missing) = (None, 0, 0, None);
        let (mut pause, mut seen) = (LOOK_AGAIN.0, None);
        let mut look = None;
        loop {
            let observed = if std::mem::take(&mut new) {
                Observed::NotServing
            } else {
                self.look(address, &zone.name).await
            };
            if matches!(observed, Observed::Silent(_)) && !self.was_heard() {
                silences += 1;
                if silences >= SILENCES {
                    return Report {
                        outcome: Outcome::Silent,
                        missing: false,
                    };
                }
            }
            missing.get_or_insert(matches!(observed, Observed::NotServing));
            let missing = missing == Some(true) && matches!(desired, Desired::Serving(_));
            if let (Desired::Serving(wanted), Observed::Serving(serial)) = (desired, &observed) {
                seen = Some(serial_seen(*serial, wanted));
            }
            let situation = Situation {
                desired,
                observed,
                told: told.is_some(),
                attempts,
                notified: (notified, first_notify.map_or(Duration::ZERO, |at| at.elapsed())),
                lasted: if told.is_some() {
                    waited(started.elapsed(), self.traffic.since_progress(), timings)
                } else {
                    started.elapsed()
                },
                passed_over: !self.config.is_held_up_by_notify()
                    && told.is_some_and(|order| passed_over(order, self.traffic.came_for())),
                by_catalog: self.config.catalog.is_some(),
            };
            let step = plan(&situation, timings);
            if step != Step::Settled {
                drop(look.take());
            }
            let outcome = match step {
                Step::Settled => {
                    if let Some(order) = told {
                        self.traffic.another_came(order);
                    }
                    match self.forget_answers(address, zone, &situation.observed).await {
                        Ok(()) => self.settled(zone, &situation, seen).await,
                        Err(error) => Outcome::Behind {
                            seen,
                            error: Some(error.to_string()),
                        },
                    }
                }
                step @ (Step::Ensure { .. } | Step::Remove) => {
                    let done = match step {
                        Step::Ensure { renew } => self.ensure(zone, renew).await,
                        _ => self.remove(zone).await,
                    };
                    match done {
                        Ok(()) => {
                            let order = self.traffic.took_our_word();
                            told = Some(order);
                            started = Instant::now();
                            pause = self.traffic.first_pause();
                            // It is not there yet.
                            look = self.traffic.turn_to_look(order, &mut pause).await;
                            continue;
                        }
                        Err(error) => Outcome::Behind {
                            seen,
                            error: Some(error.to_string()),
                        },
                    }
                }
                Step::Notify => {
                    first_notify.get_or_insert_with(Instant::now);
                    notified += 1;
                    // A zone that it is yet to take from the catalog it comes for by itself.
                    if self.config.catalog.is_none() || situation.observed != Observed::NotServing {
                        self.notify_targets(zone);
                    }
                    pause = LOOK_AGAIN.0;
                    sleep(pause).await;
                    continue;
                }
                Step::Wait
                    if let Some(order) = told
                        && !matches!(situation.observed, Observed::Serving(_)) =>
                {
                    look = self.traffic.turn_to_look(order, &mut pause).await;
                    continue;
                }
                Step::Wait => {
                    sleep(pause).await;
                    pause = (pause * 2).min(self.traffic.longest_pause());
                    continue;
                }
                Step::Park => Outcome::Behind {
                    seen,
                    error: self.complaint(&situation),
                },
            };
            return Report { outcome, missing };
        }
    }

    /// A server past the wanted serial is fine if the masters are there too; else it has a content that no log made.
    async fn settled(&self, zone: &ZoneTarget, situation: &Situation, seen: Option<LongSerial>) -> Outcome {
        if let (Desired::Serving(wanted), Observed::Serving(serial)) =
            (situation.desired, &situation.observed)
            && *serial != wanted.wire()
            && !self.some_master_has(zone, *serial).await
        {
            let error = format!(
                "{} serves serial {serial}, newer than any that the log made ({wanted}): it takes the zone from \
                 another primary, or the database is older than what was served; if that is over, have what the log made \
                 put back by `zonelog server resync NAME --retransfer`",
                self.config.label
            );
            return Outcome::Behind {
                seen: None,
                error: Some(error),
            };
        }
        Outcome::Settled { seen }
    }

    /// Sends a NOTIFY to all targets, each address once.
    fn notify_targets(&self, zone: &ZoneTarget) {
        let targets = &self.config.targets;
        for (index, target) in targets.iter().enumerate() {
            if let Some(address) = target.notify
                && targets[..index]
                    .iter()
                    .all(|earlier| earlier.notify != target.notify)
            {
                self.notify(address, zone, target.notify_key.clone());
            }
        }
        if targets.is_empty()
            && let Some(address) = self.config.address
        {
            self.notify(address, zone, self.config.key.clone());
        }
    }

    /// Sends a NOTIFY. Its acknowledgement is only counted: what proves that the server follows is its SOA.
    fn notify(&self, address: SocketAddr, zone: &ZoneTarget, key: Option<Arc<Key>>) {
        let (name, server) = (zone.name.clone(), self.config.name.clone());
        let waits = self.traffic.acknowledgement();
        tokio::spawn(async move {
            let patience = waits.as_ref().map_or(Duration::ZERO, |_| probe::NOTIFY_PATIENCE);
            let outcome = match probe::notify(address, &name, key.as_deref(), patience).await {
                Ok(hickory_proto::op::ResponseCode::NoError) => "acknowledged",
                Ok(_) => "refused",
                Err(_) if patience.is_zero() => "unheard",
                Err(_) => "unanswered",
            };
            metrics::counter!("zonelog_notifies_total", "server" => server, "outcome" => outcome)
                .increment(1);
        });
    }

    /// What is wrong when a server had its time; `None` while it may just be slow.
    fn complaint(&self, situation: &Situation) -> Option<String> {
        let Situation {
            desired,
            observed,
            told,
            attempts,
            ..
        } = situation;
        let name = &self.config.label;
        match (desired, observed) {
            (Desired::Absent, Observed::Serving(serial)) => {
                Some(format!("{name} still serves serial {serial} of the deleted zone"))
            }
            (Desired::Serving(wanted), Observed::NotServing | Observed::Referred) if *told => {
                match &self.config.catalog {
                    // It takes its time for each zone of a catalog.
                    Some(_) if *attempts + 1 < PATIENT_TRIES => None,
                    Some(catalog) => Some(format!(
                        "{name} has the catalog zone {} but does not serve this member of it (serial {wanted} is wanted); check in \
                     its log whether it takes members from it, and from which primary",
                        catalog.name()
                    )),
                    None => Some(format!(
                        "{name} took the zone but still refuses to answer for it (serial {wanted} is wanted); check \
                 `allow-query`, and that its DNS address and its control channel belong to the same server and view"
                    )),
                }
            }
            _ if *attempts + 1 < PATIENT_TRIES => None,
            (Desired::Serving(wanted), Observed::Serving(serial)) => Some(format!(
                "{name} still serves serial {serial}, not {wanted}; check in its log whether it can reach \
                 MiniDNS, and takes NOTIFY from here"
            )),
            (_, Observed::Silent(reason)) => Some(format!(
                "{name} did not answer for this zone ({reason}); check in its log whether it limits the rate of its answers"
            )),
            (_, Observed::Unclear(answer)) => Some(format!(
                "{name} answers {answer}; check in its log why the transfer from MiniDNS fails"
            )),
            (_, other) => Some(format!("{name}: {other:?}")),
        }
    }
}
