//! `/v2/blacklists`: patterns of zone names that only those may use whom policy allows it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_model::resource::{Blacklist, Body, Change, Kind, Resource};
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

/// Designate's limit of patterns, in characters.
const MAX_PATTERN: usize = 255;

struct Blacklists;

/// A blacklist as the API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = Blacklist)]
struct BlacklistJson {
    id: Uuid,
    pattern: String,
    #[schema(required)]
    description: Option<String>,
    created_at: Time,
    #[schema(required)]
    updated_at: Option<Time>,
    links: SelfLink,
}

impl Listed for BlacklistJson {
    const KEY: &'static str = "blacklists";
}

/// A page of them, for its description.
type ListJson = Page<BlacklistJson>;

impl Collection for Blacklists {
    const KIND: Kind = Kind::Blacklist;
    const NAME: &'static str = "blacklists";
    const RULES: Rules = Rules {
        find: "find_blacklists",
        get: "get_blacklist",
        create: "create_blacklist",
        update: "update_blacklist",
        delete: "delete_blacklist",
    };
    const KEYS: Keys = Keys {
        resource: "blacklist",
        writable: &["pattern", "description"],
        fixed: &["id", "created_at", "updated_at", "links"],
    };
    const FILTERS: &'static [&'static str] = &["pattern"];
    const SORT_KEYS: &'static [(&'static str, ResourceSort)] = &[
        ("created_at", ResourceSort::CreatedAt),
        ("id", ResourceSort::Id),
        ("updated_at", ResourceSort::UpdatedAt),
        ("pattern", ResourceSort::Field("pattern")),
    ];
    type Json = BlacklistJson;

    fn shown(_: &App, resource: &Resource, base: &str) -> Result<BlacklistJson, ApiError> {
        let Body::Blacklist(blacklist) = &resource.body else {
            return Err(ApiError::other_kind(resource));
        };
        Ok(BlacklistJson {
            id: resource.id.uuid(),
            pattern: blacklist.pattern.clone(),
            description: blacklist.description.clone(),
            created_at: Time(resource.created_at),
            updated_at: resource.updated_at.map(Time),
            links: self_link(base, Self::NAME, resource.id),
        })
    }

    fn read_new(_: &App, object: &Object) -> Result<Body, ApiError> {
        let fields = Fields(object);
        let description = fields.description()?;
        let pattern = fields.required_text("pattern", MAX_PATTERN)?;
        Ok(Body::Blacklist(Blacklist { pattern, description }))
    }

    fn read_change(_: &App, object: &Object, _: &Resource) -> Result<Change, ApiError> {
        let fields = Fields(object);
        Ok(Change::Blacklist {
            pattern: fields.changed_text("pattern", MAX_PATTERN)?,
            description: fields.changed_description()?,
        })
    }
}

/// `GET /v2/blacklists`.
#[utoipa::path(get, path = "/v2/blacklists", tag = "blacklists", operation_id = "list_blacklists",
    summary = "List blacklists", params(collection::ListQuery<Blacklists>),
    responses((status = 200, body = ListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    collection::list::<Blacklists>(&app, &context, &uri).await
}

/// `POST /v2/blacklists`.
#[utoipa::path(post, path = "/v2/blacklists", tag = "blacklists", operation_id = "create_blacklist",
    summary = "Make a blacklist", params(Retry), request_body = bodies::NewBlacklist,
    responses((status = 201, body = BlacklistJson, headers(("Location" = String))), Conflict))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    collection::create::<Blacklists>(&app, &context, retry, request).await
}

/// `GET /v2/blacklists/{blacklist_id}`.
#[utoipa::path(get, path = "/v2/blacklists/{blacklist_id}", tag = "blacklists",
    operation_id = "show_blacklist",
    summary = "Show a blacklist", responses((status = 200, body = BlacklistJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
) -> Result<Response, ApiError> {
    collection::show::<Blacklists>(&app, &context, id).await
}

/// `PATCH /v2/blacklists/{blacklist_id}`.
#[utoipa::path(patch, path = "/v2/blacklists/{blacklist_id}", tag = "blacklists",
    operation_id = "update_blacklist",
    summary = "Change a blacklist", params(Retry), request_body = bodies::BlacklistChange,
    responses((status = 200, body = BlacklistJson), Conflict))]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    collection::update::<Blacklists>(&app, &context, id, retry, request).await
}

/// `DELETE /v2/blacklists/{blacklist_id}`.
#[utoipa::path(delete, path = "/v2/blacklists/{blacklist_id}", tag = "blacklists",
    operation_id = "delete_blacklist",
    summary = "Delete a blacklist", params(Retry), responses((status = 204)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    collection::delete::<Blacklists>(&app, &context, id, retry).await
}
