//! The API's description of itself: whole, of every route and of no other, and true.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use zonelog_api::ApiOptions;
use zonelog_test_parts::python::Environment;

use crate::parts::{TestApi, options};

const METHODS: [(&str, Method); 5] = [
    ("get", Method::GET),
    ("post", Method::POST),
    ("put", Method::PUT),
    ("patch", Method::PATCH),
    ("delete", Method::DELETE),
];

/// An API with `/admin`, and what it says of itself.
pub(crate) async fn described() -> (TestApi, Value) {
    let api = TestApi::with(ApiOptions {
        admin: true,
        ..options()
    })
    .await;
    let description = api.get("/openapi.json").await.expect(200);
    assert_eq!(description.header("content-type"), "application/json");
    let description = description.json();
    (api, description)
}

/// Each operation: its path, its method, what is said of it.
pub(crate) fn operations(description: &Value) -> Vec<(&str, &str, &Value)> {
    let mut found = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((path.as_str(), method.as_str(), operation));
        }
    }
    found
}

/// What a reference leads to, or what stands there itself.
pub(crate) fn resolved<'a>(description: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        None => value,
        Some(reference) => {
            let pointer = reference
                .strip_prefix('#')
                .expect("references stay within the description");
            let found = description.pointer(pointer);
            found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
    }
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(object) => {
            if object.get("$ref").is_some_and(Value::is_string) {
                found.push(value);
            }
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn names_in(path: &str) -> BTreeSet<&str> {
    path.split('{')
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap())
        .collect()
}

#[tokio::test]
async fn the_description_is_whole() {
    let (_api, description) = described().await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut found = Vec::new();
    references(&description, &mut found);
    assert!(found.len() > 500, "{}", found.len());
    let mut used = BTreeSet::new();
    for reference in found {
        resolved(&description, reference);
        used.insert(reference["$ref"].as_str().unwrap());
    }
    for part in ["schemas", "parameters", "headers", "responses"] {
        for name in description["components"][part].as_object().unwrap().keys() {
            let reference = format!("#/components/{part}/{name}");
            assert!(used.contains(reference.as_str()), "nothing leads to {reference}");
        }
    }

    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&description) {
        let what = format!("{method} {path}");
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap()),
            "{what}: its id is another's"
        );
        let summary = operation["summary"].as_str().unwrap();
        assert!(
            !summary.is_empty() && !summary.ends_with('.'),
            "{what}: {summary}"
        );
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{what}");

        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status.starts_with(['2', '3'])),
            "{what}: it never succeeds"
        );
        for (status, response) in responses {
            let response = resolved(&description, response);
            assert!(
                !response["description"].as_str().unwrap().is_empty(),
                "{what} {status}"
            );
            assert!(
                response["headers"]["X-OpenStack-Request-ID"].is_object(),
                "{what} {status}"
            );
        }
        let guarded = path.starts_with("/v2") || path.starts_with("/admin");
        assert_eq!(operation["security"] == json!([{"token": []}]), guarded, "{what}");
        let common: &[&str] = match guarded {
            true => &["400", "401", "403", "429", "500", "503", "504"],
            false => &["500", "504"],
        };
        let body: &[&str] = match operation["requestBody"].is_object() {
            true => &["408", "413", "415"],
            false => &[],
        };
        for status in common.iter().chain(body) {
            assert!(
                responses.contains_key(*status),
                "{what}: {status} is not described"
            );
        }

        let mut parameters = BTreeMap::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = resolved(&description, parameter);
            let place = parameter["in"].as_str().unwrap();
            let key = (place, parameter["name"].as_str().unwrap());
            assert!(parameter["schema"].is_object(), "{what}: {key:?}");
            assert_eq!(
                parameters.insert(key, parameter),
                None,
                "{what}: {key:?} is described twice"
            );
        }
        let in_path = parameters.keys().filter(|(place, _)| *place == "path");
        let in_path: BTreeSet<&str> = in_path.map(|(_, name)| *name).collect();
        assert_eq!(in_path, names_in(path), "{what}");
        assert_eq!(
            parameters.contains_key(&("header", "X-Auth-All-Projects")),
            guarded,
            "{what}"
        );
    }
    assert!(ids.len() > 75, "{}", ids.len());
}

#[tokio::test]
async fn a_validator_of_openapi_takes_the_description() {
    let (_api, description) = described().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, description.to_string()).unwrap();
    let environment = Environment::install("openapi").await;
    let mut validator = environment.program("openapi-spec-validator");
    let output = validator
        .args(["--schema", "3.1"])
        .arg(&file)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("OK"), "{said}");
}

/// A path with ids that are none of anything.
fn filled(path: &str) -> String {
    let mut filled = String::new();
    for segment in path.split('/').skip(1) {
        filled.push('/');
        filled.push_str(match segment {
            "{fip_key}" => "one:0f000000-0000-4000-8000-000000000009",
            "{criterion}" => "zones",
            "{project_id}" => "nobody",
            id if id.starts_with('{') => "0f000000-0000-4000-8000-000000000009",
            word => word,
        });
    }
    filled
}

#[tokio::test]
async fn what_is_described_is_routed_and_nothing_else() {
    let (api, description) = described().await;
    for (path, item) in description["paths"].as_object().unwrap() {
        let url = filled(path);
        for (name, method) in METHODS {
            let answer = api.send(method, &url, &[], None).await;
            let what = format!("{name} {path}: {} {}", answer.status, answer.text);
            if item.get(name).is_some() {
                assert_ne!(answer.status, 405, "{what}");
                assert!(!answer.text.contains("resource not found"), "{what}");
            } else {
                assert_eq!(answer.status, 405, "{what}");
                // The header tells of the methods that there are: all are described.
                let allowed = answer
                    .header("allow")
                    .split(',')
                    .map(|method| method.trim().to_lowercase());
                let allowed: BTreeSet<String> = allowed.filter(|method| method != "head").collect();
                let described: BTreeSet<String> = item.as_object().unwrap().keys().cloned().collect();
                assert_eq!(allowed, described, "{what}");
            }
        }
    }
    // The router takes described handlers; the few paths that it is given by hand are old names of described ones.
    let by_hand = include_str!("../../src/router.rs").split(".route(").skip(1);
    for path in by_hand.map(|rest| rest.split('"').nth(1).unwrap()) {
        assert!(description["paths"][path].is_object(), "{path} is not described");
    }
}

#[tokio::test]
async fn without_its_switch_admin_is_not_described() {
    let api = TestApi::start().await;
    let description = api.get("/openapi.json").await.expect(200).json();
    let paths: Vec<&String> = description["paths"].as_object().unwrap().keys().collect();
    assert!(paths.iter().all(|path| !path.starts_with("/admin")), "{paths:?}");
    api.get("/admin/reports/counts")
        .await
        .expect_error(404, "not_found");
}

#[tokio::test]
async fn the_description_is_for_everybody() {
    let api = TestApi::with(ApiOptions {
        auth: zonelog_api::Auth::Tokens,
        ..options()
    })
    .await;
    api.get("/openapi.json").await.expect(200);
    api.get("/v2/zones").await.expect(401);
}
