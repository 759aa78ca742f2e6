//! A stand-in for Neutron: the one part of a cloud that does not install on a test machine. It answers what the real one
//! answers about floating IPs, and nothing else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running stand-in, stopped when it is dropped.
pub struct Neutron {
    url: String,
    cloud: Arc<Mutex<Cloud>>,
    serving: JoinHandle<()>,
}

/// How it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// As Neutron does.
    #[default]
    Well,
    /// With 500 to everything.
    Failing,
    /// Not at all: it takes requests and keeps them.
    Silent,
}

#[derive(Default)]
struct Cloud {
    floating_ips: BTreeMap<String, (IpAddr, String)>,
    mood: Mood,
    tokens: Vec<String>,
    page: Option<usize>,
}

type Shared = Arc<Mutex<Cloud>>;

impl Neutron {
    /// Starts one on a free port of 127.0.0.1, with no floating IPs.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        let cloud = Shared::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("the port's number").port();
        let url = format!("http://127.0.0.1:{port}");
        let router = Router::new()
            .route("/v2.0/floatingips", get(list))
            .route("/v2.0/floatingips/{id}", get(show))
            .with_state((Arc::clone(&cloud), url.clone()));
        let serving = tokio::spawn(async move {
            // Ends with the task only.
            let _ = axum::serve(listener, router).await;
        });
        Self { url, cloud, serving }
    }

    /// Its address, as the catalogue has it: without the version's path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Gives a project the floating IP `id`, or moves it there.
    pub fn give(&self, id: &str, address: IpAddr, project: &str) {
        let given = (address, project.to_owned());
        self.change(|cloud| cloud.floating_ips.insert(id.to_owned(), given));
    }

    /// Takes a floating IP away.
    pub fn release(&self, id: &str) {
        self.change(|cloud| cloud.floating_ips.remove(id));
    }

    /// Changes how it answers.
    pub fn set_mood(&self, mood: Mood) {
        self.change(|cloud| cloud.mood = mood);
    }

    /// Lists no more than so many at a time, with a link to the next page.
    pub fn set_page(&self, most: usize) {
        self.change(|cloud| cloud.page = Some(most));
    }

    /// The tokens of all requests so far.
    pub fn tokens(&self) -> Vec<String> {
        self.change(|cloud| cloud.tokens.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Cloud) -> T) -> T {
        change(&mut self.cloud.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Neutron {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Refused = (StatusCode, Json<Value>);

/// Notes the token and answers as the mood wants; 401 without a token.
async fn admit(cloud: &Shared, headers: &HeaderMap) -> Result<(), Refused> {
    let token = headers.get("x-auth-token").and_then(|token| token.to_str().ok());
    let mood = {
        let mut cloud = cloud.lock().unwrap_or_else(PoisonError::into_inner);
        cloud.tokens.extend(token.map(str::to_owned));
        cloud.mood
    };
    let refuse = |status: StatusCode, kind: &str| {
        let error = json!({"NeutronError": {"type": kind, "message": "refused", "detail": ""}});
        Err((status, Json(error)))
    };
    match mood {
        Mood::Well if token.is_none() => refuse(StatusCode::UNAUTHORIZED, "HTTPUnauthorized"),
        Mood::Well => Ok(()),
        Mood::Failing => refuse(StatusCode::INTERNAL_SERVER_ERROR, "HTTPInternalServerError"),
        Mood::Silent => std::future::pending().await,
    }
}

async fn list(
    State((cloud, url)): State<(Shared, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    admit(&cloud, &headers).await?;
    let query = query.unwrap_or_default();
    let all = |name: &str| -> Vec<String> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let of_name = pairs.filter(|(key, _)| *key == name);
        of_name.map(|(_, value)| value.to_owned()).collect()
    };
    let (ids, marker) = (all("id"), all("marker").pop());
    let projects = [all("project_id"), all("tenant_id")].concat();
    let cloud = cloud.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = |id: &str, project: &str| {
        (ids.is_empty() || ids.iter().any(|wanted| wanted == id))
            && (projects.is_empty() || projects.iter().any(|wanted| wanted == project))
    };
    let mut found: Vec<(&String, Value)> = cloud
        .floating_ips
        .iter()
        .filter(|(id, (_, project))| wanted(id, project))
        .filter(|(id, _)| marker.as_ref().is_none_or(|marker| *id > marker))
        .map(|(id, (address, project))| (id, floating_ip(id, *address, project)))
        .collect();
    let mut answer = json!({});
    if let Some(most) = cloud.page
        && found.len() > most
    {
        found.truncate(most);
        let last = found.last().map_or("", |(id, _)| id);
        let rest: Vec<&str> = query
            .split('&')
            .filter(|pair| !pair.starts_with("marker="))
            .collect();
        let href = format!("{url}/v2.0/floatingips?{}&marker={last}", rest.join("&"));
        answer["floatingips_links"] = json!([{"rel": "next", "href": href}]);
    }
    answer["floatingips"] = found.into_iter().map(|(_, shown)| shown).collect();
    Ok(Json(answer))
}

async fn show(
    State((cloud, _)): State<(Shared, String)>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    admit(&cloud, &headers).await?;
    let cloud = cloud.lock().unwrap_or_else(PoisonError::into_inner);
    match cloud.floating_ips.get(&id) {
        Some((address, project)) => Ok(Json(json!({"floatingip": floating_ip(&id, *address, project)}))),
        None => {
            let error = json!({"NeutronError": {"type": "FloatingIPNotFound", "message": "", "detail": ""}});
            Err((StatusCode::NOT_FOUND, Json(error)))
        }
    }
}

fn floating_ip(id: &str, address: IpAddr, project: &str) -> Value {
    json!({
        "id": id, "floating_ip_address": address.to_string(), "project_id": project, "tenant_id": project,
        "status": "DOWN", "fixed_ip_address": null, "port_id": null, "router_id": null, "description": "",
    })
}
