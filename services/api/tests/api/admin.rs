//! `/admin`, behind its switch.

use reqwest::Method;
use serde_json::json;
use zonelog_api::ApiOptions;

use crate::parts::{TestApi, options};

async fn start() -> TestApi {
    TestApi::with(ApiOptions {
        admin: true,
        ..options()
    })
    .await
}

const PATHS: [&str; 5] = [
    "/admin/quotas/alice",
    "/admin/reports/counts",
    "/admin/reports/counts/zones",
    "/admin/reports/tenants",
    "/admin/reports/tenants/alice",
];

#[tokio::test]
async fn it_is_not_there_unless_it_is_switched_on() {
    let api = TestApi::start().await;
    for path in PATHS {
        api.get(path).await.expect_error(404, "not_found");
    }
}

#[tokio::test]
async fn it_is_an_admins() {
    let api = start().await;
    for path in PATHS {
        api.of(("other", "member,reader"), Method::GET, path, None)
            .await
            .expect_error(403, "forbidden");
        api.of(("other", "admin"), Method::GET, path, None)
            .await
            .expect(200);
    }
    for method in [Method::PATCH, Method::DELETE] {
        api.of(
            ("alice", "member,reader"),
            method,
            "/admin/quotas/alice",
            Some(&json!({"quota": {"zones": 1}})),
        )
        .await
        .expect_error(403, "forbidden");
    }
}

#[tokio::test]
async fn quotas_come_in_an_envelope() {
    let api = start().await;
    let path = "/admin/quotas/alice";
    let unlimited = json!({"zones": -1, "zone_recordsets": -1, "zone_records": -1, "recordset_records": -1, "api_export_size": -1});
    assert_eq!(
        api.get(path).await.expect(200).json(),
        json!({"quota": unlimited})
    );
    let changed = api
        .patch(path, &json!({"quota": {"zones": 3}}))
        .await
        .expect(200)
        .json();
    assert_eq!(changed["quota"]["zones"], 3);
    assert_eq!(api.get(path).await.json(), changed);
    let own = api
        .of(("alice", "member,reader"), Method::GET, "/v2/quotas", None)
        .await
        .json();
    assert_eq!(own, changed["quota"]);
    api.delete(path).await.expect(204);
    assert_eq!(api.get(path).await.json(), json!({"quota": unlimited}));
    for body in [
        json!({}),
        json!({"zones": 3}),
        json!({"quota": 3}),
        json!({"quota": {"zones": -2}}),
        json!({"quota": {"colour": 1}}),
        json!({"quota": {}, "colour": 1}),
    ] {
        api.patch(path, &body).await.expect_error(400, "invalid_object");
    }
}

#[tokio::test]
async fn reports_count_what_there_is() {
    let api = start().await;
    let zone = api.zone("one.org.").await;
    api.zone("two.org.").await;
    api.recordset(&zone, "a.one.org.", "A", &["192.0.2.1", "192.0.2.2"])
        .await;
    let body = json!({"name": "alice.org.", "email": "a@alice.org"});
    api.of(("alice", "member,reader"), Method::POST, "/v2/zones", Some(&body))
        .await
        .expect(202);
    assert_eq!(
        api.get("/admin/reports/counts").await.expect(200).json(),
        json!({"counts": [{"zones": 3, "records": 2, "tenants": 2}]})
    );
    for (criterion, count) in [
        ("zones", 3),
        ("records", 2),
        ("tenants", 2),
        ("zones_delayed_notify", 0),
    ] {
        assert_eq!(
            api.get(&format!("/admin/reports/counts/{criterion}"))
                .await
                .expect(200)
                .json(),
            json!({"counts": [{criterion: count}]})
        );
    }
    api.get("/admin/reports/counts/colours")
        .await
        .expect_error(404, "report_not_found");
    let tenants = api.get("/admin/reports/tenants").await.expect(200).json();
    let base = format!("{}/admin/reports/tenants", api.base);
    assert_eq!(
        tenants,
        json!({"tenants": [
            {"zone_count": 1, "id": "alice", "links": {"self": format!("{base}/alice")}},
            {"zone_count": 2, "id": "noauth-project", "links": {"self": format!("{base}/noauth-project")}},
        ], "links": {"self": base}})
    );
    assert_eq!(
        api.get("/admin/reports/tenants/noauth-project")
            .await
            .expect(200)
            .json(),
        json!({"zones_count": 2, "zones": ["one.org.", "two.org."], "id": "noauth-project",
            "links": {"self": format!("{base}/noauth-project")}})
    );
    let nobody = api.get("/admin/reports/tenants/nobody").await.expect(200).json();
    assert_eq!(
        (&nobody["zones_count"], &nobody["zones"]),
        (&json!(0), &json!([]))
    );
}

#[tokio::test]
async fn a_zone_is_exported_at_once() {
    let api = start().await;
    let zone = api.zone("one.org.").await;
    api.recordset(&zone, "a.one.org.", "A", &["192.0.2.1"]).await;
    let path = format!("/admin/zones/export/{zone}");
    let text = api
        .send(Method::GET, &path, &[("accept", "text/dns")], None)
        .await
        .expect(200);
    assert!(text.header("content-type").starts_with("text/dns"), "{text:?}");
    assert!(text.text.starts_with("$ORIGIN one.org.\n"), "{}", text.text);
    assert!(text.text.contains("192.0.2.1"), "{}", text.text);
    api.of(("other", "member,reader"), Method::GET, &path, None)
        .await
        .expect_error(404, "zone_not_found");
    api.of(("noauth-project", "reader"), Method::GET, &path, None)
        .await
        .expect_error(403, "forbidden");
}
