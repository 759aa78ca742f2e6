//! The API's own description, OpenAPI 3.1, made from the handlers that it describes: `GET /openapi.json`.
//!
//! ```text
//!  on a handler    #[utoipa::path]: path, id, what is asked and answered there and nowhere else
//!  on a shape      ToSchema; words.rs has the closed sets of words, page.rs the lists, bodies.rs what requests hold
//!  complete.rs     what the middleware does to every request: headers, errors, ids in paths
//!  answers.rs      errors and headers, described once
//!  parameters.rs   query parameters and headers, described once
//! ```
//! The router is made of the described handlers (`utoipa_axum`): a route that is not described is one that is not there.

mod answers;
pub(crate) mod bodies;
mod complete;
mod page;
mod parameters;
pub(crate) mod words;

use axum::Extension;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;

pub(crate) use answers::{Conflict, NotFound, OverQuota};
pub(crate) use complete::{Alias, complete};
pub(crate) use page::{Listed, Page};
pub(crate) use parameters::{DeleteShares, ListParameters, list_query};

/// The description, as it is sent.
#[derive(Clone)]
pub(crate) struct Description(pub(crate) Bytes);

/// `GET /openapi.json`.
#[utoipa::path(get, path = "/openapi.json", tag = "discovery", operation_id = "show_description",
    summary = "Show this description", responses((status = 200, body = serde_json::Value)))]
pub(crate) async fn show(Extension(Description(text)): Extension<Description>) -> Response {
    let mut response = Response::new(Body::from(text));
    let media = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, media);
    response
}
