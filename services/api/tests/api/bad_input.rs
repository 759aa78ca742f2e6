//! What is wrong is named, and nothing wrong makes a 500.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::parts::{Answer, TestApi};

async fn raw(
    api: &TestApi,
    path: &str,
    content_type: Option<&str>,
    body: impl Into<reqwest::Body>,
) -> Answer {
    let mut request = api.http.post(format!("{}{path}", api.base)).body(body);
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    Answer::of(request.send().await.unwrap()).await
}

const JSON: Option<&str> = Some("application/json");

#[tokio::test]
async fn bodies_that_are_no_json_object() {
    let api = TestApi::start().await;
    let path = "/v2/zones";
    raw(&api, path, JSON, "")
        .await
        .expect_error(400, "empty_request_body");
    for body in [
        "{",
        "nonsense",
        "[]",
        "null",
        "\"x\"",
        "1",
        "{\"name\": NaN}",
        "{\"ttl\": 1e999}",
        "{'a': 1}",
    ] {
        raw(&api, path, JSON, body)
            .await
            .expect_error(400, "invalid_json");
    }
    for body in [
        r#"{"name": "a.", "name": "b."}"#,
        r#"{"name": "a\u0000.org."}"#,
        r#"{"name": "\ud800"}"#,
    ] {
        raw(&api, path, JSON, body)
            .await
            .expect_error(400, "invalid_json");
    }
    raw(&api, path, JSON, b"{\"name\": \"\xff\"}".to_vec())
        .await
        .expect_error(400, "invalid_json");
    raw(&api, path, JSON, "[".repeat(50_000))
        .await
        .expect_error(400, "invalid_json");
    let nested = format!(
        "{{\"attributes\": {}{}}}",
        "{\"a\":".repeat(10_000),
        "}".repeat(10_000)
    );
    raw(&api, path, JSON, nested)
        .await
        .expect_error(400, "invalid_json");
}

#[tokio::test]
async fn the_content_type_is_looked_at_before_the_body() {
    let api = TestApi::start().await;
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/json-patch+json"),
        Some("application/jsonx"),
        Some(""),
    ] {
        raw(&api, "/v2/zones", content_type, "{")
            .await
            .expect_error(415, "unsupported_content_type");
        raw(&api, "/v2/zones", content_type, "")
            .await
            .expect_error(415, "unsupported_content_type");
    }
    raw(&api, "/v2/zones", Some("Application/JSON; charset=utf-8"), "{")
        .await
        .expect_error(400, "invalid_json");
    // The id is looked at before that.
    raw(&api, "/v2/zones/12345/recordsets", None, "")
        .await
        .expect_error(400, "invalid_uuid");
}

#[tokio::test]
async fn an_answer_that_the_caller_would_not_take() {
    let api = TestApi::start().await;
    for accept in ["text/html", "application/xml, text/*", "application/json;q=0"] {
        let answer = api
            .send(Method::GET, "/v2/zones", &[("accept", accept)], None)
            .await;
        answer.expect_error(406, "unsupported_accept");
    }
    for accept in ["application/json", "text/html, */*;q=0.1", "application/*", ""] {
        api.send(Method::GET, "/v2/zones", &[("accept", accept)], None)
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let api = TestApi::start().await;
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(114_688));
    raw(&api, "/v2/zones", JSON, large.clone())
        .await
        .expect_error(413, "request_too_large");
    // Without a Content-Length it is noticed while reading.
    let pieces = vec![
        Ok::<_, std::io::Error>(large[..60_000].to_owned()),
        Ok(large[60_000..].to_owned()),
    ];
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    raw(&api, "/v2/zones", JSON, stream)
        .await
        .expect_error(413, "request_too_large");
}

#[tokio::test]
async fn ids_that_are_none() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    for (path, name, given) in [
        ("/v2/zones/12345".to_owned(), "zone_id", "12345"),
        ("/v2/zones/x/recordsets".into(), "zone_id", "x"),
        (format!("/v2/zones/{zone}/recordsets/1"), "recordset_id", "1"),
        ("/v2/recordsets/%27%3B".into(), "recordset_id", "';"),
        (format!("/v2/zones/{zone}0"), "zone_id", &format!("{zone}0")),
        ("/v2/zones/x/nameservers".into(), "zone_id", "x"),
    ] {
        let error = api.get(&path).await.expect_error(400, "invalid_uuid");
        assert_eq!(error["message"], format!("Invalid UUID {name}: {given}"));
    }
    api.get("/v2/zones/%ff").await.expect_error(400, "invalid_uuid");
    let unknown = uuid::Uuid::nil();
    api.get(&format!("/v2/zones/{unknown}"))
        .await
        .expect_error(404, "zone_not_found");
    api.get(&format!("/v2/zones/{unknown}/recordsets"))
        .await
        .expect_error(404, "zone_not_found");
    api.get(&format!("/v2/zones/{unknown}/recordsets/{unknown}"))
        .await
        .expect_error(404, "zone_not_found");
    api.get(&format!("/v2/zones/{zone}/recordsets/{unknown}"))
        .await
        .expect_error(404, "recordset_not_found");
}

#[tokio::test]
async fn lists_say_what_is_wrong_with_their_query() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let unknown = uuid::Uuid::nil();
    for path in [
        "/v2/zones".to_owned(),
        "/v2/recordsets".into(),
        format!("/v2/zones/{zone}/recordsets"),
    ] {
        for limit in ["0", "-1", "abc", "1001", "5000", "99999999999999999999", ""] {
            let error = api
                .get(&format!("{path}?limit={limit}"))
                .await
                .expect_error(400, "invalid_limit");
            assert!(error["message"].as_str().unwrap().contains("between 1 and 1000"));
        }
        api.get(&format!("{path}?limit=max")).await.expect(200);
        let error = api
            .get(&format!("{path}?marker=x"))
            .await
            .expect_error(400, "invalid_marker");
        assert_eq!(error.get("message"), None);
        api.get(&format!("{path}?marker={unknown}"))
            .await
            .expect_error(400, "marker_not_found");
        api.get(&format!("{path}?sort_key=colour"))
            .await
            .expect_error(400, "invalid_sort_key");
        api.get(&format!("{path}?sort_dir=up"))
            .await
            .expect_error(400, "invalid_sort_dir");
        let error = api
            .get(&format!("{path}?colour=red"))
            .await
            .expect_error(400, "bad_request");
        assert_eq!(error["message"], "Invalid filters colour");
        let error = api
            .get(&format!("{path}?name=a&name=b"))
            .await
            .expect_error(400, "bad_request");
        assert_eq!(error["message"], "Duplicate filters name");
        api.get(&format!("{path}?name=%00"))
            .await
            .expect_error(400, "bad_request");
        api.get(&format!("{path}?name=%ff%fe*")).await.expect(200);
        api.get(&format!("{path}?name={}", "*a".repeat(500)))
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn zones_that_cannot_be() {
    let api = TestApi::start().await;
    let with = |key: &str, value: Value| {
        let mut body = json!({"name": "example.org.", "email": "a@example.org"});
        body[key] = value;
        body
    };
    let long_label = format!("{}.org.", "x".repeat(64));
    let long_name = format!("{}org.", "abcdefghi.".repeat(26));
    for (body, message) in [
        (
            with("ttl", json!("abc")),
            "invalid literal for int() with base 10: 'abc'",
        ),
        (with("ttl", json!(-1)), "Value must be >= 0 for field 'ttl'"),
        (
            with("ttl", json!(2_147_483_648_u32)),
            "Value must be <= 2147483647 for field 'ttl'",
        ),
        (
            with("ttl", json!([1])),
            "An integer is required in field ttl, not a list",
        ),
        (with("ttl", json!(1e30)), "invalid literal"),
        (
            with("name", json!("example.org")),
            "Domain example.org does not end with a dot",
        ),
        (with("name", json!("exa mple.org.")), "is invalid"),
        (with("name", json!("-a.org.")), "is invalid"),
        (with("name", json!("a..org.")), "is invalid"),
        (with("name", json!("0/25.2.0.192.in-addr.arpa.")), "is invalid"),
        (with("name", json!("münchen.de.")), "is invalid"),
        (with("name", json!(long_label)), "is invalid"),
        (with("name", json!(long_name)), "too long"),
        (
            with("name", json!({})),
            "A string is required in field name, not a dict",
        ),
        (with("name", json!("*.example.org.")), "is invalid"),
        (with("email", json!("nobody")), "email"),
        (with("email", json!("a@b@c.org")), "email"),
        (with("email", json!("")), "email"),
        (with("email", json!("a b@c.org")), "email"),
        (with("description", json!("x".repeat(161))), "too long"),
        (with("description", json!(["x"])), "A string is required"),
        (with("type", json!("colour")), "Field value colour is invalid"),
        (with("masters", json!("192.0.2.1")), "A list is required"),
        (with("attributes", json!([])), "A dict is required"),
        (with("attributes", json!({"a": {"b": 1}})), "A string is required"),
        (with("attributes", json!({"a": "x".repeat(51)})), "too long"),
        (with("attributes", json!({"x".repeat(51): "a"})), "too long"),
        (with("attributes", json!({"a": null})), "cannot be None"),
    ] {
        let error = api
            .post("/v2/zones", &body)
            .await
            .expect_error(400, "invalid_object");
        let text = error["message"].as_str().unwrap();
        let start = "Provided object is not valid. Got a ValueError error with message ";
        assert!(
            text.starts_with(start) && text.contains(message),
            "{body}: {text}"
        );
    }
    let error = api
        .post("/v2/zones", &with("type", json!("CATALOG")))
        .await
        .expect_error(400, "invalid_object");
    assert!(error["message"].as_str().unwrap().contains("catalog_zone"));
    let error = api
        .post("/v2/zones", &with("colour", json!("red")))
        .await
        .expect_error(400, "invalid_object");
    assert_eq!(
        error["message"],
        "Provided object does not match schema. Keys ['colour'] are not valid for zone"
    );
    api.post("/v2/zones", &with("serial", json!(7)))
        .await
        .expect_error(400, "invalid_object");
    api.post("/v2/zones", &with("name", json!("org.")))
        .await
        .expect_error(400, "invalid_zone_name");
    for (body, error) in [
        (
            json!({"name": "example.org."}),
            json!({"path": ["type", "email"], "message": "'email' is a required property", "validator": "required",
                "validator_value": "email"}),
        ),
        (
            json!({"email": "a@example.org"}),
            json!({"path": ["records", 0, "name"], "message": "'name' is a required property", "validator": "required",
                "validator_value": "name"}),
        ),
        (
            with("masters", json!(["192.0.2.1"])),
            json!({"path": ["type"], "message": "Array has items but should be empty", "validator": "maxItems",
                "validator_value": ["masters"]}),
        ),
    ] {
        let body = api
            .post("/v2/zones", &body)
            .await
            .expect_error(400, "invalid_object");
        assert_eq!(
            (&body["errors"], body.get("message")),
            (&json!({"errors": [error]}), None)
        );
    }
    assert_eq!(api.get("/v2/zones").await.json()["metadata"]["total_count"], 0);
}

#[tokio::test]
async fn zone_changes_that_cannot_be() {
    let api = TestApi::start().await;
    let path = format!("/v2/zones/{}", api.zone("example.org.").await);
    for body in [
        json!({"ttl": null}),
        json!({"ttl": "x"}),
        json!({"email": "nobody"}),
        json!({"email": null}),
        json!({"masters": ["192.0.2.1"]}),
        json!({"colour": 1}),
        json!({"description": "x".repeat(161)}),
    ] {
        api.patch(&path, &body).await.expect_error(400, "invalid_object");
    }
    assert_eq!(api.get(&path).await.json()["version"], 1);
}

#[tokio::test]
async fn recordsets_that_cannot_be() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let path = format!("/v2/zones/{zone}/recordsets");
    let with = |key: &str, value: Value| {
        let mut body = json!({"name": "www.example.org.", "type": "A", "records": ["192.0.2.1"]});
        body[key] = value;
        body
    };
    for (body, message) in [
        (with("name", json!("www.example.org")), "does not end with a dot"),
        (with("name", json!("a.*.example.org.")), "is invalid"),
        (with("name", json!("a\tb.example.org.")), "is invalid"),
        (with("ttl", json!("x")), "invalid literal"),
        (with("ttl", json!(-5)), "Value must be >= 0"),
        (
            with("records", json!("192.0.2.1")),
            "A list is required in field records, not a str",
        ),
        (with("records", json!({"a": 1})), "A list is required"),
        (with("description", json!("x".repeat(161))), "too long"),
        (with("type", json!(["A"])), "A string is required"),
    ] {
        let error = api.post(&path, &body).await.expect_error(400, "invalid_object");
        assert!(
            error["message"].as_str().unwrap().contains(message),
            "{body}: {error}"
        );
    }
    let schema = async |body: &Value| {
        let error = api.post(&path, body).await.expect_error(400, "invalid_object");
        assert_eq!(error.get("message"), None);
        error["errors"]["errors"].clone()
    };
    let errors = schema(&with("records", json!(["192.0.2.1", "192.0.2.256", "::1"]))).await;
    assert_eq!(errors.as_array().unwrap().len(), 2);
    assert_eq!(errors[0]["path"], json!(["records", 1]));
    assert_eq!(
        (&errors[0]["validator"], &errors[0]["validator_value"]),
        (&json!("format"), &json!(["A"]))
    );
    let message = errors[0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("'192.0.2.256' is not a 'A' Record"),
        "{message}"
    );
    let errors = schema(&with("records", json!([5, null]))).await;
    assert_eq!(
        (&errors[0]["path"], &errors[1]["path"]),
        (&json!(["records", 0]), &json!(["records", 1]))
    );
    for given in [
        json!("COLOUR"),
        json!("a"),
        json!("TYPE1"),
        json!("ANY"),
        json!("AXFR"),
        json!(null),
    ] {
        let errors = schema(&with("type", given)).await;
        assert_eq!(errors[0]["path"], json!(["recordset", "type"]));
    }
    let errors = schema(&json!({"type": "A"})).await;
    assert_eq!(errors[0]["message"], "'name' is a required property");
    let error = api
        .post(&path, &with("colour", json!(1)))
        .await
        .expect_error(400, "invalid_object");
    let message = "Provided object does not match schema. Keys ['colour'] are not valid for recordset";
    assert_eq!(error["message"], message);
    for (name, rrtype, record) in [
        ("www.example.org.", "MX", "10 mx"),
        ("www.example.org.", "MX", "070000 mx.example.org."),
        ("www.example.org.", "TXT", "two words"),
        ("www.example.org.", "TXT", "\"line\nbreak\""),
        ("www.example.org.", "AAAA", "fe80::1%eth0"),
        ("www.example.org.", "SRV", "1 2 70000 a.example.org."),
        ("www.example.org.", "CAA", "0 colour \"x\""),
        ("www.example.org.", "SSHFP", "1 1 xyz"),
        ("www.example.org.", "TLSA", "9 9 9 00"),
        ("www.example.org.", "CNAME", "relative"),
        ("www.example.org.", "SRV", "0 0 1 a.example.org."),
        ("*.example.org.", "NS", "ns.example.org."),
    ] {
        let body = json!({"name": name, "type": rrtype, "records": [record]});
        let answer = api.post(&path, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        answer.expect_error(400, "invalid_object");
    }
    let two =
        json!({"name": "c.example.org.", "type": "CNAME", "records": ["a.example.org.", "b.example.org."]});
    api.post(&path, &two).await.expect(400);

    let id = api
        .recordset(&zone, "put.example.org.", "A", &["192.0.2.1"])
        .await;
    let own = format!("{path}/{id}");
    for body in [
        json!({"records": null}),
        json!({"records": ["x"]}),
        json!({"records": [1]}),
        json!({"ttl": {}}),
        json!({"colour": 1}),
    ] {
        api.put(&own, &body).await.expect_error(400, "invalid_object");
    }
    let error = api
        .put(&own, &json!({"records": ["192.0.2.2", "x"]}))
        .await
        .expect_error(400, "invalid_object");
    assert_eq!(error["errors"]["errors"][0]["path"], json!(["records", 1]));
    assert_eq!(api.get(&own).await.json()["version"], 1);
}
