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
use crate::keystone::{Catalog, Secret};
use crate::policy::{Credentials, Policy, Target};
use crate::query::Query;

/// The circumstances of one request, made by the middleware.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    actor: Actor,
    catalog: Arc<Catalog>,
    token: Option<Arc<Secret>>,
    policy: Arc<Policy>,
    sudo: bool,
    all_projects: bool,
    edit_managed: bool,
    delete_shares: bool,
    hard_delete: bool,
    /// The id that the caller is told.
    pub(crate) request_id: Arc<str>,
    /// The address before every link.
    pub(crate) base: Arc<str>,
}

impl Context {
    /// Reads the headers and query parameters that widen a request. Policy says who may send them; who may not gets an
    /// empty 403.
    pub(crate) fn new(
        identity: Identity,
        policy: Arc<Policy>,
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
        let sudo = ["x-auth-sudo-project-id", "x-auth-sudo-tenant-id"]
            .iter()
            .find_map(|name| headers.get(*name));
        let Identity {
            user,
            project,
            roles,
            catalog,
            token,
        } = identity;
        let actor = Actor {
            user,
            project,
            roles,
            door: Door::Api,
        };
        let mut context = Self {
            actor,
            catalog,
            token,
            policy,
            sudo: false,
            all_projects: false,
            edit_managed: false,
            delete_shares: asked("x-designate-delete-shares", &[]),
            hard_delete: false,
            request_id,
            base,
        };
        if let Some(sudo) = sudo {
            context.require_header("use_sudo")?;
            let project = sudo.to_str().unwrap_or_default().trim();
            context.actor.project = project_id("X-Auth-Sudo-Project-ID", project)?;
            context.sudo = true;
        }
        if asked("x-auth-all-projects", &["all_projects", "all_tenants"]) {
            context.require_header("all_tenants")?;
            context.all_projects = true;
        }
        if asked("x-designate-edit-managed-records", &["edit_managed_records"]) {
            context.require_header("edit_managed_records")?;
            context.edit_managed = true;
        }
        if asked("x-designate-hard-delete", &[]) {
            context.require_header("hard_delete")?;
            context.hard_delete = true;
        }
        Ok(context)
    }

    fn require_header(&self, rule: &'static str) -> Result<(), ApiError> {
        match self.allows(rule, &Target::default()) {
            true => Ok(()),
            false => Err(ApiError::forbidden_header()),
        }
    }

    /// Refuses what policy does not allow: 403 `forbidden`. `rule` is one of Designate's (`create_zone`). An empty target
    /// is the caller's own project.
    pub(crate) fn enforce(&self, rule: &'static str, target: &Target<'_>) -> Result<(), ApiError> {
        match self.allows(rule, target) {
            true => Ok(()),
            false => Err(ApiError::forbidden()),
        }
    }

    /// Whether policy allows something, where the answer is more than yes or 403. A rule that does not exist allows
    /// nobody.
    pub(crate) fn allows(&self, rule: &'static str, target: &Target<'_>) -> bool {
        let own = Target {
            all_tenants: Some(self.all_projects),
            ..Target::of_project(self.actor.project.as_str())
        };
        let target = if *target == Target::default() {
            &own
        } else {
            target
        };
        let allowed = self.policy.allows(rule, &self.credentials(), target);
        if allowed.is_none() {
            tracing::error!(rule, "a request asked for a policy rule that does not exist");
        }
        allowed.unwrap_or(false)
    }

    /// Whether policy allows something whatever the values are that the target leaves out. `None`: that depends on them.
    pub(crate) fn foresees(&self, rule: &'static str, target: &Target<'_>) -> Option<bool> {
        self.policy.foresees(rule, &self.credentials(), target)
    }

    /// As [`Self::enforce`], before all is known of the target: refuses what will be refused in any case.
    pub(crate) fn enforce_foreseen(&self, rule: &'static str, target: &Target<'_>) -> Result<(), ApiError> {
        match self.foresees(rule, target) {
            Some(false) => Err(ApiError::forbidden()),
            Some(true) | None => Ok(()),
        }
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            user: &self.actor.user,
            project: &self.actor.project,
            roles: &self.actor.roles,
            all_projects: self.all_projects,
        }
    }

    /// Who asks.
    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Where the other services of the caller's cloud are; empty without Keystone.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The caller's Keystone token, for asking other services in his name.
    pub(crate) fn token(&self) -> Option<&Secret> {
        self.token.as_deref()
    }

    /// Whether the caller acts in a project that is not his token's (`X-Auth-Sudo-Project-ID`).
    pub(crate) fn is_sudo(&self) -> bool {
        self.sudo
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

    /// Whether it asks for the objects of all projects (`X-Auth-All-Projects`).
    pub(crate) fn is_for_all_projects(&self) -> bool {
        self.all_projects
    }

    /// Whether it may change managed recordsets.
    pub(crate) fn may_edit_managed(&self) -> bool {
        self.edit_managed
    }

    /// Whether a zone is deleted together with its shares (`X-Designate-Delete-Shares`).
    pub(crate) fn delete_shares(&self) -> bool {
        self.delete_shares
    }

    /// Whether a zone's file goes with it at the name servers (`X-Designate-Hard-Delete`).
    pub(crate) fn hard_delete(&self) -> bool {
        self.hard_delete
    }

    /// Whether it may go below the minimal TTL.
    pub(crate) fn may_use_low_ttl(&self) -> bool {
        self.allows("use_low_ttl", &Target::default())
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
