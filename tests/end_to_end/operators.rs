//! What operators are told of name servers, and what they can ask for.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::eventually;
use zonelog_tests::{Dig, Zonelog, ZonelogOptions, zone_content};

use crate::{IN_STEP, until_equal, until_status};

/// Runs a command: whether it succeeded, and what it said.
async fn run(zonelog: &Zonelog, arguments: &[&str]) -> (bool, String) {
    let output = zonelog.command(arguments).await;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), text)
}

async fn done(zonelog: &Zonelog, arguments: &[&str]) -> String {
    let (succeeded, text) = run(zonelog, arguments).await;
    assert!(succeeded, "{arguments:?}: {text}");
    text
}

async fn refused(zonelog: &Zonelog, arguments: &[&str]) -> String {
    let (succeeded, text) = run(zonelog, arguments).await;
    assert!(!succeeded, "{arguments:?}: {text}");
    text
}

/// The one server, as `zonelog server list --json` shows it.
async fn listed(zonelog: &Zonelog) -> Value {
    let text = done(zonelog, &["server", "list", "--json"]).await;
    let list: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    list[0].clone()
}

async fn until_state(zonelog: &Zonelog, state: &str) {
    eventually(format!("the server is {state}"), IN_STEP, async || {
        listed(zonelog).await["state"] == state
    })
    .await;
}

/// The value of a gauge of the server.
async fn gauge(zonelog: &Zonelog, name: &str) -> Option<f64> {
    let metrics = zonelog.metrics().await;
    let line = metrics
        .lines()
        .find(|line| line.starts_with(&format!("{name}{{")))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_pause_and_mend_a_name_server() {
    let mut bind = Bind::start(BindOptions::default()).await.expect("BIND starts");
    let zonelog = Zonelog::up(&[&bind], &ZonelogOptions::default()).await;
    let rest = zonelog.rest();
    let zone = rest.create_zone("seen.example.").await;
    let path = format!("/v2/zones/{zone}");
    until_status(&rest, &path, "ACTIVE").await;
    until_state(&zonelog, "in step").await;
    let name = bind.dns_address().to_string();
    let table = done(&zonelog, &["server", "list"]).await;
    assert!(
        table.contains("SERVER") && table.contains(&name) && table.contains("default"),
        "{table}"
    );
    let table = done(&zonelog, &["zone", "convergence", "seen.example"]).await;
    assert!(table.contains("ACTIVE") && table.contains(&name), "{table}");

    // Paused: nothing reaches it, everybody says so.
    done(&zonelog, &["server", "pause", &name, "--reason", "a new disk"]).await;
    assert!(
        done(&zonelog, &["server", "pause", &name])
            .await
            .contains("already")
    );
    until_state(&zonelog, "paused").await;
    eventually("the reconciler heeds it", IN_STEP, async || {
        gauge(&zonelog, "zonelog_server_paused").await == Some(1.0)
    })
    .await;
    let serial = Dig::serial(bind.dns_address(), "seen.example.").await;
    rest.create_recordset(&zone, "www.seen.example.", "A", &["192.0.2.1"])
        .await;
    eventually("the lag is measured", IN_STEP, async || {
        gauge(&zonelog, "zonelog_server_lag_seconds")
            .await
            .is_some_and(|lag| lag > 1.0)
    })
    .await;
    assert_eq!(Dig::serial(bind.dns_address(), "seen.example.").await, serial);
    let answer = rest.get(&format!("{path}/convergence")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let server = &answer.body["servers"][0];
    assert_eq!(
        (server["paused"].as_bool(), server["lag_serials"].as_i64()),
        (Some(true), Some(1)),
        "{server}"
    );
    assert_eq!(server["serial"].as_u64(), serial.map(u64::from), "{server}");
    assert_eq!(server["status"], "PENDING");
    let shown = done(&zonelog, &["server", "show", &name]).await;
    assert!(
        shown.contains("a new disk") && shown.contains("paused"),
        "{shown}"
    );
    assert!(
        done(&zonelog, &["server", "resume", &name])
            .await
            .contains("follows")
    );
    assert!(
        done(&zonelog, &["server", "resume", &name])
            .await
            .contains("not paused")
    );
    until_status(&rest, &path, "ACTIVE").await;
    until_equal(zonelog.minidns(), bind.dns_address(), "seen.example.").await;

    // Rebuilt.
    bind.wipe().await.expect("BIND is wiped");
    bind.start_again().await.expect("BIND starts");
    let said = done(&zonelog, &["server", "resync", &name, "--dry-run"]).await;
    assert!(said.contains("1 zones") && said.contains("dry run"), "{said}");
    let said = done(&zonelog, &["server", "resync", &name, "--wait"]).await;
    assert!(said.contains("1 zones asked for"), "{said}");
    until_equal(zonelog.minidns(), bind.dns_address(), "seen.example.").await;
    let said = done(&zonelog, &["server", "resync", &name, "--retransfer", "--wait"]).await;
    assert!(
        said.contains("new transfer") && !said.contains("could not"),
        "{said}"
    );

    // Driven again, with what was deleted.
    let gone = rest.create_zone("gone.example.").await;
    until_status(&rest, &format!("/v2/zones/{gone}"), "ACTIVE").await;
    until_state(&zonelog, "in step").await;
    let from = (listed(&zonelog).await["checkpoint"].as_i64().expect("a position") + 1).to_string();
    let answer = rest
        .send(
            reqwest::Method::DELETE,
            &format!("/v2/zones/{gone}"),
            &Value::Null,
        )
        .await
        .expect("an answer");
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    until_status(&rest, &format!("/v2/zones/{gone}"), "404").await;
    until_state(&zonelog, "in step").await;
    let replay = ["server", "replay", &name, "--from", &from];
    let said = done(&zonelog, &[&replay[..], &["--dry-run"]].concat()).await;
    assert!(
        said.contains("gone.example.") && !said.contains("seen.example."),
        "{said}"
    );
    done(&zonelog, &replay).await;
    eventually("the replay is taken up", IN_STEP, async || {
        listed(&zonelog).await["replay_from"].is_null()
    })
    .await;
    until_state(&zonelog, "in step").await;
    assert_eq!(zone_content(bind.dns_address(), "gone.example.").await, None);

    // What is wrong is named.
    let said = refused(&zonelog, &["server", "pause", "192.0.2.1:53"]).await;
    assert!(
        said.contains("there is no server 192.0.2.1:53") && said.contains(&name),
        "{said}"
    );
    let said = refused(&zonelog, &["server", "replay", &name, "--from", "1000000"]).await;
    assert!(said.contains("nothing to replay from position 1000000"), "{said}");
    let said = refused(&zonelog, &["zone", "convergence", "nowhere.example"]).await;
    assert!(said.contains("there is no zone nowhere.example."), "{said}");

    // A server that is away says why.
    bind.stop().await.expect("BIND stops");
    rest.create_recordset(&zone, "away.seen.example.", "A", &["192.0.2.1"])
        .await;
    until_state(&zonelog, "failing").await;
    let shown = done(&zonelog, &["server", "show", &name, "--json"]).await;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let error = shown["zones"][0]["error"].as_str().expect("an error");
    assert!(error.contains("does not answer"), "{shown}");
    let table = done(&zonelog, &["zone", "convergence", &zone]).await;
    assert!(
        table.contains("does not answer") && table.contains("NEXT TRY"),
        "{table}"
    );
    tokio::time::timeout(Duration::from_secs(60), bind.start_again())
        .await
        .expect("in time")
        .expect("BIND starts");
    until_equal(zonelog.minidns(), bind.dns_address(), "seen.example.").await;
}
