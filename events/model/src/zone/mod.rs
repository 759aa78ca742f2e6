//! The zone: its state, the commands on it, the events they become, the rules between them.
//!
//! ```text
//!  absent ──ZoneCreated──▶ live ──ZoneDeleted──▶ deleted
//!                          │  ▲
//!                          └──┘ ZoneTtlChanged, ZoneEmailChanged, ZoneDescriptionChanged,
//!                               RecordsetCreated, RecordsetChanged, RecordsetDeleted
//! ```
//! An accepted command is one change-set: all its events carry the same serial, one step after the zone's last.

mod apply;
mod command;
mod decide;
mod event;
mod facts;
mod rejection;
mod rules;
mod state;

pub use apply::{Inconsistent, apply};
pub use command::{
    Command, CreateRecordset, CreateZone, DeleteRecordset, DeleteZone, Patch, UpdateRecordset, UpdateZone,
};
pub use decide::decide;
pub use event::Event;
pub use facts::{Facts, Limits, PoolFacts, ZoneRef};
pub use rejection::Rejection;
pub use state::{Record, Recordset, SoaTimers, Zone, ZoneSlice};
