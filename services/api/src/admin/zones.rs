//! `/admin/zones/export/{zone_id}`: a zone as a master file, at once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use zonelog_dns::LongSerial;
use zonelog_model::ZoneId;

use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::path::ZonePath;
use crate::v2::{exports, zone_target};

/// `GET /admin/zones/export/{zone_id}`: the zone as it is now.
#[utoipa::path(get, path = "/admin/zones/export/{zone_id}", tag = "admin", operation_id = "admin_export_zone",
    summary = "Fetch a zone as a master file",
    responses((status = 200, body = String, content_type = "text/dns")))]
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
) -> Result<Response, ApiError> {
    let client = app.client().await?;
    let row = app.listing.zone(&client, context.sight(), zone).await?;
    drop(client);
    let row = row.ok_or_else(ApiError::zone_not_found)?;
    context.enforce("zone_export", &zone_target(&row))?;
    exports::render(&app, ZoneId::new(zone), LongSerial::from_i64(row.serial)).await
}
