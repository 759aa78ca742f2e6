//! The API's own token, as the service user.

use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Request, StatusCode};
use chrono::TimeDelta;
use http_body_util::Full;
use tokio::sync::Mutex;
use zonelog_central::clock;
use zonelog_model::Timestamp;

use super::messages::{Body, authentication};
use super::options::Credential;
use super::{KeystoneError, MAX_ANSWER};
use zonelog_central::http_client::{AskError, HttpClient};

/// A token that ends within this time is replaced before it is used.
const MARGIN: TimeDelta = TimeDelta::seconds(30);

/// The service user's token, asked for when it is needed and no sooner.
pub(super) struct ServiceToken {
    http: HttpClient,
    base: String,
    credential: Credential,
    // Held while a token is asked for: who comes meanwhile waits for that one.
    current: Mutex<Option<Current>>,
}

struct Current {
    header: HeaderValue,
    expires_at: Timestamp,
}

impl ServiceToken {
    pub(super) fn new(http: HttpClient, base: String, credential: Credential) -> Self {
        Self {
            http,
            base,
            credential,
            current: Mutex::default(),
        }
    }

    /// A token that is valid as far as we know.
    pub(super) async fn get(&self, timeout: Duration) -> Result<HeaderValue, KeystoneError> {
        let mut current = self.current.lock().await;
        if let Some(known) = &*current
            && clock::now() + MARGIN < known.expires_at
        {
            return Ok(known.header.clone());
        }
        let new = self.authenticate(timeout).await?;
        let header = new.header.clone();
        *current = Some(new);
        Ok(header)
    }

    /// Forgets a token that was refused, unless another has already taken its place.
    pub(super) async fn forget(&self, refused: &HeaderValue) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|known| known.header == *refused) {
            *current = None;
        }
    }

    async fn authenticate(&self, timeout: Duration) -> Result<Current, KeystoneError> {
        let body = authentication(&self.credential).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/auth/tokens?nocatalog", self.base))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(AskError::from)?;
        let answer = self.http.send(request, timeout, MAX_ANSWER).await?;
        match answer.status {
            StatusCode::CREATED => {}
            status if status.is_client_error() => return Err(KeystoneError::ServiceUser(status)),
            status => return Err(KeystoneError::Status(status)),
        }
        let Body { token } = serde_json::from_slice(&answer.body)
            .map_err(|error| KeystoneError::Unreadable(error.to_string()))?;
        let header = answer.headers.get("x-subject-token").cloned();
        let mut header = header
            .ok_or_else(|| KeystoneError::Unreadable("a new token comes without its text".to_owned()))?;
        header.set_sensitive(true);
        tracing::debug!(expires_at = %token.expires_at, "the service user has a new token");
        Ok(Current {
            header,
            expires_at: token.expires_at,
        })
    }
}
