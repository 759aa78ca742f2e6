//! The PTR records of floating IPs, with a stand-in for Neutron.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use zonelog_api::{ApiOptions, NeutronEndpoint, NeutronOptions};
use zonelog_model::ProjectId;
use zonelog_model::resource::Quotas;
use zonelog_test_parts::neutron::{Mood, Neutron};

use crate::parts::{Answer, TestApi, central_options, options};

const ALPHA: (&str, &str) = ("alpha", "member,reader");
const BETA: (&str, &str) = ("beta", "member,reader");
const LIST: &str = "/v2/reverse/floatingips";
const FIRST: &str = "0f000000-0000-4000-8000-000000000001";
const SECOND: &str = "0f000000-0000-4000-8000-000000000002";
const MANAGED: &str = "00000000-0000-0000-0000-000000000000";

/// An API that asks a Neutron in the region `one`.
struct Cloud {
    api: TestApi,
    neutron: Neutron,
}

impl Cloud {
    async fn start() -> Self {
        Self::with(|options| options).await
    }

    async fn with(change: impl FnOnce(ApiOptions) -> ApiOptions) -> Self {
        let neutron = Neutron::start().await;
        let url = neutron.url().to_owned();
        let endpoint = NeutronEndpoint {
            region: "one".to_owned(),
            url,
        };
        let options = ApiOptions {
            neutron: NeutronOptions {
                endpoints: vec![endpoint],
                timeout: Duration::from_secs(5),
                ..NeutronOptions::default()
            },
            ..options()
        };
        // The managed project's zones count for no quota.
        let mut central = central_options();
        central.managed_project = Some(ProjectId::nil());
        central.quotas = Quotas {
            zones: 0,
            zone_recordsets: 0,
            zone_records: 0,
            recordset_records: 0,
            ..Quotas::UNLIMITED
        };
        let api = TestApi::with_central(change(options), central).await;
        Self { api, neutron }
    }

    fn give(&self, id: &str, address: &str, project: &str) {
        self.neutron.give(id, address.parse::<IpAddr>().unwrap(), project);
    }

    async fn of(
        &self,
        (project, roles): (&str, &str),
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let headers = [
            ("x-auth-project-id", project),
            ("x-roles", roles),
            ("x-auth-token", "a-token"),
        ];
        self.api.send(method, path, &headers, body).await
    }

    async fn list(&self, who: (&str, &str)) -> Value {
        let listed = self.of(who, Method::GET, LIST, None).await.expect(200);
        listed.json()
    }

    async fn show(&self, who: (&str, &str), id: &str) -> Answer {
        self.of(who, Method::GET, &format!("{LIST}/one:{id}"), None).await
    }

    async fn patch(&self, who: (&str, &str), id: &str, body: Value) -> Answer {
        let path = format!("{LIST}/one:{id}");
        self.of(who, Method::PATCH, &path, Some(&body)).await
    }

    /// The PTR recordset at a name, as an administrator of all projects sees it.
    async fn recordset(&self, name: &str) -> Option<Value> {
        let headers = [("x-roles", "admin"), ("x-auth-all-projects", "true")];
        let path = format!("/v2/recordsets?name={name}");
        let listed = self.api.send(Method::GET, &path, &headers, None).await;
        listed.expect(200).json()["recordsets"].get(0).cloned()
    }
}

#[tokio::test]
async fn a_ptr_is_set_shown_changed_and_unset() {
    let cloud = Cloud::start().await;
    cloud.give(FIRST, "192.0.2.10", "alpha");
    cloud.give(SECOND, "192.0.2.11", "beta");
    let base = &cloud.api.base;
    let link = format!("{base}{LIST}/one:{FIRST}");
    let unset = json!({
        "id": format!("one:{FIRST}"), "ptrdname": null, "description": null, "ttl": null, "address": "192.0.2.10",
        "action": "NONE", "status": "INACTIVE", "links": {"self": link},
    });
    let listed = cloud.list(ALPHA).await;
    assert_eq!(
        listed,
        json!({"floatingips": [unset], "links": {"self": format!("{base}{LIST}")}})
    );
    assert_eq!(cloud.show(ALPHA, FIRST).await.json(), unset);

    let body = json!({"ptrdname": "host.alpha.example.", "ttl": 600, "description": "mine"});
    let set = cloud.patch(ALPHA, FIRST, body).await.expect(202);
    let expected = json!({
        "id": format!("one:{FIRST}"), "ptrdname": "host.alpha.example.", "description": "mine", "ttl": 600,
        "address": "192.0.2.10", "action": "CREATE", "status": "PENDING", "links": {"self": link},
    });
    assert_eq!(set.json(), expected);
    assert_eq!(cloud.list(ALPHA).await["floatingips"], json!([expected]));

    // It is a managed recordset in a zone of the installation's own.
    let recordset = cloud.recordset("10.2.0.192.in-addr.arpa.").await.unwrap();
    assert_eq!(recordset["records"], json!(["host.alpha.example."]));
    assert_eq!(recordset["type"], "PTR");
    assert_eq!(recordset["zone_name"], "2.0.192.in-addr.arpa.");
    assert_eq!(recordset["project_id"], MANAGED);
    let headers = [("x-roles", "admin"), ("x-auth-all-projects", "true")];
    let path = format!("/v2/zones/{}", recordset["zone_id"].as_str().unwrap());
    let zone = cloud.api.send(Method::GET, &path, &headers, None).await.json();
    assert_eq!(
        (&zone["project_id"], &zone["email"]),
        (&json!(MANAGED), &json!("hostmaster@example.com"))
    );
    let path = format!("{path}/recordsets/{}", recordset["id"].as_str().unwrap());
    let change = json!({"ttl": 5});
    let refused = cloud.api.send(Method::PUT, &path, &headers, Some(&change)).await;
    refused.expect_error(400, "bad_request");

    // Who set it is in the log.
    let audit = cloud.api.audit("recordset_created").await;
    assert_eq!(audit.project, "alpha");
    assert_eq!(audit.actor["roles"], json!(["member", "reader"]));
    assert_eq!(
        audit.request_id.as_deref(),
        Some(set.header("x-openstack-request-id"))
    );
    assert!(audit.payload.contains("ptr:floatingip"), "{}", audit.payload);

    // Without a name the rest is changed; with one all begins anew.
    let changed = cloud
        .patch(ALPHA, FIRST, json!({"description": null}))
        .await
        .expect(202);
    assert_eq!(
        (
            &changed.json()["ptrdname"],
            &changed.json()["ttl"],
            &changed.json()["description"]
        ),
        (&json!("host.alpha.example."), &json!(600), &Value::Null)
    );
    assert_eq!(changed.json()["action"], "UPDATE");
    let changed = cloud
        .patch(ALPHA, FIRST, json!({"ptrdname": "other.alpha.example."}))
        .await
        .expect(202);
    assert_eq!(
        (&changed.json()["ptrdname"], &changed.json()["ttl"]),
        (&json!("other.alpha.example."), &Value::Null)
    );

    let gone = cloud
        .patch(ALPHA, FIRST, json!({"ptrdname": null}))
        .await
        .expect(202);
    assert_eq!(gone.text, "");
    assert_eq!(cloud.show(ALPHA, FIRST).await.json(), unset);
    assert_eq!(cloud.recordset("10.2.0.192.in-addr.arpa.").await, None);
    let again = cloud.patch(ALPHA, FIRST, json!({"ptrdname": null})).await;
    again.expect_error(404, "not_found");
    assert!(cloud.neutron.tokens().iter().all(|token| token == "a-token"));
}

#[tokio::test]
async fn ipv6_addresses_have_a_zone_of_their_64() {
    let cloud = Cloud::start().await;
    cloud.give(FIRST, "2001:db8::1", "alpha");
    cloud.give(SECOND, "2001:db8::2", "alpha");
    for id in [FIRST, SECOND] {
        let set = cloud.patch(ALPHA, id, json!({"ptrdname": "six.example."})).await;
        set.expect(202);
    }
    let name = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.";
    let recordset = cloud.recordset(name).await.unwrap();
    assert_eq!(
        recordset["zone_name"],
        "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."
    );
    let listed = cloud.list(ALPHA).await;
    assert_eq!(listed["floatingips"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn addresses_set_together_share_their_zone() {
    let cloud = Cloud::start().await;
    let ids: Vec<String> = (0..8)
        .map(|n| format!("0f000000-0000-4000-8000-0000000000{n:02}"))
        .collect();
    for (n, id) in ids.iter().enumerate() {
        cloud.give(id, &format!("198.51.100.{n}"), "alpha");
    }
    let cloud = &cloud;
    let sets = ids.iter().map(|id| async move {
        let set = cloud.patch(ALPHA, id, json!({"ptrdname": "host.example."})).await;
        set.expect(202);
    });
    futures_util::future::join_all(sets).await;
    let listed = cloud.list(ALPHA).await;
    let all = listed["floatingips"].as_array().unwrap();
    assert!(
        all.iter().all(|fip| fip["ptrdname"] == "host.example."),
        "{listed}"
    );
    let client = cloud.api.database().client().await;
    let zones = "select count(*) from zone where name = '100.51.198.in-addr.arpa.'";
    let zones: i64 = client.query_one(zones, &[]).await.unwrap().get(0);
    assert_eq!(zones, 1);
}

#[tokio::test]
async fn what_a_former_owner_set_is_not_shown_and_goes_at_the_next_change() {
    let cloud = Cloud::start().await;
    cloud.give(FIRST, "192.0.2.10", "alpha");
    let body = json!({"ptrdname": "alpha.example."});
    cloud.patch(ALPHA, FIRST, body).await.expect(202);
    cloud.give(FIRST, "192.0.2.10", "beta");
    let head = cloud.api.head().await;
    assert_eq!(cloud.list(ALPHA).await["floatingips"], json!([]));
    let seen = cloud.show(BETA, FIRST).await.json();
    assert_eq!(
        (&seen["ptrdname"], &seen["status"]),
        (&Value::Null, &json!("INACTIVE"))
    );
    assert_eq!(cloud.api.head().await, head, "reading changes nothing");
    cloud
        .patch(ALPHA, FIRST, json!({"ptrdname": null}))
        .await
        .expect_error(404, "not_found");

    let set = cloud
        .patch(BETA, FIRST, json!({"ptrdname": "beta.example."}))
        .await;
    assert_eq!(set.expect(202).json()["ptrdname"], "beta.example.");
    assert_eq!(cloud.api.audit("recordset_deleted").await.project, "beta");
    let recordset = cloud.recordset("10.2.0.192.in-addr.arpa.").await.unwrap();
    assert_eq!(recordset["records"], json!(["beta.example."]));

    // The address comes back under another id: what stands there is stale too, and its new owner may just take it away.
    cloud.neutron.release(FIRST);
    cloud.give(SECOND, "192.0.2.10", "alpha");
    let seen = cloud.show(ALPHA, SECOND).await.json();
    assert_eq!(seen["ptrdname"], Value::Null);
    cloud
        .patch(ALPHA, SECOND, json!({"ptrdname": null}))
        .await
        .expect(202);
    assert_eq!(cloud.recordset("10.2.0.192.in-addr.arpa.").await, None);
}

#[tokio::test]
async fn a_users_own_ptr_is_not_overwritten() {
    let cloud = Cloud::start().await;
    cloud.give(FIRST, "192.0.2.10", "alpha");
    cloud.give(SECOND, "192.0.2.11", "alpha");
    let client = [
        ("x-auth-project-id", "operators"),
        ("x-roles", "admin,member,reader"),
    ];
    let all = [client[0], client[1], ("x-auth-all-projects", "true")];
    // An operator's own reverse zone is used where there is one.
    let quotas = json!({"zones": 5, "zone_recordsets": 5, "zone_records": 5, "recordset_records": 5});
    let set = cloud
        .api
        .send(Method::PATCH, "/v2/quotas/operators", &all, Some(&quotas))
        .await;
    set.expect(200);
    let body = json!({"name": "2.0.192.in-addr.arpa.", "email": "host@example.org"});
    let zone = cloud
        .api
        .send(Method::POST, "/v2/zones", &client, Some(&body))
        .await;
    let path = format!("/v2/zones/{}/recordsets", zone.expect(202).id());
    let body = json!({"name": "10.2.0.192.in-addr.arpa.", "type": "PTR", "records": ["hand.made.example."]});
    cloud
        .api
        .send(Method::POST, &path, &client, Some(&body))
        .await
        .expect(202);
    let refused = cloud.patch(ALPHA, FIRST, json!({"ptrdname": "a.example."})).await;
    refused.expect_error(409, "duplicate_recordset");
    let refused = cloud.patch(ALPHA, FIRST, json!({"ptrdname": null})).await;
    refused.expect_error(404, "not_found");
    let set = cloud
        .patch(ALPHA, SECOND, json!({"ptrdname": "b.example."}))
        .await;
    set.expect(202);
    let recordset = cloud.recordset("11.2.0.192.in-addr.arpa.").await.unwrap();
    assert_eq!(recordset["project_id"], MANAGED);
}

#[tokio::test]
async fn bad_requests_for_floating_ips_are_refused() {
    let cloud = Cloud::start().await;
    cloud.give(FIRST, "192.0.2.10", "alpha");
    cloud.give(SECOND, "192.0.2.11", "beta");
    for key in [
        "x",
        "one:x",
        ":0f000000-0000-4000-8000-000000000001",
        "on%20e:0f000000-0000-4000-8000-000000000001",
        "one:0f000000000040008000000000000001",
    ] {
        let path = format!("{LIST}/{key}");
        let refused = cloud.of(ALPHA, Method::GET, &path, None).await;
        refused.expect_error(400, "bad_request");
    }
    for body in [
        json!({"ptrdname": "relative"}),
        json!({"ptrdname": 5}),
        json!({"ptrdname": "a.example.", "ttl": -1}),
        json!({"ptrdname": "a.example.", "description": "x".repeat(161)}),
        json!({"ptrdname": "a.example.", "colour": "red"}),
        json!({"ptrdname": "a.example.", "address": "192.0.2.99"}),
        json!({"ttl": 600}),
        json!({}),
    ] {
        let refused = cloud.patch(ALPHA, FIRST, body).await;
        refused.expect_error(400, "invalid_object");
    }
    let same = json!({"ptrdname": "a.example.", "address": "192.0.2.10", "status": "INACTIVE"});
    cloud.patch(ALPHA, FIRST, same).await.expect(202);
    cloud.show(ALPHA, SECOND).await.expect_error(404, "not_found");
    let refused = cloud
        .patch(ALPHA, SECOND, json!({"ptrdname": "a.example."}))
        .await;
    refused.expect_error(404, "not_found");
    let path = format!("{LIST}/two:{FIRST}");
    let refused = cloud.of(ALPHA, Method::GET, &path, None).await;
    refused.expect_error(403, "no_endpoint");
    let refused = cloud
        .of(ALPHA, Method::GET, &format!("{LIST}?colour=red"), None)
        .await;
    refused.expect_error(400, "bad_request");
    for body in [json!({"ptrdname": "a.example."}), json!({"ptrdname": null})] {
        let refused = cloud.patch(("alpha", "reader"), FIRST, body).await;
        refused.expect_error(403, "forbidden");
    }
    let refused = cloud.of(("alpha", "guest"), Method::GET, LIST, None).await;
    refused.expect_error(403, "forbidden");
}

#[tokio::test]
async fn a_neutron_that_does_not_answer_is_504() {
    let cloud = Cloud::with(|mut options| {
        options.neutron.timeout = Duration::from_millis(200);
        options
    })
    .await;
    cloud.give(FIRST, "192.0.2.10", "alpha");
    for mood in [Mood::Failing, Mood::Silent] {
        cloud.neutron.set_mood(mood);
        let refused = cloud.of(ALPHA, Method::GET, LIST, None).await;
        let body = refused.expect_error(504, "neutron_communication_failure");
        assert!(!body.to_string().contains("a-token"), "{body}");
        cloud
            .patch(ALPHA, FIRST, json!({"ptrdname": "a.example."}))
            .await
            .expect_error(504, "neutron_communication_failure");
    }
    cloud.neutron.set_mood(Mood::Well);
    cloud.show(ALPHA, FIRST).await.expect(200);
}

#[tokio::test]
async fn without_an_endpoint_there_are_no_floating_ips() {
    let api = TestApi::start().await;
    for path in [LIST.to_owned(), format!("{LIST}/one:{FIRST}")] {
        let refused = api.of(ALPHA, Method::GET, &path, None).await;
        refused.expect_error(403, "no_endpoint");
    }
}

#[tokio::test]
async fn long_lists_of_neutron_are_read_to_their_end() {
    let cloud = Cloud::start().await;
    cloud.neutron.set_page(3);
    for n in 0..10 {
        let id = format!("0f000000-0000-4000-8000-0000000000{n:02}");
        cloud.give(
            &id,
            &format!("203.0.113.{n}"),
            if n == 9 { "beta" } else { "alpha" },
        );
    }
    assert_eq!(
        cloud.list(ALPHA).await["floatingips"].as_array().unwrap().len(),
        9
    );
    let headers = [
        ("x-roles", "admin"),
        ("x-auth-all-projects", "true"),
        ("x-auth-token", "a-token"),
    ];
    let all = cloud.api.send(Method::GET, LIST, &headers, None).await.json();
    assert_eq!(all["floatingips"].as_array().unwrap().len(), 10);
}
