//! A record written over REST is answered by BIND, from the log.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::wait::eventually;
use zonelog_tests::{Dig, Zonelog, ZonelogOptions};

use crate::{IN_STEP, until_equal, until_status};

#[tokio::test(flavor = "multi_thread")]
async fn a_record_written_over_rest_is_answered_by_bind() {
    let bind = Bind::start(BindOptions::default()).await.expect("BIND starts");
    let mut zonelog = Zonelog::up(&[&bind], &ZonelogOptions::default()).await;
    let rest = zonelog.rest();

    let zone = rest.create_zone("path.example.").await;
    let zone_path = format!("/v2/zones/{zone}");
    until_status(&rest, &zone_path, "ACTIVE").await;
    assert_eq!(
        Dig::short(bind.dns_address(), "path.example.", "NS").await,
        ["ns1.example.org."]
    );

    // One recordset of each shape, then the whole zone must be the same everywhere.
    for (name, rrtype, records) in [
        ("www.path.example.", "A", vec!["192.0.2.1", "192.0.2.2"]),
        ("www.path.example.", "AAAA", vec!["2001:db8::1"]),
        ("path.example.", "MX", vec!["10 mail.path.example."]),
        ("path.example.", "TXT", vec!["\"v=spf1 -all\""]),
        ("alias.path.example.", "CNAME", vec!["www.path.example."]),
        (
            "_sip._tcp.path.example.",
            "SRV",
            vec!["0 5 5060 sip.path.example."],
        ),
        ("path.example.", "CAA", vec!["128 issue \";\""]),
        ("*.wild.path.example.", "A", vec!["192.0.2.9"]),
        (
            "svc.path.example.",
            "HTTPS",
            vec!["1 . alpn=h2,h3 ipv4hint=192.0.2.1"],
        ),
        (
            "host.path.example.",
            "SSHFP",
            vec!["1 1 1234567890abcdef1234567890abcdef12345678"],
        ),
        ("sub.path.example.", "NS", vec!["ns.elsewhere.example."]),
    ] {
        rest.create_recordset(&zone, name, rrtype, &records).await;
    }
    let content = until_equal(zonelog.minidns(), bind.dns_address(), "path.example.").await;
    assert!(
        content.contains("www.path.example. 3600 IN A 192.0.2.2"),
        "{content:#?}"
    );
    assert_eq!(content.len(), 14, "SOA, NS and the twelve records: {content:#?}");
    assert_eq!(
        Dig::short(bind.dns_address(), "any.wild.path.example.", "A").await,
        ["192.0.2.9"]
    );

    // A change replaces the set; BIND takes it by IXFR.
    let list = rest
        .get(&format!("{zone_path}/recordsets?name=www.path.example.&type=A"))
        .await;
    let recordset = list.body["recordsets"][0]["id"]
        .as_str()
        .expect("the recordset is listed")
        .to_owned();
    let path = format!("{zone_path}/recordsets/{recordset}");
    let answer = rest
        .send(
            Method::PUT,
            &path,
            &json!({ "records": ["192.0.2.7"], "ttl": 60 }),
        )
        .await
        .expect("an answer");
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    assert_eq!(answer.body["status"], "PENDING");
    until_status(&rest, &path, "ACTIVE").await;
    assert_eq!(
        Dig::short(bind.dns_address(), "www.path.example.", "A").await,
        ["192.0.2.7"]
    );
    let metrics = zonelog.metrics().await;
    let by_ixfr = metrics
        .lines()
        .any(|line| line.starts_with("zonelog_transfers_total") && line.contains("ixfr"));
    assert!(by_ixfr, "{metrics}");

    // Gone at once for the API, and at BIND as soon as it follows.
    let answer = rest
        .send(Method::DELETE, &path, &Value::Null)
        .await
        .expect("an answer");
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    assert_eq!(rest.status(&path).await, "404");
    eventually("BIND lets the deleted recordset go", IN_STEP, async || {
        Dig::short(bind.dns_address(), "www.path.example.", "A")
            .await
            .is_empty()
    })
    .await;

    // A deleted zone is shown until BIND has let it go.
    let answer = rest
        .send(Method::DELETE, &zone_path, &Value::Null)
        .await
        .expect("an answer");
    assert_eq!(
        (answer.status, &answer.body["action"]),
        (StatusCode::ACCEPTED, &json!("DELETE"))
    );
    until_status(&rest, &zone_path, "404").await;
    assert_eq!(Dig::serial(bind.dns_address(), "path.example.").await, None);

    assert!(
        zonelog.stop().await.expect("it ends").success(),
        "{}",
        zonelog.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_made_again_under_its_name_replaces_the_old_one() {
    let mut bind = Bind::start(BindOptions::default()).await.expect("BIND starts");
    let zonelog = Zonelog::up(&[&bind], &ZonelogOptions::default()).await;
    let rest = zonelog.rest();
    let old = rest.create_zone("again.example.").await;
    rest.create_recordset(&old, "old.again.example.", "A", &["192.0.2.1"])
        .await;
    until_equal(zonelog.minidns(), bind.dns_address(), "again.example.").await;

    // Deleted and made again while BIND is away: it never hears of the moment between.
    bind.kill().await.expect("BIND can be killed");
    let answer = rest
        .send(Method::DELETE, &format!("/v2/zones/{old}"), &Value::Null)
        .await
        .expect("an answer");
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let new = rest.create_zone("again.example.").await;
    rest.create_recordset(&new, "new.again.example.", "A", &["192.0.2.2"])
        .await;
    bind.start_again().await.expect("BIND starts again");

    let content = until_equal(zonelog.minidns(), bind.dns_address(), "again.example.").await;
    assert!(
        content.iter().any(|line| line.starts_with("new.again.example.")),
        "{content:#?}"
    );
    assert!(
        !content.iter().any(|line| line.starts_with("old.again.example.")),
        "{content:#?}"
    );
    until_status(&rest, &format!("/v2/zones/{new}"), "ACTIVE").await;
    assert_eq!(rest.status(&format!("/v2/zones/{old}")).await, "404");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_request_gives_the_first_answer() {
    let bind = Bind::start(BindOptions::default()).await.expect("BIND starts");
    let mut zonelog = Zonelog::up(&[&bind], &ZonelogOptions::default()).await;
    let rest = zonelog.rest();
    let zone = json!({ "name": "retry.example.", "email": "hostmaster@example.org" });
    let first = rest
        .request(Method::POST, "/v2/zones")
        .header("Idempotency-Key", "make-retry")
        .json(&zone);
    let first = zonelog_tests::Rest::read(first).await.expect("an answer");
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.body);

    // Also after a crash: the key stands beside the events, in their transaction.
    zonelog.kill().await;
    zonelog.start_again().await;
    let again = rest
        .request(Method::POST, "/v2/zones")
        .header("Idempotency-Key", "make-retry")
        .json(&zone);
    let again = zonelog_tests::Rest::read(again).await.expect("an answer");
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    let other = json!({ "name": "other.example.", "email": "hostmaster@example.org" });
    let other = rest
        .request(Method::POST, "/v2/zones")
        .header("Idempotency-Key", "make-retry")
        .json(&other);
    let other = zonelog_tests::Rest::read(other).await.expect("an answer");
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", other.body);
}
