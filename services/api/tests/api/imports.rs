//! Imports: master files that become zones.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use zonelog_api::ApiOptions;
use zonelog_central::CentralOptions;
use zonelog_model::resource::Quotas;
use zonelog_test_parts::eventually;

use crate::parts::{Answer, TestApi, central_options, options};

const ALPHA: (&str, &str) = ("alpha", "member,reader");
const IMPORTS: &str = "/v2/zones/tasks/imports";
const FILE: &str = "$ORIGIN imported.example.\n$TTL 300\n\
    @ IN SOA ns.elsewhere.example. admin.imported.example. 1 3600 600 86400 60\n\
    @ IN NS ns.elsewhere.example.\n\
    sub IN NS ns.sub.elsewhere.example.\n\
    www 60 IN A 192.0.2.1\n\
    www 60 IN A 192.0.2.2\n\
    txt IN TXT \"a b\" \"c\"\n";

/// An API whose imports run.
struct Importing {
    api: TestApi,
    shutdown: CancellationToken,
}

impl Importing {
    async fn with(options: ApiOptions, central: CentralOptions) -> Self {
        let api = TestApi::with_central(options, central).await;
        let shutdown = CancellationToken::new();
        api.central.start_tasks(api.central.positions(), &shutdown);
        Self { api, shutdown }
    }

    async fn start() -> Self {
        Self::with(options(), central_options()).await
    }

    async fn post(
        &self,
        (project, roles): (&str, &str),
        media: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let request = self
            .api
            .http
            .post(format!("{}{IMPORTS}", self.api.base))
            .header("x-auth-project-id", project)
            .header("x-roles", roles)
            .header("content-type", media)
            .body(body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Imports a file and waits for what becomes of it.
    async fn finished(&self, who: (&str, &str), media: &str, body: String) -> Value {
        let id = self.post(who, media, body).await.expect(202).id();
        let path = format!("{IMPORTS}/{id}");
        let mut shown = Value::Null;
        eventually("the import is done", Duration::from_secs(30), async || {
            shown = self
                .api
                .of(who, Method::GET, &path, None)
                .await
                .expect(200)
                .json();
            shown["status"] != "PENDING"
        })
        .await;
        shown
    }
}

impl Drop for Importing {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

#[tokio::test]
async fn a_master_file_becomes_a_zone() {
    let importing = Importing::start().await;
    let api = &importing.api;
    let started = importing.post(ALPHA, "text/dns", FILE).await.expect(202);
    let (id, body) = (started.id(), started.json());
    let link = format!("{}{IMPORTS}/{id}", api.base);
    assert_eq!(started.header("location"), link);
    let expected = json!({
        "id": id, "status": "PENDING", "message": null, "zone_id": null, "project_id": "alpha",
        "created_at": body["created_at"], "updated_at": null, "version": 1, "links": {"self": link},
    });
    assert_eq!(body, expected);
    let path = format!("{IMPORTS}/{id}");
    let mut shown = Value::Null;
    eventually("the import is done", Duration::from_secs(30), async || {
        shown = api.of(ALPHA, Method::GET, &path, None).await.expect(200).json();
        shown["status"] == "COMPLETE"
    })
    .await;
    assert_eq!(shown["message"], "imported.example. imported");
    let zone = shown["zone_id"].as_str().unwrap();
    assert_eq!(shown["links"]["zone"], format!("{}/v2/zones/{zone}", api.base));

    let path = format!("/v2/zones/{zone}");
    let made = api.of(ALPHA, Method::GET, &path, None).await.expect(200).json();
    assert_eq!(made["name"], "imported.example.");
    assert_eq!(
        (&made["email"], &made["ttl"]),
        (&json!("admin@imported.example"), &json!(300))
    );
    let path = format!("/v2/zones/{zone}/recordsets?sort_key=name");
    let listed = api.of(ALPHA, Method::GET, &path, None).await.json();
    let mut found: Vec<(String, String, usize)> = listed["recordsets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| {
            let text = |key: &str| set[key].as_str().unwrap().to_owned();
            (
                text("name"),
                text("type"),
                set["records"].as_array().unwrap().len(),
            )
        })
        .collect();
    found.sort();
    let expected = [
        ("imported.example.", "NS", 2),
        ("imported.example.", "SOA", 1),
        ("sub.imported.example.", "NS", 1),
        ("txt.imported.example.", "TXT", 1),
        ("www.imported.example.", "A", 2),
    ];
    let expected = expected.map(|(name, rrtype, count)| (name.to_owned(), rrtype.to_owned(), count));
    assert_eq!(found, expected);

    let audit = api.audit("zone_created").await;
    assert_eq!(audit.project, "alpha");
    assert_eq!(audit.actor["roles"], json!(["member", "reader"]));
    assert_eq!(
        audit.request_id.as_deref(),
        Some(started.header("x-openstack-request-id"))
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said_in_designates_words() {
    let importing = Importing::start().await;
    let soa = "@ IN SOA ns.example. admin.example. 1 2 3 4 5\n";
    for (file, message) in [
        (
            "",
            "The $ORIGIN statement is required and must be the first statement in the zonefile.",
        ),
        (
            "www IN A 192.0.2.1\n$ORIGIN a.example.\n@ IN SOA a.example. b.example. 1 2 3 4 5\n",
            "The $ORIGIN statement is required and must be the first statement in the zonefile.",
        ),
        (
            "$ORIGIN a.example.\nwww IN A 192.0.2.1\n",
            "An SOA record is required.",
        ),
        (
            "$ORIGIN a.example.\n$TTL 5\n@ IN A 1.2.3\n",
            "Malformed zonefile.",
        ),
    ] {
        let shown = importing.finished(ALPHA, "text/dns", file.to_owned()).await;
        assert_eq!(
            (&shown["status"], &shown["message"]),
            (&json!("ERROR"), &json!(message)),
            "{file}"
        );
        assert_eq!(
            (&shown["zone_id"], shown["links"].get("zone")),
            (&Value::Null, None)
        );
    }
    let good = format!("$ORIGIN twice.example.\n$TTL 300\n{soa}");
    let first = importing.finished(ALPHA, "text/dns", good.clone()).await;
    assert_eq!(first["status"], "COMPLETE");
    let second = importing.finished(ALPHA, "text/dns", good).await;
    assert_eq!(
        (&second["status"], &second["message"]),
        (&json!("ERROR"), &json!("Duplicate zone."))
    );
}

#[tokio::test]
async fn a_quota_stops_an_import() {
    let mut central = central_options();
    central.quotas = Quotas {
        zone_recordsets: 2,
        ..Quotas::UNLIMITED
    };
    let importing = Importing::with(options(), central).await;
    let shown = importing.finished(ALPHA, "text/dns", FILE.to_owned()).await;
    assert_eq!(shown["message"], "Quota exceeded during zone import.");
    let zones = importing
        .api
        .of(ALPHA, Method::GET, "/v2/zones", None)
        .await
        .json();
    assert_eq!(zones["zones"], json!([]));
}

#[tokio::test]
async fn an_import_in_json_gives_the_zone_attributes() {
    let importing = Importing::start().await;
    let body = json!({"zonefile": FILE, "attributes": {"tier": "gold"}}).to_string();
    let shown = importing.finished(ALPHA, "application/json", body).await;
    assert_eq!(shown["status"], "COMPLETE", "{shown}");
    let path = format!("/v2/zones/{}", shown["zone_id"].as_str().unwrap());
    let zone = importing.api.of(ALPHA, Method::GET, &path, None).await.json();
    assert_eq!(zone["attributes"], json!({"tier": "gold"}));

    for body in [
        json!({}),
        json!({"zonefile": null}),
        json!({"zonefile": 5}),
        json!({"zonefile": FILE, "colour": "red"}),
        json!({"zonefile": FILE, "attributes": ["a"]}),
        json!({"zonefile": FILE, "attributes": {"a": "x".repeat(51)}}),
    ] {
        let refused = importing.post(ALPHA, "application/json", body.to_string()).await;
        refused.expect_error(400, "invalid_object");
    }
    let refused = importing.post(ALPHA, "application/json", "{").await;
    refused.expect_error(400, "invalid_json");
    let refused = importing.post(ALPHA, "application/json", "").await;
    refused.expect_error(400, "empty_request_body");
}

#[tokio::test]
async fn an_imports_body_has_a_limit_of_its_own() {
    let options = ApiOptions {
        max_body_bytes: 1_000,
        max_import_bytes: 10_000,
        ..options()
    };
    let importing = Importing::with(options, central_options()).await;
    let file = |records: usize| {
        let records: String = (0..records)
            .map(|n| format!("host{n:03} IN A 192.0.2.1\n"))
            .collect();
        format!("{FILE}{records}")
    };
    let shown = importing
        .finished(ALPHA, "text/dns; charset=utf-8", file(200))
        .await;
    assert_eq!(shown["status"], "COMPLETE", "{shown}");
    let refused = importing.post(ALPHA, "text/dns", file(1_000)).await;
    refused.expect_error(413, "request_too_large");
    // Nor can it be got around by not saying the length.
    let chunks = futures_util::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(vec![b'\n'; 1_000])));
    let refused = importing
        .post(ALPHA, "text/dns", reqwest::Body::wrap_stream(chunks))
        .await;
    refused.expect_error(413, "request_too_large");
    for media in ["text/plain", "application/octet-stream", ""] {
        let refused = importing.post(ALPHA, media, FILE).await;
        refused.expect_error(415, "unsupported_content_type");
    }
}

#[tokio::test]
async fn imports_are_their_projects_own() {
    let importing = Importing::start().await;
    let api = &importing.api;
    let refused = importing.post(("alpha", "reader"), "text/dns", FILE).await;
    refused.expect_error(403, "forbidden");
    let good = importing.finished(ALPHA, "text/dns", FILE.to_owned()).await;
    let bad = importing.finished(ALPHA, "text/dns", "nonsense".to_owned()).await;
    let (good_id, bad_id) = (good["id"].as_str().unwrap(), bad["id"].as_str().unwrap());

    let zone = good["zone_id"].as_str().unwrap();
    for (query, ids) in [
        (String::new(), vec![good_id, bad_id]),
        ("?status=ERROR".to_owned(), vec![bad_id]),
        ("?message=*imported".to_owned(), vec![good_id]),
        (format!("?zone_id={zone}"), vec![good_id]),
        ("?limit=1&sort_dir=desc".to_owned(), vec![bad_id]),
    ] {
        let path = format!("{IMPORTS}{query}");
        let listed = api.of(ALPHA, Method::GET, &path, None).await.expect(200).json();
        let found: Vec<&str> = listed["imports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|import| import["id"].as_str().unwrap())
            .collect();
        assert_eq!(found, ids, "{query}");
    }
    let path = format!("{IMPORTS}?colour=red");
    api.of(ALPHA, Method::GET, &path, None)
        .await
        .expect_error(400, "bad_request");

    let path = format!("{IMPORTS}/{good_id}");
    for method in [Method::GET, Method::DELETE] {
        let other = api.of(("beta", "admin"), method, &path, None).await;
        other.expect_error(404, "zone_import_not_found");
    }
    let others = api
        .of(("beta", "reader"), Method::GET, IMPORTS, None)
        .await
        .json();
    assert_eq!(others["imports"], json!([]));
    let reader = api.of(("alpha", "reader"), Method::DELETE, &path, None).await;
    reader.expect_error(403, "forbidden");
    api.of(ALPHA, Method::DELETE, &path, None).await.expect(204);
    api.of(ALPHA, Method::GET, &path, None)
        .await
        .expect_error(404, "zone_import_not_found");
    // The zone is no part of the import.
    api.of(ALPHA, Method::GET, &format!("/v2/zones/{zone}"), None)
        .await
        .expect(200);
}

#[tokio::test]
async fn imports_under_way_share_a_bounded_memory() {
    let options = ApiOptions {
        max_import_bytes: 10_000,
        ..options()
    };
    let importing = Importing::with(options, central_options()).await;
    // As many as there is room for have come half-way.
    let (go, wait) = tokio::sync::watch::channel(false);
    let slow = (0..4).map(|n| {
        let file = FILE.replace("imported", &format!("slow{n}"));
        let (first, rest) = file.split_at(50);
        let parts = [first.to_owned(), rest.to_owned()];
        let body = futures_util::stream::iter(parts.into_iter().enumerate()).then({
            let wait = wait.clone();
            move |(place, part)| {
                let mut wait = wait.clone();
                async move {
                    if place > 0 {
                        let _ = wait.wait_for(|go| *go).await;
                    }
                    Ok::<_, std::io::Error>(part)
                }
            }
        });
        importing.post(ALPHA, "text/dns", reqwest::Body::wrap_stream(body))
    });
    let slow = futures_util::future::join_all(slow);
    let full = async {
        let mut refused = None;
        eventually("the room is full", Duration::from_secs(10), async || {
            let answer = importing.post(ALPHA, "text/dns", "nonsense").await;
            let is_full = answer.status == 503;
            refused = Some(answer);
            is_full
        })
        .await;
        let refused = refused.unwrap();
        assert!(!refused.header("retry-after").is_empty());
        refused.expect_error(503, "service_unavailable");
        go.send(true).unwrap();
    };
    let (done, ()) = futures_util::future::join(slow, full).await;
    for answer in done {
        answer.expect(202);
    }
    // And there is room again.
    importing.post(ALPHA, "text/dns", FILE).await.expect(202);
}

#[tokio::test]
async fn a_retried_import_is_one_import() {
    let importing = Importing::start().await;
    let post = async || {
        let request = importing
            .api
            .http
            .post(format!("{}{IMPORTS}", importing.api.base))
            .header("x-auth-project-id", "alpha")
            .header("idempotency-key", "once")
            .header("content-type", "text/dns")
            .body(FILE);
        Answer::of(request.send().await.unwrap()).await.expect(202)
    };
    let (first, again) = (post().await, post().await);
    assert_eq!(first.id(), again.id());
    assert_eq!(again.header("idempotency-replayed"), "true");
    let listed = importing.api.of(ALPHA, Method::GET, IMPORTS, None).await.json();
    assert_eq!(listed["imports"].as_array().unwrap().len(), 1);
}
