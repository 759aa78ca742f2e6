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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keystone::options::Secret;

    fn token(scope: Value) -> TokenBody {
        let mut token = json!({
            "expires_at": "2026-01-02T03:04:05.000000Z",
            "user": {"id": "u", "name": "somebody"},
            "methods": ["password"],
        });
        if let (Some(token), Value::Object(scope)) = (token.as_object_mut(), scope) {
            token.extend(scope);
        }
        serde_json::from_value(token).unwrap()
    }

    #[test]
    fn a_token_says_what_it_is_for() {
        let project =
            token(json!({"project": {"id": "p", "name": "x"}, "roles": [{"id": "1", "name": "member"}]}));
        assert_eq!(project.scope(), ProjectId::new("p").map(TokenScope::Project));
        assert_eq!(project.roles[0].name, "member");
        assert_eq!(
            token(json!({"system": {"all": true}})).scope(),
            Some(TokenScope::Wider)
        );
        assert_eq!(
            token(json!({"domain": {"id": "d", "name": "x"}})).scope(),
            Some(TokenScope::Wider)
        );
        assert_eq!(token(json!({})).scope(), Some(TokenScope::Nothing));
        assert_eq!(token(json!({"project": {"id": "x".repeat(99)}})).scope(), None);
    }

    #[test]
    fn of_a_catalogue_only_what_is_asked_is_kept() {
        let endpoints = |interface: &str| json!({"id": "1", "interface": interface, "region_id": "north", "region": "north", "url": format!("http://{interface}")});
        let token = token(json!({"catalog": [
            {"type": "compute", "endpoints": [endpoints("public")]},
            {"type": "network", "endpoints": [endpoints("public"), endpoints("internal"), {"id": "2"}]},
            {"type": "network", "endpoints": []},
            {"endpoints": []},
        ]}));
        let urls: Vec<&str> = token
            .catalog
            .0
            .iter()
            .map(|endpoint| endpoint.url.as_str())
            .collect();
        assert_eq!(urls, ["http://public", "http://internal"]);
        let inside: Vec<_> = token.catalog.endpoints("network", "internal").collect();
        assert_eq!((inside.len(), inside[0].region.as_str()), (1, "north"));
    }

    #[test]
    fn no_secret_is_shown() {
        let credentials = [
            Credential::Password {
                username: "zonelog".into(),
                user_domain: "Default".into(),
                project: "service".into(),
                project_domain: "Default".into(),
                password: Secret::new("hunter2"),
            },
            Credential::Application {
                id: "1".into(),
                secret: Secret::new("hunter2"),
            },
        ];
        for credential in credentials {
            assert!(!format!("{credential:?}").contains("hunter2"));
            assert!(authentication(&credential).to_string().contains("hunter2"));
        }
    }
}
