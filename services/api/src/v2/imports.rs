//! `/v2/zones/tasks/imports`: master files that become zones.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_central::{ImportRights, StartImport, ids};
use zonelog_model::resource::{Body, Kind, Resource};

use super::body::{Time, accepted, href, json};
use super::collection::page;
use super::import_body;
use super::task::{self, FILTERS, SORT_KEYS};
use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::openapi::{Listed, Page, bodies, list_query, words};
use crate::path::IdPath;
use crate::policy::Target;

const KIND: Kind = Kind::ZoneImport;

list_query!(ListQuery, FILTERS, SORT_KEYS);

/// An import as the API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = Import)]
struct ImportJson<'a> {
    id: Uuid,
    #[schema(value_type = words::ImportWord)]
    status: &'static str,
    #[schema(required)]
    message: Option<&'a str>,
    #[schema(required)]
    zone_id: Option<Uuid>,
    project_id: &'a str,
    created_at: Time,
    #[schema(required)]
    updated_at: Option<Time>,
    version: i64,
    links: ImportLinks,
}

impl Listed for ImportJson<'_> {
    const KEY: &'static str = "imports";
}

/// A page of them, for its description.
type ListJson = Page<ImportJson<'static>>;

/// An import's address, and its zone's once that is there.
#[derive(Serialize, ToSchema)]
struct ImportLinks {
    #[serde(rename = "self")]
    #[schema(format = "uri")]
    own: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    zone: Option<String>,
}

impl<'a> ImportJson<'a> {
    fn shown(resource: &'a Resource, base: &str) -> Result<Self, ApiError> {
        let Body::ZoneImport(import) = &resource.body else {
            return Err(ApiError::other_kind(resource));
        };
        let id = resource.id.uuid();
        let zone = import.zone.map(zonelog_model::ZoneId::uuid);
        Ok(Self {
            id,
            status: import.status.label(),
            message: import.message.as_deref(),
            zone_id: zone,
            project_id: import.project.as_str(),
            created_at: Time(resource.created_at),
            updated_at: resource.updated_at.map(Time),
            version: resource.revision,
            links: ImportLinks {
                own: href(base, format_args!("/v2/zones/tasks/imports/{id}")),
                zone: zone.map(|zone| href(base, format_args!("/v2/zones/{zone}"))),
            },
        })
    }
}

/// `POST /v2/zones/tasks/imports`: the file is stored when this answers; the zone is made in the background.
#[utoipa::path(post, path = "/v2/zones/tasks/imports", tag = "imports", operation_id = "create_import",
    summary = "Make a zone of a master file",
    description = "The file is stored when this answers; the zone is made afterwards, and `status` and `message` say what became of it.",
    params(Retry), request_body(content((String = "text/dns"), (bodies::NewImport = "application/json"))),
    responses((status = 202, body = ImportJson, headers(("Location" = String)))))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    let own = Target::default();
    context.enforce("create_zone_import", &own)?;
    // What it read counts against the room for imports until the file is stored.
    let given = import_body::read(&app, retry, request).await?;
    let command = StartImport {
        import: ids::resource_id(),
        project: context.actor().project.clone(),
        text: given.text,
        attributes: given.attributes,
        rights: ImportRights {
            may_use_low_ttl: context.may_use_low_ttl(),
            may_use_blacklisted: context.allows("use_blacklisted_zone", &own),
            may_force_pool: context.allows("zone_create_forced_pool", &own),
        },
    };
    let done = app
        .execute_on_resource(&context, given.idempotency, command)
        .await?;
    let shown = ImportJson::shown(&done.resource, &context.base)?;
    accepted(
        StatusCode::ACCEPTED,
        &shown,
        Some(&shown.links.own),
        done.replayed,
    )
}

/// `GET /v2/zones/tasks/imports`.
#[utoipa::path(get, path = "/v2/zones/tasks/imports", tag = "imports", operation_id = "list_imports",
    summary = "List imports", params(ListQuery), responses((status = 200, body = ListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    context.enforce("find_zone_imports", &Target::default())?;
    let (found, links) = task::list(&app, &context, &uri, KIND, task::sight(&context), &FILTERS).await?;
    let items = found
        .iter()
        .map(|resource| ImportJson::shown(resource, &context.base));
    page("imports", items.collect::<Result<_, _>>()?, links)
}

/// `GET /v2/zones/tasks/imports/{import_id}`.
#[utoipa::path(get, path = "/v2/zones/tasks/imports/{import_id}", tag = "imports",
    operation_id = "show_import",
    summary = "Show an import", responses((status = 200, body = ImportJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
) -> Result<Response, ApiError> {
    let found = task::enforced(&app, &context, "get_zone_import", KIND, id).await?;
    json(StatusCode::OK, &ImportJson::shown(&found, &context.base)?)
}

/// `DELETE /v2/zones/tasks/imports/{import_id}`: the record of it; the zone stays.
#[utoipa::path(delete, path = "/v2/zones/tasks/imports/{import_id}", tag = "imports",
    operation_id = "delete_import",
    summary = "Forget an import and leave its zone", params(Retry), responses((status = 204)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    task::delete(&app, &context, retry, "delete_zone_import", KIND, id).await
}
