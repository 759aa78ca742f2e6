//! The API answers as its description says: a tour over all resources, each answer held against the schemas.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use zonelog_api::{ApiOptions, Auth, NeutronEndpoint, NeutronOptions};
use zonelog_test_parts::neutron::Neutron;

use crate::openapi::{operations, resolved};
use crate::parts::{POOL, TestApi, make_pool, options, pool};
use crate::tour::Tour;

const MEMBER: &[(&str, &str)] = &[("x-auth-project-id", "alpha"), ("x-roles", "member,reader")];
const OTHER: &[(&str, &str)] = &[("x-auth-project-id", "beta"), ("x-roles", "member,reader")];
const EVERYWHERE: &[(&str, &str)] = &[("x-auth-all-projects", "true")];
const FLOATING_IP: &str = "0f000000-0000-4000-8000-000000000001";
const NOBODY: &str = "0f000000-0000-4000-8000-000000000009";

impl Tour {
    /// Makes, lists, shows, changes and deletes a small resource; gives its id.
    async fn collection(&mut self, name: &str, new: Value, change: Value, changed: u16) {
        let list = format!("/v2/{name}");
        let id = self.post(&list, new.clone()).await.expect(201).id();
        let path = format!("{list}/{id}");
        self.post(&list, new).await.expect_error(409, duplicate(name));
        self.get(&format!("{list}?limit=1&sort_key=id&sort_dir=desc"))
            .await
            .expect(200);
        self.get(&path).await.expect(200);
        self.ask("patch", &path, &[], Some(change)).await.expect(changed);
        self.ask("patch", &path, &[], Some(json!({"colour": "red"})))
            .await
            .expect(400);
        self.get(&format!("{list}?limit=0")).await.expect(400);
        self.ask("get", &path, MEMBER, None).await.expect(403);
        self.delete(&path).await.expect(204);
        self.delete(&path).await.expect(404);
    }
}

fn duplicate(name: &str) -> &'static str {
    match name {
        "tlds" => "duplicate_tld",
        "blacklists" => "duplicate_blacklist",
        "tsigkeys" => "duplicate_tsigkey",
        _ => "duplicate_pool",
    }
}

async fn start() -> (Tour, Neutron) {
    let neutron = Neutron::start().await;
    let endpoint = NeutronEndpoint {
        region: "one".to_owned(),
        url: neutron.url().to_owned(),
    };
    let options = ApiOptions {
        admin: true,
        neutron: NeutronOptions {
            endpoints: vec![endpoint],
            timeout: Duration::from_secs(5),
            ..NeutronOptions::default()
        },
        ..options()
    };
    (Tour::of(TestApi::with(options).await).await, neutron)
}

fn zone(name: &str) -> Value {
    json!({"name": name, "email": "host@example.org"})
}

/// Zones, and what is done with them.
async fn zones(tour: &mut Tour) {
    let retry = [("idempotency-key", "once")];
    let made = tour
        .ask("post", "/v2/zones", &retry, Some(zone("example.org.")))
        .await
        .expect(202);
    let replayed = tour
        .ask("post", "/v2/zones", &retry, Some(zone("example.org.")))
        .await
        .expect(202);
    assert_eq!(replayed.header("idempotency-replayed"), "true");
    tour.ask("post", "/v2/zones", &retry, Some(zone("other.org.")))
        .await
        .expect(422);
    tour.post("/v2/zones", zone("example.org.")).await.expect(409);
    tour.post("/v2/zones", json!({"name": "a.org."}))
        .await
        .expect(400);
    tour.raw("/v2/zones", &[("content-type", "text/plain")], "x")
        .await
        .expect(415);
    tour.raw(
        "/v2/zones",
        &[("content-type", "application/json")],
        " ".repeat(200_000),
    )
    .await
    .expect(413);
    tour.ask("get", "/v2/zones", &[("accept", "text/html")], None)
        .await
        .expect(406);
    tour.ask("get", "/v2/zones?all_projects=true", MEMBER, None)
        .await
        .expect(403);
    tour.get("/v2/zones?name=*&limit=1&sort_key=name")
        .await
        .expect(200);
    tour.get("/v2/zones?colour=red").await.expect(400);
    let path = format!("/v2/zones/{}", made.id());
    tour.get(&path).await.expect(200);
    tour.get("/v2/zones/x").await.expect(400);
    tour.get(&format!("/v2/zones/{NOBODY}")).await.expect(404);
    let change = json!({"ttl": 60, "description": "mine"});
    tour.ask("patch", &path, &[], Some(change)).await.expect(202);
    tour.get(&format!("{path}/nameservers")).await.expect(200);
    tour.get(&format!("{path}/convergence")).await.expect(200);
    tour.ask("post", &format!("{path}/tasks/xfr"), &[], None)
        .await
        .expect(400);

    let list = format!("{path}/recordsets");
    let new = json!({"name": "www.example.org.", "type": "A", "ttl": 5, "records": ["192.0.2.1"]});
    let recordset = tour.post(&list, new.clone()).await.expect(202).id();
    tour.post(&list, new).await.expect(409);
    let empty = json!({"name": "none.example.org.", "type": "TXT", "records": []});
    tour.post(&list, empty).await.expect(201);
    let bad = json!({"name": "bad.example.org.", "type": "A", "records": ["x", "y"]});
    tour.post(&list, bad).await.expect(400);
    tour.get(&list).await.expect(200);
    tour.ask("get", &list, &[("openstack-dns-hide-counts", "true")], None)
        .await
        .expect(200);
    tour.get("/v2/recordsets?limit=max").await.expect(200);
    tour.get(&format!("/v2/recordsets/{recordset}")).await.expect(301);
    tour.get(&format!("/v2/recordsets/{NOBODY}")).await.expect(404);
    let own = format!("{list}/{recordset}");
    tour.get(&own).await.expect(200);
    let change = json!({"records": ["192.0.2.2"], "ttl": null});
    tour.ask("put", &own, &[], Some(change)).await.expect(202);
    tour.delete(&own).await.expect(202);
    tour.delete(&own).await.expect(404);

    let list = format!("{path}/shares");
    let share = tour
        .post(&list, json!({"target_project_id": "beta"}))
        .await
        .expect(201)
        .id();
    tour.post(&list, json!({"target_project_id": "beta"}))
        .await
        .expect(409);
    tour.get(&list).await.expect(200);
    tour.get(&format!("{list}/{share}")).await.expect(200);
    tour.delete(&path).await.expect(400);
    tour.delete(&format!("{list}/{share}")).await.expect(204);
    tour.delete(&format!("{list}/{share}")).await.expect(404);

    let second = Uuid::from_u128(2);
    make_pool(
        &tour.api.central,
        second,
        pool("second", ["ns3.example.org.", "ns4.example.org."]),
    )
    .await;
    let body = json!({"pool_id": second});
    tour.post(&format!("{path}/tasks/pool_move"), body)
        .await
        .expect(202);
    tour.delete(&path).await.expect(202);
    let left = tour.post("/v2/zones", zone("left.org.")).await.expect(202).id();
    tour.ask("post", &format!("/v2/zones/{left}/tasks/abandon"), &[], None)
        .await
        .expect(204);
}

/// Ownership transfers, imports and exports.
async fn tasks(tour: &mut Tour) {
    let made = tour
        .ask("post", "/v2/zones", MEMBER, Some(zone("given.org.")))
        .await
        .expect(202)
        .id();
    let offer = format!("/v2/zones/{made}/tasks/transfer_requests");
    let body = json!({"target_project_id": "beta", "description": "yours"});
    let offered = tour.ask("post", &offer, MEMBER, Some(body)).await.expect(201);
    let list = "/v2/zones/tasks/transfer_requests";
    tour.ask("get", list, OTHER, None).await.expect(200);
    let path = format!("{list}/{}", offered.id());
    tour.ask("get", &path, MEMBER, None).await.expect(200);
    // Who is not the owner sees less of it.
    let seen = tour.ask("get", &path, OTHER, None).await.expect(200);
    assert_eq!(seen.json().get("key"), None);
    tour.ask("patch", &path, MEMBER, Some(json!({"description": null})))
        .await
        .expect(200);
    let accepts = "/v2/zones/tasks/transfer_accepts";
    let wrong = json!({"zone_transfer_request_id": offered.id(), "key": "WRONGKEY"});
    tour.ask("post", accepts, OTHER, Some(wrong)).await.expect(403);
    let right = json!({"zone_transfer_request_id": offered.id(), "key": offered.json()["key"]});
    let accept = tour
        .ask("post", accepts, OTHER, Some(right))
        .await
        .expect(201)
        .id();
    tour.ask("get", &format!("{accepts}/{accept}"), OTHER, None)
        .await
        .expect(200);
    tour.ask("get", accepts, EVERYWHERE, None).await.expect(200);
    tour.ask("get", accepts, OTHER, None).await.expect(403);
    tour.ask("delete", &path, MEMBER, None).await.expect(204);

    let list = "/v2/zones/tasks/imports";
    let file =
        "$ORIGIN imported.org.\n$TTL 60\n@ IN SOA ns1 host 1 2 3 4 5\n@ IN NS ns1\nwww IN A 192.0.2.1\n";
    let import = tour
        .raw(list, &[("content-type", "text/dns")], file)
        .await
        .expect(202)
        .id();
    tour.raw(list, &[("content-type", "text/html")], file)
        .await
        .expect(415);
    tour.post(list, json!({"zonefile": "what?"})).await.expect(202);
    tour.post(list, json!({})).await.expect(400);
    let path = format!("{list}/{import}");
    tour.get(&path).await.expect(200);
    tour.get(list).await.expect(200);
    tour.delete(&path).await.expect(204);

    let made = tour
        .post("/v2/zones", zone("exported.org."))
        .await
        .expect(202)
        .id();
    let export = tour
        .ask("post", &format!("/v2/zones/{made}/tasks/export"), &[], None)
        .await
        .expect(202)
        .id();
    let list = "/v2/zones/tasks/exports";
    let path = format!("{list}/{export}");
    tour.get(list).await.expect(200);
    tour.get(&path).await.expect(200);
    let text = tour.get(&format!("{path}/export")).await.expect(200);
    assert!(text.text.starts_with("$ORIGIN exported.org."), "{}", text.text);
    let json = [("accept", "application/json")];
    tour.ask("get", &format!("{path}/export"), &json, None)
        .await
        .expect(406);
    tour.delete(&path).await.expect(204);
    tour.get(&format!("/admin/zones/export/{made}")).await.expect(200);
}

/// What administrators keep.
async fn registries(tour: &mut Tour) {
    let tld = json!({"name": "co.uk", "description": "mine"});
    tour.collection("tlds", tld, json!({"name": "uk"}), 200).await;
    let blacklist = json!({"pattern": "evil"});
    tour.collection("blacklists", blacklist, json!({"description": "bad"}), 200)
        .await;
    let key = json!({"name": "key", "algorithm": "hmac-sha256", "secret": "U29tZVNlY3JldEtleQ==", "scope": "POOL",
        "resource_id": POOL});
    tour.collection("tsigkeys", key, json!({"algorithm": "hmac-sha512"}), 200)
        .await;
    let new = json!({"name": "third", "ns_records": [{"hostname": "ns5.example.org.", "priority": 1}]});
    tour.collection("pools", new, json!({"attributes": {"a": "b"}}), 202)
        .await;

    tour.get("/v2/quotas").await.expect(200);
    let quotas = json!({"zones": 1});
    tour.ask("patch", "/v2/quotas/gamma", EVERYWHERE, Some(quotas.clone()))
        .await
        .expect(200);
    tour.ask(
        "patch",
        "/v2/quotas/gamma",
        EVERYWHERE,
        Some(json!({"zones": -2})),
    )
    .await
    .expect(400);
    tour.ask("get", "/v2/quotas/gamma", EVERYWHERE, None)
        .await
        .expect(200);
    tour.ask("get", "/v2/quotas/gamma", &[], None).await.expect(403);
    let gamma = [("x-auth-project-id", "gamma"), ("x-roles", "member,reader")];
    tour.ask("post", "/v2/zones", &gamma, Some(zone("first.org.")))
        .await
        .expect(202);
    tour.ask("post", "/v2/zones", &gamma, Some(zone("second.org.")))
        .await
        .expect(413);
    tour.ask("delete", "/v2/quotas/gamma", EVERYWHERE, None)
        .await
        .expect(204);
    tour.get("/v2/limits").await.expect(200);

    tour.get("/admin/quotas/gamma").await.expect(200);
    let body = json!({"quota": quotas});
    tour.ask("patch", "/admin/quotas/gamma", &[], Some(body))
        .await
        .expect(200);
    tour.delete("/admin/quotas/gamma").await.expect(204);
    tour.get("/admin/reports/counts").await.expect(200);
    for criterion in ["zones", "zones_delayed_notify", "records", "tenants"] {
        tour.get(&format!("/admin/reports/counts/{criterion}"))
            .await
            .expect(200);
    }
    tour.get("/admin/reports/counts/colours").await.expect(404);
    tour.get("/admin/reports/tenants").await.expect(200);
    tour.get("/admin/reports/tenants/gamma").await.expect(200);
}

/// Who runs, and what a cloud lends.
async fn services(tour: &mut Tour, neutron: &Neutron) {
    for path in ["/", "/healthcheck", "/openapi.json"] {
        tour.get(path).await.expect(200);
    }
    let id = crate::service_statuses::beat_now(&tour.api).await;
    for path in ["/v2/service_statuses", "/v2/service_status"] {
        tour.get(path).await.expect(200);
        tour.get(&format!("{path}/{id}")).await.expect(200);
        tour.get(&format!("{path}/{NOBODY}")).await.expect(404);
    }

    neutron.give(FLOATING_IP, "192.0.2.10".parse().unwrap(), "alpha");
    let owner = [MEMBER[0], MEMBER[1], ("x-auth-token", "a-token")];
    let list = "/v2/reverse/floatingips";
    let path = format!("{list}/one:{FLOATING_IP}");
    tour.ask("get", list, &owner, None).await.expect(200);
    tour.ask("get", &path, &owner, None).await.expect(200);
    let ptr = json!({"ptrdname": "host.example.", "ttl": 60});
    tour.ask("patch", &path, &owner, Some(ptr)).await.expect(202);
    tour.ask("get", list, &owner, None).await.expect(200);
    tour.ask("get", &path, &owner, None).await.expect(200);
    tour.ask("patch", &path, &owner, Some(json!({"ptrdname": null})))
        .await
        .expect(202);
    tour.ask("patch", &path, &owner, Some(json!({"ptrdname": null})))
        .await
        .expect(404);
    tour.ask("get", &format!("{list}/x"), &owner, None)
        .await
        .expect(400);
    let nowhere = format!("{list}/two:{FLOATING_IP}");
    tour.ask("get", &nowhere, &owner, None).await.expect(403);
}

#[tokio::test]
async fn every_answer_is_a_described_one() {
    let (mut tour, neutron) = start().await;
    services(&mut tour, &neutron).await;
    zones(&mut tour).await;
    tasks(&mut tour).await;
    registries(&mut tour).await;
    let described = operations(&tour.description);
    let succeeded = |id: &str| {
        let mut seen = tour.seen.iter();
        seen.any(|(operation, status)| operation == id && status.starts_with(['2', '3']))
    };
    let unseen: Vec<&str> = described
        .iter()
        .map(|(_, _, operation)| operation["operationId"].as_str().unwrap())
        .filter(|id| !succeeded(id))
        .collect();
    // There are no secondary zones to be transferred.
    assert_eq!(unseen, ["transfer_zone"]);
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so_as_described() {
    let api = TestApi::with(ApiOptions {
        auth: Auth::Tokens,
        ..options()
    })
    .await;
    let mut tour = Tour::of(api).await;
    let refused = tour.get("/v2/zones").await.expect(401);
    assert!(refused.header("www-authenticate").starts_with("Keystone"));
    tour.ask("get", "/v2/limits", &[("x-auth-token", "wrong")], None)
        .await
        .expect(401);
}

/// Bodies are read by hand: each key that is described is one that the handler knows, and one that is not is none.
#[tokio::test]
async fn described_keys_of_bodies_are_taken() {
    let (tour, _neutron) = start().await;
    let api = &tour.api;
    let zone_id = api.zone("keys.org.").await;
    let recordset = api
        .recordset(&zone_id, "www.keys.org.", "A", &["192.0.2.1"])
        .await;
    let offer = format!("/v2/zones/{zone_id}/tasks/transfer_requests");
    let offer = api.post(&offer, &json!({})).await.expect(201).id();
    let tld = api
        .post("/v2/tlds", &json!({"name": "org"}))
        .await
        .expect(201)
        .id();
    let blacklist = api
        .post("/v2/blacklists", &json!({"pattern": "x"}))
        .await
        .expect(201)
        .id();
    let key = json!({"name": "key", "algorithm": "hmac-sha256", "secret": "U29tZQ==", "scope": "POOL", "resource_id": POOL});
    let key = api.post("/v2/tsigkeys", &key).await.expect(201).id();
    let pool = POOL.to_string();
    let mut asked = 0;
    for (path, method, operation) in operations(&tour.description) {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        if body.is_null() || path.contains("floatingips") || path.starts_with("/admin") {
            continue;
        }
        let schema = resolved(&tour.description, body);
        let url = [
            ("{zone_id}", zone_id.as_str()),
            ("{recordset_id}", &recordset),
            ("{transfer_request_id}", &offer),
            ("{tld_id}", &tld),
            ("{blacklist_id}", &blacklist),
            ("{tsigkey_id}", &key),
            ("{pool_id}", &pool),
            ("{project_id}", "noauth-project"),
        ]
        .into_iter()
        .fold(path.to_owned(), |url, (name, id)| url.replace(name, id));
        let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        for key in schema["properties"].as_object().unwrap().keys() {
            // A value that no field takes: what is wrong is the value.
            let value = json!({key: {"a": {"b": []}}});
            let refused = api.send(verb.clone(), &url, &[], Some(&value)).await.expect(400);
            let message = refused.json()["message"].as_str().unwrap_or_default().to_owned();
            assert!(
                !message.contains("are not valid for"),
                "{method} {path} {key}: {message}"
            );
            asked += 1;
        }
        // With all that is required, an unknown key is what is wrong.
        let refused = api
            .send(verb, &url, &[], Some(&json!({"colour": "red"})))
            .await
            .expect(400);
        assert!(!refused.text.is_empty(), "{method} {path}");
    }
    assert!(asked > 40, "{asked}");
}
