//! Requests to another cloud's DNS API: the token and the catalogue of its Keystone, then the API itself.

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};
use zonelog_central::http_client::{AskError, Full, HeaderValue, HttpClient, Method, Request, StatusCode};

use super::DesignateConfig;
use crate::targets::turns::Turns;

/// How many zones are told at once.
const AT_ONCE: usize = 8;
/// The longest answer that is read: a token with a large cloud's catalogue.
const MAX_ANSWER: usize = 4 << 20;
/// How much of an answer is shown in a message.
const SHOWN: usize = 200;

/// A token and where it is good for.
#[derive(Clone, Debug)]
struct Login {
    token: HeaderValue,
    /// The API, without its version.
    api: String,
}

/// A user's way to the API, kept as long as its token is taken.
#[derive(Debug)]
pub(super) struct Session {
    config: DesignateConfig,
    /// Made at the first use, so that a file of certificates that is not there yet is an error of that use alone.
    client: OnceCell<HttpClient>,
    /// Held while a token is asked for: who comes meanwhile waits for that one.
    login: Mutex<Option<Login>>,
    pub(super) turns: Turns,
}

/// An answer of the API.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    r#type: Option<String>,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    interface: Option<String>,
    region_id: Option<String>,
    region: Option<String>,
    url: Option<String>,
}

impl Session {
    pub(super) fn new(config: &DesignateConfig) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            login: Mutex::default(),
            turns: Turns::new(AT_ONCE),
        }
    }

    /// Waits for a turn to tell a zone.
    pub(super) async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, String> {
        let timeout = self.config.timeout;
        let turn = self.turns.take(timeout).await;
        turn.ok_or_else(|| unanswered(&self.config.identity, &AskError::TooSlow(timeout)))
    }

    /// Sends a request to the API; `path` begins behind the version. A token that is not taken any more is replaced once.
    ///
    /// # Errors
    /// When there is no answer of the API: why, and what to check.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, String> {
        let login = self.login().await?;
        let reply = self.ask_as(&login, &method, path, body).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        self.forget(&login).await;
        self.ask_as(&self.login().await?, &method, path, body).await
    }

    async fn ask_as(
        &self,
        login: &Login,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, String> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/v2{path}", login.api))
            .header("x-auth-token", &login.token)
            .header("content-type", "application/json")
            .body(Full::from(body.map(Value::to_string).unwrap_or_default()))
            .map_err(|error| unanswered(&login.api, &error.into()))?;
        let answer = self
            .client()
            .await?
            .send_repeatable(request, self.config.timeout, MAX_ANSWER)
            .await;
        let answer = answer.map_err(|error| unanswered(&login.api, &error))?;
        self.turns.answered();
        // An answer that is no JSON is a proxy's, and shown as far as it is text.
        let body = serde_json::from_slice(&answer.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer.body).into_owned()));
        Ok(Reply {
            status: answer.status,
            body,
        })
    }

    async fn login(&self) -> Result<Login, String> {
        let mut login = self.login.lock().await;
        if let Some(login) = &*login {
            return Ok(login.clone());
        }
        let new = self.authenticate().await?;
        *login = Some(new.clone());
        Ok(new)
    }

    /// Forgets a token that was refused, unless another has already taken its place.
    async fn forget(&self, refused: &Login) {
        let mut login = self.login.lock().await;
        if login.as_ref().is_some_and(|known| known.token == refused.token) {
            *login = None;
        }
    }

    async fn authenticate(&self) -> Result<Login, String> {
        let config = &self.config;
        let place = &config.identity;
        let user = json!({
            "name": config.username,
            "domain": {"name": config.user_domain},
            "password": config.password.reveal(),
        });
        let project = json!({"name": config.project, "domain": {"name": config.project_domain}});
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": project},
        }});
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{place}/auth/tokens"))
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()))
            .map_err(|error| unanswered(place, &error.into()))?;
        let answer = self
            .client()
            .await?
            .send_repeatable(request, config.timeout, MAX_ANSWER)
            .await;
        let answer = answer.map_err(|error| unanswered(place, &error))?;
        if answer.status != StatusCode::CREATED {
            return Err(format!(
                "Keystone at {place} gives user {} no token for project {} ({}); check username, password, project_name and \
                 their domains",
                config.username, config.project, answer.status
            ));
        }
        let unreadable = |why: &str| format!("Keystone at {place} gives a token that cannot be read: {why}");
        let mut token = answer
            .headers
            .get("x-subject-token")
            .cloned()
            .ok_or_else(|| unreadable("its text is missing"))?;
        token.set_sensitive(true);
        let TokenAnswer { token: described } =
            serde_json::from_slice(&answer.body).map_err(|error| unreadable(&error.to_string()))?;
        let api = self.api(described.catalog).ok_or_else(|| {
            format!(
                "the catalogue of Keystone at {place} has no public endpoint of a service of type {}{}; check service_type \
                 and region_name",
                config.service_type,
                config.region.as_ref().map(|region| format!(" in region {region}")).unwrap_or_default(),
            )
        })?;
        Ok(Login { token, api })
    }

    /// The first public endpoint of the service, in the region if there is one to look for.
    fn api(&self, catalog: Vec<Service>) -> Option<String> {
        let config = &self.config;
        let endpoints = catalog
            .into_iter()
            .filter(|service| service.r#type.as_ref() == Some(&config.service_type))
            .flat_map(|service| service.endpoints);
        let url = endpoints
            .filter(|endpoint| endpoint.interface.as_deref() == Some("public"))
            .filter(|endpoint| {
                let region = endpoint.region_id.as_ref().or(endpoint.region.as_ref());
                config.region.is_none() || region == config.region.as_ref()
            })
            .find_map(|endpoint| endpoint.url)?;
        let bare = url.trim_end_matches('/');
        Some(bare.strip_suffix("/v2").unwrap_or(bare).to_owned())
    }

    async fn client(&self) -> Result<&HttpClient, String> {
        self.client
            .get_or_try_init(async || HttpClient::new(self.config.ca_file.as_deref()))
            .await
            .map_err(|error| format!("option ca_cert: {error}"))
    }
}

fn unanswered(place: &str, error: &AskError) -> String {
    let hint = match error.to_string() {
        text if text.contains("certificate") => "name the authority of its certificate in ca_cert",
        _ => "check that it runs and can be reached from here",
    };
    format!("{place}: {error}; {hint}")
}

impl Reply {
    /// What the API said, as far as it fits a message.
    pub(super) fn said(&self) -> String {
        let message = self.body.get("message").and_then(Value::as_str);
        let text = message.map_or_else(|| self.body.to_string(), str::to_owned);
        format!(
            "{} ({})",
            self.status,
            text.chars().take(SHOWN).collect::<String>()
        )
    }
}
