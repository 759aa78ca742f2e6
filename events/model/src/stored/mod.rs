//! The form in which events, actors, zones and recordsets are kept, apart from the types that the rules work with.
//!
//! An event is a type name, a type version and a payload of JSON text. Once released, a (type, version) is read for
//! ever: a changed shape is a new version and a step in `upcast.rs` from the one before it, and stored events are never
//! rewritten. `tests/golden` holds a payload of each.
//!
//! In payloads names are absolute and in the user's spelling, records are the texts that the user gave, TTLs and serials
//! are numbers, times are RFC 3339 in UTC with microseconds.

mod actor;
mod error;
mod upcast;
mod value;
mod zone;

pub use actor::{decode_actor, encode_actor};
pub use error::DecodeError;
pub use zone::{recordset_from_value, recordset_to_value, zone_from_value, zone_to_value};

use crate::Event;
use upcast::UPCASTS;

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The event's type, e.g. `recordset_changed`.
    pub type_name: &'static str,
    /// The version of the payload's shape, from 1.
    pub type_version: i16,
    /// The payload: the text of a JSON object.
    pub payload: String,
}

/// Every type of event with the version in which it is written today.
pub const TYPES: &[(&str, i16)] = zone::TYPES;

/// The stored form of an event, in the present version of its type.
pub fn encode(event: &Event) -> Stored {
    let Event::Zone(event) = event;
    let type_name = event.type_name();
    Stored {
        type_name,
        type_version: present_version(type_name).unwrap_or(1),
        payload: zone::encode(event),
    }
}

/// Reads a stored event of any version that was ever written.
pub fn decode(type_name: &str, type_version: i16, payload: &str) -> Result<Event, DecodeError> {
    let present = present_version(type_name).ok_or_else(|| DecodeError::UnknownType(type_name.to_owned()))?;
    if type_version == present {
        return zone::decode(type_name, payload).map(Event::Zone);
    }
    let upcast = upcast::upcast(UPCASTS, type_name, type_version, present, payload)?;
    zone::decode(type_name, &upcast).map(Event::Zone)
}

fn present_version(type_name: &str) -> Option<i16> {
    TYPES
        .iter()
        .find(|(name, _)| *name == type_name)
        .map(|(_, version)| *version)
}

/// The JSON text of a stored shape.
fn to_text<T: serde::Serialize>(shape: &T) -> String {
    #[expect(
        clippy::expect_used,
        reason = "shapes have text keys and write no value that JSON lacks"
    )]
    serde_json::to_string(shape).expect("a stored shape is JSON")
}

/// The JSON value of a stored shape.
fn to_value<T: serde::Serialize>(shape: &T) -> serde_json::Value {
    #[expect(
        clippy::expect_used,
        reason = "shapes have text keys and write no value that JSON lacks"
    )]
    serde_json::to_value(shape).expect("a stored shape is JSON")
}
