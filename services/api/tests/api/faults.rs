//! What fails inside.

use std::time::Duration;

use zonelog_api::ApiOptions;
use zonelog_central::CentralOptions;
use zonelog_test_parts::eventually;

use crate::parts::{TestApi, central_options, options};

#[tokio::test]
async fn what_breaks_inside_is_500_and_tells_nothing() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let owner = api.database().owner().await;
    owner
        .batch_execute("alter table zone rename to elsewhere")
        .await
        .unwrap();
    for path in ["/v2/zones", &format!("/v2/zones/{zone}")] {
        let answer = api.get(path).await;
        assert!(!answer.text.contains("relation"), "{}", answer.text);
        let error = answer.expect_error(500, "unknown");
        assert_eq!(error.as_object().unwrap().len(), 3, "code, type, request_id");
    }
    owner
        .batch_execute("alter table elsewhere rename to zone")
        .await
        .unwrap();
    eventually("the table is found again", Duration::from_secs(20), async || {
        api.get("/v2/zones").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_504() {
    let api = TestApi::with(ApiOptions {
        request_timeout: Duration::from_secs(2),
        ..options()
    })
    .await;
    let mut owner = api.database().owner().await;
    let busy = owner.transaction().await.unwrap();
    busy.batch_execute("lock table zone in access exclusive mode")
        .await
        .unwrap();
    api.get("/v2/zones").await.expect_error(504, "timeout");
    busy.rollback().await.unwrap();
    eventually("the API answers again", Duration::from_secs(20), async || {
        api.get("/v2/zones").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn names_have_the_greatest_length_that_is_configured() {
    let usual = central_options();
    let central = CentralOptions {
        limits: zonelog_model::zone::Limits {
            max_zone_name_length: 20,
            max_recordset_name_length: 24,
            ..usual.limits
        },
        ..usual
    };
    let api = TestApi::with_central(options(), central).await;
    let long = serde_json::json!({"name": "much.longer.example.org.", "email": "a@example.org"});
    api.post("/v2/zones", &long)
        .await
        .expect_error(400, "invalid_zone_name");
    let sets = format!("/v2/zones/{}/recordsets", api.zone("example.org.").await);
    let set = |name: &str| serde_json::json!({"name": name, "type": "A", "records": ["192.0.2.1"]});
    api.post(&sets, &set("much.longer.example.org."))
        .await
        .expect(202);
    api.post(&sets, &set("muchmuch.longer.example.org."))
        .await
        .expect_error(400, "invalid_recordset_name");
}
