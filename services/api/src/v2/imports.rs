//! `/v2/zones/tasks/imports`: master files that become zones.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use uuid::Uuid;
use zonelog_central::{ImportRights, StartImport, ids};
use zonelog_model::resource::{Body, Kind, Resource};

use super::body::{Time, accepted, href, json};
use super::collection::page;
use super::import_body;
use super::task::{self, FILTERS};
use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::path::IdPath;
use crate::policy::Target;

const KIND: Kind = Kind::ZoneImport;

/// An import as the API shows it.
#[derive(Serialize)]
struct ImportJson<'a> {
    id: Uuid,
    status: &'static str,
    message: Option<&'a str>,
    zone_id: Option<Uuid>,
    project_id: &'a str,
    created_at: Time,
    updated_at: Option<Time>,
    version: i64,
    links: ImportLinks,
}

/// An import's address, and its zone's once that is there.
#[derive(Serialize)]
struct ImportLinks {
    #[serde(rename = "self")]
    own: String,
    #[serde(skip_serializing_if = "Option::is_none")]
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
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
) -> Result<Response, ApiError> {
    let found = task::enforced(&app, &context, "get_zone_import", KIND, id).await?;
    json(StatusCode::OK, &ImportJson::shown(&found, &context.base)?)
}

/// `DELETE /v2/zones/tasks/imports/{import_id}`: the record of it; the zone stays.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    task::delete(&app, &context, retry, "delete_zone_import", KIND, id).await
}
