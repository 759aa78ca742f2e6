//! What small resources have in common: one way to list, show, make, change and delete them.
//!
//! A [`Collection`] says what its resources are called, who may touch them, which fields they have and how they are
//! shown; the handlers here do the rest. Each resource has its own short functions for the router, so that each path has
//! its own description.

use std::marker::PhantomData;

use axum::body::Body as HttpBody;
use axum::extract::Request;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use uuid::Uuid;
use zonelog_central::ids;
use zonelog_model::ResourceId;
use zonelog_model::resource::{Body, Change, Command, Kind, Resource};
use zonelog_projections::resource::{self, ResourceList, ResourceSight, ResourceSort};

use super::body::{Keys, ListLinks, SelfLink, accepted, href, json};
use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::json::{Object, read_object};
use crate::openapi::ListParameters;
use crate::policy::Target;
use crate::query::Query;

/// The rules of policy that guard a collection.
pub(super) struct Rules {
    pub(super) find: &'static str,
    pub(super) get: &'static str,
    pub(super) create: &'static str,
    pub(super) update: &'static str,
    pub(super) delete: &'static str,
}

/// Resources of one kind that the installation's administrators keep.
pub(super) trait Collection {
    /// What it holds.
    const KIND: Kind;
    /// Its path below `/v2`, and the key of its list.
    const NAME: &'static str;
    /// Who may do what.
    const RULES: Rules;
    /// The keys of a present resource.
    const KEYS: Keys;
    /// The keys of a new one.
    const NEW_KEYS: Keys = Self::KEYS;
    /// What lists can be narrowed by.
    const FILTERS: &'static [&'static str];
    /// What lists can be ordered by.
    const SORT_KEYS: &'static [(&'static str, ResourceSort)];
    /// The answer's status after a change.
    const CHANGED: StatusCode = StatusCode::OK;
    /// One of them as the API shows it.
    type Json: Serialize;

    /// Shows one.
    fn shown(app: &App, resource: &Resource, base: &str) -> Result<Self::Json, ApiError>;

    /// Reads the body of a POST.
    fn read_new(app: &App, object: &Object) -> Result<Body, ApiError>;

    /// Reads the body of a PATCH. `present` is the resource as it is now.
    fn read_change(app: &App, object: &Object, present: &Resource) -> Result<Change, ApiError>;
}

/// A list, with the key that its collection has.
struct ListJson<T> {
    name: &'static str,
    items: Vec<T>,
    links: ListLinks,
}

impl<T: Serialize> Serialize for ListJson<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(self.name, &self.items)?;
        map.serialize_entry("links", &self.links)?;
        map.end()
    }
}

/// The query of a collection's list, for its description.
pub(super) struct ListQuery<C>(PhantomData<C>);

impl<C: Collection> ListParameters for ListQuery<C> {
    fn filters() -> Vec<&'static str> {
        C::FILTERS.to_vec()
    }

    fn sort_keys() -> Vec<&'static str> {
        C::SORT_KEYS.iter().map(|(name, _)| *name).collect()
    }
}

impl<C: Collection> IntoParams for ListQuery<C> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        <Self as ListParameters>::parameters()
    }
}

/// A page of a list that has no count.
pub(super) fn page<T: Serialize>(
    name: &'static str,
    items: Vec<T>,
    links: ListLinks,
) -> Result<Response, ApiError> {
    json(StatusCode::OK, &ListJson { name, items, links })
}

/// `GET /v2/<collection>`.
pub(super) async fn list<C: Collection>(
    app: &App,
    context: &Context,
    uri: &Uri,
) -> Result<Response, ApiError> {
    context.enforce(C::RULES.find, &Target::default())?;
    let query = Query::parse(uri.query());
    let (page_request, sort) = query.page(C::SORT_KEYS, C::FILTERS)?;
    let wanted = ResourceList {
        kind: C::KIND,
        sight: ResourceSight::All,
        filters: query.patterns(C::FILTERS),
        sort: sort.unwrap_or(ResourceSort::CreatedAt),
        page: page_request,
    };
    let client = app.client().await?;
    let found = resource::list(&client, &wanted).await?;
    drop(client);
    let last = found.last().map(|resource| resource.id.uuid());
    let links = ListLinks::new(context, uri.path(), &query, page_request.limit, found.len(), last);
    let items = found
        .iter()
        .map(|resource| C::shown(app, resource, &context.base));
    page(C::NAME, items.collect::<Result<_, _>>()?, links)
}

/// `GET /v2/<collection>/{id}`.
pub(super) async fn show<C: Collection>(
    app: &App,
    context: &Context,
    id: Uuid,
) -> Result<Response, ApiError> {
    context.enforce(C::RULES.get, &Target::default())?;
    let resource = present(app, C::KIND, id).await?;
    json(StatusCode::OK, &C::shown(app, &resource, &context.base)?)
}

/// `POST /v2/<collection>`.
pub(super) async fn create<C: Collection>(
    app: &App,
    context: &Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    context.enforce(C::RULES.create, &Target::default())?;
    let (object, bytes) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let body = C::read_new(app, &object)?;
    C::NEW_KEYS.check_new(&object)?;
    let command = Command::Create {
        id: ids::resource_id(),
        body,
    };
    let done = app
        .execute_on_resource(context, retry.of(&bytes)?, command)
        .await?;
    let location = location(&context.base, C::NAME, done.resource.id);
    accepted(
        StatusCode::CREATED,
        &C::shown(app, &done.resource, &context.base)?,
        Some(&location),
        done.replayed,
    )
}

/// `PATCH /v2/<collection>/{id}`.
pub(super) async fn update<C: Collection>(
    app: &App,
    context: &Context,
    id: Uuid,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    context.enforce(C::RULES.update, &Target::default())?;
    let (object, bytes) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let present = present(app, C::KIND, id).await?;
    let change = C::read_change(app, &object, &present)?;
    let fixed = C::KEYS.fixed_in(&object)?;
    if !fixed.is_empty() {
        let current = serde_json::to_value(C::shown(app, &present, &context.base)?);
        C::KEYS.check_fixed(&fixed, &current.map_err(|error| ApiError::internal(&error))?)?;
    }
    let command = Command::Update {
        id: present.id,
        change,
    };
    let done = app
        .execute_on_resource(context, retry.of(&bytes)?, command)
        .await?;
    accepted(
        C::CHANGED,
        &C::shown(app, &done.resource, &context.base)?,
        None,
        done.replayed,
    )
}

/// `DELETE /v2/<collection>/{id}`.
pub(super) async fn delete<C: Collection>(
    app: &App,
    context: &Context,
    id: Uuid,
    retry: Retry,
) -> Result<Response, ApiError> {
    context.enforce(C::RULES.delete, &Target::default())?;
    let command = Command::Delete {
        id: ResourceId::new(id),
        kind: C::KIND,
    };
    app.execute_on_resource(context, retry.of(&[])?, command).await?;
    Ok(no_content())
}

/// 204.
pub(crate) fn no_content() -> Response {
    let mut response = Response::new(HttpBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A resource that must be there. Whether the caller may see it is the caller's affair.
pub(super) async fn present(app: &App, kind: Kind, id: Uuid) -> Result<Resource, ApiError> {
    let client = app.client().await?;
    let found = resource::find(&client, kind, id).await?;
    found.ok_or_else(|| ApiError::resource_not_found(kind, id))
}

/// `links` of a resource.
pub(super) fn self_link(base: &str, collection: &str, id: ResourceId) -> SelfLink {
    SelfLink {
        href: location(base, collection, id),
    }
}

fn location(base: &str, collection: &str, id: ResourceId) -> String {
    href(base, format_args!("/v2/{collection}/{}", id.uuid()))
}
