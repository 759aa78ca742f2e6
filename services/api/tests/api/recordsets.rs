//! `/v2/zones/{id}/recordsets` and `/v2/recordsets`.

use reqwest::Method;
use serde_json::json;

use crate::parts::{TestApi, golden};

#[tokio::test]
async fn a_recordset_is_made_shown_changed_and_deleted() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let path = format!("/v2/zones/{zone}/recordsets");
    let made = api
        .post(
            &path,
            &json!({"name": "WWW.example.org.", "type": "A", "records": ["192.0.2.1", "192.0.2.2"],
            "ttl": "60", "description": "web"}),
        )
        .await
        .expect(202);
    let id = made.id();
    let own = format!("{path}/{id}");
    assert_eq!(made.header("location"), format!("{}{own}", api.base));
    let names = [(id.as_str(), "RECORDSET"), (zone.as_str(), "ZONE")];
    assert_eq!(
        golden(&made, &api, &names),
        r#"{"id":"RECORDSET","zone_id":"ZONE","project_id":"noauth-project","name":"WWW.example.org.","zone_name":"example.org.","type":"A","records":["192.0.2.1","192.0.2.2"],"description":"web","ttl":60,"status":"PENDING","action":"CREATE","version":1,"created_at":"CREATED_AT","updated_at":null,"links":{"self":"BASE/v2/zones/ZONE/recordsets/RECORDSET"}}"#
    );
    assert_eq!(api.get(&own).await.expect(200).text, made.text);

    api.server_at(api.head().await).await;
    let shown = api.get(&own).await.json();
    assert_eq!(
        (&shown["status"], &shown["action"]),
        (&json!("ACTIVE"), &json!("NONE"))
    );

    let changed = api
        .put(&own, &json!({"records": ["192.0.2.3"]}))
        .await
        .expect(202)
        .json();
    assert_eq!(changed["records"], json!(["192.0.2.3"]));
    assert_eq!(
        (&changed["ttl"], &changed["description"], &changed["version"]),
        (&json!(60), &json!("web"), &json!(2))
    );
    assert_eq!(
        (&changed["status"], &changed["action"]),
        (&json!("PENDING"), &json!("UPDATE"))
    );
    assert_eq!(api.get(&own).await.json(), changed);
    assert_eq!(
        api.put(&own, &json!({"ttl": null})).await.expect(202).json()["ttl"],
        json!(null)
    );

    let deleted = api.delete(&own).await.expect(202).json();
    assert_eq!(
        (&deleted["status"], &deleted["action"]),
        (&json!("PENDING"), &json!("DELETE"))
    );
    api.get(&own).await.expect_error(404, "recordset_not_found");
    api.delete(&own).await.expect_error(404, "recordset_not_found");
    api.put(&own, &json!({"ttl": 5}))
        .await
        .expect_error(404, "recordset_not_found");
}

#[tokio::test]
async fn a_recordset_without_records_is_active_at_once() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let path = format!("/v2/zones/{zone}/recordsets");
    let made = api
        .post(&path, &json!({"name": "empty.example.org.", "type": "A"}))
        .await
        .expect(201)
        .json();
    assert_eq!(
        (&made["status"], &made["action"], &made["records"]),
        (&json!("ACTIVE"), &json!("NONE"), &json!([]))
    );
    let shown = api
        .get(&format!("{path}/{}", made["id"].as_str().unwrap()))
        .await
        .expect(200)
        .json();
    assert_eq!(shown, made);
}

#[tokio::test]
async fn the_soa_and_ns_recordsets_are_listed() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let serial = api.get(&format!("/v2/zones/{zone}")).await.json()["serial"].clone();
    let path = format!("/v2/zones/{zone}/recordsets");
    let list = api.get(&format!("{path}?sort_key=type")).await.expect(200).json();
    assert_eq!(list["metadata"]["total_count"], 2);
    let (ns, soa) = (&list["recordsets"][0], &list["recordsets"][1]);
    assert_eq!(
        (&ns["type"], &ns["records"]),
        (&json!("NS"), &json!(["ns1.example.org.", "ns2.example.org."]))
    );
    let text = format!("ns1.example.org. host.example.org. {serial} 3550 600 86400 3600");
    assert_eq!(
        (&soa["type"], &soa["records"], &soa["name"]),
        (&json!("SOA"), &json!([text]), &json!("example.org."))
    );

    let one = format!("{path}/{}", soa["id"].as_str().unwrap());
    assert_eq!(&api.get(&one).await.expect(200).json(), soa);
    let by_data = api.get(&format!("{path}?data=*{serial}*")).await.json();
    assert_eq!(by_data["recordsets"], json!([soa]));
    assert_eq!(
        api.get(&format!("{path}?type=soa")).await.json()["recordsets"],
        json!([soa])
    );
    assert_eq!(
        api.get("/v2/recordsets?type=SOA").await.json()["recordsets"],
        json!([soa])
    );
    api.put(&one, &json!({"ttl": 5}))
        .await
        .expect_error(400, "bad_request");
    api.delete(&one).await.expect_error(400, "bad_request");
    let error = api
        .delete(&format!("{path}/{}", ns["id"].as_str().unwrap()))
        .await
        .expect_error(400, "bad_request");
    assert_eq!(error["message"], "Managed records may not be deleted");
    let mut soa_again = json!({"name": "example.org.", "type": "SOA", "records": [text]});
    let error = api.post(&path, &soa_again).await.expect_error(400, "bad_request");
    assert_eq!(error["message"], "Creating a SOA recordset is not allowed");
    soa_again["type"] = json!("NS");
    soa_again["records"] = json!(["ns9.example.org."]);
    api.post(&path, &soa_again)
        .await
        .expect_error(409, "duplicate_recordset");
}

#[tokio::test]
async fn an_email_with_dots_is_escaped_in_the_soa() {
    let api = TestApi::start().await;
    let made = api
        .post("/v2/zones", &json!({"name": "a.org.", "email": "a.b+c;d@a.org"}))
        .await
        .expect(202)
        .id();
    let soa = api
        .get(&format!("/v2/zones/{made}/recordsets?type=SOA"))
        .await
        .json();
    let text = soa["recordsets"][0]["records"][0].as_str().unwrap().to_owned();
    let rname = zonelog_dns::rname_from_email("a.b+c;d@a.org")
        .unwrap()
        .to_string();
    assert_eq!(text.split(' ').nth(1), Some(rname.as_str()), "{text}");
}

#[tokio::test]
async fn a_recordset_is_found_without_its_zone() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let id = api
        .recordset(&zone, "www.example.org.", "A", &["192.0.2.1"])
        .await;
    let answer = api.get(&format!("/v2/recordsets/{id}")).await.expect(301);
    assert_eq!(
        answer.header("location"),
        format!("{}/v2/zones/{zone}/recordsets/{id}", api.base)
    );
    assert!(answer.header("content-type").starts_with("text/plain"));
    let unknown = uuid::Uuid::nil();
    api.get(&format!("/v2/recordsets/{unknown}"))
        .await
        .expect_error(404, "recordset_not_found");
    let other = [("x-auth-project-id", "other")];
    let path = format!("/v2/recordsets/{id}");
    api.send(Method::GET, &path, &other, None)
        .await
        .expect_error(404, "recordset_not_found");
}

#[tokio::test]
async fn a_read_only_key_may_come_back_unchanged() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let id = api
        .recordset(&zone, "www.example.org.", "A", &["192.0.2.1"])
        .await;
    let path = format!("/v2/zones/{zone}/recordsets/{id}");
    let mut shown = api.get(&path).await.json();
    shown["ttl"] = json!(77);
    assert_eq!(api.put(&path, &shown).await.expect(202).json()["ttl"], 77);
    for (key, value) in [
        ("name", json!("x.example.org.")),
        ("type", json!("AAAA")),
        ("zone_id", json!("x")),
    ] {
        let error = api
            .put(&path, &json!({key: value}))
            .await
            .expect_error(400, "invalid_object");
        let message =
            format!("Provided object does not match schema. Keys ['{key}'] are not valid for recordset");
        assert_eq!(error["message"], message);
    }
}

#[tokio::test]
async fn two_puts_at_once_both_count() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let id = api
        .recordset(&zone, "www.example.org.", "A", &["192.0.2.1"])
        .await;
    let path = format!("/v2/zones/{zone}/recordsets/{id}");
    let (one, two) = (json!({"records": ["192.0.2.10"]}), json!({"ttl": 99}));
    let (first, second) = tokio::join!(api.put(&path, &one), api.put(&path, &two));
    first.expect(202);
    second.expect(202);
    let shown = api.get(&path).await.json();
    assert_eq!(
        (&shown["records"], &shown["ttl"]),
        (&json!(["192.0.2.10"]), &json!(99))
    );
    assert_eq!(shown["version"], 3);
}

#[tokio::test]
async fn rules_of_location_are_told() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    api.zone("child.example.org.").await;
    let path = format!("/v2/zones/{zone}/recordsets");
    let body =
        |name: &str, rrtype: &str, record: &str| json!({"name": name, "type": rrtype, "records": [record]});
    for refused in [
        body("www.other.org.", "A", "192.0.2.1"),
        body("www.child.example.org.", "A", "192.0.2.1"),
        body("example.org.", "CNAME", "a.example.org."),
    ] {
        api.post(&path, &refused)
            .await
            .expect_error(400, "invalid_recordset_location");
    }
    api.recordset(&zone, "www.example.org.", "A", &["192.0.2.1"])
        .await;
    let again = body("WWW.example.org.", "A", "192.0.2.1");
    api.post(&path, &again)
        .await
        .expect_error(409, "duplicate_recordset");
    let clash = body("www.example.org.", "CNAME", "a.example.org.");
    api.post(&path, &clash)
        .await
        .expect_error(400, "invalid_recordset_location");
}
