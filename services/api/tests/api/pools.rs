//! `/v2/pools`, and which pool a zone goes to.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_central::CentralOptions;
use zonelog_model::zone::{RegistryOptions, SchedulerFilter};
use zonelog_test_parts::eventually;

use crate::parts::{POOL, TestApi, central_options, make_pool, options, pool};

#[tokio::test]
async fn a_pools_fields_are_checked_one_by_one() {
    let api = TestApi::start().await;
    let server = |hostname: &str, priority: Value| json!([{"hostname": hostname, "priority": priority}]);
    for (field, value) in [
        ("name", json!("x".repeat(51))),
        ("attributes", json!([])),
        ("attributes", json!({"a": null})),
        ("attributes", json!({"a": "x".repeat(51)})),
        ("ns_records", json!({})),
        ("ns_records", json!(["ns1.example.net."])),
        ("ns_records", server("ns1.example.net", json!(1))),
        ("ns_records", server("ns1.example.net.", json!(0))),
        ("ns_records", server("ns1.example.net.", json!(10_001))),
        ("ns_records", server("ns1.example.net.", json!(null))),
        ("ns_records", json!([{"priority": 1}])),
        (
            "ns_records",
            json!([{"hostname": "ns1.example.net.", "priority": 1, "colour": "red"}]),
        ),
    ] {
        let mut body = json!({"name": "p", "ns_records": server("ns1.example.net.", json!(1))});
        body[field] = value.clone();
        api.post("/v2/pools", &body)
            .await
            .expect_error(400, "invalid_object");
        api.patch(&format!("/v2/pools/{POOL}"), &json!({field: value}))
            .await
            .expect_error(400, "invalid_object");
    }
    let made = api
        .post(
            "/v2/pools",
            &json!({"name": "p", "project_id": "alice", "ns_records": server("ns1.example.net.", json!("7"))}),
        )
        .await
        .expect(201)
        .json();
    assert_eq!(
        (&made["project_id"], &made["ns_records"][0]["priority"]),
        (&json!("alice"), &json!(7))
    );
    let path = format!("/v2/pools/{}", made["id"].as_str().unwrap());
    api.patch(&path, &json!({"project_id": "bob"}))
        .await
        .expect_error(400, "invalid_object");
}

#[tokio::test]
async fn a_pool_keeps_a_name_server() {
    let api = TestApi::start().await;
    for body in [json!({"ns_records": []}), json!({"ns_records": null})] {
        api.patch(&format!("/v2/pools/{POOL}"), &body)
            .await
            .expect_error(400, "last_server_delete_not_allowed");
    }
}

#[tokio::test]
async fn a_pool_with_zones_stays() {
    let api = TestApi::start().await;
    let path = format!("/v2/pools/{POOL}");
    let zone = api.zone("example.org.").await;
    api.delete(&path).await.expect_error(400, "invalid_operation");
    api.delete(&format!("/v2/zones/{zone}")).await.expect(202);
    api.delete(&path).await.expect(204);
    let body = json!({"name": "example.net.", "email": "a@b.org"});
    let error = api
        .post("/v2/zones", &body)
        .await
        .expect_error(404, "no_valid_pool_found");
    assert!(
        error["message"].as_str().unwrap().contains("zonelog pool update"),
        "{error}"
    );
}

/// What the API does not show of a pool stays as it is when the API changes the rest.
#[tokio::test]
async fn servers_and_targets_stay_when_a_pool_is_changed() {
    let api = TestApi::start().await;
    let client = api.database().client().await;
    let hidden = async || -> Value {
        let row = client
            .query_one("select body from resource where id = $1", &[&POOL])
            .await
            .unwrap();
        let body: Value = row.get(0);
        let text = body.to_string();
        assert!(text.contains("fake") && text.contains("5354"), "{text}");
        body
    };
    hidden().await;
    let change = json!({"description": "new", "attributes": {"a": "b"}});
    api.patch(&format!("/v2/pools/{POOL}"), &change).await.expect(202);
    assert!(hidden().await.to_string().contains("new"));
}

#[tokio::test]
async fn changed_ns_records_go_to_every_zone() {
    let api = TestApi::start().await;
    let shutdown = CancellationToken::new();
    api.central.start_tasks(api.central.positions(), &shutdown);
    let zone = api.zone("example.org.").await;
    let change = json!({"ns_records": [
        {"hostname": "ns9.example.org.", "priority": 1},
        {"hostname": "ns1.example.org.", "priority": 2},
    ]});
    api.patch(&format!("/v2/pools/{POOL}"), &change).await.expect(202);
    let records = async |rrtype: &str| {
        let path = format!("/v2/zones/{zone}/recordsets?type={rrtype}");
        api.get(&path).await.expect(200).json()["recordsets"][0]["records"].to_string()
    };
    eventually(
        "the zone has the new servers",
        Duration::from_secs(20),
        async || {
            let servers = records("NS").await;
            servers.contains("ns9.") && servers.contains("ns1.") && !servers.contains("ns2.")
        },
    )
    .await;
    assert!(records("SOA").await.starts_with("[\"ns9.example.org. "));
    shutdown.cancel();
}

/// An API whose scheduler has these filters, with two more pools: `gold` (tier: gold) and `silver` (tier: silver).
async fn scheduled(filters: &[SchedulerFilter]) -> (TestApi, Uuid, Uuid) {
    let registry = RegistryOptions {
        scheduler_filters: filters.to_vec(),
        ..central_options().registry
    };
    let central = CentralOptions {
        registry,
        ..central_options()
    };
    let api = TestApi::with_central(options(), central).await;
    let (gold, silver) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for (id, name) in [(gold, "gold"), (silver, "silver")] {
        let mut pool = pool(name, ["ns1.example.net.", "ns2.example.net."]);
        pool.attributes.insert("tier".to_owned(), name.to_owned());
        make_pool(&api.central, id, pool).await;
    }
    (api, gold, silver)
}

fn zone(name: &str, attributes: &Value) -> Value {
    json!({"name": name, "email": "a@b.org", "attributes": attributes})
}

#[tokio::test]
async fn without_filters_configured_a_zone_goes_to_the_default_pool() {
    let (api, gold, _) = scheduled(&[SchedulerFilter::DefaultPool]).await;
    let made = api
        .post("/v2/zones", &zone("example.org.", &json!({"pool_id": gold})))
        .await
        .expect(202)
        .json();
    assert_eq!(made["pool_id"], POOL.to_string());
}

#[tokio::test]
async fn a_pool_is_chosen_by_the_zones_attributes() {
    let (api, gold, silver) = scheduled(&[
        SchedulerFilter::Attribute,
        SchedulerFilter::PoolIdAttribute,
        SchedulerFilter::InDoubtDefaultPool,
    ])
    .await;
    let made = async |name: &str, attributes: Value| {
        let made = api
            .post("/v2/zones", &zone(name, &attributes))
            .await
            .expect(202)
            .json();
        assert_eq!(made["attributes"], attributes);
        let servers = api
            .get(&format!("/v2/zones/{}/nameservers", made["id"].as_str().unwrap()))
            .await
            .expect(200)
            .json();
        let mname = servers["nameservers"][0]["hostname"].clone();
        (made["pool_id"].clone(), mname)
    };
    let theirs = json!("ns1.example.net.");
    assert_eq!(
        made("a.org.", json!({"pool_id": gold})).await,
        (json!(gold), theirs.clone())
    );
    assert_eq!(
        made("b.org.", json!({"pool_id": silver})).await,
        (json!(silver), theirs)
    );
    assert_eq!(
        made("c.org.", json!({})).await,
        (json!(POOL), json!("ns1.example.org."))
    );
    api.post("/v2/zones", &zone("d.org.", &json!({"pool_id": Uuid::nil()})))
        .await
        .expect_error(404, "no_valid_pool_found");
    // Choosing a pool is an admin's.
    let member = ("alice", "member,reader");
    let body = zone("e.org.", &json!({"pool_id": gold}));
    api.of(member, Method::POST, "/v2/zones", Some(&body))
        .await
        .expect_error(403, "forbidden");
    let body = zone("e.org.", &json!({"tier": "gold"}));
    api.of(member, Method::POST, "/v2/zones", Some(&body))
        .await
        .expect(202);
}

#[tokio::test]
async fn a_scheduler_that_cannot_choose_says_so() {
    let (api, _, _) = scheduled(&[SchedulerFilter::Attribute]).await;
    api.post("/v2/zones", &zone("a.org.", &json!({})))
        .await
        .expect_error(500, "multiple_pools_found");
    let (api, _, _) = scheduled(&[]).await;
    api.post("/v2/zones", &zone("a.org.", &json!({})))
        .await
        .expect_error(500, "no_filters_configured");
    let (api, _, _) = scheduled(&[SchedulerFilter::Random]).await;
    api.post("/v2/zones", &zone("a.org.", &json!({})))
        .await
        .expect(202);
    let (api, _, _) = scheduled(&[SchedulerFilter::PoolIdAttribute, SchedulerFilter::Fallback]).await;
    let made = api
        .post("/v2/zones", &zone("a.org.", &json!({"pool_id": Uuid::nil()})))
        .await
        .expect(202)
        .json();
    assert_eq!(made["pool_id"], POOL.to_string());
}
