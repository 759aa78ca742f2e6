//! `/v2/zones/{zone_id}/recordsets` and `/v2/recordsets`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::Response;
use zonelog_central::{Scope, ids};
use zonelog_model::zone::{CreateRecordset, DeleteRecordset, Recordset, UpdateRecordset};
use zonelog_model::{ProjectId, RecordsetId, ZoneId};
use zonelog_projections::listing::{RecordsetFilter, RecordsetSort, Within, ZoneRow};
use zonelog_projections::status::Action;

use super::allowed::{
    enforce_any_new_recordset, enforce_new_recordset, enforce_on_recordset, may_change_recordsets_anywhere,
    shown_recordset, visible_recordset,
};
use super::body::{ListLinks, Metadata, accepted, json};
use super::recordset_input::{NewRecordset, PRESENT, RecordsetChange};
use super::recordset_json::{RecordsetJson, RecordsetListJson, recordset_href};
use crate::app::{App, ZoneDone};
use crate::context::{Context, HideCounts};
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::json::read_object;
use crate::openapi::{Conflict, OverQuota, bodies, list_query};
use crate::path::{AnyRecordsetPath, RecordsetPath, ZonePath};
use crate::policy::Target;
use crate::query::Query;

const FILTERS: [&str; 6] = ["name", "type", "ttl", "data", "status", "description"];

const SORT_KEYS: [(&str, RecordsetSort); 9] = [
    ("created_at", RecordsetSort::CreatedAt),
    ("id", RecordsetSort::Id),
    ("updated_at", RecordsetSort::UpdatedAt),
    ("zone_id", RecordsetSort::Zone),
    ("tenant_id", RecordsetSort::Project),
    ("name", RecordsetSort::Name),
    ("type", RecordsetSort::Type),
    ("ttl", RecordsetSort::Ttl),
    ("records", RecordsetSort::Records),
];

list_query!(ListQuery, FILTERS, SORT_KEYS);

/// `GET /v2/zones/{zone_id}/recordsets`.
#[utoipa::path(get, path = "/v2/zones/{zone_id}/recordsets", tag = "recordsets",
    operation_id = "list_recordsets",
    summary = "List the recordsets of a zone", params(ListQuery, HideCounts),
    responses((status = 200, body = RecordsetListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
    hide_counts: HideCounts,
    uri: Uri,
) -> Result<Response, ApiError> {
    list_within(&app, Within::Zone(zone), &context, hide_counts, &uri).await
}

/// `GET /v2/recordsets`.
#[utoipa::path(get, path = "/v2/recordsets", tag = "recordsets", operation_id = "list_all_recordsets",
    summary = "List recordsets over all zones", params(ListQuery, HideCounts),
    responses((status = 200, body = RecordsetListJson)))]
pub(crate) async fn list_all(
    State(app): State<Arc<App>>,
    context: Context,
    hide_counts: HideCounts,
    uri: Uri,
) -> Result<Response, ApiError> {
    list_within(&app, Within::AllZones, &context, hide_counts, &uri).await
}

async fn list_within(
    app: &App,
    within: Within,
    context: &Context,
    HideCounts(hide_counts): HideCounts,
    uri: &Uri,
) -> Result<Response, ApiError> {
    // Who sees a zone sees all that is in it: also a project that it is shared with.
    context.enforce("find_recordsets", &Target::default())?;
    let query = Query::parse(uri.query());
    let (page, sort) = query.page(&SORT_KEYS, &FILTERS)?;
    let filter = RecordsetFilter {
        name: query.pattern("name"),
        r#type: query.pattern("type"),
        ttl: query.pattern("ttl"),
        data: query.pattern("data"),
        status: query.pattern("status"),
        description: query.pattern("description"),
    };
    let sort = sort.unwrap_or_default();
    let client = app.client().await?;
    if let Within::Zone(zone) = within {
        let row = app.listing.zone(&client, context.sight(), zone).await?;
        row.ok_or_else(ApiError::zone_not_found)?;
    }
    let found = app
        .listing
        .recordsets(&client, context.sight(), within, &filter, sort, &page)
        .await?;
    drop(client);
    let last = found.rows.last().map(|recordset| recordset.id);
    let body = RecordsetListJson {
        recordsets: found
            .rows
            .iter()
            .map(|recordset| RecordsetJson::shown(recordset, &context.base))
            .collect(),
        links: ListLinks::new(context, uri.path(), &query, page.limit, found.rows.len(), last),
        metadata: Metadata {
            total_count: (!hide_counts).then_some(found.total),
        },
    };
    json(StatusCode::OK, &body)
}

/// `GET /v2/recordsets/{recordset_id}`: where the recordset is.
#[utoipa::path(get, path = "/v2/recordsets/{recordset_id}", tag = "recordsets",
    operation_id = "find_recordset",
    summary = "Find a recordset without its zone",
    responses((status = 301, headers(("Location" = String)))))]
pub(crate) async fn find(
    State(app): State<Arc<App>>,
    AnyRecordsetPath(recordset): AnyRecordsetPath,
    context: Context,
) -> Result<Response, ApiError> {
    context.enforce("find_recordset", &Target::default())?;
    let client = app.client().await?;
    let zone = app.listing.zone_of(&client, context.sight(), recordset).await?;
    let zone = zone.ok_or_else(ApiError::recordset_not_found)?;
    let location = HeaderValue::try_from(recordset_href(&context.base, zone, recordset))
        .map_err(|error| ApiError::internal(&error))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=UTF-8"),
    );
    Ok(response)
}

/// `POST /v2/zones/{zone_id}/recordsets`.
#[utoipa::path(post, path = "/v2/zones/{zone_id}/recordsets", tag = "recordsets",
    operation_id = "create_recordset",
    summary = "Make a recordset", params(Retry), request_body = bodies::NewRecordset,
    responses((status = 201, description = "It was made without records: there is nothing for the name servers to learn.", body = RecordsetJson, headers(("Location" = String))), (status = 202, body = RecordsetJson, headers(("Location" = String))), Conflict, OverQuota))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    enforce_any_new_recordset(&app, &context, zone).await?;
    let (object, bytes) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let new = NewRecordset::read(&object)?;
    let row = enforce_new_recordset(&app, &context, zone, &new.owner.to_string()).await?;
    let command = CreateRecordset {
        zone: ZoneId::new(zone),
        recordset: ids::recordset_id(),
        owner: new.owner,
        rrtype: new.rrtype,
        ttl: new.ttl,
        records: new.records,
        description: new.description,
        project: owner_project(&context, row)?,
        managed: false,
        managed_resource: None,
        may_use_low_ttl: context.may_use_low_ttl(),
    };
    let done = app.execute_on_zone(&context, retry.of(&bytes)?, command).await?;
    let recordset = of(&done)?;
    let body = RecordsetJson::accepted(&done.zone, recordset, Action::Create, &context.base);
    let status = if recordset.records.is_empty() {
        StatusCode::CREATED
    } else {
        StatusCode::ACCEPTED
    };
    accepted(status, &body, Some(body.href()), done.replayed)
}

/// The project that a new recordset belongs to: the zone's, also when an admin of another project makes it.
fn owner_project(context: &Context, zone: Option<ZoneRow>) -> Result<ProjectId, ApiError> {
    let own = &context.actor().project;
    if context.scope() == Scope::Project {
        return Ok(own.clone());
    }
    let zone = zone.ok_or_else(ApiError::zone_not_found)?;
    Ok(ProjectId::new(zone.project).unwrap_or_else(|| own.clone()))
}

/// `GET /v2/zones/{zone_id}/recordsets/{recordset_id}`.
#[utoipa::path(get, path = "/v2/zones/{zone_id}/recordsets/{recordset_id}", tag = "recordsets",
    operation_id = "show_recordset",
    summary = "Show a recordset", responses((status = 200, body = RecordsetJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    path: RecordsetPath,
    context: Context,
) -> Result<Response, ApiError> {
    let row = visible_recordset(&app, &context, &path).await?;
    json(StatusCode::OK, &RecordsetJson::shown(&row, &context.base))
}

/// `PUT /v2/zones/{zone_id}/recordsets/{recordset_id}`.
#[utoipa::path(put, path = "/v2/zones/{zone_id}/recordsets/{recordset_id}", tag = "recordsets",
    operation_id = "update_recordset",
    summary = "Change a recordset", params(Retry), request_body = bodies::RecordsetChange,
    responses((status = 202, body = RecordsetJson), OverQuota))]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    path: RecordsetPath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    let row = match may_change_recordsets_anywhere(&context, "update_recordset") {
        true => None,
        false => enforce_on_recordset(&app, &context, "update_recordset", &path).await?,
    };
    let (object, bytes) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let change = RecordsetChange::read(&object)?;
    let fixed = PRESENT.fixed_in(&object)?;
    if !fixed.is_empty() {
        let row = match row {
            Some(row) => row,
            None => shown_recordset(&app, &context, &path).await?,
        };
        let current = serde_json::to_value(RecordsetJson::shown(&row, &context.base));
        PRESENT.check_fixed(&fixed, &current.map_err(|error| ApiError::internal(&error))?)?;
    }
    let command = UpdateRecordset {
        zone: ZoneId::new(path.zone),
        recordset: RecordsetId::new(path.recordset),
        ttl: change.ttl,
        records: change.records,
        description: change.description,
        may_edit_managed: context.may_edit_managed(),
        may_use_low_ttl: context.may_use_low_ttl(),
    };
    let done = app.execute_on_zone(&context, retry.of(&bytes)?, command).await?;
    let body = RecordsetJson::accepted(&done.zone, of(&done)?, Action::Update, &context.base);
    accepted(StatusCode::ACCEPTED, &body, None, done.replayed)
}

/// `DELETE /v2/zones/{zone_id}/recordsets/{recordset_id}`.
#[utoipa::path(delete, path = "/v2/zones/{zone_id}/recordsets/{recordset_id}", tag = "recordsets",
    operation_id = "delete_recordset",
    summary = "Delete a recordset", params(Retry), responses((status = 202, body = RecordsetJson)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    path: RecordsetPath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    if !may_change_recordsets_anywhere(&context, "delete_recordset") {
        enforce_on_recordset(&app, &context, "delete_recordset", &path).await?;
    }
    let command = DeleteRecordset {
        zone: ZoneId::new(path.zone),
        recordset: RecordsetId::new(path.recordset),
        may_edit_managed: context.may_edit_managed(),
    };
    let done = app.execute_on_zone(&context, retry.of(&[])?, command).await?;
    let body = RecordsetJson::accepted(&done.zone, of(&done)?, Action::Delete, &context.base);
    accepted(StatusCode::ACCEPTED, &body, None, done.replayed)
}

/// The recordset that an accepted command was about.
fn of(done: &ZoneDone) -> Result<&Recordset, ApiError> {
    done.recordset
        .as_deref()
        .ok_or_else(|| ApiError::internal(&"Central accepted a recordset's command without one"))
}
