//! Recordsets as callers give them, checked in Designate's order: keys and values one by one, then the whole.

use serde_json::Value;
use zonelog_dns::{OwnerName, Rrtype, Ttl};
use zonelog_model::zone::{Patch, Record, Rejection};

use super::body::Keys;
use crate::coerce;
use crate::error::{ApiError, SchemaError, unsupported_type};
use crate::json::Object;

/// Designate's limits of texts, in characters.
const MAX_NAME: usize = 255;
const MAX_DESCRIPTION: usize = 160;

const NEW: Keys = Keys {
    resource: "recordset",
    writable: &["name", "type", "ttl", "records", "description"],
    fixed: &[
        "id",
        "zone_id",
        "project_id",
        "zone_name",
        "status",
        "action",
        "version",
        "created_at",
        "updated_at",
        "links",
    ],
};

/// A present recordset keeps its name and type.
pub(super) const PRESENT: Keys = Keys {
    resource: "recordset",
    writable: &["ttl", "records", "description"],
    fixed: &[
        "id",
        "zone_id",
        "project_id",
        "name",
        "zone_name",
        "type",
        "status",
        "action",
        "version",
        "created_at",
        "updated_at",
        "links",
    ],
};

/// What a caller asks a new recordset to be.
pub(super) struct NewRecordset {
    pub(super) owner: OwnerName,
    pub(super) rrtype: Rrtype,
    pub(super) ttl: Option<Ttl>,
    pub(super) records: Vec<Record>,
    pub(super) description: Option<String>,
}

impl NewRecordset {
    /// Reads the body of a POST.
    pub(super) fn read(object: &Object) -> Result<Self, ApiError> {
        let get = |key: &str| object.get(key).unwrap_or(&Value::Null);
        let description = coerce::short_text("description", get("description"), MAX_DESCRIPTION)?;
        let owner = match coerce::short_text("name", get("name"), MAX_NAME)? {
            Some(name) => Some(coerce::owner_name(&name)?),
            None => None,
        };
        let texts = match get("records") {
            Value::Null => Vec::new(),
            given => texts(given)?,
        };
        let ttl = coerce::ttl(get("ttl"))?;
        let type_given = coerce::text("type", get("type"))?;
        NEW.check_new(object)?;
        let rrtype = rrtype(type_given.as_deref())?;
        let Some(owner) = owner else {
            return Err(ApiError::schema(vec![SchemaError::new(
                ["records".into(), 0.into(), "name".into()],
                "required",
                "name",
                "'name' is a required property",
            )]));
        };
        Ok(Self {
            owner,
            rrtype,
            ttl,
            records: records(rrtype, texts)?,
            description,
        })
    }
}

/// What a caller asks to change of a recordset.
pub(super) struct RecordsetChange {
    pub(super) ttl: Patch<Option<Ttl>>,
    pub(super) records: Patch<Vec<String>>,
    pub(super) description: Patch<Option<String>>,
}

impl RecordsetChange {
    /// Reads the body of a PUT, which is a partial update in spite of its name.
    pub(super) fn read(object: &Object) -> Result<Self, ApiError> {
        let description = match object.get("description") {
            Some(value) => Patch::Set(coerce::short_text("description", value, MAX_DESCRIPTION)?),
            None => Patch::Keep,
        };
        let records = match object.get("records") {
            Some(value) => Patch::Set(texts(value)?),
            None => Patch::Keep,
        };
        let ttl = match object.get("ttl") {
            Some(value) => Patch::Set(coerce::ttl(value)?),
            None => Patch::Keep,
        };
        Ok(Self {
            ttl,
            records,
            description,
        })
    }
}

fn texts(value: &Value) -> Result<Vec<String>, ApiError> {
    let Value::Array(items) = value else {
        let kind = coerce::kind_of(value);
        return Err(ApiError::value(format_args!(
            "A list is required in field records, not a {kind}"
        )));
    };
    let mut texts = Vec::with_capacity(items.len());
    let mut errors = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match item {
            Value::String(text) => texts.push(text.clone()),
            other => errors.push(SchemaError::new(
                ["records".into(), index.into()],
                "type",
                "string",
                format!("{other} is not of type 'string'"),
            )),
        }
    }
    if errors.is_empty() {
        Ok(texts)
    } else {
        Err(ApiError::schema(errors))
    }
}

/// A type by its name, in capitals as Designate wants it.
fn rrtype(given: Option<&str>) -> Result<Rrtype, ApiError> {
    let found = Rrtype::SUPPORTED
        .iter()
        .find(|rrtype| rrtype.mnemonic() == given && given.is_some());
    match found {
        // It has no records of the caller's to be read.
        Some(&Rrtype::SOA) => Err(Rejection::SoaIsManaged.into()),
        Some(rrtype) => Ok(*rrtype),
        None => Err(ApiError::schema(vec![unsupported_type(&coerce::excerpt(
            given.unwrap_or("None"),
        ))])),
    }
}

/// Reads every record, and says of each bad one what is wrong.
fn records(rrtype: Rrtype, texts: Vec<String>) -> Result<Vec<Record>, ApiError> {
    let mut records = Vec::with_capacity(texts.len());
    let mut errors = Vec::new();
    for (index, text) in texts.into_iter().enumerate() {
        match Record::parse(rrtype, &text) {
            Ok(record) => records.push(record),
            Err(error) => errors.push(SchemaError::new(
                ["records".into(), index.into()],
                "format",
                vec![rrtype.to_string()],
                format!("'{text}' is not a '{rrtype}' Record: {error}"),
            )),
        }
    }
    if errors.is_empty() {
        Ok(records)
    } else {
        Err(ApiError::schema(errors))
    }
}
