//! `/v2/quotas`: how much a project may have.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use zonelog_central::{ExecuteError, Idempotency};
use zonelog_model::resource::{Body, Change, Command, Kind, QuotaOverrides, Quotas};
use zonelog_model::zone::Patch;
use zonelog_model::{ProjectId, ResourceId};
use zonelog_projections::resource;

use super::body::{accepted, json};
use super::collection::no_content;
use super::fields::{Fields, not_null};
use crate::app::{App, ResourceDone};
use crate::coerce;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::json::{Object, read_object};
use crate::openapi::{Conflict, bodies};
use crate::path::ProjectPath;
use crate::policy::Target;

/// The largest quota; -1 is none.
const MAX_QUOTA: i64 = 2_147_483_647;

const KEYS: [&str; 5] = [
    "zones",
    "zone_recordsets",
    "zone_records",
    "recordset_records",
    "api_export_size",
];

/// A project's quotas as the API shows them.
#[derive(Serialize, ToSchema)]
#[schema(as = Quotas)]
pub(crate) struct QuotasJson {
    zones: i64,
    zone_recordsets: i64,
    zone_records: i64,
    recordset_records: i64,
    api_export_size: i64,
}

impl From<Quotas> for QuotasJson {
    fn from(quotas: Quotas) -> Self {
        let Quotas {
            zones,
            zone_recordsets,
            zone_records,
            recordset_records,
            api_export_size,
        } = quotas;
        Self {
            zones,
            zone_recordsets,
            zone_records,
            recordset_records,
            api_export_size,
        }
    }
}

/// `GET /v2/quotas`: those of the caller's project.
#[utoipa::path(get, path = "/v2/quotas", tag = "quotas", operation_id = "show_own_quotas",
    summary = "Show the quotas of the caller's project", responses((status = 200, body = QuotasJson)))]
pub(crate) async fn show_own(State(app): State<Arc<App>>, context: Context) -> Result<Response, ApiError> {
    let project = context.actor().project.clone();
    read(&app, &context, &project).await
}

/// `GET /v2/quotas/{project_id}`.
#[utoipa::path(get, path = "/v2/quotas/{project_id}", tag = "quotas", operation_id = "show_quotas",
    summary = "Show the quotas of a project", responses((status = 200, body = QuotasJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    ProjectPath(project): ProjectPath,
    context: Context,
) -> Result<Response, ApiError> {
    read(&app, &context, &project).await
}

async fn read(app: &App, context: &Context, project: &ProjectId) -> Result<Response, ApiError> {
    enforce(context, "get_quotas", project)?;
    json(StatusCode::OK, &QuotasJson::from(quotas_of(app, project).await?))
}

/// `PATCH /v2/quotas/{project_id}`: sets some; answers with all.
#[utoipa::path(patch, path = "/v2/quotas/{project_id}", tag = "quotas", operation_id = "update_quotas",
    summary = "Set quotas of a project", params(Retry), request_body = bodies::QuotasChange,
    responses((status = 200, body = QuotasJson), Conflict))]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    ProjectPath(project): ProjectPath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    enforce(&context, "set_quota", &project)?;
    let (object, bytes) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let change = QuotaChange::read(&object)?;
    if app.options.verify_quota_projects {
        app.verify_project(&project).await?;
    }
    let (quotas, replayed) = set(&app, &context, project, change, retry.of(&bytes)?).await?;
    accepted(StatusCode::OK, &QuotasJson::from(quotas), None, replayed)
}

/// `DELETE /v2/quotas/{project_id}`: the project has the installation's quotas again.
#[utoipa::path(delete, path = "/v2/quotas/{project_id}", tag = "quotas", operation_id = "reset_quotas",
    summary = "Give a project the installation's quotas again", params(Retry), responses((status = 204)))]
pub(crate) async fn reset(
    State(app): State<Arc<App>>,
    ProjectPath(project): ProjectPath,
    context: Context,
    retry: Retry,
) -> Result<Response, ApiError> {
    enforce(&context, "reset_quotas", &project)?;
    clear(&app, &context, &project, retry.of(&[])?).await?;
    Ok(no_content())
}

/// Refuses what policy does not allow, and another project's quotas to who does not ask for all projects'.
fn enforce(context: &Context, rule: &'static str, project: &ProjectId) -> Result<(), ApiError> {
    let target = Target {
        all_tenants: Some(context.is_for_all_projects()),
        ..Target::of_project(project.as_str())
    };
    context.enforce(rule, &target)?;
    match context.is_for_all_projects() || *project == context.actor().project {
        true => Ok(()),
        false => Err(ApiError::forbidden()),
    }
}

/// A project's quotas: what was set for it, over what the installation sets for all.
pub(crate) async fn quotas_of(app: &App, project: &ProjectId) -> Result<Quotas, ApiError> {
    let client = app.client().await?;
    let own = resource::quotas(&client, project.as_str()).await?;
    let defaults = *app.central.default_quotas();
    Ok(own.map_or(defaults, |own| defaults.with(&own)))
}

/// What a caller asks to change of a project's quotas.
#[derive(Clone, Default)]
pub(crate) struct QuotaChange {
    zones: Patch<i64>,
    zone_recordsets: Patch<i64>,
    zone_records: Patch<i64>,
    recordset_records: Patch<i64>,
    api_export_size: Patch<i64>,
}

impl QuotaChange {
    /// Reads the object of a PATCH.
    pub(crate) fn read(object: &Object) -> Result<Self, ApiError> {
        let unknown: Vec<&str> = object
            .keys()
            .map(String::as_str)
            .filter(|key| !KEYS.contains(key))
            .collect();
        if !unknown.is_empty() {
            return Err(ApiError::keys(&unknown, "quota"));
        }
        let fields = Fields(object);
        let limit = |field| match object.contains_key(field) {
            false => Ok(Patch::Keep),
            true => coerce::integer_within(field, fields.get(field), -1..=MAX_QUOTA)?
                .map(Patch::Set)
                .ok_or_else(|| not_null(field)),
        };
        Ok(Self {
            zones: limit("zones")?,
            zone_recordsets: limit("zone_recordsets")?,
            zone_records: limit("zone_records")?,
            recordset_records: limit("recordset_records")?,
            api_export_size: limit("api_export_size")?,
        })
    }

    /// The command that sets them; `present`: the project has quotas of its own already.
    fn command(&self, project: &ProjectId, present: bool) -> Command {
        let id = ResourceId::of_quotas(project);
        if present {
            let change = Change::Quotas {
                zones: self.zones.clone(),
                zone_recordsets: self.zone_recordsets.clone(),
                zone_records: self.zone_records.clone(),
                recordset_records: self.recordset_records.clone(),
                api_export_size: self.api_export_size.clone(),
            };
            return Command::Update { id, change };
        }
        let set = |patch: &Patch<i64>| match patch {
            Patch::Keep => None,
            Patch::Set(limit) => Some(*limit),
        };
        let body = Body::Quotas(QuotaOverrides {
            project: project.clone(),
            zones: set(&self.zones),
            zone_recordsets: set(&self.zone_recordsets),
            zone_records: set(&self.zone_records),
            recordset_records: set(&self.recordset_records),
            api_export_size: set(&self.api_export_size),
        });
        Command::Create { id, body }
    }
}

/// Sets quotas; returns all of them, and whether the answer is that of an earlier request.
pub(crate) async fn set(
    app: &App,
    context: &Context,
    project: ProjectId,
    change: QuotaChange,
    retry: Option<Idempotency>,
) -> Result<(Quotas, bool), ApiError> {
    let client = app.client().await?;
    let mut present = resource::quotas(&client, project.as_str()).await?.is_some();
    drop(client);
    let mut done = app
        .submit(context, retry.clone(), change.command(&project, present).into())
        .await;
    // Somebody else set or reset them since they were looked for.
    if let Err(ExecuteError::Rejected(rejection)) = &done
        && ["duplicate_quota", "quota_not_found"].contains(&rejection.label())
    {
        present = !present;
        done = app
            .submit(context, retry, change.command(&project, present).into())
            .await;
    }
    let done = ResourceDone::of(done?)?;
    let Body::Quotas(own) = &done.resource.body else {
        return Err(ApiError::other_kind(&done.resource));
    };
    Ok((app.central.default_quotas().with(own), done.replayed))
}

/// Takes away what was set for a project, if anything was.
pub(crate) async fn clear(
    app: &App,
    context: &Context,
    project: &ProjectId,
    retry: Option<Idempotency>,
) -> Result<(), ApiError> {
    let command = Command::Delete {
        id: ResourceId::of_quotas(project),
        kind: Kind::Quotas,
    };
    match app.submit(context, retry, command.into()).await {
        Ok(_) => Ok(()),
        Err(ExecuteError::Rejected(rejection)) if rejection.label() == "quota_not_found" => Ok(()),
        Err(error) => Err(error.into()),
    }
}
