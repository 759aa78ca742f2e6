//! What TLDs, blacklists, TSIG keys and pools have in common.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::parts::{POOL, TestApi, golden};

const ADMIN: (&str, &str) = ("ops", "admin");

/// One of the four collections.
struct Collection {
    name: &'static str,
    /// In the type of errors and in the names of rules and events.
    one: &'static str,
    /// As messages call one.
    title: &'static str,
    /// The field that nobody else may have.
    key: &'static str,
    /// Everything but the key.
    rest: fn() -> Value,
    /// The status of an accepted change.
    changed: u16,
    /// How many there are from the beginning.
    first: usize,
}

const COLLECTIONS: [Collection; 4] = [
    Collection {
        name: "tlds",
        one: "tld",
        title: "Tld",
        key: "name",
        rest: || json!({}),
        changed: 200,
        first: 0,
    },
    Collection {
        name: "blacklists",
        one: "blacklist",
        title: "Blacklist",
        key: "pattern",
        rest: || json!({}),
        changed: 200,
        first: 0,
    },
    Collection {
        name: "tsigkeys",
        one: "tsigkey",
        title: "TsigKey",
        key: "name",
        rest: || json!({"algorithm": "hmac-sha256", "secret": "c2VjcmV0", "scope": "POOL", "resource_id": POOL}),
        changed: 200,
        first: 0,
    },
    Collection {
        name: "pools",
        one: "pool",
        title: "Pool",
        key: "name",
        rest: || json!({"ns_records": [{"hostname": "ns1.example.net.", "priority": 1}]}),
        changed: 202,
        first: 1,
    },
];

impl Collection {
    fn path(&self) -> String {
        format!("/v2/{}", self.name)
    }

    fn body(&self, key: &str) -> Value {
        let mut body = (self.rest)();
        body[self.key] = json!(key);
        body
    }

    async fn make(&self, api: &TestApi, key: &str) -> String {
        let body = self.body(key);
        api.of(ADMIN, Method::POST, &self.path(), Some(&body))
            .await
            .expect(201)
            .id()
    }
}

#[tokio::test]
async fn each_is_made_shown_changed_and_deleted() {
    let api = TestApi::start().await;
    for collection in COLLECTIONS {
        let body = collection.body("first");
        let made = api
            .of(ADMIN, Method::POST, &collection.path(), Some(&body))
            .await
            .expect(201);
        let own = format!("{}/{}", collection.path(), made.id());
        assert_eq!(made.header("location"), format!("{}{own}", api.base));
        let shown = api.get(&own).await.expect(200);
        assert_eq!(shown.text, made.text);
        let shown = shown.json();
        for (field, value) in body.as_object().unwrap() {
            assert_eq!(shown[field], *value, "{field}");
        }
        assert_eq!(shown["updated_at"], json!(null));
        assert_eq!(shown["links"]["self"], format!("{}{own}", api.base));

        let change = json!({collection.key: "second"});
        let changed = api.patch(&own, &change).await.expect(collection.changed).json();
        assert_eq!(changed[collection.key], "second");
        assert!(changed["updated_at"].is_string());
        assert_eq!(api.get(&own).await.expect(200).json(), changed);
        // What was shown may come back whole.
        assert_eq!(
            api.patch(&own, &changed).await.expect(collection.changed).json(),
            changed
        );

        assert_eq!(api.delete(&own).await.expect(204).text, "");
        let kind = format!("{}_not_found", collection.one);
        for (method, body) in [
            (Method::GET, None),
            (Method::PATCH, Some(&change)),
            (Method::DELETE, None),
        ] {
            let error = api.send(method, &own, &[], body).await.expect_error(404, &kind);
            assert_eq!(error["message"], format!("Could not find {}", collection.title));
        }
        // The key is free again.
        collection.make(&api, "first").await;
    }
}

#[tokio::test]
async fn keys_come_in_designates_order() {
    let api = TestApi::start().await;
    let body = json!({"name": "org", "description": "for organisations"});
    let made = api.post("/v2/tlds", &body).await.expect(201);
    assert_eq!(
        golden(&made, &api, &[(&made.id(), "ID")]),
        r#"{"id":"ID","name":"org","description":"for organisations","created_at":"CREATED_AT","updated_at":null,"links":{"self":"BASE/v2/tlds/ID"}}"#
    );
    let body = json!({"pattern": "^evil\\.", "description": null});
    let made = api.post("/v2/blacklists", &body).await.expect(201);
    assert_eq!(
        golden(&made, &api, &[(&made.id(), "ID")]),
        r#"{"id":"ID","pattern":"^evil\\.","description":null,"created_at":"CREATED_AT","updated_at":null,"links":{"self":"BASE/v2/blacklists/ID"}}"#
    );
    let body = json!({"name": "key.example.org.", "algorithm": "hmac-sha512", "secret": "c2VjcmV0", "scope": "POOL",
        "resource_id": POOL});
    let made = api.post("/v2/tsigkeys", &body).await.expect(201);
    let pool = POOL.to_string();
    assert_eq!(
        golden(&made, &api, &[(&made.id(), "ID"), (&pool, "POOL")]),
        r#"{"id":"ID","name":"key.example.org.","algorithm":"hmac-sha512","secret":"c2VjcmV0","scope":"POOL","resource_id":"POOL","created_at":"CREATED_AT","updated_at":null,"links":{"self":"BASE/v2/tsigkeys/ID"}}"#
    );
    let body = json!({"name": "gold", "attributes": {"tier": "gold"},
        "ns_records": [{"hostname": "ns1.example.net.", "priority": 5}]});
    let made = api.post("/v2/pools", &body).await.expect(201);
    assert_eq!(
        golden(&made, &api, &[(&made.id(), "ID")]),
        r#"{"id":"ID","project_id":null,"name":"gold","description":null,"attributes":{"tier":"gold"},"ns_records":[{"priority":5,"hostname":"ns1.example.net."}],"created_at":"CREATED_AT","updated_at":null,"links":{"self":"BASE/v2/pools/ID"}}"#
    );
}

#[tokio::test]
async fn each_is_listed_filtered_sorted_and_paged() {
    let api = TestApi::start().await;
    for collection in COLLECTIONS {
        let path = collection.path();
        for key in ["bb", "aa", "cab"] {
            collection.make(&api, key).await;
        }
        let keys = async |query: &str| -> Vec<String> {
            let list = api.get(&format!("{path}?{query}")).await.expect(200).json();
            assert_eq!(list.get("metadata"), None);
            let items = list[collection.name].as_array().unwrap();
            let keys = items
                .iter()
                .map(|item| item[collection.key].as_str().unwrap().to_owned());
            keys.filter(|key| key != "default").collect()
        };
        let key = collection.key;
        assert_eq!(
            keys("").await,
            ["bb", "aa", "cab"],
            "in the order of their creation"
        );
        assert_eq!(keys(&format!("sort_key={key}")).await, ["aa", "bb", "cab"]);
        assert_eq!(
            keys(&format!("sort_key={key}&sort_dir=desc")).await,
            ["cab", "bb", "aa"]
        );
        assert_eq!(keys(&format!("{key}=aa")).await, ["aa"]);
        assert_eq!(keys(&format!("{key}=*b")).await, ["bb", "cab"]);
        assert_eq!(keys(&format!("{key}=nothing")).await, Vec::<String>::new());
        for sort in ["id", "created_at", "updated_at"] {
            assert_eq!(keys(&format!("sort_key={sort}")).await.len(), 3);
        }

        let mut pages = Vec::new();
        let mut next = Some(format!("{path}?sort_key={key}&limit=2"));
        while let Some(url) = next {
            let page = api.get(&url).await.expect(200).json();
            let items = page[collection.name].as_array().unwrap();
            pages.extend(items.iter().map(|item| item[key].clone()));
            next = page["links"]["next"]
                .as_str()
                .map(|link| link.strip_prefix(&api.base).unwrap().to_owned());
            assert_eq!(next.is_some(), items.len() == 2);
        }
        assert_eq!(pages.len(), 3 + collection.first);

        for (query, kind) in [
            ("colour=red", "bad_request"),
            ("limit=0", "invalid_limit"),
            ("limit=1001", "invalid_limit"),
            ("marker=x", "invalid_marker"),
            ("sort_dir=up", "invalid_sort_dir"),
            ("sort_key=colour", "invalid_sort_key"),
        ] {
            api.get(&format!("{path}?{query}")).await.expect_error(400, kind);
        }
        api.get(&format!("{path}?marker={}", Uuid::nil()))
            .await
            .expect_error(400, "marker_not_found");
    }
}

#[tokio::test]
async fn each_is_an_admins() {
    let api = TestApi::start().await;
    for collection in COLLECTIONS {
        let own = format!("{}/{}", collection.path(), collection.make(&api, "one").await);
        let body = collection.body("two");
        for who in [("ops", "member,reader"), ("ops", "reader"), ("other", "")] {
            for (method, path) in [
                (Method::GET, &collection.path()),
                (Method::POST, &collection.path()),
                (Method::GET, &own),
                (Method::PATCH, &own),
                (Method::DELETE, &own),
            ] {
                let error = api
                    .of(who, method.clone(), path, Some(&body))
                    .await
                    .expect_error(403, "forbidden");
                assert_eq!(error.get("message"), None, "{method} {path}");
            }
        }
        // Of whichever project the admin is.
        api.of(("other", "admin"), Method::GET, &own, None)
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn a_key_is_used_once() {
    let api = TestApi::start().await;
    for collection in COLLECTIONS {
        collection.make(&api, "one").await;
        let second = collection.make(&api, "two").await;
        let kind = format!("duplicate_{}", collection.one);
        let body = collection.body("one");
        let error = api.post(&collection.path(), &body).await.expect_error(409, &kind);
        assert_eq!(error["message"], format!("Duplicate {}", collection.title));
        let path = format!("{}/{second}", collection.path());
        api.patch(&path, &json!({collection.key: "one"}))
            .await
            .expect_error(409, &kind);
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let api = TestApi::start().await;
    for collection in COLLECTIONS {
        let path = collection.path();
        let own = format!("{path}/{}", collection.make(&api, "present").await);
        let (key, one) = (collection.key, collection.one);

        let error = api
            .post(&path, &(collection.rest)())
            .await
            .expect_error(400, "invalid_object");
        assert_eq!(error["errors"]["errors"][0]["validator"], "required");
        assert_eq!(
            error["errors"]["errors"][0]["message"],
            format!("'{key}' is a required property")
        );

        for value in [
            json!(null),
            json!([]),
            json!({"a": 1}),
            json!(true),
            json!("x".repeat(256)),
        ] {
            let mut body = collection.body("x");
            body[key] = value.clone();
            api.post(&path, &body).await.expect_error(400, "invalid_object");
            api.patch(&own, &json!({key: value}))
                .await
                .expect_error(400, "invalid_object");
        }
        if one != "tsigkey" {
            let long = json!({"description": "x".repeat(161)});
            api.patch(&own, &long).await.expect_error(400, "invalid_object");
        }
        for (field, value) in [
            ("colour", json!("red")),
            ("id", json!(Uuid::nil())),
            ("created_at", json!("now")),
        ] {
            let mut body = collection.body("x");
            body[field] = value.clone();
            let message =
                format!("Provided object does not match schema. Keys ['{field}'] are not valid for {one}");
            let error = api.post(&path, &body).await.expect_error(400, "invalid_object");
            assert_eq!(error["message"], message);
            let error = api
                .patch(&own, &json!({field: value}))
                .await
                .expect_error(400, "invalid_object");
            assert_eq!(error["message"], message);
        }
        let error = api
            .get(&format!("{path}/foo"))
            .await
            .expect_error(400, "invalid_uuid");
        assert_eq!(error["message"], format!("Invalid UUID {one}_id: foo"));
        api.put(&own, &json!({}))
            .await
            .expect_error(405, "method_not_allowed");
        api.get(&format!("{path}.json"))
            .await
            .expect_error(404, "not_found");
        let answer = api
            .send(Method::POST, &path, &[("content-type", "text/plain")], None)
            .await;
        answer.expect_error(415, "unsupported_content_type");
    }
}

#[tokio::test]
async fn the_log_says_who_made_each_change() {
    let api = TestApi::start().await;
    let headers = [
        ("x-auth-user-id", "olga"),
        ("x-auth-project-id", "ops"),
        ("x-roles", "admin,reader"),
    ];
    for collection in COLLECTIONS {
        let made = api
            .send(
                Method::POST,
                &collection.path(),
                &headers,
                Some(&collection.body("one")),
            )
            .await
            .expect(201);
        let own = format!("{}/{}", collection.path(), made.id());
        let change = json!({collection.key: "two"});
        let changed = api.send(Method::PATCH, &own, &headers, Some(&change)).await;
        let deleted = api.send(Method::DELETE, &own, &headers, None).await.expect(204);
        for (verb, answer) in [("created", made), ("changed", changed), ("deleted", deleted)] {
            let audit = api.audit(&format!("{}_{verb}", collection.one)).await;
            assert_eq!(audit.actor["user"], "olga");
            assert_eq!(audit.actor["roles"], json!(["admin", "reader"]));
            assert_eq!(audit.actor["door"], "api");
            assert_eq!(audit.project, "ops");
            assert_eq!(
                audit.request_id.as_deref(),
                Some(answer.header("x-openstack-request-id"))
            );
        }
    }
}

#[tokio::test]
async fn a_retry_gets_the_first_answer() {
    let api = TestApi::start().await;
    let headers = [("idempotency-key", "the-first"), ("x-roles", "admin")];
    for collection in COLLECTIONS {
        let path = collection.path();
        let body = collection.body("one");
        let key = format!("key-of-{}", collection.one);
        let headers = [("idempotency-key", key.as_str()), headers[1]];
        let first = api
            .send(Method::POST, &path, &headers, Some(&body))
            .await
            .expect(201);
        let again = api
            .send(Method::POST, &path, &headers, Some(&body))
            .await
            .expect(201);
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.text, first.text);
    }
}
