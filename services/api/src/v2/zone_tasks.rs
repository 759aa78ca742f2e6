//! `/v2/zones/{zone_id}/tasks/abandon`, `xfr` and `pool_move`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use uuid::Uuid;
use zonelog_model::zone::{AbandonZone, MoveZone};
use zonelog_model::{PoolId, ZoneId};
use zonelog_projections::deadline;
use zonelog_store::StoreError;

use super::allowed::enforce_on_zone;
use super::collection::no_content;
use crate::app::App;
use crate::coerce;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::json::{Object, read_object_or_nothing};
use crate::openapi::bodies;
use crate::path::ZonePath;

/// `POST /v2/zones/{zone_id}/tasks/abandon`: the zone is forgotten here and stays as it is on its name servers.
#[utoipa::path(post, path = "/v2/zones/{zone_id}/tasks/abandon", tag = "zones", operation_id = "abandon_zone",
    summary = "Forget a zone and leave it on its name servers", params(Retry), responses((status = 204)))]
pub(crate) async fn abandon(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    enforce_on_zone(&app, &context, "abandon_zone", zone).await?;
    let command = AbandonZone {
        zone: ZoneId::new(zone),
    };
    app.execute_on_zone(&context, retry.of(&[])?, command).await?;
    Ok(no_content())
}

/// `POST /v2/zones/{zone_id}/tasks/xfr`: asks a secondary zone's masters for it at once.
#[utoipa::path(post, path = "/v2/zones/{zone_id}/tasks/xfr", tag = "zones", operation_id = "transfer_zone",
    summary = "Transfer a secondary zone from its masters",
    description = "Asks the zone's masters at once whether they have a newer serial. A primary zone has none: 400.",
    responses((status = 202)))]
pub(crate) async fn transfer(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
) -> Result<Response, ApiError> {
    let row = enforce_on_zone(&app, &context, "xfr_zone", zone).await?;
    let row = row.ok_or_else(ApiError::zone_not_found)?;
    if !row.kind.is_secondary() {
        return Err(ApiError::bad(
            "bad_request",
            "Can't XFR a non Secondary zone; only a SECONDARY zone is transferred from its masters",
        ));
    }
    let client = app.client().await?;
    deadline::wake(&client, deadline::Kind::SecondaryRefresh, &[zone])
        .await
        .map_err(StoreError::from)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// `POST /v2/zones/{zone_id}/tasks/pool_move`: moves the zone to the pool given, or to the one that the scheduler
/// chooses; its old pool's servers lose it.
#[utoipa::path(post, path = "/v2/zones/{zone_id}/tasks/pool_move", tag = "zones", operation_id = "move_zone",
    summary = "Move a zone to another pool", params(Retry), request_body = Option<bodies::PoolMove>,
    responses((status = 202)))]
pub(crate) async fn move_to_pool(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    enforce_on_zone(&app, &context, "pool_move_zone", zone).await?;
    let (object, bytes) =
        read_object_or_nothing(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let command = MoveZone {
        zone: ZoneId::new(zone),
        pool: pool(&object)?,
    };
    app.execute_on_zone(&context, retry.of(&bytes)?, command).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

fn pool(object: &Object) -> Result<Option<PoolId>, ApiError> {
    let unknown: Vec<&str> = object
        .keys()
        .map(String::as_str)
        .filter(|key| *key != "pool_id")
        .collect();
    if !unknown.is_empty() {
        return Err(ApiError::keys(&unknown, "pool_move"));
    }
    let given = object.get("pool_id").unwrap_or(&Value::Null);
    let Some(text) = coerce::text("pool_id", given)? else {
        return Ok(None);
    };
    match Uuid::try_parse(&text) {
        Ok(id) => Ok(Some(PoolId::new(id))),
        Err(_) => Err(ApiError::value(format_args!(
            "'{}' is not a UUID in field 'pool_id'",
            coerce::excerpt(&text)
        ))),
    }
}
