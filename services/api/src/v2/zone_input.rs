//! Zones as callers give them, checked in Designate's order: keys and values one by one, then the whole.

use std::collections::BTreeMap;

use serde_json::Value;
use zonelog_dns::{Ttl, ZoneName, rname_from_email};
use zonelog_model::zone::Patch;

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
    pub(super) email: String,
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
        let has_masters = has_masters(get("masters"))?;
        let name = match coerce::short_text("name", get("name"), MAX_NAME)? {
            Some(name) => Some(coerce::zone_name(&name)?),
            None => None,
        };
        let ttl = coerce::ttl(get("ttl"))?;
        check_type(get("type"))?;
        NEW.check_new(object)?;
        let mut errors = Vec::new();
        if has_masters {
            errors.push(masters_error());
        }
        if email.is_none() {
            errors.push(missing_email());
        }
        let (Some(email), []) = (email, &errors[..]) else {
            return Err(ApiError::schema(errors));
        };
        let Some(name) = name else {
            return Err(ApiError::schema(vec![SchemaError::required("name")]));
        };
        Ok(Self {
            name,
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
}

impl ZoneChange {
    /// Reads the body of a PATCH.
    pub(super) fn read(object: &Object) -> Result<Self, ApiError> {
        let description = match object.get("description") {
            Some(value) => Patch::Set(coerce::short_text("description", value, MAX_DESCRIPTION)?),
            None => Patch::Keep,
        };
        let given_email = object.get("email").map(email).transpose()?;
        let has_masters = object.get("masters").map_or(Ok(false), has_masters)?;
        let ttl = match object.get("ttl").map(coerce::ttl).transpose()? {
            Some(Some(ttl)) => Patch::Set(ttl),
            Some(None) => return Err(ApiError::value("Field 'ttl' cannot be None")),
            None => Patch::Keep,
        };
        if has_masters {
            return Err(ApiError::schema(vec![masters_error()]));
        }
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

fn has_masters(value: &Value) -> Result<bool, ApiError> {
    match value {
        Value::Null => Ok(false),
        Value::Array(masters) => Ok(!masters.is_empty()),
        other => Err(ApiError::value(format_args!(
            "A list is required in field masters, not a {}",
            coerce::kind_of(other)
        ))),
    }
}

fn check_type(value: &Value) -> Result<(), ApiError> {
    match coerce::text("type", value)?.as_deref() {
        None | Some("PRIMARY") => Ok(()),
        Some(kind @ ("SECONDARY" | "CATALOG")) => Err(ApiError::bad(
            "invalid_object",
            format!("This installation serves PRIMARY zones only; a zone of type {kind} cannot be created"),
        )),
        Some(other) => Err(ApiError::value(format_args!(
            "Field value {} is invalid",
            coerce::excerpt(other)
        ))),
    }
}

fn masters_error() -> SchemaError {
    SchemaError::new(
        ["type".into()],
        "maxItems",
        vec!["masters"],
        "Array has items but should be empty",
    )
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
