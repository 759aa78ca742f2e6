//! `GET /healthcheck`: whether a load balancer should send requests here.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};

use crate::app::App;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /healthcheck`: `OK` when the database answers and nobody took this process out.
#[utoipa::path(get, path = "/healthcheck", tag = "discovery", operation_id = "check_health",
    summary = "Ask whether requests should be sent here",
    responses((status = 200, body = String, content_type = "text/plain"), (status = 503, body = String, content_type = "text/plain", headers(("Retry-After" = u32)))))]
pub(crate) async fn check(State(app): State<Arc<App>>) -> Response {
    if let Some(file) = &app.options.disable_file
        && tokio::fs::try_exists(file).await.unwrap_or(false)
    {
        return unavailable("DISABLED BY FILE");
    }
    let question = async {
        let client = app.pool.get().await.ok()?;
        client.simple_query("select 1").await.ok()
    };
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(Some(_)) => "OK".into_response(),
        _ => unavailable("DATABASE UNAVAILABLE"),
    }
}

fn unavailable(why: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "2")], why).into_response()
}
