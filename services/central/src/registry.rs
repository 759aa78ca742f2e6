//! The TLDs, blacklists, pools and pools' keys in memory: what the rules for new zones ask.
//!
//! The writer's batches decide by them, exactly: under the log's lock a batch reads the position of their last event, and
//! when it is another than the one remembered, it reads them anew before it decides. What a process shows of them to
//! others ([`crate::Central::registry`]) follows its batches at once, and other processes' within a moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use zonelog_model::resource::{Event, Resource};
use zonelog_model::zone::{Registry, RegistryOptions};
use zonelog_model::{Position, ResourceId};
use zonelog_store::{Database, StoreError};

use crate::load::Queries;

/// How often to look when no wake-up comes.
const POLL: Duration = Duration::from_secs(1);

/// The shortest time between two looks: wake-ups come with every batch of every process.
const BREATH: Duration = Duration::from_millis(100);

/// How long a look may take before its connection is given up.
const LIMIT: Duration = Duration::from_secs(20);

/// The registry as of a position of the log. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct KnownRegistry {
    /// The position of the last event that made it what it is; `None` before it was ever read.
    position: Option<Position>,
    resources: Arc<HashMap<ResourceId, Resource>>,
    registry: Arc<Registry>,
}

impl KnownRegistry {
    /// Nothing is known yet.
    pub(crate) fn unknown(options: RegistryOptions) -> Self {
        Self {
            position: None,
            resources: Arc::default(),
            registry: Arc::new(Registry::new(options, [])),
        }
    }

    /// What was read when the registry stood at `position`.
    pub(crate) fn read(&self, position: Position, resources: Vec<Resource>) -> Self {
        let resources: HashMap<_, _> = resources
            .into_iter()
            .map(|resource| (resource.id, resource))
            .collect();
        Self {
            position: Some(position),
            registry: Arc::new(Registry::new(self.registry.options().clone(), resources.values())),
            resources: Arc::new(resources),
        }
    }

    /// Whether it is the one at `position`.
    pub(crate) fn stands_at(&self, position: Position) -> bool {
        self.position == Some(position)
    }

    /// The registry.
    pub(crate) const fn current(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Takes note of an accepted event, if it is one of the registry's.
    pub(crate) fn note(&mut self, event: &Event) {
        if !Registry::KINDS.contains(&event.kind()) {
            return;
        }
        let resources = Arc::make_mut(&mut self.resources);
        match event {
            Event::Created { resource } | Event::Changed { after: resource, .. } => {
                resources.insert(resource.id, resource.clone());
            }
            Event::Deleted { before } => {
                resources.remove(&before.id);
            }
        }
        self.registry = Arc::new(Registry::new(self.registry.options().clone(), resources.values()));
    }

    /// Moves it to the position of the last event noted.
    pub(crate) const fn moved_to(&mut self, position: Position) {
        self.position = Some(position);
    }
}

/// What a process shows of the registry: never back to an older one. Cheap to clone; all clones show the same.
#[derive(Clone, Debug)]
pub(crate) struct ShownRegistry {
    known: Arc<Mutex<KnownRegistry>>,
    shown: Arc<watch::Sender<Arc<Registry>>>,
}

impl ShownRegistry {
    pub(crate) fn new(known: KnownRegistry) -> Self {
        Self {
            shown: Arc::new(watch::Sender::new(Arc::clone(known.current()))),
            known: Arc::new(Mutex::new(known)),
        }
    }

    /// Shows a registry, unless a newer one is shown.
    pub(crate) fn show(&self, newer: &KnownRegistry) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if newer.position > known.position {
            known.clone_from(newer);
            self.shown.send_replace(Arc::clone(newer.current()));
        }
    }

    /// What is known.
    pub(crate) fn known(&self) -> KnownRegistry {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// To follow it.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Registry>> {
        self.shown.subscribe()
    }
}

/// Keeps what is shown current while the process writes nothing itself: at each wake-up, and now and then.
pub(crate) async fn keep_current(
    database: Database,
    shown: ShownRegistry,
    mut wake_ups: watch::Receiver<Position>,
    shutdown: CancellationToken,
) {
    let work = async {
        loop {
            // Over a connection that is lost, or none: the next turn opens another.
            if let Err(error) = follow(&database, &shown, &mut wake_ups).await {
                tracing::debug!(%error, "cannot follow the registry, trying again");
            }
            tokio::time::sleep(POLL).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

async fn follow(
    database: &Database,
    shown: &ShownRegistry,
    wake_ups: &mut watch::Receiver<Position>,
) -> Result<(), StoreError> {
    let silent = |_| StoreError::Unavailable(format!("no answer within {LIMIT:?}"));
    let client = database.connect().await?;
    let queries = tokio::time::timeout(LIMIT, Queries::prepare(&client))
        .await
        .map_err(silent)??;
    loop {
        let looked = tokio::time::timeout(LIMIT, look(&client, &queries, shown)).await;
        looked.map_err(silent)??;
        tokio::time::sleep(BREATH).await;
        // A sender that is gone tells nothing more; the poll goes on.
        let woken = async {
            if wake_ups.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let _ = tokio::time::timeout(POLL, woken).await;
    }
}

async fn look(client: &Client, queries: &Queries, shown: &ShownRegistry) -> Result<(), StoreError> {
    // One statement for the position and then one for the resources: those read may be newer than the position, and
    // are then read once more.
    let position = queries.registry_head(client).await?;
    if shown.known().position.is_none_or(|known| known < position) {
        let known = shown.known().read(position, queries.registry(client).await?);
        shown.show(&known);
    }
    Ok(())
}
