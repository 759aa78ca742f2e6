//! The form in which events, actors, zones, recordsets and resources are kept, apart from the types that the rules work with.
//!
//! An event is a type name, a type version and a payload of JSON text. Once released, a (type, version) is read for
//! ever: a changed shape is a new version and a step in `upcast.rs` from the one before it, and stored events are never
//! rewritten. `tests/golden` holds a payload of each.
//!
//! In payloads names are absolute and in the user's spelling, records are the texts that the user gave, TTLs and serials
//! are numbers, times are RFC 3339 in UTC with microseconds.

mod actor;
mod error;
mod pool;
mod resource;
mod upcast;
mod value;
mod zone;
mod zone_state;

pub use actor::{decode_actor, encode_actor};
pub use error::DecodeError;
pub use resource::{resource_from_value, resource_to_value};
pub use zone_state::{recordset_from_value, recordset_to_value, zone_from_value, zone_to_value};

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
pub const TYPES: &[(&str, i16)] = &[
    ("zone_created", 1),
    ("zone_ttl_changed", 1),
    ("zone_email_changed", 1),
    ("zone_description_changed", 1),
    ("zone_deleted", 1),
    ("zone_abandoned", 1),
    ("zone_shared", 1),
    ("zone_unshared", 1),
    ("zone_transferred", 1),
    ("zone_moved_to_pool", 1),
    ("zone_move_advanced", 1),
    ("zone_primary_nameserver_changed", 1),
    ("zone_masters_changed", 1),
    ("zone_refreshed_from_primary", 1),
    ("recordset_created", 1),
    ("recordset_changed", 1),
    ("recordset_deleted", 1),
    ("tld_created", 1),
    ("tld_changed", 1),
    ("tld_deleted", 1),
    ("blacklist_created", 1),
    ("blacklist_changed", 1),
    ("blacklist_deleted", 1),
    ("tsigkey_created", 1),
    ("tsigkey_changed", 1),
    ("tsigkey_deleted", 1),
    ("pool_created", 1),
    ("pool_changed", 1),
    ("pool_deleted", 1),
    ("quota_created", 1),
    ("quota_changed", 1),
    ("quota_deleted", 1),
    ("zone_transfer_request_created", 1),
    ("zone_transfer_request_changed", 1),
    ("zone_transfer_request_deleted", 1),
    ("zone_transfer_accept_created", 1),
    ("zone_transfer_accept_changed", 1),
    ("zone_transfer_accept_deleted", 1),
    ("zone_import_created", 1),
    ("zone_import_changed", 1),
    ("zone_import_deleted", 1),
    ("zone_export_created", 1),
    ("zone_export_changed", 1),
    ("zone_export_deleted", 1),
];

/// The stored form of an event, in the present version of its type.
pub fn encode(event: &Event) -> Stored {
    let (type_name, payload) = match event {
        Event::Zone(event) => (event.type_name(), zone::encode(event)),
        Event::Resource(event) => (event.type_name(), resource::encode(event)),
    };
    Stored {
        type_name,
        type_version: present_version(type_name).unwrap_or(1),
        payload,
    }
}

/// Reads a stored event of any version that was ever written.
pub fn decode(type_name: &str, type_version: i16, payload: &str) -> Result<Event, DecodeError> {
    let present = present_version(type_name).ok_or_else(|| DecodeError::UnknownType(type_name.to_owned()))?;
    if type_version == present {
        return decode_present(type_name, payload);
    }
    let upcast = upcast::upcast(UPCASTS, type_name, type_version, present, payload)?;
    decode_present(type_name, &upcast)
}

fn decode_present(type_name: &str, payload: &str) -> Result<Event, DecodeError> {
    match resource::EventType::of(type_name) {
        Some(event_type) => resource::decode(type_name, event_type, payload).map(Event::from),
        None => zone::decode(type_name, payload).map(Event::Zone),
    }
}

fn present_version(type_name: &str) -> Option<i16> {
    TYPES
        .iter()
        .find(|(name, _)| *name == type_name)
        .map(|(_, version)| *version)
}

/// Reads an event's payload.
fn shape<'a, T: serde::Deserialize<'a>>(type_name: &str, payload: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(payload).map_err(|error| DecodeError::shape(type_name, &error))
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
