//! Tokens of a real Keystone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zonelog_api::{ApiOptions, Auth, Credential, KeystoneOptions, Secret, TokenSecret};
use zonelog_central::{clock, ids};
use zonelog_model::ProjectId;
use zonelog_projections::api_token::{self, ApiToken};
use zonelog_test_parts::eventually;
use zonelog_test_parts::keystone::{Keystone, KeystoneOptions as Parts};

use crate::parts::{Answer, TestApi, options};

fn password(keystone: &Keystone) -> Credential {
    Credential::Password {
        username: "zonelog".into(),
        user_domain: "Default".into(),
        project: "service".into(),
        project_domain: "Default".into(),
        password: Secret::new(&*keystone.user("zonelog").password),
    }
}

pub(crate) fn guarded(keystone: &Keystone) -> KeystoneOptions {
    KeystoneOptions {
        www_authenticate_uri: Some("https://keystone.example.com".into()),
        timeout: Duration::from_secs(20),
        ..KeystoneOptions::new(keystone.url(), password(keystone))
    }
}

pub(crate) async fn api(keystone: KeystoneOptions) -> TestApi {
    TestApi::with(ApiOptions {
        auth: Auth::Keystone(keystone),
        ..options()
    })
    .await
}

pub(crate) async fn zones(api: &TestApi, token: &str) -> Answer {
    api.send(Method::GET, "/v2/zones", &[("x-auth-token", token)], None)
        .await
}

pub(crate) fn expect_refused(answer: Answer) {
    let answer = answer.expect(401);
    assert_eq!(
        answer.text,
        r#"{"error":{"code":401,"title":"Unauthorized","message":"The request you have made requires authentication."}}"#
    );
    assert_eq!(
        answer.header("www-authenticate"),
        "Keystone uri=\"https://keystone.example.com\""
    );
}

#[tokio::test]
async fn a_token_acts_in_its_project_with_its_roles() {
    let keystone = Keystone::start("http://127.0.0.1:9001").await;
    let api = api(guarded(&keystone)).await;
    let zone = json!({"name": "alpha.org.", "email": "a@alpha.org"});
    let post = async |token: &str| {
        api.send(Method::POST, "/v2/zones", &[("x-auth-token", token)], Some(&zone))
            .await
    };
    let reader = keystone.token("alpha-reader", "alpha").await;
    zones(&api, &reader).await.expect(200);
    post(&reader).await.expect_error(403, "forbidden");
    let guest = keystone.token("alpha-guest", "alpha").await;
    zones(&api, &guest).await.expect_error(403, "forbidden");
    let member = keystone.token("alpha-member", "alpha").await;
    let made = post(&member).await.expect(202).json();
    assert_eq!(made["project_id"], keystone.project("alpha"));
    let count = async |headers: &[(&str, &str)]| {
        let list = api.send(Method::GET, "/v2/zones", headers, None).await;
        list.expect(200).json()["metadata"]["total_count"].clone()
    };
    assert_eq!(count(&[("x-auth-token", &reader)]).await, 1);
    let other = keystone.token("beta-member", "beta").await;
    assert_eq!(count(&[("x-auth-token", &other)]).await, 0);
    let admin = keystone.token("admin", "admin").await;
    assert_eq!(count(&[("x-auth-token", &admin)]).await, 0);
    assert_eq!(
        count(&[("x-auth-token", &admin), ("x-auth-all-projects", "true")]).await,
        1
    );
    let wide = [("x-auth-token", member.as_str()), ("x-auth-all-projects", "true")];
    api.send(Method::GET, "/v2/zones", &wide, None).await.expect(403);

    // The event says who it was.
    let client = api.database().client().await;
    let row = client
        .query_one("select actor from event where type = 'zone_created'", &[])
        .await
        .unwrap();
    let actor: Value = row.get(0);
    assert_eq!(actor["user"], keystone.user("alpha-member").id);
    assert!(actor["roles"].as_array().unwrap().contains(&json!("member")));
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let keystone = Keystone::start("http://127.0.0.1:9001").await;
    let api = api(guarded(&keystone)).await;
    expect_refused(api.get("/v2/zones").await);
    expect_refused(api.get("/v2/colours").await);
    let member = keystone.token("alpha-member", "alpha").await;
    let long = "x".repeat(20_000);
    for wrong in ["", "x", "Bearer x", &member[1..], "zl_short", &long] {
        expect_refused(zones(&api, wrong).await);
    }
    // Headers that keystonemiddleware would set are nobody's to send.
    let claims = [
        ("x-roles", "admin"),
        ("x-project-id", "alpha"),
        ("x-identity-status", "Confirmed"),
    ];
    expect_refused(api.send(Method::GET, "/v2/zones", &claims, None).await);
    api.get("/").await.expect(200);
    api.get("/healthcheck").await.expect(200);
}

#[tokio::test]
async fn zonelogs_own_tokens_stay_valid_beside() {
    let keystone = Keystone::start("http://127.0.0.1:9001").await;
    let api = api(guarded(&keystone)).await;
    let secret = TokenSecret::new(ids::token_bytes());
    let token = ApiToken {
        id: ids::token_id(),
        name: "machine".into(),
        project: ProjectId::new(keystone.project("alpha")).unwrap(),
        roles: vec!["member".into()],
        created_at: clock::now(),
        expires_at: None,
        revoked_at: None,
    };
    api_token::create(&api.database().client().await, &token, &secret.digest())
        .await
        .unwrap();
    zones(&api, secret.reveal()).await.expect(200);
    expect_refused(zones(&api, TokenSecret::new([1; 32]).reveal()).await);
}

#[tokio::test]
async fn only_a_projects_token_counts() {
    let keystone = Keystone::start("http://127.0.0.1:9001").await;
    let api = api(guarded(&keystone)).await;
    let system = keystone.system_token("admin").await;
    zones(&api, &system)
        .await
        .expect_error(403, "invalid_token_scope");
    let person = json!({
        "name": "alpha-member",
        "password": keystone.user("alpha-member").password,
        "domain": {"id": "default"},
    });
    let body = json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": person}},
        "scope": "unscoped",
    }});
    let unscoped = api
        .http
        .post(format!("{}/auth/tokens", keystone.url()))
        .json(&body)
        .send()
        .await
        .unwrap();
    let unscoped = unscoped.headers()["x-subject-token"].to_str().unwrap().to_owned();
    let answer = zones(&api, &unscoped).await;
    assert_ne!(answer.header("www-authenticate"), "");
    answer.expect_error(401, "missing_project_id");
}

#[tokio::test]
async fn a_revoked_token_is_refused_soon() {
    let keystone = Keystone::start("http://127.0.0.1:9001").await;
    let api = api(KeystoneOptions {
        token_memory: Duration::from_millis(200),
        ..guarded(&keystone)
    })
    .await;
    let token = keystone.token("alpha-member", "alpha").await;
    zones(&api, &token).await.expect(200);
    keystone.revoke(&token).await;
    eventually("the token is refused", Duration::from_secs(20), async || {
        zones(&api, &token).await.status == 401
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_also_while_it_is_remembered_and_the_service_gets_itself_new_ones() {
    let keystone = Keystone::start_with(Parts {
        token_seconds: Some(6),
        ..Parts::default()
    })
    .await;
    let api = api(guarded(&keystone)).await;
    // On a slow machine a token may have ended before it is shown.
    let limit = Duration::from_secs(120);
    let valid = async || {
        let token = Mutex::default();
        eventually("a new token is taken", limit, async || {
            let new = keystone.token("alpha-member", "alpha").await;
            let taken = zones(&api, &new).await.status == 200;
            *token.lock().unwrap() = new;
            taken
        })
        .await;
        token.into_inner().unwrap()
    };
    let first = valid().await;
    eventually("the token has ended", limit, async || {
        zones(&api, &first).await.status == 401
    })
    .await;
    // The service user's token of then has ended as well.
    valid().await;
}

#[tokio::test]
async fn a_service_token_that_is_refused_is_replaced() {
    let keystone = Keystone::start("http://127.0.0.1:9001").await;
    let api = api(guarded(&keystone)).await;
    let first = keystone.token("alpha-member", "alpha").await;
    zones(&api, &first).await.expect(200);
    // Disabling a user revokes his tokens.
    let user = format!("/users/{}", keystone.user("zonelog").id);
    let enabled = async |enabled: bool| {
        keystone
            .administer(Method::PATCH, &user, &json!({"user": {"enabled": enabled}}))
            .await
    };
    enabled(false).await;
    let second = keystone.token("alpha-reader", "alpha").await;
    zones(&api, &second)
        .await
        .expect_error(504, "keystone_communication_failure");
    enabled(true).await;
    // Keystone counts revocations in whole seconds: a token issued in the second of one is refused with it.
    eventually(
        "the service user has a token again",
        Duration::from_secs(30),
        async || zones(&api, &second).await.status == 200,
    )
    .await;
}

#[tokio::test]
async fn an_application_credential_is_enough() {
    let keystone = Keystone::start("http://127.0.0.1:9001").await;
    let credential = keystone.application_credential();
    let options = KeystoneOptions {
        credential: Credential::Application {
            id: credential.id.clone(),
            secret: Secret::new(&*credential.secret),
        },
        // With or without the version, and a slash too many.
        auth_url: format!("{}/", keystone.url().trim_end_matches("/v3")),
        ..guarded(&keystone)
    };
    assert!(!format!("{options:?}").contains(&credential.secret));
    let api = api(options).await;
    let token = keystone.token("alpha-member", "alpha").await;
    zones(&api, &token).await.expect(200);
    expect_refused(zones(&api, "gAAAA").await);
}

#[tokio::test]
async fn without_keystone_nobody_new_is_let_in_and_nobody_waits_long() {
    let mut keystone = Keystone::start("http://127.0.0.1:9001").await;
    let api = api(KeystoneOptions {
        timeout: Duration::from_secs(2),
        ..guarded(&keystone)
    })
    .await;
    let known = keystone.token("alpha-member", "alpha").await;
    let new = keystone.token("alpha-reader", "alpha").await;
    eventually("Keystone is quick enough", Duration::from_secs(30), async || {
        zones(&api, &known).await.status == 200
    })
    .await;

    keystone.hang(true).await;
    let asked = Instant::now();
    zones(&api, &new)
        .await
        .expect_error(504, "keystone_communication_failure");
    let waited = asked.elapsed();
    assert!((1..8).contains(&waited.as_secs()), "{waited:?}");
    zones(&api, &known).await.expect(200);
    keystone.hang(false).await;

    keystone.stop().await;
    let error = zones(&api, &new)
        .await
        .expect_error(504, "keystone_communication_failure");
    let port = keystone.url().rsplit(':').next().unwrap().to_owned();
    assert!(
        !error["message"]
            .as_str()
            .unwrap()
            .contains(port.trim_end_matches("/v3"))
    );
    zones(&api, &known).await.expect(200);

    keystone.start_again().await;
    eventually("the new token is known", Duration::from_secs(30), async || {
        zones(&api, &new).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn the_project_of_a_sudo_must_exist() {
    let mut keystone = Keystone::start("http://127.0.0.1:9001").await;
    let api = api(guarded(&keystone)).await;
    let admin = keystone.token("admin", "admin").await;
    let member = keystone.token("alpha-member", "alpha").await;
    let zone = json!({"name": "alpha.org.", "email": "a@alpha.org"});
    let as_project = async |token: &str, project: &str| {
        let headers = [("x-auth-token", token), ("x-auth-sudo-project-id", project)];
        api.send(Method::GET, "/v2/zones", &headers, None).await
    };
    api.send(
        Method::POST,
        "/v2/zones",
        &[("x-auth-token", &member)],
        Some(&zone),
    )
    .await
    .expect(202);
    let seen = as_project(&admin, keystone.project("alpha")).await.expect(200);
    assert_eq!(seen.json()["metadata"]["total_count"], 1);
    for nobody in ["0123456789abcdef0123456789abcdef", "a/b", "..", "%2e%2e", "a b"] {
        let error = as_project(&admin, nobody)
            .await
            .expect_error(400, "invalid_project");
        assert_eq!(error["message"], format!("{nobody} is not a valid project ID."));
    }
    assert_eq!(as_project(&member, "beta").await.expect(403).text, "");
    let beta = keystone.project("beta").to_owned();
    keystone.stop().await;
    as_project(&admin, &beta)
        .await
        .expect_error(504, "keystone_communication_failure");
}

/// Host and port of Keystone.
pub(crate) fn address(keystone: &Keystone) -> String {
    let url = keystone.url().trim_start_matches("http://");
    url.trim_end_matches("/v3").to_owned()
}

/// Passes connections on to Keystone and counts what is asked.
async fn counting(keystone: &Keystone) -> (String, Arc<AtomicUsize>) {
    let to = address(keystone);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v3", listener.local_addr().unwrap());
    let validations = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&validations);
    tokio::spawn(async move {
        loop {
            let (inward, _) = listener.accept().await.unwrap();
            let outward = TcpStream::connect(&to).await.unwrap();
            let counted = Arc::clone(&counted);
            let (mut from_api, mut to_api) = inward.into_split();
            let (mut from_keystone, mut to_keystone) = outward.into_split();
            tokio::spawn(async move {
                let mut buffer = vec![0; 65_536];
                // A question is small and comes in one piece on a loopback.
                while let Ok(read @ 1..) = from_api.read(&mut buffer).await {
                    if buffer.starts_with(b"GET /v3/auth/tokens") {
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                    to_keystone.write_all(&buffer[..read]).await.unwrap();
                }
            });
            tokio::spawn(async move { tokio::io::copy(&mut from_keystone, &mut to_api).await });
        }
    });
    (url, validations)
}

#[tokio::test]
async fn requests_that_come_together_are_one_question() {
    let keystone = Keystone::start("http://127.0.0.1:9001").await;
    let (url, validations) = counting(&keystone).await;
    let api = api(KeystoneOptions {
        auth_url: url,
        ..guarded(&keystone)
    })
    .await;
    let token = keystone.token("alpha-member", "alpha").await;
    let requests = (0..40).map(|_| zones(&api, &token));
    for answer in futures_util::future::join_all(requests).await {
        answer.expect(200);
    }
    assert_eq!(validations.load(Ordering::SeqCst), 1);
    zones(&api, &token).await.expect(200);
    assert_eq!(validations.load(Ordering::SeqCst), 1, "it is remembered");
    expect_refused(zones(&api, "nonsense").await);
    expect_refused(zones(&api, "nonsense").await);
    assert_eq!(validations.load(Ordering::SeqCst), 2, "so is what is no token");
}

#[tokio::test]
async fn the_project_of_a_share_and_of_quotas_must_exist() {
    let keystone = Keystone::start("http://127.0.0.1:9001").await;
    let api = TestApi::with(ApiOptions {
        auth: Auth::Keystone(guarded(&keystone)),
        verify_quota_projects: true,
        ..options()
    })
    .await;
    let member = keystone.token("alpha-member", "alpha").await;
    let headers = [("x-auth-token", member.as_str())];
    let zone = json!({"name": "alpha.org.", "email": "a@alpha.org"});
    let zone = api.send(Method::POST, "/v2/zones", &headers, Some(&zone)).await;
    let shares = format!("/v2/zones/{}/shares", zone.expect(202).id());
    let share = async |project: &str| {
        let body = json!({"target_project_id": project});
        api.send(Method::POST, &shares, &headers, Some(&body)).await
    };
    let nobody = "0123456789abcdef0123456789abcdef";
    share(nobody).await.expect_error(400, "invalid_project");
    share(keystone.project("beta")).await.expect(201);

    let admin = keystone.token("admin", "admin").await;
    let headers = [("x-auth-token", admin.as_str()), ("x-auth-all-projects", "true")];
    let quotas = json!({"zones": 5});
    for (project, status) in [(nobody, 400), (keystone.project("beta"), 200)] {
        let path = format!("/v2/quotas/{project}");
        let answer = api.send(Method::PATCH, &path, &headers, Some(&quotas)).await;
        answer.expect(status);
    }
}
