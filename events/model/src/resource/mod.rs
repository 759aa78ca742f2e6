//! Everything beside zones that the API can change: small things, each a stream of its own in the same log.
//!
//! A [`Resource`] is an id, a [`Body`] of one [`Kind`], and how often it was changed. What happens to it is one of three
//! events, [`Event::Created`], [`Event::Changed`] and [`Event::Deleted`], each with the whole before and after.
//!
//! Secrets never stand in a body in clear: [`Sealed`] holds them as ciphertext, and only services can open it.

mod apply;
mod body;
mod change;
mod command;
mod decide;
mod event;
mod facts;
mod pool;
mod pool_rules;
mod quota;
mod rejection;
mod rules;
mod sealed;
mod task;
mod tsig;

pub use apply::{Inconsistent, apply};
pub use body::{Blacklist, Body, Kind, Resource, Tld};
pub use command::{Change, Command};
pub use decide::decide;
pub use event::Event;
pub use facts::Facts;
pub use pool::{CatalogZone, HostPort, NsRecord, OptionValue, Pool, PoolNameserver, PoolTarget};
pub use quota::{QuotaOverrides, Quotas};
pub use rejection::Rejection;
pub use sealed::Sealed;
pub use task::{
    ExportStatus, ImportStatus, TransferAccept, TransferRequest, TransferStatus, ZoneExport, ZoneImport,
};
pub use tsig::{TsigAlgorithm, TsigKey, TsigScope};
