//! Ownership transfers: offers, their keys, who sees what of them, and what changes hands.

use reqwest::Method;
use serde_json::{Value, json};
use zonelog_model::resource::Quotas;

use crate::parts::{Answer, TestApi, central_options, options};

const ALPHA: (&str, &str) = ("alpha", "member,reader");
const BETA: (&str, &str) = ("beta", "member,reader");
const GAMMA: (&str, &str) = ("gamma", "member,reader");
const REQUESTS: &str = "/v2/zones/tasks/transfer_requests";
const ACCEPTS: &str = "/v2/zones/tasks/transfer_accepts";

async fn zone_of(api: &TestApi, who: (&str, &str), name: &str) -> String {
    let body = json!({"name": name, "email": "host@example.org"});
    let made = api.of(who, Method::POST, "/v2/zones", Some(&body)).await;
    made.expect(202).id()
}

async fn recordset_of(api: &TestApi, who: (&str, &str), zone: &str, name: &str) {
    let body = json!({"name": name, "type": "A", "records": ["192.0.2.1"]});
    let path = format!("/v2/zones/{zone}/recordsets");
    api.of(who, Method::POST, &path, Some(&body)).await.expect(202);
}

async fn offer(api: &TestApi, who: (&str, &str), zone: &str, body: Value) -> Answer {
    let path = format!("/v2/zones/{zone}/tasks/transfer_requests");
    api.of(who, Method::POST, &path, Some(&body)).await
}

async fn accept(api: &TestApi, who: (&str, &str), request: &str, key: &str) -> Answer {
    let body = json!({"zone_transfer_request_id": request, "key": key});
    api.of(who, Method::POST, ACCEPTS, Some(&body)).await
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_zone_changes_hands_with_all_that_its_owner_made() {
    let api = TestApi::start().await;
    let zone = zone_of(&api, ALPHA, "handed.example.").await;
    recordset_of(&api, ALPHA, &zone, "www.handed.example.").await;
    for target in ["beta", "gamma"] {
        let share = json!({"target_project_id": target});
        let path = format!("/v2/zones/{zone}/shares");
        api.of(ALPHA, Method::POST, &path, Some(&share)).await.expect(201);
    }
    recordset_of(&api, GAMMA, &zone, "gamma.handed.example.").await;

    let offered = offer(
        &api,
        ALPHA,
        &zone,
        json!({"description": "yours", "target_project_id": "beta"}),
    )
    .await
    .expect(201);
    let body = offered.json();
    let (id, key) = (offered.id(), text(&body, "key"));
    assert_eq!(key.len(), 8);
    assert!(
        key.bytes()
            .all(|octet| octet.is_ascii_uppercase() || octet.is_ascii_digit()),
        "{key}"
    );
    let link = format!("{}{REQUESTS}/{id}", api.base);
    assert_eq!(offered.header("location"), link);
    let expected = json!({
        "id": id, "zone_id": zone, "project_id": "alpha", "target_project_id": "beta", "description": "yours",
        "key": key, "status": "ACTIVE", "zone_name": "handed.example.", "created_at": body["created_at"],
        "updated_at": null, "links": {"self": link},
    });
    assert_eq!(body, expected);

    // The target sees no key and no projects; others see nothing.
    let narrow = json!({
        "id": id, "zone_id": zone, "description": "yours", "status": "ACTIVE", "zone_name": "handed.example.",
        "links": {"self": link},
    });
    let path = format!("{REQUESTS}/{id}");
    assert_eq!(api.of(BETA, Method::GET, &path, None).await.json(), narrow);
    let listed = api.of(BETA, Method::GET, REQUESTS, None).await.expect(200).json();
    assert_eq!(listed["transfer_requests"], json!([narrow]));
    assert_eq!(listed.get("metadata"), None);
    api.of(GAMMA, Method::GET, &path, None)
        .await
        .expect_error(404, "zone_transfer_request_not_found");
    let listed = api.of(GAMMA, Method::GET, REQUESTS, None).await.json();
    assert_eq!(listed["transfer_requests"], json!([]));

    accept(&api, BETA, &id, "WRONGKEY")
        .await
        .expect_error(403, "invalid_key");
    accept(&api, GAMMA, &id, &key)
        .await
        .expect_error(404, "zone_transfer_request_not_found");
    let done = accept(&api, BETA, &id, &key).await.expect(201);
    let shown = done.json();
    let link = format!("{}{ACCEPTS}/{}", api.base, done.id());
    assert_eq!(done.header("location"), link);
    let zone_link = format!("{}/v2/zones/{zone}", api.base);
    let expected = json!({
        "id": done.id(), "zone_transfer_request_id": id, "project_id": "beta", "key": key, "status": "COMPLETE",
        "zone_id": zone, "created_at": shown["created_at"], "updated_at": null,
        "links": {"self": link, "zone": zone_link},
    });
    assert_eq!(shown, expected);

    // All that was alpha's is beta's; what gamma made stays gamma's; beta needs no share with itself.
    let path = format!("/v2/zones/{zone}");
    let owned = api.of(BETA, Method::GET, &path, None).await.expect(200).json();
    assert_eq!(owned["project_id"], "beta");
    api.of(ALPHA, Method::GET, &path, None)
        .await
        .expect_error(404, "zone_not_found");
    let path = format!("/v2/zones/{zone}/recordsets?type=A&sort_key=name");
    let recordsets = api.of(BETA, Method::GET, &path, None).await.json();
    let owners: Vec<(&str, &str)> = recordsets["recordsets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| (set["name"].as_str().unwrap(), set["project_id"].as_str().unwrap()))
        .collect();
    assert_eq!(
        owners,
        [
            ("gamma.handed.example.", "gamma"),
            ("www.handed.example.", "beta")
        ]
    );
    let path = format!("/v2/zones/{zone}/shares");
    let shares = api.of(BETA, Method::GET, &path, None).await.json();
    let targets: Vec<&Value> = shares["shared_zones"]
        .as_array()
        .unwrap()
        .iter()
        .map(|share| &share["target_project_id"])
        .collect();
    assert_eq!(targets, ["gamma"]);

    // The offer is used up, and its acceptance shows no key again.
    let path = format!("{REQUESTS}/{id}");
    let used = api.of(ALPHA, Method::GET, &path, None).await.json();
    assert_eq!(used["status"], "COMPLETE");
    let again = accept(&api, BETA, &id, &key).await;
    again.expect_error(400, "invalid_zone_transfer_request");
    let path = format!("{ACCEPTS}/{}", done.id());
    let shown = api.of(BETA, Method::GET, &path, None).await.expect(200).json();
    assert_eq!(
        (&shown["key"], &shown["status"]),
        (&Value::Null, &json!("COMPLETE"))
    );
    api.of(ALPHA, Method::GET, &path, None)
        .await
        .expect_error(404, "zone_transfer_accept_not_found");

    // One change for all streams, by the one who accepted; the key is nowhere in the log.
    let audit = api.audit("zone_transferred").await;
    assert_eq!(audit.project, "beta");
    assert_eq!(audit.actor["roles"], json!(["member", "reader"]));
    assert_eq!(
        audit.request_id.as_deref(),
        Some(done.header("x-openstack-request-id"))
    );
    let client = api.database().client().await;
    let row = client
        .query_one(
            "select count(distinct stream), count(distinct change_id), count(*) filter (where payload::text like $1) \
             from event where request_id = $2",
            &[&format!("%{key}%"), &done.header("x-openstack-request-id")],
        )
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (3, 1));
    assert_eq!(row.get::<_, i64>(2), 0);
    let row = client
        .query_one(
            "select count(*) from event where payload::text like $1",
            &[&format!("%{key}%")],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn an_offer_without_a_target_is_for_whoever_has_its_id_and_key() {
    let api = TestApi::start().await;
    let zone = zone_of(&api, ALPHA, "open.example.").await;
    let offered = offer(&api, ALPHA, &zone, json!({})).await.expect(201);
    let (id, key) = (offered.id(), text(&offered.json(), "key"));
    assert_eq!(offered.json()["target_project_id"], Value::Null);
    let path = format!("{REQUESTS}/{id}");
    let seen = api.of(GAMMA, Method::GET, &path, None).await.expect(200).json();
    assert_eq!((seen.get("key"), seen.get("project_id")), (None, None));
    let listed = api.of(GAMMA, Method::GET, REQUESTS, None).await.json();
    assert_eq!(listed["transfer_requests"], json!([]));
    // A reader changes nothing.
    accept(&api, ("gamma", "reader"), &id, &key)
        .await
        .expect_error(403, "forbidden");
    accept(&api, GAMMA, &id, &key).await.expect(201);
}

#[tokio::test]
async fn the_owner_describes_and_takes_back_an_offer() {
    let api = TestApi::start().await;
    let zone = zone_of(&api, ALPHA, "back.example.").await;
    let offered = offer(&api, ALPHA, &zone, json!({"target_project_id": "beta"})).await;
    let (id, key) = (offered.id(), text(&offered.json(), "key"));
    let path = format!("{REQUESTS}/{id}");
    let change = json!({"description": "new"});
    for who in [BETA, ("alpha", "reader")] {
        let patched = api.of(who, Method::PATCH, &path, Some(&change)).await;
        patched.expect_error(403, "forbidden");
        let deleted = api.of(who, Method::DELETE, &path, None).await;
        deleted.expect_error(403, "forbidden");
    }
    let patched = api
        .of(ALPHA, Method::PATCH, &path, Some(&change))
        .await
        .expect(200);
    assert_eq!(patched.json()["description"], "new");
    assert_eq!(patched.json()["key"], json!(key));
    assert!(patched.json()["updated_at"].is_string());
    let mut whole = patched.json();
    whole["description"] = Value::Null;
    let patched = api
        .of(ALPHA, Method::PATCH, &path, Some(&whole))
        .await
        .expect(200);
    assert_eq!(patched.json()["description"], Value::Null);
    for change in [
        json!({"target_project_id": "gamma"}),
        json!({"key": "AAAAAAAA"}),
        json!({"colour": "red"}),
    ] {
        let refused = api.of(ALPHA, Method::PATCH, &path, Some(&change)).await;
        refused.expect_error(400, "invalid_object");
    }
    let list = format!("{REQUESTS}?status=ACTIVE");
    let listed = api.of(ALPHA, Method::GET, &list, None).await.json();
    assert_eq!(listed["transfer_requests"][0]["id"], json!(id));
    let list = format!("{REQUESTS}?status=COMPLETE");
    let listed = api.of(ALPHA, Method::GET, &list, None).await.json();
    assert_eq!(listed["transfer_requests"], json!([]));

    let deleted = api.of(ALPHA, Method::DELETE, &path, None).await.expect(204);
    assert_eq!(deleted.text, "");
    accept(&api, BETA, &id, &key)
        .await
        .expect_error(404, "zone_transfer_request_not_found");
    let audit = api.audit("zone_transfer_request_deleted").await;
    assert_eq!(audit.project, "alpha");
}

#[tokio::test]
async fn bad_offers_and_acceptances_are_refused() {
    let api = TestApi::start().await;
    let zone = zone_of(&api, ALPHA, "bad.example.").await;
    let path = format!("/v2/zones/{zone}/tasks/transfer_requests");
    api.of(ALPHA, Method::POST, &path, None)
        .await
        .expect_error(415, "unsupported_content_type");
    let empty = api
        .http
        .post(format!("{}{path}", api.base))
        .header("x-auth-project-id", "alpha")
        .header("content-type", "application/json");
    Answer::of(empty.send().await.unwrap()).await.expect(201);
    for body in [
        json!({"colour": "red"}),
        json!({"key": "ABCDEFGH"}),
        json!({"target_project_id": "x".repeat(37)}),
        json!({"description": "x".repeat(161)}),
        json!({"description": []}),
    ] {
        offer(&api, ALPHA, &zone, body)
            .await
            .expect_error(400, "invalid_object");
    }
    offer(&api, ("alpha", "reader"), &zone, json!({}))
        .await
        .expect_error(403, "forbidden");
    offer(&api, BETA, &zone, json!({}))
        .await
        .expect_error(404, "zone_not_found");
    for body in [
        json!({}),
        json!({"key": "ABCDEFGH"}),
        json!({"zone_transfer_request_id": zone}),
        json!({"zone_transfer_request_id": "x", "key": "ABCDEFGH"}),
        json!({"zone_transfer_request_id": zone, "key": "ABCDEFGH", "colour": "red"}),
    ] {
        let refused = api.of(BETA, Method::POST, ACCEPTS, Some(&body)).await;
        refused.expect_error(400, "invalid_object");
    }
    accept(&api, BETA, &zone, "ABCDEFGH")
        .await
        .expect_error(404, "zone_transfer_request_not_found");
    let path = format!("{REQUESTS}/x");
    api.of(BETA, Method::GET, &path, None)
        .await
        .expect_error(400, "invalid_uuid");
    let list = format!("{REQUESTS}?colour=red");
    api.of(BETA, Method::GET, &list, None)
        .await
        .expect_error(400, "bad_request");
}

#[tokio::test]
async fn acceptances_are_listed_for_admins() {
    let api = TestApi::start().await;
    let zone = zone_of(&api, ALPHA, "listed.example.").await;
    let offered = offer(&api, ALPHA, &zone, json!({})).await;
    let done = accept(&api, BETA, &offered.id(), &text(&offered.json(), "key")).await;
    api.of(BETA, Method::GET, ACCEPTS, None)
        .await
        .expect_error(403, "forbidden");
    let all = [
        ("x-auth-project-id", "operators"),
        ("x-roles", "admin"),
        ("x-auth-all-projects", "true"),
    ];
    for (query, count) in [("", 1), ("?status=COMPLETE", 1), ("?status=ACTIVE", 0)] {
        let list = format!("{ACCEPTS}{query}");
        let listed = api.send(Method::GET, &list, &all, None).await.expect(200).json();
        let accepts = listed["transfer_accepts"].as_array().unwrap();
        assert_eq!(accepts.len(), count, "{query}");
        assert!(accepts.iter().all(|accept| accept["id"] == json!(done.id())));
    }
    let own = api.of(("operators", "admin"), Method::GET, ACCEPTS, None).await;
    assert_eq!(own.json()["transfer_accepts"], json!([]));
}

#[tokio::test]
async fn who_accepts_needs_room_for_the_zone() {
    let mut central = central_options();
    central.quotas = Quotas {
        zones: 1,
        ..Quotas::UNLIMITED
    };
    let api = TestApi::with_central(options(), central).await;
    let zone = zone_of(&api, ALPHA, "quota.example.").await;
    zone_of(&api, BETA, "full.example.").await;
    let offered = offer(&api, ALPHA, &zone, json!({})).await;
    let (id, key) = (offered.id(), text(&offered.json(), "key"));
    accept(&api, BETA, &id, &key)
        .await
        .expect_error(413, "over_quota");
    // Nothing changed hands, so another may have it.
    accept(&api, GAMMA, &id, &key).await.expect(201);
    zone_of(&api, ALPHA, "next.example.").await;
}

#[tokio::test]
async fn a_retried_acceptance_gets_the_first_answer() {
    let api = TestApi::start().await;
    let zone = zone_of(&api, ALPHA, "retried.example.").await;
    let offered = offer(&api, ALPHA, &zone, json!({})).await;
    let body = json!({"zone_transfer_request_id": offered.id(), "key": text(&offered.json(), "key")});
    let headers = [
        ("x-auth-project-id", "beta"),
        ("x-roles", "member,reader"),
        ("idempotency-key", "once"),
    ];
    let first = api.send(Method::POST, ACCEPTS, &headers, Some(&body)).await;
    let head = api.head().await;
    let again = api.send(Method::POST, ACCEPTS, &headers, Some(&body)).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.expect(201).json(), again.expect(201).json());
    assert_eq!(api.head().await, head);
}
