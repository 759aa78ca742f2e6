//! Asking Neutron.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::header::ACCEPT;
use axum::http::{Request, StatusCode};
use futures_util::future::join_all;
use http_body_util::Full;
use serde::Deserialize;
use uuid::Uuid;
use zonelog_model::ProjectId;

use super::endpoint::Endpoint;
use crate::error::ApiError;
use zonelog_central::http_client::HttpClient;

/// The largest page taken, in bytes: some 50,000 floating IPs.
const MAX_PAGE: usize = 16 * 1024 * 1024;
/// The most pages of one region.
const MAX_PAGES: usize = 1_000;
const FIELDS: &str = "fields=id&fields=floating_ip_address&fields=project_id&fields=tenant_id";

/// Neutron's API, of all regions.
pub(crate) struct Neutron {
    http: HttpClient,
    /// How long the answer of a region may take in all.
    timeout: Duration,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The project's floating IPs; `None`: all that the token shows.
    pub(crate) project: Option<&'a ProjectId>,
    /// Only this one.
    pub(crate) id: Option<Uuid>,
}

/// A floating IP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FloatingIp {
    pub(crate) region: String,
    pub(crate) id: Uuid,
    pub(crate) address: IpAddr,
    /// The project that Neutron says has it.
    pub(crate) project: ProjectId,
}

#[derive(Deserialize)]
struct Page {
    floatingips: Vec<Given>,
    #[serde(default)]
    floatingips_links: Vec<Link>,
}

#[derive(Deserialize)]
struct Given {
    id: Uuid,
    floating_ip_address: IpAddr,
    project_id: Option<String>,
    tenant_id: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
}

impl Neutron {
    pub(crate) fn new(http: HttpClient, timeout: Duration) -> Self {
        Self { http, timeout }
    }

    /// The floating IPs of all these regions. A region that does not know the caller (401) has none for him, as in
    /// Designate; any other failure is 504.
    pub(crate) async fn floating_ips(
        &self,
        endpoints: &[Endpoint],
        token: Option<&str>,
        wanted: Wanted<'_>,
    ) -> Result<Vec<FloatingIp>, ApiError> {
        let asked = endpoints.iter().map(|endpoint| async move {
            let asking = self.region(endpoint, token, wanted);
            let answer = match tokio::time::timeout(self.timeout, asking).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no answer within {} s", self.timeout.as_secs_f32())),
            };
            answer.map_err(|why| {
                tracing::warn!(region = endpoint.region, error = why, "Neutron did not answer");
                endpoint.region.as_str()
            })
        });
        let (mut found, mut failed) = (Vec::new(), Vec::new());
        for answer in join_all(asked).await {
            match answer {
                Ok(floating_ips) => found.extend(floating_ips),
                Err(region) => failed.push(region),
            }
        }
        match failed.is_empty() {
            true => Ok(found),
            false => Err(ApiError::new(
                StatusCode::GATEWAY_TIMEOUT,
                "neutron_communication_failure",
                format!(
                    "Failed retrieving floating IPs from Neutron in {}; try again",
                    failed.join(", ")
                ),
            )),
        }
    }

    async fn region(
        &self,
        endpoint: &Endpoint,
        token: Option<&str>,
        wanted: Wanted<'_>,
    ) -> Result<Vec<FloatingIp>, String> {
        let mut url = format!("{}?{FIELDS}", endpoint.floating_ips());
        if let Some(project) = wanted.project {
            let project: String = form_urlencoded::byte_serialize(project.as_str().as_bytes()).collect();
            url = format!("{url}&project_id={project}");
        }
        if let Some(id) = wanted.id {
            url = format!("{url}&id={id}");
        }
        let mut found: Vec<FloatingIp> = Vec::new();
        let mut marker = String::new();
        for _ in 0..MAX_PAGES {
            let Some(page) = self.page(&format!("{url}{marker}"), token).await? else {
                tracing::info!(
                    region = endpoint.region,
                    "Neutron does not know the caller's token"
                );
                return Ok(Vec::new());
            };
            let last = page.floatingips.last().map(|last| last.id);
            for given in page.floatingips {
                let project = given.project_id.or(given.tenant_id).and_then(ProjectId::new);
                // An administrator's token shows more than was asked for, if the filter is not heeded.
                let project = project.filter(|project| wanted.project.is_none_or(|wanted| wanted == project));
                found.extend(project.map(|project| FloatingIp {
                    region: endpoint.region.clone(),
                    id: given.id,
                    address: given.floating_ip_address,
                    project,
                }));
            }
            // The link itself is not followed: the token goes nowhere but to the endpoint.
            match last.filter(|_| page.floatingips_links.iter().any(|link| link.rel == "next")) {
                Some(last) => marker = format!("&marker={last}"),
                None => return Ok(found),
            }
        }
        Err(format!("the list does not end after {MAX_PAGES} pages"))
    }

    /// `None`: the token is not known there.
    async fn page(&self, url: &str, token: Option<&str>) -> Result<Option<Page>, String> {
        let mut request = Request::get(url).header(ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.header("x-auth-token", token);
        }
        let request = request.body(Full::default()).map_err(|error| error.to_string())?;
        let sent = self.http.send(request, self.timeout, MAX_PAGE).await;
        let answer = sent.map_err(|error| error.to_string())?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Ok(None),
            status => return Err(format!("the answer is {status}")),
        }
        let page = serde_json::from_slice(&answer.body);
        page.map(Some)
            .map_err(|error| format!("the answer cannot be read: {error}"))
    }
}
