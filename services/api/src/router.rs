//! Paths.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower::util::option_layer;
use tower_http::cors::CorsLayer;

use crate::app::App;
use crate::error::ApiError;
use crate::v2::{
    blacklists, exports, floating_ips, imports, limits, pools, quotas, recordsets, service_statuses, shares,
    tlds, transfer_accepts, transfer_requests, tsigkeys, zone_tasks, zones,
};
use crate::{admin, health, middleware, versions};

/// The routes, with the middleware around them.
pub(crate) fn router(app: Arc<App>, cors: Option<CorsLayer>) -> Router {
    Router::new()
        .route("/", get(versions::list))
        .route("/healthcheck", get(health::check))
        .route("/v2/zones", get(zones::list).post(zones::create))
        .route(
            "/v2/zones/{zone_id}",
            get(zones::show).patch(zones::update).delete(zones::delete),
        )
        .route("/v2/zones/{zone_id}/nameservers", get(zones::nameservers))
        .route(
            "/v2/zones/{zone_id}/recordsets",
            get(recordsets::list).post(recordsets::create),
        )
        .route(
            "/v2/zones/{zone_id}/recordsets/{recordset_id}",
            get(recordsets::show)
                .put(recordsets::update)
                .delete(recordsets::delete),
        )
        .route("/v2/recordsets", get(recordsets::list_all))
        .route("/v2/recordsets/{recordset_id}", get(recordsets::find))
        .route("/v2/tlds", get(tlds::list).post(tlds::create))
        .route(
            "/v2/tlds/{tld_id}",
            get(tlds::show).patch(tlds::update).delete(tlds::delete),
        )
        .route("/v2/blacklists", get(blacklists::list).post(blacklists::create))
        .route(
            "/v2/blacklists/{blacklist_id}",
            get(blacklists::show)
                .patch(blacklists::update)
                .delete(blacklists::delete),
        )
        .route("/v2/tsigkeys", get(tsigkeys::list).post(tsigkeys::create))
        .route(
            "/v2/tsigkeys/{tsigkey_id}",
            get(tsigkeys::show)
                .patch(tsigkeys::update)
                .delete(tsigkeys::delete),
        )
        .route("/v2/pools", get(pools::list).post(pools::create))
        .route(
            "/v2/pools/{pool_id}",
            get(pools::show).patch(pools::update).delete(pools::delete),
        )
        .route(
            "/v2/zones/{zone_id}/shares",
            get(shares::list).post(shares::create),
        )
        .route(
            "/v2/zones/{zone_id}/shares/{zone_share_id}",
            get(shares::show).delete(shares::delete),
        )
        .route("/v2/quotas", get(quotas::show_own))
        .route(
            "/v2/quotas/{project_id}",
            get(quotas::show).patch(quotas::update).delete(quotas::reset),
        )
        .route("/v2/limits", get(limits::show))
        .route("/v2/service_statuses", get(service_statuses::list))
        .route("/v2/service_statuses/{service_id}", get(service_statuses::show))
        .route("/v2/service_status", get(service_statuses::list))
        .route("/v2/service_status/{service_id}", get(service_statuses::show))
        .merge(task_routes())
        .merge(admin_routes(app.options.admin))
        .fallback(|| async { ApiError::not_found() })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(from_fn_with_state(Arc::clone(&app), middleware::around))
        // Around all the rest: a page must be able to read why it was refused.
        .layer(option_layer(cors))
        .with_state(app)
}

/// What is done with whole zones, and the reverse records of floating IPs.
fn task_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v2/zones/{zone_id}/tasks/abandon", post(zone_tasks::abandon))
        .route("/v2/zones/{zone_id}/tasks/xfr", post(zone_tasks::transfer))
        .route(
            "/v2/zones/{zone_id}/tasks/pool_move",
            post(zone_tasks::move_to_pool),
        )
        .route(
            "/v2/zones/{zone_id}/tasks/transfer_requests",
            post(transfer_requests::create),
        )
        .route("/v2/zones/tasks/transfer_requests", get(transfer_requests::list))
        .route(
            "/v2/zones/tasks/transfer_requests/{transfer_request_id}",
            get(transfer_requests::show)
                .patch(transfer_requests::update)
                .delete(transfer_requests::delete),
        )
        .route(
            "/v2/zones/tasks/transfer_accepts",
            get(transfer_accepts::list).post(transfer_accepts::create),
        )
        .route(
            "/v2/zones/tasks/transfer_accepts/{transfer_accept_id}",
            get(transfer_accepts::show),
        )
        .route(
            "/v2/zones/tasks/imports",
            get(imports::list).post(imports::create),
        )
        .route(
            "/v2/zones/tasks/imports/{import_id}",
            get(imports::show).delete(imports::delete),
        )
        .route("/v2/zones/{zone_id}/tasks/export", post(exports::create))
        .route("/v2/zones/tasks/exports", get(exports::list))
        .route(
            "/v2/zones/tasks/exports/{export_id}",
            get(exports::show).delete(exports::delete),
        )
        .route("/v2/zones/tasks/exports/{export_id}/export", get(exports::text))
        .route("/v2/reverse/floatingips", get(floating_ips::list))
        .route(
            "/v2/reverse/floatingips/{fip_key}",
            get(floating_ips::show).patch(floating_ips::update),
        )
}

/// The routes below `/admin`, where they are switched on.
fn admin_routes(switch: bool) -> Router<Arc<App>> {
    let routes = Router::new();
    if !switch {
        return routes;
    }
    routes
        .route(
            "/admin/quotas/{project_id}",
            get(admin::quotas::show)
                .patch(admin::quotas::update)
                .delete(admin::quotas::reset),
        )
        .route("/admin/reports/counts", get(admin::reports::counts))
        .route("/admin/reports/counts/{criterion}", get(admin::reports::count))
        .route("/admin/reports/tenants", get(admin::reports::tenants))
        .route("/admin/reports/tenants/{project_id}", get(admin::reports::tenant))
        .route("/admin/zones/export/{zone_id}", get(admin::zones::export))
}
