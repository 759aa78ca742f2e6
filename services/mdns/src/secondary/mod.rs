//! Secondary zones: transfers in.
//!
//! ```text
//!  a deadline, a NOTIFY, a task `xfr` ─▶ schedule  ─▶ ask the primaries for their SOA     (client, query)
//!                                                  ─▶ IXFR, else AXFR                      (client, stream, wire, gathered)
//!                                                  ─▶ what differs from the live rows      (changes)
//!                                                  ─▶ central: one change-set of the zone
//!                                                  ─▶ the next deadline                    (timers)
//! ```
//! What is due stands in a queue in PostgreSQL ([`zonelog_projections::deadline`]), so any number of processes share the
//! work, and none of it is forgotten.

mod changes;
pub mod client;
mod housekeeping;
mod key;
pub(crate) mod notify;
mod refresh;
mod schedule;
pub mod timers;

use zonelog_messages::{gathered, query, wire};

pub use schedule::{Nudge, SecondaryOptions, run};
pub use zonelog_messages::stream;
