//! A recordset as the API shows it.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_model::zone::{Recordset, Zone};
use zonelog_projections::listing::RecordsetRow;
use zonelog_projections::status::{Action, Status};

use super::body::{ListLinks, Metadata, SelfLink, Time, href};

use crate::openapi::words;

/// A recordset; the keys in Designate's order.
#[derive(Serialize, ToSchema)]
#[schema(as = Recordset)]
pub(super) struct RecordsetJson<'a> {
    id: Uuid,
    zone_id: Uuid,
    project_id: &'a str,
    name: Cow<'a, str>,
    zone_name: Cow<'a, str>,
    #[schema(value_type = words::RecordType)]
    r#type: Cow<'static, str>,
    records: Vec<&'a str>,
    #[schema(required)]
    description: Option<&'a str>,
    #[schema(required, minimum = 0)]
    ttl: Option<i64>,
    #[schema(value_type = words::Status)]
    status: &'static str,
    #[schema(value_type = words::Action)]
    action: &'static str,
    version: i64,
    created_at: Time,
    #[schema(required)]
    updated_at: Option<Time>,
    links: SelfLink,
}

impl<'a> RecordsetJson<'a> {
    /// A recordset of a list, or one that was asked for.
    pub(super) fn shown(row: &'a RecordsetRow, base: &str) -> Self {
        Self {
            id: row.id,
            zone_id: row.zone,
            project_id: &row.project,
            name: Cow::Borrowed(&row.name),
            zone_name: Cow::Borrowed(&row.zone_name),
            r#type: type_name(row.rrtype),
            records: row.records.iter().map(String::as_str).collect(),
            description: row.description.as_deref(),
            ttl: row.ttl.map(i64::from),
            status: row.status.label(),
            action: row.action.label(),
            version: row.revision,
            created_at: Time(row.created_at),
            updated_at: row.updated_at.map(Time),
            links: self_link(base, row.zone, row.id),
        }
    }

    /// A recordset right after an accepted change: the servers are still to learn of it, unless it has no records and
    /// never had.
    pub(super) fn accepted(zone: &Zone, recordset: &'a Recordset, action: Action, base: &str) -> Self {
        let (zone_id, id) = (zone.id.uuid(), recordset.id.uuid());
        let is_nothing = action == Action::Create && recordset.records.is_empty();
        let (status, action) = if is_nothing {
            (Status::Active, Action::None)
        } else {
            (Status::Pending, action)
        };
        Self {
            id,
            zone_id,
            project_id: recordset.project.as_str(),
            name: Cow::Owned(recordset.owner.to_string()),
            zone_name: Cow::Owned(zone.name.to_string()),
            r#type: type_name(recordset.rrtype),
            records: recordset.records.iter().map(|record| record.text()).collect(),
            description: recordset.description.as_deref(),
            ttl: recordset.ttl.map(|ttl| ttl.get().into()),
            status: status.label(),
            action: action.label(),
            version: recordset.revision,
            created_at: Time(recordset.created_at),
            updated_at: recordset.updated_at.map(Time),
            links: self_link(base, zone_id, id),
        }
    }

    /// The recordset's address.
    pub(super) fn href(&self) -> &str {
        &self.links.href
    }
}

fn type_name(rrtype: zonelog_dns::Rrtype) -> Cow<'static, str> {
    match rrtype.mnemonic() {
        Some(mnemonic) => Cow::Borrowed(mnemonic),
        None => Cow::Owned(rrtype.to_string()),
    }
}

/// The address of a recordset: always below its zone's.
pub(super) fn recordset_href(base: &str, zone: Uuid, id: Uuid) -> String {
    href(base, format_args!("/v2/zones/{zone}/recordsets/{id}"))
}

fn self_link(base: &str, zone: Uuid, id: Uuid) -> SelfLink {
    SelfLink {
        href: recordset_href(base, zone, id),
    }
}

/// A page of recordsets.
#[derive(Serialize, ToSchema)]
#[schema(as = RecordsetList)]
pub(super) struct RecordsetListJson<'a> {
    pub(super) recordsets: Vec<RecordsetJson<'a>>,
    pub(super) links: ListLinks,
    pub(super) metadata: Metadata,
}
