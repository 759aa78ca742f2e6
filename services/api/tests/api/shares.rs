//! `/v2/zones/{id}/shares`, and what a project may do in a zone that is shared with it.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::parts::{TestApi, golden};

const ALICE: (&str, &str) = ("alice", "member,reader");
const BOB: (&str, &str) = ("bob", "member,reader");
const CAROL: (&str, &str) = ("carol", "member,reader");

struct Shared {
    api: TestApi,
    /// `/v2/zones/{id}` of Alice's zone.
    zone: String,
    shares: String,
}

impl Shared {
    /// Alice has a zone.
    async fn start() -> Self {
        let api = TestApi::start().await;
        let body = json!({"name": "alice.org.", "email": "a@alice.org"});
        let made = api
            .of(ALICE, Method::POST, "/v2/zones", Some(&body))
            .await
            .expect(202);
        let zone = format!("/v2/zones/{}", made.id());
        Self {
            shares: format!("{zone}/shares"),
            zone,
            api,
        }
    }

    /// Alice shares it; the share's path.
    async fn with(&self, project: &str) -> String {
        let body = json!({"target_project_id": project});
        let made = self.api.of(ALICE, Method::POST, &self.shares, Some(&body)).await;
        format!("{}/{}", self.shares, made.expect(201).id())
    }

    async fn zone_of(&self, who: (&str, &str)) -> Value {
        self.api
            .of(who, Method::GET, &self.zone, None)
            .await
            .expect(200)
            .json()
    }
}

#[tokio::test]
async fn a_share_is_made_shown_listed_and_taken_back() {
    let it = Shared::start().await;
    let (api, shares) = (&it.api, &it.shares);
    let body = json!({"target_project_id": "bob"});
    let made = api.of(ALICE, Method::POST, shares, Some(&body)).await.expect(201);
    assert_eq!(made.header("location"), "");
    let (id, zone) = (made.id(), it.zone.trim_start_matches("/v2/zones/"));
    assert_eq!(
        golden(&made, api, &[(&id, "SHARE"), (zone, "ZONE")]),
        r#"{"id":"SHARE","zone_id":"ZONE","project_id":"alice","target_project_id":"bob","created_at":"CREATED_AT","updated_at":null,"links":{"self":"BASE/v2/zones/ZONE/shares/SHARE","zone":"BASE/v2/zones/ZONE"}}"#
    );
    let own = format!("{shares}/{id}");
    assert_eq!(
        api.of(ALICE, Method::GET, &own, None).await.expect(200).text,
        made.text
    );
    let list = api.of(ALICE, Method::GET, shares, None).await.expect(200).json();
    assert_eq!(
        list,
        json!({"shared_zones": [made.json()], "links": {"self": format!("{}{shares}", api.base)}})
    );
    assert_eq!(
        api.of(ALICE, Method::DELETE, &own, None).await.expect(204).text,
        ""
    );
    for method in [Method::GET, Method::DELETE] {
        let error = api
            .of(ALICE, method, &own, None)
            .await
            .expect_error(404, "shared_zone_not_found");
        assert_eq!(error["message"], "Could not find SharedZone");
    }
    // And again.
    it.with("bob").await;
}

#[tokio::test]
async fn shares_are_filtered_sorted_and_paged() {
    let it = Shared::start().await;
    for project in ["bob", "carol", "bert"] {
        it.with(project).await;
    }
    let targets = async |query: &str| -> Vec<String> {
        let path = format!("{}?{query}", it.shares);
        let list = it
            .api
            .of(ALICE, Method::GET, &path, None)
            .await
            .expect(200)
            .json();
        let shares = list["shared_zones"].as_array().unwrap();
        let targets = shares
            .iter()
            .map(|share| share["target_project_id"].as_str().unwrap().to_owned());
        targets.collect()
    };
    assert_eq!(targets("").await, ["bob", "carol", "bert"]);
    assert_eq!(
        targets("sort_key=created_at&sort_dir=desc").await,
        ["bert", "carol", "bob"]
    );
    assert_eq!(targets("sort_key=updated_at").await.len(), 3);
    assert_eq!(targets("target_project_id=carol").await, ["carol"]);
    assert_eq!(targets("target_project_id=b*").await, ["bob", "bert"]);
    let first = it
        .api
        .of(ALICE, Method::GET, &format!("{}?limit=2", it.shares), None)
        .await
        .json();
    assert_eq!(first["shared_zones"].as_array().unwrap().len(), 2);
    let next = first["links"]["next"].as_str().unwrap();
    let next = next.strip_prefix(&it.api.base).unwrap().to_owned();
    let second = it.api.of(ALICE, Method::GET, &next, None).await.json();
    assert_eq!(second["shared_zones"][0]["target_project_id"], "bert");
    for query in ["colour=red", "sort_key=id", "limit=0"] {
        it.api
            .of(ALICE, Method::GET, &format!("{}?{query}", it.shares), None)
            .await
            .expect(400);
    }
    let nowhere = format!("/v2/zones/{}/shares", Uuid::nil());
    it.api
        .of(ALICE, Method::GET, &nowhere, None)
        .await
        .expect_error(404, "zone_not_found");
}

#[tokio::test]
async fn the_owner_sees_all_shares_and_others_their_own() {
    let it = Shared::start().await;
    let with_bob = it.with("bob").await;
    let with_carol = it.with("carol").await;
    let list = it
        .api
        .of(BOB, Method::GET, &it.shares, None)
        .await
        .expect(200)
        .json();
    let shares = list["shared_zones"].as_array().unwrap();
    assert_eq!(
        (shares.len(), &shares[0]["target_project_id"]),
        (1, &json!("bob"))
    );
    // Policy: one share is shown to the zone's owner alone.
    it.api
        .of(BOB, Method::GET, &with_bob, None)
        .await
        .expect_error(403, "forbidden");
    for (who, status) in [(BOB, 403), (("dave", "member,reader"), 404)] {
        let body = json!({"target_project_id": "dave"});
        it.api
            .of(who, Method::POST, &it.shares, Some(&body))
            .await
            .expect(status);
        it.api
            .of(who, Method::DELETE, &with_carol, None)
            .await
            .expect(status);
    }
    it.api
        .of(("dave", "member,reader"), Method::GET, &it.shares, None)
        .await
        .expect_error(404, "zone_not_found");
    let reader = ("alice", "reader");
    for method in [Method::GET, Method::DELETE] {
        it.api
            .of(reader, method, &with_bob, None)
            .await
            .expect_error(403, "forbidden");
    }
    let all = [("x-auth-all-projects", "true")];
    let list = it.api.send(Method::GET, &it.shares, &all, None).await.json();
    assert_eq!(list["shared_zones"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn odd_shares_are_refused() {
    let it = Shared::start().await;
    it.with("bob").await;
    let share = async |body: Value| it.api.of(ALICE, Method::POST, &it.shares, Some(&body)).await;
    share(json!({"target_project_id": "bob"}))
        .await
        .expect_error(409, "duplicate_shared_zone");
    share(json!({"target_project_id": "alice"}))
        .await
        .expect_error(400, "bad_request");
    share(json!({})).await.expect_error(400, "invalid_object");
    for project in [json!(null), json!(""), json!("x".repeat(37)), json!([])] {
        share(json!({"target_project_id": project})).await.expect(400);
    }
    share(json!({"target_project_id": "carol", "colour": 1}))
        .await
        .expect_error(400, "invalid_object");
    share(json!({"target_project_id": "carol", "zone_id": Uuid::nil()}))
        .await
        .expect_error(400, "invalid_object");
    let error = it
        .api
        .of(ALICE, Method::GET, &format!("{}/x", it.shares), None)
        .await
        .expect_error(400, "invalid_uuid");
    assert_eq!(error["message"], "Invalid UUID zone_share_id: x");
}

#[tokio::test]
async fn a_shared_zone_is_seen_by_those_it_is_shared_with() {
    let it = Shared::start().await;
    assert_eq!(it.zone_of(ALICE).await["shared"], false);
    it.api
        .of(BOB, Method::GET, &it.zone, None)
        .await
        .expect_error(404, "zone_not_found");
    let share = it.with("bob").await;
    assert_eq!(it.zone_of(ALICE).await["shared"], true);
    assert_eq!(it.zone_of(BOB).await["shared"], true);
    assert_eq!(it.zone_of(BOB).await["project_id"], "alice");
    it.api.of(CAROL, Method::GET, &it.zone, None).await.expect(404);
    let list = it.api.of(BOB, Method::GET, "/v2/zones", None).await.json();
    assert_eq!(list["zones"][0]["name"], "alice.org.");
    assert_eq!(list["metadata"]["total_count"], 1);
    // Its owner's alone.
    for (method, path) in [
        (Method::PATCH, it.zone.clone()),
        (Method::DELETE, it.zone.clone()),
        (Method::GET, format!("{}/nameservers", it.zone)),
    ] {
        it.api
            .of(BOB, method, &path, Some(&json!({"ttl": 60})))
            .await
            .expect_error(403, "forbidden");
    }
    it.api.of(ALICE, Method::DELETE, &share, None).await.expect(204);
    it.api.of(BOB, Method::GET, &it.zone, None).await.expect(404);
    assert_eq!(it.zone_of(ALICE).await["shared"], false);
}

#[tokio::test]
async fn who_shares_a_zone_makes_its_own_recordsets() {
    let it = Shared::start().await;
    it.with("bob").await;
    let sets = format!("{}/recordsets", it.zone);
    let set = |name: &str| json!({"name": name, "type": "A", "records": ["192.0.2.1"]});
    let alices = it
        .api
        .of(ALICE, Method::POST, &sets, Some(&set("a.alice.org.")))
        .await
        .expect(202);
    let bobs = it
        .api
        .of(BOB, Method::POST, &sets, Some(&set("b.alice.org.")))
        .await
        .expect(202);
    assert_eq!(bobs.json()["project_id"], "bob");
    // A reader of the project is no member of it.
    it.api
        .of(("bob", "reader"), Method::POST, &sets, Some(&set("c.alice.org.")))
        .await
        .expect_error(403, "forbidden");
    it.api
        .of(CAROL, Method::POST, &sets, Some(&set("c.alice.org.")))
        .await
        .expect_error(404, "zone_not_found");
    // All are seen.
    let list = it.api.of(BOB, Method::GET, &sets, None).await.expect(200).json();
    assert_eq!(list["metadata"]["total_count"], 4);
    let (alices, bobs) = (format!("{sets}/{}", alices.id()), format!("{sets}/{}", bobs.id()));
    it.api.of(BOB, Method::GET, &alices, None).await.expect(200);
    // Own ones are changed; the owner changes all.
    let change = json!({"ttl": 60});
    it.api
        .of(BOB, Method::PUT, &alices, Some(&change))
        .await
        .expect_error(403, "forbidden");
    it.api
        .of(BOB, Method::DELETE, &alices, None)
        .await
        .expect_error(403, "forbidden");
    it.api
        .of(BOB, Method::PUT, &bobs, Some(&change))
        .await
        .expect(202);
    it.api
        .of(ALICE, Method::PUT, &bobs, Some(&json!({"ttl": 61})))
        .await
        .expect(202);
    // Across zones each sees what its project made.
    let names = async |who| {
        let list = it
            .api
            .of(who, Method::GET, "/v2/recordsets?type=A", None)
            .await
            .json();
        let sets = list["recordsets"].as_array().unwrap();
        sets.iter().map(|set| set["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(BOB).await, [json!("b.alice.org.")]);
    assert_eq!(names(ALICE).await, [json!("a.alice.org.")]);
    it.api.of(BOB, Method::DELETE, &bobs, None).await.expect(202);
}

#[tokio::test]
async fn a_share_in_use_is_not_taken_back() {
    let it = Shared::start().await;
    let share = it.with("bob").await;
    let sets = format!("{}/recordsets", it.zone);
    let set = json!({"name": "b.alice.org.", "type": "A", "records": ["192.0.2.1"]});
    let made = it.api.of(BOB, Method::POST, &sets, Some(&set)).await.expect(202);
    it.api
        .of(ALICE, Method::DELETE, &share, None)
        .await
        .expect_error(400, "shared_zone_has_recordsets");
    let own = format!("{sets}/{}", made.id());
    it.api.of(BOB, Method::DELETE, &own, None).await.expect(202);
    // A zone below a shared one is for who shares it to make.
    let below = json!({"name": "below.alice.org.", "email": "b@bob.org"});
    it.api
        .of(CAROL, Method::POST, "/v2/zones", Some(&below))
        .await
        .expect_error(403, "illegal_child");
    let below = it
        .api
        .of(BOB, Method::POST, "/v2/zones", Some(&below))
        .await
        .expect(202);
    it.api
        .of(ALICE, Method::DELETE, &share, None)
        .await
        .expect_error(400, "shared_zone_has_sub_zone");
    let below = format!("/v2/zones/{}", below.id());
    it.api.of(BOB, Method::DELETE, &below, None).await.expect(202);
    it.api.of(ALICE, Method::DELETE, &share, None).await.expect(204);
}

#[tokio::test]
async fn a_shared_zone_is_deleted_with_its_shares_or_not_at_all() {
    let it = Shared::start().await;
    it.with("bob").await;
    it.api
        .of(ALICE, Method::DELETE, &it.zone, None)
        .await
        .expect_error(400, "zone_is_shared");
    let headers = [
        ("x-auth-project-id", "alice"),
        ("x-roles", "member,reader"),
        ("x-designate-delete-shares", "true"),
    ];
    let gone = it
        .api
        .send(Method::DELETE, &it.zone, &headers, None)
        .await
        .expect(202);
    assert_eq!(gone.json()["action"], "DELETE");
    assert_eq!(gone.json()["shared"], false);
    it.api.of(BOB, Method::GET, &it.zone, None).await.expect(404);
}

#[tokio::test]
async fn the_log_says_who_shared() {
    let it = Shared::start().await;
    let share = it.with("bob").await;
    it.api.of(ALICE, Method::DELETE, &share, None).await.expect(204);
    for event in ["zone_shared", "zone_unshared"] {
        let audit = it.api.audit(event).await;
        assert_eq!(audit.project, "alice");
        assert_eq!(audit.actor["roles"], json!(["member", "reader"]));
        assert!(audit.request_id.unwrap().starts_with("req-"));
        assert!(audit.payload.contains("bob"), "{}", audit.payload);
    }
}
