//! The pool reconciler: keeps every name server of a pool at the log's head.
//!
//! Level-triggered: `observe -> plan -> act`. Events only wake it up; what is right comes from the log, through the zone
//! table, and from what each server is *seen* to serve.
//!
//! ```text
//!  pools in the log ──▶ run.rs: topology.rs (pure) says which servers there are; one task each (server.rs, prepare.rs)
//!
//!  the log ──▶ work.rs: stretches after the server's checkpoint ──▶ tracker.rs (pure): zones on their way
//!                 │                                                       │ up to 4,096 at once
//!                 │ one write a burst: checkpoint, zones set aside        ▼
//!                 │◀──────────────────────────────────── pass.rs: masters show it? look (probe.rs, when arrivals.rs says)
//!                 │                                        ▲       plan.rs (pure): ensure, remove, notify, settled
//!                 │ retry, when their time has come        │       act (targets/, NOTIFY), look again
//!                 └────────────────────────────────────────┘
//!  moves.rs: zones that move between pools with catalog zones, and servers that are in both
//!  sweep.rs: asks slowly for every zone; what is missing is set aside, and so tried at once
//! ```
//! - The checkpoint moves only on what was seen. SERVFAIL or silence is never "gone".
//! - A zone that will not follow is set aside with its error, and tried again with growing pauses; the checkpoint goes on.
//! - A server that does not answer at all is probed with single questions. What it misses is set aside in one statement,
//!   and follows as fast as it takes it when it is back.
//! - Each server is worked on by one reconciler, under a lease whose token every write carries (server.rs). Nothing is
//!   told to a server once the lease may have run out (term.rs).
//! - Operators pause a server, have it asked for every zone, or have a part of the log driven again, through a table that
//!   the holder of the lease looks at every second.
//!
//! The servers must accept NOTIFY from this process's address, besides that of MiniDNS (`allow-notify`).

mod arrivals;
mod measure;
pub mod moves;
mod options;
mod pass;
pub mod plan;
mod prepare;
pub mod probe;
mod run;
mod server;
#[cfg(test)]
mod simulation;
mod sockets;
mod sweep;
pub mod targets;
mod term;
pub mod topology;
mod tracker;
mod traffic;
mod work;

pub use options::{ReconcilerOptions, Timings, Unseal};
pub use prepare::{ServerConfig, Target, prepare};
pub use run::{ReconcilerError, run};
