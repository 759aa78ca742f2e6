//! `/v2/zones/tasks/transfer_accepts`: offers of zones that were taken.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_central::ids;
use zonelog_model::ResourceId;
use zonelog_model::resource::{Body, Kind, Resource, TransferStatus};
use zonelog_model::transfer::AcceptTransfer;

use super::body::{Keys, Time, accepted, href, json};
use super::collection::page;
use super::fields::Fields;
use super::task::{self, SORT_KEYS};
use super::transfer_requests::{FILTERS, enforced, key_of, offer_of};
use crate::app::App;
use crate::coerce;
use crate::context::Context;
use crate::error::{ApiError, SchemaError};
use crate::idempotency::Retry;
use crate::json::{Object, read_object};
use crate::openapi::{Conflict, Listed, NotFound, OverQuota, Page, bodies, list_query, words};
use crate::path::IdPath;
use crate::policy::Target;

const KIND: Kind = Kind::TransferAccept;

list_query!(ListQuery, FILTERS, SORT_KEYS);

/// Designate's limit of the keys that it takes, in characters.
const MAX_KEY: usize = 160;

const NEW: Keys = Keys {
    resource: "transfer_accept",
    writable: &["zone_transfer_request_id", "key"],
    fixed: &[
        "id",
        "project_id",
        "status",
        "zone_id",
        "created_at",
        "updated_at",
        "links",
    ],
};

/// An acceptance as the API shows it. The key is shown once, to who gave it.
#[derive(Serialize, ToSchema)]
#[schema(as = TransferAccept)]
struct TransferAcceptJson<'a> {
    id: Uuid,
    zone_transfer_request_id: Uuid,
    project_id: &'a str,
    #[schema(required)]
    key: Option<&'a str>,
    #[schema(value_type = words::TransferWord)]
    status: &'static str,
    zone_id: Uuid,
    created_at: Time,
    #[schema(required)]
    updated_at: Option<Time>,
    links: AcceptLinks,
}

impl Listed for TransferAcceptJson<'_> {
    const KEY: &'static str = "transfer_accepts";
}

/// A page of them, for its description.
type ListJson = Page<TransferAcceptJson<'static>>;

/// An acceptance's address, and its zone's.
#[derive(Serialize, ToSchema)]
#[schema(as = TransferAcceptLinks)]
struct AcceptLinks {
    #[serde(rename = "self")]
    #[schema(format = "uri")]
    own: String,
    #[schema(format = "uri")]
    zone: String,
}

impl<'a> TransferAcceptJson<'a> {
    fn shown(resource: &'a Resource, key: Option<&'a str>, base: &str) -> Result<Self, ApiError> {
        let Body::TransferAccept(accept) = &resource.body else {
            return Err(ApiError::other_kind(resource));
        };
        let (id, zone) = (resource.id.uuid(), accept.zone.uuid());
        Ok(Self {
            id,
            zone_transfer_request_id: accept.request.uuid(),
            project_id: accept.project.as_str(),
            key,
            // There are no others: an offer and its acceptance are one change.
            status: TransferStatus::Complete.label(),
            zone_id: zone,
            created_at: Time(resource.created_at),
            updated_at: resource.updated_at.map(Time),
            links: AcceptLinks {
                own: href(base, format_args!("/v2/zones/tasks/transfer_accepts/{id}")),
                zone: href(base, format_args!("/v2/zones/{zone}")),
            },
        })
    }
}

/// `POST /v2/zones/tasks/transfer_accepts`: the zone is the caller's from now on.
#[utoipa::path(post, path = "/v2/zones/tasks/transfer_accepts", tag = "transfers",
    operation_id = "create_transfer_accept",
    summary = "Take an offered zone", params(Retry), request_body = bodies::NewTransferAccept,
    responses((status = 201, body = TransferAcceptJson, headers(("Location" = String))), NotFound, Conflict, OverQuota))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    let (object, bytes) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let (request, key) = read_new(&object)?;
    let found = enforced(&app, &context, "create_zone_transfer_accept", request).await?;
    let offer = offer_of(&found)?;
    let command = AcceptTransfer {
        request: ResourceId::new(request),
        accept: ids::resource_id(),
        zone: offer.zone,
        project: context.actor().project.clone(),
        key_fits: is_same(&key, &key_of(&app, offer)?),
    };
    let done = app.submit(&context, retry.of(&bytes)?, command.into()).await?;
    let accept = done
        .resource()
        .ok_or_else(|| ApiError::internal(&"Central answered a transfer without an acceptance"))?;
    let shown = TransferAcceptJson::shown(accept, Some(&key), &context.base)?;
    accepted(StatusCode::CREATED, &shown, Some(&shown.links.own), done.replayed)
}

/// Compares keys in a time that does not tell how much of them fits.
fn is_same(given: &str, wanted: &str) -> bool {
    let differences = given
        .bytes()
        .zip(wanted.bytes())
        .fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == wanted.len() && differences == 0
}

fn read_new(object: &Object) -> Result<(Uuid, String), ApiError> {
    let fields = Fields(object);
    let key = fields.text("key", MAX_KEY)?;
    let request = coerce::text("zone_transfer_request_id", fields.get("zone_transfer_request_id"))?;
    let request = request.map(|text| {
        Uuid::try_parse(&text).map_err(|_| {
            let text = coerce::excerpt(&text);
            ApiError::value(format_args!(
                "'{text}' is not a UUID in field 'zone_transfer_request_id'"
            ))
        })
    });
    let request = request.transpose()?;
    NEW.check_new(object)?;
    match (request, key) {
        (Some(request), Some(key)) => Ok((request, key)),
        (request, key) => {
            let missing = [
                ("zone_transfer_request_id", request.is_none()),
                ("key", key.is_none()),
            ];
            let errors = missing.into_iter().filter(|(_, missing)| *missing);
            let errors = errors.map(|(field, _)| SchemaError::required(field));
            Err(ApiError::schema(errors.collect()))
        }
    }
}

/// `GET /v2/zones/tasks/transfer_accepts`.
#[utoipa::path(get, path = "/v2/zones/tasks/transfer_accepts", tag = "transfers",
    operation_id = "list_transfer_accepts",
    summary = "List taken offers", params(ListQuery), responses((status = 200, body = ListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    context.enforce("find_zone_transfer_accepts", &Target::default())?;
    let (found, links) = task::list(&app, &context, &uri, KIND, task::sight(&context), &FILTERS).await?;
    let items = found
        .iter()
        .map(|resource| TransferAcceptJson::shown(resource, None, &context.base));
    page("transfer_accepts", items.collect::<Result<_, _>>()?, links)
}

/// `GET /v2/zones/tasks/transfer_accepts/{transfer_accept_id}`.
#[utoipa::path(get, path = "/v2/zones/tasks/transfer_accepts/{transfer_accept_id}", tag = "transfers",
    operation_id = "show_transfer_accept",
    summary = "Show a taken offer", responses((status = 200, body = TransferAcceptJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
) -> Result<Response, ApiError> {
    let found = task::enforced(&app, &context, "get_zone_transfer_accept", KIND, id).await?;
    json(
        StatusCode::OK,
        &TransferAcceptJson::shown(&found, None, &context.base)?,
    )
}
