//! `/admin/quotas/{project_id}`: as `/v2/quotas`, of any project, in an envelope.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use zonelog_model::ProjectId;

use crate::app::App;
use crate::context::Context;
use crate::error::{ApiError, SchemaError};
use crate::idempotency::Retry;
use crate::json::read_object;
use crate::openapi::{Conflict, bodies};
use crate::path::ProjectPath;
use crate::policy::Target;
use crate::v2::quotas::{QuotaChange, QuotasJson, clear, quotas_of, set};
use crate::v2::{accepted, json, no_content};

/// Quotas in their envelope.
#[derive(Serialize, ToSchema)]
#[schema(as = QuotasEnvelope)]
struct Envelope {
    quota: QuotasJson,
}

/// `GET /admin/quotas/{project_id}`.
#[utoipa::path(get, path = "/admin/quotas/{project_id}", tag = "admin", operation_id = "admin_show_quotas",
    summary = "Show the quotas of any project", responses((status = 200, body = Envelope)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    ProjectPath(project): ProjectPath,
    context: Context,
) -> Result<Response, ApiError> {
    enforce(&context, "get_quotas", &project)?;
    let quota = quotas_of(&app, &project).await?.into();
    json(StatusCode::OK, &Envelope { quota })
}

/// `PATCH /admin/quotas/{project_id}`: `{"quota": {"zones": 20}}`.
#[utoipa::path(patch, path = "/admin/quotas/{project_id}", tag = "admin",
    operation_id = "admin_update_quotas",
    summary = "Set quotas of any project", params(Retry), request_body = bodies::QuotasChangeEnvelope,
    responses((status = 200, body = Envelope), Conflict))]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    ProjectPath(project): ProjectPath,
    context: Context,
    retry: Retry,
    request: Request,
) -> Result<Response, ApiError> {
    enforce(&context, "set_quota", &project)?;
    let (object, bytes) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let others: Vec<&str> = object
        .keys()
        .map(String::as_str)
        .filter(|key| *key != "quota")
        .collect();
    if !others.is_empty() {
        return Err(ApiError::keys(&others, "quota"));
    }
    let Some(Value::Object(quota)) = object.get("quota") else {
        return Err(ApiError::schema(vec![SchemaError::new(
            [],
            "required",
            "quota",
            "'quota' is a required property, an object",
        )]));
    };
    let change = QuotaChange::read(quota)?;
    let (quotas, replayed) = set(&app, &context, project, change, retry.of(&bytes)?).await?;
    let quota = quotas.into();
    accepted(StatusCode::OK, &Envelope { quota }, None, replayed)
}

/// `DELETE /admin/quotas/{project_id}`.
#[utoipa::path(delete, path = "/admin/quotas/{project_id}", tag = "admin",
    operation_id = "admin_reset_quotas",
    summary = "Give any project the installation's quotas again", params(Retry), responses((status = 204)))]
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

/// Whoever comes through this door asks for all projects, and must be allowed to.
fn enforce(context: &Context, rule: &'static str, project: &ProjectId) -> Result<(), ApiError> {
    context.enforce("all_tenants", &Target::default())?;
    let target = Target {
        all_tenants: Some(true),
        ..Target::of_project(project.as_str())
    };
    context.enforce(rule, &target)
}
