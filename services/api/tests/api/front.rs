//! What stands before every handler: browsers, proxies, maintenance, the rate.

use std::num::NonZeroU32;

use reqwest::Method;
use serde_json::json;
use zonelog_api::{Api, ApiOptions, RateLimit};
use zonelog_central::Central;
use zonelog_store::Database;

use crate::parts::{TestApi, central_options, options};

const PAGE: (&str, &str) = ("origin", "https://console.example.com");

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask() {
    let api = TestApi::with(ApiOptions {
        cors_origins: vec!["https://console.example.com".into()],
        ..options()
    })
    .await;
    let preflight = [
        PAGE,
        ("access-control-request-method", "PATCH"),
        (
            "access-control-request-headers",
            "x-auth-token,x-auth-all-projects",
        ),
    ];
    let answer = api
        .send(Method::OPTIONS, "/v2/zones", &preflight, None)
        .await
        .expect(200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://console.example.com"
    );
    let methods = answer.header("access-control-allow-methods");
    for method in ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"] {
        assert!(methods.contains(method), "{methods}");
    }
    let headers = answer.header("access-control-allow-headers");
    for header in [
        "x-auth-token",
        "x-auth-sudo-tenant-id",
        "x-auth-sudo-project-id",
        "x-auth-all-projects",
        "x-designate-edit-managed-records",
        "x-designate-hard-delete",
        "openstack-dns-hide-counts",
    ] {
        assert!(headers.contains(header), "{headers}");
    }
    assert_eq!(answer.header("access-control-max-age"), "3600");

    let answer = api
        .send(Method::GET, "/v2/zones", &[PAGE], None)
        .await
        .expect(200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://console.example.com"
    );
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("x-openstack-request-id"), "{exposed}");
    // Also what is refused can be read.
    let answer = api
        .send(Method::GET, "/v2/colours", &[PAGE], None)
        .await
        .expect(404);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://console.example.com"
    );

    for other in [
        "https://console.example.com.evil.org",
        "http://console.example.com",
        "null",
    ] {
        let answer = api
            .send(Method::GET, "/v2/zones", &[("origin", other)], None)
            .await
            .expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{other}");
    }
}

#[tokio::test]
async fn without_origins_there_is_no_cors() {
    let api = TestApi::start().await;
    let answer = api
        .send(Method::GET, "/v2/zones", &[PAGE], None)
        .await
        .expect(200);
    assert!(
        !answer
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control"))
    );
    api.send(Method::OPTIONS, "/v2/zones", &[PAGE], None)
        .await
        .expect_error(405, "method_not_allowed");
}

#[tokio::test]
async fn an_origin_that_is_none_ends_the_start() {
    let api = TestApi::start().await;
    let database = Database::new(api.database().url(), "zonelog-api-test").unwrap();
    let central = Central::start(
        database.clone(),
        central_options(),
        tokio_util::sync::CancellationToken::new(),
    );
    let options = ApiOptions {
        cors_origins: vec!["console.example.com".into()],
        ..options()
    };
    let error = Api::bind(options, central, &database).err().unwrap().to_string();
    assert!(error.contains("\"console.example.com\" is no origin"), "{error}");
}

#[tokio::test]
async fn links_are_those_that_a_believed_proxy_was_asked_for() {
    let proxied = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "dns.example.com"),
        ("x-forwarded-prefix", "/dns"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    let link = async |api: &TestApi, headers: &[(&str, &str)]| {
        let list = api
            .send(Method::GET, "/v2/zones", headers, None)
            .await
            .expect(200);
        let versions = api.send(Method::GET, "/", headers, None).await.expect(200).json();
        let link = list.json()["links"]["self"].as_str().unwrap().to_owned();
        let version = versions["versions"][5]["links"][0]["href"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(link, format!("{version}/zones"));
        link
    };
    let open = TestApi::start().await;
    assert_eq!(link(&open, &proxied).await, format!("{}/v2/zones", open.base));
    let behind = TestApi::with(ApiOptions {
        proxy_headers: true,
        ..options()
    })
    .await;
    assert_eq!(
        link(&behind, &proxied).await,
        "https://dns.example.com/dns/v2/zones"
    );
    let forwarded = [("forwarded", "for=192.0.2.1;proto=https;host=api.example.com:8443")];
    assert_eq!(
        link(&behind, &forwarded).await,
        "https://api.example.com:8443/v2/zones"
    );
    assert_eq!(link(&behind, &[]).await, format!("{}/v2/zones", behind.base));
}

#[tokio::test]
async fn during_maintenance_only_one_role_gets_in() {
    let api = TestApi::with(ApiOptions {
        maintenance_role: Some("admin".into()),
        ..options()
    })
    .await;
    let member = [("x-roles", "member,reader")];
    for (method, path) in [
        (Method::GET, "/v2/zones"),
        (Method::POST, "/v2/zones"),
        (Method::GET, "/v2/x"),
    ] {
        let answer = api.send(method, path, &member, Some(&json!({}))).await;
        assert_eq!(answer.header("retry-after"), "60");
        answer.expect_error(503, "maintenance");
    }
    api.get("/v2/zones").await.expect(200);
    api.send(Method::GET, "/", &member, None).await.expect(200);
    api.send(Method::GET, "/healthcheck", &member, None)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_project_that_asks_too_fast_waits_and_no_other_does() {
    let api = TestApi::with(ApiOptions {
        rate_limit: Some(RateLimit {
            per_second: NonZeroU32::MIN,
            burst: NonZeroU32::new(3).unwrap(),
        }),
        ..options()
    })
    .await;
    let ask = async |project: &str| {
        api.send(Method::GET, "/v2/zones", &[("x-auth-project-id", project)], None)
            .await
    };
    for _ in 0..3 {
        ask("alice").await.expect(200);
    }
    // A slow machine may have earned one more by now, and not ten.
    let mut refused = None;
    for _ in 0..10 {
        let answer = ask("alice").await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a request that is refused");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    refused.expect_error(429, "over_limit");
    ask("bob").await.expect(200);
    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    ask("alice").await.expect(200);
    api.get("/healthcheck").await.expect(200);
}
