//! `/v2/limits`: what a project may have, and how long things may be.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::json;
use super::quotas::quotas_of;
use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::MAX_LIMIT;

/// What a project may have, and how long things may be; the keys in Designate's order.
#[derive(Serialize, ToSchema)]
#[schema(as = Limits)]
struct LimitsJson {
    max_zones: i64,
    max_zone_records: i64,
    max_zone_recordsets: i64,
    max_recordset_records: i64,
    min_ttl: u32,
    max_zone_name_length: usize,
    max_recordset_name_length: usize,
    max_page_limit: i64,
}

/// `GET /v2/limits`: those of the caller's project. Everybody who may use the API may ask.
#[utoipa::path(get, path = "/v2/limits", tag = "limits", operation_id = "show_limits",
    summary = "Show what a project may have, and how long things may be",
    responses((status = 200, body = LimitsJson)))]
pub(crate) async fn show(State(app): State<Arc<App>>, context: Context) -> Result<Response, ApiError> {
    let quotas = quotas_of(&app, &context.actor().project).await?;
    let limits = app.central.limits();
    json(
        StatusCode::OK,
        &LimitsJson {
            max_zones: quotas.zones,
            max_zone_records: quotas.zone_records,
            max_zone_recordsets: quotas.zone_recordsets,
            max_recordset_records: quotas.recordset_records,
            min_ttl: limits.min_ttl.get(),
            max_zone_name_length: limits.max_zone_name_length,
            max_recordset_name_length: limits.max_recordset_name_length,
            max_page_limit: MAX_LIMIT,
        },
    )
}
