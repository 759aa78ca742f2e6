//! The zone: its state, the commands on it, the events they become, the rules between them.
//!
//! ```text
//!  absent ──ZoneCreated──▶ live ──ZoneDeleted, ZoneAbandoned──▶ deleted
//!                          │  ▲
//!                          └──┘ ZoneTtlChanged, ZoneEmailChanged, ZoneDescriptionChanged, ZonePrimaryNameserverChanged,
//!                               ZoneMastersChanged, ZoneRefreshedFromPrimary,
//!                               ZoneShared, ZoneUnshared, ZoneTransferred, ZoneMovedToPool, ZoneMoveAdvanced,
//!                               RecordsetCreated, RecordsetChanged, RecordsetDeleted
//! ```
//! An accepted command is one change-set: all its events carry the same serial, one step after the zone's last; of a
//! secondary zone ([`ZoneKind::Secondary`]) its primary's.

mod apply;
mod command;
mod decide;
mod event;
mod facts;
pub mod import;
mod origin;
mod pattern;
mod refresh;
mod registry;
mod rejection;
mod rules;
pub mod scheduler;
mod state;

pub use apply::{Inconsistent, apply};
pub use command::{
    AbandonZone, AdvanceMove, Command, CreateRecordset, CreateZone, DeleteRecordset, DeleteZone, MoveZone,
    Patch, RewriteNameservers, ShareZone, TransferZone, UnshareZone, UpdateRecordset, UpdateZone,
};
pub use decide::decide;
pub use event::{ChangeOfOwnership, Event, MoveStep};
pub use facts::{ActorFacts, Facts, Limits, ZoneRef};
pub use origin::{SoaFields, ZoneKind};
pub use pattern::{PatternError, ZonePattern};
pub use refresh::{Refresh, RrsetChange, TakeTransfer, Transfer};
pub use registry::{Registry, RegistryOptions, Tlds};
pub use rejection::Rejection;
pub use scheduler::SchedulerFilter;
pub use state::{ManagedResource, Record, Recordset, Share, SoaTimers, Zone, ZoneSlice};
