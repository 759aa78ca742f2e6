//! What happens to every request: it gets an id, its caller is identified, it has a time limit, it is counted, and an
//! error gets its body.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ACCEPT, ALLOW};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use zonelog_central::ids;

use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::forwarded::{self, Own};

/// As Designate says it.
const MAINTENANCE_RETRY_SECONDS: u32 = 60;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");

/// The one layer around all routes.
pub(crate) async fn around(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id: Arc<str> = ids::request_id().into();
    let base: Arc<str> = app.base(&request).into();
    request.extensions_mut().insert(Base(Arc::clone(&base)));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = method_label(request.method());
    let work = AssertUnwindSafe(run(&app, request, next, &request_id, &base)).catch_unwind();
    let mut response = match tokio::time::timeout(app.options.request_timeout, work).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(error))) => error.into_response(),
        Ok(Err(_)) => ApiError::internal(&format_args!("a handler panicked, {request_id}")).into_response(),
        Err(_) => {
            ApiError::timeout("The request took too long; a change may still take effect").into_response()
        }
    };
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let allow = response.headers_mut().remove(ALLOW);
        response = error.render(&request_id, &app.identification.challenge(&base), allow);
    }
    if let Ok(value) = HeaderValue::try_from(&*request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    // Unknown paths are one route: what callers type makes no new time series.
    let route = route.map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    let status = response.status();
    tracing::debug!(%request_id, method, route, status = status.as_u16(), "answered a request");
    metrics::counter!("zonelog_http_requests_total",
        "route" => route.clone(), "method" => method, "status" => status.as_str().to_owned())
    .increment(1);
    metrics::histogram!("zonelog_http_seconds", "route" => route).record(started.elapsed().as_secs_f64());
    response
}

async fn run(
    app: &App,
    mut request: Request,
    next: Next,
    request_id: &Arc<str>,
    base: &Arc<str>,
) -> Result<Response, ApiError> {
    let path = request.uri().path();
    if is_guarded(path, app.options.admin) {
        let identity = app.identification.identify(request.headers()).await?;
        if let Some(rates) = &app.rates {
            rates.count(&identity.project)?;
        }
        let (request_id, base) = (Arc::clone(request_id), Arc::clone(base));
        let policy = app.policies.current();
        let (headers, uri) = (request.headers(), request.uri());
        let context = Context::new(identity, policy, headers, uri, request_id, base)?;
        if let Some(role) = &app.options.maintenance_role
            && !context
                .actor()
                .roles
                .iter()
                .any(|own| own.eq_ignore_ascii_case(role))
        {
            return Err(maintenance());
        }
        if context.is_sudo() {
            app.verify_project(&context.actor().project).await?;
        }
        if !answers_text(path) {
            check_accept(request.headers())?;
        }
        request.extensions_mut().insert(context);
    }
    Ok(next.run(request).await)
}

/// Takes trailing and double slashes out of a path, as Designate does.
pub(crate) fn normalize(uri: &mut Uri) {
    let path = uri.path();
    if path.len() < 2 || !(path.ends_with('/') || path.contains("//")) {
        return;
    }
    let mut clean = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        clean.push('/');
        clean.push_str(segment);
    }
    if clean.is_empty() {
        clean.push('/');
    }
    if let Some(query) = uri.query() {
        clean.push('?');
        clean.push_str(query);
    }
    let mut parts = std::mem::take(uri).into_parts();
    // The parts of a valid path make a valid path.
    parts.path_and_query = PathAndQuery::try_from(clean).ok();
    *uri = Uri::from_parts(parts).unwrap_or_default();
}

/// 503 while the API is closed for work on it.
fn maintenance() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "maintenance",
        "The API is closed for maintenance; try again later",
    )
    .with_retry_after(MAINTENANCE_RETRY_SECONDS)
}

impl App {
    /// The address before every link: as configured, else as the caller wrote it.
    fn base(&self, request: &Request) -> String {
        if let Some(url) = &self.options.base_url {
            return url.trim_end_matches('/').to_owned();
        }
        let own = Own {
            scheme: if self.options.tls.is_some() {
                "https"
            } else {
                "http"
            },
            host: &self.host,
            proxied: self.options.proxy_headers,
        };
        forwarded::base(request.headers(), request.uri(), own)
    }
}

/// The address by which the caller found us, put into every request.
#[derive(Clone)]
pub(crate) struct Base(pub(crate) Arc<str>);

/// Whether a path is for those alone who say who they are.
fn is_guarded(path: &str, admin: bool) -> bool {
    let below = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    below("/v2") || (admin && below("/admin"))
}

/// Whether a path's answer is a master file, which has an `Accept` of its own.
fn answers_text(path: &str) -> bool {
    let export = path.strip_prefix("/v2/zones/tasks/exports/");
    export.is_some_and(|rest| rest.ends_with("/export")) || path.starts_with("/admin/zones/export/")
}

fn check_accept(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut given = headers.get_all(ACCEPT).iter().peekable();
    if given.peek().is_none() {
        return Ok(());
    }
    let takes_json = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let refused = parts.any(|parameter| {
            parameter
                .strip_prefix("q=")
                .is_some_and(|quality| quality.parse::<f32>().is_ok_and(|q| q <= 0.0))
        });
        !refused
            && ["*/*", "application/*", "application/json", ""]
                .iter()
                .any(|ours| ours.eq_ignore_ascii_case(media))
    };
    let accepted = given
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(takes_json));
    match accepted {
        true => Ok(()),
        false => Err(ApiError::new(
            StatusCode::NOT_ACCEPTABLE,
            "unsupported_accept",
            "Answers are application/json, which the request's Accept header leaves out",
        )),
    }
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_too_many_do_not_matter() {
        let normal = |uri: &str| {
            let mut uri: Uri = uri.parse().unwrap();
            normalize(&mut uri);
            uri.to_string()
        };
        assert_eq!(normal("/"), "/");
        assert_eq!(normal("//"), "/");
        assert_eq!(normal("/v2/zones/"), "/v2/zones");
        assert_eq!(normal("//v2///zones//?a=b//"), "/v2/zones?a=b//");
        assert_eq!(normal("/v2/zones?name=a"), "/v2/zones?name=a");
        assert_eq!(normal("http://host:1/v2/"), "http://host:1/v2");
    }
}
