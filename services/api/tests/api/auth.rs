//! Whose zones a caller sees and changes, and what only an admin may ask.

use reqwest::Method;
use serde_json::json;
use zonelog_api::{Api, ApiError, ApiOptions, Auth};

use crate::parts::{TestApi, options};

const ALICE: [(&str, &str); 3] = [
    ("x-auth-project-id", "alice"),
    ("x-roles", "member,reader"),
    ("x-auth-user-id", "al"),
];
const BOB: [(&str, &str); 2] = [("x-auth-project-id", "bob"), ("x-roles", "member,reader")];

async fn alices_zone(api: &TestApi) -> String {
    let body = json!({"name": "alice.org.", "email": "a@alice.org"});
    let made = api
        .send(Method::POST, "/v2/zones", &ALICE, Some(&body))
        .await
        .expect(202);
    assert_eq!(made.json()["project_id"], "alice");
    made.id()
}

#[tokio::test]
async fn another_projects_zone_does_not_exist() {
    let api = TestApi::start().await;
    let id = alices_zone(&api).await;
    let zone = format!("/v2/zones/{id}");
    let sets = format!("{zone}/recordsets");
    let body = json!({"ttl": 5});
    let set = json!({"name": "www.alice.org.", "type": "A", "records": ["192.0.2.1"]});
    let admin_of_bob = [("x-auth-project-id", "bob"), ("x-roles", "admin")];
    for who in [&BOB[..], &admin_of_bob[..]] {
        for (method, path, body) in [
            (Method::GET, &zone, None),
            (Method::PATCH, &zone, Some(&body)),
            (Method::DELETE, &zone, None),
            (Method::GET, &sets, None),
            (Method::POST, &sets, Some(&set)),
            (Method::PUT, &format!("{sets}/{id}"), Some(&body)),
            (Method::DELETE, &format!("{sets}/{id}"), None),
            (Method::GET, &format!("{sets}/{id}"), None),
        ] {
            let answer = api.send(method.clone(), path, who, body).await;
            let error = answer.expect_error(404, "zone_not_found");
            assert_eq!(error["message"], "Could not find Zone", "{method} {path}");
        }
        let list = api.send(Method::GET, "/v2/zones", who, None).await.json();
        assert_eq!(list["metadata"]["total_count"], 0);
        assert_eq!(
            api.send(Method::GET, "/v2/recordsets", who, None).await.json()["metadata"]["total_count"],
            0
        );
    }
    api.send(Method::GET, &zone, &ALICE, None).await.expect(200);
}

#[tokio::test]
async fn an_admin_may_look_everywhere_and_act_for_others() {
    let api = TestApi::start().await;
    let id = alices_zone(&api).await;
    let zone = format!("/v2/zones/{id}");
    for header in [
        ("x-auth-all-projects", "True"),
        ("x-auth-sudo-project-id", "alice"),
        ("x-auth-sudo-tenant-id", "alice"),
    ] {
        api.send(Method::GET, &zone, &[header], None).await.expect(200);
        let list = api.send(Method::GET, "/v2/zones", &[header], None).await.json();
        assert_eq!(list["metadata"]["total_count"], 1);
    }
    api.get(&format!("{zone}?all_projects=yes")).await.expect(200);
    let list = api
        .get("/v2/zones?all_tenants=1&limit=1")
        .await
        .expect(200)
        .json();
    assert!(list["links"]["next"].as_str().unwrap().contains("all_tenants=1"));
    api.send(Method::GET, &zone, &[("x-auth-all-projects", "false")], None)
        .await
        .expect_error(404, "zone_not_found");

    let set = json!({"name": "www.alice.org.", "type": "A", "records": ["192.0.2.1"]});
    let all = [("x-auth-all-projects", "true")];
    let made = api
        .send(Method::POST, &format!("{zone}/recordsets"), &all, Some(&set))
        .await
        .expect(202)
        .json();
    assert_eq!(made["project_id"], "alice");
    api.send(Method::DELETE, &zone, &all, None).await.expect(202);
    let client = api.database().client().await;
    let row = client
        .query_one(
            "select actor->>'user', project from event where type = 'zone_created'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("al", "alice"));
}

#[tokio::test]
async fn the_wide_headers_are_an_admins() {
    let api = TestApi::start().await;
    for header in [
        ("x-auth-all-projects", "true"),
        ("x-auth-sudo-project-id", "alice"),
        ("x-designate-edit-managed-records", "1"),
        ("x-designate-hard-delete", "yes"),
    ] {
        let headers = [header, BOB[0], BOB[1]];
        let answer = api
            .send(Method::GET, "/v2/zones", &headers, None)
            .await
            .expect(403);
        assert_eq!(answer.text, "");
        assert!(answer.header("content-type").starts_with("text/html"));
        assert_ne!(answer.header("x-openstack-request-id"), "");
    }
    api.send(Method::GET, "/v2/zones?edit_managed_records=true", &BOB, None)
        .await
        .expect(403);
}

#[tokio::test]
async fn a_reader_reads() {
    let api = TestApi::start().await;
    let id = alices_zone(&api).await;
    let reader = [("x-auth-project-id", "alice"), ("x-roles", "reader")];
    let zone = format!("/v2/zones/{id}");
    api.send(Method::GET, &zone, &reader, None).await.expect(200);
    let body = json!({"ttl": 5});
    let sets = format!("{zone}/recordsets");
    let set = json!({"name": "www.alice.org.", "type": "A", "records": ["192.0.2.1"]});
    let made = api
        .send(Method::POST, &sets, &ALICE, Some(&set))
        .await
        .expect(202);
    let set = format!("{sets}/{}", made.id());
    api.send(Method::GET, &set, &reader, None).await.expect(200);
    for (method, path) in [
        (Method::POST, "/v2/zones"),
        (Method::PATCH, &zone),
        (Method::DELETE, &zone),
        (Method::POST, &sets),
        (Method::PUT, &set),
        (Method::DELETE, &set),
    ] {
        let error = api
            .send(method, path, &reader, Some(&body))
            .await
            .expect_error(403, "forbidden");
        assert_eq!(error.get("message"), None);
    }
    // What is not there is not forbidden.
    let nothing = format!("{sets}/{id}");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        api.send(method, &nothing, &reader, Some(&body))
            .await
            .expect_error(404, "recordset_not_found");
    }
}

#[tokio::test]
async fn roles_imply_nothing_that_keystone_did_not_list() {
    let api = TestApi::start().await;
    let id = alices_zone(&api).await;
    let only_member = [("x-auth-project-id", "alice"), ("x-roles", "member")];
    let zone = format!("/v2/zones/{id}");
    for path in [
        &zone,
        "/v2/zones",
        "/v2/recordsets",
        &format!("{zone}/recordsets"),
        &format!("{zone}/nameservers"),
    ] {
        api.send(Method::GET, path, &only_member, None)
            .await
            .expect_error(403, "forbidden");
    }
    let nobody = [("x-auth-project-id", "alice"), ("x-roles", "")];
    api.send(Method::GET, &zone, &nobody, None)
        .await
        .expect_error(403, "forbidden");
    api.send(Method::DELETE, &zone, &only_member, None)
        .await
        .expect(202);
}

#[tokio::test]
async fn odd_identities_are_refused() {
    let api = TestApi::start().await;
    let long = "x".repeat(37);
    for header in [
        ("x-auth-project-id", long.as_str()),
        ("x-auth-project-id", ""),
        ("x-auth-sudo-project-id", &long),
    ] {
        api.send(Method::GET, "/v2/zones", &[header], None)
            .await
            .expect_error(400, "invalid_project");
    }
}

#[tokio::test]
async fn nobody_is_let_in_unasked_from_the_network() {
    let api = TestApi::start().await;
    let database = zonelog_store::Database::new(api.database().url(), "zonelog-api-test").unwrap();
    let central = zonelog_central::Central::start(
        database.clone(),
        crate::parts::central_options(),
        tokio_util::sync::CancellationToken::new(),
    );
    let open = ApiOptions {
        listen: ([0, 0, 0, 0], 0).into(),
        auth: Auth::None,
        ..options()
    };
    let error = Api::bind(open.clone(), central.clone(), &database).err().unwrap();
    assert!(matches!(error, ApiError::OpenToTheNetwork(_)), "{error}");
    let guarded = ApiOptions {
        auth: Auth::Tokens,
        ..open
    };
    assert!(Api::bind(guarded, central, &database).is_ok());
}
