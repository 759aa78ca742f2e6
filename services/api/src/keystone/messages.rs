//! What is said to Keystone and what it answers (Identity API v3).

use serde::Deserialize;
use serde_json::{Value, json};
use zonelog_model::{ProjectId, Timestamp};

use super::catalog::Catalog;
use super::options::Credential;

/// The body that asks for a token.
pub(super) fn authentication(credential: &Credential) -> Value {
    match credential {
        Credential::Password {
            username,
            user_domain,
            project,
            project_domain,
            password,
        } => {
            let user = json!({
                "name": username,
                "domain": {"name": user_domain},
                "password": password.reveal(),
            });
            let project = json!({"name": project, "domain": {"name": project_domain}});
            json!({"auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": project},
            }})
        }
        Credential::Application { id, secret } => json!({"auth": {
            "identity": {
                "methods": ["application_credential"],
                "application_credential": {"id": id, "secret": secret.reveal()},
            },
        }}),
    }
}

/// A token as Keystone describes it.
#[derive(Debug, Deserialize)]
pub(super) struct Body {
    pub(super) token: TokenBody,
}

/// What of a token counts here.
#[derive(Debug, Deserialize)]
pub(super) struct TokenBody {
    pub(super) expires_at: Timestamp,
    pub(super) user: Named,
    pub(super) project: Option<Named>,
    pub(super) domain: Option<Named>,
    pub(super) system: Option<Value>,
    #[serde(default)]
    pub(super) roles: Vec<Role>,
    #[serde(default)]
    pub(super) catalog: Catalog,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Role {
    pub(super) name: String,
}

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenScope {
    Project(ProjectId),
    /// The system, or a domain.
    Wider,
    /// Nothing: it only says who somebody is.
    Nothing,
}

impl TokenBody {
    /// The scope; `None` when the project's id is none that we can keep.
    pub(super) fn scope(&self) -> Option<TokenScope> {
        match &self.project {
            Some(project) => ProjectId::new(&*project.id).map(TokenScope::Project),
            None if self.system.is_some() || self.domain.is_some() => Some(TokenScope::Wider),
            None => Some(TokenScope::Nothing),
        }
    }
}
