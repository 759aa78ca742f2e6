//! `/v2/zones/{zone_id}/tasks/export` and `/v2/zones/tasks/exports`: zones as master files. An export shows the zone at the
//! serial that it had when it was asked for, whenever it is fetched.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_central::ids;
use zonelog_dns::LongSerial;
use zonelog_model::ZoneId;
use zonelog_model::resource::{Body, Command, ExportStatus, Kind, Resource, ZoneExport};

use super::allowed::enforce_on_zone;
use super::body::{Time, accepted, href, json};
use super::collection::page;
use super::export_text::export_text;
use super::task::{self, FILTERS, SORT_KEYS};
use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::openapi::{Listed, OverQuota, Page, list_query, words};
use crate::path::{IdPath, ZonePath};

const KIND: Kind = Kind::ZoneExport;

list_query!(ListQuery, FILTERS, SORT_KEYS);

/// An export as the API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = Export)]
struct ExportJson<'a> {
    id: Uuid,
    #[schema(value_type = words::ExportWord)]
    status: &'static str,
    #[schema(required)]
    message: Option<&'a str>,
    location: String,
    zone_id: Uuid,
    project_id: &'a str,
    created_at: Time,
    #[schema(required)]
    updated_at: Option<Time>,
    version: i64,
    links: ExportLinks,
}

impl Listed for ExportJson<'_> {
    const KEY: &'static str = "exports";
}

/// A page of them, for its description.
type ListJson = Page<ExportJson<'static>>;

/// An export's address, and its text's.
#[derive(Serialize, ToSchema)]
struct ExportLinks {
    #[serde(rename = "self")]
    #[schema(format = "uri")]
    own: String,
    #[schema(format = "uri")]
    export: String,
}

impl<'a> ExportJson<'a> {
    fn shown(resource: &'a Resource, base: &str) -> Result<Self, ApiError> {
        let export = export_of(resource)?;
        let id = resource.id.uuid();
        Ok(Self {
            id,
            status: export.status.label(),
            message: export.message.as_deref(),
            location: format!("designate://v2/zones/tasks/exports/{id}/export"),
            zone_id: export.zone.uuid(),
            project_id: export.project.as_str(),
            created_at: Time(resource.created_at),
            updated_at: resource.updated_at.map(Time),
            version: resource.revision,
            links: ExportLinks {
                own: href(base, format_args!("/v2/zones/tasks/exports/{id}")),
                export: href(base, format_args!("/v2/zones/tasks/exports/{id}/export")),
            },
        })
    }
}

fn export_of(resource: &Resource) -> Result<&ZoneExport, ApiError> {
    match &resource.body {
        Body::ZoneExport(export) => Ok(export),
        _ => Err(ApiError::other_kind(resource)),
    }
}

/// `POST /v2/zones/{zone_id}/tasks/export`: refused at once for a zone with more recordsets than the quota allows.
#[utoipa::path(post, path = "/v2/zones/{zone_id}/tasks/export", tag = "exports",
    operation_id = "create_export",
    summary = "Export a zone at its present serial", params(Retry),
    responses((status = 202, body = ExportJson, headers(("Location" = String))), OverQuota))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    let row = enforce_on_zone(&app, &context, "create_zone_export", zone).await?;
    let row = row.ok_or_else(ApiError::zone_not_found)?;
    let project = context.actor().project.clone();
    let export = ZoneExport {
        project,
        zone: ZoneId::new(zone),
        serial: LongSerial::from_i64(row.serial),
        // Nothing is to be prepared: the text is made from the serial's rows when it is fetched.
        status: ExportStatus::Complete,
        message: None,
    };
    let command = Command::Create {
        id: ids::resource_id(),
        body: Body::ZoneExport(export),
    };
    let done = app.execute_on_resource(&context, retry.of(&[])?, command).await?;
    let shown = ExportJson::shown(&done.resource, &context.base)?;
    accepted(
        StatusCode::ACCEPTED,
        &shown,
        Some(&shown.links.own),
        done.replayed,
    )
}

/// `GET /v2/zones/tasks/exports`.
#[utoipa::path(get, path = "/v2/zones/tasks/exports", tag = "exports", operation_id = "list_exports",
    summary = "List exports", params(ListQuery), responses((status = 200, body = ListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    context.enforce("find_zone_exports", &crate::policy::Target::default())?;
    let (found, links) = task::list(&app, &context, &uri, KIND, task::sight(&context), &FILTERS).await?;
    let items = found
        .iter()
        .map(|resource| ExportJson::shown(resource, &context.base));
    page("exports", items.collect::<Result<_, _>>()?, links)
}

/// `GET /v2/zones/tasks/exports/{export_id}`.
#[utoipa::path(get, path = "/v2/zones/tasks/exports/{export_id}", tag = "exports",
    operation_id = "show_export",
    summary = "Show an export", responses((status = 200, body = ExportJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
) -> Result<Response, ApiError> {
    let found = task::enforced(&app, &context, "get_zone_export", KIND, id).await?;
    json(StatusCode::OK, &ExportJson::shown(&found, &context.base)?)
}

/// `DELETE /v2/zones/tasks/exports/{export_id}`.
#[utoipa::path(delete, path = "/v2/zones/tasks/exports/{export_id}", tag = "exports",
    operation_id = "delete_export",
    summary = "Forget an export", params(Retry), responses((status = 204)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    task::delete(&app, &context, retry, "delete_zone_export", KIND, id).await
}

/// `GET /v2/zones/tasks/exports/{export_id}/export`: the master file.
#[utoipa::path(get, path = "/v2/zones/tasks/exports/{export_id}/export", tag = "exports",
    operation_id = "fetch_export",
    summary = "Fetch an export as a master file",
    responses((status = 200, body = String, content_type = "text/dns"), (status = 406, description = "The request's `Accept` leaves out `text/dns`.", body = NotAcceptable)))]
pub(crate) async fn text(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !takes_master_file(&headers) {
        return not_acceptable();
    }
    let found = task::enforced(&app, &context, "zone_export", KIND, id).await?;
    let export = export_of(&found)?;
    render(&app, export.zone, export.serial).await
}

/// A zone at a serial as the answer to a request: its master file, streamed.
pub(crate) async fn render(app: &Arc<App>, zone: ZoneId, serial: LongSerial) -> Result<Response, ApiError> {
    let text = export_text(app, zone, serial).await?;
    let mut response = Response::new(text);
    let media = HeaderValue::from_static("text/dns; charset=UTF-8");
    response.headers_mut().insert(CONTENT_TYPE, media);
    Ok(response)
}

/// Whether the request takes `text/dns`.
fn takes_master_file(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(ACCEPT).iter().peekable();
    let ours = |range: &str| {
        let media = range.split(';').next().unwrap_or_default().trim();
        ["text/dns", "text/*", "*/*", ""]
            .iter()
            .any(|ours| ours.eq_ignore_ascii_case(media))
    };
    given.peek().is_none()
        || given
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(ours))
}

/// The body of a 406.
#[derive(Serialize, ToSchema)]
struct NotAcceptable {
    code: u16,
    title: &'static str,
    #[schema(required)]
    description: Option<&'static str>,
}

/// 406 in the shape that Designate's framework gives it here.
fn not_acceptable() -> Result<Response, ApiError> {
    json(
        StatusCode::NOT_ACCEPTABLE,
        &NotAcceptable {
            code: 406,
            title: "Not Acceptable",
            description: None,
        },
    )
}
