//! `/v2/zones`: what is made, shown, changed and deleted.

use reqwest::Method;
use serde_json::json;

use crate::parts::{POOL, TestApi, central_options, golden, options};

#[tokio::test]
async fn a_zone_is_made_shown_changed_and_deleted() {
    let api = TestApi::start().await;
    let made = api
        .post(
            "/v2/zones",
            &json!({"name": "Example.ORG.", "email": "dns.admin@example.org", "ttl": "300",
            "description": "first", "attributes": {"tier": "gold"}}),
        )
        .await
        .expect(202);
    let id = made.id();
    let path = format!("/v2/zones/{id}");
    assert_eq!(made.header("location"), format!("{}{path}", api.base));
    let pool = POOL.to_string();
    let names = [(id.as_str(), "ZONE"), (pool.as_str(), "POOL")];
    assert_eq!(
        golden(&made, &api, &names),
        r#"{"id":"ZONE","pool_id":"POOL","project_id":"noauth-project","name":"Example.ORG.","email":"dns.admin@example.org","description":"first","ttl":300,"serial":SERIAL,"shared":false,"status":"PENDING","action":"CREATE","version":1,"attributes":{"tier":"gold"},"type":"PRIMARY","masters":[],"created_at":"CREATED_AT","updated_at":null,"transferred_at":null,"links":{"self":"BASE/v2/zones/ZONE"}}"#
    );
    assert_eq!(api.get(&path).await.expect(200).text, made.text);

    api.server_at(api.head().await).await;
    let shown = api.get(&path).await.expect(200).json();
    assert_eq!(
        (&shown["status"], &shown["action"]),
        (&json!("ACTIVE"), &json!("NONE"))
    );

    let changed = api
        .patch(
            &path,
            &json!({"email": "other@example.org", "ttl": 60, "description": null}),
        )
        .await
        .expect(202)
        .json();
    assert_eq!(changed["status"], "PENDING");
    assert_eq!(changed["action"], "UPDATE");
    assert_eq!(
        (&changed["version"], &changed["ttl"], &changed["description"]),
        (&json!(2), &json!(60), &json!(null))
    );
    assert!(changed["serial"].as_u64() > shown["serial"].as_u64());
    assert!(changed["updated_at"].is_string());
    assert_eq!(api.get(&path).await.expect(200).json(), changed);

    let deleted = api.delete(&path).await.expect(202).json();
    assert_eq!(
        (&deleted["status"], &deleted["action"]),
        (&json!("PENDING"), &json!("DELETE"))
    );
    let leaving = api.get(&path).await.expect(200).json();
    assert_eq!(
        (&leaving["status"], &leaving["action"]),
        (&json!("PENDING"), &json!("DELETE"))
    );
    assert_eq!(api.get("/v2/zones").await.json()["metadata"]["total_count"], 1);
    let refused = api
        .patch(&path, &json!({"ttl": 5}))
        .await
        .expect_error(400, "bad_request");
    assert_eq!(refused["message"], "Can not update a deleting zone");

    api.server_at(api.head().await).await;
    api.get(&path).await.expect_error(404, "zone_not_found");
    api.patch(&path, &json!({"ttl": 5}))
        .await
        .expect_error(404, "zone_not_found");
    api.delete(&path).await.expect_error(404, "zone_not_found");
    let list = api.get("/v2/zones").await.expect(200).json();
    assert_eq!(
        (&list["zones"], &list["metadata"]["total_count"]),
        (&json!([]), &json!(0))
    );
}

#[tokio::test]
async fn a_read_only_key_may_come_back_unchanged() {
    let api = TestApi::start().await;
    let id = api.zone("example.org.").await;
    let path = format!("/v2/zones/{id}");
    let mut shown = api.get(&path).await.json();
    shown["description"] = json!("put back");
    let changed = api.patch(&path, &shown).await.expect(202).json();
    assert_eq!(changed["description"], "put back");
    for (key, value) in [
        ("name", json!("other.org.")),
        ("type", json!("SECONDARY")),
        ("pool_id", json!("00000000-0000-0000-0000-000000000000")),
        ("serial", json!(1)),
        ("status", json!("ACTIVE")),
        ("attributes", json!({"a": "b"})),
        ("project_id", json!("other")),
    ] {
        let error = api
            .patch(&path, &json!({key: value}))
            .await
            .expect_error(400, "invalid_object");
        let message = format!("Provided object does not match schema. Keys ['{key}'] are not valid for zone");
        assert_eq!(error["message"], message);
    }
}

#[tokio::test]
async fn an_empty_change_is_accepted() {
    let api = TestApi::start().await;
    let id = api.zone("example.org.").await;
    api.patch(&format!("/v2/zones/{id}"), &json!({}))
        .await
        .expect(202);
}

#[tokio::test]
async fn the_name_servers_are_the_pools() {
    let api = TestApi::start().await;
    let id = api.zone("example.org.").await;
    let answer = api.get(&format!("/v2/zones/{id}/nameservers")).await.expect(200);
    assert_eq!(
        answer.text,
        r#"{"nameservers":[{"priority":1,"hostname":"ns1.example.org."},{"priority":2,"hostname":"ns2.example.org."}]}"#
    );
    let unknown = format!("/v2/zones/{}/nameservers", uuid::Uuid::nil());
    api.get(&unknown).await.expect_error(404, "zone_not_found");
}

#[tokio::test]
async fn names_belong_to_one_zone_and_project() {
    let api = TestApi::start().await;
    api.zone("example.org.").await;
    let body = |name: &str| json!({"name": name, "email": "a@b.org"});
    api.post("/v2/zones", &body("EXAMPLE.org."))
        .await
        .expect_error(409, "duplicate_zone");
    let other = [("x-auth-project-id", "other"), ("x-roles", "member,reader")];
    let send = |name: &'static str| {
        let (api, body) = (&api, body(name));
        async move { api.send(Method::POST, "/v2/zones", &other, Some(&body)).await }
    };
    let error = send("example.org.").await.expect_error(409, "duplicate_zone");
    assert_eq!(
        error["message"],
        "Zone already exists, owned by a different tenant"
    );
    send("sub.example.org.").await.expect_error(403, "illegal_child");
    send("deep.below.net.").await.expect(202);
    api.post("/v2/zones", &body("below.net."))
        .await
        .expect_error(403, "illegal_parent");
    let parent = api.zone("parent.org.").await;
    api.zone("child.parent.org.").await;
    api.delete(&format!("/v2/zones/{parent}"))
        .await
        .expect_error(400, "zone_has_sub_zone");
}

#[tokio::test]
async fn a_name_can_be_used_again_after_its_deletion() {
    let api = TestApi::start().await;
    let first = api.zone("example.org.").await;
    api.delete(&format!("/v2/zones/{first}")).await.expect(202);
    let second = api.zone("example.org.").await;
    api.get(&format!("/v2/zones/{first}"))
        .await
        .expect_error(404, "zone_not_found");
    let list = api.get("/v2/zones").await.json();
    assert_eq!(
        (&list["zones"][0]["id"], list["zones"].as_array().unwrap().len()),
        (&json!(second), 1)
    );
}

#[tokio::test]
async fn a_hard_delete_is_a_deletion() {
    let api = TestApi::start().await;
    let id = api.zone("example.org.").await;
    let header = [("x-designate-hard-delete", "true")];
    let gone = api
        .send(Method::DELETE, &format!("/v2/zones/{id}"), &header, None)
        .await
        .expect(202)
        .json();
    assert_eq!(
        (&gone["status"], &gone["action"]),
        (&json!("PENDING"), &json!("DELETE"))
    );
}

#[tokio::test]
async fn a_low_ttl_is_for_those_whom_policy_allows_it() {
    let mut central = central_options();
    central.limits.min_ttl = zonelog_dns::Ttl::new(300).unwrap();
    let api = TestApi::with_central(options(), central).await;
    let member = ("alice", "member,reader");
    let body = |name: &str, ttl: u32| json!({"name": name, "email": "a@b.org", "ttl": ttl});
    let make = async |who, body| api.of(who, Method::POST, "/v2/zones", Some(&body)).await;
    make(member, body("a.org.", 299))
        .await
        .expect_error(400, "invalid_ttl");
    let zone = make(member, body("a.org.", 300)).await.expect(202).id();
    make(("ops", "admin"), body("b.org.", 1)).await.expect(202);
    let path = format!("/v2/zones/{zone}");
    let low = json!({"ttl": 60});
    api.of(member, Method::PATCH, &path, Some(&low))
        .await
        .expect_error(400, "invalid_ttl");
    let set = json!({"name": "www.a.org.", "type": "A", "records": ["192.0.2.1"], "ttl": 60});
    api.of(member, Method::POST, &format!("{path}/recordsets"), Some(&set))
        .await
        .expect_error(400, "invalid_ttl");
    let admin = ("alice", "admin");
    api.of(admin, Method::POST, &format!("{path}/recordsets"), Some(&set))
        .await
        .expect(202);
    api.of(admin, Method::PATCH, &path, Some(&low)).await.expect(202);
    let limits = api.of(member, Method::GET, "/v2/limits", None).await.json();
    assert_eq!(limits["min_ttl"], 300);
}
