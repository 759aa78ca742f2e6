//! Abandoning zones, moving them to other pools, and asking masters for them.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::parts::{POOL, TestApi, make_pool, pool};

const OTHER_POOL: Uuid = Uuid::from_u128(0x2a1e_0c0d_0000_4000_8000_0000_0000_0002);
const MEMBER: (&str, &str) = ("alpha", "member,reader");
const ADMIN: (&str, &str) = ("alpha", "admin,member,reader");

async fn zone_of(api: &TestApi, who: (&str, &str), name: &str) -> String {
    let body = json!({"name": name, "email": "host@example.org"});
    api.of(who, Method::POST, "/v2/zones", Some(&body))
        .await
        .expect(202)
        .id()
}

#[tokio::test]
async fn an_abandoned_zone_is_forgotten_at_once() {
    let api = TestApi::start().await;
    let zone = zone_of(&api, MEMBER, "abandoned.example.").await;
    let path = format!("/v2/zones/{zone}/tasks/abandon");
    api.of(ADMIN, Method::GET, &path, None)
        .await
        .expect_error(405, "method_not_allowed");
    api.of(MEMBER, Method::POST, &path, None)
        .await
        .expect_error(403, "forbidden");
    api.of(("beta", "admin"), Method::POST, &path, None)
        .await
        .expect_error(404, "zone_not_found");
    let done = api.of(ADMIN, Method::POST, &path, None).await.expect(204);
    assert_eq!(done.text, "");

    let shown = format!("/v2/zones/{zone}");
    api.of(ADMIN, Method::GET, &shown, None)
        .await
        .expect_error(404, "zone_not_found");
    api.of(ADMIN, Method::POST, &path, None)
        .await
        .expect_error(404, "zone_not_found");
    let audit = api.audit("zone_abandoned").await;
    assert_eq!(audit.actor["user"], "noauth-user");
    assert_eq!(audit.actor["roles"], json!(["admin", "member", "reader"]));
    assert_eq!(audit.project, "alpha");
    assert_eq!(
        audit.request_id.as_deref(),
        Some(done.header("x-openstack-request-id"))
    );
    // The name is free again.
    zone_of(&api, MEMBER, "abandoned.example.").await;
}

#[tokio::test]
async fn a_primary_zone_has_no_masters_to_ask() {
    let api = TestApi::start().await;
    let zone = zone_of(&api, MEMBER, "primary.example.").await;
    let path = format!("/v2/zones/{zone}/tasks/xfr");
    let refused = api.of(MEMBER, Method::POST, &path, None).await;
    let message = refused.expect_error(400, "bad_request");
    assert!(
        message["message"]
            .as_str()
            .unwrap()
            .contains("non Secondary zone"),
        "{message}"
    );
    api.of(("alpha", "reader"), Method::POST, &path, None)
        .await
        .expect_error(403, "forbidden");
    api.of(("beta", "member"), Method::POST, &path, None)
        .await
        .expect_error(404, "zone_not_found");
}

#[tokio::test]
async fn a_moved_zone_has_the_new_pools_name_servers() {
    let api = TestApi::start().await;
    make_pool(
        &api.central,
        OTHER_POOL,
        pool("other", ["ns1.other.example.", "ns2.other.example."]),
    )
    .await;
    let zone = zone_of(&api, ADMIN, "moved.example.").await;
    let path = format!("/v2/zones/{zone}/tasks/pool_move");
    let to = json!({"pool_id": OTHER_POOL});

    api.of(MEMBER, Method::POST, &path, Some(&to))
        .await
        .expect_error(403, "forbidden");
    api.of(("beta", "admin"), Method::POST, &path, Some(&to))
        .await
        .expect_error(404, "zone_not_found");
    let post = async |body: Value| api.of(ADMIN, Method::POST, &path, Some(&body)).await;
    post(json!({"pool_id": "x"}))
        .await
        .expect_error(400, "invalid_object");
    post(json!({"colour": "red"}))
        .await
        .expect_error(400, "invalid_object");
    post(json!({"pool_id": Uuid::nil()}))
        .await
        .expect_error(404, "pool_not_found");
    post(json!({"pool_id": POOL}))
        .await
        .expect_error(400, "bad_request");
    let no_type = api.of(ADMIN, Method::POST, &path, None).await;
    no_type.expect_error(415, "unsupported_content_type");

    let before = api.get(&format!("/v2/zones/{zone}")).await;
    assert_eq!(before.status, 404, "another project's zone");
    let before = api
        .of(ADMIN, Method::GET, &format!("/v2/zones/{zone}"), None)
        .await
        .json();
    let done = post(to).await.expect(202);
    assert_eq!(done.text, "");
    let after = api
        .of(ADMIN, Method::GET, &format!("/v2/zones/{zone}"), None)
        .await
        .json();
    assert_eq!(after["pool_id"], json!(OTHER_POOL));
    assert!(after["serial"].as_u64() > before["serial"].as_u64());
    let path = format!("/v2/zones/{zone}/recordsets?type=NS");
    let listed = api.of(ADMIN, Method::GET, &path, None).await.json();
    let mut records: Vec<&str> = listed["recordsets"][0]["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record.as_str().unwrap())
        .collect();
    records.sort_unstable();
    assert_eq!(records, ["ns1.other.example.", "ns2.other.example."]);
    let audit = api.audit("zone_moved_to_pool").await;
    assert_eq!(audit.project, "alpha");
    assert_eq!(
        audit.request_id.as_deref(),
        Some(done.header("x-openstack-request-id"))
    );
}
