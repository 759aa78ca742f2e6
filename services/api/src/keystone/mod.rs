//! Keystone: who has a token, and whether a project is there.
//!
//! A token is asked for once and remembered, for as long as the options say and never beyond its own end; requests with
//! one token at a time are one question. The API asks as a service user, and gets a new token for itself when its own
//! has ended or is refused. When Keystone does not answer, nobody is let in whose token is not remembered, and the
//! caller is told 504.

mod catalog;
mod messages;
mod options;
mod service_token;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, Method, Request, StatusCode};
use form_urlencoded::byte_serialize;
use http_body_util::Full;
use moka::Expiry;
use moka::future::Cache;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zonelog_central::clock;
use zonelog_model::{ProjectId, Timestamp};

pub(crate) use catalog::Catalog;
pub use options::{Credential, KeystoneOptions, Secret};

use crate::auth::Identity;
use crate::error::ApiError;
use messages::{Body, TokenScope};
use service_token::ServiceToken;
use zonelog_central::http_client::{Answer, AskError, HttpClient, HttpClientError};

/// How long it is remembered that a token is none: short, as a bad token is soon replaced.
const REFUSAL_MEMORY: Duration = Duration::from_secs(10);
/// How long a project that is there is not asked for again.
const PROJECT_MEMORY: Duration = Duration::from_secs(60);
const MAX_PROJECTS: u64 = 1_000;
/// The largest answer taken, in bytes: a token with the catalogue of a large cloud is a tenth of it.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// The longest token: a header is not longer.
const MAX_TOKEN: usize = 16 * 1024;

/// Why Keystone said nothing.
#[derive(Clone, Debug, Error)]
enum KeystoneError {
    #[error("{0}")]
    NotAsked(Arc<AskError>),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("it refuses the service user ({0}): check the credentials of [keystone]")]
    ServiceUser(StatusCode),
    #[error("its answer cannot be understood: {0}")]
    Unreadable(String),
    #[error("no answer within {0:?}")]
    TooSlow(Duration),
}

impl From<AskError> for KeystoneError {
    fn from(error: AskError) -> Self {
        Self::NotAsked(Arc::new(error))
    }
}

/// A client of one Keystone.
pub(crate) struct Keystone {
    options: KeystoneOptions,
    base: String,
    http: HttpClient,
    service: ServiceToken,
    tokens: Cache<[u8; 32], Known>,
    projects: Cache<ProjectId, ()>,
}

/// What is known of a token.
#[derive(Clone)]
enum Known {
    Valid(Arc<Token>),
    /// Keystone knows no such token, or it has ended or was revoked.
    Refused,
}

/// A valid token.
struct Token {
    user: String,
    scope: TokenScope,
    roles: Vec<String>,
    catalog: Arc<Catalog>,
    expires_at: Timestamp,
}

impl Keystone {
    /// A client; asks nothing yet.
    pub(crate) fn new(options: KeystoneOptions) -> Result<Self, HttpClientError> {
        let http = HttpClient::new(options.ca_file.as_deref())?;
        let base = options.base();
        let tokens = Cache::builder()
            .max_capacity(options.max_tokens)
            .expire_after(Memory(options.token_memory))
            .build();
        let projects = Cache::builder()
            .max_capacity(MAX_PROJECTS)
            .time_to_live(PROJECT_MEMORY)
            .build();
        Ok(Self {
            service: ServiceToken::new(http.clone(), base.clone(), options.credential.clone()),
            options,
            base,
            http,
            tokens,
            projects,
        })
    }

    /// The challenge of a 401, as keystonemiddleware writes it.
    pub(crate) fn challenge(&self) -> String {
        let uri = self.options.www_authenticate_uri.as_deref();
        format!("Keystone uri=\"{}\"", uri.unwrap_or(&self.options.auth_url))
    }

    /// The caller that a token is of: 401 when it is not valid, 403 when it is not of a project, 504 when Keystone does
    /// not say.
    pub(crate) async fn identify(&self, text: &str) -> Result<Identity, ApiError> {
        if text.is_empty() || text.len() > MAX_TOKEN {
            return Err(ApiError::unauthorized());
        }
        let key: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let known = self.tokens.try_get_with(key, self.validate(text)).await;
        let token = match known.map_err(|error| communication_failure(&error))? {
            Known::Valid(token) if clock::now() < token.expires_at => token,
            Known::Valid(_) | Known::Refused => return Err(ApiError::unauthorized()),
        };
        let project = match &token.scope {
            TokenScope::Project(project) => project.clone(),
            TokenScope::Wider => {
                return Err(ApiError::new(
                    StatusCode::FORBIDDEN,
                    "invalid_token_scope",
                    "The token is for the system or a domain; ask with one for a project",
                ));
            }
            TokenScope::Nothing => {
                return Err(ApiError::new(
                    StatusCode::UNAUTHORIZED,
                    "missing_project_id",
                    "A project ID must be specified when not using a project scoped token.",
                ));
            }
        };
        Ok(Identity {
            user: token.user.clone(),
            project,
            roles: token.roles.clone(),
            catalog: Arc::clone(&token.catalog),
            token: Some(Arc::new(Secret::new(text))),
        })
    }

    async fn validate(&self, text: &str) -> Result<Known, KeystoneError> {
        // What cannot stand in a header is no token.
        let Ok(mut subject) = HeaderValue::try_from(text) else {
            return Ok(Known::Refused);
        };
        subject.set_sensitive(true);
        let answer = self.ask("/auth/tokens", Some(subject)).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(Known::Refused),
            status => return Err(KeystoneError::Status(status)),
        }
        let Body { token } = serde_json::from_slice(&answer.body)
            .map_err(|error| KeystoneError::Unreadable(error.to_string()))?;
        let scope = token.scope().ok_or_else(|| {
            KeystoneError::Unreadable(format!(
                "its project's id has more than {} characters",
                ProjectId::MAX_LENGTH
            ))
        })?;
        Ok(Known::Valid(Arc::new(Token {
            scope,
            user: token.user.id,
            roles: token.roles.into_iter().map(|role| role.name).collect(),
            catalog: Arc::new(token.catalog),
            expires_at: token.expires_at,
        })))
    }

    /// Refuses a project that Keystone does not know (400 `invalid_project`). When it does not tell us (403 and others)
    /// the project is taken, as in Designate; when it cannot be reached, 504.
    pub(crate) async fn verify_project(&self, project: &ProjectId) -> Result<(), ApiError> {
        if self.projects.get(project).await.is_some() {
            return Ok(());
        }
        if matches!(project.as_str(), "." | "..") {
            return Err(invalid_project(project));
        }
        let id: String = byte_serialize(project.as_str().as_bytes()).collect();
        // A form writes a space as a plus sign, which a path takes for itself.
        let path = format!("/projects/{}", id.replace('+', "%20"));
        let answer = self.ask(&path, None).await;
        match answer.map_err(|error| communication_failure(&error))?.status {
            StatusCode::OK => {
                self.projects.insert(project.clone(), ()).await;
                Ok(())
            }
            StatusCode::NOT_FOUND => Err(invalid_project(project)),
            status => {
                tracing::info!(project = project.as_str(), %status,
                    "Keystone does not say whether the project exists; it is taken");
                Ok(())
            }
        }
    }

    /// Asks as the service user; once more with a new token when its own is refused. Bounded in time as a whole.
    async fn ask(&self, path: &str, subject: Option<HeaderValue>) -> Result<Answer, KeystoneError> {
        let timeout = self.options.timeout;
        let asking = async {
            let own = self.service.get(timeout).await?;
            let answer = self.ask_with(&own, path, subject.clone()).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            self.service.forget(&own).await;
            let own = self.service.get(timeout).await?;
            let answer = self.ask_with(&own, path, subject).await?;
            match answer.status {
                StatusCode::UNAUTHORIZED => Err(KeystoneError::ServiceUser(answer.status)),
                _ => Ok(answer),
            }
        };
        tokio::time::timeout(timeout, asking)
            .await
            .unwrap_or(Err(KeystoneError::TooSlow(timeout)))
    }

    async fn ask_with(
        &self,
        own: &HeaderValue,
        path: &str,
        subject: Option<HeaderValue>,
    ) -> Result<Answer, KeystoneError> {
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(format!("{}{path}", self.base))
            .header("accept", "application/json")
            .header("x-auth-token", own.clone());
        if let Some(subject) = subject {
            request = request.header("x-subject-token", subject);
        }
        let request = request.body(Full::default()).map_err(AskError::from)?;
        Ok(self.http.send(request, self.options.timeout, MAX_ANSWER).await?)
    }
}

fn invalid_project(project: &ProjectId) -> ApiError {
    let message = format!("{} is not a valid project ID.", project.as_str());
    ApiError::bad("invalid_project", message)
}

/// 504. The log says why; the caller need not know where Keystone is.
fn communication_failure(error: &KeystoneError) -> ApiError {
    tracing::error!(%error, "Keystone did not answer a question");
    ApiError::new(
        StatusCode::GATEWAY_TIMEOUT,
        "keystone_communication_failure",
        "Keystone does not answer at the moment; try again",
    )
}

/// How long what is known of a token is remembered.
struct Memory(Duration);

impl Expiry<[u8; 32], Known> for Memory {
    fn expire_after_create(&self, _: &[u8; 32], known: &Known, _: Instant) -> Option<Duration> {
        Some(match known {
            Known::Valid(token) => {
                let left = token.expires_at - clock::now();
                left.to_std().unwrap_or_default().min(self.0)
            }
            Known::Refused => REFUSAL_MEMORY.min(self.0),
        })
    }
}
