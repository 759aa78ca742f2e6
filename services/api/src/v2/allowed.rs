//! What policy is asked about zones and recordsets.
//!
//! An object that the caller does not see is 404, whatever policy says: only who may know of it is told that it is
//! forbidden.

use uuid::Uuid;
use zonelog_projections::listing::{ListingError, RecordsetRow, ZoneRow};

use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::path::RecordsetPath;
use crate::policy::Target;

/// What rules may ask of a zone.
pub(crate) fn zone_target(zone: &ZoneRow) -> Target<'_> {
    Target {
        zone_id: Some(zone.id),
        zone_name: Some(&zone.name),
        zone_type: Some("PRIMARY"),
        zone_shared: Some(zone.shared_with_caller),
        ..Target::of_project(&zone.project)
    }
}

/// What rules may ask of a recordset.
pub(super) fn recordset_target<'a>(zone: &'a ZoneRow, recordset: &'a RecordsetRow) -> Target<'a> {
    Target {
        recordset_id: Some(recordset.id),
        recordset_name: Some(&recordset.name),
        recordset_project_id: Some(&recordset.project),
        ..zone_target(zone)
    }
}

/// Refuses what policy does not allow with a zone; answers with the zone.
///
/// `None` is a zone that is not shown, to a caller who might do this with a zone of his own: Central says that it is
/// not there, or answers a retry as it answered first.
pub(super) async fn enforce_on_zone(
    app: &App,
    context: &Context,
    rule: &'static str,
    zone: Uuid,
) -> Result<Option<ZoneRow>, ApiError> {
    let client = app.client().await?;
    let row = app.listing.zone(&client, context.sight(), zone).await?;
    drop(client);
    match &row {
        Some(row) => context.enforce(rule, &zone_target(row))?,
        None if context.allows(rule, &own_zone(context)) => {}
        None => return Err(ApiError::zone_not_found()),
    }
    Ok(row)
}

/// A recordset that is shown to the caller, and that policy lets him see.
pub(super) async fn visible_recordset(
    app: &App,
    context: &Context,
    path: &RecordsetPath,
) -> Result<RecordsetRow, ApiError> {
    let (zone, row) = find(app, context, path).await?;
    let zone = zone.ok_or_else(ApiError::zone_not_found)?;
    let row = row.ok_or_else(ApiError::recordset_not_found)?;
    context.enforce("get_recordset", &recordset_target(&zone, &row))?;
    Ok(row)
}

/// As [`enforce_on_zone`], of a recordset.
pub(super) async fn enforce_on_recordset(
    app: &App,
    context: &Context,
    rule: &'static str,
    path: &RecordsetPath,
) -> Result<Option<RecordsetRow>, ApiError> {
    let (zone, row) = find(app, context, path).await?;
    match (&zone, &row) {
        (Some(zone), Some(row)) => context.enforce(rule, &recordset_target(zone, row))?,
        (Some(zone), None) if context.allows(rule, &zone_target(zone)) => {}
        (Some(_), None) => return Err(ApiError::recordset_not_found()),
        (None, _) if context.allows(rule, &own_zone(context)) => {}
        (None, _) => return Err(ApiError::zone_not_found()),
    }
    Ok(row)
}

/// The zone and the recordset of a path, as far as they are shown.
async fn find(
    app: &App,
    context: &Context,
    path: &RecordsetPath,
) -> Result<(Option<ZoneRow>, Option<RecordsetRow>), ApiError> {
    let client = app.client().await?;
    let sight = context.sight();
    let (zone, row) = futures_util::future::join(
        app.listing.zone(&client, sight, path.zone),
        app.listing.recordset(&client, sight, path.zone, path.recordset),
    )
    .await;
    drop(client);
    let zone = zone?;
    let row = match row {
        Err(ListingError::ZoneNotFound) => None,
        row => row?,
    };
    Ok((zone, row))
}

fn own_zone(context: &Context) -> Target<'_> {
    Target {
        zone_type: Some("PRIMARY"),
        zone_shared: Some(false),
        ..Target::of_project(context.actor().project.as_str())
    }
}
