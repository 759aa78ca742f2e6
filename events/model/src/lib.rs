//! What is true, as rules: commands, the events they become, and why a command is refused.
//!
//! Everything here is a function of its arguments. Ids arrive in the command, time arrives as `now`, facts about
//! other zones, pools and quotas arrive as [`zone::Facts`]; nothing here reads a clock, a database or a random source.
//!
//! Reading order: [`zone::Zone`] and [`zone::Recordset`] (the state), [`zone::Command`], [`zone::Event`],
//! [`zone::decide`], [`zone::apply`], [`zone::Rejection`]; [`resource`], the same for everything that is not a zone;
//! [`transfer`], where both change together; then [`stored`] for the form in which events are kept.

mod id;
mod metadata;
mod recorded;
pub mod resource;
pub mod scenario;
pub mod stored;
pub mod transfer;
pub mod zone;

pub use id::{ChangeId, PoolId, ProjectId, RecordsetId, ResourceId, ShareId, StreamId, ZoneId};
pub use metadata::{Actor, Door, Metadata};
pub use recorded::{Position, Recorded, Version};

/// A point in time, UTC, whole microseconds (PostgreSQL's resolution; the clock that makes it truncates).
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// Any event of the log. One variant for each kind of stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all events are zones': boxed, each would cost an allocation"
)]
pub enum Event {
    /// An event of a zone's stream.
    Zone(zone::Event),
    /// An event of a resource's stream.
    Resource(Box<resource::Event>),
}

impl From<resource::Event> for Event {
    fn from(event: resource::Event) -> Self {
        Self::Resource(Box::new(event))
    }
}

impl From<zone::Event> for Event {
    fn from(event: zone::Event) -> Self {
        Self::Zone(event)
    }
}
