//! What policy is asked about zones and recordsets.
//!
//! An object that the caller does not see is 404, whatever policy says: only who may know of it is told that it is
//! forbidden.
//!
//! Nothing is read where the answer cannot depend on it. Central shows a caller the zones of his project and those that
//! are shared with it, lets the owner alone change a zone, and lets a project with a share change its own recordsets
//! alone; so there are few cases, and where policy allows a command in each that Central lets pass, whatever else the
//! zone is, Central's 404 and 403 are all that is left to say. The default rules are such rules. A secondary zone is
//! another case where it can be read or changed itself; recordsets are made in primary zones alone.

use uuid::Uuid;
use zonelog_central::Scope;
use zonelog_projections::listing::{ListingError, RecordsetRow, ZoneRow};

use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::path::RecordsetPath;
use crate::policy::Target;

const CREATE_RECORDSET: &str = "create_recordset";

/// What rules may ask of a zone.
pub(crate) fn zone_target(zone: &ZoneRow) -> Target<'_> {
    Target {
        zone_id: Some(zone.id),
        zone_name: Some(&zone.name),
        zone_type: Some(zone.kind.label()),
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
    enforce_on_row(context, rule, row, None)
}

/// Refuses, before its body is read, a new recordset that policy refuses whatever it is called.
pub(super) async fn enforce_any_new_recordset(
    app: &App,
    context: &Context,
    zone: Uuid,
) -> Result<(), ApiError> {
    if foresees(context, [own_zone(context), shared_zone()], CREATE_RECORDSET) == Some(false) {
        enforce_on_zone(app, context, CREATE_RECORDSET, zone).await?;
    }
    Ok(())
}

/// As [`enforce_on_zone`], of a recordset of this name that is to be made. `None` is also any zone of a caller who may
/// make it in every zone that he sees.
pub(super) async fn enforce_new_recordset(
    app: &App,
    context: &Context,
    zone: Uuid,
    name: &str,
) -> Result<Option<ZoneRow>, ApiError> {
    // For all projects the zone itself is needed.
    if context.scope() == Scope::Project
        && foresees(context, [own_zone(context), shared_zone()], CREATE_RECORDSET) == Some(true)
    {
        return Ok(None);
    }
    let client = app.client().await?;
    let row = app.listing.zone(&client, context.sight(), zone).await?;
    drop(client);
    enforce_on_row(context, CREATE_RECORDSET, row, Some(name))
}

fn enforce_on_row(
    context: &Context,
    rule: &'static str,
    row: Option<ZoneRow>,
    recordset_name: Option<&str>,
) -> Result<Option<ZoneRow>, ApiError> {
    let target = |zone| Target {
        recordset_name,
        ..zone
    };
    match &row {
        Some(row) => context.enforce(rule, &target(zone_target(row)))?,
        None if context.allows(rule, &target(own_zone(context))) => {}
        None => return Err(ApiError::zone_not_found()),
    }
    Ok(row)
}

/// Whether a rule on recordsets allows the caller all that Central lets pass: every recordset of his own zones, and his
/// own in one that is shared with him.
pub(super) fn may_change_recordsets_anywhere(context: &Context, rule: &'static str) -> bool {
    let own_recordset = Target {
        recordset_project_id: Some(context.actor().project.as_str()),
        ..shared_zone()
    };
    foresees(context, [own_zone(context), own_recordset], rule) == Some(true)
}

/// Whether a rule on zones allows the caller all that Central lets pass where a command is the owner's: his own zones.
pub(super) fn may_change_own_zones(context: &Context, rule: &'static str) -> bool {
    let own = own_zone(context);
    foresees(context, [own.clone(), secondary(own)], rule) == Some(true)
}

/// A zone of its type, whoever's.
fn anybodys<'a>(zone: &Target<'a>) -> Target<'a> {
    Target {
        zone_type: zone.zone_type,
        ..Target::default()
    }
}

/// What a rule says in each of these cases; for who acts for all projects, of any zone of anybody. `None`: that depends
/// on what is not read yet.
fn foresees<const N: usize>(context: &Context, cases: [Target<'_>; N], rule: &'static str) -> Option<bool> {
    let mut answers = match context.scope() {
        Scope::Project => cases.map(|target| context.foresees(rule, &target)),
        Scope::AllProjects => cases.map(|target| context.foresees(rule, &anybodys(&target))),
    }
    .into_iter();
    let first = answers.next()?;
    answers.all(|answer| answer == first).then_some(first)?
}

/// A recordset that is shown to the caller, and that policy lets him see.
pub(super) async fn visible_recordset(
    app: &App,
    context: &Context,
    path: &RecordsetPath,
) -> Result<RecordsetRow, ApiError> {
    let (own, shared) = (own_zone(context), shared_zone());
    let cases = [own.clone(), secondary(own), shared.clone(), secondary(shared)];
    if foresees(context, cases, "get_recordset") == Some(true) {
        return shown_recordset(app, context, path).await;
    }
    let (zone, row) = find(app, context, path).await?;
    let zone = zone.ok_or_else(ApiError::zone_not_found)?;
    let row = row.ok_or_else(ApiError::recordset_not_found)?;
    context.enforce("get_recordset", &recordset_target(&zone, &row))?;
    Ok(row)
}

/// A recordset that is shown to the caller, whose command on it was allowed.
pub(super) async fn shown_recordset(
    app: &App,
    context: &Context,
    path: &RecordsetPath,
) -> Result<RecordsetRow, ApiError> {
    let client = app.client().await?;
    let row = app
        .listing
        .recordset(&client, context.sight(), path.zone, path.recordset)
        .await?;
    row.ok_or_else(ApiError::recordset_not_found)
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

/// The same of a secondary zone.
fn secondary(zone: Target<'_>) -> Target<'_> {
    Target {
        zone_type: Some("SECONDARY"),
        ..zone
    }
}

fn shared_zone() -> Target<'static> {
    Target {
        zone_type: Some("PRIMARY"),
        zone_shared: Some(true),
        ..Target::default()
    }
}

fn own_zone(context: &Context) -> Target<'_> {
    Target {
        zone_type: Some("PRIMARY"),
        zone_shared: Some(false),
        ..Target::of_project(context.actor().project.as_str())
    }
}
