//! What the handlers' own descriptions leave out because it is the same for all: what the middleware asks and answers.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use utoipa::openapi::{Info, License, OpenApi};
use utoipa::{PartialSchema, ToSchema};

use super::answers::{self, ERRORS};
use super::{Description, parameters};
use crate::error::{FaultBody, UnauthorizedBody};

/// The header that a request gives its token in.
const TOKEN: &str = "X-Auth-Token";
const REQUEST_ID: &str = "X-OpenStack-Request-ID";
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// What every request below `/v2` and `/admin` may be answered.
const GUARDED: [&str; 8] = ["400", "401", "403", "406", "429", "500", "503", "504"];
/// What every other request may be answered.
const OPEN: [&str; 2] = ["500", "504"];
/// What a request with a body may be answered too.
const WITH_BODY: [&str; 3] = ["408", "413", "415"];

const ABOUT: &str = "The DNS API of OpenStack (Designate, version 2.4).\n\n\
    Numbers may be given as texts (`\"300\"`) and texts as numbers. A path may end with a slash. A path that is none is \
    404, a method that a path does not have is 405, both in the shape `Fault`; a GET may be a HEAD. Changes are answered \
    with what was accepted: the name servers learn of them afterwards, and `status` says when they have.";

/// A path that is another's old name.
pub(crate) struct Alias {
    /// The old name.
    pub(crate) old: &'static str,
    /// The name that it has now.
    pub(crate) new: &'static str,
}

/// Completes the description that the handlers make together.
pub(crate) fn complete(mut described: OpenApi, aliases: &[Alias]) -> Result<Description, serde_json::Error> {
    let mut info = Info::new("Zonelog", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    let mut license = License::new("Apache License 2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    info.license = Some(license);
    described.info = info;
    let mut whole = serde_json::to_value(described)?;
    whole["servers"] = json!([{"url": "/"}]);

    let mut shared = Shared::default();
    for (name, parameter) in parameters::scope() {
        shared.add(name, parameter);
    }
    let paths = std::mem::take(&mut whole["paths"]);
    let mut paths = match paths {
        Value::Object(paths) => paths,
        _ => Map::new(),
    };
    for (path, item) in &mut paths {
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            complete_operation(path, operation, &shared);
        }
    }
    shared.lift(&mut paths);
    for alias in aliases {
        for (old, item) in renamed(&paths, alias) {
            paths.insert(old, item);
        }
    }
    whole["paths"] = Value::Object(paths);

    let schemas = &mut whole["components"]["schemas"];
    schemas["Fault"] = serde_json::to_value(FaultBody::schema())?;
    schemas["UnauthorizedBody"] = serde_json::to_value(UnauthorizedBody::schema())?;
    let mut needed = Vec::new();
    FaultBody::schemas(&mut needed);
    UnauthorizedBody::schemas(&mut needed);
    for (name, schema) in needed {
        schemas[name] = serde_json::to_value(schema)?;
    }
    let components = &mut whole["components"];
    components["parameters"] = Value::Object(shared.0);
    components["headers"] = answers::headers();
    components["responses"] = answers::errors();
    for response in components["responses"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut)
    {
        add_header(response, REQUEST_ID);
    }
    components["securitySchemes"] = json!({"token": {
        "type": "apiKey", "in": "header", "name": TOKEN,
        "description": "A token of Keystone's, or one of the installation's own.",
    }});
    serde_json::to_vec(&whole).map(|text| Description(Bytes::from(text)))
}

fn complete_operation(path: &str, operation: &mut Value, shared: &Shared) {
    let guarded = path.starts_with("/v2") || path.starts_with("/admin");
    let mut given: Vec<Value> = names_in(path).map(parameters::in_path).collect();
    given.extend(operation["parameters"].as_array().cloned().unwrap_or_default());
    let retries = given.iter().any(|parameter| parameter["name"] == IDEMPOTENCY_KEY);
    let mut errors: Vec<&str> = match guarded {
        true => GUARDED.to_vec(),
        false => OPEN.to_vec(),
    };
    if guarded {
        given.extend(shared.0.keys().map(|name| parameter_reference(name)));
        operation["security"] = json!([{"token": []}]);
    }
    if path.contains('{') {
        errors.push("404");
    }
    if retries {
        errors.push("422");
    }
    if let Some(body) = operation.get_mut("requestBody") {
        without_null(body);
        errors.extend(WITH_BODY);
    }
    if !given.is_empty() {
        operation["parameters"] = Value::Array(given);
    }
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    // Master files have an `Accept` of their own.
    let is_master_file = responses
        .get("200")
        .is_some_and(|response| response["content"]["text/dns"].is_object());
    errors.retain(|status| !(is_master_file && *status == "406"));
    for (status, name, _) in ERRORS {
        if errors.contains(&status) && !responses.contains_key(status) {
            responses.insert(status.to_owned(), answers::reference(name));
        }
    }
    for (status, response) in responses {
        if response.get("$ref").is_some() {
            continue;
        }
        if response["description"].as_str().is_none_or(str::is_empty) {
            response["description"] = when(status).into();
        }
        // What the handler says of a header is only that it is there.
        let named: Vec<String> = response["headers"]
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect();
        for name in named {
            add_header(response, &name);
        }
        if retries && status.starts_with('2') && response.get("content").is_some() {
            add_header(response, "Idempotency-Replayed");
        }
        add_header(response, REQUEST_ID);
    }
}

/// A body that may be left out is described as one that may be null: it may not.
fn without_null(body: &mut Value) {
    let contents = body["content"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut);
    for content in contents {
        let Some(forms) = content["schema"]["oneOf"].as_array() else {
            continue;
        };
        let mut other = forms.iter().filter(|form| form["type"] != "null");
        if let (Some(only), None) = (other.next().cloned(), other.next()) {
            content["schema"] = only;
        }
    }
}

/// When a success comes, where the handler does not say.
fn when(status: &str) -> &'static str {
    match status {
        "200" => "It is shown.",
        "201" => "It was made.",
        "202" => "It was accepted; the name servers are still to learn of it.",
        "204" => "It is done, and there is nothing to show.",
        "301" => "It is somewhere else.",
        _ => "It is not to be had at the moment.",
    }
}

/// The names in a path's braces.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
}

fn add_header(response: &mut Value, name: &str) {
    response["headers"][name] = json!({"$ref": format!("#/components/headers/{name}")});
}

fn parameter_reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// Parameters that are described once: `components.parameters`.
#[derive(Default)]
struct Shared(Map<String, Value>);

impl Shared {
    fn add(&mut self, name: &str, parameter: Value) {
        self.0.insert(name.to_owned(), parameter);
    }

    /// Takes what several operations have alike out of them.
    fn lift(&mut self, paths: &mut Map<String, Value>) {
        let operations = || paths.values().filter_map(Value::as_object).flat_map(Map::values);
        let mut seen: Vec<(Value, usize)> = Vec::new();
        for parameter in operations()
            .filter_map(|operation| operation["parameters"].as_array())
            .flatten()
        {
            match seen.iter_mut().find(|(other, _)| other == parameter) {
                Some((_, times)) => *times += 1,
                None => seen.push((parameter.clone(), 1)),
            }
        }
        let often = seen
            .into_iter()
            .filter(|(parameter, times)| *times > 1 && parameter.get("$ref").is_none());
        let mut lifted: Vec<(Value, Value)> = Vec::new();
        for (parameter, _) in often {
            let name = parameter["name"].as_str().unwrap_or_default();
            // Another of this name was lifted: this one stays where it is.
            if !self.0.contains_key(name) {
                lifted.push((parameter.clone(), parameter_reference(name)));
                self.0.insert(name.to_owned(), parameter);
            }
        }
        let operations = paths
            .values_mut()
            .filter_map(Value::as_object_mut)
            .flat_map(Map::values_mut);
        for parameter in operations
            .filter_map(|operation| operation.get_mut("parameters")?.as_array_mut())
            .flatten()
        {
            if let Some((_, reference)) = lifted.iter().find(|(other, _)| other == parameter) {
                *parameter = reference.clone();
            }
        }
    }
}

/// The paths below an old name, described as those below the new one.
fn renamed(paths: &Map<String, Value>, alias: &Alias) -> Vec<(String, Value)> {
    let below = paths.iter().filter_map(|(path, item)| {
        let rest = path.strip_prefix(alias.new)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((format!("{}{rest}", alias.old), item))
    });
    below
        .map(|(old, item)| {
            let mut item = item.clone();
            for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
                let id = operation["operationId"].as_str().unwrap_or_default();
                operation["operationId"] = format!("{id}_by_old_name").into();
                operation["deprecated"] = true.into();
            }
            (old, item)
        })
        .collect()
}
