//! A client of the REST API, as small as a test needs it.

use std::net::SocketAddr;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// The API of one Zonelog, with a token.
#[derive(Clone, Debug)]
pub struct Rest {
    client: reqwest::Client,
    base: String,
    token: String,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body; `Null` when there is none or it is no JSON.
    pub body: Value,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
}

impl Rest {
    /// The API at `address`.
    pub fn new(address: SocketAddr, token: impl Into<String>) -> Self {
        Self {
            client: reqwest::Client::new(),
            base: format!("http://{address}"),
            token: token.into(),
        }
    }

    /// A request with the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .header("X-Auth-Token", &self.token)
    }

    /// Sends a request with a JSON body (`Null`: none). An error is one of the connection.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> reqwest::Result<Answer> {
        let mut request = self.request(method, path);
        if !body.is_null() {
            request = request.json(body);
        }
        Self::read(request).await
    }

    /// Sends a prepared request and reads the answer.
    pub async fn read(request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(Answer {
            status,
            body,
            headers,
        })
    }

    /// `GET`, which must succeed in reaching the API.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &Value::Null)
            .await
            .expect("the API answers")
    }

    /// Makes a zone, which must be accepted, and gives its id.
    pub async fn create_zone(&self, name: &str) -> String {
        let body = json!({ "name": name, "email": "hostmaster@example.org" });
        let answer = self
            .send(Method::POST, "/v2/zones", &body)
            .await
            .expect("the API answers");
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
        answer.body["id"].as_str().expect("a zone has an id").to_owned()
    }

    /// Makes a recordset, which must be accepted, and gives its id.
    pub async fn create_recordset(&self, zone: &str, name: &str, rrtype: &str, records: &[&str]) -> String {
        let body = json!({ "name": name, "type": rrtype, "records": records });
        let path = format!("/v2/zones/{zone}/recordsets");
        let answer = self
            .send(Method::POST, &path, &body)
            .await
            .expect("the API answers");
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
        answer.body["id"]
            .as_str()
            .expect("a recordset has an id")
            .to_owned()
    }

    /// The status of a zone or recordset at `path`: `ACTIVE`, `PENDING`, `ERROR`; `404` when it is gone.
    pub async fn status(&self, path: &str) -> String {
        let answer = self.get(path).await;
        match answer.body["status"].as_str() {
            Some(status) if answer.status.is_success() => status.to_owned(),
            _ => answer.status.as_u16().to_string(),
        }
    }
}
