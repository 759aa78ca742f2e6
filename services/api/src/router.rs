//! Paths: each stands with its handler, in whose description it is.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Extension, Router};
use tower::util::option_layer;
use tower_http::cors::CorsLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::ApiError;
use crate::openapi::{self, Alias};
use crate::v2::{
    blacklists, convergence, exports, floating_ips, imports, limits, pools, quotas, recordsets,
    service_statuses, shares, tlds, transfer_accepts, transfer_requests, tsigkeys, zone_tasks, zones,
};
use crate::{admin, health, middleware, versions};

type Routes = OpenApiRouter<Arc<App>>;

/// Names that paths had, and that clients still use.
const ALIASES: [Alias; 1] = [Alias {
    old: "/v2/service_status",
    new: "/v2/service_statuses",
}];

/// The routes, with the middleware around them.
pub(crate) fn router(app: Arc<App>, cors: Option<CorsLayer>) -> Result<Router, serde_json::Error> {
    let (router, described) = routes(app.options.admin).split_for_parts();
    let description = openapi::complete(described, &ALIASES)?;
    Ok(router
        .route("/v2/service_status", get(service_statuses::list))
        .route("/v2/service_status/{service_id}", get(service_statuses::show))
        .fallback(|| async { ApiError::not_found() })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(Extension(description))
        .layer(from_fn_with_state(Arc::clone(&app), middleware::around))
        // Around all the rest: a page must be able to read why it was refused.
        .layer(option_layer(cors))
        .with_state(app))
}

/// All routes; those below `/admin` where they are switched on.
fn routes(admin: bool) -> Routes {
    let routes = OpenApiRouter::new()
        .routes(routes!(versions::list))
        .routes(routes!(health::check))
        .routes(routes!(openapi::show))
        .merge(zone_routes())
        .merge(registry_routes())
        .merge(task_routes());
    match admin {
        true => routes.merge(admin_routes()),
        false => routes,
    }
}

/// Zones and what is in them.
fn zone_routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(zones::list, zones::create))
        .routes(routes!(zones::show, zones::update, zones::delete))
        .routes(routes!(zones::nameservers))
        .routes(routes!(convergence::show))
        .routes(routes!(recordsets::list, recordsets::create))
        .routes(routes!(recordsets::show, recordsets::update, recordsets::delete))
        .routes(routes!(recordsets::list_all))
        .routes(routes!(recordsets::find))
        .routes(routes!(shares::list, shares::create))
        .routes(routes!(shares::show, shares::delete))
}

/// What the installation's administrators keep, and what they and others are told of it.
fn registry_routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(tlds::list, tlds::create))
        .routes(routes!(tlds::show, tlds::update, tlds::delete))
        .routes(routes!(blacklists::list, blacklists::create))
        .routes(routes!(blacklists::show, blacklists::update, blacklists::delete))
        .routes(routes!(tsigkeys::list, tsigkeys::create))
        .routes(routes!(tsigkeys::show, tsigkeys::update, tsigkeys::delete))
        .routes(routes!(pools::list, pools::create))
        .routes(routes!(pools::show, pools::update, pools::delete))
        .routes(routes!(quotas::show_own))
        .routes(routes!(quotas::show, quotas::update, quotas::reset))
        .routes(routes!(limits::show))
        .routes(routes!(service_statuses::list))
        .routes(routes!(service_statuses::show))
}

/// What is done with whole zones, and the reverse records of floating IPs.
fn task_routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(zone_tasks::abandon))
        .routes(routes!(zone_tasks::transfer))
        .routes(routes!(zone_tasks::move_to_pool))
        .routes(routes!(transfer_requests::create))
        .routes(routes!(transfer_requests::list))
        .routes(routes!(
            transfer_requests::show,
            transfer_requests::update,
            transfer_requests::delete
        ))
        .routes(routes!(transfer_accepts::list, transfer_accepts::create))
        .routes(routes!(transfer_accepts::show))
        .routes(routes!(imports::list, imports::create))
        .routes(routes!(imports::show, imports::delete))
        .routes(routes!(exports::create))
        .routes(routes!(exports::list))
        .routes(routes!(exports::show, exports::delete))
        .routes(routes!(exports::text))
        .routes(routes!(floating_ips::list))
        .routes(routes!(floating_ips::show, floating_ips::update))
}

/// The routes below `/admin`.
fn admin_routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(
            admin::quotas::show,
            admin::quotas::update,
            admin::quotas::reset
        ))
        .routes(routes!(admin::reports::counts))
        .routes(routes!(admin::reports::count))
        .routes(routes!(admin::reports::tenants))
        .routes(routes!(admin::reports::tenant))
        .routes(routes!(admin::zones::export))
}
