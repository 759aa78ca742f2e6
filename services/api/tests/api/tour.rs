//! A traveller over the API who holds each answer against its description.

use std::collections::BTreeSet;

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::openapi::{operations, resolved};
use crate::parts::{Answer, TestApi};

/// A traveller who holds each answer against the description.
pub(crate) struct Tour {
    pub(crate) api: TestApi,
    pub(crate) description: Value,
    /// Operations and the statuses that they answered.
    pub(crate) seen: BTreeSet<(String, String)>,
}

impl Tour {
    pub(crate) async fn of(api: TestApi) -> Self {
        let mut description = api.get("/openapi.json").await.expect(200).json();
        // What is not described is not there.
        for schema in description["components"]["schemas"]
            .as_object_mut()
            .unwrap()
            .values_mut()
        {
            if schema["properties"].is_object() {
                schema["additionalProperties"] = false.into();
            }
        }
        Self {
            api,
            description,
            seen: BTreeSet::new(),
        }
    }

    fn operation(&self, method: &str, path: &str) -> &Value {
        let path: Vec<&str> = path.split('?').next().unwrap().split('/').collect();
        let fits = |template: &str| {
            let template: Vec<&str> = template.split('/').collect();
            template.len() == path.len()
                && template
                    .iter()
                    .zip(&path)
                    .all(|(a, b)| a == b || a.starts_with('{'))
        };
        let mut found: Vec<_> = operations(&self.description)
            .into_iter()
            .filter(|(template, its_method, _)| *its_method == method && fits(template))
            .collect();
        // A path of words goes before one with an id in it.
        found.sort_by_key(|(template, _, _)| template.matches('{').count());
        found
            .first()
            .unwrap_or_else(|| panic!("{method} {path:?} is not described"))
            .2
    }

    fn validator(&self, schema: &Value) -> Validator {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": self.description["components"],
            "allOf": [schema],
        });
        jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap()
    }

    fn check(&mut self, method: &str, path: &str, answer: &Answer) {
        let operation = self.operation(method, path);
        let what = format!("{method} {path}: {} {}", answer.status, answer.text);
        let status = answer.status.as_str().to_owned();
        let response = operation["responses"].get(&status);
        let response = response.unwrap_or_else(|| panic!("{what}: the status is not described"));
        let response = resolved(&self.description, response);
        for (name, header) in response["headers"].as_object().unwrap() {
            let given = answer.header(name);
            let header = resolved(&self.description, header);
            if name == "X-OpenStack-Request-ID" {
                assert!(!given.is_empty(), "{what}: without {name}");
            }
            if !given.is_empty() {
                let given = match header["schema"]["type"].as_str() {
                    Some("integer") => json!(given.parse::<i64>().unwrap()),
                    _ => json!(given),
                };
                let validator = self.validator(&header["schema"]);
                assert!(validator.is_valid(&given), "{what}: {name}: {given}");
            }
        }
        for name in [
            "location",
            "retry-after",
            "www-authenticate",
            "idempotency-replayed",
        ] {
            let headers = response["headers"].as_object().unwrap();
            let described = headers.keys().any(|header| header.eq_ignore_ascii_case(name));
            assert!(
                described || answer.header(name).is_empty(),
                "{what}: {name} is not described"
            );
        }
        let media = answer
            .header("content-type")
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        if media.is_empty() {
            assert_eq!(answer.text, "", "{what}");
        } else if !(answer.text.is_empty() && response["content"].is_null()) {
            let content = response["content"].get(&media);
            let content = content.unwrap_or_else(|| panic!("{what}: {media} is not described"));
            let body = match media.as_str() {
                "application/json" => answer.json(),
                _ => json!(answer.text),
            };
            let validator = self.validator(&content["schema"]);
            let errors: Vec<String> = validator
                .iter_errors(&body)
                .map(|error| format!("{} at {}", error, error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{what}: {errors:#?}");
        }
        let id = operation["operationId"].as_str().unwrap().to_owned();
        self.seen.insert((id, status));
    }

    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let answer = self.api.send(verb, path, headers, body.as_ref()).await;
        self.check(method, path, &answer);
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask("get", path, &[], None).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.ask("post", path, &[], Some(body)).await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Answer {
        self.ask("delete", path, &[], None).await
    }

    /// Sends a body of another type.
    pub(crate) async fn raw(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> Answer {
        let mut request = self
            .api
            .http
            .post(format!("{}{path}", self.api.base))
            .body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = Answer::of(request.send().await.unwrap()).await;
        self.check("post", path, &answer);
        answer
    }
}
