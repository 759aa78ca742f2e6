//! How far each name server has come with a zone.

use reqwest::Method;
use serde_json::Value;
use zonelog_dns::ZoneName;

use crate::parts::{POOL, TestApi};

const ADMIN: (&str, &str) = ("alpha", "admin,member,reader");
const READER: (&str, &str) = ("alpha", "reader");

async fn shown(api: &TestApi, who: (&str, &str), zone: &str) -> Value {
    let path = format!("/v2/zones/{zone}/convergence");
    api.of(who, Method::GET, &path, None).await.expect(200).json()
}

#[tokio::test]
async fn each_server_says_how_far_it_has_come() {
    let api = TestApi::start().await;
    let body = serde_json::json!({"name": "far.example.", "email": "host@example.org"});
    let zone = api
        .of(ADMIN, Method::POST, "/v2/zones", Some(&body))
        .await
        .expect(202)
        .id();
    let answer = shown(&api, READER, &zone).await;
    assert_eq!(answer["servers"], serde_json::json!([]), "nobody has looked yet");
    assert_eq!(answer["status"], "PENDING");

    let at_first = api.head().await;
    api.server_at(at_first).await;
    let first = answer["serial"].as_i64().unwrap();
    let answer = shown(&api, READER, &zone).await;
    let server = &answer["servers"][0];
    assert_eq!(
        (&server["server"], &server["status"]),
        (&"ns1".into(), &"ACTIVE".into())
    );
    assert_eq!(
        (&server["serial"], &server["lag_serials"]),
        (&first.into(), &0.into())
    );
    assert_eq!(server["lag_seconds"], 0.0);
    assert!(
        server["seen_at"].is_string() && server["error"].is_null(),
        "{server}"
    );
    assert_eq!(
        answer["links"]["self"],
        format!("{}/v2/zones/{zone}/convergence", api.base)
    );

    // Two changes later it is two serials behind, and why is the administrators' to know.
    for number in 0..2 {
        let body = serde_json::json!({"name": format!("r{number}.far.example."), "type": "A", "records": ["192.0.2.1"]});
        let path = format!("/v2/zones/{zone}/recordsets");
        api.of(ADMIN, Method::POST, &path, Some(&body)).await.expect(202);
    }
    let answer = shown(&api, READER, &zone).await;
    let server = &answer["servers"][0];
    assert_eq!(
        (&server["serial"], &server["lag_serials"]),
        (&first.into(), &2.into())
    );
    assert!(server["lag_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(server["status"], "PENDING");
    let owner = api.database().owner().await;
    owner
        .execute(
            "insert into server_zone \
               (server, zone_key, name, zone, position, serial, error, attempts, since, next_try, seen_at) \
             select 'ns1', name_key, name, id, content_position, $1, 'the key /etc/k is wrong', 3, \
               now() - interval '2 minutes', now(), now() from zone where name_key = $2",
            &[&first, &ZoneName::parse("far.example.").unwrap().to_key()],
        )
        .await
        .unwrap();
    api.server_at(api.head().await).await;
    owner
        .execute(
            "insert into server_checkpoint (server, pool, position, updated_at) values ('ns2', $1, 0, now())",
            &[&POOL],
        )
        .await
        .unwrap();
    let answer = shown(&api, ADMIN, &zone).await;
    assert_eq!(answer["status"], "ERROR");
    let server = &answer["servers"][0];
    assert_eq!(
        (&server["status"], &server["attempts"]),
        (&"ERROR".into(), &3.into())
    );
    assert_eq!(server["error"], "the key /etc/k is wrong");
    assert_eq!(server["lag_serials"], 2);
    assert!(server["next_try_at"].is_string(), "{server}");
    let new = &answer["servers"][1];
    assert_eq!(
        (&new["server"], &new["status"]),
        (&"ns2".into(), &"PENDING".into())
    );
    assert!(new["serial"].is_null() && new["lag_serials"].is_null(), "{new}");
    assert!(new["lag_seconds"].as_f64().unwrap() > 0.0, "{new}");
    let answer = shown(&api, READER, &zone).await;
    let error = answer["servers"][0]["error"].as_str().unwrap();
    assert!(
        error.contains("administrators") && !error.contains("/etc/k"),
        "{error}"
    );

    let path = format!("/v2/zones/{zone}/convergence");
    api.of(("beta", "member"), Method::GET, &path, None)
        .await
        .expect_error(404, "zone_not_found");
    api.of(ADMIN, Method::POST, &path, None)
        .await
        .expect_error(405, "method_not_allowed");
}
