//! Keeping one server at the log's head, for as long as its lease is held.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use zonelog_central::{clock, ids};
use zonelog_model::Position;
use zonelog_projections::delivery::{self, DeliveryError, Lease, Statements};
use zonelog_store::{Database, StoreError};

use crate::measure::measure;
use crate::options::ReconcilerOptions;
use crate::pass::Server;
use crate::sweep::Sweep;
use crate::term::Term;
use crate::topology::ServerSpec;
use crate::work::Work;

/// The shortest and the longest pause after the database failed.
const DATABASE_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long the last write may take when the process stops.
const LEAVING: Duration = Duration::from_secs(5);

/// How often a paused server is looked at, whether it still is.
const PAUSED_LOOK: Duration = Duration::from_secs(1);

/// What the work on a server and the sweep over it tell each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// To the sweep: the server may have lost zones.
    pub(crate) doubt: Arc<Notify>,
    /// To the sweep: an operator asks for every zone.
    pub(crate) resync: Arc<Notify>,
    /// From the sweep: zones were found behind.
    pub(crate) found: Arc<Notify>,
}

/// Why the work on a server ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// The database cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The delivery tables cannot be read or written.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// Another reconciler has the server now.
    #[error("another reconciler took the lease")]
    LeaseLost,
    /// The server is not in `server_checkpoint`: another reconciler saw its pool change first.
    #[error("the server is not registered: its pool has just changed")]
    NotRegistered,
    /// An operator asks for something that cannot be done in the midst of the work.
    #[error("an operator asked for a pause or a replay")]
    Asked,
    /// Its name leads to another address, or its key is another one.
    #[error("the server's address or key has changed")]
    Moved,
    /// A task of ours panicked.
    #[error("a defect: {0}")]
    Defect(String),
}

/// One server, and what is needed to work on it.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) spec: ServerSpec,
    pub(crate) options: Arc<ReconcilerOptions>,
    pub(crate) database: Database,
    pub(crate) wakeups: watch::Receiver<Position>,
}

impl Keeper {
    /// Works until `shutdown`: takes the lease, works, and starts over after whatever fails.
    pub(crate) async fn keep(self, shutdown: CancellationToken) {
        let name = self.spec.name.as_str();
        let mut pause = DATABASE_PAUSE.0;
        while !shutdown.is_cancelled() {
            match self.hold(&shutdown, &mut pause).await {
                Ok(()) => break,
                Err(error) => tracing::warn!(server = name, %error, "the work on a server starts over"),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
            pause = (pause * 2).min(DATABASE_PAUSE.1);
        }
    }

    async fn hold(&self, shutdown: &CancellationToken, pause: &mut Duration) -> Result<(), WorkError> {
        let begin = async {
            let client = self.database.connect().await?;
            let (lease, term) = self.wait_for_lease(&client).await?;
            Ok::<_, WorkError>((Arc::new(client), lease, term))
        };
        let (client, lease, term) = tokio::select! {
            begun = begin => begun?,
            // A lease that was just taken ends with its session.
            () = shutdown.cancelled() => return Ok(()),
        };
        *pause = DATABASE_PAUSE.0;
        loop {
            let begin = async {
                self.while_paused(&client, &lease, &term).await?;
                if let Some(from) = delivery::take_replay(&*client, &lease, clock::now()).await? {
                    tracing::info!(server = lease.server, from, "the log is driven again");
                }
                self.ready(&client, &lease, &term).await
            };
            let server = tokio::select! {
                server = begin => server?,
                () = shutdown.cancelled() => break,
            };
            let Some(server) = server else { continue };
            match self.work(server, &client, &lease, shutdown).await {
                Ok(()) => break,
                // It is heeded at the start of the next round.
                Err(WorkError::Asked) => {}
                Err(error) => return Err(error),
            }
        }
        // Whoever is next need not wait for the lease's end.
        if let Ok(released) = tokio::time::timeout(LEAVING, delivery::release(&*client, &lease)).await {
            released?;
        }
        Ok(())
    }

    /// Works on the server until `shutdown`, or until something fails or is asked for.
    async fn work(
        &self,
        server: Arc<Server>,
        client: &Arc<Client>,
        lease: &Lease,
        shutdown: &CancellationToken,
    ) -> Result<(), WorkError> {
        let name = &lease.server;
        let checkpoint = delivery::checkpoint(&**client, name)
            .await?
            .ok_or(WorkError::NotRegistered)?;
        tracing::info!(
            server = name,
            checkpoint,
            token = lease.token,
            "working on a server"
        );
        let (pool, signals) = (self.spec.pool, Signals::default());
        let sweep = Sweep {
            server: Arc::clone(&server),
            client: Arc::clone(client),
            lease: lease.clone(),
            pool,
            signals: signals.clone(),
        };
        let mut work = Work::new(
            server,
            (Arc::clone(client), Statements::prepare(&**client).await?),
            lease.clone(),
            pool,
            self.wakeups.clone(),
            checkpoint,
            signals,
        );
        let ended = tokio::select! {
            ended = work.run() => ended,
            ended = sweep.run() => ended,
            () = shutdown.cancelled() => Ok(()),
        };
        match &ended {
            Ok(()) | Err(WorkError::Asked) => {
                // What is not written is seen again by whoever works next.
                if let Ok(left) = tokio::time::timeout(LEAVING, work.leave()).await {
                    left?;
                }
            }
            Err(WorkError::LeaseLost) => {
                // What this process told the server last may have come after what its successor did. That can only matter for
                // zones that were touched since: they are driven again.
                work.stop().await;
                delivery::ask_replay(&**client, name, work.written() + 1).await?;
            }
            Err(_) => {}
        }
        ended
    }

    /// Holds the lease and does nothing while the server is paused.
    async fn while_paused(&self, client: &Client, lease: &Lease, term: &Term) -> Result<(), WorkError> {
        let mut told = false;
        loop {
            let control = delivery::control(client, &lease.server).await?;
            if control.paused.is_none() {
                if told {
                    tracing::info!(server = lease.server, "a server is worked on again");
                }
                return Ok(());
            }
            if !told {
                tracing::warn!(server = lease.server, "a server is paused: nothing is sent to it");
                told = true;
            }
            renew(client, lease, term, self.options.timings.lease).await?;
            let checkpoint = delivery::checkpoint(client, &lease.server)
                .await?
                .ok_or(WorkError::NotRegistered)?;
            let head = *self.wakeups.borrow();
            measure(client, &lease.server, (checkpoint, head), true).await?;
            tokio::time::sleep(PAUSED_LOOK.min(self.options.timings.lease / 3)).await;
        }
    }

    async fn wait_for_lease(&self, client: &Client) -> Result<(Lease, Term), WorkError> {
        let timings = &self.options.timings;
        let seconds = timings.lease.as_secs_f64();
        let name = &self.spec.name;
        let mut told = false;
        loop {
            let asked = Instant::now();
            if let Some(lease) = delivery::acquire(client, name, &self.options.holder, seconds).await? {
                return Ok((lease, Term::new(asked, timings.lease)));
            }
            if !told {
                tracing::info!(
                    server = name,
                    "another reconciler works on this server; standing by"
                );
                told = true;
            }
            // Spread out, so that several do not ask in step.
            let spread = 75 + ids::random_below(50);
            tokio::time::sleep(timings.lease * spread / 400).await;
        }
    }

    /// Waits until the server can be worked on as its pool describes it. Meanwhile every zone that the log touches is set
    /// aside with what is wrong: users see it in their zones' status, operators in `zonelog doctor`. `None`: an operator
    /// asked for something meanwhile.
    async fn ready(
        &self,
        client: &Client,
        lease: &Lease,
        term: &Term,
    ) -> Result<Option<Arc<Server>>, WorkError> {
        let timings = &self.options.timings;
        let again = timings.probe_most.min(timings.lease / 3);
        let mut said = None;
        loop {
            let what = match Server::prepare(&self.spec, &self.options, term).await {
                Ok(server) => {
                    renew(client, lease, term, timings.lease).await?;
                    if said.is_some() {
                        delivery::wake_all(client, lease, clock::now()).await?;
                    }
                    return Ok(Some(Arc::new(server)));
                }
                Err(what) => format!("{}: {what}", self.spec.label()),
            };
            if said.as_ref() != Some(&what) {
                tracing::warn!(server = self.spec.name, what, "a server cannot be worked on");
            }
            let after = delivery::checkpoint(client, &self.spec.name)
                .await?
                .ok_or(WorkError::NotRegistered)?;
            let (pool, now) = (self.spec.pool, clock::now());
            let parked = delivery::park_stretch(client, lease, pool, after, Some(&what), now, now).await?;
            if parked.is_none() {
                return Err(WorkError::LeaseLost);
            }
            renew(client, lease, term, timings.lease).await?;
            said = Some(what);
            tokio::time::sleep(again).await;
            let control = delivery::control(client, &lease.server).await?;
            if control.paused.is_some() || control.replay_from.is_some() {
                return Ok(None);
            }
        }
    }
}

/// Holds a lease for another term.
pub(crate) async fn renew(
    client: &Client,
    lease: &Lease,
    term: &Term,
    length: Duration,
) -> Result<(), WorkError> {
    let asked = Instant::now();
    if !delivery::renew(client, lease, length.as_secs_f64()).await? {
        return Err(WorkError::LeaseLost);
    }
    term.renewed(asked, length);
    Ok(())
}
