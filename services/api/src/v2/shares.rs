//! `/v2/zones/{zone_id}/shares`: with whom a zone is shared.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_central::ids;
use zonelog_model::zone::{Rejection as ZoneRejection, ShareZone, UnshareZone};
use zonelog_model::{ProjectId, ShareId, ZoneId};
use zonelog_projections::listing::{ShareRow, ShareSort, ZoneRow};

use super::allowed::{enforce_on_zone, zone_target};
use super::body::{Keys, ListLinks, Time, accepted, href, json};
use super::collection::{no_content, page};
use super::fields::Fields;
use crate::app::App;
use crate::auth::project_id;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::json::{Object, read_object};
use crate::openapi::{Conflict, Listed, OverQuota, Page, bodies, list_query};
use crate::path::{SharePath, ZonePath};
use crate::policy::Target;
use crate::query::Query;

const KEYS: Keys = Keys {
    resource: "shared_zone",
    writable: &["target_project_id"],
    fixed: &["id", "zone_id", "project_id", "created_at", "updated_at", "links"],
};

const FILTERS: [&str; 1] = ["target_project_id"];

const SORT_KEYS: [(&str, ShareSort); 2] = [
    ("created_at", ShareSort::CreatedAt),
    ("updated_at", ShareSort::CreatedAt),
];

list_query!(ListQuery, FILTERS, SORT_KEYS);

/// A share as the API shows it. It never changes, so `updated_at` is null.
#[derive(Serialize, ToSchema)]
#[schema(as = Share)]
struct ShareJson<'a> {
    id: Uuid,
    zone_id: Uuid,
    project_id: &'a str,
    target_project_id: &'a str,
    created_at: Time,
    #[schema(required)]
    updated_at: Option<Time>,
    links: ShareLinks,
}

impl Listed for ShareJson<'_> {
    const KEY: &'static str = "shared_zones";
}

/// A page of them, for its description.
type ListJson = Page<ShareJson<'static>>;

/// A share's address, and its zone's.
#[derive(Serialize, ToSchema)]
struct ShareLinks {
    #[serde(rename = "self")]
    #[schema(format = "uri")]
    own: String,
    #[schema(format = "uri")]
    zone: String,
}

impl<'a> ShareJson<'a> {
    fn shown(row: &'a ShareRow, base: &str) -> Self {
        let (id, zone) = (row.id, row.zone);
        Self {
            id,
            zone_id: zone,
            project_id: &row.project,
            target_project_id: &row.target_project,
            created_at: Time(row.created_at),
            updated_at: None,
            links: ShareLinks {
                own: href(base, format_args!("/v2/zones/{zone}/shares/{id}")),
                zone: href(base, format_args!("/v2/zones/{zone}")),
            },
        }
    }
}

/// `GET /v2/zones/{zone_id}/shares`: the owner sees all of a zone's shares, others those with themselves.
#[utoipa::path(get, path = "/v2/zones/{zone_id}/shares", tag = "shares", operation_id = "list_shares",
    summary = "List with whom a zone is shared", params(ListQuery),
    responses((status = 200, body = ListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    context.enforce("find_zone_shares", &Target::default())?;
    context.enforce("find_project_zone_share", &Target::default())?;
    let query = Query::parse(uri.query());
    let (page_request, sort) = query.page(&SORT_KEYS, &FILTERS)?;
    let client = app.client().await?;
    let row = app.listing.zone(&client, context.sight(), zone).await?;
    let row = row.ok_or_else(ApiError::zone_not_found)?;
    let filter = query.pattern("target_project_id");
    let (only, sort) = (only_for(&context, &row), sort.unwrap_or(ShareSort::CreatedAt));
    let found = app
        .listing
        .shares(&client, zone, only, filter.as_ref(), sort, &page_request)
        .await?;
    drop(client);
    let last = found.last().map(|share| share.id);
    let links = ListLinks::new(
        &context,
        uri.path(),
        &query,
        page_request.limit,
        found.len(),
        last,
    );
    let items = found.iter().map(|share| ShareJson::shown(share, &context.base));
    page("shared_zones", items.collect(), links)
}

/// `GET /v2/zones/{zone_id}/shares/{zone_share_id}`.
#[utoipa::path(get, path = "/v2/zones/{zone_id}/shares/{zone_share_id}", tag = "shares",
    operation_id = "show_share",
    summary = "Show a share", responses((status = 200, body = ShareJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    SharePath { zone, share }: SharePath,
    context: Context,
) -> Result<Response, ApiError> {
    let client = app.client().await?;
    let row = app.listing.zone(&client, context.sight(), zone).await?;
    let row = row.ok_or_else(ApiError::zone_not_found)?;
    context.enforce("get_zone_share", &zone_target(&row))?;
    let found = app.listing.share(&client, zone, share).await?;
    let only = only_for(&context, &row);
    let found = found
        .filter(|share| only.is_none_or(|project| share.target_project == project))
        .ok_or_else(|| ZoneRejection::ShareNotFound(ShareId::new(share)))
        .map_err(ApiError::from)?;
    json(StatusCode::OK, &ShareJson::shown(&found, &context.base))
}

/// `POST /v2/zones/{zone_id}/shares`.
#[utoipa::path(post, path = "/v2/zones/{zone_id}/shares", tag = "shares", operation_id = "create_share",
    summary = "Share a zone with a project", params(Retry), request_body = bodies::NewShare,
    responses((status = 201, body = ShareJson), Conflict, OverQuota))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    enforce_on_zone(&app, &context, "share_zone", zone).await?;
    let (object, bytes) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let target_project = target_project(&object)?;
    app.verify_project(&target_project).await?;
    let command = ShareZone {
        zone: ZoneId::new(zone),
        share: ids::share_id(),
        target_project,
        project: context.actor().project.clone(),
    };
    let done = app.execute_on_zone(&context, retry.of(&bytes)?, command).await?;
    let share = done
        .share
        .ok_or_else(|| ApiError::internal(&"Central shared a zone without a share"))?;
    let row = ShareRow {
        id: share.id.uuid(),
        zone,
        project: share.project.as_str().to_owned(),
        target_project: share.target_project.as_str().to_owned(),
        created_at: share.created_at,
    };
    accepted(
        StatusCode::CREATED,
        &ShareJson::shown(&row, &context.base),
        None,
        done.replayed,
    )
}

/// The project whose shares alone the caller sees, if it does not see all of them.
fn only_for<'a>(context: &'a Context, zone: &ZoneRow) -> Option<&'a str> {
    let own = context.actor().project.as_str();
    (!context.is_for_all_projects() && zone.project != own).then_some(own)
}

fn target_project(object: &Object) -> Result<ProjectId, ApiError> {
    let text = Fields(object).required_text("target_project_id", ProjectId::MAX_LENGTH)?;
    KEYS.check_new(object)?;
    project_id("target_project_id", &text)
}

/// `DELETE /v2/zones/{zone_id}/shares/{zone_share_id}`.
#[utoipa::path(delete, path = "/v2/zones/{zone_id}/shares/{zone_share_id}", tag = "shares",
    operation_id = "delete_share",
    summary = "Share a zone no more", params(Retry), responses((status = 204)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    SharePath { zone, share }: SharePath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    enforce_on_zone(&app, &context, "unshare_zone", zone).await?;
    let command = UnshareZone {
        zone: ZoneId::new(zone),
        share: ShareId::new(share),
    };
    app.execute_on_zone(&context, retry.of(&[])?, command).await?;
    Ok(no_content())
}
