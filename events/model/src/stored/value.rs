//! Single values in their stored form.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zonelog_dns::{Name, OwnerName, Rrtype, Ttl, ZoneName};

use super::error::BadValue;
use crate::{ProjectId, Timestamp};

/// A time: RFC 3339, UTC, microseconds.
#[derive(Clone, Copy)]
pub(super) struct Micros(pub(super) Timestamp);

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Micros;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a time as RFC 3339 writes it")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Micros, E> {
                let time = DateTime::parse_from_rfc3339(text)
                    .map_err(|error| E::custom(format_args!("{text:?}: {error}")))?;
                Ok(Micros(time.with_timezone(&Utc)))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

pub(super) fn name(field: &'static str, text: &str) -> Result<Name, BadValue> {
    Name::parse(text).map_err(|error| BadValue::new(field, text, error))
}

pub(super) fn zone_name(field: &'static str, text: &str) -> Result<ZoneName, BadValue> {
    ZoneName::from_name(name(field, text)?).map_err(|error| BadValue::new(field, text, error))
}

/// Any name is read, whatever today's rule for new ones: a stricter rule must not make old events unreadable.
pub(super) fn owner_name(field: &'static str, text: &str) -> Result<OwnerName, BadValue> {
    name(field, text).map(OwnerName::from_name)
}

pub(super) fn rrtype(field: &'static str, text: &str) -> Result<Rrtype, BadValue> {
    Rrtype::parse(text).map_err(|error| BadValue::new(field, text, error))
}

pub(super) fn ttl(field: &'static str, seconds: i64) -> Result<Ttl, BadValue> {
    Ttl::new(seconds).map_err(|error| BadValue::new(field, seconds, error))
}

pub(super) fn project(field: &'static str, text: &str) -> Result<ProjectId, BadValue> {
    ProjectId::new(text).ok_or_else(|| BadValue::new(field, text, "not a project's id"))
}
