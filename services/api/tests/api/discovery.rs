//! `GET /`, `/healthcheck`, and paths that are none.

use reqwest::Method;
use serde_json::{Value, json};

use crate::parts::{TestApi, options};

#[tokio::test]
async fn the_versions_follow_how_the_client_called() {
    let api = TestApi::start().await;
    let versions = api
        .send(Method::GET, "/", &[("host", "dns.example.com:9001")], None)
        .await
        .expect(200)
        .json();
    let versions = versions["versions"].as_array().unwrap();
    let ids: Vec<&str> = versions
        .iter()
        .map(|version| version["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["v2", "v2.0", "v2.1", "v2.2", "v2.3", "v2.4"]);
    let current: Vec<&Value> = versions
        .iter()
        .filter(|version| version["status"] == "CURRENT")
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["id"], "v2.4");
    let links = json!([
        {"href": "http://dns.example.com:9001/v2", "rel": "self"},
        {"href": "https://docs.openstack.org/api-ref/dns", "rel": "help"},
    ]);
    assert!(versions.iter().all(|version| version["links"] == links));
    let keys: Vec<&String> = versions[0].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 4);
}

#[tokio::test]
async fn a_configured_address_goes_before_links() {
    let api = TestApi::with(zonelog_api::ApiOptions {
        base_url: Some("https://dns.example.com/".into()),
        ..options()
    })
    .await;
    let links = api.get("/v2/zones?limit=5").await.expect(200).json()["links"].clone();
    assert_eq!(links, json!({"self": "https://dns.example.com/v2/zones?limit=5"}));
}

#[tokio::test]
async fn the_health_check_says_ok_or_why_not() {
    let folder = std::env::temp_dir().join(format!("zonelog-api-disable-{}", std::process::id()));
    let api = TestApi::with(zonelog_api::ApiOptions {
        disable_file: Some(folder.clone()),
        ..options()
    })
    .await;
    let answer = api.get("/healthcheck").await.expect(200);
    assert_eq!(answer.text, "OK");
    assert!(answer.header("content-type").starts_with("text/plain"));
    std::fs::write(&folder, "").unwrap();
    let answer = api.get("/healthcheck").await;
    std::fs::remove_file(&folder).unwrap();
    assert_eq!(answer.expect(503).text, "DISABLED BY FILE");
    api.get("/healthcheck").await.expect(200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let api = TestApi::start().await;
    for path in ["/v2", "/v2/colours", "/v3/zones", "/v2/zones/x/y/z/w", "/%ff"] {
        let error = api.get(path).await.expect_error(404, "not_found");
        assert_eq!(error["message"], "resource not found", "{path}");
    }
    let zone = api.zone("example.org.").await;
    for (method, path) in [
        (Method::PUT, format!("/v2/zones/{zone}")),
        (Method::DELETE, "/v2/zones".into()),
        (Method::PATCH, format!("/v2/zones/{zone}/recordsets/{zone}")),
        (Method::POST, "/v2/recordsets".into()),
        (Method::POST, "/".into()),
    ] {
        let answer = api.send(method, &path, &[], Some(&json!({}))).await;
        assert_ne!(answer.header("allow"), "", "{path}");
        let error = answer.expect_error(405, "method_not_allowed");
        assert_eq!(error.get("message"), None);
    }
}

#[tokio::test]
async fn slashes_too_many_do_not_matter() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    for path in ["/v2/zones/", "//v2//zones", "/v2/zones//"] {
        assert_eq!(
            api.get(path).await.expect(200).json()["zones"][0]["id"],
            zone,
            "{path}"
        );
    }
    let list = api.get("/v2/zones/?limit=3").await.json();
    assert_eq!(list["links"]["self"], format!("{}/v2/zones?limit=3", api.base));
}
