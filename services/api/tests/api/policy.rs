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

    // What is broken changes nothing; what mends it does.
    std::fs::write(&file, "find_zones: role:nobody or\n").unwrap();
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    api.send(Method::GET, "/v2/zones", &KEEPER, None)
        .await
        .expect(200);
    std::fs::write(&file, "find_zones: \"!\"\n").unwrap();
    eventually(
        "the last rules are in force",
        Duration::from_secs(20),
        async || api.get("/v2/zones").await.status == 403,
    )
    .await;
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
