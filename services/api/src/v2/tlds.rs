//! `/v2/tlds`: the domains below which zones may be made. Without one, zones may be made anywhere.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_model::resource::{Body, Change, Kind, Resource, Tld};
use zonelog_projections::resource::ResourceSort;

use super::body::{Keys, SelfLink, Time};
use super::collection::{self, Collection, Rules, self_link};
use super::fields::Fields;
use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::json::Object;
use crate::openapi::{Conflict, Listed, Page, bodies};
use crate::path::IdPath;

/// Designate's limit of names, in characters.
const MAX_NAME: usize = 255;

struct Tlds;

/// A TLD as the API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = Tld)]
struct TldJson {
    id: Uuid,
    name: String,
    #[schema(required)]
    description: Option<String>,
    created_at: Time,
    #[schema(required)]
    updated_at: Option<Time>,
    links: SelfLink,
}

impl Listed for TldJson {
    const KEY: &'static str = "tlds";
}

/// A page of them, for its description.
type ListJson = Page<TldJson>;

impl Collection for Tlds {
    const KIND: Kind = Kind::Tld;
    const NAME: &'static str = "tlds";
    const RULES: Rules = Rules {
        find: "find_tlds",
        get: "get_tld",
        create: "create_tld",
        update: "update_tld",
        delete: "delete_tld",
    };
    const KEYS: Keys = Keys {
        resource: "tld",
        writable: &["name", "description"],
        fixed: &["id", "created_at", "updated_at", "links"],
    };
    const FILTERS: &'static [&'static str] = &["name"];
    const SORT_KEYS: &'static [(&'static str, ResourceSort)] = &[
        ("created_at", ResourceSort::CreatedAt),
        ("id", ResourceSort::Id),
        ("updated_at", ResourceSort::UpdatedAt),
        ("name", ResourceSort::Field("name")),
    ];
    type Json = TldJson;

    fn shown(_: &App, resource: &Resource, base: &str) -> Result<TldJson, ApiError> {
        let Body::Tld(tld) = &resource.body else {
            return Err(ApiError::other_kind(resource));
        };
        Ok(TldJson {
            id: resource.id.uuid(),
            name: tld.name.clone(),
            description: tld.description.clone(),
            created_at: Time(resource.created_at),
            updated_at: resource.updated_at.map(Time),
            links: self_link(base, Self::NAME, resource.id),
        })
    }

    fn read_new(_: &App, object: &Object) -> Result<Body, ApiError> {
        let fields = Fields(object);
        let description = fields.description()?;
        let name = fields.required_text("name", MAX_NAME)?;
        Ok(Body::Tld(Tld { name, description }))
    }

    fn read_change(_: &App, object: &Object, _: &Resource) -> Result<Change, ApiError> {
        let fields = Fields(object);
        Ok(Change::Tld {
            name: fields.changed_text("name", MAX_NAME)?,
            description: fields.changed_description()?,
        })
    }
}

/// `GET /v2/tlds`.
#[utoipa::path(get, path = "/v2/tlds", tag = "tlds", operation_id = "list_tlds",
    summary = "List TLDs", params(collection::ListQuery<Tlds>), responses((status = 200, body = ListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    collection::list::<Tlds>(&app, &context, &uri).await
}

/// `POST /v2/tlds`.
#[utoipa::path(post, path = "/v2/tlds", tag = "tlds", operation_id = "create_tld",
    summary = "Make a TLD", params(Retry), request_body = bodies::NewTld,
    responses((status = 201, body = TldJson, headers(("Location" = String))), Conflict))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    collection::create::<Tlds>(&app, &context, retry, request).await
}

/// `GET /v2/tlds/{tld_id}`.
#[utoipa::path(get, path = "/v2/tlds/{tld_id}", tag = "tlds", operation_id = "show_tld",
    summary = "Show a TLD", responses((status = 200, body = TldJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
) -> Result<Response, ApiError> {
    collection::show::<Tlds>(&app, &context, id).await
}

/// `PATCH /v2/tlds/{tld_id}`.
#[utoipa::path(patch, path = "/v2/tlds/{tld_id}", tag = "tlds", operation_id = "update_tld",
    summary = "Change a TLD", params(Retry), request_body = bodies::TldChange,
    responses((status = 200, body = TldJson), Conflict))]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    collection::update::<Tlds>(&app, &context, id, retry, request).await
}

/// `DELETE /v2/tlds/{tld_id}`.
#[utoipa::path(delete, path = "/v2/tlds/{tld_id}", tag = "tlds", operation_id = "delete_tld",
    summary = "Delete a TLD", params(Retry), responses((status = 204)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    collection::delete::<Tlds>(&app, &context, id, retry).await
}
