//! Requests to PowerDNS's HTTP API, a few at a time.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{OnceCell, SemaphorePermit};
use zonelog_central::http_client::{AskError, Full, HeaderValue, HttpClient, Method, Request, StatusCode};

use super::Pdns4Config;
use crate::targets::turns::Turns;

/// How many zones are told at once: with four, PowerDNS 4.7 on SQLite takes half as many again as one by one; with
/// sixteen, no more than one by one, since its database has one writer.
const AT_ONCE: usize = 4;
/// The pauses before an answer of 500 is asked for again, in milliseconds.
const LOCKED_MS: [u64; 5] = [10, 30, 90, 270, 810];
/// The longest answer that is read: a zone's description, with its records where the version cannot leave them out.
const MAX_ANSWER: usize = 64 << 20;
/// How much of an answer is shown in a message.
const SHOWN: usize = 200;

/// The API of one server.
#[derive(Debug)]
pub(super) struct Api {
    config: Pdns4Config,
    /// Made at the first use, so that a file of certificates that is not there yet is an error of that use alone.
    client: OnceCell<HttpClient>,
    turns: Turns,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

impl Api {
    pub(super) fn new(config: &Pdns4Config) -> Self {
        Self {
            config: config.clone(),
            client: OnceCell::new(),
            turns: Turns::new(AT_ONCE),
        }
    }

    /// Where it is, for messages.
    pub(super) fn place(&self) -> &str {
        self.config
            .api
            .strip_suffix("/api/v1/servers/localhost")
            .unwrap_or(&self.config.api)
    }

    /// Waits for a turn to tell a zone.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, String> {
        let timeout = self.config.timeout;
        let turn = self.turns.take(timeout).await;
        turn.ok_or_else(|| unanswered(self.place(), timeout, &AskError::TooSlow(timeout)))
    }

    /// Sends a request for a resource of the server; its body is JSON. An error within PowerDNS is mostly a database that
    /// another of its threads has locked (it says no more than 500), and gone at the next try.
    ///
    /// # Errors
    /// When there is no answer: why, and what to check.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, String> {
        for pause in LOCKED_MS {
            let reply = self.ask_once(&method, path, body).await?;
            if reply.status != StatusCode::INTERNAL_SERVER_ERROR {
                return Ok(reply);
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        self.ask_once(&method, path, body).await
    }

    async fn ask_once(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Reply, String> {
        let config = &self.config;
        let client = self
            .client
            .get_or_try_init(async || HttpClient::new(config.ca_file.as_deref()))
            .await
            .map_err(|error| format!("option api_ca_cert: {error}"))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", config.api))
            .header("x-api-key", &config.token)
            .header("content-type", HeaderValue::from_static("application/json"))
            .body(Full::from(body))
            .map_err(|error| format!("the request to {} cannot be made: {error}", self.place()))?;
        // Whatever is told here may be told twice.
        match client.send_repeatable(request, config.timeout, MAX_ANSWER).await {
            Ok(answer) => {
                self.turns.answered();
                Ok(Reply {
                    status: answer.status,
                    body: answer.body.to_vec(),
                })
            }
            Err(error) => Err(unanswered(self.place(), config.timeout, &error)),
        }
    }
}

fn unanswered(place: &str, timeout: Duration, error: &AskError) -> String {
    let (error, hint) = match error {
        AskError::TooSlow(_) => (
            format!("no answer within {} s", timeout.as_secs_f32()),
            "check that it is well: its load and its log",
        ),
        error => {
            let text = error.to_string();
            let hint = if text.contains("certificate") {
                "name the authority of its certificate in api_ca_cert, and call it by the name that the certificate has"
            } else {
                "check that it runs with `webserver=yes` and `api=yes`, and lets this machine in (`webserver-allow-from`)"
            };
            (text, hint)
        }
    };
    format!("PowerDNS at {place}: {error}; {hint}")
}

impl Reply {
    /// Whether the zone to be made is there already. (Versions before 4.2 say it with another status.)
    pub(super) fn says_exists(&self) -> bool {
        self.status == StatusCode::CONFLICT || self.says("already exists")
    }

    /// Whether the zone to be deleted is not there.
    pub(super) fn says_missing(&self) -> bool {
        self.status == StatusCode::NOT_FOUND || self.says("Could not find domain")
    }

    pub(super) fn says(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(words)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said: Option<Value> = serde_json::from_slice(&self.body).ok();
        let said = match said.as_ref().and_then(|said| said.get("error")) {
            Some(Value::String(text)) => text.clone(),
            _ => String::from_utf8_lossy(&self.body).into_owned(),
        };
        let shown: String = said.trim().chars().take(SHOWN).collect();
        write!(f, "{} ({shown})", self.status)
    }
}
