//! `/v2/service_statuses` (and `/v2/service_status`): which services run, from their heartbeats.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_central::clock;
use zonelog_projections::service_status::{self, ServiceFilter, ServiceSort, ServiceStatus};

use super::body::{ListLinks, SelfLink, Time, href, json};
use super::collection::page;
use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::openapi::{Listed, Page, list_query, words};
use crate::path::IdPath;
use crate::policy::Target;
use crate::query::Query;

const FILTERS: [&str; 3] = ["hostname", "service_name", "status"];

const SORT_KEYS: [(&str, ServiceSort); 6] = [
    ("created_at", ServiceSort::CreatedAt),
    ("id", ServiceSort::Id),
    ("updated_at", ServiceSort::UpdatedAt),
    ("hostname", ServiceSort::Hostname),
    ("service_name", ServiceSort::ServiceName),
    ("status", ServiceSort::Status),
];

list_query!(ListQuery, FILTERS, SORT_KEYS);

/// A service as the API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = Service)]
struct ServiceJson<'a> {
    id: Uuid,
    hostname: &'a str,
    service_name: &'a str,
    #[schema(value_type = words::ServiceStatus)]
    status: &'static str,
    #[schema(value_type = Object)]
    stats: &'a Value,
    #[schema(value_type = Object)]
    capabilities: &'a Value,
    heartbeated_at: Time,
    created_at: Time,
    #[schema(required)]
    updated_at: Option<Time>,
    links: SelfLink,
}

impl Listed for ServiceJson<'_> {
    const KEY: &'static str = "service_statuses";
}

/// A page of them, for its description.
type ListJson = Page<ServiceJson<'static>>;

impl<'a> ServiceJson<'a> {
    fn shown(row: &'a ServiceStatus, base: &str) -> Self {
        Self {
            id: row.id,
            hostname: &row.hostname,
            service_name: &row.service_name,
            status: row.status.label(),
            stats: &row.stats,
            capabilities: &row.capabilities,
            heartbeated_at: Time(row.heartbeated_at),
            created_at: Time(row.created_at),
            updated_at: row.updated_at.map(Time),
            links: SelfLink {
                href: href(base, format_args!("/v2/service_statuses/{}", row.id)),
            },
        }
    }
}

/// `GET /v2/service_statuses`.
#[utoipa::path(get, path = "/v2/service_statuses", tag = "service statuses",
    operation_id = "list_service_statuses",
    summary = "List the services that run", params(ListQuery), responses((status = 200, body = ListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    context.enforce("find_service_statuses", &Target::default())?;
    let query = Query::parse(uri.query());
    let (page_request, sort) = query.page(&SORT_KEYS, &FILTERS)?;
    let filter = ServiceFilter {
        hostname: query.pattern("hostname"),
        service_name: query.pattern("service_name"),
        status: query.pattern("status"),
    };
    let client = app.client().await?;
    let sort = sort.unwrap_or_default();
    let found = service_status::list(&client, &filter, sort, &page_request, clock::now()).await?;
    drop(client);
    let last = found.last().map(|service| service.id);
    let links = ListLinks::new(
        &context,
        uri.path(),
        &query,
        page_request.limit,
        found.len(),
        last,
    );
    let items = found
        .iter()
        .map(|service| ServiceJson::shown(service, &context.base));
    page("service_statuses", items.collect(), links)
}

/// `GET /v2/service_statuses/{service_id}`.
#[utoipa::path(get, path = "/v2/service_statuses/{service_id}", tag = "service statuses",
    operation_id = "show_service_status",
    summary = "Show a service", responses((status = 200, body = ServiceJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
) -> Result<Response, ApiError> {
    context.enforce("find_service_status", &Target::default())?;
    let client = app.client().await?;
    let found = service_status::find(&client, id, clock::now()).await?;
    let found = found.ok_or_else(ApiError::service_not_found)?;
    json(StatusCode::OK, &ServiceJson::shown(&found, &context.base))
}
