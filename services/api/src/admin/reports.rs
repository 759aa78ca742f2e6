//! `/admin/reports`: how much there is in all, and which projects have zones.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use zonelog_projections::usage;

use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::path::{ProjectPath, WordPath};
use crate::policy::Target;
use crate::v2::{SelfLink, href, json};

/// The numbers asked for.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = Counts)]
struct CountsJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    zones: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zones_delayed_notify: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenants: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct CountsReport {
    #[schema(value_type = Vec<CountsJson>, min_items = 1, max_items = 1)]
    counts: [CountsJson; 1],
}

/// `GET /admin/reports/counts`.
#[utoipa::path(get, path = "/admin/reports/counts", tag = "admin", operation_id = "admin_count_all",
    summary = "Count zones, records and projects", responses((status = 200, body = CountsReport)))]
pub(crate) async fn counts(State(app): State<Arc<App>>, context: Context) -> Result<Response, ApiError> {
    for rule in ["count_zones", "count_records", "count_tenants"] {
        context.enforce(rule, &everybody())?;
    }
    let client = app.client().await?;
    let counts = usage::counts(&client).await?;
    report(CountsJson {
        zones: Some(counts.zones),
        records: Some(counts.records),
        tenants: Some(counts.tenants),
        ..CountsJson::default()
    })
}

/// `GET /admin/reports/counts/{criterion}`: one of the numbers.
#[utoipa::path(get, path = "/admin/reports/counts/{criterion}", tag = "admin", operation_id = "admin_count",
    summary = "Count one kind of thing", responses((status = 200, body = CountsReport)))]
pub(crate) async fn count(
    State(app): State<Arc<App>>,
    WordPath(criterion): WordPath,
    context: Context,
) -> Result<Response, ApiError> {
    let rule = match criterion.as_str() {
        "zones" => "count_zones",
        "zones_delayed_notify" => "count_zones_pending_notify",
        "records" => "count_records",
        "tenants" => "count_tenants",
        _ => {
            return Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "report_not_found",
                "Could not find Report: there are zones, zones_delayed_notify, records and tenants",
            ));
        }
    };
    context.enforce(rule, &everybody())?;
    let client = app.client().await?;
    let counts = usage::counts(&client).await?;
    report(match criterion.as_str() {
        "zones" => CountsJson {
            zones: Some(counts.zones),
            ..CountsJson::default()
        },
        "records" => CountsJson {
            records: Some(counts.records),
            ..CountsJson::default()
        },
        "tenants" => CountsJson {
            tenants: Some(counts.tenants),
            ..CountsJson::default()
        },
        // Servers are told of a change as soon as it is committed: none is put off.
        _ => CountsJson {
            zones_delayed_notify: Some(0),
            ..CountsJson::default()
        },
    })
}

fn report(counts: CountsJson) -> Result<Response, ApiError> {
    json(StatusCode::OK, &CountsReport { counts: [counts] })
}

/// A project with zones.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
struct TenantJson {
    zone_count: i64,
    id: String,
    links: SelfLink,
}

/// All projects with zones.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenants)]
struct TenantsJson {
    tenants: Vec<TenantJson>,
    links: SelfLink,
}

/// `GET /admin/reports/tenants`.
#[utoipa::path(get, path = "/admin/reports/tenants", tag = "admin", operation_id = "admin_list_tenants",
    summary = "List the projects that have zones", responses((status = 200, body = TenantsJson)))]
pub(crate) async fn tenants(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    context.enforce("find_tenants", &everybody())?;
    let client = app.client().await?;
    let found = usage::tenants(&client).await?;
    let tenants = found.into_iter().map(|(id, zone_count)| TenantJson {
        zone_count,
        links: self_link(&context, &id),
        id,
    });
    let body = TenantsJson {
        tenants: tenants.collect(),
        links: SelfLink {
            href: href(&context.base, format_args!("{}", uri.path())),
        },
    };
    json(StatusCode::OK, &body)
}

/// One project's zones.
#[derive(Serialize, ToSchema)]
#[schema(as = TenantDetail)]
struct TenantDetailJson {
    zones_count: usize,
    zones: Vec<String>,
    id: String,
    links: SelfLink,
}

/// `GET /admin/reports/tenants/{project_id}`.
#[utoipa::path(get, path = "/admin/reports/tenants/{project_id}", tag = "admin",
    operation_id = "admin_show_tenant",
    summary = "List a project's zones", responses((status = 200, body = TenantDetailJson)))]
pub(crate) async fn tenant(
    State(app): State<Arc<App>>,
    ProjectPath(project): ProjectPath,
    context: Context,
) -> Result<Response, ApiError> {
    context.enforce("get_tenant", &everybody())?;
    let client = app.client().await?;
    let zones = usage::zone_names(&client, project.as_str()).await?;
    let body = TenantDetailJson {
        zones_count: zones.len(),
        zones,
        links: self_link(&context, project.as_str()),
        id: project.as_str().to_owned(),
    };
    json(StatusCode::OK, &body)
}

fn self_link(context: &Context, project: &str) -> SelfLink {
    SelfLink {
        href: href(&context.base, format_args!("/admin/reports/tenants/{project}")),
    }
}

/// What belongs to no project of the caller's: who reads in one project may not count everybody's zones.
fn everybody<'a>() -> Target<'a> {
    Target {
        all_tenants: Some(true),
        ..Target::default()
    }
}
