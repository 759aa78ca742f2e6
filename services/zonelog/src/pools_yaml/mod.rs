//! Designate's `pools.yaml`: read, compared with the pools in the log, and written.
//!
//! ```text
//!  pools.yaml ──▶ file.rs (shape, lines of errors) ──▶ secrets.rs (sealed) ──▶ plan.rs (pure) ──▶ commands
//!                                                pools in the log ──────────────▲
//!  pools in the log ──▶ print.rs ──▶ pools.yaml, secrets hidden
//! ```

mod difference;
mod file;
mod plan;
mod print;
mod secrets;

use zonelog_model::PoolId;
use zonelog_model::resource::Pool;

pub use difference::differences;
pub use file::{FileError, PoolDraft, read};
pub use plan::{PlanError, Step, plan};
pub use print::print;
pub use secrets::{HIDDEN, SecretError, is_secret, sealed};

/// A pool of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Its id.
    pub id: PoolId,
    /// What it is.
    pub pool: Pool,
}

/// A pool as the file wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its id, if the file names it.
    pub id: Option<PoolId>,
    /// What it is to be.
    pub pool: Pool,
}

#[cfg(test)]
mod tests;
