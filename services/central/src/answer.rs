//! The first answers to idempotency keys, as they are stored.

use chrono::SecondsFormat;
use serde_json::{Value, json};
use uuid::Uuid;
use zonelog_model::resource::Resource;
use zonelog_model::stored::{
    recordset_from_value, recordset_to_value, resource_from_value, resource_to_value, zone_from_value,
    zone_to_value,
};
use zonelog_model::zone::{Share, Zone};
use zonelog_model::{ChangeId, ProjectId, ShareId, Timestamp};

use crate::request::{Accepted, Changed, Idempotency};

/// A stored answer.
#[derive(Clone)]
pub(crate) struct StoredAnswer {
    pub(crate) digest: Vec<u8>,
    pub(crate) change_id: ChangeId,
    pub(crate) answer: Value,
}

impl StoredAnswer {
    /// The form in which an answer is kept.
    pub(crate) fn new(idempotency: &Idempotency, accepted: &Accepted) -> Self {
        let mut answer = match &accepted.changed {
            Changed::Zone {
                zone,
                recordset,
                share,
            } => json!({
                "zone": zone_value(zone),
                "recordset": recordset.as_deref().map(recordset_to_value),
                "share": share.as_ref().map(share_value),
            }),
            Changed::Resource(resource) => json!({ "resource": resource_to_value(resource) }),
            Changed::Transfer {
                zone,
                request,
                accept,
            } => json!({
                "zone": zone_value(zone),
                "request": resource_to_value(request),
                "accept": resource_to_value(accept),
            }),
        };
        answer["position"] = accepted.position.into();
        Self {
            digest: idempotency.digest.to_vec(),
            change_id: accepted.change_id,
            answer,
        }
    }

    /// The answer for a retry; the error says what is damaged.
    pub(crate) fn replay(&self) -> Result<Accepted, String> {
        let changed = if let Some(resource) = self.given("resource") {
            Changed::Resource(Box::new(self::resource(resource)?))
        } else if let Some(accept) = self.given("accept") {
            Changed::Transfer {
                zone: Box::new(zone(self.needed("zone")?)?),
                request: Box::new(self::resource(self.needed("request")?)?),
                accept: Box::new(self::resource(accept)?),
            }
        } else {
            let recordset = self.given("recordset").map(recordset_from_value).transpose();
            Changed::Zone {
                zone: Box::new(zone(self.needed("zone")?)?),
                recordset: recordset.map_err(|error| error.to_string())?.map(Box::new),
                share: self.given("share").map(share).transpose()?,
            }
        };
        Ok(Accepted {
            change_id: self.change_id,
            position: self.answer.get("position").and_then(Value::as_i64),
            changed,
            replayed: true,
        })
    }

    fn given(&self, field: &str) -> Option<&Value> {
        self.answer.get(field).filter(|value| !value.is_null())
    }

    fn needed(&self, field: &str) -> Result<&Value, String> {
        self.given(field).ok_or_else(|| format!("it has no {field}"))
    }
}

/// The zone with its counts, which its stored form leaves to those who count.
fn zone_value(zone: &Zone) -> Value {
    let mut value = zone_to_value(zone);
    value["recordset_count"] = zone.recordset_count.into();
    value["record_count"] = zone.record_count.into();
    value
}

fn zone(value: &Value) -> Result<Zone, String> {
    let mut bare = value.clone();
    let mut count = |field| {
        let taken = bare.as_object_mut().and_then(|zone| zone.remove(field));
        taken.and_then(|count| count.as_i64()).unwrap_or_default()
    };
    let (recordset_count, record_count) = (count("recordset_count"), count("record_count"));
    let zone = zone_from_value(&bare).map_err(|error| error.to_string())?;
    Ok(Zone {
        recordset_count,
        record_count,
        ..zone
    })
}

fn resource(value: &Value) -> Result<Resource, String> {
    resource_from_value(value).map_err(|error| error.to_string())
}

fn share_value(share: &Share) -> Value {
    json!({
        "id": share.id.uuid(),
        "target_project": share.target_project.as_str(),
        "project": share.project.as_str(),
        "created_at": share.created_at.to_rfc3339_opts(SecondsFormat::Micros, true),
    })
}

fn share(value: &Value) -> Result<Share, String> {
    let text = |field: &str| {
        let found = value.get(field).and_then(Value::as_str);
        found.ok_or_else(|| format!("its share has no {field}"))
    };
    let project = |field| ProjectId::new(text(field)?).ok_or_else(|| format!("its share's {field} is none"));
    let id = Uuid::try_parse(text("id")?).map_err(|error| error.to_string())?;
    let created_at: Timestamp = text("created_at")?
        .parse()
        .map_err(|error: chrono::ParseError| error.to_string())?;
    Ok(Share {
        id: ShareId::new(id),
        target_project: project("target_project")?,
        project: project("project")?,
        created_at,
    })
}
