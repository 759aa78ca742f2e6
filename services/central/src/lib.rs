//! Executes commands: facts -> decide -> append and project, many callers in one group commit.
//!
//! ```text
//!  execute() ─┐
//!  execute() ─┼─▶ the writer's queue ─▶ one batch = one transaction:
//!  execute() ─┘     lock the log's head · load the slices and facts of all commands   (load.rs)
//!                   decide each in turn, over what the ones before it did             (overlay.rs, work.rs)
//!                   append · write zone state, refusals, idempotency keys · commit    (side_rows.rs)
//!                   answer each caller
//! ```
//! A refusal touches its own caller only. What a caller was told is there for its next read, on every process.
//! [`clock`] and [`ids`] are the only places where the program asks for the time and for randomness.

pub mod clock;
pub mod ids;

mod load;
mod options;
mod overlay;
mod request;
mod side_rows;
mod work;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zonelog_model::Position;
use zonelog_model::zone::{Limits, PoolFacts, SoaTimers};
use zonelog_store::{Database, Writer};

pub use options::{CentralOptions, TimerOptions};
pub use request::{Accepted, ExecuteError, Idempotency, Request, Scope};

use work::{CentralWork, Outcome};

/// The executor of commands. Cheap to clone; all clones share the process's one writer.
#[derive(Clone)]
pub struct Central {
    writer: Arc<Writer<CentralWork>>,
    options: Arc<CentralOptions>,
}

impl Central {
    /// Starts the writer. It connects by itself, now and whenever the connection is lost, and stops at `shutdown`.
    pub fn start(database: Database, options: CentralOptions, shutdown: CancellationToken) -> Self {
        let work = CentralWork::new(options.limits, options.pool.clone());
        let writer = Writer::start(database, work, options.writer.clone(), shutdown);
        Self {
            writer: Arc::new(writer),
            options: Arc::new(options),
        }
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

    /// The timers for a new zone's SOA, its refresh chosen at random.
    pub fn soa_timers(&self) -> SoaTimers {
        self.options.timers.choose()
    }

    /// The limits that commands are held to.
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }

    /// The pool that new zones go to.
    pub fn pool(&self) -> &PoolFacts {
        &self.options.pool
    }

    /// The log's head as this process's writer last moved it: wakes followers in the same process at once.
    pub fn positions(&self) -> watch::Receiver<Position> {
        self.writer.positions()
    }
}
