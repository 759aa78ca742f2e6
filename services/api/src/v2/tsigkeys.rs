//! `/v2/tsigkeys`: keys of transaction signatures (RFC 8945). Secrets are sealed before they leave this file, and opened
//! only to be shown to those whom policy lets see keys.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use data_encoding::BASE64;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_model::resource::{Body, Change, Kind, Resource, Sealed, TsigAlgorithm, TsigKey, TsigScope};
use zonelog_model::zone::Patch;
use zonelog_projections::resource::ResourceSort;

use super::body::{Keys, SelfLink, Time};
use super::collection::{self, Collection, Rules, self_link};
use super::fields::{Fields, word};
use crate::app::App;
use crate::coerce;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::json::Object;
use crate::openapi::{Conflict, Listed, NotFound, Page, bodies, words};
use crate::path::IdPath;

/// Designate's limit of names and secrets, in characters.
const MAX_TEXT: usize = 160;

struct TsigKeys;

/// A key as the API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = TsigKey)]
struct TsigKeyJson {
    id: Uuid,
    name: String,
    #[schema(value_type = words::Algorithm)]
    algorithm: &'static str,
    secret: String,
    #[schema(value_type = words::KeyScope)]
    scope: &'static str,
    resource_id: Uuid,
    created_at: Time,
    #[schema(required)]
    updated_at: Option<Time>,
    links: SelfLink,
}

impl Listed for TsigKeyJson {
    const KEY: &'static str = "tsigkeys";
}

/// A page of them, for its description.
type ListJson = Page<TsigKeyJson>;

impl fmt::Debug for TsigKeyJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TsigKeyJson")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Collection for TsigKeys {
    const KIND: Kind = Kind::TsigKey;
    const NAME: &'static str = "tsigkeys";
    const RULES: Rules = Rules {
        find: "find_tsigkeys",
        get: "get_tsigkey",
        create: "create_tsigkey",
        update: "update_tsigkey",
        delete: "delete_tsigkey",
    };
    const KEYS: Keys = Keys {
        resource: "tsigkey",
        writable: &["name", "algorithm", "secret", "scope", "resource_id"],
        fixed: &["id", "created_at", "updated_at", "links"],
    };
    const FILTERS: &'static [&'static str] = &["name", "algorithm", "scope"];
    const SORT_KEYS: &'static [(&'static str, ResourceSort)] = &[
        ("created_at", ResourceSort::CreatedAt),
        ("id", ResourceSort::Id),
        ("updated_at", ResourceSort::UpdatedAt),
        ("name", ResourceSort::Field("name")),
    ];
    type Json = TsigKeyJson;

    fn shown(app: &App, resource: &Resource, base: &str) -> Result<TsigKeyJson, ApiError> {
        let Body::TsigKey(key) = &resource.body else {
            return Err(ApiError::other_kind(resource));
        };
        Ok(TsigKeyJson {
            id: resource.id.uuid(),
            name: key.name.clone(),
            algorithm: key.algorithm.label(),
            secret: opened(app, key)?,
            scope: key.scope.label(),
            resource_id: key.resource,
            created_at: Time(resource.created_at),
            updated_at: resource.updated_at.map(Time),
            links: self_link(base, Self::NAME, resource.id),
        })
    }

    fn read_new(app: &App, object: &Object) -> Result<Body, ApiError> {
        let fields = Fields(object);
        let name = fields.required_text("name", MAX_TEXT)?;
        let algorithm = word(
            &fields.required_text("algorithm", MAX_TEXT)?,
            TsigAlgorithm::from_label,
        )?;
        let secret = secret(app, &fields.required_text("secret", MAX_TEXT)?)?;
        let scope = word(&fields.required_text("scope", MAX_TEXT)?, TsigScope::from_label)?;
        let resource = resource_id(&fields.required_text("resource_id", MAX_TEXT)?)?;
        Ok(Body::TsigKey(TsigKey {
            name,
            algorithm,
            secret,
            scope,
            resource,
        }))
    }

    fn read_change(app: &App, object: &Object, present: &Resource) -> Result<Change, ApiError> {
        let Body::TsigKey(key) = &present.body else {
            return Err(ApiError::other_kind(present));
        };
        let fields = Fields(object);
        let changed = |field| fields.changed_text(field, MAX_TEXT);
        Ok(Change::TsigKey {
            name: changed("name")?,
            algorithm: read(changed("algorithm")?, |text| {
                word(text, TsigAlgorithm::from_label)
            })?,
            secret: read(changed("secret")?, |text| match opened(app, key)? {
                // The same secret is not sealed anew, which would look like a change.
                same if same == text => Ok(key.secret.clone()),
                _ => secret(app, text),
            })?,
            scope: read(changed("scope")?, |text| word(text, TsigScope::from_label))?,
            resource: read(changed("resource_id")?, resource_id)?,
        })
    }
}

fn read<T>(patch: Patch<String>, read: impl Fn(&str) -> Result<T, ApiError>) -> Result<Patch<T>, ApiError> {
    match patch {
        Patch::Keep => Ok(Patch::Keep),
        Patch::Set(text) => read(&text).map(Patch::Set),
    }
}

/// The secret in clear.
fn opened(app: &App, key: &TsigKey) -> Result<String, ApiError> {
    let secret = app
        .central
        .sealer()
        .open(Kind::TsigKey.label(), "secret", &key.secret);
    secret.map_err(|error| ApiError::internal(&error))
}

/// Seals a secret. It must be base64, as every DNS server takes it; an error never repeats it.
fn secret(app: &App, text: &str) -> Result<Sealed, ApiError> {
    if BASE64.decode(text.as_bytes()).is_err() {
        return Err(ApiError::value(
            "The field 'secret' must be base64, with its padding, as tsig-keygen gives it",
        ));
    }
    let sealed = app.central.sealer().seal(Kind::TsigKey.label(), "secret", text);
    sealed.map_err(|error| ApiError::internal(&error))
}

fn resource_id(text: &str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text).map_err(|_| {
        ApiError::value(format_args!(
            "The field 'resource_id' must be the UUID of a pool or a zone, not '{}'",
            coerce::excerpt(text)
        ))
    })
}

/// `GET /v2/tsigkeys`.
#[utoipa::path(get, path = "/v2/tsigkeys", tag = "tsigkeys", operation_id = "list_tsigkeys",
    summary = "List TSIG keys", params(collection::ListQuery<TsigKeys>),
    responses((status = 200, body = ListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    collection::list::<TsigKeys>(&app, &context, &uri).await
}

/// `POST /v2/tsigkeys`.
#[utoipa::path(post, path = "/v2/tsigkeys", tag = "tsigkeys", operation_id = "create_tsigkey",
    summary = "Make a TSIG key", params(Retry), request_body = bodies::NewTsigKey,
    responses((status = 201, body = TsigKeyJson, headers(("Location" = String))), Conflict, NotFound))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    collection::create::<TsigKeys>(&app, &context, retry, request).await
}

/// `GET /v2/tsigkeys/{tsigkey_id}`.
#[utoipa::path(get, path = "/v2/tsigkeys/{tsigkey_id}", tag = "tsigkeys", operation_id = "show_tsigkey",
    summary = "Show a TSIG key", responses((status = 200, body = TsigKeyJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
) -> Result<Response, ApiError> {
    collection::show::<TsigKeys>(&app, &context, id).await
}

/// `PATCH /v2/tsigkeys/{tsigkey_id}`.
#[utoipa::path(patch, path = "/v2/tsigkeys/{tsigkey_id}", tag = "tsigkeys", operation_id = "update_tsigkey",
    summary = "Change a TSIG key", params(Retry), request_body = bodies::TsigKeyChange,
    responses((status = 200, body = TsigKeyJson), Conflict))]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    collection::update::<TsigKeys>(&app, &context, id, retry, request).await
}

/// `DELETE /v2/tsigkeys/{tsigkey_id}`.
#[utoipa::path(delete, path = "/v2/tsigkeys/{tsigkey_id}", tag = "tsigkeys", operation_id = "delete_tsigkey",
    summary = "Delete a TSIG key", params(Retry), responses((status = 204)))]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    IdPath(id): IdPath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    collection::delete::<TsigKeys>(&app, &context, id, retry).await
}
