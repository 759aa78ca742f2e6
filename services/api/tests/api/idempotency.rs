//! A retried request gets the first answer.

use reqwest::Method;
use serde_json::json;

use crate::parts::TestApi;

#[tokio::test]
async fn a_retry_gets_the_first_answer() {
    let api = TestApi::start().await;
    let key = [("idempotency-key", "key-1")];
    let body = json!({"name": "example.org.", "email": "a@example.org"});
    let first = api
        .send(Method::POST, "/v2/zones", &key, Some(&body))
        .await
        .expect(202);
    assert_eq!(first.header("idempotency-replayed"), "");
    let again = api
        .send(Method::POST, "/v2/zones", &key, Some(&body))
        .await
        .expect(202);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(
        (&again.text, again.header("location")),
        (&first.text, first.header("location"))
    );
    assert_eq!(api.get("/v2/zones").await.json()["metadata"]["total_count"], 1);

    let other = json!({"name": "example.net.", "email": "a@example.org"});
    api.send(Method::POST, "/v2/zones", &key, Some(&other))
        .await
        .expect_error(422, "idempotency_key_reused");
    let elsewhere = [("idempotency-key", "key-1"), ("x-auth-project-id", "other")];
    api.send(Method::POST, "/v2/zones", &elsewhere, Some(&other))
        .await
        .expect(202);

    let zone = format!("/v2/zones/{}", first.id());
    let sets = format!("{zone}/recordsets");
    let set = json!({"name": "www.example.org.", "type": "A", "records": ["192.0.2.1"]});
    let one = api
        .send(Method::POST, &sets, &[("idempotency-key", "key-2")], Some(&set))
        .await
        .expect(202);
    let two = api
        .send(Method::POST, &sets, &[("idempotency-key", "key-2")], Some(&set))
        .await
        .expect(202);
    assert_eq!(
        (two.header("idempotency-replayed"), &two.text),
        ("true", &one.text)
    );
    let own = format!("{sets}/{}", one.id());
    for (method, path, body, key) in [
        (Method::PUT, &own, Some(json!({"ttl": 60})), "key-3"),
        (Method::DELETE, &own, None, "key-4"),
        (Method::PATCH, &zone, Some(json!({"ttl": 60})), "key-5"),
        (Method::DELETE, &zone, None, "key-6"),
    ] {
        let key = [("idempotency-key", key)];
        let one = api
            .send(method.clone(), path, &key, body.as_ref())
            .await
            .expect(202);
        let two = api
            .send(method.clone(), path, &key, body.as_ref())
            .await
            .expect(202);
        assert_eq!(
            (two.header("idempotency-replayed"), &two.text),
            ("true", &one.text),
            "{method}"
        );
    }
}

#[tokio::test]
async fn retries_at_once_make_one_zone() {
    let api = TestApi::start().await;
    let key = [("idempotency-key", "same")];
    let body = json!({"name": "example.org.", "email": "a@example.org"});
    let tries = (0..8).map(|_| api.send(Method::POST, "/v2/zones", &key, Some(&body)));
    let answers = futures_util::future::join_all(tries).await;
    let first = answers[0].text.clone();
    let replayed = answers
        .iter()
        .filter(|answer| answer.header("idempotency-replayed") == "true")
        .count();
    assert_eq!(replayed, 7);
    assert!(answers.into_iter().all(|answer| answer.expect(202).text == first));
}

#[tokio::test]
async fn a_key_is_visible_text() {
    let api = TestApi::start().await;
    let body = json!({"name": "example.org.", "email": "a@example.org"});
    let long = "x".repeat(256);
    for key in ["", "with space", "é", long.as_str()] {
        let answer = api
            .send(
                Method::POST,
                "/v2/zones",
                &[("idempotency-key", key)],
                Some(&body),
            )
            .await;
        answer.expect_error(400, "invalid_idempotency_key");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
    api.send(Method::POST, "/v2/zones", &twice, Some(&body))
        .await
        .expect_error(400, "invalid_idempotency_key");
    let longest = "x".repeat(255);
    api.send(
        Method::POST,
        "/v2/zones",
        &[("idempotency-key", &longest)],
        Some(&body),
    )
    .await
    .expect(202);
}
