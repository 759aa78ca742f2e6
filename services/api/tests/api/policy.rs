//! An installation's own rules.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use zonelog_api::{Api, ApiOptions, PolicyError};
use zonelog_central::Central;
use zonelog_store::Database;
use zonelog_test_parts::eventually;

use crate::parts::{TestApi, central_options, options};

const KEEPER: [(&str, &str); 2] = [("x-auth-project-id", "alice"), ("x-roles", "keeper")];

async fn under(rules: &Path) -> TestApi {
    TestApi::with(ApiOptions {
        policy_file: Some(rules.to_owned()),
        ..options()
    })
    .await
}

#[tokio::test]
async fn a_policy_file_is_followed_and_taken_anew_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, "create_zone: role:keeper and project_id:%(project_id)s\n").unwrap();
    let api = under(&file).await;
    let zone = json!({"name": "alice.org.", "email": "a@alice.org"});
    api.send(Method::POST, "/v2/zones", &KEEPER, Some(&zone))
        .await
        .expect(202);
    // The others are what they were.
    let keeper = api.send(Method::GET, "/v2/zones", &KEEPER, None).await;
    keeper.expect_error(403, "forbidden");
    api.post("/v2/zones", &json!({"name": "b.org.", "email": "a@b.org"}))
        .await
        .expect_error(403, "forbidden");

    // Replaced as an editor or a deployment does it.
    let new = folder.path().join("new");
    std::fs::write(&new, "find_zones: role:keeper\nall_tenants: role:keeper\n").unwrap();
    std::fs::rename(&new, &file).unwrap();
    eventually(
        "the new rules are in force",
        Duration::from_secs(20),
        async || api.send(Method::GET, "/v2/zones", &KEEPER, None).await.status == 200,
    )
    .await;
    let wide = [KEEPER[0], KEEPER[1], ("x-auth-all-projects", "true")];
    api.send(Method::GET, "/v2/zones", &wide, None).await.expect(200);
}

#[tokio::test]
async fn wrong_rules_end_the_start() {
    let api = TestApi::start().await;
    let database = Database::new(api.database().url(), "zonelog-api-test").unwrap();
    let central = Central::start(
        database.clone(),
        central_options(),
        tokio_util::sync::CancellationToken::new(),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    let start = |policy_file: &Path| {
        let options = ApiOptions {
            policy_file: Some(policy_file.to_owned()),
            ..options()
        };
        Api::bind(options, central.clone(), &database).err().unwrap()
    };
    std::fs::write(&file, "# ours\nget_zone: \"@\"\ncreat_zone: role:member\n").unwrap();
    let error = start(&file).to_string();
    assert!(
        error.contains("policy.yaml:3: ") && error.contains("creat_zone"),
        "{error}"
    );
    let missing = start(&folder.path().join("nothing.yaml"));
    assert!(
        matches!(missing, zonelog_api::ApiError::Policy(PolicyError::Read { .. })),
        "{missing}"
    );
}

/// Rules that ask for names are asked of what is read, whether or not the default rules would need it.
#[tokio::test]
async fn rules_may_ask_what_a_zone_and_a_recordset_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    let rules = "\
        create_zone: role:member and not 'taken.org.':%(zone_name)s\n\
        delete_zone: role:member and not 'kept.org.':%(zone_name)s\n\
        get_recordset: role:reader and not 'hidden.kept.org.':%(recordset_name)s\n\
        create_recordset: role:member and not 'taken.kept.org.':%(recordset_name)s\n\
        update_recordset: role:member and not 'fixed.kept.org.':%(recordset_name)s\n\
        delete_recordset: role:member and 'kept.org.':%(zone_name)s and not 'fixed.kept.org.':%(recordset_name)s\n";
    std::fs::write(&file, rules).unwrap();
    let api = under(&file).await;
    let (alice, bob, carol) = (
        ("alice", "member,reader"),
        ("bob", "member,reader"),
        ("carol", "member,reader"),
    );
    let zone = json!({"name": "taken.org.", "email": "a@alice.org"});
    api.of(alice, Method::POST, "/v2/zones", Some(&zone))
        .await
        .expect_error(403, "forbidden");
    let zone = json!({"name": "kept.org.", "email": "a@alice.org"});
    let made = api.of(alice, Method::POST, "/v2/zones", Some(&zone)).await;
    let kept = format!("/v2/zones/{}", made.expect(202).id());
    let share = json!({"target_project_id": "bob"});
    api.of(alice, Method::POST, &format!("{kept}/shares"), Some(&share))
        .await
        .expect(201);

    let sets = format!("{kept}/recordsets");
    let make = async |who, name: &str| {
        let body = json!({"name": name, "type": "A", "records": ["192.0.2.1"]});
        api.of(who, Method::POST, &sets, Some(&body)).await
    };
    let change = json!({"ttl": 77});
    for who in [alice, bob] {
        make(who, "taken.kept.org.").await.expect_error(403, "forbidden");
    }
    make(carol, "taken.kept.org.")
        .await
        .expect_error(404, "zone_not_found");
    for (name, who) in [("fixed.kept.org.", alice), ("free.kept.org.", bob)] {
        let set = format!("{sets}/{}", make(who, name).await.expect(202).id());
        for other in [alice, bob, carol] {
            let fixed = name.starts_with("fixed");
            for (method, body) in [(Method::PUT, Some(&change)), (Method::DELETE, None)] {
                let answer = api.of(other, method, &set, body).await;
                match other {
                    _ if other == carol => answer.expect_error(404, "zone_not_found"),
                    _ if fixed => answer.expect_error(403, "forbidden"),
                    // What bob made goes when alice has deleted it.
                    _ if answer.status == 404 => answer.expect_error(404, "recordset_not_found"),
                    _ => answer.expect(202).json(),
                };
            }
        }
    }
    let set = format!(
        "{sets}/{}",
        make(alice, "hidden.kept.org.").await.expect(202).id()
    );
    api.of(alice, Method::GET, &set, None)
        .await
        .expect_error(403, "forbidden");
    api.of(carol, Method::GET, &set, None)
        .await
        .expect_error(404, "zone_not_found");
    let open = format!("{sets}/{}", make(alice, "open.kept.org.").await.expect(202).id());
    api.of(bob, Method::GET, &open, None).await.expect(200);

    api.of(alice, Method::DELETE, &kept, None)
        .await
        .expect_error(403, "forbidden");
    api.of(carol, Method::DELETE, &kept, None)
        .await
        .expect_error(404, "zone_not_found");
}

/// With the default rules nothing is read before most commands: Central says 404 and 403 then.
#[tokio::test]
async fn what_is_not_seen_is_404_and_what_is_not_owned_403() {
    let api = TestApi::start().await;
    let (alice, bob, carol) = (
        ("alice", "member,reader"),
        ("bob", "member,reader"),
        ("carol", "member,reader"),
    );
    let zone = json!({"name": "alice.org.", "email": "a@alice.org"});
    let made = api.of(alice, Method::POST, "/v2/zones", Some(&zone)).await;
    let zone = format!("/v2/zones/{}", made.expect(202).id());
    let share = json!({"target_project_id": "bob"});
    api.of(alice, Method::POST, &format!("{zone}/shares"), Some(&share))
        .await
        .expect(201);
    let sets = format!("{zone}/recordsets");
    let body = json!({"name": "www.alice.org.", "type": "A", "records": ["192.0.2.1"]});
    let made = api.of(alice, Method::POST, &sets, Some(&body)).await;
    let set = format!("{sets}/{}", made.expect(202).id());
    let (change, other) = (
        json!({"ttl": 77}),
        json!({"name": "x.alice.org.", "type": "A", "records": ["192.0.2.1"]}),
    );
    let asked = [
        (Method::PUT, &set, Some(&change)),
        (Method::DELETE, &set, None),
        (Method::DELETE, &zone, None),
    ];
    for (method, path, body) in asked.clone() {
        let (reader, outsider) = (("alice", "reader"), ("carol", "reader"));
        for who in [bob, reader] {
            let answer = api.of(who, method.clone(), path, body).await;
            answer.expect_error(403, "forbidden");
        }
        for who in [carol, outsider] {
            let answer = api.of(who, method.clone(), path, body).await;
            answer.expect_error(404, "zone_not_found");
        }
    }
    for (who, status) in [
        (("alice", "reader"), 403),
        (("carol", "reader"), 404),
        (carol, 404),
    ] {
        api.of(who, Method::POST, &sets, Some(&other))
            .await
            .expect(status);
    }
    // A field that cannot be changed, with another value than it has: told to who may change the recordset.
    let renamed = json!({"name": "y.alice.org."});
    api.of(alice, Method::PUT, &set, Some(&renamed))
        .await
        .expect_error(400, "invalid_object");
    api.of(carol, Method::PUT, &set, Some(&renamed))
        .await
        .expect_error(404, "zone_not_found");
    let owner = [
        ("x-auth-project-id", "alice"),
        ("x-roles", "member"),
        ("x-designate-delete-shares", "true"),
    ];
    for (method, path, body) in asked {
        api.send(method, path, &owner, body).await.expect(202);
    }
}
