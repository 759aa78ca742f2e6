//! Zonelog's own tokens.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;
use zonelog_api::{ApiOptions, Auth, TokenSecret};
use zonelog_central::{clock, ids};
use zonelog_model::ProjectId;
use zonelog_projections::api_token::{self, ApiToken};
use zonelog_test_parts::eventually;

use crate::parts::{Answer, TestApi, options};

async fn guarded() -> TestApi {
    TestApi::with(ApiOptions {
        auth: Auth::Tokens,
        token_memory: Duration::from_millis(50),
        ..options()
    })
    .await
}

async fn token(
    api: &TestApi,
    project: &str,
    roles: &[&str],
    lives: Option<chrono::TimeDelta>,
) -> (Uuid, TokenSecret) {
    let secret = TokenSecret::new(ids::token_bytes());
    let now = clock::now();
    let token = ApiToken {
        id: ids::token_id(),
        name: "test".into(),
        project: ProjectId::new(project).unwrap(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        created_at: now,
        expires_at: lives.map(|lives| now + lives),
        revoked_at: None,
    };
    api_token::create(&api.database().client().await, &token, &secret.digest())
        .await
        .unwrap();
    let listed = api_token::list(&api.database().client().await).await.unwrap();
    assert!(listed.contains(&token));
    (token.id, secret)
}

async fn zones(api: &TestApi, token: &str) -> Answer {
    api.send(Method::GET, "/v2/zones", &[("x-auth-token", token)], None)
        .await
}

fn expect_refused(api: &TestApi, answer: Answer) {
    let answer = answer.expect(401);
    assert_eq!(
        answer.text,
        r#"{"error":{"code":401,"title":"Unauthorized","message":"The request you have made requires authentication."}}"#
    );
    assert_eq!(
        answer.header("www-authenticate"),
        format!("Keystone uri=\"{}\"", api.base)
    );
    assert_ne!(answer.header("x-openstack-request-id"), "");
}

#[tokio::test]
async fn only_a_valid_token_opens_the_door() {
    let api = guarded().await;
    let (_, good) = token(&api, "alice", &["member"], None).await;
    zones(&api, good.reveal()).await.expect(200);
    let unknown = TokenSecret::new([9; 32]);
    let long = "x".repeat(10_000);
    for wrong in [
        "",
        "zl_",
        "Bearer x",
        unknown.reveal(),
        &long,
        &good.reveal()[..45],
    ] {
        expect_refused(&api, zones(&api, wrong).await);
    }
    // Who says who he is without a token is not believed.
    let claims = [("x-roles", "admin"), ("x-auth-project-id", "alice")];
    expect_refused(&api, api.send(Method::GET, "/v2/zones", &claims, None).await);
    expect_refused(&api, api.get("/v2").await);
    expect_refused(&api, api.get("/v2/colours").await);
    api.get("/").await.expect(200);
    api.get("/healthcheck").await.expect(200);
}

#[tokio::test]
async fn a_revoked_token_is_refused_soon() {
    let api = guarded().await;
    let (id, secret) = token(&api, "alice", &["member"], None).await;
    zones(&api, secret.reveal()).await.expect(200);
    let client = api.database().client().await;
    assert!(api_token::revoke(&client, id, clock::now()).await.unwrap());
    assert!(!api_token::revoke(&client, id, clock::now()).await.unwrap());
    eventually("the token is refused", Duration::from_secs(5), async || {
        zones(&api, secret.reveal()).await.status == 401
    })
    .await;
}

#[tokio::test]
async fn a_token_expires_also_while_it_is_remembered() {
    let api = TestApi::with(ApiOptions {
        auth: Auth::Tokens,
        token_memory: Duration::from_secs(600),
        ..options()
    })
    .await;
    let (_, secret) = token(
        &api,
        "alice",
        &["member"],
        Some(chrono::TimeDelta::milliseconds(1_500)),
    )
    .await;
    zones(&api, secret.reveal()).await.expect(200);
    eventually("the token is refused", Duration::from_secs(10), async || {
        zones(&api, secret.reveal()).await.status == 401
    })
    .await;
}

#[tokio::test]
async fn a_token_acts_in_its_project_with_its_roles() {
    let api = guarded().await;
    let (_, alice) = token(&api, "alice", &["member"], None).await;
    let (_, bob) = token(&api, "bob", &["reader"], None).await;
    let (_, admin) = token(&api, "ops", &["admin"], None).await;
    let body = json!({"name": "alice.org.", "email": "a@alice.org"});
    let post = async |secret: &TokenSecret| {
        api.send(
            Method::POST,
            "/v2/zones",
            &[("x-auth-token", secret.reveal())],
            Some(&body),
        )
        .await
    };
    post(&bob).await.expect_error(403, "forbidden");
    assert_eq!(post(&alice).await.expect(202).json()["project_id"], "alice");
    let count = async |headers: &[(&str, &str)]| {
        api.send(Method::GET, "/v2/zones", headers, None)
            .await
            .expect(200)
            .json()["metadata"]["total_count"]
            .clone()
    };
    assert_eq!(count(&[("x-auth-token", bob.reveal())]).await, 0);
    assert_eq!(count(&[("x-auth-token", admin.reveal())]).await, 0);
    assert_eq!(
        count(&[("x-auth-token", admin.reveal()), ("x-auth-all-projects", "true")]).await,
        1
    );
    let wide = [("x-auth-token", alice.reveal()), ("x-auth-all-projects", "true")];
    api.send(Method::GET, "/v2/zones", &wide, None).await.expect(403);
}
