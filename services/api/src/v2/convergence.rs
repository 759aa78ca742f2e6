//! `/v2/zones/{zone_id}/convergence`: what each name server of the zone's pool was seen to serve. An extension of ours.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_central::clock;
use zonelog_model::{Timestamp, ZoneId};
use zonelog_projections::delivery::{self, DeliveryError, ServerConvergence};
use zonelog_projections::listing::ZoneRow;

use super::allowed::zone_target;
use super::body::{SelfLink, Time, href, json};
use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::openapi::words;
use crate::path::ZonePath;
use crate::policy::Target;

/// What is said of a server's troubles to who may not see pools: the whole text names addresses and files of the
/// installation.
const TROUBLE: &str = "the name server does not follow; the installation's administrators see why";

/// A zone, and how far each name server of its pool has come with it.
#[derive(Serialize, ToSchema)]
#[schema(as = Convergence)]
pub(super) struct ConvergenceJson<'a> {
    id: Uuid,
    name: &'a str,
    #[schema(value_type = i64, minimum = 0, maximum = 4_294_967_295_i64)]
    serial: u32,
    #[schema(value_type = words::Status)]
    status: &'static str,
    #[schema(value_type = words::Action)]
    action: &'static str,
    servers: Vec<ServerJson<'a>>,
    links: SelfLink,
}

/// How far one name server has come.
#[derive(Serialize, ToSchema)]
#[schema(as = ServerConvergence)]
struct ServerJson<'a> {
    /// Where the server is asked.
    server: &'a str,
    #[schema(value_type = words::Status)]
    status: &'static str,
    /// Nothing is sent to it at the moment: an administrator paused it.
    paused: bool,
    /// The serial seen there last; null when none was, or when the zone is not served.
    #[schema(required, value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_i64)]
    serial: Option<u32>,
    /// When that was noted. A server that is in step was seen with nothing else until then.
    #[schema(required)]
    seen_at: Option<Time>,
    /// How many serials came after the one seen; null when that is not known.
    #[schema(required, minimum = 0)]
    lag_serials: Option<i64>,
    /// For how many seconds there has been a change that the server was not seen to serve.
    #[schema(minimum = 0)]
    lag_seconds: f64,
    /// What went wrong last.
    #[schema(required)]
    error: Option<&'a str>,
    /// How many tries failed.
    #[schema(minimum = 0)]
    attempts: i32,
    /// When the server is tried again; null when nothing is waited for.
    #[schema(required)]
    next_try_at: Option<Time>,
}

impl<'a> ServerJson<'a> {
    fn shown(server: &'a ServerConvergence, now: Timestamp, whole: bool) -> Self {
        let lag = server
            .lags_since
            .map_or(0.0, |since| (now - since).as_seconds_f64());
        Self {
            // Without its pool's id, which the zone has.
            server: server
                .server
                .split_once('/')
                .map_or(server.server.as_str(), |(_, place)| place),
            status: server.status.label(),
            paused: server.paused,
            serial: server.serial.map(|serial| serial.wire().get()),
            seen_at: server.seen_at.map(Time),
            lag_serials: server.lag_serials,
            lag_seconds: lag.max(0.0),
            error: server
                .error
                .as_deref()
                .map(|error| if whole { error } else { TROUBLE }),
            attempts: server.attempts,
            next_try_at: server.next_try.map(Time),
        }
    }
}

/// `GET /v2/zones/{zone_id}/convergence`.
#[utoipa::path(get, path = "/v2/zones/{zone_id}/convergence", tag = "zones", operation_id = "show_convergence",
    summary = "Show how far each name server has come with a zone",
    responses((status = 200, body = ConvergenceJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    ZonePath(zone): ZonePath,
    context: Context,
) -> Result<Response, ApiError> {
    let client = app.client().await?;
    let row: Option<ZoneRow> = app.listing.zone(&client, context.sight(), zone).await?;
    let row = row.ok_or_else(ApiError::zone_not_found)?;
    context.enforce("get_zone", &zone_target(&row))?;
    let found = delivery::convergence(&**client, ZoneId::new(zone)).await;
    drop(client);
    let found = found.map_err(|error| match error {
        DeliveryError::Database(error) => ApiError::from(error),
        other => ApiError::internal(&other),
    })?;
    let found = found.ok_or_else(ApiError::zone_not_found)?;
    let (now, whole) = (clock::now(), context.allows("get_pool", &Target::default()));
    let body = ConvergenceJson {
        id: zone,
        name: &found.name,
        serial: found.serial.wire().get(),
        status: row.status.label(),
        action: row.action.label(),
        servers: found
            .servers
            .iter()
            .map(|server| ServerJson::shown(server, now, whole))
            .collect(),
        links: SelfLink {
            href: href(&context.base, format_args!("/v2/zones/{zone}/convergence")),
        },
    };
    json(StatusCode::OK, &body)
}
