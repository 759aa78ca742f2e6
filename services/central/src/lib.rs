//! Executes commands: facts -> decide -> append and project, many callers in one group commit.
//!
//! ```text
//!  execute() ─┐
//!  execute() ─┼─▶ the writer's queue ─▶ one batch = one transaction:
//!  execute() ─┘     lock the log's head · load the slices and facts of all commands   (load/, registry.rs)
//!                   decide each in turn, over what the ones before it did             (overlay/, deciding/, work.rs)
//!                   append · write projections, refusals, idempotency keys · commit   (side_rows.rs)
//!                   answer each caller
//! ```
//! A refusal touches its own caller only. What a caller was told is there for its next read, on every process.
//! Beside the batches run the tasks of [`Central::start_tasks`]: imports ([`Command::StartImport`]), what lets zones
//! follow their pool's NS records, and what takes away old rows. [`clock`] and [`ids`] are the only places where the program asks for the time and for randomness.

pub mod clock;
pub mod http_client;
pub mod ids;
pub mod seal;
pub mod tsig;

mod answer;
mod command;
mod deciding;
mod import;
mod load;
mod options;
mod overlay;
mod pool_nameservers;
mod purge;
mod registry;
mod request;
mod rewrite;
mod side_rows;
mod take_transfer;
mod unseal;
mod work;

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use zonelog_model::resource::Quotas;
use zonelog_model::zone::{Limits, Registry, SoaTimers};
use zonelog_model::{PoolId, Position};
use zonelog_store::{Database, Writer};

pub use command::{Command, ImportRights, StartImport};
pub use options::{CentralOptions, ImportOptions, PurgeOptions, TimerOptions};
pub use request::{Accepted, Changed, ExecuteError, Idempotency, Rejection, Request, Scope};
pub use seal::Sealer;
pub use unseal::Unseal;

use deciding::Outcome;
use overlay::Circumstances;
use registry::{KnownRegistry, ShownRegistry};
use work::CentralWork;

/// The executor of commands. Cheap to clone; all clones share the process's one writer.
#[derive(Clone)]
pub struct Central {
    database: Database,
    writer: Arc<Writer<CentralWork>>,
    options: Arc<CentralOptions>,
    registry: ShownRegistry,
    /// Woken when an import was accepted.
    importer: Arc<Notify>,
}

impl Central {
    /// Starts the writer. It connects by itself, now and whenever the connection is lost, and stops at `shutdown`.
    pub fn start(database: Database, options: CentralOptions, shutdown: CancellationToken) -> Self {
        let registry = ShownRegistry::new(KnownRegistry::unknown(options.registry.clone()));
        let importer = Arc::new(Notify::new());
        let work = CentralWork::new(
            Circumstances::of(&options),
            registry.clone(),
            Arc::clone(&importer),
        );
        let writer = Writer::start(database.clone(), work, options.writer.clone(), shutdown);
        Self {
            database,
            writer: Arc::new(writer),
            options: Arc::new(options),
            registry,
            importer,
        }
    }

    /// Starts what runs beside the commands, until `shutdown`: following the registry while this process writes nothing,
    /// imports, giving zones the name servers that their pool names anew, and taking away what was kept long enough. `wake_ups`: [`zonelog_store::WakeUps::subscribe`]. One process
    /// with these tasks is enough, and any number do no harm.
    pub fn start_tasks(&self, wake_ups: watch::Receiver<Position>, shutdown: &CancellationToken) {
        tokio::spawn(registry::keep_current(
            self.database.clone(),
            self.registry.clone(),
            wake_ups,
            shutdown.clone(),
        ));
        tokio::spawn(import::run(self.clone(), shutdown.clone()));
        tokio::spawn(pool_nameservers::run(self.clone(), shutdown.clone()));
        tokio::spawn(purge::run(
            self.database.clone(),
            self.options.purge.clone(),
            shutdown.clone(),
        ));
    }

    /// Executes a command: when it returns, the change is committed, or nothing of it was written. The one exception
    /// is [`ExecuteError::Indeterminate`], which says so.
    pub async fn execute(&self, request: Request) -> Result<Accepted, ExecuteError> {
        match self.writer.submit(request).await? {
            Outcome::Accepted(accepted) => Ok(*accepted),
            Outcome::Rejected(rejection) => Err(ExecuteError::Rejected(rejection)),
            Outcome::KeyReused => Err(ExecuteError::KeyReused),
            Outcome::Failed(error) => Err(ExecuteError::Failed(error)),
        }
    }

    /// The pools, TLDs and blacklists as this process knows them now. Of what other processes change it learns within a
    /// moment; commands are decided by the exact ones.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(self.registry.known().current())
    }

    /// The registry as it changes.
    pub fn registries(&self) -> watch::Receiver<Arc<Registry>> {
        self.registry.subscribe()
    }

    /// The timers for a new zone's SOA, its refresh chosen at random.
    pub fn soa_timers(&self) -> SoaTimers {
        self.options.timers.choose()
    }

    /// The limits that commands are held to.
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }

    /// The quotas of projects that have none of their own.
    pub fn default_quotas(&self) -> &Quotas {
        &self.options.quotas
    }

    /// The pool that zones go to when nothing else is said.
    pub fn default_pool(&self) -> PoolId {
        self.options.registry.default_pool
    }

    /// Who seals and opens secrets.
    pub fn sealer(&self) -> &Sealer {
        &self.options.sealer
    }

    /// The log's head as this process's writer last moved it: wakes followers in the same process at once.
    pub fn positions(&self) -> watch::Receiver<Position> {
        self.writer.positions()
    }
}
