//! Paths.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower::util::option_layer;
use tower_http::cors::CorsLayer;

use crate::app::App;
use crate::error::ApiError;
use crate::v2::{recordsets, zones};
use crate::{health, middleware, versions};

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
        .fallback(|| async { ApiError::not_found() })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(from_fn_with_state(Arc::clone(&app), middleware::around))
        // Around all the rest: a page must be able to read why it was refused.
        .layer(option_layer(cors))
        .with_state(app)
}
