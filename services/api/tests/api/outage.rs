//! The database goes away and comes back.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use zonelog_test_parts::{TestServer, eventually};

use crate::parts::{TestApi, options};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_database_is_told_and_healed() {
    let mut server = TestServer::start().await;
    let api = TestApi::on(server.url(), options()).await;
    let zone = api.zone("example.org.").await;
    let sets = format!("/v2/zones/{zone}/recordsets");
    server.stop().await;

    let set = json!({"name": "www.example.org.", "type": "A", "records": ["192.0.2.1"]});
    for (method, path, body) in [
        (Method::GET, "/v2/zones".to_owned(), None),
        (Method::GET, format!("/v2/zones/{zone}"), None),
        (Method::GET, sets.clone(), None),
        (Method::POST, sets.clone(), Some(&set)),
    ] {
        let answer = api.send(method, &path, &[], body).await;
        assert!(
            answer.header("retry-after").parse::<u32>().unwrap() > 0,
            "{path} {answer:?}"
        );
        assert!(!answer.text.contains("zonelog_service"), "{}", answer.text);
        answer.expect_error(503, "service_unavailable");
    }
    assert_eq!(
        api.get("/healthcheck").await.expect(503).text,
        "DATABASE UNAVAILABLE"
    );

    server.start_again().await;
    eventually("the API answers again", Duration::from_secs(20), async || {
        api.get("/v2/zones").await.status == 200
    })
    .await;
    eventually(
        "a zone can be changed again",
        Duration::from_secs(20),
        async || api.post(&sets, &set).await.status == 202,
    )
    .await;
    let list = api.get(&format!("{sets}?type=A")).await.expect(200).json();
    assert_eq!(list["metadata"]["total_count"], 1);
    api.get("/healthcheck").await.expect(200);
}
