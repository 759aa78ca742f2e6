//! `/v2/quotas` and `/v2/limits`, and what quotas refuse.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use zonelog_central::CentralOptions;
use zonelog_model::resource::Quotas;

use crate::parts::{Answer, TestApi, central_options, options};

const ALL: (&str, &str) = ("x-auth-all-projects", "true");
const ADMIN: (&str, &str) = ("x-roles", "admin");

/// An API with Designate's quotas.
async fn start() -> TestApi {
    let central = CentralOptions {
        quotas: Quotas::default(),
        ..central_options()
    };
    TestApi::with_central(options(), central).await
}

async fn set(api: &TestApi, project: &str, quotas: &Value) -> Answer {
    let path = format!("/v2/quotas/{project}");
    api.send(Method::PATCH, &path, &[ADMIN, ALL], Some(quotas)).await
}

#[tokio::test]
async fn quotas_are_shown_set_and_reset() {
    let api = start().await;
    let alice = ("alice", "member,reader");
    let defaults = r#"{"zones":10,"zone_recordsets":500,"zone_records":500,"recordset_records":20,"api_export_size":1000}"#;
    assert_eq!(
        api.of(alice, Method::GET, "/v2/quotas", None)
            .await
            .expect(200)
            .text,
        defaults
    );
    let path = "/v2/quotas/alice";
    assert_eq!(
        api.of(alice, Method::GET, path, None).await.expect(200).text,
        defaults
    );

    let set = async |body: Value| api.send(Method::PATCH, path, &[ADMIN, ALL], Some(&body)).await;
    let changed = set(json!({"zones": 5, "zone_records": "-1"})).await.expect(200);
    let after = r#"{"zones":5,"zone_recordsets":500,"zone_records":-1,"recordset_records":20,"api_export_size":1000}"#;
    assert_eq!(changed.text, after);
    assert_eq!(api.of(alice, Method::GET, "/v2/quotas", None).await.text, after);
    assert_eq!(
        set(json!({"zones": 6})).await.expect(200).json()["zone_records"],
        -1
    );
    assert_eq!(set(json!({})).await.expect(200).json()["zones"], 6);

    for _ in 0..2 {
        let reset = api
            .send(Method::DELETE, path, &[ADMIN, ALL], None)
            .await
            .expect(204);
        assert_eq!(reset.text, "");
        assert_eq!(
            api.of(alice, Method::GET, "/v2/quotas", None).await.text,
            defaults
        );
    }
    assert_eq!(set(json!({"zones": 7})).await.expect(200).json()["zones"], 7);
    // No other project's.
    let bob = ("bob", "member,reader");
    assert_eq!(api.of(bob, Method::GET, "/v2/quotas", None).await.text, defaults);
}

#[tokio::test]
async fn only_admins_set_quotas_and_another_projects_want_the_header() {
    let api = start().await;
    let body = json!({"zones": 5});
    for who in [("alice", "reader"), ("alice", "member,reader")] {
        for method in [Method::PATCH, Method::DELETE] {
            api.of(who, method, "/v2/quotas/alice", Some(&body))
                .await
                .expect_error(403, "forbidden");
        }
        api.of(who, Method::GET, "/v2/quotas/bob", None)
            .await
            .expect_error(403, "forbidden");
    }
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        api.of(("ops", "admin"), method, "/v2/quotas/alice", Some(&body))
            .await
            .expect_error(403, "forbidden");
    }
    api.of(("ops", "admin"), Method::PATCH, "/v2/quotas/ops", Some(&body))
        .await
        .expect(200);
    let sudo = [ADMIN, ("x-auth-sudo-project-id", "alice")];
    api.send(Method::PATCH, "/v2/quotas/alice", &sudo, Some(&body))
        .await
        .expect(200);
    api.of(("alice", ""), Method::GET, "/v2/quotas", None)
        .await
        .expect_error(403, "forbidden");
}

#[tokio::test]
async fn a_quota_is_a_number_from_minus_one() {
    let api = start().await;
    for key in [
        "zones",
        "zone_recordsets",
        "zone_records",
        "recordset_records",
        "api_export_size",
    ] {
        for value in [
            json!(-2),
            json!("many"),
            json!(2_147_483_648_i64),
            json!(null),
            json!([]),
            json!(1.5),
        ] {
            set(&api, "alice", &json!({key: value}))
                .await
                .expect_error(400, "invalid_object");
        }
        set(&api, "alice", &json!({key: 2_147_483_647})).await.expect(200);
        set(&api, "alice", &json!({key: -1})).await.expect(200);
    }
    let error = set(&api, "alice", &json!({"colour": 1}))
        .await
        .expect_error(400, "invalid_object");
    assert_eq!(
        error["message"],
        "Provided object does not match schema. Keys ['colour'] are not valid for quota"
    );
    let long = "x".repeat(37);
    set(&api, &long, &json!({"zones": 1}))
        .await
        .expect_error(400, "invalid_project");
}

#[tokio::test]
async fn what_is_too_much_is_413() {
    let api = start().await;
    set(
        &api,
        "noauth-project",
        &json!({"zones": 2, "zone_recordsets": 2, "zone_records": 3, "recordset_records": 2}),
    )
    .await
    .expect(200);
    let zone = api.zone("one.org.").await;
    api.zone("two.org.").await;
    let refused = |answer: Answer, quota: &str| {
        let error = answer.expect_error(413, "over_quota");
        assert_eq!(error["message"], format!("Quota exceeded for {quota}."));
    };
    let body = json!({"name": "three.org.", "email": "a@b.org"});
    refused(api.post("/v2/zones", &body).await, "zones");

    let path = format!("/v2/zones/{zone}/recordsets");
    let set = |name: &str, records: &[&str]| json!({"name": name, "type": "A", "records": records});
    let three = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    refused(
        api.post(&path, &set("a.one.org.", &three)).await,
        "recordset_records",
    );
    let a = api
        .post(&path, &set("a.one.org.", &three[..2]))
        .await
        .expect(202)
        .id();
    refused(
        api.post(&path, &set("b.one.org.", &three[..2])).await,
        "zone_records",
    );
    let b = api
        .post(&path, &set("b.one.org.", &three[..1]))
        .await
        .expect(202)
        .id();
    refused(api.post(&path, &set("c.one.org.", &[])).await, "zone_recordsets");
    let more = json!({"records": &three[..2]});
    refused(api.put(&format!("{path}/{b}"), &more).await, "zone_records");
    // What goes makes room; the apex's own recordsets never counted.
    api.delete(&format!("{path}/{a}")).await.expect(202);
    api.put(&format!("{path}/{b}"), &more).await.expect(202);
    api.delete(&format!("/v2/zones/{zone}")).await.expect(202);
    api.post("/v2/zones", &body).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_never_exceed_a_quota() {
    let api = start().await;
    let make = |number: u32| {
        let api = &api;
        async move {
            let body = json!({"name": format!("z{number}.org."), "email": "a@b.org"});
            api.post("/v2/zones", &body).await.status.as_u16()
        }
    };
    let answers = join_all((0..100).map(make)).await;
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(202), count(413)), (10, 90), "{answers:?}");
    assert_eq!(api.get("/v2/zones").await.json()["metadata"]["total_count"], 10);
}

#[tokio::test]
async fn limits_are_the_projects() {
    let api = start().await;
    let alice = ("alice", "member,reader");
    let limits = api.of(alice, Method::GET, "/v2/limits", None).await.expect(200);
    assert_eq!(
        limits.text,
        r#"{"max_zones":10,"max_zone_records":500,"max_zone_recordsets":500,"max_recordset_records":20,"min_ttl":0,"max_zone_name_length":255,"max_recordset_name_length":255,"max_page_limit":1000}"#
    );
    set(&api, "alice", &json!({"zones": 77})).await.expect(200);
    let limits = api.of(alice, Method::GET, "/v2/limits", None).await.json();
    assert_eq!(limits["max_zones"], 77);
}

#[tokio::test]
async fn the_log_says_who_set_quotas() {
    let api = start().await;
    let answer = set(&api, "alice", &json!({"zones": 5})).await.expect(200);
    let audit = api.audit("quota_created").await;
    assert_eq!(audit.actor["user"], "noauth-user");
    assert_eq!(audit.actor["roles"], json!(["admin"]));
    assert_eq!(
        audit.request_id.as_deref(),
        Some(answer.header("x-openstack-request-id"))
    );
    set(&api, "alice", &json!({"zones": 6})).await.expect(200);
    assert!(api.audit("quota_changed").await.payload.contains("alice"));
    api.send(Method::DELETE, "/v2/quotas/alice", &[ADMIN, ALL], None)
        .await
        .expect(204);
    assert!(api.audit("quota_deleted").await.payload.contains("alice"));
}
