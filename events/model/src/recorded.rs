//! An event as the log holds it: with its place and its circumstances.

use std::sync::Arc;

use crate::{Event, Metadata, StreamId, Timestamp};

/// The place of an event in the whole log: 1, 2, 3 ... without holes, in commit order. 0 is before the first event.
pub type Position = i64;

/// The place of an event in its stream: 1, 2, 3 ... 0 is the version of a stream without events.
pub type Version = i64;

/// An event with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The place in the log.
    pub position: Position,
    /// The stream, e.g. a zone.
    pub stream: StreamId,
    /// The place in the stream.
    pub version: Version,
    /// When it was decided.
    pub recorded_at: Timestamp,
    /// Who, through which door, in which change; shared by the events of a change.
    pub metadata: Arc<Metadata>,
    /// What happened.
    pub event: Event,
}

impl Recorded {
    /// The event of a change that was made without knowing its positions, of which `position` counts from the change's
    /// first event (1) on, when `head` is the last position before it.
    #[must_use]
    pub fn after(self, head: Position) -> Self {
        Self {
            position: head + self.position,
            ..self
        }
    }
}
