//! A floating IP's PTR as the API shows it.

use serde::Serialize;
use utoipa::ToSchema;
use zonelog_projections::listing::ManagedRow;

use super::body::{SelfLink, href};
use crate::neutron::FloatingIp;
use crate::openapi::words;

/// The status of a floating IP without a PTR.
const INACTIVE: &str = "INACTIVE";

/// A floating IP with its PTR; the keys in Designate's order.
#[derive(Serialize, ToSchema)]
#[schema(as = FloatingIp)]
pub(super) struct FloatingIpJson<'a> {
    id: String,
    #[schema(required)]
    ptrdname: Option<&'a str>,
    #[schema(required)]
    description: Option<&'a str>,
    #[schema(required, minimum = 0)]
    ttl: Option<i64>,
    address: String,
    #[schema(value_type = words::Action)]
    action: &'static str,
    #[schema(value_type = words::PtrStatus)]
    status: &'static str,
    links: SelfLink,
}

impl<'a> FloatingIpJson<'a> {
    /// A floating IP with its PTR, if it has one.
    pub(super) fn shown(floating_ip: &FloatingIp, ptr: Option<&'a ManagedRow>, base: &str) -> Self {
        let id = format!("{}:{}", floating_ip.region, floating_ip.id);
        let recordset = ptr.map(|ptr| &ptr.recordset);
        let href = href(base, format_args!("/v2/reverse/floatingips/{id}"));
        Self {
            id,
            ptrdname: recordset
                .and_then(|recordset| recordset.records.first())
                .map(String::as_str),
            description: recordset.and_then(|recordset| recordset.description.as_deref()),
            ttl: recordset.and_then(|recordset| recordset.ttl).map(i64::from),
            address: floating_ip.address.to_string(),
            action: recordset.map_or("NONE", |recordset| recordset.action.label()),
            status: recordset.map_or(INACTIVE, |recordset| recordset.status.label()),
            links: SelfLink { href },
        }
    }
}

/// All of a caller's floating IPs: no pages, no count.
#[derive(Serialize, ToSchema)]
#[schema(as = FloatingIpList)]
pub(super) struct FloatingIpListJson<'a> {
    pub(super) floatingips: Vec<FloatingIpJson<'a>>,
    pub(super) links: SelfLink,
}
