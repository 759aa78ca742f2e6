//! A zone as the API shows it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_model::zone::{Zone, ZoneKind};
use zonelog_projections::listing::ZoneRow;
use zonelog_projections::status::{Action, Status};

use super::body::{ListLinks, Metadata, SelfLink, Time, href};

use crate::openapi::words;

/// A zone; the keys in Designate's order.
#[derive(Serialize, ToSchema)]
#[schema(as = Zone)]
pub(super) struct ZoneJson<'a> {
    id: Uuid,
    pool_id: Uuid,
    project_id: &'a str,
    name: Cow<'a, str>,
    email: &'a str,
    #[schema(required)]
    description: Option<&'a str>,
    #[schema(minimum = 0)]
    ttl: i64,
    #[schema(value_type = i64, minimum = 0, maximum = 4_294_967_295_i64)]
    serial: u32,
    shared: bool,
    #[schema(value_type = words::Status)]
    status: &'static str,
    #[schema(value_type = words::Action)]
    action: &'static str,
    version: i64,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    attributes: Cow<'a, Value>,
    #[schema(value_type = words::ZoneType)]
    r#type: &'static str,
    #[schema(value_type = Vec<String>)]
    masters: Vec<String>,
    created_at: Time,
    #[schema(required)]
    updated_at: Option<Time>,
    #[schema(required)]
    transferred_at: Option<Time>,
    links: SelfLink,
}

impl<'a> ZoneJson<'a> {
    /// A zone of a list, or one that was asked for.
    pub(super) fn shown(row: &'a ZoneRow, base: &str) -> Self {
        Self {
            id: row.id,
            pool_id: row.pool,
            project_id: &row.project,
            name: Cow::Borrowed(&row.name),
            email: &row.email,
            description: row.description.as_deref(),
            ttl: row.ttl.into(),
            // The wire's serial is the low half.
            serial: row.serial as u32,
            shared: row.shared,
            status: row.status.label(),
            action: row.action.label(),
            version: row.revision,
            attributes: Cow::Borrowed(&row.attributes),
            r#type: row.kind.label(),
            masters: masters(&row.kind),
            created_at: Time(row.created_at),
            updated_at: row.updated_at.map(Time),
            transferred_at: row.transferred_at.map(Time),
            links: self_link(base, row.id),
        }
    }

    /// A zone right after an accepted change: the servers are still to learn of it. `shared`: with anybody.
    pub(super) fn accepted(zone: &'a Zone, shared: bool, action: Action, base: &str) -> Self {
        let id = zone.id.uuid();
        let attributes = zone
            .attributes
            .iter()
            .map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        Self {
            id,
            pool_id: zone.pool.uuid(),
            project_id: zone.project.as_str(),
            name: Cow::Owned(zone.name.to_string()),
            email: &zone.email,
            description: zone.description.as_deref(),
            ttl: zone.ttl.get().into(),
            serial: zone.serial.wire().get(),
            shared,
            status: Status::Pending.label(),
            action: action.label(),
            version: zone.revision,
            attributes: Cow::Owned(Value::Object(attributes.collect())),
            r#type: zone.kind.label(),
            masters: masters(&zone.kind),
            created_at: Time(zone.created_at),
            updated_at: zone.updated_at.map(Time),
            transferred_at: zone.transferred_at.map(Time),
            links: self_link(base, id),
        }
    }

    /// The zone's address.
    pub(super) fn href(&self) -> &str {
        &self.links.href
    }
}

fn masters(kind: &ZoneKind) -> Vec<String> {
    kind.masters().iter().map(ToString::to_string).collect()
}

fn self_link(base: &str, id: Uuid) -> SelfLink {
    SelfLink {
        href: href(base, format_args!("/v2/zones/{id}")),
    }
}

/// A page of zones.
#[derive(Serialize, ToSchema)]
#[schema(as = ZoneList)]
pub(super) struct ZoneListJson<'a> {
    pub(super) zones: Vec<ZoneJson<'a>>,
    pub(super) links: ListLinks,
    pub(super) metadata: Metadata,
}

/// The name servers of a zone's pool.
#[derive(Serialize, ToSchema)]
#[schema(as = NameServers)]
pub(super) struct NameServersJson {
    pub(super) nameservers: Vec<NameServerJson>,
}

/// One name server.
#[derive(Serialize, ToSchema)]
#[schema(as = NameServer)]
pub(super) struct NameServerJson {
    pub(super) priority: u16,
    pub(super) hostname: String,
}
