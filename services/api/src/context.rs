//! What a request may do, and where its caller found us.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use zonelog_central::{Scope, ids};
use zonelog_model::{Actor, Door, Metadata};
use zonelog_projections::listing::Sight;

use crate::auth::{Identity, project_id};
use crate::error::ApiError;
use crate::query::Query;

/// The circumstances of one request, made by the middleware.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    actor: Actor,
    all_projects: bool,
    edit_managed: bool,
    /// The id that the caller is told.
    pub(crate) request_id: Arc<str>,
    /// The address before every link.
    pub(crate) base: Arc<str>,
}

impl Context {
    /// Reads the headers and query parameters that widen a request. Only an admin may send them.
    pub(crate) fn new(
        identity: Identity,
        headers: &HeaderMap,
        uri: &Uri,
        request_id: Arc<str>,
        base: Arc<str>,
    ) -> Result<Self, ApiError> {
        let query = uri.query().map(|query| Query::parse(Some(query)));
        let asked = |header: &str, parameters: &[&str]| {
            headers
                .get(header)
                .and_then(|value| value.to_str().ok())
                .is_some_and(is_true)
                || query.as_ref().is_some_and(|query| {
                    parameters
                        .iter()
                        .any(|parameter| query.get(parameter).is_some_and(is_true))
                })
        };
        let all_projects = asked("x-auth-all-projects", &["all_projects", "all_tenants"]);
        let edit_managed = asked("x-designate-edit-managed-records", &["edit_managed_records"]);
        let hard_delete = asked("x-designate-hard-delete", &[]);
        let sudo = ["x-auth-sudo-project-id", "x-auth-sudo-tenant-id"]
            .iter()
            .find_map(|name| headers.get(*name));
        let Identity {
            user,
            mut project,
            roles,
        } = identity;
        let is_admin = roles.iter().any(|role| role == "admin");
        if !is_admin && (all_projects || edit_managed || hard_delete || sudo.is_some()) {
            return Err(ApiError::forbidden_header());
        }
        if let Some(sudo) = sudo {
            project = project_id("X-Auth-Sudo-Project-ID", sudo.to_str().unwrap_or_default().trim())?;
        }
        let actor = Actor {
            user,
            project,
            roles,
            door: Door::Api,
        };
        Ok(Self {
            actor,
            all_projects,
            edit_managed,
            request_id,
            base,
        })
    }

    /// Who asks.
    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Whose objects the request sees.
    pub(crate) fn sight(&self) -> Sight<'_> {
        if self.all_projects {
            Sight::AllProjects
        } else {
            Sight::Project(self.actor.project.as_str())
        }
    }

    /// Whose zones the request may change.
    pub(crate) fn scope(&self) -> Scope {
        if self.all_projects {
            Scope::AllProjects
        } else {
            Scope::Project
        }
    }

    /// Whether it may change managed recordsets.
    pub(crate) fn may_edit_managed(&self) -> bool {
        self.edit_managed
    }

    /// Whether it may go below the minimal TTL.
    pub(crate) fn may_use_low_ttl(&self) -> bool {
        self.actor.roles.iter().any(|role| role == "admin")
    }

    /// Refuses a caller who may only read.
    pub(crate) fn require_write(&self) -> Result<(), ApiError> {
        let may_write = self.actor.roles.iter().any(|role| role != "reader");
        if may_write {
            Ok(())
        } else {
            Err(ApiError::forbidden())
        }
    }

    /// What the events of a change will carry.
    pub(crate) fn metadata(&self) -> Metadata {
        Metadata {
            actor: self.actor.clone(),
            change_id: ids::change_id(),
            request_id: Some(self.request_id.to_string()),
            cause: None,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // The middleware puts one into every request below /v2.
        parts.extensions.remove().ok_or_else(ApiError::unauthorized)
    }
}

/// What OpenStack's services take for true in a header or parameter.
pub(crate) fn is_true(text: &str) -> bool {
    ["1", "t", "true", "on", "y", "yes"]
        .iter()
        .any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// Whether the caller wants a list without its count.
pub(crate) struct HideCounts(pub(crate) bool);

impl<S: Sync> FromRequestParts<S> for HideCounts {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = parts.headers.get("openstack-dns-hide-counts");
        Ok(Self(
            header.and_then(|value| value.to_str().ok()).is_some_and(is_true),
        ))
    }
}
