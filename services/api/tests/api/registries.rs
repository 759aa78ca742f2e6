//! What TLDs, blacklists and TSIG keys hold, and what they do to zones.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::parts::{POOL, TestApi};

const MEMBER: (&str, &str) = ("alice", "member,reader");

fn zone(name: &str) -> Value {
    json!({"name": name, "email": "host@example.org"})
}

#[tokio::test]
async fn zones_lie_below_a_tld_once_there_is_one() {
    let api = TestApi::start().await;
    let early = api.zone("early.net.").await;
    let org = api
        .post("/v2/tlds", &json!({"name": "org"}))
        .await
        .expect(201)
        .id();
    api.post("/v2/tlds", &json!({"name": "co.uk"})).await.expect(201);
    let make = async |name: &str| api.of(MEMBER, Method::POST, "/v2/zones", Some(&zone(name))).await;
    make("example.org.").await.expect(202);
    make("example.co.uk.").await.expect(202);
    make("deep.example2.ORG.").await.expect(202);
    for name in ["example.net.", "example.uk.", "co.uk.", "example.orgx."] {
        make(name).await.expect_error(400, "invalid_zone_name");
    }
    // An administrator's zone too.
    api.post("/v2/zones", &zone("example.com."))
        .await
        .expect_error(400, "invalid_zone_name");
    // What was there stays, and can be changed.
    api.patch(&format!("/v2/zones/{early}"), &json!({"ttl": 60}))
        .await
        .expect(202);
    api.patch(&format!("/v2/tlds/{org}"), &json!({"name": "net"}))
        .await
        .expect(200);
    make("example.net.").await.expect(202);
    make("another.org.").await.expect_error(400, "invalid_zone_name");
    for tld in api.get("/v2/tlds").await.json()["tlds"].as_array().unwrap() {
        api.delete(&format!("/v2/tlds/{}", tld["id"].as_str().unwrap()))
            .await
            .expect(204);
    }
    make("another.org.").await.expect(202);
}

#[tokio::test]
async fn a_tlds_name_has_no_final_dot() {
    let api = TestApi::start().await;
    for name in ["org.", "", ".", "-org", "o rg", "a..b", "ö", &"x".repeat(64)] {
        api.post("/v2/tlds", &json!({"name": name}))
            .await
            .expect_error(400, "invalid_object");
    }
    for name in ["org", "co.uk", "xn--p1ai", "a_b"] {
        api.post("/v2/tlds", &json!({"name": name})).await.expect(201);
    }
}

#[tokio::test]
async fn a_blacklisted_name_is_for_those_whom_policy_allows_it() {
    let api = TestApi::start().await;
    let pattern = |pattern: &str| json!({"pattern": pattern});
    let id = api
        .post("/v2/blacklists", &pattern(r"^([A-Za-z0-9_\-]+\.)*evil\.org\.$"))
        .await
        .expect(201)
        .id();
    let make = async |name: &str| api.of(MEMBER, Method::POST, "/v2/zones", Some(&zone(name))).await;
    for name in ["evil.org.", "sub.evil.org.", "EVIL.org."] {
        let error = make(name).await.expect_error(400, "invalid_zone_name");
        assert_eq!(error["message"], "Blacklisted zone name");
    }
    make("notevil.org.").await.expect(202);
    api.post("/v2/zones", &zone("evil.org.")).await.expect(202);
    api.patch(&format!("/v2/blacklists/{id}"), &pattern("bad"))
        .await
        .expect(200);
    make("sub.evil2.org.").await.expect(202);
    // Searched for anywhere.
    make("thebad.org.").await.expect_error(400, "invalid_zone_name");
    api.delete(&format!("/v2/blacklists/{id}")).await.expect(204);
    make("thebad.org.").await.expect(202);
}

#[tokio::test]
async fn a_blacklists_pattern_compiles_and_ends() {
    let api = TestApi::start().await;
    for pattern in ["(", "[a-", "*", "(?P<a", ""] {
        api.post("/v2/blacklists", &json!({"pattern": pattern}))
            .await
            .expect_error(400, "invalid_object");
    }
    let endless = "((?=a)a|(?=a)aa)+z";
    api.post("/v2/blacklists", &json!({"pattern": endless}))
        .await
        .expect(201);
    // What cannot be decided in time counts as blacklisted, and holds nobody up.
    let name = format!("{}.{}.org.", "a".repeat(60), "a".repeat(60));
    let body = zone(&name);
    let answer = tokio::time::timeout(
        std::time::Duration::from_secs(5),
        api.of(MEMBER, Method::POST, "/v2/zones", Some(&body)),
    );
    answer.await.unwrap().expect_error(400, "invalid_zone_name");
}

fn key() -> Value {
    json!({"name": "key", "algorithm": "hmac-sha256", "secret": "U29tZVNlY3JldEtleQ==", "scope": "POOL",
        "resource_id": POOL})
}

#[tokio::test]
async fn a_keys_fields_are_checked_one_by_one() {
    let api = TestApi::start().await;
    for (field, value) in [
        ("algorithm", json!("hmac-sha3")),
        ("algorithm", json!("HMAC-SHA256")),
        ("algorithm", json!(null)),
        ("secret", json!("no base64!")),
        ("secret", json!("c2VjcmV0=")),
        ("secret", json!("x".repeat(164))),
        ("scope", json!("pool")),
        ("scope", json!("SERVER")),
        ("resource_id", json!("pool")),
        ("resource_id", json!(null)),
        ("name", json!("x".repeat(161))),
    ] {
        let mut body = key();
        body[field] = value.clone();
        let answer = api.post("/v2/tsigkeys", &body).await;
        assert!(!answer.text.contains("base64!"), "{}", answer.text);
        answer.expect_error(400, "invalid_object");
    }
    for field in ["name", "algorithm", "secret", "scope", "resource_id"] {
        let mut body = key();
        body.as_object_mut().unwrap().remove(field);
        let error = api
            .post("/v2/tsigkeys", &body)
            .await
            .expect_error(400, "invalid_object");
        assert_eq!(error["errors"]["errors"][0]["path"], json!(["records", 0, field]));
    }
    for algorithm in [
        "hmac-md5",
        "hmac-sha1",
        "hmac-sha224",
        "hmac-sha256",
        "hmac-sha384",
        "hmac-sha512",
    ] {
        let mut body = key();
        body["name"] = json!(algorithm);
        body["algorithm"] = json!(algorithm);
        api.post("/v2/tsigkeys", &body).await.expect(201);
    }
    let list = api
        .get("/v2/tsigkeys?algorithm=hmac-sha*&scope=POOL")
        .await
        .json();
    assert_eq!(list["tsigkeys"].as_array().unwrap().len(), 5);
    assert_eq!(
        api.get("/v2/tsigkeys?scope=ZONE").await.json()["tsigkeys"],
        json!([])
    );
}

#[tokio::test]
async fn a_key_is_for_something_that_is_there() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let make = async |name: &str, scope: &str, resource: &str| {
        let mut body = key();
        body["name"] = json!(name);
        body["scope"] = json!(scope);
        body["resource_id"] = json!(resource);
        api.post("/v2/tsigkeys", &body).await
    };
    make("a", "ZONE", &zone).await.expect(201);
    let pool = POOL.to_string();
    let id = make("b", "POOL", &pool).await.expect(201).id();
    let nothing = Uuid::nil().to_string();
    for (scope, resource) in [
        ("ZONE", &pool),
        ("POOL", &zone),
        ("ZONE", &nothing),
        ("POOL", &nothing),
    ] {
        make("c", scope, resource).await.expect_error(400, "bad_request");
    }
    let path = format!("/v2/tsigkeys/{id}");
    api.patch(&path, &json!({"scope": "ZONE"}))
        .await
        .expect_error(400, "bad_request");
    api.patch(&path, &json!({"scope": "ZONE", "resource_id": zone}))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_secret_is_shown_to_admins_and_stands_nowhere_in_clear() {
    let api = TestApi::start().await;
    let made = api.post("/v2/tsigkeys", &key()).await.expect(201);
    let path = format!("/v2/tsigkeys/{}", made.id());
    assert_eq!(made.json()["secret"], "U29tZVNlY3JldEtleQ==");
    let changed = api
        .patch(&path, &json!({"secret": "QW5vdGhlclNlY3JldA=="}))
        .await
        .expect(200);
    assert_eq!(changed.json()["secret"], "QW5vdGhlclNlY3JldA==");
    assert_eq!(api.get(&path).await.json()["secret"], "QW5vdGhlclNlY3JldA==");
    assert_eq!(
        api.get("/v2/tsigkeys").await.json()["tsigkeys"][0]["secret"],
        "QW5vdGhlclNlY3JldA=="
    );
    api.delete(&path).await.expect(204);
    let client = api.database().client().await;
    let rows = client
        .query(
            "select payload::text from event where type like 'tsigkey%' union all select body::text from resource",
            &[],
        )
        .await
        .unwrap();
    assert!(rows.len() >= 3);
    for row in rows {
        let text: &str = row.get(0);
        for clear in [
            "U29tZVNlY3JldEtleQ",
            "QW5vdGhlclNlY3JldA",
            "SomeSecretKey",
            "AnotherSecret",
        ] {
            assert!(!text.contains(clear), "{text}");
        }
    }
}
