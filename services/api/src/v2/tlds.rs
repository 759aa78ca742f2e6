//! `/v2/tlds`: the domains below which zones may be made. Without one, zones may be made anywhere.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;
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
use crate::path::IdPath;

/// Designate's limit of names, in characters.
const MAX_NAME: usize = 255;

struct Tlds;

/// A TLD as the API shows it.
#[derive(Serialize)]
struct TldJson {
    id: Uuid,
    name: String,
    description: Option<String>,
    created_at: Time,
    updated_at: Option<Time>,
    links: SelfLink,
}

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
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    collection::list::<Tlds>(&app, &context, &uri).await
}

/// `POST /v2/tlds`.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    collection::create::<Tlds>(&app, &context, retry, request).await
}

/// `GET /v2/tlds/{tld_id}`.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
) -> Result<Response, ApiError> {
    collection::show::<Tlds>(&app, &context, id).await
}

/// `PATCH /v2/tlds/{tld_id}`.
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
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    collection::delete::<Tlds>(&app, &context, id, retry).await
}
