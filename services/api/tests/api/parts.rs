//! An API with a database of its own.

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_api::{Api, ApiOptions, Auth, NameServer};
use zonelog_central::{Central, CentralOptions, TimerOptions};
use zonelog_dns::{Name, Ttl};
use zonelog_model::PoolId;
use zonelog_model::zone::{Limits, PoolFacts};
use zonelog_store::{Database, WriterOptions};
use zonelog_test_parts::TestDatabase;

/// The pool of every test.
pub(crate) const POOL: Uuid = Uuid::from_u128(0x794ccc2c_d751_44fe_b57f_8894c9f5c842);

/// The API, running until it is dropped.
pub(crate) struct TestApi {
    /// `http://127.0.0.1:port`
    pub(crate) base: String,
    /// Follows no redirects.
    pub(crate) http: Client,
    database: Option<TestDatabase>,
    shutdown: CancellationToken,
}

/// An answer with its body read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header as text; empty when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks the status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// Checks that this is an error of a status and type in Designate's shape.
    #[track_caller]
    pub(crate) fn expect_error(self, status: u16, kind: &str) -> Value {
        let body = self.json();
        assert_eq!(
            (self.status.as_u16(), body["type"].as_str()),
            (status, Some(kind)),
            "{}",
            self.text
        );
        assert_eq!(body["code"], status);
        assert_eq!(
            body["request_id"],
            self.header("x-openstack-request-id"),
            "{self:?}"
        );
        assert!(body["request_id"].as_str().unwrap().starts_with("req-"));
        assert_eq!(self.header("content-type"), "application/json");
        body
    }

    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn options() -> ApiOptions {
    ApiOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        auth: Auth::None,
        nameservers: vec![
            NameServer {
                hostname: "ns1.example.org.".into(),
                priority: 1,
            },
            NameServer {
                hostname: "ns2.example.org.".into(),
                priority: 2,
            },
        ],
        ..ApiOptions::default()
    }
}

/// Central with that pool and the usual limits.
pub(crate) fn central_options() -> CentralOptions {
    let writer = WriterOptions {
        submit_timeout: Duration::from_secs(3),
        ..WriterOptions::default()
    };
    CentralOptions {
        limits: Limits {
            default_ttl: Ttl::new(3600).unwrap(),
            min_ttl: Ttl::new(0).unwrap(),
            max_zone_name_length: 255,
            max_recordset_name_length: 255,
        },
        pool: PoolFacts {
            id: PoolId::new(POOL),
            nameservers: ["ns1.example.org.", "ns2.example.org."]
                .map(|name| Name::parse(name).unwrap())
                .into(),
        },
        timers: TimerOptions {
            refresh_min: 3_550,
            refresh_max: 3_550,
            ..TimerOptions::default()
        },
        writer,
    }
}

impl TestApi {
    /// An API that lets everybody in.
    pub(crate) async fn start() -> Self {
        Self::with(options()).await
    }

    /// An API with these options.
    pub(crate) async fn with(options: ApiOptions) -> Self {
        let database = TestDatabase::new().await;
        let mut api = Self::on(database.url(), options);
        api.database = Some(database);
        api
    }

    /// An API on a database that somebody else keeps.
    pub(crate) fn on(url: &str, options: ApiOptions) -> Self {
        let shutdown = CancellationToken::new();
        let database = Database::new(url, "zonelog-api-test").unwrap();
        let central = Central::start(database.clone(), central_options(), shutdown.clone());
        let api = Api::bind(options, central, &database).unwrap();
        let base = format!("http://{}", api.local_addr());
        tokio::spawn(api.run(shutdown.clone()));
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            base,
            http,
            database: None,
            shutdown,
        }
    }

    pub(crate) fn database(&self) -> &TestDatabase {
        self.database.as_ref().unwrap()
    }

    /// Stops it and waits until its port is closed.
    pub(crate) async fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Sends a request with headers.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, &[], Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// Makes a zone and returns its id.
    pub(crate) async fn zone(&self, name: &str) -> String {
        self.post("/v2/zones", &json!({"name": name, "email": "host@example.org"}))
            .await
            .expect(202)
            .id()
    }

    /// Makes a recordset and returns its id.
    pub(crate) async fn recordset(&self, zone: &str, name: &str, rrtype: &str, records: &[&str]) -> String {
        let body = json!({"name": name, "type": rrtype, "records": records});
        self.post(&format!("/v2/zones/{zone}/recordsets"), &body)
            .await
            .expect(202)
            .id()
    }

    /// Registers a name server that serves the log up to `position`.
    pub(crate) async fn server_at(&self, position: i64) {
        let owner = self.database().owner().await;
        owner
            .execute(
                "insert into server_checkpoint (server, pool, position, updated_at) values ('ns1', $1, $2, now()) \
                 on conflict (server) do update set position = excluded.position",
                &[&POOL, &position],
            )
            .await
            .unwrap();
    }

    /// The head of the log.
    pub(crate) async fn head(&self) -> i64 {
        let client = self.database().client().await;
        client
            .query_one("select position from feed_head where feed = 0", &[])
            .await
            .unwrap()
            .get(0)
    }
}

impl Drop for TestApi {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Replaces what differs from run to run by names.
pub(crate) fn golden(answer: &Answer, api: &TestApi, names: &[(&str, &str)]) -> String {
    let mut text = answer.text.replace(&api.base, "BASE");
    for (value, name) in names {
        text = text.replace(value, name);
    }
    let body = answer.json();
    for key in ["created_at", "updated_at", "serial"] {
        match &body[key] {
            Value::String(time) => {
                assert_eq!(
                    (time.len(), &time[10..11], &time[19..20]),
                    (26, "T", "."),
                    "{time}"
                );
                text = text.replace(time, &key.to_uppercase());
            }
            Value::Number(serial) => text = text.replace(&serial.to_string(), &key.to_uppercase()),
            _ => {}
        }
    }
    text
}
