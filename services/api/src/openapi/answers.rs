//! Errors and headers, described once.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::IntoResponses;
use utoipa::openapi::{Ref, RefOr, Response};

/// An error's status, the name of its description, and when it comes.
pub(super) const ERRORS: [(&str, &str, &str); 14] = [
    (
        "400",
        "BadRequest",
        "The request is wrong: `type` and `message` say how, or `errors` says where.",
    ),
    (
        "401",
        "Unauthorized",
        "The request has no token, or one that is not valid.",
    ),
    (
        "403",
        "Forbidden",
        "Policy or ownership forbids it. A header or parameter that widens the request, and that the caller may not use, \
         is refused without a body.",
    ),
    (
        "404",
        "NotFound",
        "It is not there, or the caller does not see it.",
    ),
    (
        "406",
        "NotAcceptable",
        "The request's `Accept` leaves out what the answer would be.",
    ),
    (
        "408",
        "RequestTimeout",
        "The request's body took too long to arrive.",
    ),
    ("409", "Conflict", "It is there already."),
    (
        "413",
        "TooMuch",
        "The body is too large, or a quota would be exceeded (`over_quota`).",
    ),
    (
        "415",
        "UnsupportedMediaType",
        "The body's content type is not one that is taken here.",
    ),
    (
        "422",
        "KeyReused",
        "The idempotency key was used for another request.",
    ),
    (
        "429",
        "TooManyRequests",
        "The project sends requests faster than it may.",
    ),
    (
        "500",
        "InternalError",
        "The installation is at fault: its log says more under the request's id.",
    ),
    (
        "503",
        "Unavailable",
        "It cannot be done at the moment and nothing was changed: the database is away, the queue is full, or the API is \
         closed for maintenance.",
    ),
    (
        "504",
        "Timeout",
        "It took too long, or a service that must be asked is away. A change may still take effect.",
    ),
];

/// The descriptions of errors: `components.responses`.
pub(super) fn errors() -> Value {
    let mut described = serde_json::Map::new();
    for (status, name, when) in ERRORS {
        let shape = match status {
            "401" => "UnauthorizedBody",
            _ => "Fault",
        };
        let schema = json!({"$ref": format!("#/components/schemas/{shape}")});
        let mut response = json!({"description": when, "content": {"application/json": {"schema": schema}}});
        let header = |name: &str| json!({"$ref": format!("#/components/headers/{name}")});
        match status {
            "401" => response["headers"] = json!({"WWW-Authenticate": header("WWW-Authenticate")}),
            "429" | "503" => response["headers"] = json!({"Retry-After": header("Retry-After")}),
            "403" => {
                let empty = json!({"schema": {"type": "string", "maxLength": 0}});
                response["content"]["text/html"] = empty;
            }
            _ => {}
        }
        described.insert(name.to_owned(), response);
    }
    Value::Object(described)
}

/// The descriptions of headers: `components.headers`.
pub(super) fn headers() -> Value {
    let header = |description: &str, schema: Value| json!({"description": description, "schema": schema});
    json!({
        "X-OpenStack-Request-ID": header(
            "The request's id, which the log and the events of the change have too.",
            json!({"type": "string", "pattern": "^req-[0-9a-f-]{36}$"}),
        ),
        "Location": header("Where it is.", json!({"type": "string", "format": "uri"})),
        "Retry-After": header("After how many seconds to try again.", json!({"type": "integer", "minimum": 1})),
        "WWW-Authenticate": header("Where a token comes from.", json!({"type": "string", "pattern": "^Keystone"})),
        "Idempotency-Replayed": header(
            "The answer is the one that an earlier request with the same key got.",
            json!({"type": "string", "enum": ["true"]}),
        ),
    })
}

/// Where an error is described.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/responses/{name}")})
}

macro_rules! error {
    ($($(#[$doc:meta])+ $name:ident = $status:literal $described:literal;)+) => {$(
        $(#[$doc])+
        pub(crate) enum $name {}

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([($status.to_owned(), Ref::from_response_name($described).into())])
            }
        }
    )+};
}

error! {
    /// 404 of a path that names nothing that may be missing.
    NotFound = "404" "NotFound";
    /// 409.
    Conflict = "409" "Conflict";
    /// 413 by a quota.
    OverQuota = "413" "TooMuch";
}
