//! Zones as callers give them, checked in Designate's order: keys and values one by one, then the whole.

use std::collections::BTreeMap;

use serde_json::Value;
use zonelog_dns::{Ttl, ZoneName, rname_from_email};
use zonelog_model::resource::HostPort;
use zonelog_model::zone::{Patch, ZoneKind};

use super::body::Keys;
use super::fields::attributes;
use crate::coerce;
use crate::error::{ApiError, SchemaError};
use crate::json::Object;

/// Designate's limits of texts, in characters.
const MAX_NAME: usize = 255;
const MAX_DESCRIPTION: usize = 160;

const NEW: Keys = Keys {
    resource: "zone",
    writable: &[
        "name",
        "email",
        "ttl",
        "description",
        "type",
        "masters",
        "attributes",
    ],
    fixed: &[
        "id",
        "pool_id",
        "project_id",
        "serial",
        "shared",
        "status",
        "action",
        "version",
        "created_at",
        "updated_at",
        "transferred_at",
        "links",
    ],
};

/// A present zone keeps its name, type, attributes and pool.
pub(super) const PRESENT: Keys = Keys {
    resource: "zone",
    writable: &["email", "ttl", "description", "masters"],
    fixed: &[
        "id",
        "pool_id",
        "project_id",
        "name",
        "serial",
        "shared",
        "status",
        "action",
        "version",
        "attributes",
        "type",
        "created_at",
        "updated_at",
        "transferred_at",
        "links",
    ],
};

/// What a caller asks a new zone to be.
pub(super) struct NewZone {
    pub(super) name: ZoneName,
    pub(super) kind: ZoneKind,
    /// Of a primary zone.
    pub(super) email: Option<String>,
    pub(super) ttl: Option<Ttl>,
    pub(super) description: Option<String>,
    pub(super) attributes: BTreeMap<String, String>,
}

impl NewZone {
    /// Reads the body of a POST.
    pub(super) fn read(object: &Object) -> Result<Self, ApiError> {
        let get = |key: &str| object.get(key).unwrap_or(&Value::Null);
        let attributes = attributes(get("attributes"))?;
        let description = coerce::short_text("description", get("description"), MAX_DESCRIPTION)?;
        let email = email(get("email"))?;
        let masters = masters(get("masters"))?;
        let name = match coerce::short_text("name", get("name"), MAX_NAME)? {
            Some(name) => Some(coerce::zone_name(&name)?),
            None => None,
        };
        let ttl = coerce::ttl(get("ttl"))?;
        let is_secondary = is_secondary(get("type"))?;
        NEW.check_new(object)?;
        let mut errors = Vec::new();
        let kind = if is_secondary {
            if masters.is_empty() {
                errors.push(SchemaError::no_masters());
            }
            for (field, given) in [("email", email.is_some()), ("ttl", ttl.is_some())] {
                if given {
                    errors.push(SchemaError::of_secondary(field));
                }
            }
            ZoneKind::Secondary { masters }
        } else {
            if !masters.is_empty() {
                errors.push(SchemaError::masters_of_primary());
            }
            if email.is_none() {
                errors.push(missing_email());
            }
            ZoneKind::Primary
        };
        if !errors.is_empty() {
            return Err(ApiError::schema(errors));
        }
        let Some(name) = name else {
            return Err(ApiError::schema(vec![SchemaError::required("name")]));
        };
        Ok(Self {
            name,
            kind,
            email,
            ttl,
            description,
            attributes,
        })
    }
}

/// What a caller asks to change of a zone.
pub(super) struct ZoneChange {
    pub(super) email: Patch<String>,
    pub(super) ttl: Patch<Ttl>,
    pub(super) description: Patch<Option<String>>,
    pub(super) masters: Patch<Vec<HostPort>>,
}

impl ZoneChange {
    /// Reads the body of a PATCH.
    pub(super) fn read(object: &Object) -> Result<Self, ApiError> {
        let description = match object.get("description") {
            Some(value) => Patch::Set(coerce::short_text("description", value, MAX_DESCRIPTION)?),
            None => Patch::Keep,
        };
        let given_email = object.get("email").map(email).transpose()?;
        let masters = match object.get("masters") {
            Some(value) if !value.is_null() => Patch::Set(masters(value)?),
            _ => Patch::Keep,
        };
        let ttl = match object.get("ttl").map(coerce::ttl).transpose()? {
            Some(Some(ttl)) => Patch::Set(ttl),
            Some(None) => return Err(ApiError::value("Field 'ttl' cannot be None")),
            None => Patch::Keep,
        };
        let email = match given_email {
            Some(Some(email)) => Patch::Set(email),
            Some(None) => {
                return Err(ApiError::schema(vec![missing_email()]));
            }
            None => Patch::Keep,
        };
        Ok(Self {
            email,
            ttl,
            description,
            masters,
        })
    }
}

fn email(value: &Value) -> Result<Option<String>, ApiError> {
    let Some(email) = coerce::short_text("email", value, MAX_NAME)? else {
        return Ok(None);
    };
    rname_from_email(&email).map_err(ApiError::value)?;
    Ok(Some(email))
}

fn masters(value: &Value) -> Result<Vec<HostPort>, ApiError> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        other => {
            return Err(ApiError::value(format_args!(
                "A list is required in field masters, not a {}",
                coerce::kind_of(other)
            )));
        }
    };
    let master = |item: &Value| {
        let text = coerce::short_text("masters", item, MAX_NAME)?;
        text.as_deref().and_then(HostPort::parse).ok_or_else(|| {
            ApiError::value(format_args!(
                "'{}' is not a master: give an address or a host name, with :PORT if it is not 53",
                coerce::excerpt(text.as_deref().unwrap_or_default())
            ))
        })
    };
    items.iter().map(master).collect()
}

fn is_secondary(value: &Value) -> Result<bool, ApiError> {
    match coerce::text("type", value)?.as_deref() {
        None | Some("PRIMARY") => Ok(false),
        Some("SECONDARY") => Ok(true),
        Some("CATALOG") => Err(ApiError::bad(
            "invalid_object",
            "A zone of type CATALOG is made by its pool's settings (catalog_zone in pools.yaml), not here",
        )),
        Some(other) => Err(ApiError::value(format_args!(
            "Field value {} is invalid",
            coerce::excerpt(other)
        ))),
    }
}

/// The error of a primary zone without an address, at the path where Designate says so.
fn missing_email() -> SchemaError {
    SchemaError::new(
        ["type".into(), "email".into()],
        "required",
        "email",
        "'email' is a required property",
    )
}
