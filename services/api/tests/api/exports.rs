//! Exports: zones as master files, at the serial at which they were asked for.

use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use zonelog_model::resource::Quotas;
use zonelog_test_parts::eventually;

use crate::parts::{Answer, TestApi, central_options, options};

const ALPHA: (&str, &str) = ("alpha", "member,reader");
const EXPORTS: &str = "/v2/zones/tasks/exports";

async fn zone_with_records(api: &TestApi) -> String {
    let body = json!({"name": "exported.example.", "email": "host@example.org", "ttl": 600});
    let made = api.of(ALPHA, Method::POST, "/v2/zones", Some(&body)).await;
    let zone = made.expect(202).id();
    for (name, rrtype, ttl, records) in [
        (
            "exported.example.",
            "MX",
            json!(null),
            json!(["10 mail.exported.example."]),
        ),
        (
            "WWW.exported.example.",
            "A",
            json!(60),
            json!(["192.0.2.2", "192.0.2.1"]),
        ),
        (
            "txt.exported.example.",
            "TXT",
            json!(null),
            json!(["\"a b\" \"c\""]),
        ),
        (
            "*.wild.exported.example.",
            "AAAA",
            json!(30),
            json!(["2001:db8::1"]),
        ),
        ("none.exported.example.", "A", json!(null), json!([])),
    ] {
        let body = json!({"name": name, "type": rrtype, "ttl": ttl, "records": records});
        let path = format!("/v2/zones/{zone}/recordsets");
        let made = api.of(ALPHA, Method::POST, &path, Some(&body)).await;
        assert!(made.status.is_success(), "{}", made.text);
    }
    zone
}

async fn export(api: &TestApi, zone: &str) -> Answer {
    let path = format!("/v2/zones/{zone}/tasks/export");
    api.of(ALPHA, Method::POST, &path, None).await
}

async fn fetch(api: &TestApi, who: (&str, &str), id: &str, accept: Option<&str>) -> Answer {
    let mut headers = vec![("x-auth-project-id", who.0), ("x-roles", who.1)];
    headers.extend(accept.map(|accept| ("accept", accept)));
    let path = format!("{EXPORTS}/{id}/export");
    api.send(Method::GET, &path, &headers, None).await
}

#[tokio::test]
async fn an_export_is_the_zone_as_a_master_file() {
    let api = TestApi::start().await;
    let zone = zone_with_records(&api).await;
    let started = export(&api, &zone).await.expect(202);
    let (id, body) = (started.id(), started.json());
    let link = format!("{}{EXPORTS}/{id}", api.base);
    assert_eq!(started.header("location"), link);
    let expected = json!({
        "id": id, "status": "COMPLETE", "message": null,
        "location": format!("designate://v2/zones/tasks/exports/{id}/export"), "zone_id": zone,
        "project_id": "alpha", "created_at": body["created_at"], "updated_at": null, "version": 1,
        "links": {"self": link, "export": format!("{link}/export")},
    });
    assert_eq!(body, expected);
    let shown = api.of(ALPHA, Method::GET, &format!("{EXPORTS}/{id}"), None).await;
    assert_eq!(shown.expect(200).json(), expected);

    let text = fetch(&api, ALPHA, &id, Some("text/dns")).await.expect(200);
    assert_eq!(text.header("content-type"), "text/dns; charset=UTF-8");
    let serial = api
        .of(ALPHA, Method::GET, &format!("/v2/zones/{zone}"), None)
        .await
        .json()["serial"]
        .to_string();
    let expected = "\
        $ORIGIN exported.example.\n\
        $TTL 600\n\
        \n\
        exported.example.  IN SOA ns1.example.org. host.example.org. SERIAL 3550 600 86400 3600\n\
        exported.example.  IN NS ns1.example.org.\n\
        exported.example.  IN NS ns2.example.org.\n\
        exported.example.  IN MX 10 mail.exported.example.\n\
        txt.exported.example.  IN TXT \"a b\" \"c\"\n\
        *.wild.exported.example. 30 IN AAAA 2001:db8::1\n\
        WWW.exported.example. 60 IN A 192.0.2.1\n\
        WWW.exported.example. 60 IN A 192.0.2.2\n";
    let mut lines: Vec<&str> = text.text.lines().collect();
    let expected = expected.replace("SERIAL", &serial);
    let mut wanted: Vec<&str> = expected.lines().collect();
    assert_eq!(lines[..4], wanted[..4]);
    lines.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(lines, wanted);
    named_takes("exported.example", &text.text).await;

    let audit = api.audit("zone_export_created").await;
    assert_eq!(audit.project, "alpha");
    assert_eq!(
        audit.request_id.as_deref(),
        Some(started.header("x-openstack-request-id"))
    );
}

/// Whether BIND can load the file.
async fn named_takes(name: &str, file: &str) {
    let mut check = Command::new("named-checkzone")
        .args(["-i", "none", name, "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = check.stdin.take().unwrap();
    input.write_all(file.as_bytes()).await.unwrap();
    drop(input);
    let output = check.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn an_export_shows_the_serial_at_which_it_was_asked_for() {
    let api = TestApi::start().await;
    let zone = zone_with_records(&api).await;
    let early = export(&api, &zone).await.id();
    let before = fetch(&api, ALPHA, &early, None).await.expect(200).text;
    let path = format!("/v2/zones/{zone}/recordsets");
    let listed = api
        .of(ALPHA, Method::GET, &format!("{path}?type=A&name=www*"), None)
        .await;
    let www = listed.json()["recordsets"][0]["id"].as_str().unwrap().to_owned();
    let change = json!({"records": ["198.51.100.7"]});
    let www = format!("{path}/{www}");
    api.of(ALPHA, Method::PUT, &www, Some(&change)).await.expect(202);
    let change = json!({"ttl": 1234, "email": "other@example.org"});
    let zone_path = format!("/v2/zones/{zone}");
    api.of(ALPHA, Method::PATCH, &zone_path, Some(&change))
        .await
        .expect(202);
    let new = json!({"name": "new.exported.example.", "type": "A", "records": ["192.0.2.9"]});
    api.of(ALPHA, Method::POST, &path, Some(&new)).await.expect(202);

    assert_eq!(fetch(&api, ALPHA, &early, None).await.text, before);
    let late = export(&api, &zone).await.id();
    let after = fetch(&api, ALPHA, &late, None).await.text;
    for part in ["$TTL 1234", "other.example.org.", "198.51.100.7", "192.0.2.9"] {
        assert!(after.contains(part) && !before.contains(part), "{part}\n{after}");
    }
    assert!(!after.contains("192.0.2.2"), "{after}");
    // Nor does the end of the zone change what it was.
    api.of(ALPHA, Method::DELETE, &zone_path, None).await.expect(202);
    assert_eq!(fetch(&api, ALPHA, &early, None).await.text, before);
    assert_eq!(fetch(&api, ALPHA, &late, None).await.text, after);
}

#[tokio::test]
async fn an_export_can_be_imported_again() {
    let api = TestApi::start().await;
    let shutdown = CancellationToken::new();
    api.central.start_tasks(api.central.positions(), &shutdown);
    let zone = zone_with_records(&api).await;
    let uncached = json!({"name": "now.exported.example.", "type": "A", "ttl": 0, "records": ["192.0.2.3"]});
    let path = format!("/v2/zones/{zone}/recordsets");
    api.of(ALPHA, Method::POST, &path, Some(&uncached))
        .await
        .expect(202);
    let first = export(&api, &zone).await.id();
    let before = fetch(&api, ALPHA, &first, None).await.text;
    assert!(
        before.contains("now.exported.example. 0 IN A 192.0.2.3\n"),
        "{before}"
    );
    let path = format!("/v2/zones/{zone}");
    api.of(ALPHA, Method::DELETE, &path, None).await.expect(202);
    let request = api
        .http
        .post(format!("{}/v2/zones/tasks/imports", api.base))
        .header("x-auth-project-id", ALPHA.0)
        .header("content-type", "text/dns")
        .body(before.clone());
    let import = Answer::of(request.send().await.unwrap()).await.expect(202).id();
    let path = format!("/v2/zones/tasks/imports/{import}");
    let mut shown = Value::Null;
    eventually("the import is done", Duration::from_secs(30), async || {
        shown = api.of(ALPHA, Method::GET, &path, None).await.json();
        shown["status"] != "PENDING"
    })
    .await;
    assert_eq!(shown["status"], "COMPLETE", "{shown}");
    let second = export(&api, shown["zone_id"].as_str().unwrap()).await.id();
    let after = fetch(&api, ALPHA, &second, None).await.text;
    // The serial is new, and a TTL that followed the zone's may be written out.
    let without_soa = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.contains(" SOA "));
        lines.map(|line| line.replace("  IN ", " 600 IN ")).collect()
    };
    assert_eq!(without_soa(&after), without_soa(&before));
    shutdown.cancel();
}

#[tokio::test]
async fn a_large_zone_comes_whole() {
    let api = TestApi::start().await;
    let shutdown = CancellationToken::new();
    api.central.start_tasks(api.central.positions(), &shutdown);
    let mut file =
        "$ORIGIN large.example.\n$TTL 300\n@ IN SOA ns.example. admin.example. 1 2 3 4 5\n".to_owned();
    for n in 0..5_000 {
        file.push_str(&format!("host{n:05} IN TXT \"{}\"\n", "x".repeat(100)));
    }
    let request = api
        .http
        .post(format!("{}/v2/zones/tasks/imports", api.base))
        .header("x-auth-project-id", ALPHA.0)
        .header("content-type", "text/dns")
        .body(file);
    let import = Answer::of(request.send().await.unwrap()).await.expect(202).id();
    let path = format!("/v2/zones/tasks/imports/{import}");
    let mut shown = Value::Null;
    eventually("the import is done", Duration::from_secs(60), async || {
        shown = api.of(ALPHA, Method::GET, &path, None).await.json();
        shown["status"] != "PENDING"
    })
    .await;
    assert_eq!(shown["status"], "COMPLETE", "{shown}");
    let zone = shown["zone_id"].as_str().unwrap();
    let id = export(&api, zone).await.id();
    let text = fetch(&api, ALPHA, &id, None).await.expect(200).text;
    assert_eq!(text.lines().filter(|line| line.contains(" TXT ")).count(), 5_000);
    assert!(text.ends_with("\n"));
    shutdown.cancel();
}

#[tokio::test]
async fn exports_are_text_for_their_own_project() {
    let api = TestApi::start().await;
    let zone = zone_with_records(&api).await;
    let id = export(&api, &zone).await.id();
    for accept in ["text/dns", "text/*", "*/*", "application/json, text/dns;q=0.5"] {
        fetch(&api, ALPHA, &id, Some(accept)).await.expect(200);
    }
    let refused = fetch(&api, ALPHA, &id, Some("application/json"))
        .await
        .expect(406);
    assert_eq!(
        refused.text,
        r#"{"code":406,"title":"Not Acceptable","description":null}"#
    );

    let path = format!("{EXPORTS}/{id}");
    for method in [Method::GET, Method::DELETE] {
        let other = api.of(("beta", "admin"), method, &path, None).await;
        other.expect_error(404, "zone_export_not_found");
    }
    let other = fetch(&api, ("beta", "admin"), &id, None).await;
    other.expect_error(404, "zone_export_not_found");
    let others = api
        .of(("beta", "reader"), Method::GET, EXPORTS, None)
        .await
        .json();
    assert_eq!(others["exports"], json!([]));
    let reader = ("alpha", "reader");
    fetch(&api, reader, &id, None)
        .await
        .expect_error(403, "forbidden");
    api.of(reader, Method::GET, &path, None).await.expect(200);
    for (query, count) in [
        (String::new(), 1),
        (format!("?zone_id={zone}&status=COMPLETE"), 1),
        ("?status=ERROR".to_owned(), 0),
    ] {
        let path = format!("{EXPORTS}{query}");
        let listed = api.of(reader, Method::GET, &path, None).await.expect(200).json();
        assert_eq!(listed["exports"].as_array().unwrap().len(), count, "{query}");
    }
    let create = format!("/v2/zones/{zone}/tasks/export");
    api.of(reader, Method::POST, &create, None)
        .await
        .expect_error(403, "forbidden");
    api.of(("beta", "member"), Method::POST, &create, None)
        .await
        .expect_error(404, "zone_not_found");
    api.of(reader, Method::DELETE, &path, None)
        .await
        .expect_error(403, "forbidden");
    api.of(ALPHA, Method::DELETE, &path, None).await.expect(204);
    fetch(&api, ALPHA, &id, None)
        .await
        .expect_error(404, "zone_export_not_found");
    let path = format!("{EXPORTS}/x/export");
    api.of(ALPHA, Method::GET, &path, None)
        .await
        .expect_error(400, "invalid_uuid");
}

#[tokio::test]
async fn a_zone_over_the_quota_is_not_exported() {
    let mut central = central_options();
    central.quotas = Quotas {
        api_export_size: 3,
        ..Quotas::UNLIMITED
    };
    let api = TestApi::with_central(options(), central).await;
    let zone = zone_with_records(&api).await;
    let refused = export(&api, &zone).await.expect_error(413, "over_quota");
    assert_eq!(refused["message"], "Quota exceeded for api_export_size.");
}
