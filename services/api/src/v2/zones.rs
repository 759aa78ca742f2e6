//! `/v2/zones`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use zonelog_central::ids;
use zonelog_model::ZoneId;
use zonelog_model::zone::{CreateZone, DeleteZone, UpdateZone};
use zonelog_projections::listing::{ZoneFilter, ZoneSort};
use zonelog_projections::status::Action;

use super::allowed::{enforce_on_zone, may_change_own_zones, zone_target};
use super::body::{ListLinks, Metadata, accepted, json};
use super::zone_input::{NewZone, PRESENT, ZoneChange};
use super::zone_json::{NameServerJson, NameServersJson, ZoneJson, ZoneListJson};
use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::json::read_object;
use crate::openapi::{Conflict, DeleteShares, NotFound, OverQuota, bodies, list_query};
use crate::path::ZonePath;
use crate::policy::Target;
use crate::query::Query;

const FILTERS: [&str; 6] = ["name", "type", "email", "status", "description", "ttl"];

const SORT_KEYS: [(&str, ZoneSort); 8] = [
    ("created_at", ZoneSort::CreatedAt),
    ("id", ZoneSort::Id),
    ("updated_at", ZoneSort::UpdatedAt),
    ("name", ZoneSort::Name),
    ("tenant_id", ZoneSort::Project),
    ("serial", ZoneSort::Serial),
    ("ttl", ZoneSort::Ttl),
    ("status", ZoneSort::Status),
];

list_query!(ListQuery, FILTERS, SORT_KEYS);

/// `GET /v2/zones`.
#[utoipa::path(get, path = "/v2/zones", tag = "zones", operation_id = "list_zones",
    summary = "List zones", params(ListQuery), responses((status = 200, body = ZoneListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    context.enforce("find_zones", &Target::default())?;
    let query = Query::parse(uri.query());
    let (page, sort) = query.page(&SORT_KEYS, &FILTERS)?;
    let filter = ZoneFilter {
        name: query.pattern("name"),
        r#type: query.pattern("type"),
        email: query.pattern("email"),
        status: query.pattern("status"),
        description: query.pattern("description"),
        ttl: query.pattern("ttl"),
    };
    let client = app.client().await?;
    let found = app
        .listing
        .zones(&client, context.sight(), &filter, sort.unwrap_or_default(), &page)
        .await?;
    drop(client);
    let last = found.rows.last().map(|zone| zone.id);
    let body = ZoneListJson {
        zones: found
            .rows
            .iter()
            .map(|zone| ZoneJson::shown(zone, &context.base))
            .collect(),
        links: ListLinks::new(&context, uri.path(), &query, page.limit, found.rows.len(), last),
        metadata: Metadata {
            total_count: Some(found.total),
        },
    };
    json(StatusCode::OK, &body)
}

/// `POST /v2/zones`.
#[utoipa::path(post, path = "/v2/zones", tag = "zones", operation_id = "create_zone",
    summary = "Make a zone", params(Retry), request_body = bodies::NewZone,
    responses((status = 202, body = ZoneJson, headers(("Location" = String))), NotFound, Conflict, OverQuota))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    let own = Target::of_project(context.actor().project.as_str());
    context.enforce_foreseen("create_zone", &own)?;
    let (object, bytes) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let new = NewZone::read(&object)?;
    let name = new.name.to_string();
    let target = Target {
        zone_name: Some(&name),
        ..own
    };
    context.enforce("create_zone", &target)?;
    let command = CreateZone {
        zone: ids::zone_id(),
        soa_recordset: ids::recordset_id(),
        ns_recordset: ids::recordset_id(),
        name: new.name,
        project: context.actor().project.clone(),
        kind: new.kind,
        email: new.email.unwrap_or_else(|| app.options.managed_email.clone()),
        ttl: new.ttl,
        description: new.description,
        attributes: new.attributes,
        timers: app.central.soa_timers(),
        may_use_low_ttl: context.may_use_low_ttl(),
        may_use_blacklisted: context.allows("use_blacklisted_zone", &Target::default()),
        may_force_pool: context.allows("zone_create_forced_pool", &Target::default()),
    };
    let done = app
        .execute_on_zone(&context, retry.of(&bytes)?, command)
        .await
        .map_err(|error| without_pools(&app, error))?;
    let body = ZoneJson::accepted(&done.zone, false, Action::Create, &context.base);
    accepted(StatusCode::ACCEPTED, &body, Some(body.href()), done.replayed)
}

/// Says what to do when no pool was found because there is none at all.
pub(super) fn without_pools(app: &App, error: ApiError) -> ApiError {
    if error.kind() == "no_valid_pool_found" && app.central.registry().pools().next().is_none() {
        let message =
            "There is no pool yet: an operator makes one with zonelog pool update --file pools.yaml";
        return ApiError::new(StatusCode::NOT_FOUND, "no_valid_pool_found", message);
    }
    error
}

/// `GET /v2/zones/{zone_id}`.
#[utoipa::path(get, path = "/v2/zones/{zone_id}", tag = "zones", operation_id = "show_zone",
    summary = "Show a zone", responses((status = 200, body = ZoneJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
) -> Result<Response, ApiError> {
    let client = app.client().await?;
    let row = app
        .listing
        .zone(&client, context.sight(), zone)
        .await?
        .ok_or_else(ApiError::zone_not_found)?;
    context.enforce("get_zone", &zone_target(&row))?;
    json(StatusCode::OK, &ZoneJson::shown(&row, &context.base))
}

/// `PATCH /v2/zones/{zone_id}`.
#[utoipa::path(patch, path = "/v2/zones/{zone_id}", tag = "zones", operation_id = "update_zone",
    summary = "Change a zone", params(Retry), request_body = bodies::ZoneChange,
    responses((status = 202, body = ZoneJson)))]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    let row = enforce_on_zone(&app, &context, "update_zone", zone).await?;
    let (object, bytes) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let change = ZoneChange::read(&object)?;
    let fixed = PRESENT.fixed_in(&object)?;
    let shared = row.as_ref().is_some_and(|row| row.shared);
    if !fixed.is_empty() {
        let row = row.ok_or_else(ApiError::zone_not_found)?;
        let current = serde_json::to_value(ZoneJson::shown(&row, &context.base));
        PRESENT.check_fixed(&fixed, &current.map_err(|error| ApiError::internal(&error))?)?;
    }
    let command = UpdateZone {
        zone: ZoneId::new(zone),
        email: change.email,
        ttl: change.ttl,
        description: change.description,
        masters: change.masters,
        may_use_low_ttl: context.may_use_low_ttl(),
    };
    let done = app.execute_on_zone(&context, retry.of(&bytes)?, command).await?;
    let body = ZoneJson::accepted(&done.zone, shared, Action::Update, &context.base);
    accepted(StatusCode::ACCEPTED, &body, None, done.replayed)
}

/// `DELETE /v2/zones/{zone_id}`.
#[utoipa::path(delete, path = "/v2/zones/{zone_id}", tag = "zones", operation_id = "delete_zone",
    summary = "Delete a zone", params(Retry, DeleteShares), responses((status = 202, body = ZoneJson)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    if !may_change_own_zones(&context, "delete_zone") {
        enforce_on_zone(&app, &context, "delete_zone", zone).await?;
    }
    let command = DeleteZone {
        zone: ZoneId::new(zone),
        delete_shares: context.delete_shares(),
        hard: context.hard_delete(),
    };
    let done = app.execute_on_zone(&context, retry.of(&[])?, command).await?;
    // What is deleted is shared with nobody.
    let body = ZoneJson::accepted(&done.zone, false, Action::Delete, &context.base);
    accepted(StatusCode::ACCEPTED, &body, None, done.replayed)
}

/// `GET /v2/zones/{zone_id}/nameservers`.
#[utoipa::path(get, path = "/v2/zones/{zone_id}/nameservers", tag = "zones",
    operation_id = "list_nameservers",
    summary = "List the name servers of a zone", responses((status = 200, body = NameServersJson)))]
pub(crate) async fn nameservers(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
) -> Result<Response, ApiError> {
    let client = app.client().await?;
    let row = app
        .listing
        .zone(&client, context.sight(), zone)
        .await?
        .ok_or_else(ApiError::zone_not_found)?;
    context.enforce("get_zone_ns_records", &zone_target(&row))?;
    let found = app.listing.nameservers(&client, context.sight(), zone).await?;
    drop(client);
    let found = found.ok_or_else(ApiError::zone_not_found)?;
    let nameservers = found.iter().map(|record| NameServerJson {
        priority: record.priority,
        hostname: record.hostname.to_string(),
    });
    json(
        StatusCode::OK,
        &NameServersJson {
            nameservers: nameservers.collect(),
        },
    )
}
