//! What a caller is told when something is refused or fails: Designate's error bodies, to the byte.
//!
//! Handlers return an [`ApiError`]; it travels as an extension of the response, and the middleware writes its body,
//! since only the middleware knows the request's id.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use zonelog_central::{ExecuteError, Rejection};
use zonelog_model::resource::{Kind, Resource};
use zonelog_model::transfer::TransferRejection;
use zonelog_model::{ResourceId, resource, zone};
use zonelog_projections::listing::ListingError;
use zonelog_projections::resource::ResourceError;
use zonelog_projections::service_status::ServiceStatusError;
use zonelog_store::StoreError;

/// How long a caller should wait before it tries again when the database is away or the queue is full, in seconds.
const RETRY_SECONDS: u32 = 2;

/// A refused or failed request.
#[derive(Clone, Debug)]
pub(crate) struct ApiError(Arc<Fault>);

#[derive(Clone, Debug)]
struct Fault {
    status: StatusCode,
    kind: &'static str,
    message: Option<String>,
    errors: Vec<SchemaError>,
    retry_after: Option<u32>,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// `{"code", "type", "message"?, "errors"?, "request_id"}`
    Fault,
    /// Keystone's: `{"error": {"code", "title", "message"}}`
    Unauthorized,
    /// A header that the caller's roles do not allow: no body, and `text/html`.
    Empty,
}

/// One line of a body's `errors.errors`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SchemaError {
    #[schema(value_type = Vec<Value>)]
    path: Vec<Value>,
    message: String,
    validator: &'static str,
    #[schema(value_type = Value)]
    validator_value: Value,
}

impl SchemaError {
    /// An error at `path`: what the validator wanted, and a sentence.
    pub(crate) fn new(
        path: impl IntoIterator<Item = Value>,
        validator: &'static str,
        validator_value: impl Into<Value>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into_iter().collect(),
            message: message.into(),
            validator,
            validator_value: validator_value.into(),
        }
    }
}

impl SchemaError {
    /// A field that must be there and is not, at the path where Designate says so.
    pub(crate) fn required(field: &str) -> Self {
        Self::new(
            ["records".into(), 0.into(), field.into()],
            "required",
            field,
            format!("'{field}' is a required property"),
        )
    }
}

/// What Designate says of a zone's type and what does not go with it.
impl SchemaError {
    /// A primary zone with masters.
    pub(crate) fn masters_of_primary() -> Self {
        let message = "Array has items but should be empty";
        Self::new(["type".into()], "maxItems", vec!["masters"], message)
    }

    /// A secondary zone without masters.
    pub(crate) fn no_masters() -> Self {
        let message = "'masters' is a required property";
        Self::new(["type".into()], "required", vec!["masters"], message)
    }

    /// A field of a secondary zone that its primary decides.
    pub(crate) fn of_secondary(field: &'static str) -> Self {
        let message = format!("'{field}' can't be specified when type is SECONDARY");
        Self::new(["type".into()], "not_allowed", field, message)
    }
}

impl ApiError {
    fn fault(status: StatusCode, kind: &'static str, message: Option<String>) -> Self {
        Self(Arc::new(Fault {
            status,
            kind,
            message,
            errors: Vec::new(),
            retry_after: None,
            shape: Shape::Fault,
        }))
    }

    /// 400 with a type and a sentence.
    pub(crate) fn bad(kind: &'static str, message: impl Into<String>) -> Self {
        Self::fault(StatusCode::BAD_REQUEST, kind, Some(message.into()))
    }

    /// Any status with a type and a sentence.
    pub(crate) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self::fault(status, kind, Some(message.into()))
    }

    /// A field's value that cannot be taken (the first of them).
    pub(crate) fn value(message: impl std::fmt::Display) -> Self {
        Self::bad(
            "invalid_object",
            format!("Provided object is not valid. Got a ValueError error with message {message}"),
        )
    }

    /// Keys that the resource does not have, or that may not be changed.
    pub(crate) fn keys(keys: &[&str], resource: &str) -> Self {
        let keys: Vec<String> = keys.iter().map(|key| format!("'{key}'")).collect();
        Self::bad(
            "invalid_object",
            format!(
                "Provided object does not match schema. Keys [{}] are not valid for {resource}",
                keys.join(", ")
            ),
        )
    }

    /// Fields that break the resource's schema, with their paths.
    pub(crate) fn schema(errors: Vec<SchemaError>) -> Self {
        Self(Arc::new(Fault {
            status: StatusCode::BAD_REQUEST,
            kind: "invalid_object",
            message: None,
            errors,
            retry_after: None,
            shape: Shape::Fault,
        }))
    }

    /// 400: a path's id that is none.
    pub(crate) fn invalid_uuid(parameter: &str, given: &str) -> Self {
        Self::bad("invalid_uuid", format!("Invalid UUID {parameter}: {given}"))
    }

    /// 400 without a sentence: a marker that is no UUID.
    pub(crate) fn invalid_marker() -> Self {
        Self::fault(StatusCode::BAD_REQUEST, "invalid_marker", None)
    }

    /// 400: a marker that is no object of the list.
    fn marker_not_found(marker: Uuid) -> Self {
        Self::bad("marker_not_found", format!("Marker {marker} could not be found"))
    }

    /// 401 as keystonemiddleware says it.
    pub(crate) fn unauthorized() -> Self {
        Self(Arc::new(Fault {
            status: StatusCode::UNAUTHORIZED,
            kind: "unauthorized",
            message: None,
            errors: Vec::new(),
            retry_after: None,
            shape: Shape::Unauthorized,
        }))
    }

    /// 403 by policy.
    pub(crate) fn forbidden() -> Self {
        Self::fault(StatusCode::FORBIDDEN, "forbidden", None)
    }

    /// 403 for a header or query parameter that only an admin may send.
    pub(crate) fn forbidden_header() -> Self {
        Self(Arc::new(Fault {
            status: StatusCode::FORBIDDEN,
            kind: "forbidden",
            message: None,
            errors: Vec::new(),
            retry_after: None,
            shape: Shape::Empty,
        }))
    }

    /// 404: no such zone for the caller.
    pub(crate) fn zone_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "zone_not_found", "Could not find Zone")
    }

    /// 404: no such recordset for the caller.
    pub(crate) fn recordset_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "recordset_not_found",
            "Could not find RecordSet",
        )
    }

    /// 404: no such resource for the caller.
    pub(crate) fn resource_not_found(kind: Kind, id: Uuid) -> Self {
        resource::Rejection::NotFound {
            kind,
            id: ResourceId::new(id),
        }
        .into()
    }

    /// 404: no such service.
    pub(crate) fn service_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "service_status_not_found",
            "Could not find ServiceStatus",
        )
    }

    /// 500: a resource's content is not of the kind that its row names.
    pub(crate) fn other_kind(resource: &Resource) -> Self {
        Self::internal(&format_args!(
            "the resource {} holds a {}",
            resource.id.uuid(),
            resource.body.kind().label()
        ))
    }

    /// 404: no such path.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "resource not found")
    }

    /// 405.
    pub(crate) fn method_not_allowed() -> Self {
        Self::fault(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", None)
    }

    /// 500: ours. The cause is in the log under the request's id, not in the body.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "a request failed");
        Self::fault(StatusCode::INTERNAL_SERVER_ERROR, "unknown", None)
    }

    /// 503: nothing was written, and a later try may succeed.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self(Arc::new(Fault {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "service_unavailable",
            message: Some(message.into()),
            errors: Vec::new(),
            retry_after: Some(RETRY_SECONDS),
            shape: Shape::Fault,
        }))
    }

    /// The same, saying after how many seconds another try may succeed.
    pub(crate) fn with_retry_after(self, seconds: u32) -> Self {
        let mut fault = Fault::clone(&self.0);
        fault.retry_after = Some(seconds);
        Self(Arc::new(fault))
    }

    /// 504: it took too long; whether a change took effect is not known.
    pub(crate) fn timeout(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message)
    }

    /// The error's type, as its body says it.
    pub(crate) fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// Writes the response. `challenge` says to whom a 401 comes how to get in.
    pub(crate) fn render(&self, request_id: &str, challenge: &str, allow: Option<HeaderValue>) -> Response {
        let fault = &*self.0;
        let (content_type, body) = match fault.shape {
            Shape::Empty => ("text/html; charset=UTF-8", Vec::new()),
            Shape::Unauthorized => ("application/json", json(&UnauthorizedBody::new())),
            Shape::Fault => ("application/json", json(&FaultBody::new(fault, request_id))),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = fault.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(seconds) = fault.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if fault.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::try_from(challenge);
            headers.insert(
                WWW_AUTHENTICATE,
                challenge.unwrap_or(HeaderValue::from_static("Keystone")),
            );
        }
        if let Some(allow) = allow {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

fn json(body: &impl Serialize) -> Vec<u8> {
    // These shapes hold texts and numbers only, which always have a JSON form.
    serde_json::to_vec(body).unwrap_or_default()
}

/// An error.
#[derive(Serialize, ToSchema)]
#[schema(as = Fault)]
pub(crate) struct FaultBody<'a> {
    code: u16,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<SchemaErrors<'a>>,
    request_id: &'a str,
}

#[derive(Serialize, ToSchema)]
struct SchemaErrors<'a> {
    errors: &'a [SchemaError],
}

impl<'a> FaultBody<'a> {
    fn new(fault: &'a Fault, request_id: &'a str) -> Self {
        Self {
            code: fault.status.as_u16(),
            r#type: fault.kind,
            message: fault.message.as_deref(),
            errors: (!fault.errors.is_empty()).then_some(SchemaErrors {
                errors: &fault.errors,
            }),
            request_id,
        }
    }
}

/// An error of who has no valid token.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnauthorizedBody {
    error: UnauthorizedError,
}

#[derive(Serialize, ToSchema)]
struct UnauthorizedError {
    code: u16,
    title: &'static str,
    message: &'static str,
}

impl UnauthorizedBody {
    fn new() -> Self {
        let message = "The request you have made requires authentication.";
        Self {
            error: UnauthorizedError {
                code: 401,
                title: "Unauthorized",
                message,
            },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl From<zone::Rejection> for ApiError {
    fn from(rejection: zone::Rejection) -> Self {
        use zone::Rejection;
        let label = rejection.label();
        let message = rejection.to_string();
        match rejection {
            Rejection::Forbidden | Rejection::ForcedPoolForbidden => Self::forbidden(),
            Rejection::InvalidRecord { index, rrtype, .. } => Self::schema(vec![SchemaError::new(
                [Value::from("records"), Value::from(index)],
                "format",
                vec![rrtype.to_string()],
                message,
            )]),
            Rejection::UnsupportedType(rrtype) => Self::schema(vec![unsupported_type(&rrtype.to_string())]),
            Rejection::NoMasters => Self::schema(vec![SchemaError::no_masters()]),
            Rejection::ZoneIsPrimary(_) => Self::schema(vec![SchemaError::masters_of_primary()]),
            Rejection::ZoneIsSecondary { field } => Self::schema(vec![SchemaError::of_secondary(field)]),
            Rejection::RecordsetsAreThePrimarys => Self::new(StatusCode::FORBIDDEN, label, message),
            Rejection::InvalidMaster { .. }
            | Rejection::TooManyMasters { .. }
            | Rejection::InvalidEmail(_)
            | Rejection::InvalidName(_)
            | Rejection::InvalidOwner(_)
            | Rejection::TextTooLong { .. }
            | Rejection::TextWithNul { .. } => Self::value(message),
            Rejection::RecordsetNotFound(_) => Self::recordset_not_found(),
            _ => Self::new(status_of(label), label, message),
        }
    }
}

impl From<resource::Rejection> for ApiError {
    fn from(rejection: resource::Rejection) -> Self {
        let label = rejection.label();
        let message = rejection.to_string();
        match label {
            "invalid_object" => Self::value(message),
            _ => Self::new(status_of(label), label, message),
        }
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Zone(rejection) => rejection.into(),
            Rejection::Resource(rejection) => rejection.into(),
            Rejection::Transfer(rejection) => rejection.into(),
        }
    }
}

impl From<TransferRejection> for ApiError {
    fn from(rejection: TransferRejection) -> Self {
        match rejection {
            TransferRejection::Zone(rejection) => rejection.into(),
            TransferRejection::NotForYou => Self::forbidden(),
            rejection => Self::new(
                status_of(rejection.label()),
                rejection.label(),
                rejection.to_string(),
            ),
        }
    }
}

/// The schema error of a record type that recordsets cannot have.
pub(crate) fn unsupported_type(given: &str) -> SchemaError {
    SchemaError::new(
        [Value::from("recordset"), Value::from("type")],
        "value",
        vec![given],
        format!("'{given}' is not a supported Record type"),
    )
}

/// Designate's HTTP status of a rejection's label.
fn status_of(label: &str) -> StatusCode {
    match label {
        _ if label.starts_with("duplicate") => StatusCode::CONFLICT,
        _ if label.ends_with("not_found") => StatusCode::NOT_FOUND,
        "no_valid_pool_found" => StatusCode::NOT_FOUND,
        "illegal_child" | "illegal_parent" | "invalid_key" => StatusCode::FORBIDDEN,
        "over_quota" => StatusCode::PAYLOAD_TOO_LARGE,
        "no_servers_configured" | "multiple_pools_found" | "no_filters_configured" => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        _ => StatusCode::BAD_REQUEST,
    }
}

impl From<ExecuteError> for ApiError {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Rejected(rejection) => Self::from(*rejection),
            ExecuteError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "This Idempotency-Key was used for another request; use a new key for a new request",
            ),
            ExecuteError::Overloaded => Self::unavailable(error.to_string()),
            ExecuteError::Unavailable(why) => {
                tracing::warn!(error = %why, "the database is not available");
                Self::unavailable(DATABASE_AWAY)
            }
            ExecuteError::Indeterminate => Self::timeout(error.to_string()),
            ExecuteError::Failed(source) => Self::from(source),
        }
    }
}

/// What a caller is told when the database is away: nothing of addresses or passwords.
pub(crate) const DATABASE_AWAY: &str = "The database is not available at the moment; try again";

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "the database is not available");
                Self::unavailable(DATABASE_AWAY)
            }
            _ => Self::internal(&Chain(&error)),
        }
    }
}

impl From<ListingError> for ApiError {
    fn from(error: ListingError) -> Self {
        match error {
            ListingError::ZoneNotFound => Self::zone_not_found(),
            ListingError::MarkerNotFound(marker) => Self::marker_not_found(marker),
            ListingError::Row(error) => Self::internal(&Chain(&error)),
            ListingError::Database(error) => Self::from(error),
        }
    }
}

impl From<ServiceStatusError> for ApiError {
    fn from(error: ServiceStatusError) -> Self {
        match error {
            ServiceStatusError::MarkerNotFound(marker) => Self::marker_not_found(marker),
            ServiceStatusError::Database(error) => Self::from(error),
        }
    }
}

impl From<ResourceError> for ApiError {
    fn from(error: ResourceError) -> Self {
        match error {
            ResourceError::MarkerNotFound(marker) => Self::marker_not_found(marker),
            ResourceError::Database(error) => Self::from(error),
            ResourceError::Row(error) => Self::internal(&Chain(&error)),
        }
    }
}

impl From<tokio_postgres::Error> for ApiError {
    fn from(error: tokio_postgres::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<deadpool_postgres::PoolError> for ApiError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        StoreError::from(error).into()
    }
}

/// An error with its causes, for the log.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
