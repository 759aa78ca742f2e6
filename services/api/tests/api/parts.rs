//! An API with a database of its own.

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_api::{Api, ApiOptions, Auth};
use zonelog_central::seal::Sealer;
use zonelog_central::{Central, CentralOptions, Request, Scope, TimerOptions, ids};
use zonelog_dns::{Name, Ttl};
use zonelog_model::resource::{Body, Command, HostPort, NsRecord, Pool, PoolNameserver, PoolTarget, Quotas};
use zonelog_model::zone::{Limits, RegistryOptions};
use zonelog_model::{Actor, Door, Metadata, PoolId, ProjectId, ResourceId};
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
    /// Executes what no request can ask.
    pub(crate) central: Central,
    database: Option<TestDatabase>,
    shutdown: CancellationToken,
}

/// Who made an event, and what it holds.
pub(crate) struct Audit {
    pub(crate) actor: Value,
    pub(crate) project: String,
    pub(crate) request_id: Option<String>,
    pub(crate) payload: String,
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
        ..ApiOptions::default()
    }
}

/// Central with that pool and the usual limits.
pub(crate) fn central_options() -> CentralOptions {
    let writer = WriterOptions {
        submit_timeout: Duration::from_secs(3),
        ..WriterOptions::default()
    };
    let limits = Limits {
        default_ttl: Ttl::new(3600).unwrap(),
        min_ttl: Ttl::new(0).unwrap(),
        max_zone_name_length: 255,
        max_recordset_name_length: 255,
    };
    let registry = RegistryOptions::new(PoolId::new(POOL));
    CentralOptions {
        quotas: Quotas::UNLIMITED,
        timers: TimerOptions {
            refresh_min: 3_550,
            refresh_max: 3_550,
            ..TimerOptions::default()
        },
        writer,
        ..CentralOptions::new(limits, registry, Sealer::new(&[[7; 32]]).unwrap())
    }
}

/// A pool of two name servers.
pub(crate) fn pool(name: &str, nameservers: [&str; 2]) -> Pool {
    Pool {
        name: name.to_owned(),
        description: None,
        project: None,
        attributes: std::collections::BTreeMap::new(),
        ns_records: (1..)
            .zip(nameservers)
            .map(|(priority, hostname)| NsRecord {
                hostname: Name::parse(hostname).unwrap(),
                priority,
            })
            .collect(),
        nameservers: vec![PoolNameserver {
            host: "127.0.0.1".to_owned(),
            port: 53,
            tsigkey: None,
        }],
        targets: vec![PoolTarget {
            kind: "fake".to_owned(),
            description: None,
            tsigkey: None,
            masters: vec![HostPort {
                host: "127.0.0.1".to_owned(),
                port: 5_354,
            }],
            options: std::collections::BTreeMap::new(),
        }],
        also_notifies: Vec::new(),
        catalog_zone: None,
    }
}

/// Makes a pool in the log, as an operator does.
pub(crate) async fn make_pool(central: &Central, id: Uuid, pool: Pool) {
    let actor = Actor {
        user: "operator".to_owned(),
        project: ProjectId::new("operators").unwrap(),
        roles: vec!["admin".to_owned()],
        door: Door::Operator,
    };
    let request = Request {
        command: Command::Create {
            id: ResourceId::new(id),
            body: Body::Pool(Box::new(pool)),
        }
        .into(),
        metadata: Metadata {
            actor,
            change_id: ids::change_id(),
            request_id: None,
            cause: None,
        },
        scope: Scope::AllProjects,
        idempotency: None,
    };
    central.execute(request).await.unwrap();
}

async fn make_default_pool(central: &Central) {
    let pool = pool("default", ["ns1.example.org.", "ns2.example.org."]);
    make_pool(central, POOL, pool).await;
}

impl TestApi {
    /// An API that lets everybody in.
    pub(crate) async fn start() -> Self {
        Self::with(options()).await
    }

    /// An API with these options.
    pub(crate) async fn with(options: ApiOptions) -> Self {
        Self::with_central(options, central_options()).await
    }

    /// An API with these options and a Central with these.
    pub(crate) async fn with_central(options: ApiOptions, central: CentralOptions) -> Self {
        let database = TestDatabase::new().await;
        let mut api = Self::start_on(database.url(), options, central);
        make_default_pool(&api.central).await;
        api.database = Some(database);
        api
    }

    /// The first API on a database that somebody else keeps.
    pub(crate) async fn on(url: &str, options: ApiOptions) -> Self {
        let api = Self::start_on(url, options, central_options());
        make_default_pool(&api.central).await;
        api
    }

    fn start_on(url: &str, options: ApiOptions, central: CentralOptions) -> Self {
        let shutdown = CancellationToken::new();
        let database = Database::new(url, "zonelog-api-test").unwrap();
        let central = Central::start(database.clone(), central, shutdown.clone());
        let api = Api::bind(options, central.clone(), &database).unwrap();
        let base = format!("http://{}", api.local_addr());
        tokio::spawn(api.run(shutdown.clone()));
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            base,
            http,
            central,
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

    /// Sends a request as somebody of a project with roles.
    pub(crate) async fn of(
        &self,
        (project, roles): (&str, &str),
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let headers = [("x-auth-project-id", project), ("x-roles", roles)];
        self.send(method, path, &headers, body).await
    }

    /// Who made the last event of a type, as the log has it: user, project, roles, request id.
    pub(crate) async fn audit(&self, event: &str) -> Audit {
        let client = self.database().client().await;
        let row = client
            .query_one(
                "select actor, project, request_id, payload::text from event where type = $1 order by position desc limit 1",
                &[&event],
            )
            .await
            .unwrap();
        Audit {
            actor: row.get(0),
            project: row.get(1),
            request_id: row.get(2),
            payload: row.get(3),
        }
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
