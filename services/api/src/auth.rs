//! Who asks: from a token, or, where everybody is believed, from headers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use deadpool_postgres::Pool;
use zonelog_central::clock;
use zonelog_model::ProjectId;
use zonelog_projections::api_token::{self, ApiToken};

use crate::app::App;
use crate::error::ApiError;
use crate::keystone::{Catalog, Keystone, Secret};
use crate::options::{ApiOptions, Auth};
use crate::token::TokenSecret;
use zonelog_central::http_client::HttpClientError;

/// The most tokens remembered, known or unknown; when there are more, all are forgotten.
const MOST_REMEMBERED: usize = 10_000;

/// Somebody who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: String,
    pub(crate) project: ProjectId,
    pub(crate) roles: Vec<String>,
    /// Where the other services of the caller's cloud are; empty without Keystone.
    pub(crate) catalog: Arc<Catalog>,
    /// What the caller showed, for asking other services in his name; without Keystone nobody would take it.
    pub(crate) token: Option<Arc<Secret>>,
}

/// How callers are known.
pub(crate) enum Identification {
    /// Everybody is believed.
    Believed,
    /// By Zonelog's own tokens.
    Tokens(Tokens),
    /// By Keystone's tokens, and by Zonelog's own.
    Keystone(Box<Keystone>, Tokens),
}

impl Identification {
    pub(crate) fn new(options: &ApiOptions, pool: &Pool) -> Result<Self, HttpClientError> {
        let tokens = || Tokens::new(pool.clone(), options.token_memory);
        Ok(match &options.auth {
            Auth::None => Self::Believed,
            Auth::Tokens => Self::Tokens(tokens()),
            Auth::Keystone(keystone) => Self::Keystone(Box::new(Keystone::new(keystone.clone())?), tokens()),
        })
    }

    /// Who sends a request.
    pub(crate) async fn identify(&self, headers: &HeaderMap) -> Result<Identity, ApiError> {
        let text = || {
            let text = headers.get("x-auth-token").and_then(|value| value.to_str().ok());
            text.ok_or_else(ApiError::unauthorized)
        };
        match self {
            Self::Believed => believed(headers),
            Self::Tokens(tokens) => {
                let secret = TokenSecret::parse(text()?).ok_or_else(ApiError::unauthorized)?;
                tokens.identify(&secret).await
            }
            // Our own tokens have a form that none of Keystone's has.
            Self::Keystone(keystone, tokens) => match TokenSecret::parse(text()?) {
                Some(secret) => tokens.identify(&secret).await,
                None => keystone.identify(text()?).await,
            },
        }
    }

    /// The challenge of a 401. `base` is where the caller found us.
    pub(crate) fn challenge(&self, base: &str) -> String {
        match self {
            Self::Believed | Self::Tokens(_) => format!("Keystone uri=\"{base}\""),
            Self::Keystone(keystone, _) => keystone.challenge(),
        }
    }
}

impl App {
    /// Refuses a project that Keystone does not know: 400 `invalid_project`; 504 when Keystone cannot be asked. Without
    /// Keystone every project is taken.
    pub(crate) async fn verify_project(&self, project: &ProjectId) -> Result<(), ApiError> {
        match &self.identification {
            Identification::Keystone(keystone, _) => keystone.verify_project(project).await,
            Identification::Believed | Identification::Tokens(_) => Ok(()),
        }
    }
}

/// The caller of an installation that lets everybody in, with Designate's defaults.
fn believed(headers: &HeaderMap) -> Result<Identity, ApiError> {
    let header = |name: &str, default: &str| -> Result<String, ApiError> {
        let Some(value) = headers.get(name) else {
            return Ok(default.to_owned());
        };
        let text = value
            .to_str()
            .map_err(|_| ApiError::bad("bad_request", format!("{name} is not plain text")))?;
        Ok(text.trim().to_owned())
    };
    let project = header("x-auth-project-id", "noauth-project")?;
    let roles = header("x-roles", "admin")?;
    Ok(Identity {
        user: header("x-auth-user-id", "noauth-user")?,
        project: project_id("X-Auth-Project-ID", &project)?,
        roles: roles
            .split(',')
            .map(|role| role.trim().to_ascii_lowercase())
            .filter(|role| !role.is_empty())
            .collect(),
        catalog: Arc::default(),
        token: header_token(headers).map(Arc::new),
    })
}

/// A token that an installation which asks for none is shown all the same: other services may want it.
fn header_token(headers: &HeaderMap) -> Option<Secret> {
    let text = headers.get("x-auth-token")?.to_str().ok()?;
    Some(Secret::new(text))
}

/// Reads a project's id from a header.
pub(crate) fn project_id(header: &str, text: &str) -> Result<ProjectId, ApiError> {
    ProjectId::new(text).ok_or_else(|| {
        let most = ProjectId::MAX_LENGTH;
        ApiError::bad(
            "invalid_project",
            format!("{header} must have 1 to {most} characters and no control characters"),
        )
    })
}

/// The roles of one of our own tokens with those that Keystone lists beside them by default: an admin is a member, and a
/// member a reader. What reads a token of Keystone's implies nothing: Keystone has.
fn with_implied(roles: &[String]) -> Vec<String> {
    let mut roles: Vec<String> = roles.iter().map(|role| role.to_ascii_lowercase()).collect();
    for (role, implied) in [("admin", "member"), ("member", "reader")] {
        if roles.iter().any(|own| own == role) && !roles.iter().any(|own| own == implied) {
            roles.push(implied.to_owned());
        }
    }
    roles
}

/// Zonelog's own tokens, with a short memory, so that a busy caller's token is not looked up for every request.
pub(crate) struct Tokens {
    pool: Pool,
    memory: Duration,
    // Held for a look-up only, never across an await.
    remembered: Mutex<HashMap<[u8; 32], Remembered>>,
}

struct Remembered {
    token: Option<Arc<ApiToken>>,
    until: Instant,
}

impl Tokens {
    fn new(pool: Pool, memory: Duration) -> Self {
        Self {
            pool,
            memory,
            remembered: Mutex::default(),
        }
    }

    /// The caller who has a token.
    async fn identify(&self, secret: &TokenSecret) -> Result<Identity, ApiError> {
        let digest = secret.digest();
        let token = match self.recall(&digest) {
            Some(token) => token,
            None => {
                let token = self.look_up(&digest).await?.map(Arc::new);
                self.remember(digest, token.clone());
                token
            }
        };
        match token {
            Some(token) if token.is_valid(clock::now()) => Ok(Identity {
                user: token.name.clone(),
                project: token.project.clone(),
                roles: with_implied(&token.roles),
                catalog: Arc::default(),
                token: None,
            }),
            _ => Err(ApiError::unauthorized()),
        }
    }

    async fn look_up(&self, digest: &[u8; 32]) -> Result<Option<ApiToken>, ApiError> {
        let client = self.pool.get().await?;
        Ok(api_token::lookup(&**client, digest).await?)
    }

    fn recall(&self, digest: &[u8; 32]) -> Option<Option<Arc<ApiToken>>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let found = remembered.get(digest)?;
        (Instant::now() < found.until).then(|| found.token.clone())
    }

    fn remember(&self, digest: [u8; 32], token: Option<Arc<ApiToken>>) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(
            digest,
            Remembered {
                token,
                until: Instant::now() + self.memory,
            },
        );
    }
}
