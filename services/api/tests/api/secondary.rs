//! Zones of type SECONDARY: made, shown, changed, and what is refused of them.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use zonelog_central::ids;
use zonelog_dns::{LongSerial, Name, OwnerName, Rdata, Rrtype, Serial, Soa, Ttl};
use zonelog_model::zone::{RrsetChange, Transfer};
use zonelog_model::{Actor, Door, Metadata, ProjectId, ZoneId};

use crate::parts::{POOL, TestApi};

const MEMBER: (&str, &str) = ("alpha", "member,reader");
const BETA: (&str, &str) = ("beta", "member,reader");
const ADMIN: (&str, &str) = ("alpha", "admin,member,reader");

fn new(name: &str, masters: &[&str]) -> Value {
    json!({"name": name, "type": "SECONDARY", "masters": masters})
}

async fn made(api: &TestApi, name: &str) -> String {
    let body = new(name, &["192.0.2.1"]);
    api.of(MEMBER, Method::POST, "/v2/zones", Some(&body))
        .await
        .expect(202)
        .id()
}

/// The zone transferred with its NS and one host.
async fn transferred(api: &TestApi, zone: &str, expected: i64, serial: u32) {
    let zone_name = "example.org.";
    let rrset = |owner: &str, rrtype, text: &str| RrsetChange {
        recordset: ids::recordset_id(),
        owner: OwnerName::parse(owner).unwrap(),
        rrtype,
        after: Some((Ttl::new(60).unwrap(), vec![Rdata::parse(rrtype, text).unwrap()])),
    };
    let transfer = Transfer {
        zone: ZoneId::new(Uuid::try_parse(zone).unwrap()),
        expected: LongSerial::from_i64(expected),
        soa: Soa {
            mname: Name::parse("ns.primary.example.").unwrap(),
            rname: Name::parse("root.primary.example.").unwrap(),
            serial: Serial::new(serial),
            refresh: 100,
            retry: 10,
            expire: 1_000,
            minimum: 5,
        },
        soa_ttl: Ttl::new(1_200).unwrap(),
    };
    let metadata = Metadata {
        actor: Actor {
            user: "192.0.2.1".into(),
            project: ProjectId::new("alpha").unwrap(),
            roles: Vec::new(),
            door: Door::Primary,
        },
        change_id: ids::change_id(),
        request_id: None,
        cause: Some("transfer from 192.0.2.1".into()),
    };
    let changes = vec![
        rrset(zone_name, Rrtype::NS, "ns.primary.example."),
        rrset("www.example.org.", Rrtype::A, "192.0.2.7"),
    ];
    api.central
        .take_transfer(transfer, metadata, changes)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_secondary_zone_is_made_shown_changed_and_deleted() {
    let api = TestApi::start().await;
    let body = json!({"name": "example.org.", "type": "SECONDARY", "description": "theirs",
        "masters": ["192.0.2.1", "192.0.2.2:5353", "[2001:db8::1]:53", "ns.example.net:54"]});
    let made = api
        .of(MEMBER, Method::POST, "/v2/zones", Some(&body))
        .await
        .expect(202);
    let id = made.id();
    let path = format!("/v2/zones/{id}");
    let shown = made.json();
    let expected = json!({"id": id, "pool_id": POOL, "project_id": "alpha", "name": "example.org.",
        "email": "hostmaster@example.com", "description": "theirs", "ttl": 3600, "serial": 1, "shared": false,
        "status": "PENDING", "action": "CREATE", "version": 1, "attributes": {}, "type": "SECONDARY",
        "masters": ["192.0.2.1", "192.0.2.2:5353", "2001:db8::1", "ns.example.net:54"],
        "created_at": shown["created_at"], "updated_at": null, "transferred_at": null,
        "links": {"self": format!("{}{path}", api.base)}});
    assert_eq!(shown, expected);
    assert_eq!(
        api.of(MEMBER, Method::GET, &path, None).await.expect(200).text,
        made.text
    );
    let recordsets = format!("{path}/recordsets");
    let list = api
        .of(MEMBER, Method::GET, &recordsets, None)
        .await
        .expect(200)
        .json();
    let types: Vec<&Value> = list["recordsets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["type"])
        .collect();
    assert_eq!(types, ["SOA"]);

    let change = json!({"masters": ["192.0.2.9:54"], "description": null});
    let changed = api
        .of(MEMBER, Method::PATCH, &path, Some(&change))
        .await
        .expect(202)
        .json();
    assert_eq!(
        [
            &changed["masters"],
            &changed["description"],
            &changed["serial"],
            &changed["version"]
        ],
        [&json!(["192.0.2.9:54"]), &json!(null), &json!(1), &json!(2)]
    );
    // As a client that puts back what it was shown.
    let same = api
        .of(MEMBER, Method::PATCH, &path, Some(&changed))
        .await
        .expect(202)
        .json();
    assert_eq!(same["version"], 2);
    assert!(
        api.audit("zone_masters_changed")
            .await
            .payload
            .contains("192.0.2.9")
    );

    let deleted = api
        .of(MEMBER, Method::DELETE, &path, None)
        .await
        .expect(202)
        .json();
    assert_eq!([&deleted["action"], &deleted["type"]], ["DELETE", "SECONDARY"]);
}

#[tokio::test]
async fn a_transferred_zone_shows_what_its_primary_has() {
    let api = TestApi::start().await;
    let id = made(&api, "example.org.").await;
    transferred(&api, &id, 1, 2_026_010_101).await;
    let path = format!("/v2/zones/{id}");
    let zone = api.of(MEMBER, Method::GET, &path, None).await.expect(200).json();
    assert_eq!(
        [&zone["serial"], &zone["email"], &zone["ttl"], &zone["version"]],
        [
            &json!(2_026_010_101),
            &json!("root@primary.example"),
            &json!(1_200),
            &json!(2)
        ]
    );
    assert!(zone["transferred_at"].is_string());
    let recordsets = format!("{path}/recordsets");
    let list = api
        .of(MEMBER, Method::GET, &recordsets, None)
        .await
        .expect(200)
        .json();
    let records: Vec<_> = list["recordsets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["type"].as_str().unwrap(), one["records"][0].as_str().unwrap()))
        .collect();
    assert!(records.contains(&("NS", "ns.primary.example.")), "{records:?}");
    assert!(records.contains(&("A", "192.0.2.7")));
    let soa = "ns.primary.example. root.primary.example. 2026010101 100 10 1000 5";
    assert!(records.contains(&("SOA", soa)), "{records:?}");

    // Its records are its primary's, whoever asks.
    let www = list["recordsets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["type"] == "A")
        .unwrap();
    let one = format!("{recordsets}/{}", www["id"].as_str().unwrap());
    let body = json!({"name": "new.example.org.", "type": "A", "records": ["192.0.2.1"]});
    let change = json!({"records": ["192.0.2.1"]});
    for who in [MEMBER, ADMIN] {
        api.of(who, Method::GET, &one, None).await.expect(200);
        for (method, path, body) in [
            (Method::POST, &recordsets, Some(&body)),
            (Method::PUT, &one, Some(&change)),
            (Method::DELETE, &one, None),
        ] {
            api.of(who, method, path, body)
                .await
                .expect_error(403, "forbidden");
        }
    }
}

#[tokio::test]
async fn zones_are_listed_by_their_type() {
    let api = TestApi::start().await;
    let secondary = made(&api, "secondary.example.").await;
    let body = json!({"name": "primary.example.", "email": "a@example.org"});
    let primary = api
        .of(MEMBER, Method::POST, "/v2/zones", Some(&body))
        .await
        .expect(202)
        .id();
    for (query, expected) in [
        ("type=SECONDARY", vec![&secondary]),
        ("type=PRIMARY", vec![&primary]),
        ("type=*ARY", vec![&secondary, &primary]),
        ("type=CATALOG", vec![]),
    ] {
        let list = api
            .of(MEMBER, Method::GET, &format!("/v2/zones?{query}"), None)
            .await
            .expect(200)
            .json();
        let ids: Vec<&str> = list["zones"]
            .as_array()
            .unwrap()
            .iter()
            .map(|zone| zone["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, expected, "{query}");
        assert_eq!(list["metadata"]["total_count"], expected.len());
    }
}

#[tokio::test]
async fn secondary_zones_that_cannot_be() {
    let api = TestApi::start().await;
    let with = |key: &str, value: Value| {
        let mut body = new("example.org.", &["192.0.2.1"]);
        body[key] = value;
        body
    };
    let no_masters = json!({"path": ["type"], "message": "'masters' is a required property", "validator": "required",
        "validator_value": ["masters"]});
    let of_primary = |field: &str| {
        json!({"path": ["type"], "message": format!("'{field}' can't be specified when type is SECONDARY"),
            "validator": "not_allowed", "validator_value": field})
    };
    for (body, errors) in [
        (with("masters", json!([])), vec![no_masters.clone()]),
        (with("masters", json!(null)), vec![no_masters.clone()]),
        (with("email", json!("a@example.org")), vec![of_primary("email")]),
        (with("ttl", json!(5)), vec![of_primary("ttl")]),
    ] {
        let error = api
            .post("/v2/zones", &body)
            .await
            .expect_error(400, "invalid_object");
        assert_eq!(error["errors"], json!({"errors": errors}), "{body}");
    }
    for masters in [
        json!(["192.0.2.1:0"]),
        json!(["a b"]),
        json!(["192.0.2"]),
        json!([""]),
        json!([null]),
        json!("x"),
    ] {
        let error = api.post("/v2/zones", &with("masters", masters.clone())).await;
        let error = error.expect_error(400, "invalid_object");
        assert!(
            error["message"].as_str().unwrap().contains("master"),
            "{masters}: {error}"
        );
    }
    let twice = json!(["192.0.2.1", "192.0.2.1:53"]);
    api.post("/v2/zones", &with("masters", twice))
        .await
        .expect_error(409, "duplicate_zone_attribute");
    assert_eq!(api.get("/v2/zones").await.json()["metadata"]["total_count"], 0);

    let id = made(&api, "example.org.").await;
    let path = format!("/v2/zones/{id}");
    for (change, errors) in [
        (json!({"masters": []}), vec![no_masters]),
        (json!({"email": "a@example.org"}), vec![of_primary("email")]),
        (json!({"ttl": 5}), vec![of_primary("ttl")]),
    ] {
        let error = api.of(MEMBER, Method::PATCH, &path, Some(&change)).await;
        let error = error.expect_error(400, "invalid_object");
        assert_eq!(error["errors"], json!({"errors": errors}), "{change}");
    }
    let change = json!({"type": "PRIMARY"});
    api.of(MEMBER, Method::PATCH, &path, Some(&change))
        .await
        .expect_error(400, "invalid_object");
    let zone = api.of(MEMBER, Method::GET, &path, None).await.json();
    assert_eq!(zone["version"], 1);
}

#[tokio::test]
async fn a_secondary_zone_is_asked_for_shared_and_given_away() {
    let api = TestApi::start().await;
    let id = made(&api, "example.org.").await;
    let path = format!("/v2/zones/{id}");
    let task = format!("{path}/tasks/xfr");
    api.of(("alpha", "reader"), Method::POST, &task, None)
        .await
        .expect_error(403, "forbidden");
    api.of(BETA, Method::POST, &task, None)
        .await
        .expect_error(404, "zone_not_found");
    let asked = api.of(MEMBER, Method::POST, &task, None).await.expect(202);
    assert_eq!(asked.text, "");
    let client = api.database().client().await;
    let due: bool = client
        .query_one(
            "select exists (select from deadline where kind = 'secondary_refresh' and subject = $1 and due_at <= now())",
            &[&Uuid::try_parse(&id).unwrap()],
        )
        .await
        .unwrap()
        .get(0);
    assert!(due);

    let share = json!({"target_project_id": "beta"});
    api.of(MEMBER, Method::POST, &format!("{path}/shares"), Some(&share))
        .await
        .expect(201);
    transferred(&api, &id, 1, 5).await;
    let shown = api.of(BETA, Method::GET, &path, None).await.expect(200).json();
    assert_eq!(shown["type"], "SECONDARY");
    let body = json!({"name": "new.example.org.", "type": "A", "records": ["192.0.2.1"]});
    api.of(BETA, Method::POST, &format!("{path}/recordsets"), Some(&body))
        .await
        .expect_error(403, "forbidden");

    let offers = format!("{path}/tasks/transfer_requests");
    let offer = api
        .of(MEMBER, Method::POST, &offers, Some(&json!({})))
        .await
        .expect(201)
        .json();
    let accept = json!({"zone_transfer_request_id": offer["id"], "key": offer["key"]});
    api.of(
        ("gamma", "member,reader"),
        Method::POST,
        "/v2/zones/tasks/transfer_accepts",
        Some(&accept),
    )
    .await
    .expect(201);
    let given = api
        .of(("gamma", "member,reader"), Method::GET, &path, None)
        .await
        .expect(200)
        .json();
    assert_eq!(
        [&given["project_id"], &given["type"], &given["serial"]],
        [&json!("gamma"), &json!("SECONDARY"), &json!(5)]
    );
    api.of(
        ("gamma", "admin,member,reader"),
        Method::POST,
        &format!("{path}/tasks/abandon"),
        None,
    )
    .await
    .expect(204);
}
