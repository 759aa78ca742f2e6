//! `/v2/zones/tasks/transfer_requests`: offers of zones to other projects.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_central::ids;
use zonelog_model::resource::{Body, Change, Command, Kind, Resource, TransferRequest, TransferStatus};
use zonelog_model::{ProjectId, ZoneId};
use zonelog_projections::resource::ResourceSight;

use super::allowed::enforce_on_zone;
use super::body::{Keys, SelfLink, Time, accepted, href, json};
use super::collection::{page, present};
use super::fields::Fields;
use super::task::{self, SORT_KEYS};
use crate::app::App;
use crate::auth::project_id;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::json::{Object, read_object, read_object_or_nothing};
use crate::openapi::{Conflict, Listed, Page, bodies, list_query, words};
use crate::path::{IdPath, ZonePath};
use crate::policy::Target;

const KIND: Kind = Kind::TransferRequest;
/// What offers, taken or not, can be narrowed by.
pub(super) const FILTERS: [&str; 1] = ["status"];

list_query!(ListQuery, FILTERS, SORT_KEYS);

/// The field under which the key is sealed.
const KEY: &str = "key";

const NEW: Keys = Keys {
    resource: "transfer_request",
    writable: &["description", "target_project_id"],
    fixed: &[
        "id",
        "zone_id",
        "project_id",
        "key",
        "status",
        "zone_name",
        "created_at",
        "updated_at",
        "links",
    ],
};

const PRESENT: Keys = Keys {
    resource: "transfer_request",
    writable: &["description"],
    fixed: &[
        "id",
        "zone_id",
        "project_id",
        "target_project_id",
        "key",
        "status",
        "zone_name",
        "created_at",
        "updated_at",
        "links",
    ],
};

/// An offer as the API shows it. Who is not of the owner's project sees neither the projects nor the key.
#[derive(Serialize, ToSchema)]
#[schema(as = TransferRequest)]
struct TransferRequestJson<'a> {
    id: Uuid,
    zone_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    target_project_id: Option<Option<&'a str>>,
    #[schema(required)]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[schema(value_type = words::TransferWord)]
    status: &'static str,
    zone_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    updated_at: Option<Option<Time>>,
    links: SelfLink,
}

impl Listed for TransferRequestJson<'_> {
    const KEY: &'static str = "transfer_requests";
}

/// A page of them, for its description.
type ListJson = Page<TransferRequestJson<'static>>;

impl<'a> TransferRequestJson<'a> {
    fn shown(app: &App, context: &Context, resource: &'a Resource) -> Result<Self, ApiError> {
        let offer = offer_of(resource)?;
        let own = Target::of_project(offer.project.as_str());
        let detailed = context.allows("get_zone_transfer_request_detailed", &own);
        let target = offer.target_project.as_ref().map(ProjectId::as_str);
        let id = resource.id.uuid();
        Ok(Self {
            id,
            zone_id: offer.zone.uuid(),
            project_id: detailed.then_some(offer.project.as_str()),
            target_project_id: detailed.then_some(target),
            description: offer.description.as_deref(),
            key: detailed.then(|| key_of(app, offer)).transpose()?,
            status: offer.status.label(),
            zone_name: offer.zone_name.to_string(),
            created_at: detailed.then_some(Time(resource.created_at)),
            updated_at: detailed.then_some(resource.updated_at.map(Time)),
            links: SelfLink {
                href: href(
                    &context.base,
                    format_args!("/v2/zones/tasks/transfer_requests/{id}"),
                ),
            },
        })
    }
}

/// The offer in a resource.
pub(super) fn offer_of(resource: &Resource) -> Result<&TransferRequest, ApiError> {
    match &resource.body {
        Body::TransferRequest(offer) => Ok(offer),
        _ => Err(ApiError::other_kind(resource)),
    }
}

/// The key that the acceptor must give.
pub(super) fn key_of(app: &App, offer: &TransferRequest) -> Result<String, ApiError> {
    let opened = app.central.sealer().open(KIND.label(), KEY, &offer.key);
    opened.map_err(|error| ApiError::internal(&error))
}

/// What rules may ask of an offer.
pub(super) fn offer_target(offer: &TransferRequest) -> Target<'_> {
    Target {
        zone_id: Some(offer.zone.uuid()),
        target_project_id: Some(offer.target_project.as_ref().map(ProjectId::as_str)),
        ..Target::of_project(offer.project.as_str())
    }
}

/// An offer that the caller may do this with. To whom policy does not allow it, it is there only if it is his own or was
/// made to him or to everybody.
pub(super) async fn enforced(
    app: &App,
    context: &Context,
    rule: &'static str,
    id: Uuid,
) -> Result<Resource, ApiError> {
    let found = present(app, KIND, id).await?;
    let offer = offer_of(&found)?;
    if !context.allows(rule, &offer_target(offer)) {
        let caller = &context.actor().project;
        let target = offer.target_project.as_ref();
        let concerned = *caller == offer.project || target.is_none_or(|target| target == caller);
        return Err(match concerned || context.is_for_all_projects() {
            true => ApiError::forbidden(),
            false => ApiError::resource_not_found(KIND, id),
        });
    }
    Ok(found)
}

/// `POST /v2/zones/{zone_id}/tasks/transfer_requests`.
#[utoipa::path(post, path = "/v2/zones/{zone_id}/tasks/transfer_requests", tag = "transfers",
    operation_id = "create_transfer_request",
    summary = "Offer a zone to another project", params(Retry),
    request_body = Option<bodies::NewTransferRequest>,
    responses((status = 201, body = TransferRequestJson, headers(("Location" = String))), Conflict))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    let row = enforce_on_zone(&app, &context, "create_zone_transfer_request", zone).await?;
    let row = row.ok_or_else(ApiError::zone_not_found)?;
    let (object, bytes) =
        read_object_or_nothing(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let (description, target_project) = read_new(&object)?;
    let key = app.central.sealer().seal(KIND.label(), KEY, &ids::transfer_key());
    let internal = |error: &dyn std::fmt::Display| ApiError::internal(error);
    let offer = TransferRequest {
        zone: ZoneId::new(zone),
        zone_name: zonelog_dns::ZoneName::parse(&row.name).map_err(|error| internal(&error))?,
        project: ProjectId::new(row.project).ok_or_else(|| internal(&"the zone's owner is no project id"))?,
        target_project,
        key: key.map_err(|error| internal(&error))?,
        description,
        status: TransferStatus::Active,
    };
    let command = Command::Create {
        id: ids::resource_id(),
        body: Body::TransferRequest(offer),
    };
    let done = app
        .execute_on_resource(&context, retry.of(&bytes)?, command)
        .await?;
    let shown = TransferRequestJson::shown(&app, &context, &done.resource)?;
    accepted(
        StatusCode::CREATED,
        &shown,
        Some(&shown.links.href),
        done.replayed,
    )
}

fn read_new(object: &Object) -> Result<(Option<String>, Option<ProjectId>), ApiError> {
    let fields = Fields(object);
    let description = fields.description()?;
    let target = fields.text("target_project_id", ProjectId::MAX_LENGTH)?;
    NEW.check_new(object)?;
    let target = target
        .map(|target| project_id("target_project_id", &target))
        .transpose()?;
    Ok((description, target))
}

/// `GET /v2/zones/tasks/transfer_requests`: the caller's own, and those made to him.
#[utoipa::path(get, path = "/v2/zones/tasks/transfer_requests", tag = "transfers",
    operation_id = "list_transfer_requests",
    summary = "List offers of zones", params(ListQuery), responses((status = 200, body = ListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    context.enforce("find_zone_transfer_requests", &Target::default())?;
    let sight = match context.is_for_all_projects() {
        true => ResourceSight::All,
        false => ResourceSight::ProjectOrTarget(context.actor().project.as_str()),
    };
    let (found, links) = task::list(&app, &context, &uri, KIND, sight, &FILTERS).await?;
    let items = found
        .iter()
        .map(|resource| TransferRequestJson::shown(&app, &context, resource));
    page("transfer_requests", items.collect::<Result<_, _>>()?, links)
}

/// `GET /v2/zones/tasks/transfer_requests/{transfer_request_id}`.
#[utoipa::path(get, path = "/v2/zones/tasks/transfer_requests/{transfer_request_id}", tag = "transfers",
    operation_id = "show_transfer_request",
    summary = "Show an offer", responses((status = 200, body = TransferRequestJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
) -> Result<Response, ApiError> {
    let found = enforced(&app, &context, "get_zone_transfer_request", id).await?;
    json(
        StatusCode::OK,
        &TransferRequestJson::shown(&app, &context, &found)?,
    )
}

/// `PATCH /v2/zones/tasks/transfer_requests/{transfer_request_id}`: the description.
#[utoipa::path(patch, path = "/v2/zones/tasks/transfer_requests/{transfer_request_id}", tag = "transfers",
    operation_id = "update_transfer_request",
    summary = "Change the description of an offer", params(Retry),
    request_body = bodies::TransferRequestChange, responses((status = 200, body = TransferRequestJson)))]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    let found = enforced(&app, &context, "update_zone_transfer_request", id).await?;
    let (object, bytes) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let description = Fields(&object).changed_description()?;
    let fixed = PRESENT.fixed_in(&object)?;
    if !fixed.is_empty() {
        let current = serde_json::to_value(TransferRequestJson::shown(&app, &context, &found)?);
        PRESENT.check_fixed(&fixed, &current.map_err(|error| ApiError::internal(&error))?)?;
    }
    let command = Command::Update {
        id: found.id,
        change: Change::TransferRequest { description },
    };
    let done = app
        .execute_on_resource(&context, retry.of(&bytes)?, command)
        .await?;
    let shown = TransferRequestJson::shown(&app, &context, &done.resource)?;
    accepted(StatusCode::OK, &shown, None, done.replayed)
}

/// `DELETE /v2/zones/tasks/transfer_requests/{transfer_request_id}`: takes the offer back.
#[utoipa::path(delete, path = "/v2/zones/tasks/transfer_requests/{transfer_request_id}", tag = "transfers",
    operation_id = "delete_transfer_request",
    summary = "Take an offer back", params(Retry), responses((status = 204)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    let found = enforced(&app, &context, "delete_zone_transfer_request", id).await?;
    let command = Command::Delete {
        id: found.id,
        kind: KIND,
    };
    app.execute_on_resource(&context, retry.of(&[])?, command).await?;
    Ok(super::collection::no_content())
}
