//! `/v2/pools`: the pools of DNS servers, as far as the API shows them: their name, attributes and NS records. Servers
//! and targets are kept with `zonelog pool update`, and stay as they are when a pool is changed here.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_dns::Name;
use zonelog_model::ProjectId;
use zonelog_model::resource::{Body, Change, Kind, NsRecord, Pool, Resource};
use zonelog_model::zone::Patch;
use zonelog_projections::resource::ResourceSort;

use super::body::{Keys, SelfLink, Time};
use super::collection::{self, Collection, Rules, self_link};
use super::fields::{Fields, attributes, not_null};
use crate::app::App;
use crate::auth::project_id;
use crate::coerce;
use crate::context::Context;
use crate::error::{ApiError, SchemaError};
use crate::idempotency::Retry;
use crate::json::Object;
use crate::openapi::{Conflict, Listed, Page, bodies};
use crate::path::IdPath;

/// Designate's limit of names, in characters.
const MAX_NAME: usize = 50;
/// The longest name of a server, in characters.
const MAX_HOSTNAME: usize = 255;

struct Pools;

/// A pool as the API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = Pool)]
struct PoolJson {
    id: Uuid,
    #[schema(required)]
    project_id: Option<String>,
    name: String,
    #[schema(required)]
    description: Option<String>,
    attributes: BTreeMap<String, String>,
    ns_records: Vec<NsRecordJson>,
    created_at: Time,
    #[schema(required)]
    updated_at: Option<Time>,
    links: SelfLink,
}

impl Listed for PoolJson {
    const KEY: &'static str = "pools";
}

/// A page of them, for its description.
type ListJson = Page<PoolJson>;

/// An NS record of a pool.
#[derive(Serialize, ToSchema)]
#[schema(as = NsRecord)]
struct NsRecordJson {
    priority: u16,
    hostname: String,
}

impl Collection for Pools {
    const KIND: Kind = Kind::Pool;
    const NAME: &'static str = "pools";
    const RULES: Rules = Rules {
        find: "find_pools",
        get: "get_pool",
        create: "create_pool",
        update: "update_pool",
        delete: "delete_pool",
    };
    const KEYS: Keys = Keys {
        resource: "pool",
        writable: &["name", "description", "attributes", "ns_records"],
        fixed: &["id", "project_id", "created_at", "updated_at", "links"],
    };
    const NEW_KEYS: Keys = Keys {
        resource: "pool",
        writable: &["project_id", "name", "description", "attributes", "ns_records"],
        fixed: &["id", "created_at", "updated_at", "links"],
    };
    const FILTERS: &'static [&'static str] = &["name"];
    const SORT_KEYS: &'static [(&'static str, ResourceSort)] = &[
        ("created_at", ResourceSort::CreatedAt),
        ("id", ResourceSort::Id),
        ("updated_at", ResourceSort::UpdatedAt),
        ("name", ResourceSort::Field("name")),
    ];
    const CHANGED: StatusCode = StatusCode::ACCEPTED;
    type Json = PoolJson;

    fn shown(_: &App, resource: &Resource, base: &str) -> Result<PoolJson, ApiError> {
        let Body::Pool(pool) = &resource.body else {
            return Err(ApiError::other_kind(resource));
        };
        let ns_records = pool.ns_records.iter().map(|record| NsRecordJson {
            priority: record.priority,
            hostname: record.hostname.to_string(),
        });
        Ok(PoolJson {
            id: resource.id.uuid(),
            project_id: pool.project.as_ref().map(|project| project.as_str().to_owned()),
            name: pool.name.clone(),
            description: pool.description.clone(),
            attributes: pool.attributes.clone(),
            ns_records: ns_records.collect(),
            created_at: Time(resource.created_at),
            updated_at: resource.updated_at.map(Time),
            links: self_link(base, Self::NAME, resource.id),
        })
    }

    fn read_new(_: &App, object: &Object) -> Result<Body, ApiError> {
        let fields = Fields(object);
        let name = fields.required_text("name", MAX_NAME)?;
        let project = fields.text("project_id", ProjectId::MAX_LENGTH)?;
        Ok(Body::Pool(Box::new(Pool {
            name,
            description: fields.description()?,
            project: project
                .map(|project| project_id("project_id", &project))
                .transpose()?,
            attributes: attributes(fields.get("attributes"))?,
            ns_records: ns_records(fields.get("ns_records"))?,
            nameservers: Vec::new(),
            targets: Vec::new(),
            also_notifies: Vec::new(),
            catalog_zone: None,
        })))
    }

    fn read_change(_: &App, object: &Object, present: &Resource) -> Result<Change, ApiError> {
        let Body::Pool(pool) = &present.body else {
            return Err(ApiError::other_kind(present));
        };
        let mut pool = pool.clone();
        let fields = Fields(object);
        if let Patch::Set(name) = fields.changed_text("name", MAX_NAME)? {
            pool.name = name;
        }
        if let Patch::Set(description) = fields.changed_description()? {
            pool.description = description;
        }
        if object.contains_key("attributes") {
            pool.attributes = attributes(fields.get("attributes"))?;
        }
        if object.contains_key("ns_records") {
            pool.ns_records = ns_records(fields.get("ns_records"))?;
        }
        Ok(Change::Pool(pool))
    }
}

/// Reads `[{"hostname": "ns1.example.org.", "priority": 1}]`, and says of each bad one what is wrong.
fn ns_records(value: &Value) -> Result<Vec<NsRecord>, ApiError> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        other => {
            return Err(ApiError::value(format_args!(
                "A list is required in field ns_records, not a {}",
                coerce::kind_of(other)
            )));
        }
    };
    let mut records = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let Value::Object(object) = item else {
            return Err(ApiError::schema(vec![SchemaError::new(
                ["ns_records".into(), index.into()],
                "type",
                "object",
                format!("{item} is not of type 'object'"),
            )]));
        };
        let unknown: Vec<&str> = object
            .keys()
            .map(String::as_str)
            .filter(|key| !["hostname", "priority"].contains(key))
            .collect();
        if !unknown.is_empty() {
            return Err(ApiError::keys(&unknown, "ns_record"));
        }
        let fields = Fields(object);
        let hostname = fields.required_text("hostname", MAX_HOSTNAME)?;
        let hostname = Name::parse(&hostname).map_err(|error| {
            ApiError::value(format_args!(
                "Host name {} is invalid: {error}",
                coerce::excerpt(&hostname)
            ))
        })?;
        let priority = coerce::integer_within("priority", fields.get("priority"), 1..=10_000)?;
        let priority = priority.ok_or_else(|| not_null("priority"))?;
        records.push(NsRecord {
            hostname,
            // Within 1 to 10000.
            priority: priority as u16,
        });
    }
    Ok(records)
}

/// `GET /v2/pools`.
#[utoipa::path(get, path = "/v2/pools", tag = "pools", operation_id = "list_pools",
    summary = "List pools", params(collection::ListQuery<Pools>),
    responses((status = 200, body = ListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    collection::list::<Pools>(&app, &context, &uri).await
}

/// `POST /v2/pools`.
#[utoipa::path(post, path = "/v2/pools", tag = "pools", operation_id = "create_pool",
    summary = "Make a pool", params(Retry), request_body = bodies::NewPool,
    responses((status = 201, body = PoolJson, headers(("Location" = String))), Conflict))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    collection::create::<Pools>(&app, &context, retry, request).await
}

/// `GET /v2/pools/{pool_id}`.
#[utoipa::path(get, path = "/v2/pools/{pool_id}", tag = "pools", operation_id = "show_pool",
    summary = "Show a pool", responses((status = 200, body = PoolJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
) -> Result<Response, ApiError> {
    collection::show::<Pools>(&app, &context, id).await
}

/// `PATCH /v2/pools/{pool_id}`.
#[utoipa::path(patch, path = "/v2/pools/{pool_id}", tag = "pools", operation_id = "update_pool",
    summary = "Change a pool", params(Retry), request_body = bodies::PoolChange,
    responses((status = 202, body = PoolJson), Conflict))]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    collection::update::<Pools>(&app, &context, id, retry, request).await
}

/// `DELETE /v2/pools/{pool_id}`.
#[utoipa::path(delete, path = "/v2/pools/{pool_id}", tag = "pools", operation_id = "delete_pool",
    summary = "Delete a pool", params(Retry), responses((status = 204)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    collection::delete::<Pools>(&app, &context, id, retry).await
}
