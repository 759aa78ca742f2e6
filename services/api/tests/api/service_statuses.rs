//! `/v2/service_statuses`.

use chrono::{DateTime, TimeDelta, Utc};
use deadpool_postgres::Client;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use zonelog_central::clock;
use zonelog_projections::service_status::{self, Beat};
use zonelog_store::Database;

use crate::parts::TestApi;

async fn client(api: &TestApi) -> Client {
    let database = Database::new(api.database().url(), "zonelog-api-test").unwrap();
    database.pool(1).get().await.unwrap()
}

async fn beat(api: &TestApi, id: u128, service: &str, hostname: &str, when: DateTime<Utc>) -> String {
    let client = client(api).await;
    let id = Uuid::from_u128(id);
    let beat = Beat {
        id,
        service_name: service,
        hostname,
        stats: &json!({}),
        capabilities: &json!({"a": 1}),
    };
    service_status::heartbeat(&client, &beat, when).await.unwrap();
    id.to_string()
}

/// A sign of life of a service; gives its id.
pub(crate) async fn beat_now(api: &TestApi) -> String {
    beat(api, 1, "central", "host-a", clock::now()).await
}

#[tokio::test]
async fn services_are_listed_and_shown() {
    let api = TestApi::start().await;
    let now = clock::now();
    let central = beat(&api, 1, "central", "host-a", now).await;
    beat(&api, 2, "worker", "host-a", now).await;
    beat(&api, 3, "worker", "host-b", now - TimeDelta::hours(1)).await;
    let stopped = beat(&api, 4, "mdns", "host-b", now).await;
    let client = client(&api).await;
    service_status::stop(&client, "mdns", "host-b", now)
        .await
        .unwrap();

    let shown = api
        .get(&format!("/v2/service_statuses/{central}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &shown["service_name"],
            &shown["hostname"],
            &shown["status"],
            &shown["capabilities"]
        ),
        (
            &json!("central"),
            &json!("host-a"),
            &json!("UP"),
            &json!({"a": 1})
        )
    );
    let keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 10);
    // The old name too; links always have the new one.
    let link = format!("{}/v2/service_statuses/{central}", api.base);
    for path in ["/v2/service_status", "/v2/service_statuses"] {
        let shown = api.get(&format!("{path}/{central}")).await.expect(200).json();
        assert_eq!(shown["links"]["self"], link);
        let list = api.get(path).await.expect(200).json();
        assert_eq!(list["service_statuses"].as_array().unwrap().len(), 4);
        assert_eq!(list.get("metadata"), None);
    }
    let found = async |query: &str| -> Vec<Value> {
        let list = api
            .get(&format!("/v2/service_statuses?{query}"))
            .await
            .expect(200)
            .json();
        let items = list["service_statuses"].as_array().unwrap();
        items
            .iter()
            .map(|item| json!([item["service_name"], item["hostname"], item["status"]]))
            .collect()
    };
    assert_eq!(
        found("service_name=worker&sort_key=hostname").await,
        [
            json!(["worker", "host-a", "UP"]),
            json!(["worker", "host-b", "DOWN"])
        ]
    );
    assert_eq!(
        found("status=STOPPED").await,
        [json!(["mdns", "host-b", "STOPPED"])]
    );
    assert_eq!(
        found("hostname=*-b&status=DOWN").await,
        [json!(["worker", "host-b", "DOWN"])]
    );
    assert_eq!(
        found("limit=1&sort_key=service_name&sort_dir=desc").await.len(),
        1
    );
    for key in [
        "created_at",
        "id",
        "updated_at",
        "hostname",
        "service_name",
        "status",
    ] {
        assert_eq!(found(&format!("sort_key={key}")).await.len(), 4, "{key}");
    }
    // What beats again runs again.
    beat(&api, 5, "mdns", "host-b", clock::now()).await;
    let shown = api.get(&format!("/v2/service_statuses/{stopped}")).await.json();
    assert_eq!(shown["status"], "UP");
}

#[tokio::test]
async fn services_are_an_admins_to_see() {
    let api = TestApi::start().await;
    let id = beat(&api, 1, "central", "host-a", clock::now()).await;
    for path in [
        "/v2/service_statuses".to_owned(),
        format!("/v2/service_statuses/{id}"),
    ] {
        api.of(("alice", "member,reader"), Method::GET, &path, None)
            .await
            .expect_error(403, "forbidden");
    }
    let error = api
        .get(&format!("/v2/service_statuses/{}", Uuid::nil()))
        .await
        .expect_error(404, "service_status_not_found");
    assert_eq!(error["message"], "Could not find ServiceStatus");
    let error = api
        .get("/v2/service_statuses/x")
        .await
        .expect_error(400, "invalid_uuid");
    assert_eq!(error["message"], "Invalid UUID service_id: x");
    api.get("/v2/service_statuses?colour=red")
        .await
        .expect_error(400, "bad_request");
    api.post("/v2/service_statuses", &json!({}))
        .await
        .expect_error(405, "method_not_allowed");
}
