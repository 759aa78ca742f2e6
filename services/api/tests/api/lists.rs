//! Filters, sorting, paging, counts.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::parts::{Answer, TestApi};

fn names(answer: &Answer, collection: &str) -> Vec<String> {
    let body = answer.json();
    let items = body[collection].as_array().unwrap();
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_empty_list_has_its_links_and_count() {
    let api = TestApi::start().await;
    let text = api
        .get("/v2/zones")
        .await
        .expect(200)
        .text
        .replace(&api.base, "BASE");
    assert_eq!(
        text,
        r#"{"zones":[],"links":{"self":"BASE/v2/zones"},"metadata":{"total_count":0}}"#
    );
    let text = api
        .get("/v2/recordsets")
        .await
        .expect(200)
        .text
        .replace(&api.base, "BASE");
    assert_eq!(
        text,
        r#"{"recordsets":[],"links":{"self":"BASE/v2/recordsets"},"metadata":{"total_count":0}}"#
    );
}

#[tokio::test]
async fn zones_are_found_by_their_fields() {
    let api = TestApi::start().await;
    for (name, email, ttl, description) in [
        ("one.example.org.", "a@example.org", 60, Some("First_zone")),
        ("two.example.org.", "b@example.org", 300, None),
        ("three.example.net.", "a@example.net", 300, Some("Firstxzone")),
    ] {
        let body = json!({"name": name, "email": email, "ttl": ttl, "description": description});
        api.post("/v2/zones", &body).await.expect(202);
    }
    let (one, two, three) = ("one.example.org.", "two.example.org.", "three.example.net.");
    for (query, expected) in [
        ("name=ONE.example.org.", vec![one]),
        ("name=one.example.org", vec![]),
        ("name=*.example.org.", vec![one, two]),
        ("name=t*.EXAMPLE.*", vec![two, three]),
        ("name=%25example.net.", vec![three]),
        ("name=_ne.example.org.", vec![]),
        ("name=..", vec![]),
        ("name=", vec![]),
        ("email=A@example.org", vec![one]),
        ("email=a@*", vec![one, three]),
        ("ttl=300", vec![two, three]),
        ("ttl=3*", vec![two, three]),
        ("ttl=abc", vec![]),
        ("ttl=99999999999999999999", vec![]),
        ("description=first_zone", vec![one]),
        ("description=First_*", vec![one]),
        ("description=%5C", vec![]),
        ("type=PRIMARY", vec![one, two, three]),
        ("type=SECONDARY", vec![]),
        ("type=colour", vec![]),
        ("status=PENDING", vec![one, two, three]),
        ("status=ACTIVE", vec![]),
        ("status=colour", vec![]),
        ("name=*.org.&ttl=300&status=pending", vec![two]),
        ("name='%3B%20drop%20table%20zone%3B--", vec![]),
        ("sort_key=name", vec![one, three, two]),
        ("sort_key=name&sort_dir=desc", vec![two, three, one]),
        ("sort_key=ttl&sort_dir=asc&limit=1", vec![one]),
    ] {
        let answer = api.get(&format!("/v2/zones?{query}")).await.expect(200);
        assert_eq!(names(&answer, "zones"), expected, "{query}");
        if !query.contains("limit") {
            assert_eq!(
                answer.json()["metadata"]["total_count"],
                expected.len(),
                "{query}"
            );
        }
    }
    for key in [
        "created_at",
        "id",
        "updated_at",
        "name",
        "tenant_id",
        "serial",
        "ttl",
        "status",
    ] {
        let answer = api
            .get(&format!("/v2/zones?sort_key={key}&sort_dir=desc"))
            .await
            .expect(200);
        assert_eq!(names(&answer, "zones").len(), 3, "{key}");
    }
}

#[tokio::test]
async fn recordsets_are_found_by_their_fields() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let path = format!("/v2/zones/{zone}/recordsets");
    api.post(
        &path,
        &json!({"name": "www.example.org.", "type": "A", "records": ["192.0.2.1", "192.0.2.2"], "ttl": 60}),
    )
    .await
    .expect(202);
    api.post(
        &path,
        &json!({"name": "mail.example.org.", "type": "MX", "records": ["10 Mx.example.org."],
        "description": "post"}),
    )
    .await
    .expect(202);
    let (www, mail) = ("www.example.org.", "mail.example.org.");
    for (query, expected) in [
        ("name=WWW.example.org.", vec![www]),
        ("type=A", vec![www]),
        ("type=m*", vec![mail]),
        ("type=colour", vec![]),
        ("ttl=60", vec![www]),
        ("data=192.0.2.2", vec![www]),
        ("data=*mx.EXAMPLE*", vec![mail]),
        ("data=192.0.2", vec![]),
        ("description=post", vec![mail]),
        ("status=PENDING&type=MX", vec![mail]),
        ("name=*&type=*&data=*192*&status=pend*", vec![www]),
    ] {
        for path in [path.as_str(), "/v2/recordsets"] {
            let answer = api.get(&format!("{path}?{query}")).await.expect(200);
            assert_eq!(names(&answer, "recordsets"), expected, "{path} {query}");
            assert_eq!(
                answer.json()["metadata"]["total_count"],
                expected.len(),
                "{path} {query}"
            );
        }
    }
    for key in [
        "created_at",
        "id",
        "updated_at",
        "zone_id",
        "tenant_id",
        "name",
        "type",
        "ttl",
        "records",
    ] {
        for path in [path.as_str(), "/v2/recordsets"] {
            let answer = api.get(&format!("{path}?sort_key={key}")).await.expect(200);
            assert_eq!(names(&answer, "recordsets").len(), 4, "{key}");
        }
    }
    let all = api.get("/v2/recordsets").await.json();
    let link = all["recordsets"][2]["links"]["self"].as_str().unwrap().to_owned();
    assert!(
        link.starts_with(&format!("{}/v2/zones/{zone}/recordsets/", api.base)),
        "{link}"
    );
    let hidden = [("openstack-dns-hide-counts", "true")];
    assert_eq!(
        api.send(Method::GET, &path, &hidden, None).await.json()["metadata"],
        json!({})
    );
    assert_eq!(
        api.send(Method::GET, "/v2/zones", &hidden, None).await.json()["metadata"],
        json!({"total_count": 1})
    );
}

#[tokio::test]
async fn counts_follow_every_change() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let other = api.zone("example.net.").await;
    let path = format!("/v2/zones/{zone}/recordsets");
    let count = async |path: &str| {
        api.get(path).await.expect(200).json()["metadata"]["total_count"]
            .as_i64()
            .unwrap()
    };
    for number in 0..3 {
        assert_eq!(
            (count(&path).await, count("/v2/recordsets").await),
            (2 + number, 4 + 2 * number)
        );
        api.recordset(&zone, &format!("n{number}.example.org."), "A", &["192.0.2.1"])
            .await;
        api.recordset(&other, &format!("n{number}.example.net."), "A", &["192.0.2.1"])
            .await;
        assert_eq!(count(&format!("{path}?type=A")).await, 1 + number);
    }
    api.delete(&format!("/v2/zones/{other}")).await.expect(202);
    assert_eq!(count("/v2/recordsets").await, 5);
    assert_eq!(count("/v2/zones").await, 2);
    api.server_at(api.head().await).await;
    assert_eq!(count("/v2/zones").await, 1);
    let gone = format!("/v2/zones/{other}/recordsets");
    api.get(&gone).await.expect_error(404, "zone_not_found");
}

/// Whatever the sort key, the direction, the page size and the filter: the pages put together are the list, each
/// object once, and each page counts the whole.
#[tokio::test(flavor = "multi_thread")]
async fn pages_put_together_are_the_list() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    for number in 0..11 {
        let name = format!("n{}.example.org.", number % 7);
        let rrtype = if number < 7 { "A" } else { "TXT" };
        let record = if number < 7 {
            format!("192.0.2.{}", number % 3)
        } else {
            "\"text\"".to_owned()
        };
        let ttl = (number % 2 == 0).then_some(60);
        let body = json!({"name": name, "type": rrtype, "records": [record], "ttl": ttl});
        api.post(&format!("/v2/zones/{zone}/recordsets"), &body)
            .await
            .expect(202);
        api.zone(&format!("z{number}.example.net.")).await;
    }
    const KEYS: [&str; 6] = ["created_at", "id", "updated_at", "tenant_id", "name", "ttl"];
    let path = prop_oneof![
        Just("/v2/zones".to_owned()),
        Just("/v2/recordsets".to_owned()),
        Just(format!("/v2/zones/{zone}/recordsets")),
    ];
    let filter = prop_oneof![
        Just(""),
        Just("&name=*1*"),
        Just("&ttl=60"),
        Just("&status=PENDING")
    ];
    let cases = (
        path,
        prop::sample::select(&KEYS[..]),
        prop::bool::ANY,
        1..9_usize,
        filter,
    );
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        TestRunner::new(Config::with_cases(40))
            .run(&cases, |(path, key, descending, limit, filter)| {
                let direction = if descending { "desc" } else { "asc" };
                let query = format!("{path}?sort_key={key}&sort_dir={direction}{filter}");
                handle.block_on(async {
                    let whole = api.get(&format!("{query}&limit=1000")).await.expect(200).json();
                    let collection = if path.ends_with("zones") {
                        "zones"
                    } else {
                        "recordsets"
                    };
                    let whole_items = whole[collection].as_array().unwrap();
                    let total = &whole["metadata"]["total_count"];
                    assert_eq!(*total, whole_items.len());
                    let mut items: Vec<Value> = Vec::new();
                    let mut next = Some(format!("{}{query}&limit={limit}", api.base));
                    while let Some(url) = next {
                        let page = Answer::of(api.http.get(url).send().await.unwrap())
                            .await
                            .expect(200)
                            .json();
                        let shown = page[collection].as_array().unwrap();
                        assert_eq!(page["links"]["next"].is_string(), shown.len() == limit);
                        assert_eq!(page["metadata"]["total_count"], *total);
                        items.extend(shown.iter().cloned());
                        next = page["links"]["next"].as_str().map(str::to_owned);
                    }
                    assert_eq!(items, *whole_items);
                    let ids: HashSet<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
                    assert_eq!(ids.len(), items.len());
                });
                Ok(())
            })
            .unwrap();
    });
}
