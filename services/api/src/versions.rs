//! `GET /`: which versions of the API there are. Clients read the greatest and skip what it lacks.

use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::middleware::Base;
use crate::openapi::words;

/// Id, status, and when it came, as Designate says it.
const VERSIONS: [(&str, &str, &str); 6] = [
    ("v2", "SUPPORTED", "2022-06-29T00:00:00Z"),
    ("v2.0", "SUPPORTED", "2022-06-29T00:00:00Z"),
    ("v2.1", "SUPPORTED", "2023-01-25T00:00:00Z"),
    ("v2.2", "SUPPORTED", "2024-08-13T00:00:00Z"),
    ("v2.3", "SUPPORTED", "2025-05-15T00:00:00Z"),
    ("v2.4", "CURRENT", "2026-01-15T00:00:00Z"),
];

#[derive(Serialize, ToSchema)]
pub(crate) struct Versions {
    versions: Vec<Version>,
}

#[derive(Serialize, ToSchema)]
struct Version {
    id: &'static str,
    #[schema(value_type = Vec<Link>, min_items = 2, max_items = 2)]
    links: [Link; 2],
    #[schema(value_type = words::VersionStatus)]
    status: &'static str,
    updated: &'static str,
}

#[derive(Serialize, ToSchema)]
struct Link {
    href: String,
    rel: &'static str,
}

/// `GET /`.
#[utoipa::path(get, path = "/", tag = "discovery", operation_id = "list_versions",
    summary = "List the versions of the API", responses((status = 200, body = Versions)))]
pub(crate) async fn list(Extension(Base(base)): Extension<Base>) -> Json<Versions> {
    let versions = VERSIONS.map(|(id, status, updated)| Version {
        id,
        links: [
            Link {
                href: format!("{base}/v2"),
                rel: "self",
            },
            Link {
                href: "https://docs.openstack.org/api-ref/dns".to_owned(),
                rel: "help",
            },
        ],
        status,
        updated,
    });
    Json(Versions {
        versions: versions.into(),
    })
}
